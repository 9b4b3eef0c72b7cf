#include "ctl/status_text.h"

#include <gtest/gtest.h>

#include "control/status_json.h"
#include "ctl/exit_status.h"
#include "support/plain_terminal.h"
#include "support/schema.h"

namespace dst::ctl {
namespace {

/// The storage of dstctl(8)'s example.
StorageStatus degraded_storage() {
    StorageStatus status;
    status.storage = "vol0";
    status.state = StorageState::degraded;
    status.size_bytes = 10 * gib;
    status.logical_block_bytes = 512;
    status.id = *parse_id("3f6c9a12000000000000000000000001");
    status.generation = 7;
    status.epoch = 4;
    status.head = "tgtd[1234]";
    VertexStatus first{.kind = VertexKind::netnode, .name = "node1.example:7790/disk0", .state = VertexState::in_sync};
    VertexStatus second{
        .kind = VertexKind::netnode, .name = "node2.example:7790/disk0", .state = VertexState::resyncing};
    second.resync = {.done_bytes = 5940 * mib, .total_bytes = 10240 * mib, .bytes_per_second = 118 * mib};
    status.tree =
        VertexStatus{.kind = VertexKind::mirror, .name = "m0", .state = VertexState::up, .children = {first, second}};
    return status;
}

std::string shown(const StorageStatus& status) {
    PlainTerminal plain;
    return status_text(status, plain.terminal());
}

TEST(StatusText, ShowsAResyncAsTheManualDoes) {
    EXPECT_EQ(shown(degraded_storage()),
              "vol0  10.0 GiB  degraded   age 3f6c9a12/7  epoch 4  head tgtd[1234]\n"
              "└─ mirror m0\n"
              "   ├─ node1.example:7790/disk0   in sync\n"
              "   └─ node2.example:7790/disk0   resyncing [#######-----] 58 %  4.2 GiB left  118 MiB/s  36 s\n");
}

TEST(StatusText, AlignsNestedNodesInOneColumn) {
    StorageStatus status = degraded_storage();
    status.state = StorageState::healthy;
    VertexStatus part{.kind = VertexKind::disk, .name = "/a", .state = VertexState::up};
    VertexStatus linear{
        .kind = VertexKind::linear, .name = "linear0", .state = VertexState::in_sync, .children = {part, part}};
    VertexStatus disk{.kind = VertexKind::disk, .name = "/dev/sdb", .state = VertexState::in_sync};
    status.tree->children = {linear, disk};
    status.tree->name = "mirror0";
    EXPECT_EQ(shown(status),
              "vol0  10.0 GiB  healthy    age 3f6c9a12/7  epoch 4  head tgtd[1234]\n"
              "└─ mirror0\n"
              "   ├─ linear0    in sync\n"
              "   │  ├─ /a      up\n"
              "   │  └─ /a      up\n"
              "   └─ /dev/sdb   in sync\n");
}

TEST(StatusText, SaysWhyANodeIsOutOfSync) {
    StorageStatus status = degraded_storage();
    status.reason = "1 of 2 members is in sync";
    status.tree->children[1].resync.reset();
    status.tree->children[1].state = VertexState::dirty;
    status.tree->children[1].reason = "dropped: timed out";
    std::string text = shown(status);
    EXPECT_NE(text.find("\n   1 of 2 members is in sync\n"), std::string::npos) << text;
    EXPECT_NE(text.find("disk0   dirty: dropped: timed out\n"), std::string::npos) << text;
}

TEST(StatusText, ShowsTheLastErrorOfALeafThatIsInUse) {
    StorageStatus status = degraded_storage();
    status.tree->children[1].resync.reset();
    status.tree->children[1].state = VertexState::in_sync;
    status.tree->children[1].last_error = "write 0+4096: no space left on the medium";
    std::string text = shown(status);
    EXPECT_NE(text.find("disk0   in sync; last error: write 0+4096: no space left on the medium\n"), std::string::npos)
        << text;
}

TEST(StatusText, FailedOpenHasNeitherAgeNorTree) {
    StorageStatus status;
    status.storage = "vol1";
    status.state = StorageState::failed;
    status.reason = "/dev/sdb is not labelled";
    EXPECT_EQ(shown(status), "vol1  size unknown  failed\n   /dev/sdb is not labelled\n");
}

TEST(StatusText, StuckResyncShowsNoTime) {
    StorageStatus status = degraded_storage();
    status.tree->children[1].resync->bytes_per_second = 0;
    EXPECT_NE(shown(status).find("58 %  4.2 GiB left\n"), std::string::npos);
}

TEST(StatusText, AResyncThatJustBeginsIsNotShownAsDone) {
    StorageStatus status = degraded_storage();
    *status.tree->children[1].resync = {};
    EXPECT_NE(shown(status).find("resyncing\n"), std::string::npos) << shown(status);
}

TEST(StatusText, ColoursAreOnlyForTerminals) {
    std::ostringstream out, err;
    Terminal coloured{out, err, true, true};
    EXPECT_NE(status_text(degraded_storage(), coloured).find("\x1b[33mdegraded\x1b[0m   age"), std::string::npos);
    EXPECT_EQ(shown(degraded_storage()).find('\x1b'), std::string::npos);
}

TEST(StatusText, FurtherLinesOfAReasonAreIndented) {
    StorageStatus status;
    status.storage = "vol0";
    status.state = StorageState::failed;
    status.reason = "vol0.yaml:1:2: one\nvol0.yaml:3:4: two\n";
    status.tree = VertexStatus{.kind = VertexKind::disk, .name = "/a", .state = VertexState::down};
    status.tree->reason = "first\nsecond";
    EXPECT_EQ(shown(status),
              "vol0  size unknown  failed\n"
              "   vol0.yaml:1:2: one\n"
              "   vol0.yaml:3:4: two\n"
              "└─ /a   down: first\n"
              "        second\n");
}

TEST(StatusJson, HoldsWhatTheSchemaDemands) {
    boost::json::object one = status_to_json(degraded_storage());
    EXPECT_EQ(schema_violations("status.json", one), std::vector<std::string>{});
    EXPECT_EQ(schema_violations("status.json", boost::json::array{one, one}), std::vector<std::string>{});
    EXPECT_EQ(schema_violations("control-status.json", one), std::vector<std::string>{});
}

TEST(StatusJson, SchemaNoticesAMissingKey) {
    boost::json::object one = status_to_json(degraded_storage());
    one.erase("state");
    EXPECT_FALSE(schema_violations("status.json", one).empty());
}

TEST(ExitStatus, TellsHowTheStorageIs) {
    EXPECT_EQ(exit_status_of(StorageState::healthy), ExitStatus::well);
    EXPECT_EQ(exit_status_of(StorageState::degraded), ExitStatus::attention);
    for (StorageState state :
         {StorageState::waiting, StorageState::held, StorageState::failed, StorageState::fenced, StorageState::split}) {
        EXPECT_EQ(exit_status_of(state), ExitStatus::not_serving);
    }
}

TEST(ExitStatus, WorstOfSeveralCounts) {
    EXPECT_EQ(worst(ExitStatus::not_serving, ExitStatus::attention), ExitStatus::not_serving);
    EXPECT_EQ(worst(ExitStatus::well, ExitStatus::no_head), ExitStatus::no_head);
}

}  // namespace
}  // namespace dst::ctl
