// init on media that were another storage's before: nothing of that one counts any more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/layout.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

struct InitAgain : testing::Test {
    static InitOptions forced(std::optional<std::string> adopt = {}) {
        InitOptions options;
        options.force = true;
        options.force_journal = true;
        options.adopt = std::move(adopt);
        return options;
    }
    static bool all_in_sync(const VertexStatus& vertex) {
        return std::all_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& child) {
            return (vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync) && all_in_sync(child);
        });
    }

    /// A storage that has served, with a record on every member. `slow`: disks on which zeroes take long.
    void begin(spec::Node tree, const std::vector<std::string>& slow = {}) {
        world = std::make_unique<EngineWorld>(std::move(tree));
        sim::SimPlatterOptions options;
        options.fast_zeroes = false;
        options.can_unmap = false;
        ASSERT_TRUE(world->init().done);
        head = &world->serve();
        EXPECT_EQ(world->write(*head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
        EXPECT_EQ(world->write(*head, 1u << 20, EngineWorld::pattern(4096, 2)), Errc::ok);
        world->close(*head);
        for (const std::string& path : slow) {
            const std::uint64_t size_bytes = world->platter(path).geometry().size_bytes;
            const Bytes all = world->platter(path).read({0, size_bytes});
            world->add_platter(path, options);
            world->platter(path).write(0, all);
        }
    }
    /// As a version of init left it that did not erase the record of the storage before.
    void init_leaving_record_on(const std::string& path, const std::string& adopt) {
        const Extent records = records_on(path);
        const Bytes before = world->platter(path).read(records);
        ASSERT_TRUE(world->init(forced(adopt)).done);
        world->platter(path).write(records.offset, before);
    }
    Extent records_on(const std::string& path) {
        const std::uint64_t labels = world->platter(path).geometry().size_bytes - label_area_bytes;
        const std::uint64_t at = mirror_layout(labels, 1u << 20).record_copy(0).offset;
        return {at, labels - at};
    }
    void expect_in_sync(const std::string& journal = "head0") {
        head = &world->serve(journal);
        const auto healthy = [&] {
            const StorageStatus status = head->engine->status();
            return status.state == StorageState::healthy && all_in_sync(*status.tree);
        };
        EXPECT_TRUE(world->loop.run_until(healthy, seconds(60)));
        const StorageStatus status = head->engine->status();
        for (const VertexStatus& child : status.tree->children) EXPECT_EQ(child.reason, "") << child.name;
        Bytes found(4096);
        EXPECT_EQ(world->read(*head, 0, found), Errc::ok);
        EXPECT_EQ(found, EngineWorld::pattern(4096, 1));
    }

    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
};

TEST_F(InitAgain, TheMemberThatIsNotAdoptedIsFilled) {
    for (const std::string adopted : {"/a", "/b"}) {
        begin(two_disks());
        const InitReport report = world->init(forced(adopted));
        ASSERT_TRUE(report.done) << to_string(report.error);
        expect_in_sync();
        world->close(*head);
    }
}

TEST_F(InitAgain, NoRecordOfTheStorageBeforeStays) {
    begin(two_disks());
    ASSERT_TRUE(world->init(forced("/a")).done);
    EXPECT_EQ(world->platter("/b").read(records_on("/b")), Bytes(records_on("/b").length));
}

TEST_F(InitAgain, WhereZeroesAreSlowTheOthersAreFilled) {
    begin(mirror_node("m0", {disk_node("/a"), disk_node("/b"), disk_node("/c")}), {"/b", "/c"});
    const InitReport report = world->init(forced());
    ASSERT_TRUE(report.done) << to_string(report.error);
    EXPECT_FALSE(report.all_in_sync);
    head = &world->serve();
    const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
    EXPECT_TRUE(world->loop.run_until(healthy, seconds(60)));
}

TEST_F(InitAgain, AMemberOfSeveralDisksIsFilled) {
    begin(mirror_node("m0", {disk_node("/a"), linear_node("l0", {disk_node("/c"), disk_node("/d")})}));
    ASSERT_TRUE(world->init(forced("/a")).done);
    expect_in_sync();
}

TEST_F(InitAgain, MembersThatAreMirrorsAreFilled) {
    const auto pair = [](const std::string& name, const std::string& first, const std::string& second) {
        return mirror_node(name, {disk_node(first), disk_node(second)});
    };
    for (const std::string adopted : {"m1", "m2"}) {
        begin(mirror_node("m0", {pair("m1", "/a", "/b"), pair("m2", "/c", "/d")}), {"/a", "/b", "/c", "/d"});
        ASSERT_TRUE(world->init(forced(adopted)).done);
        expect_in_sync();
        world->close(*head);
    }
}

TEST_F(InitAgain, AnInterruptedOneIsRunAgain) {
    for (unsigned last = 0;; ++last) {
        begin(two_disks());
        unsigned writes = 0;
        for (const std::string path : {"/a", "/b"}) {
            world->platter(path).on_carry_out = [&](const Request& request) {
                if (request.operation == Operation::read || writes++ != last) return;
                for (const std::string lost : {"/a", "/b"}) world->platter(lost).set_missing(true);
            };
        }
        const bool done = world->init(forced("/b")).done;
        for (const std::string path : {"/a", "/b"}) {
            world->platter(path).on_carry_out = nullptr;
            world->platter(path).set_missing(false);
        }
        if (!done) {
            const InitReport again = world->init(forced("/b"));
            ASSERT_TRUE(again.done) << "after write " << last << ": " << to_string(again.error);
        }
        expect_in_sync();
        world->close(*head);
        if (done) break;
    }
}

TEST_F(InitAgain, AnInterruptedOneIsToldWhenItIsRunAgain) {
    world = std::make_unique<EngineWorld>(two_disks());
    const Extent labels{(16u << 20) - label_area_bytes, label_area_bytes};
    for (const char* path : {"/a", "/b"}) world->platter(path).fail(Operation::write, labels, Errc::io_error);
    EXPECT_FALSE(world->init().done);
    for (const char* path : {"/a", "/b"}) world->platter(path).clear_failures();
    EXPECT_THAT(world->init().error.text, HasSubstr("as an init that was interrupted leaves them"));
    world->platter("/b").write(0, Bytes(16u << 20));
    InitOptions adopt;
    adopt.adopt = "/a";
    EXPECT_THAT(world->init(adopt).error.text, HasSubstr("when an init that was interrupted left that there"));
    adopt.force = true;
    EXPECT_THAT(world->init(adopt).error.text, HasSubstr("as it is after an init that was interrupted"));
    EXPECT_TRUE(world->init(forced("/a")).done);
}

TEST_F(InitAgain, M5ARecordOfTheStorageBeforeDoesNotNameTheMirror) {
    begin(two_disks());
    init_leaving_record_on("/a", "/b");
    expect_in_sync("head1");
}

TEST_F(InitAgain, M7AMemberWithALabelOfThisStorageAndAnOldersRecordIsFilled) {
    begin(two_disks());
    init_leaving_record_on("/b", "/a");
    expect_in_sync();
}

/// Nothing tells that this storage has ever had it.
TEST_F(InitAgain, M7AMediumWithoutALabelAndAnothersRecordIsNotTaken) {
    begin(two_disks());
    init_leaving_record_on("/b", "/a");
    const std::uint64_t labels = world->platter("/b").geometry().size_bytes - label_area_bytes;
    world->platter("/b").write(labels, Bytes(label_area_bytes));
    head = &world->serve();
    const auto refused = [&] {
        const StorageStatus status = head->engine->status();
        return status.tree->children.at(1).reason.find("of another storage; it is not used") != std::string::npos;
    };
    EXPECT_TRUE(world->loop.run_until(refused, seconds(60)));
    EXPECT_EQ(world->label_of("/b"), std::nullopt);
}

}  // namespace
}  // namespace dst
