#include "ctl/tree_text.h"

#include <gtest/gtest.h>

#include "yaml/load.h"

namespace dst::ctl {
namespace {

std::string drawn(const std::string& tree) {
    auto loaded = yaml::parse_storage("storage: vol0\ntree: " + tree + "\n", "f");
    const auto* mistakes = std::get_if<std::vector<yaml::Mistake>>(&loaded);
    if (mistakes != nullptr) return yaml::to_string(*mistakes);
    return tree_text(std::get<spec::Storage>(loaded));
}

TEST(TreeText, DrawsNestedTrees) {
    EXPECT_EQ(drawn("{linear: [{mirror: [{disk: /a}, {disk: /b}]}, {netnode: \"n:1/c\"}]}"),
              "vol0\n"
              "└─ linear0\n"
              "   ├─ mirror0\n"
              "   │  ├─ /a   disk\n"
              "   │  └─ /b   disk\n"
              "   └─ n:1/c   netnode\n");
}

TEST(TreeText, NamesOptionsThatWereGiven) {
    EXPECT_EQ(drawn("{mirror: {name: m0, region: 16MiB, members: [{disk: {path: /a, name: near, read: prefer}}, "
                    "{netnode: {address: \"::1\", port: 1, export: c, connections: 2, read: avoid}}]}}"),
              "vol0\n"
              "└─ mirror m0      regions of 16.0 MiB\n"
              "   ├─ near        disk  /a  read: prefer\n"
              "   └─ [::1]:1/c   netnode  2 connections  read: avoid\n");
}

TEST(TreeText, DrawsASingleLeaf) { EXPECT_EQ(drawn("{disk: /dev/sdb}"), "vol0\n└─ /dev/sdb   disk\n"); }

}  // namespace
}  // namespace dst::ctl
