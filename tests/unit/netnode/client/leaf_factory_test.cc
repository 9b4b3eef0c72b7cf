#include "client/leaf_factory.h"

#include <gtest/gtest.h>

namespace dst {
namespace {

class NoEvents : public EventSink {
    void event(Severity, std::string_view, std::string_view, std::initializer_list<EventField>) override {}
};

TEST(NetnodeLeaf, IsNamedByItsAddressUnlessTheFileNamesIt) {
    AsioLoop loop;
    NoEvents events;
    EXPECT_EQ(make_netnode_leaf(loop, events, {"node1.example", 7790, "disk0", 1, ""})->name(),
              "node1.example:7790/disk0");
    EXPECT_EQ(make_netnode_leaf(loop, events, {"2001:db8::1", 7790, "disk0", 1, ""})->name(),
              "[2001:db8::1]:7790/disk0");
    EXPECT_EQ(make_netnode_leaf(loop, events, {"192.0.2.7", 7790, "disk0", 2, "left"})->name(), "left");
}

TEST(NetnodeLeaf, SaysThatNobodyListensAndCanBeClosed) {
    AsioLoop loop;
    NoEvents events;
    // Port 1 of the loopback: nothing listens on tcpmux.
    const auto leaf = make_netnode_leaf(loop, events, {"127.0.0.1", 1, "disk0", 1, ""});
    leaf->open();
    bool closed = false;
    Timer look(loop, [&] {
        if (leaf->last_error().code == Errc::ok) {
            look.start(std::chrono::milliseconds(1));
            return;
        }
        leaf->close([&] {
            closed = true;
            loop.stop();
        });
    });
    look.start(Duration::zero());
    Timer limit(loop, [&] { loop.stop(); });
    limit.start(std::chrono::seconds(20));
    loop.run();
    EXPECT_TRUE(closed);
    EXPECT_NE(leaf->last_error().text.find("127.0.0.1:1"), std::string::npos) << leaf->last_error().text;
}

}  // namespace
}  // namespace dst
