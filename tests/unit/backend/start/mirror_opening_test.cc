// The record with which a start goes on.
#include "start/mirror_opening.h"

#include <gtest/gtest.h>

namespace dst {
namespace {

/// M7: a later record of what a member may have is another head's only when none of those that knew of it wrote it.
TEST(MirrorOpening, M7EachHeadIsNamedForWhatItKnewAndHadWrittenItself) {
    const Id first{{1}};
    const Id second{{2}};
    const Id third{{3}};
    MirrorOpening opening;
    Record& chosen = opening.choice.record;
    chosen.epoch = {5, first};
    chosen.members.emplace_back().number = 1;
    chosen.members[0].may_have = {{Id{{11}}, 7, {3, first}}, {Id{{12}}, 7, {3, second}}, {Id{{13}}, 7, {}}};
    const Record started = opening.start_record(Vertex{}, {6, third});
    EXPECT_EQ(started.epoch, (Epoch{6, third}));
    const std::vector<MayHave>& may_have = started.members.at(0).may_have;
    EXPECT_EQ(may_have.at(0).known_to, (Epoch{5, first})) << "until it wrote the record last";
    EXPECT_EQ(may_have.at(1).known_to, (Epoch{3, second}));
    EXPECT_EQ(may_have.at(2).known_to, (Epoch{6, third})) << "given up by this start";
}

struct AnyDevice final : BlockDevice {
    const Geometry& geometry() const override { return any; }
    bool up() const override { return true; }
    Incarnation incarnation() const override { return {}; }
    void submit(Request&) override {}
    void close(std::function<void()>) override {}
    Geometry any;
};

/// M7: a start that goes on with the generation of a member notes it, and ends. Another head that knows nothing of that
/// raises the revision of the same record by as much.
TEST(MirrorOpening, M7AnotherHeadThatCameToTheSameRevisionIsSeen) {
    const Id generation{{7}};
    const Epoch here{5, Id{{1}}};
    AnyDevice device;
    Vertex mirror;
    mirror.children.push_back(std::make_unique<Vertex>());
    mirror.children[0]->device = &device;
    Record lies;
    lies.generation_id = generation;
    lies.revision = 34;
    lies.epoch = {4, Id{{2}}};
    lies.members.emplace_back().number = 1;
    lies.members[0].state = MemberState::in_sync;
    MirrorOpening opening;
    opening.choice.record = lies;
    opening.views.resize(1);
    opening.views[0].number = 1;
    opening.views[0].record = lies;
    opening.used = 1;

    // By an order, another line of which the member is not.
    Record noted = lies;
    noted.generation_id = Id{{9}};
    noted.lineage = {Id{{6}}};
    noted.members[0].state = MemberState::dirty;
    opening.note(noted, mirror, here);

    EXPECT_FALSE(went_on(noted, lies)) << "the attempt has not reached it";
    const Record begun = opening.start_record(mirror, here);
    EXPECT_FALSE(went_on(noted, begun)) << "the attempt has reached it";
    const Record other = opening.start_record(mirror, {6, Id{{3}}});
    EXPECT_EQ(other.revision, begun.revision);
    EXPECT_TRUE(went_on(noted, other));
    EXPECT_TRUE(went_on(noted, opening.start_record(mirror, {6, here.head}))) << "a later one that noted nothing";
}

}  // namespace
}  // namespace dst
