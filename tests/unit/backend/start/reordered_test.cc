// Nodes without a name of their own are named by their order in the file, which means nothing: their labels tell.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "media/layout.h"
#include "media/record.h"
#include "support/inner_world.h"

namespace dst {
namespace {

using Paths = std::vector<std::string>;

struct Reordered : Inner {
    static spec::Node pair(const std::string& name, const std::string& first, const std::string& second) {
        spec::Node node = name.starts_with("l") ? linear_node(name, {disk_node(first), disk_node(second)})
                                                : mirror_node(name, {disk_node(first), disk_node(second)});
        return node;
    }
    static spec::Node root(spec::Node first, spec::Node second) {
        return mirror_node("m0", {std::move(first), std::move(second), disk_node("/d")});
    }
    /// As `kind`0 and `kind`1 in the order of the file; then the other way round, and only /d is there.
    void begin(const std::string& kind) {
        make(root(pair(kind + "0", "/a", "/b"), pair(kind + "1", "/c", "/e")));
        serve();
        write();
        start_reordered(kind);
    }
    void start_reordered(const std::string& kind) {
        world->close(*head);
        world->storage.tree = root(pair(kind + "0", "/c", "/e"), pair(kind + "1", "/a", "/b"));
        missing({"/a", "/b", "/c", "/e"});
        serve();
    }
    void expect_all_back() {
        EXPECT_TRUE(in_sync());
        const StorageStatus status = head->engine->status();
        for (const VertexStatus& child : status.tree->children) EXPECT_EQ(child.reason, "") << child.name;
        EXPECT_EQ(world->events.count("member-refused"), 0u);
        again();
        EXPECT_TRUE(in_sync());
        expect_all_readable();
        EXPECT_EQ(world->label_of("/a")->place.substr(0, 2), "/1");
        EXPECT_EQ(world->label_of("/c")->place.substr(0, 2), "/2");
        world->close(*head);
    }
};

TEST_F(Reordered, M7MembersThatMissedSomethingReturn) {
    for (const std::string kind : {"mirror", "linear"}) {
        for (const Paths& first : {Paths{"/a", "/b"}, Paths{"/c", "/e"}, Paths{"/a", "/b", "/c", "/e"}}) {
            begin(kind);
            write();
            missing(first, false);
            world->loop.run_for(std::chrono::seconds(20));
            write();
            missing({"/a", "/b", "/c", "/e"}, false);
            expect_all_back();
        }
    }
}

TEST_F(Reordered, M7MembersThatMissedNothingAreTakenIn) {
    for (const std::string kind : {"mirror", "linear"}) {
        begin(kind);
        missing({"/a", "/b", "/c", "/e"}, false);
        expect_all_back();
    }
}

TEST_F(Reordered, M7OneThatMissedNothingAndOneThatWasOutReturn) {
    for (const std::string kind : {"mirror", "linear"}) {
        for (const Paths& out : {Paths{"/a", "/b"}, Paths{"/c", "/e"}}) {
            for (const Paths& first : {Paths{"/a", "/b"}, Paths{"/c", "/e"}}) {
                make(root(pair(kind + "0", "/a", "/b"), pair(kind + "1", "/c", "/e")));
                serve();
                missing(out);
                write();
                start_reordered(kind);
                missing(first, false);
                world->loop.run_for(std::chrono::seconds(20));
                missing({"/a", "/b", "/c", "/e"}, false);
                expect_all_back();
            }
        }
    }
}

TEST_F(Reordered, M7APartOfAMirrorTells) {
    begin("mirror");
    write();
    missing({"/b", "/c"}, false);
    world->loop.run_for(std::chrono::seconds(20));
    missing({"/a", "/e"}, false);
    expect_all_back();
}

/// The journal's records lie in the order of the file as it was.
TEST_F(Reordered, M7AMirrorWhoseRecordsAreGoneIsFormedAnewAsItself) {
    begin("mirror");
    write();
    constexpr std::uint64_t labels = (16u << 20) - label_area_bytes;
    const std::uint64_t records = mirror_layout(labels, 1u << 20).record_copy(0).offset;
    for (const char* path : {"/a", "/b"}) world->platter(path).write(records, Bytes(labels - records));
    missing({"/a", "/b"}, false);
    EXPECT_TRUE(happens("mirror-formed-anew"));
    world->loop.run_for(std::chrono::seconds(20));
    missing({"/c", "/e"}, false);
    expect_all_back();
    const auto mirror_on = [&](const char* path) {
        return decode_record(world->platter(path).read({records, 32768}))->record.mirror;
    };
    EXPECT_EQ(mirror_on("/a"), mirror_on("/b"));
    EXPECT_EQ(mirror_on("/c"), mirror_on("/e"));
    EXPECT_NE(mirror_on("/a"), mirror_on("/c"));
}

TEST_F(Reordered, M7MirrorsTwoLevelsBelowReturn) {
    const auto below = [](bool turned) {
        spec::Node first = turned ? pair("m2", "/c", "/e") : pair("m2", "/a", "/b");
        spec::Node second = turned ? pair("m3", "/a", "/b") : pair("m3", "/c", "/e");
        return mirror_node("m0", {mirror_node("m1", {std::move(first), std::move(second)}), disk_node("/d")});
    };
    make(below(false));
    serve();
    write();
    world->close(*head);
    world->storage.tree = below(true);
    missing({"/a", "/b", "/c", "/e"});
    serve();
    write();
    missing({"/a", "/b", "/c", "/e"}, false);
    EXPECT_TRUE(in_sync());
    EXPECT_EQ(world->events.count("member-refused"), 0u);
}

/// Their names are of their own.
TEST_F(Reordered, M7DisksThatLieInEachOthersPlaceAreRefused) {
    make(root(disk_node("/a"), disk_node("/b")));
    serve();
    world->close(*head);
    missing({"/a", "/b"});
    world->platter("/a").exchange_with(world->platter("/b"));
    serve();
    write();
    missing({"/a", "/b"}, false);
    EXPECT_TRUE(happens("member-refused"));
    EXPECT_FALSE(in_sync());
}

/// What has no label is taken for what the file calls it.
TEST_F(Reordered, M7BlankMediaAreFilledByTheirNames) {
    make(root(pair("linear0", "/a", "/b"), pair("linear1", "/c", "/e")));
    serve();
    world->close(*head);
    missing({"/a", "/b", "/c", "/e"});
    serve();
    write();
    for (const char* path : {"/a", "/b"}) world->platter(path).replace_blank(16u << 20);
    missing({"/a", "/b", "/c", "/e"}, false);
    expect_all_back();
}

}  // namespace
}  // namespace dst
