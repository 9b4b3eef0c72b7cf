#include "ctl/inspection_json.h"

#include <gmock/gmock.h>

#include <boost/json/serialize.hpp>

#include "support/inspected.h"
#include "support/schema.h"

namespace dst::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

MediumInspection disk() {
    MemoryLeaf leaf = mirror_leaf();
    leaf.write_record(leaf_bytes, filled_record());
    MediumInspection found{.name = "/dev/sdb", .size_bytes = leaf_bytes, .label_state = LabelState::valid};
    found.label = sample_label();
    found.label_copies = {{{CopyState::good, 9}, {CopyState::good, 9}}};
    found.take(inspect_mirrors(leaf, leaf_bytes, found.label));
    return found;
}

/// With every key that there is.
Inspection everything() {
    const Error error{Errc::not_found, "there is no such file"};
    MediumInspection netnode{
        .name = "n:1/d", .kind = MediumKind::netnode, .label_state = LabelState::damaged, .label_fault = "x"};
    netnode.lost_record = LostRecord{{{{CopyState::other_version, 9, 2}, {}}}, error};
    MediumInspection other{.name = "/dev/sdd", .label_state = LabelState::absent};
    other.lost_record = LostRecord{.storage = make_id(7)};
    netnode.live = LiveHead{{4, make_id(3)}, "tgtd[7] on alpha"};
    MediumInspection above{.name = "tree vol0", .kind = MediumKind::tree, .label_state = LabelState::valid};
    above.label = sample_label();
    above.size_bytes = leaf_bytes + label_area_bytes;
    above.label_copies = {{{CopyState::good, 9}, {CopyState::damaged}}};
    above.label_fault = "one of the two copies is bad";
    above.mirrors = disk().mirrors;
    above.lost_record = other.lost_record;
    other.above = {above, {.name = "tree", .kind = MediumKind::tree, .label_copies = CopyInspections{}}};
    JournalInspection journal{
        .path = "/var/lib/dst/vol0.journal", .file = JournalFile::made, .journal = filled_journal()};
    journal.copies = {{{CopyState::good, 21}, {CopyState::damaged}}};
    return {.media = {disk(), {.name = "/dev/sdc", .error = error}, netnode, other},
            .journals = {journal, {.path = "/none", .error = error}},
            .incarnations = {
                {.path = "/run/a", .error = error},
                {.path = "/run/b", .medium = "/b", .kept = KeptIncarnation{make_id(1), make_id(2), true, mib}}}};
}

/// Of the leaf with this record on it.
std::string text_of(MemoryLeaf leaf, const Record& record) {
    leaf.write_record(leaf_bytes, record);
    const Inspection found{.media = {{.mirrors = inspect_mirrors(leaf, leaf_bytes, sample_label()).mirrors}}};
    return boost::json::serialize(inspection_to_json(found));
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
    auto json = inspection_to_json({.journals = {{.file = JournalFile::made, .journal = filled_journal()}}});
    auto& member = json["journals"].as_array()[0].as_object()["records"].as_array()[0].as_object()["members"];
    member.as_array()[1].as_object()["may_have"].as_array()[0].as_object().erase("known_to");
    EXPECT_THAT(schema_violations("inspect.json", json), SizeIs(1));
}

TEST(InspectionJson, TellsWhatAnOrderGivesUp) {
    const std::string text = boost::json::serialize(inspection_to_json(everything()));
    EXPECT_THAT(text, HasSubstr(R"("discards":[{"mirror":"05050505050505050505050505050505","member":2},)"
                                R"({"mirror":"50505050505050505050505050505050","member":1}])"));
    EXPECT_THAT(text, HasSubstr(R"("file":"0000000000001267")"));
}

TEST(InspectionJson, TellsAnIncarnation) {
    EXPECT_THAT(boost::json::serialize(inspection_to_json(everything())),
                HasSubstr(R"({"path":"/run/b","medium":"/b","basis":"01010101010101010101010101010101","random":)"
                          R"("02020202020202020202020202020202","mark":true,"size_bytes":1048576}])"));
}

TEST(InspectionJson, TellsTheCopiesOfAJournalThatDoesNotCount) {
    JournalInspection found{.path = "/j", .file = JournalFile::made, .error = Error{Errc::corrupt, "x"}};
    found.copies[0].state = CopyState::damaged;
    const auto json = inspection_to_json({.journals = {found}});
    EXPECT_THAT(schema_violations("inspect.json", json), IsEmpty());
    EXPECT_THAT(boost::json::serialize(json),
                HasSubstr(R"("file_state":"made","copies":[{"state":"damaged"},{"state":"empty"}]}])"));
}

TEST(InspectionJson, TellsWhyTheCopiesOfALostRecordDoNotCount) {
    const std::string text = boost::json::serialize(inspection_to_json(everything()));
    EXPECT_THAT(text, HasSubstr(R"("lost_record":{"copies":[{"state":"other_version","version":2,"sequence":9},)"
                                R"({"state":"empty"}],"error":{"code":"not-found","text":"there is no such file"}})"));
    EXPECT_THAT(text, HasSubstr(R"("of_storage":"07070707070707070707070707070707")"));
}

TEST(InspectionJson, TellsTheTreesAboveAMedium) {
    const std::string text = boost::json::serialize(inspection_to_json(everything()));
    EXPECT_THAT(text, HasSubstr(R"("above":[{"name":"tree vol0","kind":"tree","size_bytes":16842752,)"
                                R"("may_be_old":false,"label_state":"valid","label_fault":"one of )"));
    EXPECT_THAT(text, HasSubstr(R"({"name":"tree","kind":"tree","may_be_old":false,"label_state":"absent",)"));
}

TEST(InspectionJson, TellsAllOfAMapsSlots) {
    const std::string text = boost::json::serialize(inspection_to_json(everything()));
    EXPECT_THAT(text, HasSubstr(R"("slots":[{"good":true,"set_regions":3,"copies":[{"state":"good","sequence":1},)"
                                R"({"state":"good","sequence":2}],"header":{"mirror":)"
                                R"("05050505050505050505050505050505","kind":"owed","member":2,"slot":0,)"
                                R"("region_bytes":1048576,"regions":16,"revision":12,"sequence":2}}])"));
}

TEST(InspectionJson, TellsWhichRegionsOfAMapAreSet) {
    EXPECT_THAT(text_of(mirror_leaf(), sample_record(leaf_bytes)),
                HasSubstr(R"("set_regions":3,"set":[{"first":4,"count":2},{"first":8,"count":1}],)"
                          R"("region_bytes":1048576,)"));
}

TEST(InspectionJson, TellsThatNothingIsKnownOfWhatAMemberIsOwed) {
    EXPECT_THAT(text_of(MemoryLeaf(), sample_record(leaf_bytes)),
                HasSubstr(R"({"kind":"owed","good":false,"stale":false,"counts":true,"everything":true,"regions":16,)"
                          R"("set_regions":16,)"));
}

TEST(InspectionJson, TellsThatTheSetRegionsOfAMapAreWhatIsOwed) {
    EXPECT_THAT(text_of(mirror_leaf(), sample_record(leaf_bytes)),
                HasSubstr(R"({"kind":"owed","good":true,"stale":false,"counts":true,"everything":false,"regions":16,)"
                          R"("set_regions":3,)"));
}

TEST(InspectionJson, TellsThatNobodyKnowsWhatAMemberLacks) {
    Record record = sample_record(leaf_bytes);
    record.members[1].last_generation = {};
    EXPECT_THAT(text_of(mirror_leaf(), record),
                HasSubstr(R"({"kind":"owed","good":true,"stale":false,"counts":true,"everything":true,)"));
}

TEST(InspectionJson, TellsThatTheMapOfAMemberInSyncDoesNotCount) {
    Record record = sample_record(leaf_bytes);
    record.members[1].state = MemberState::in_sync;
    record.members[1].last_generation = {};
    EXPECT_THAT(text_of(mirror_leaf(), record),
                HasSubstr(R"({"kind":"owed","good":true,"stale":false,"counts":false,"everything":false,)"));
    EXPECT_THAT(text_of(MemoryLeaf(), record),
                HasSubstr(R"({"kind":"owed","good":false,"stale":false,"counts":false,"everything":false,)"));
}

TEST(InspectionJson, TellsThatAStaleMapDoesNotCount) {
    MemoryLeaf leaf = mirror_leaf();
    const Record record = sample_record(leaf_bytes);
    leaf.write_map(2, record, {record.mirror, MapKind::owed, 3}, RegionMap(16, region_bytes));
    EXPECT_THAT(text_of(leaf, record),
                HasSubstr(R"({"kind":"owed","good":true,"stale":true,"counts":false,"everything":false,)"));
}

}  // namespace
}  // namespace dst::ctl
