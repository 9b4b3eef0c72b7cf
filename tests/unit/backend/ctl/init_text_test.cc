#include "ctl/init_text.h"

#include <gtest/gtest.h>

#include "support/plain_terminal.h"

namespace dst::ctl {
namespace {

spec::Storage storage() {
    spec::Storage storage;
    storage.name = "vol0";
    return storage;
}

InitReport success() {
    InitReport report;
    report.leaves = {{.name = "/a", .place = "/1", .text = "labelled, 10.0 GiB"},
                     {.name = "node:1/b", .place = "/2", .text = "labelled, 10.0 GiB"}};
    report.storage = *parse_id("3f6c9a12000000000000000000000001");
    report.size_bytes = 10ull << 30;
    report.logical_block_bytes = 512;
    report.done = true;
    return report;
}

InitReport refusal() {
    InitReport report;
    report.leaves = {{.name = "/a"},
                     {.name = "/b", .text = "/b carries ext4; --force overwrites it", .code = Errc::refused}};
    report.error = {Errc::refused, "nothing was changed: /b carries ext4; --force overwrites it"};
    return report;
}

TEST(InitText, TellsEveryLeafAndTheStorage) {
    PlainTerminal plain;
    EXPECT_EQ(report_init(storage(), success(), {}, "", plain.terminal()), ExitStatus::well);
    EXPECT_EQ(plain.out(),
              "/a         labelled, 10.0 GiB\n"
              "node:1/b   labelled, 10.0 GiB\n"
              "storage vol0 is initialised: 10.0 GiB, blocks of 512 bytes, id 3f6c9a12000000000000000000000001\n");
    EXPECT_EQ(plain.err(), "");
}

TEST(InitText, TellsWhoIsOwedEverything) {
    PlainTerminal plain;
    InitReport report = success();
    report.all_in_sync = false;
    report_init(storage(), report, {.adopt = "node:1/b"}, "", plain.terminal());
    EXPECT_NE(plain.out().find("so node:1/b is in sync and the other members are owed everything."), std::string::npos);
}

TEST(InitText, TellsWhatOfAnAdoptedDiskIsCutOff) {
    PlainTerminal plain;
    InitReport report = success();
    report.adopted = {"node:1/b", 1000000, 200704};
    report_init(storage(), report, {.adopt = "node:1/b"}, "", plain.terminal());
    EXPECT_NE(plain.out().find("Of node:1/b the first 1000000 bytes are kept. The last 200704 bytes"),
              std::string::npos);
    EXPECT_NE(plain.out().find("a file system or partition that reached there must have been shrunk before"),
              std::string::npos);
}

TEST(InitText, RefusalGoesToTheErrorOutputAndIsSaidOnce) {
    PlainTerminal plain;
    EXPECT_EQ(report_init(storage(), refusal(), {}, "", plain.terminal()), ExitStatus::other);
    EXPECT_EQ(plain.out(), "");
    EXPECT_EQ(plain.err(),
              "dstctl: /b carries ext4; --force overwrites it\n"
              "dstctl: storage vol0 is not initialised: nothing was changed\n");
}

TEST(InitText, ReasonThatNoLeafToldIsPrintedWhole) {
    PlainTerminal plain;
    InitReport report = refusal();
    report.leaves[1] = {.name = "/b"};
    report.error = {Errc::busy, "the journal is in use"};
    report_init(storage(), report, {}, "", plain.terminal());
    EXPECT_EQ(plain.err(), "dstctl: storage vol0 is not initialised: the journal is in use (busy)\n");
}

TEST(InitText, AServedStorageIsSaidToBeServed) {
    PlainTerminal plain;
    InitReport report = refusal();
    report.leaves[1].text = "/b is locked by tgtd[7]";
    report.leaves[1].code = Errc::busy;
    EXPECT_TRUE(found_busy(report));
    EXPECT_EQ(report_init(storage(), report, {}, "tgtd[7]", plain.terminal()), ExitStatus::other);
    EXPECT_EQ(plain.err(),
              "dstctl: /b is locked by tgtd[7]\n"
              "dstctl: storage vol0 is being served by tgtd[7]; nothing was changed. Remove its LUN or export there "
              "before it is initialised anew\n");
    EXPECT_FALSE(found_busy(refusal()));
}

TEST(InitText, LeafThatItsTextDoesNotNameIsNamed) {
    PlainTerminal plain;
    InitReport report = refusal();
    report.leaves[1].text = "the label could not be written";
    report.error.text = "not all labels could be written";
    report_init(storage(), report, {}, "", plain.terminal());
    EXPECT_EQ(plain.err(),
              "dstctl: /b: the label could not be written\n"
              "dstctl: storage vol0 is not initialised: not all labels could be written (refused)\n");
}

}  // namespace
}  // namespace dst::ctl
