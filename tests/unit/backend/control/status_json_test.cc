#include "control/status_json.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>

namespace dst {
namespace {

namespace json = boost::json;

VertexStatus leaf(std::string name, VertexState state, std::string reason = {}) {
    VertexStatus vertex;
    vertex.kind = VertexKind::netnode;
    vertex.name = std::move(name);
    vertex.state = state;
    vertex.reason = std::move(reason);
    vertex.size_bytes = 10'737'418'240;
    return vertex;
}

StorageStatus sample() {
    StorageStatus status;
    status.storage = "vol0";
    status.state = StorageState::degraded;
    status.reason = "one member is resyncing";
    status.size_bytes = 10'737'418'240;
    status.logical_block_bytes = 512;
    status.id = *parse_id("3f6c9a12000000000000000000000001");
    status.generation = 7;
    status.epoch = 4;
    status.head = "tgtd[1234]";
    VertexStatus mirror;
    mirror.kind = VertexKind::mirror;
    mirror.name = "m0";
    mirror.state = VertexState::up;
    mirror.size_bytes = 10'737'418'240;
    mirror.children = {leaf("node1.example:7790/disk0", VertexState::in_sync),
                       leaf("node2.example:7790/disk0", VertexState::resyncing, "was unreachable")};
    mirror.children[0].last_error = "read 0+512: input/output error";
    mirror.children[1].resync = ResyncProgress{58, 100, 7};
    status.tree = mirror;
    return status;
}

std::string mistake_of(const json::value& value) {
    const auto parsed = status_from_json(value);
    return parsed ? "" : parsed.error().text;
}

TEST(StatusJson, CarriesEveryKeyThatTheSchemaRequires) {
    const json::object object = status_to_json(sample());
    for (const char* key :
         {"storage", "state", "size_bytes", "logical_block_bytes", "age", "epoch", "head", "reason"}) {
        EXPECT_TRUE(object.contains(key)) << key;
    }
    EXPECT_EQ(object.at("age").at("id"), "3f6c9a12000000000000000000000001");
    EXPECT_EQ(object.at("age").at("generation").to_number<int>(), 7);
    EXPECT_EQ(object.at("tree").at("children").as_array().size(), 2u);
}

TEST(StatusJson, NamesStatesAsTheDocumentationDoes) {
    EXPECT_EQ(status_to_json(sample()).at("state"), "degraded");
    EXPECT_EQ(status_to_json(sample()).at("tree").at("children").at(0).at("state"), "in_sync");
    EXPECT_EQ(to_token(VertexKind::linear), "linear");
    EXPECT_EQ(to_token(StorageState::split), "split");
}

TEST(StatusJson, ShowsProgressOnlyWhereAResyncRuns) {
    const json::object object = status_to_json(sample());
    const json::array& children = object.at("tree").at("children").as_array();
    EXPECT_FALSE(children[0].as_object().contains("resync"));
    EXPECT_EQ(children[1].at("resync").at("done_bytes").to_number<int>(), 58);
}

TEST(StatusJson, ComesBackAsItWas) {
    const StorageStatus status = sample();
    const json::value text = json::parse(json::serialize(status_to_json(status)));
    const auto parsed = status_from_json(text);
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(json::serialize(status_to_json(*parsed)), json::serialize(status_to_json(status)));
    EXPECT_EQ(parsed->state, StorageState::degraded);
    EXPECT_EQ(parsed->tree->children[1].state, VertexState::resyncing);
    EXPECT_EQ(parsed->tree->children[1].resync->total_bytes, 100u);
}

TEST(StatusJson, ComesBackWithoutATree) {
    StorageStatus status = sample();
    status.tree.reset();
    const auto parsed = status_from_json(status_to_json(status));
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->tree.has_value());
}

TEST(StatusJson, KeepsSizesBeyondThirtyTwoAndSixtyThreeBits) {
    StorageStatus status = sample();
    status.size_bytes = 0xffff'ffff'ffff'f000u;
    const auto parsed = status_from_json(json::parse(json::serialize(status_to_json(status))));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->size_bytes, 0xffff'ffff'ffff'f000u);
}

TEST(StatusJson, NamesTheMissingKey) {
    json::object object = status_to_json(sample());
    object.erase("epoch");
    EXPECT_NE(mistake_of(object).find("epoch"), std::string::npos);
}

TEST(StatusJson, RefusesAWrongType) {
    json::object object = status_to_json(sample());
    object["size_bytes"] = "big";
    EXPECT_NE(mistake_of(object).find("size_bytes"), std::string::npos);
    object["size_bytes"] = 1.5;
    EXPECT_NE(mistake_of(object).find("size_bytes"), std::string::npos);
    object["size_bytes"] = -1;
    EXPECT_NE(mistake_of(object).find("size_bytes"), std::string::npos);
}

TEST(StatusJson, RefusesAnUnknownState) {
    json::object object = status_to_json(sample());
    object["state"] = "splendid";
    EXPECT_NE(mistake_of(object).find("splendid"), std::string::npos);
}

TEST(StatusJson, RefusesAMistakeDeepInTheTree) {
    json::object object = status_to_json(sample());
    object["tree"].as_object()["children"].as_array()[1].as_object()["kind"] = 3;
    EXPECT_NE(mistake_of(object).find("kind"), std::string::npos);
}

TEST(StatusJson, RefusesABlockSizeThatDoesNotFit) {
    json::object object = status_to_json(sample());
    object["logical_block_bytes"] = std::uint64_t{1} << 32;
    EXPECT_FALSE(mistake_of(object).empty());
}

TEST(StatusJson, RefusesATreeThatIsTooDeep) {
    json::object object = status_to_json(sample());
    json::value vertex = status_to_json(sample()).at("tree").at("children").at(0);
    for (int depth = 0; depth < 70; ++depth) {
        json::object parent = vertex.as_object();
        parent["children"] = json::array{vertex};
        vertex = std::move(parent);
    }
    object["tree"] = vertex;
    EXPECT_NE(mistake_of(object).find("deep"), std::string::npos);
}

TEST(StatusJson, IgnoresKeysOfANewerHead) {
    json::object object = status_to_json(sample());
    object["weather"] = "fine";
    EXPECT_EQ(mistake_of(object), "");
}

TEST(StatusJson, RefusesWhatIsNoObject) { EXPECT_FALSE(mistake_of(json::parse("[1]")).empty()); }

}  // namespace
}  // namespace dst
