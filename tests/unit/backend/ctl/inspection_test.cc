#include "ctl/inspection.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "ctl/inspection_json.h"
#include "ctl/inspection_text.h"
#include "media/layout.h"
#include "support/plain_terminal.h"
#include "support/schema.h"

namespace dst::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t leaf_bytes = 16 * mib;
constexpr std::uint64_t region_bytes = 1 * mib;

Id make_id(std::uint8_t seed) {
    Id id;
    id.bytes.fill(seed);
    return id;
}

Label label() {
    return {.medium = make_id(1),
            .storage = make_id(2),
            .storage_name = "vol0",
            .place = "/1",
            .member = 1,
            .size_bytes = leaf_bytes,
            .logical_block_bytes = 512,
            .promised = {4, make_id(3)},
            .served = {4, make_id(3)},
            .sequence = 9};
}

/// Of a mirror whose member 1 is `member_bytes` long and ends in the labelled leaf.
Record record(std::uint64_t member_bytes) {
    Record record;
    record.storage = make_id(2);
    record.mirror = make_id(5);
    record.medium = make_id(6);
    record.generation = 7;
    record.generation_id = make_id(7);
    record.revision = 12;
    record.epoch = {4, make_id(3)};
    record.size_bytes = mirror_layout(member_bytes, region_bytes).data_bytes;
    record.logical_block_bytes = 512;
    record.region_bytes = region_bytes;
    record.next_number = 3;
    RecordMember here{.number = 1, .name = "/dev/sdb", .revision = 12, .size_bytes = member_bytes};
    here.leaves = {{.place = "/1",
                    .medium = make_id(1),
                    .size_bytes = leaf_bytes,
                    .logical_block_bytes = 512,
                    .physical_block_bytes = 512}};
    RecordMember other = here;
    other.number = 2;
    other.name = "node:1/disk0";
    other.state = MemberState::dirty;
    other.last_generation = make_id(8);
    other.leaves[0].place = "/2";
    other.leaves[0].medium = make_id(9);
    record.members = {here, other};
    return record;
}

/// A leaf's bytes in memory.
class MemoryLeaf : public LeafReader {
public:
    explicit MemoryLeaf(std::uint64_t size = leaf_bytes) : bytes_(size) {}

    Result<Bytes> read(const Extent& extent) override {
        if (!extent.fits(bytes_.size())) return Error{Errc::invalid_argument, "beyond the end"};
        auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(extent.offset);
        return Bytes(begin, begin + static_cast<std::ptrdiff_t>(extent.length));
    }
    void write(std::uint64_t offset, const Bytes& bytes) {
        std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    /// Both copies of a record of a mirror whose member ends at `end` of the leaf.
    void write_record(std::uint64_t end, const Record& record, std::uint64_t sequence = 3) {
        for (unsigned copy = 0; copy < 2; ++copy) {
            write(end - (2 - copy) * record_copy_bytes, *encode_record(record, sequence + copy));
        }
    }
    void write_map(unsigned place, const Record& record, const MapIdentity& identity, const RegionMap& map) {
        MirrorLayout layout = mirror_layout(leaf_bytes, record.region_bytes);
        Bytes slot(map_slot_bytes);
        for (unsigned copy = 0; copy < 2; ++copy) {
            encode_map_slot(slot_of_map(map, identity, 0), {copy + 1, record.revision}, slot);
            write(layout.map_slot(place, 0, copy).offset, slot);
        }
    }
    const Bytes& bytes() const { return bytes_; }

private:
    Bytes bytes_;
};

/// A leaf of a mirror with its intent map, in which 2 regions are set, and member 2's owed map with 3.
MemoryLeaf mirror_leaf() {
    MemoryLeaf leaf;
    Record of_mirror = record(leaf_bytes);
    leaf.write_record(leaf_bytes, of_mirror);
    RegionMap map(mirror_layout(leaf_bytes, region_bytes).regions, region_bytes);
    map.set(RegionRun{4, 2});
    leaf.write_map(0, of_mirror, {of_mirror.mirror, MapKind::intent, 0}, map);
    map.set(8);
    leaf.write_map(1, of_mirror, {of_mirror.mirror, MapKind::owed, 2}, map);
    return leaf;
}

TEST(InspectMirrors, FindsRecordAndMaps) {
    MemoryLeaf leaf = mirror_leaf();
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].record, record(leaf_bytes));
    EXPECT_EQ(mirrors[0].bad_copies, 0u);
    EXPECT_TRUE(mirrors[0].maps_here);
    std::uint64_t regions = mirror_layout(leaf_bytes, region_bytes).regions;
    ASSERT_THAT(mirrors[0].maps, SizeIs(2));
    EXPECT_EQ(mirrors[0].maps[0], (MapInspection{MapKind::intent, 0, regions, 2, region_bytes, 0}));
    EXPECT_EQ(mirrors[0].maps[1], (MapInspection{MapKind::owed, 2, regions, 3, region_bytes, 0}));
}

TEST(InspectMirrors, MapWithoutAGoodCopyCountsAsSet) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, record(leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, label());
    ASSERT_THAT(mirrors, SizeIs(1));
    ASSERT_THAT(mirrors[0].maps, SizeIs(1));
    EXPECT_EQ(mirrors[0].maps[0].set_regions, mirrors[0].maps[0].regions);
    EXPECT_EQ(mirrors[0].maps[0].slots_without_copy, 1u);
}

TEST(InspectMirrors, MapWhoseNewestCopyIsBadCountsAsSet) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(mirror_layout(leaf_bytes, region_bytes).map_slot(0, 0, 1).offset + 200, Bytes(1, std::byte{0xff}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].maps.at(0).set_regions, mirrors[0].maps.at(0).regions);
    EXPECT_EQ(mirrors[0].maps.at(0).slots_without_copy, 1u);
}

TEST(InspectMirrors, NewestCopyCountsAndABadOneIsTold) {
    MemoryLeaf leaf = mirror_leaf();
    Record newer = record(leaf_bytes);
    newer.revision = 13;
    leaf.write_record(leaf_bytes, newer, 8);
    leaf.write(leaf_bytes - record_copy_bytes + 200, Bytes(1, std::byte{0xff}));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].record.revision, 13u);
    EXPECT_EQ(mirrors[0].bad_copies, 1u);
}

TEST(InspectMirrors, CopyThatWasNeverWrittenIsNotBad) {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write(leaf_bytes - record_copy_bytes, Bytes(record_copy_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_EQ(mirrors[0].bad_copies, 0u);
}

TEST(InspectMirrors, AnotherStoragesRecordIsNotShown) {
    MemoryLeaf leaf = mirror_leaf();
    Label foreign = label();
    foreign.storage = make_id(77);
    EXPECT_THAT(inspect_mirrors(leaf, leaf_bytes, foreign), IsEmpty());
}

TEST(InspectMirrors, LeafWithoutRecordHasNone) {
    MemoryLeaf leaf;
    EXPECT_THAT(inspect_mirrors(leaf, leaf_bytes, label()), IsEmpty());
    EXPECT_THAT(inspect_mirrors(leaf, record_copy_bytes, label()), IsEmpty());
}

TEST(InspectMirrors, MirrorOfMirrorsIsShownInnermostFirst) {
    MemoryLeaf leaf = mirror_leaf();
    std::uint64_t inner_data = record(leaf_bytes).size_bytes;
    Record outer = record(inner_data);
    outer.mirror = make_id(50);
    leaf.write_record(inner_data, outer);
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, label());
    ASSERT_THAT(mirrors, SizeIs(2));
    EXPECT_EQ(mirrors[0].record.mirror, make_id(5));
    EXPECT_EQ(mirrors[1].record.mirror, make_id(50));
}

TEST(InspectMirrors, LastPartOfALinearHoldsTheMembersMetadata) {
    MemoryLeaf leaf;
    leaf.write_record(leaf_bytes, record(3 * leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, leaf_bytes, label());
    ASSERT_THAT(mirrors, SizeIs(1));
    EXPECT_TRUE(mirrors[0].maps_here);
}

TEST(InspectMirrors, MapsOnAnotherPartOfALinearAreToldApart) {
    MemoryLeaf leaf(2 * record_copy_bytes + map_slot_bytes);
    std::uint64_t size = leaf.bytes().size();
    leaf.write_record(size, record(leaf_bytes));
    auto mirrors = inspect_mirrors(leaf, size, label());
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

    /// The leaf's bytes with the label area behind them, the label in both copies.
    static Bytes labelled(const MemoryLeaf& leaf) {
        Bytes medium = leaf.bytes();
        medium.resize(leaf_bytes + label_area_bytes);
        LabelImage image = encode_label(label());
        for (unsigned copy = 0; copy < 2; ++copy) {
            Extent extent = label_copy(medium.size(), copy);
            std::copy(image.begin(), image.end(), medium.begin() + static_cast<std::ptrdiff_t>(extent.offset));
        }
        return medium;
    }

private:
    std::string folder_;
};

TEST_F(InspectFile, ShowsLabelAndMirror) {
    std::string file = write(labelled(mirror_leaf()));
    MediumInspection found = inspect_local_medium(file);
    EXPECT_FALSE(found.error.has_value());
    EXPECT_EQ(found.size_bytes, leaf_bytes + label_area_bytes);
    EXPECT_EQ(found.label_state, LabelState::valid);
    EXPECT_EQ(found.label, label());
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

JournalInspection good_journal() {
    JournalInspection found;
    found.path = "/var/lib/dst/vol0.journal";
    Journal journal;
    journal.storage = make_id(2);
    journal.storage_name = "vol0";
    journal.established = {4, make_id(3)};
    journal.size_bytes = 15 * mib;
    journal.logical_block_bytes = 512;
    journal.records = {record(leaf_bytes)};
    journal.records[0].ordered = make_id(7);
    journal.served_orders = {{make_id(4), make_id(7)}};
    journal.leaves = record(leaf_bytes).members[0].leaves;
    found.journal = journal;
    return found;
}

TEST_F(InspectFile, JsonHoldsWhatTheSchemaDemands) {
    Inspection found;
    found.media = {inspect_local_medium(write(labelled(mirror_leaf()))), inspect_local_medium(path("none"))};
    found.media.push_back({.name = "n:1/d", .netnode = true, .label_state = LabelState::damaged, .label_fault = "x"});
    found.media.back().live = LiveHead{{4, make_id(3)}, "tgtd[7] on alpha"};
    found.journals = {good_journal(), inspect_journal(path("none"))};
    EXPECT_THAT(schema_violations("inspect.json", inspection_to_json(found)), IsEmpty());
}

TEST_F(InspectFile, SchemaNoticesAMissingKey) {
    Inspection found{.media = {inspect_local_medium(write(labelled(mirror_leaf())))}};
    for (const char* key : {"size_bytes", "mirrors", "label_state"}) {
        auto json = inspection_to_json(found);
        json["media"].as_array()[0].as_object().erase(key);
        EXPECT_THAT(schema_violations("inspect.json", json), SizeIs(1)) << key;
    }
}

TEST_F(InspectFile, TextTellsLabelRecordAndMaps) {
    PlainTerminal plain;
    Inspection found{.media = {inspect_local_medium(write(labelled(mirror_leaf())))}, .journals = {good_journal()}};
    std::string text = inspection_text(found, plain.terminal());
    EXPECT_THAT(text, HasSubstr("  label    storage vol0 02020202020202020202020202020202\n"));
    EXPECT_THAT(text, HasSubstr("place /1 (member 1)  16.0 MiB  blocks of 512\n"));
    EXPECT_THAT(text, HasSubstr("promised epoch 4 of head 03030303  served epoch 4 of head 03030303\n"));
    EXPECT_THAT(text, HasSubstr("generation 7 07070707  revision 12  epoch 4 of head 03030303\n"));
    EXPECT_THAT(text, HasSubstr("member 2  node:1/disk0  dirty  revision 12  last generation 08080808\n"));
    EXPECT_THAT(text, HasSubstr("  intent   2 of 16 regions may differ\n"));
    EXPECT_THAT(text, HasSubstr("  owed     3 of 16 regions owed to member 2\n"));
    EXPECT_THAT(text, HasSubstr("\n\njournal /var/lib/dst/vol0.journal\n"));
    EXPECT_THAT(text, HasSubstr("epoch 4 of head 03030303  ordered 07070707\n"));
    EXPECT_THAT(text,
                HasSubstr("  served   mirror 04040404040404040404040404040404  what an order made: generation 070"));
}

TEST(InspectionText, TellsWhatIsWrongWithALabel) {
    PlainTerminal plain;
    Inspection found;
    found.media = {{.name = "/a", .size_bytes = mib, .label_state = LabelState::damaged, .label_fault = "checksum"}};
    EXPECT_EQ(inspection_text(found, plain.terminal()), "/a  1.0 MiB\n  label    damaged: checksum\n");
}

}  // namespace
}  // namespace dst::ctl
