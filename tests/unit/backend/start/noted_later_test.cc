// An order notes in the journal what it is about to give out, while a member that is away has a later record of the
// generation before.
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "media/journal.h"
#include "media/layout.h"
#include "support/engine_world.h"
#include "support/inner_world.h"

namespace dst {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Calls `on_write` with every write to `platter`, and whether it is one of the mirror's record.
void watch_writes(sim::SimPlatter& platter, std::function<void(bool record)> on_write) {
    const std::uint64_t labels = platter.geometry().size_bytes - label_area_bytes;
    const std::uint64_t records = mirror_layout(labels, default_region_bytes(labels)).record_copy(0).offset;
    platter.on_carry_out = [=, on_write = std::move(on_write)](const Request& request) {
        if (request.operation != Operation::write) return;
        on_write(request.extent.offset >= records && request.extent.offset < labels);
    };
}

/// /a and /b; /b left.
struct NotedLater : testing::Test {
    void make() {
        world = std::make_unique<EngineWorld>(two_disks());
        ASSERT_TRUE(world->init().done);
        head = &world->serve();
        write(0);
        world->platter("/b").set_missing(true);
        write(4u << 20);
        world->close(*head);
    }
    void write(std::uint64_t offset) { ASSERT_EQ(world->write(*head, offset, bytes), Errc::ok); }
    /// The record of a start is on `path`, and so many writes of this disk later the head dies. False: its journal is
    /// established before.
    bool die_after_record_on(const char* path, unsigned later) {
        unsigned copies = 0;
        unsigned others = 0;
        watch_writes(world->platter(path), [&](bool record) {
            copies += record ? 1 : 0;
            others += !record && copies > 0 ? 1 : 0;
        });
        head = &world->open();
        const auto then = [&] { return copies > 0 && copies + others == 1 + later; };
        EXPECT_TRUE(world->loop.run_until([&] { return then() || head->serving == 1; }, seconds(30)));
        world->platter(path).on_carry_out = nullptr;
        const bool serves = head->serving == 1;
        if (serves) {
            world->close(*head);
        } else {
            world->crash(*head);
        }
        return !serves && has_order();
    }
    bool has_order() {
        const JournalChoice choice = choose_journal({world->journal().slots, {}, 0, false});
        return choice.journal && choice.journal->order == StartOrder::accept_data_loss;
    }
    /// /a has a record that the journal does not know of.
    void crash_before_the_journal() {
        world->platter("/a").set_missing(false);
        die_after_record_on("/a", 1);
        world->platter("/a").set_missing(true);
        world->platter("/b").set_missing(false);
    }
    /// /a is there again, and serves.
    void go_on_with_a() {
        world->platter("/b").set_missing(true);
        world->platter("/a").set_missing(false);
        head = &world->serve();
        ASSERT_EQ(world->events.count("start-forced"), 0u);
        write(4u << 20);
    }
    void expect_all(const std::string& what) {
        const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
        ASSERT_TRUE(world->loop.run_until(healthy, minutes(2))) << what;
        for (const char* path : {"/a", "/b"}) {
            EXPECT_EQ(world->platter(path).read({0, 4096}), bytes) << what << path;
            EXPECT_EQ(world->platter(path).read({4u << 20, 4096}), bytes) << what << path;
        }
        EXPECT_EQ(world->events.count("member-split"), 0u) << what;
        EXPECT_EQ(world->events.count("storage-split"), 0u) << what;
    }
    /// At every write of /b from its record to the start that is established. `then` brings it back.
    void at_every_step(const std::function<void()>& then) {
        unsigned later = 0;
        for (;; ++later) {
            make();
            crash_before_the_journal();
            ASSERT_TRUE(order(*world, StartOrder::accept_data_loss));
            if (!die_after_record_on("/b", later)) break;
            go_on_with_a();
            // In a region that is not owed to it for anything else.
            world->platter("/b").write(0, EngineWorld::pattern(4096, 2));
            then();
            expect_all(std::to_string(later));
            if (HasFailure()) return;
        }
        EXPECT_GT(later, 2u) << "both copies of the record, and the mark";
    }
    const Bytes bytes = EngineWorld::pattern(4096, 1);
    std::unique_ptr<EngineWorld> world;
    EngineWorld::Head* head = nullptr;
};

TEST_F(NotedLater, M7MemberThatComesBackIsOwedEverything) {
    at_every_step([&] {
        world->platter("/b").set_missing(false);
        const auto healthy = [&] { return head->engine->status().state == StorageState::healthy; };
        ASSERT_TRUE(world->loop.run_until(healthy, minutes(2)));
        world->close(*head);
        head = &world->serve("third");
    });
}

TEST_F(NotedLater, M5NextStartIsNoSplit) {
    at_every_step([&] {
        world->close(*head);
        world->platter("/b").set_missing(false);
        head = &world->serve();
    });
}

/// As an order, a mirror below another one that is formed anew while that one serves.
struct NotedLaterBelow : Inner {
    /// Until both copies of a record are written to it, and nothing more.
    void die_after_record_on(const char* path) {
        unsigned copies = 0;
        watch_writes(world->platter(path), [&](bool record) { copies += record ? 1 : 0; });
        EXPECT_TRUE(world->loop.run_until([&] { return copies == 2; }, seconds(60))) << path;
        world->platter(path).on_carry_out = nullptr;
        world->crash(*head);
    }
};

TEST_F(NotedLaterBelow, M7MemberThatHasWhatWasFormedIsOwedEverything) {
    make();
    serve();
    write();
    missing({"/c"});
    write();  // leaves m1
    missing({"/b"});
    write();  // m1 leaves m0
    again();
    missing({"/b"}, false);
    die_after_record_on("/b");  // the journal knows nothing of it
    EXPECT_EQ(world->events.count("mirror-started"), 0u);
    missing({"/b"});
    serve();
    world->platter("/b").take_out();
    missing({"/b", "/c"}, false);
    die_after_record_on("/c");
    missing({"/c"});
    ASSERT_TRUE(world->platter("/b").put_back());
    serve();
    ASSERT_TRUE(world->loop.run_until([&] { return second().state == VertexState::in_sync; }, minutes(1)));
    write();
    missing({"/c"}, false);
    EXPECT_TRUE(in_sync());
    EXPECT_EQ(world->events.count("member-split"), 0u);
    EXPECT_EQ(world->events.count("mirror-formed-anew"), 0u);
    missing({"/b"});
    expect_inner_has_all();
}

}  // namespace
}  // namespace dst
