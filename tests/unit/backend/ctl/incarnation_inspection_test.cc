#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "asio/owned_fd.h"
#include "ctl/inspection.h"
#include "ctl/inspection_status.h"
#include "ctl/terminal_events.h"
#include "support/inspected.h"
#include "support/inspected_file.h"

namespace dst::ctl {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

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
    IncarnationInspection found = inspect_incarnation(put(incarnation_file('2', std::byte{1})));
    EXPECT_TRUE(found.kept.value().mark);
    EXPECT_EQ(exit_status_of({.incarnations = {found}}), ExitStatus::attention);
    found.medium = "/dev/sdb";
    EXPECT_EQ(exit_status_of({.incarnations = {found}}), ExitStatus::well) << "its storage may be served, and flush";
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

TEST_F(InspectIncarnation, OfAMediumIsFoundInTheRunDirectory) {
    const std::string medium = write(Bytes(mib));
    EXPECT_FALSE(inspect_incarnation_of(medium, path("")).has_value());
    const OwnedFd fd(::open(medium.c_str(), O_RDONLY | O_CLOEXEC));
    IncarnationKeeper::open(path(""), fd.get(), mib);
    const auto found = inspect_incarnation_of(medium, path(""));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->medium, medium);
    EXPECT_EQ(found->path, incarnation_place(path(""), fd.get()).path);
    EXPECT_EQ(found->kept.value().size_bytes, mib);
    EXPECT_FALSE(found->kept.value().mark);
}

TEST_F(InspectIncarnation, OfAMediumThatWasEmptiedIsTold) {
    const std::string medium = write(Bytes(mib));
    const OwnedFd fd(::open(medium.c_str(), O_RDONLY | O_CLOEXEC));
    std::ofstream(incarnation_place(path(""), fd.get()).path).close();
    EXPECT_THAT(inspect_incarnation_of(medium, path("")).value().error.value().text, HasSubstr("emptied"));
}

TEST_F(InspectIncarnation, OfAnotherMediumOrBootInItsPlaceIsNotItsOwn) {
    const std::string medium = write(Bytes(mib));
    const OwnedFd fd(::open(medium.c_str(), O_RDONLY | O_CLOEXEC));
    const Bytes of_another = incarnation_file();
    std::ofstream(incarnation_place(path(""), fd.get()).path)
        .write(reinterpret_cast<const char*>(of_another.data()), static_cast<std::streamsize>(of_another.size()));
    EXPECT_FALSE(inspect_incarnation_of(medium, path("")).has_value());
    EXPECT_FALSE(inspect_incarnation_of(path("none"), path("")).has_value());
}

TEST_F(InspectIncarnation, OfAStorageAreThoseOfItsDisks) {
    const std::string medium = write(Bytes(mib));
    const OwnedFd fd(::open(medium.c_str(), O_RDONLY | O_CLOEXEC));
    IncarnationKeeper::open(path(""), fd.get(), mib);
    ::setenv("DST_RUN_DIR", path("").c_str(), 1);
    PlainTerminal plain;
    TerminalEvents events(plain.terminal(), false);
    spec::Storage storage{.name = "vol", .journal = path("vol.journal")};
    storage.tree.what = spec::Disk{medium};
    const Inspection found = inspect_storage(storage, events);
    ::unsetenv("DST_RUN_DIR");
    ASSERT_THAT(found.incarnations, SizeIs(1));
    EXPECT_EQ(found.incarnations[0].medium, medium);
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
