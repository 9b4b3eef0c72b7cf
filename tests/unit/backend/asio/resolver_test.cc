#include "asio/resolver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/run_loop.h"

namespace dst {
namespace {

/// What only getaddrinfo(3) takes for an address, so that it is looked up as any name is.
constexpr const char* looked_up_name = "127.1";

TEST(Resolver, ReadsNumericAddressesWithoutALookUp) {
    EXPECT_EQ(to_string(*parse_address("192.0.2.7", 80)), "192.0.2.7:80");
    EXPECT_EQ(to_string(*parse_address("2001:db8::1", 80)), "[2001:db8::1]:80");
    EXPECT_EQ(to_string(*parse_address("::ffff:192.0.2.7", 80)), "192.0.2.7:80");
    EXPECT_FALSE(parse_address("node1.example", 80));
}

TEST(Resolver, SharesALookUpOfTheSameName) {
    AsioLoop loop;
    int answers = 0;
    Lookup first;
    Lookup second;
    const auto count = [&](const Result<std::vector<SocketAddress>>& found) {
        EXPECT_TRUE(found.has_value());
        ++answers;
    };
    first.start(loop, looked_up_name, 1, count);
    second.start(loop, looked_up_name, 2, count);
    EXPECT_EQ(answers, 0);
    EXPECT_TRUE(run_until(loop, [&] { return answers == 2; }));
}

TEST(Resolver, ACancelledLookUpAnswersNobody) {
    AsioLoop loop;
    bool answered = false;
    {
        Lookup lookup;
        lookup.start(loop, looked_up_name, 1, [&](const Result<std::vector<SocketAddress>>&) { answered = true; });
    }
    run_for(loop, std::chrono::milliseconds(100));
    EXPECT_FALSE(answered);
}

/// Puts a resolver in the system's place that takes its time and counts.
class SlowResolver : public testing::Test {
protected:
    SlowResolver() {
        calls = 0;
        Lookup::set_resolve([](const std::string&) -> Result<std::vector<SocketAddress>> {
            ++calls;
            std::this_thread::sleep_for(time.load());
            return std::vector{*parse_address("192.0.2.7", 0)};
        });
    }
    ~SlowResolver() override { Lookup::set_resolve(nullptr); }

    std::string ask(const std::string& host) {
        std::string told;
        Lookup lookup;
        lookup.start(loop, host, 7790, [&](const Result<std::vector<SocketAddress>>& found) {
            told = found.has_value() ? to_string(found->front()) : to_string(found.error());
        });
        EXPECT_EQ(told, "") << "never from inside";
        EXPECT_TRUE(run_until(loop, [&] { return !told.empty(); }));
        return told;
    }

    AsioLoop loop;
    inline static std::atomic<int> calls = 0;
    inline static std::atomic<Duration> time = Duration::zero();
};

TEST_F(SlowResolver, WhatComesAfterItsAskerGaveUpIsThereForTheNextOne) {
    time = Lookup::slow_min;
    {
        Lookup lookup;
        lookup.start(loop, "slow.test", 7790, [](const Result<std::vector<SocketAddress>>&) { FAIL(); });
    }
    run_for(loop, Lookup::slow_min + std::chrono::milliseconds(300));
    EXPECT_EQ(ask("slow.test"), "192.0.2.7:7790");
    EXPECT_EQ(ask("slow.test"), "192.0.2.7:7790");
    EXPECT_EQ(calls, 1);
}

TEST_F(SlowResolver, AQuickOneIsAskedEachTime) {
    time = Duration::zero();
    EXPECT_EQ(ask("quick.test"), "192.0.2.7:7790");
    EXPECT_EQ(ask("quick.test"), "192.0.2.7:7790");
    EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace dst
