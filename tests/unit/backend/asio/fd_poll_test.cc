#include "asio/fd_poll.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <system_error>

#include "asio/fd_watch.h"
#include "support/run_loop.h"

namespace dst {
namespace {

struct Told final : FdPoll::Watcher {
    explicit Told(std::function<void()> then = [] {}) : run(std::move(then)) {}
    void on_events(std::uint32_t) override {
        ++times;
        run();
    }
    std::function<void()> run;
    int times = 0;
};

/// Two ends of a stream.
struct Ends {
    Ends() {
        int fds[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        here = OwnedFd(fds[0]);
        there = OwnedFd(fds[1]);
    }
    void arrives(const std::string& text) const {
        EXPECT_EQ(::write(there.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    std::string read() const {
        char text[64];
        const ssize_t got = ::read(here.get(), text, sizeof text);
        return got < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(got));
    }
    /// Writes here until nothing goes in any more.
    void fill() const {
        const std::string chunk(4096, 'x');
        while (::write(here.get(), chunk.data(), chunk.size()) > 0) {
        }
    }
    void drain() const {
        std::string taken(1 << 20, ' ');
        EXPECT_GT(::read(there.get(), taken.data(), taken.size()), 0);
    }
    OwnedFd here;
    OwnedFd there;
};

TEST(FdPoll, TellsOfEachEventOnce) {
    FdPoll poll;
    const OwnedFd event(eventfd(0, EFD_NONBLOCK));
    Told told;
    poll.add(event.get(), told);
    poll.poll();  // there is room to write
    const int before = told.times;
    EXPECT_FALSE(poll.poll());
    for (int i = 1; i <= 3; ++i) {
        eventfd_write(event.get(), 1);  // and nobody reads it
        EXPECT_TRUE(poll.poll());
        EXPECT_FALSE(poll.poll());
        EXPECT_EQ(told.times, before + i);
    }
}

TEST(FdPoll, WhatIsRemovedMeanwhileIsNotTold) {
    FdPoll poll;
    const OwnedFd first(eventfd(1, EFD_NONBLOCK));
    const OwnedFd second(eventfd(1, EFD_NONBLOCK));
    int told = 0;
    // Whichever comes first removes the other.
    Told* others[2] = {};
    Told one([&] {
        ++told;
        poll.remove(second.get(), *others[1]);
    });
    Told two([&] {
        ++told;
        poll.remove(first.get(), *others[0]);
    });
    others[0] = &one;
    others[1] = &two;
    poll.add(first.get(), one);
    poll.add(second.get(), two);
    EXPECT_TRUE(poll.poll());
    EXPECT_EQ(told, 1);
}

TEST(FdPoll, SaysWhatItCannotWatch) {
    FdPoll poll;
    Told told;
    EXPECT_THROW(poll.add(-1, told), std::system_error);
}

TEST(FdReadiness, TellsWhatCameBeforeItWasAskedFor) {
    AsioLoop loop;
    const Ends ends;
    std::string got;
    FdReadiness readiness(
        loop, ends.here.get(), [&] { got = ends.read(); }, [] {});
    ends.arrives("early");
    run_for(loop, std::chrono::milliseconds(5));
    EXPECT_EQ(got, "");
    readiness.want_read();
    EXPECT_EQ(got, "");  // never from inside
    ASSERT_TRUE(run_until(loop, [&] { return got == "early"; }));
}

TEST(FdReadiness, WhatWasReadAlreadyIsNotToldAgain) {
    AsioLoop loop;
    const Ends ends;
    int told = 0;
    FdReadiness readiness(
        loop, ends.here.get(), [&] { ++told; }, [] {});
    ends.arrives("early");
    run_for(loop, std::chrono::milliseconds(5));
    EXPECT_EQ(ends.read(), "early");
    readiness.want_more_to_read();
    run_for(loop, std::chrono::milliseconds(20));
    EXPECT_EQ(told, 0);
    ends.arrives("more");
    EXPECT_TRUE(run_until(loop, [&] { return told == 1; }));
}

TEST(FdReadiness, AnEndThatCameAlongWithDataIsToldAfterThem) {
    AsioLoop loop;
    Ends ends;
    int told = 0;
    FdReadiness readiness(
        loop, ends.here.get(), [&] { ++told; }, [] {});
    readiness.want_read();
    ends.arrives("last");
    ends.there.reset();
    ASSERT_TRUE(run_until(loop, [&] { return told == 1; }));
    EXPECT_EQ(ends.read(), "last");
    readiness.want_more_to_read();  // the read came short
    EXPECT_TRUE(run_until(loop, [&] { return told == 2; }));
    EXPECT_EQ(ends.read(), "");
}

TEST(FdReadiness, TellsOfRoomAfterAFullSocket) {
    AsioLoop loop;
    const Ends ends;
    bool room = false;
    FdReadiness readiness(
        loop, ends.here.get(), [] {}, [&] { room = true; });
    run_for(loop, std::chrono::milliseconds(5));
    ends.fill();
    readiness.want_more_room();
    run_for(loop, std::chrono::milliseconds(20));
    EXPECT_FALSE(room);
    ends.drain();
    EXPECT_TRUE(run_until(loop, [&] { return room; }));
}

TEST(FdReadiness, AHalfClosedPeerMakesNoRoom) {
    AsioLoop loop;
    const Ends ends;
    int told_of_room = 0;
    FdReadiness* self = nullptr;
    bool full = true;
    FdReadiness readiness(
        loop, ends.here.get(), [] {},
        [&] {
            ++told_of_room;
            if (full) self->want_more_room();
        });
    self = &readiness;
    run_for(loop, std::chrono::milliseconds(5));
    ends.fill();
    readiness.want_more_room();
    ASSERT_EQ(::shutdown(ends.there.get(), SHUT_WR), 0);
    run_for(loop, std::chrono::milliseconds(20));
    EXPECT_EQ(told_of_room, 0);
    full = false;
    ends.drain();
    EXPECT_TRUE(run_until(loop, [&] { return told_of_room == 1; }));
}

TEST(FdReadiness, AHalfClosedPeerStaysReadable) {
    AsioLoop loop;
    const Ends ends;
    int told = 0;
    FdReadiness readiness(
        loop, ends.here.get(), [&] { ++told; }, [] {});
    ASSERT_EQ(::shutdown(ends.there.get(), SHUT_WR), 0);
    for (int i = 1; i <= 3; ++i) {
        readiness.want_more_to_read();
        ASSERT_TRUE(run_until(loop, [&] { return told == i; }));
    }
}

TEST(FdReadiness, AClosedPeerIsToldToWritersToo) {
    AsioLoop loop;
    Ends ends;
    int told = 0;
    FdReadiness readiness(
        loop, ends.here.get(), [] {}, [&] { ++told; });
    run_for(loop, std::chrono::milliseconds(5));
    ends.fill();
    ends.there.reset();
    for (int i = 1; i <= 3; ++i) {
        readiness.want_more_room();
        ASSERT_TRUE(run_until(loop, [&] { return told == i; }));
    }
}

}  // namespace
}  // namespace dst
