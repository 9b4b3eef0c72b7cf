#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>

#include "ctl/inspection.h"
#include "ctl/inspection_status.h"
#include "support/inspected.h"
#include "support/inspected_file.h"

namespace dst::ctl {
namespace {

using testing::HasSubstr;

/// As one lies in the run directory, of a medium of 16 MiB.
Bytes incarnation_file(char version = '2', std::byte mark = {}) {
    Bytes file(56);
    std::copy_n(reinterpret_cast<const std::byte*>("DSTINC0"), 7, file.begin());
    file[7] = static_cast<std::byte>(version);
    std::fill_n(file.begin() + 8, 16, std::byte{0x79});
    std::fill_n(file.begin() + 24, 16, std::byte{0xbb});
    file[40] = mark;
    file[51] = std::byte{1};
    return file;
}

class InspectIncarnation : public InspectFile {
protected:
    InspectIncarnation() { std::filesystem::create_directory(path("incarnations")); }

    /// At its place.
    std::string put(const Bytes& bytes) const { return write(bytes, "incarnations/file-8:1-4711"); }
};

TEST_F(InspectIncarnation, ShowsWhatIsKept) {
    const std::string file = write(incarnation_file());
    EXPECT_TRUE(is_incarnation_file(file));
    const IncarnationInspection found = inspect_incarnation(file);
    ASSERT_TRUE(found.kept.has_value());
    EXPECT_EQ(found.kept->basis, make_id(0x79));
    EXPECT_EQ(found.kept->random, make_id(0xbb));
    EXPECT_FALSE(found.kept->mark);
    EXPECT_EQ(found.kept->size_bytes, 16 * mib);
    EXPECT_EQ(exit_status_of({.incarnations = {found}}), ExitStatus::well);
}

TEST_F(InspectIncarnation, MarkThatIsSetIsAttention) {
    const IncarnationInspection found = inspect_incarnation(put(incarnation_file('2', std::byte{1})));
    EXPECT_TRUE(found.kept.value().mark);
    EXPECT_EQ(exit_status_of({.incarnations = {found}}), ExitStatus::attention);
}

TEST_F(InspectIncarnation, KnowsOneThatWasEmptiedByItsPlace) {
    EXPECT_TRUE(is_incarnation_file(put({})));
    EXPECT_FALSE(is_incarnation_file(write({})));
    const IncarnationInspection found = inspect_incarnation(put({}));
    EXPECT_THAT(found.error.value().text, HasSubstr("emptied"));
    EXPECT_EQ(exit_status_of({.incarnations = {found}}), ExitStatus::attention);
}

TEST_F(InspectIncarnation, TellsOneOfAnotherVersionOrCutShort) {
    Bytes file = incarnation_file('9');
    EXPECT_TRUE(is_incarnation_file(write(file)));
    EXPECT_EQ(inspect_incarnation(put(file)).error.value().code, Errc::not_supported);
    file = incarnation_file();
    file.resize(55);
    EXPECT_TRUE(is_incarnation_file(write(file)));
    EXPECT_EQ(inspect_incarnation(put(file)).error.value().code, Errc::corrupt);
}

TEST_F(InspectIncarnation, NothingElseIsOne) {
    EXPECT_FALSE(is_incarnation_file(write(labelled(mirror_leaf()))));
    EXPECT_FALSE(is_incarnation_file(path("none")));
    EXPECT_FALSE(is_incarnation_file(path("incarnations")));
    ASSERT_EQ(::mkfifo(path("incarnations/file-1").c_str(), 0600), 0);
    EXPECT_FALSE(is_incarnation_file(path("incarnations/file-1")));
}

}  // namespace
}  // namespace dst::ctl
