#include "ctl/inspection.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "media/layout.h"
#include "support/inspected.h"

namespace dst::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(InspectMirrors, FindsRecordAndMaps) {
    MemoryLeaf leaf = mirror_leaf();
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].record, sample_record(leaf_bytes));
    EXPECT_EQ(mirrors[0].bad_copies, 0u);
    EXPECT_TRUE(mirrors[0].maps_here);
    std::uint64_t regions = mirror_layout(leaf_bytes, region_bytes).regions;
    ASSERT_THAT(mirrors[0].maps, SizeIs(2));
    EXPECT_EQ(mirrors[0].maps[0], (MapInspection{MapKind::intent, 0, regions, 2, region_bytes, 0}));
    EXPECT_EQ(mirrors[0].maps[1], (MapInspection{MapKind::owed, 2, regions, 3, region_bytes, 0}));
}

TEST(InspectMirrors, MapWithoutAGoodCopyCountsAsSet) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, sample_record(leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    ASSERT_THAT(mirrors[0].maps, SizeIs(1));
    EXPECT_EQ(mirrors[0].maps[0].set_regions, mirrors[0].maps[0].regions);
    EXPECT_EQ(mirrors[0].maps[0].slots_without_copy, 1u);
}

TEST(InspectMirrors, MapWhoseNewestCopyIsBadCountsAsSet) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(mirror_layout(leaf_bytes, region_bytes).map_slot(0, 0, 1).offset + 200, Bytes(1, std::byte{0xff}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].maps.at(0).set_regions, mirrors[0].maps.at(0).regions);
    EXPECT_EQ(mirrors[0].maps.at(0).slots_without_copy, 1u);
}

TEST(InspectMirrors, NewestCopyCountsAndABadOneIsTold) {
    MemoryLeaf leaf = mirror_leaf();
    Record newer = sample_record(leaf_bytes);
    newer.revision = 13;
    leaf.write_record(leaf_bytes, newer, 8);
    leaf.write(leaf_bytes - record_copy_bytes + 200, Bytes(1, std::byte{0xff}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].record.revision, 13u);
    EXPECT_EQ(mirrors[0].bad_copies, 1u);
}

TEST(InspectMirrors, CopyThatWasNeverWrittenIsNotBad) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(leaf_bytes - record_copy_bytes, Bytes(record_copy_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].bad_copies, 0u);
}

TEST(InspectMirrors, AnotherStoragesRecordIsNotShown) {
    MemoryLeaf leaf = mirror_leaf();
    Label foreign = sample_label();
    foreign.storage = make_id(77);
    EXPECT_THAT(inspect_mirrors(leaf, leaf_bytes, foreign), IsEmpty());
}

TEST(InspectMirrors, LeafWithoutRecordHasNone) {
    MemoryLeaf leaf;
    EXPECT_THAT(inspect_mirrors(leaf, leaf_bytes, sample_label()), IsEmpty());
    EXPECT_THAT(inspect_mirrors(leaf, record_copy_bytes, sample_label()), IsEmpty());
}

TEST(InspectMirrors, MirrorOfMirrorsIsShownInnermostFirst) {
    MemoryLeaf leaf = mirror_leaf();
    std::uint64_t inner_data = sample_record(leaf_bytes).size_bytes;
    Record outer = sample_record(inner_data);
    outer.mirror = make_id(50);
    leaf.write_record(inner_data, outer);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(2));
    EXPECT_EQ(mirrors[0].record.mirror, make_id(5));
    EXPECT_EQ(mirrors[1].record.mirror, make_id(50));
}

TEST(InspectMirrors, LastPartOfALinearHoldsTheMembersMetadata) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, sample_record(3 * leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_TRUE(mirrors[0].maps_here);
}

TEST(InspectMirrors, MapsOnAnotherPartOfALinearAreToldApart) {
    MemoryLeaf leaf(2 * record_copy_bytes + map_slot_bytes);
    std::uint64_t size = leaf.bytes().size();
    leaf.write_record(size, sample_record(leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, size, sample_label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_FALSE(mirrors[0].maps_here);
}

class InspectFile : public testing::Test {
protected:
    InspectFile() {
        std::string pattern = (std::filesystem::temp_directory_path() / "dst-inspect-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~InspectFile() override { std::filesystem::remove_all(folder_); }

    std::string write(const Bytes& bytes) const {
        std::string path = folder_ + "/disk.img";
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path;
    }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }

private:
    std::string folder_;
};

TEST_F(InspectFile, ShowsLabelAndMirror) {
    std::string file = write(labelled(mirror_leaf()));
    MediumInspection found = inspect_local_medium(file);
    EXPECT_FALSE(found.error.has_value());
    EXPECT_EQ(found.size_bytes, leaf_bytes + label_area_bytes);
    EXPECT_EQ(found.label_state, LabelState::valid);
    EXPECT_EQ(found.label, sample_label());
    EXPECT_EQ(found.label_fault, "");
    EXPECT_THAT(found.mirrors, SizeIs(1));
}

TEST_F(InspectFile, OneBadLabelCopyIsTold) {
    Bytes medium = labelled(mirror_leaf());
    medium[label_copy(medium.size(), 0).offset + 20] ^= std::byte{1};
    MediumInspection found = inspect_local_medium(write(medium));
    EXPECT_EQ(found.label_state, LabelState::valid);
    EXPECT_THAT(found.label_fault, HasSubstr("one of the two copies"));
}

TEST_F(InspectFile, BlankMediumHasNoLabel) {
    MediumInspection found = inspect_local_medium(write(Bytes(leaf_bytes)));
    EXPECT_EQ(found.label_state, LabelState::absent);
    EXPECT_THAT(found.mirrors, IsEmpty());
}

TEST_F(InspectFile, TinyAndEmptyFilesHaveNoLabel) {
    EXPECT_EQ(inspect_local_medium(write(Bytes(4096))).label_state, LabelState::absent);
    EXPECT_EQ(inspect_local_medium(write({})).label_state, LabelState::absent);
}

TEST_F(InspectFile, MissingFileAndFolderAreErrors) {
    EXPECT_EQ(inspect_local_medium(path("none")).error->code, Errc::not_found);
    EXPECT_TRUE(inspect_local_medium(path("")).error.has_value());
}

TEST_F(InspectFile, MediumIsNoJournal) {
    EXPECT_FALSE(is_journal_file(write(labelled(mirror_leaf()))));
    EXPECT_FALSE(is_journal_file(path("none")));
}

TEST_F(InspectFile, MissingJournalIsAnError) { EXPECT_TRUE(inspect_journal(path("none")).error.has_value()); }

}  // namespace
}  // namespace dst::ctl
