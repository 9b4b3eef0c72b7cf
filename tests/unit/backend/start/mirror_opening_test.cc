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

}  // namespace
}  // namespace dst
