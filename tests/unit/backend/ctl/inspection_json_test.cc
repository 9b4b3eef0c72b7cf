#include "ctl/inspection_json.h"

#include <gmock/gmock.h>

#include "support/inspected.h"
#include "support/schema.h"

namespace dst::ctl {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

MediumInspection disk() {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write_record(leaf_bytes, filled_record());
    MediumInspection found{.name = "/dev/sdb", .size_bytes = leaf_bytes, .label_state = LabelState::valid};
    found.label = sample_label();
    found.mirrors = inspect_mirrors(leaf, leaf_bytes, *found.label);
    return found;
}

/// With every key that there is.
Inspection everything() {
    const Error error{Errc::not_found, "there is no such file"};
    MediumInspection netnode{.name = "n:1/d", .netnode = true, .label_state = LabelState::damaged, .label_fault = "x"};
    netnode.live = LiveHead{{4, make_id(3)}, "tgtd[7] on alpha"};
    JournalInspection journal{.path = "/var/lib/dst/vol0.journal", .journal = filled_journal()};
    return {.media = {disk(), {.name = "/dev/sdc", .error = error}, netnode},
            .journals = {journal, {.path = "/none", .error = error}}};
}

TEST(InspectionJson, HoldsWhatTheSchemaDemands) {
    EXPECT_THAT(schema_violations("inspect.json", inspection_to_json(everything())), IsEmpty());
}

TEST(InspectionJson, HasTheSchemasKeysAndNoOthers) {
    EXPECT_THAT(schema_differences("inspect.json", inspection_to_json(everything())), IsEmpty());
}

TEST(InspectionJson, SchemaNoticesAMissingKey) {
    Inspection found{.media = {disk()}};
    for (const char* key : {"size_bytes", "mirrors", "label_state"}) {
        auto json = inspection_to_json(found);
        json["media"].as_array()[0].as_object().erase(key);
        EXPECT_THAT(schema_violations("inspect.json", json), SizeIs(1)) << key;
    }
}

TEST(InspectionJson, SchemaKnowsWhatAMemberMayHave) {
    auto json = inspection_to_json({.journals = {{.journal = filled_journal()}}});
    auto& member = json["journals"].as_array()[0].as_object()["records"].as_array()[0].as_object()["members"];
    member.as_array()[1].as_object()["may_have"].as_array()[0].as_object().erase("known_to");
    EXPECT_THAT(schema_violations("inspect.json", json), SizeIs(1));
}

}  // namespace
}  // namespace dst::ctl
