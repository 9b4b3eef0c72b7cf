#include <gmock/gmock.h>

#include "support/parse.h"

namespace dst::yaml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Tree, NestsInEveryWay) {
    EXPECT_THAT(storage_mistakes(with_tree("{linear: [{mirror: [{linear: [{disk: /a}, {disk: /b}]}, {disk: /c}]}, "
                                           "{netnode: \"n:1/x\"}]}")),
                IsEmpty());
}

TEST(Tree, SingleLeafIsATree) { EXPECT_EQ(good_storage(with_tree("{disk: /dev/sdb}")).tree.name, "/dev/sdb"); }

TEST(Tree, LongFormNetnodeTakesIpv6WithAndWithoutBrackets) {
    for (const char* address : {"\"::1\"", "\"[::1]\""}) {
        auto storage =
            good_storage(with_tree("{netnode: {address: " + std::string(address) + ", port: 1, export: d}}"));
        EXPECT_EQ(std::get<spec::Netnode>(storage.tree.what).address, "::1");
        EXPECT_EQ(storage.tree.name, "[::1]:1/d");
    }
}

TEST(Tree, SameDiskTwiceIsAMistakeHoweverItIsWritten) {
    EXPECT_THAT(storage_mistakes(with_tree("{mirror: [{disk: /dev/sdb}, {linear: [{disk: /dev//./sdb}]}]}")),
                ElementsAre(StartsWith("2:45: the disk \"/dev//./sdb\" again; it stands in line 2 already")));
}

TEST(Tree, SameNetnodeTwiceIsAMistakeHoweverItIsWritten) {
    EXPECT_THAT(storage_mistakes(with_tree("{mirror: [{netnode: \"Node1:7790/d\"}, {netnode: {address: node1., port: "
                                           "7790, export: d}}]}")),
                ElementsAre(HasSubstr("the netnode \"node1:7790/d\" again")));
    EXPECT_THAT(
        storage_mistakes(with_tree("{mirror: [{netnode: \"[::1]:7790/d\"}, {netnode: \"[0:0::0:1]:7790/d\"}]}")),
        ElementsAre(HasSubstr("the netnode \"[::1]:7790/d\" again")));
}

TEST(Tree, SameExportNameOnAnotherPortIsAnotherMedium) {
    EXPECT_THAT(storage_mistakes(with_tree("{mirror: [{netnode: \"n:7790/d\"}, {netnode: \"n:7791/d\"}]}")), IsEmpty());
}

TEST(Tree, JournalOnAMediumIsAMistake) {
    EXPECT_THAT(storage_mistakes(with_tree("{disk: /a}") + "journal: /a\n"),
                ElementsAre(StartsWith("3:10: the journal \"/a\" again; it stands in line 2")));
}

TEST(Tree, GivenNameMayBeThatOfANodeWithoutOne) {
    for (const std::string name :
         {"127.0.0.1:13777/disk0", "[fe80::1%eth0]:7790/d", "/dev/disk/by-id/a:b c", "m@x", "a-b_c"}) {
        EXPECT_EQ(good_storage(with_tree("{disk: {path: /a, name: \"" + name + "\"}}")).tree.name, name);
    }
}

TEST(Tree, GivenNameMayNotBeThatOfAnotherLeafWithoutOne) {
    for (const char* tree : {"{mirror: [{disk: {path: /a, name: \"n:1/d\"}}, {netnode: \"n:1/d\"}]}",
                             "{mirror: [{netnode: \"n:1/d\"}, {disk: {path: /a, name: \"n:1/d\"}}]}"}) {
        EXPECT_THAT(storage_mistakes(with_tree(tree)), ElementsAre(HasSubstr("the name \"n:1/d\"")));
    }
}

TEST(Tree, GivenNameIsNoLongerThanARecordTakes) {
    const auto named = [](std::size_t bytes) {
        return storage_mistakes(with_tree("{disk: {path: /a, name: " + std::string(bytes, 'n') + "}}"));
    };
    EXPECT_THAT(named(255), IsEmpty());
    EXPECT_THAT(named(256), ElementsAre(HasSubstr("is too long")));
}

TEST(Tree, GivenNamesMustDiffer) {
    EXPECT_THAT(storage_mistakes(with_tree("{mirror: [{disk: {path: /a, name: x}}, {disk: {path: /b, name: x}}]}")),
                ElementsAre(StartsWith("2:70: the name \"x\" again; the node at line 2 has it already")));
}

TEST(Tree, GivenNameMayNotBeThatOfAnUnnamedNode) {
    EXPECT_THAT(storage_mistakes(with_tree("{linear: [{mirror: {name: mirror1, members: [{disk: /a}]}}, {mirror: "
                                           "[{disk: /b}]}]}")),
                ElementsAre(HasSubstr("the name \"mirror1\", which a node without a name gets here, again")));
}

TEST(Tree, NineMembersAreTooMany) {
    std::string members;
    for (char c = 'a'; c <= 'i'; ++c) members += std::string("\n  - disk: /") + c;
    EXPECT_THAT(storage_mistakes("storage: v\ntree:\n mirror:" + members + "\n"),
                ElementsAre("12:5: member 9 of a mirror; at most 8 members are possible"));
}

struct TreeCase {
    const char* name;
    const char* node;
    const char* mistake;
};

class WrongTree : public testing::TestWithParam<TreeCase> {};

TEST_P(WrongTree, IsReportedWithWhatWouldBeRight) {
    EXPECT_THAT(storage_mistakes(with_tree(GetParam().node)), ElementsAre(StartsWith(GetParam().mistake)));
}

INSTANTIATE_TEST_SUITE_P(
    Tree, WrongTree,
    testing::Values(
        TreeCase{"EmptyMapping", "{}", "2:7: an empty mapping; one node, such as disk: /dev/sdb"},
        TreeCase{"PlainPath", "/dev/sdb", "2:7: \"/dev/sdb\"; one node, such as disk: /dev/sdb"},
        TreeCase{"EmptyMirror", "{mirror: []}", "2:16: an empty list; a mirror's list of one node or more"},
        TreeCase{"EmptyLinear", "{linear: []}", "2:16: an empty list; a linear's list of one node or more"},
        TreeCase{"EmptyMembers", "{mirror: {members: []}}", "2:26: an empty list; a mirror's list"},
        TreeCase{"MirrorOfAScalar", "{mirror: /a}", "2:16: \"/a\"; a mirror's list"},
        TreeCase{"MirrorWithoutMembers", "{mirror: {name: m}}", "2:16: a mirror without \"members\"; it needs one"},
        TreeCase{"NothingInAList", "{mirror: [{disk: /a}, ~]}", "2:29: nothing; one node"},
        TreeCase{"UnknownKind", "{miror: [{disk: /a}]}",
                 "2:8: the unknown key \"miror\"; did you mean \"mirror\"? a node"},
        TreeCase{"OptionBesideTheKind", "{disk: /a, read: prefer}",
                 "2:18: the unknown key \"read\"; options stand inside the long form"},
        TreeCase{"TwoKinds", "{disk: /a, netnode: \"n:1/d\"}", "2:18: the key \"netnode\" beside \"disk\""},
        TreeCase{"RelativeDisk", "{disk: dev/sdb}", "2:14: \"dev/sdb\" is a relative path; an absolute path such as"},
        TreeCase{"DirectoryDisk", "{disk: /dev/}", "2:14: \"/dev/\" is a directory"},
        TreeCase{"EmptyDisk", "{disk: \"\"}", "2:14: \"\" is empty"},
        TreeCase{"DiskList", "{disk: [/a]}", "2:14: a list; an absolute path"},
        TreeCase{"DiskWithoutPath", "{disk: {read: prefer}}", "2:14: a disk without \"path\""},
        TreeCase{"DiskReadPreference", "{disk: {path: /a, read: often}}",
                 "2:31: \"often\"; automatic, prefer or avoid"},
        TreeCase{"NodeNameBegins", "{disk: {path: /a, name: -a}}", "2:31: \"-a\"; a node name of at most 255"},
        TreeCase{"NodeNameEmpty", "{disk: {path: /a, name: \"\"}}", "2:31: \"\"; a node name of at most 255"},
        TreeCase{"NodeName", "{disk: {path: /a, name: \"a b\"}}", "2:31: \"a b\"; a node name of at most 255"},
        TreeCase{"LinearWithMembers", "{linear: {children: [disk: /a], members: []}}",
                 "2:39: the unknown key \"members\"; a linear takes name, children and read"},
        TreeCase{"RegionNoPowerOfTwo", "{mirror: {region: 17MiB, members: [disk: /a]}}",
                 "2:25: \"17MiB\" is not a power of two; a power of two from 64KiB to 1GiB, such as 16MiB"},
        TreeCase{"RegionTooSmall", "{mirror: {region: 32KiB, members: [disk: /a]}}", "2:25: \"32KiB\" is too small"},
        TreeCase{"RegionTooLarge", "{mirror: {region: 2GiB, members: [disk: /a]}}", "2:25: \"2GiB\" is too large"},
        TreeCase{"RegionUnit", "{mirror: {region: 16M, members: [disk: /a]}}",
                 "2:25: \"16M\" has the unknown unit \"M\" (units are B, KiB"},
        TreeCase{"RegionUnitCase", "{mirror: {region: 16mib, members: [disk: /a]}}",
                 "2:25: \"16mib\" has the unknown unit \"mib\" (MiB?)"},
        TreeCase{"RegionOverflow", "{mirror: {region: 99999999TiB, members: [disk: /a]}}",
                 "2:25: \"99999999TiB\" is too"},
        TreeCase{"NoPort", "{netnode: node1.example/disk0}", "2:17: \"node1.example/disk0\" has no port"},
        TreeCase{"EmptyPort", "{netnode: \"node1:/disk0\"}", "2:17: \"node1:/disk0\" has no port"},
        TreeCase{"NoExport", "{netnode: \"node1:7790\"}", "2:17: \"node1:7790\" has no export"},
        TreeCase{"EmptyExport", "{netnode: \"node1:7790/\"}", "2:17: \"node1:7790/\" has no export"},
        TreeCase{"BadExport", "{netnode: \"node1:7790/a/b\"}", "2:17: \"node1:7790/a/b\" has \"a/b\" for an export"},
        TreeCase{"PortZero", "{netnode: \"n:0/d\"}", "2:17: \"n:0/d\" has \"0\" for a port"},
        TreeCase{"PortTooLarge", "{netnode: \"n:65536/d\"}", "2:17: \"n:65536/d\" has \"65536\" for a port"},
        TreeCase{"PortNoNumber", "{netnode: \"n:http/d\"}", "2:17: \"n:http/d\" has \"http\" for a port"},
        TreeCase{"NoHost", "{netnode: \":7790/d\"}", "2:17: \":7790/d\" has no address"},
        TreeCase{"BareIpv6", "{netnode: \"::1:7790/d\"}", "2:17: \"::1:7790/d\" has more than one ':'"},
        TreeCase{"BadIpv6", "{netnode: \"[::g]:7790/d\"}",
                 "2:17: \"[::g]:7790/d\" has \"::g\" for an address, which is"},
        TreeCase{"UnclosedBracket", "{netnode: \"[::1:7790/d\"}", "2:17: \"[::1:7790/d\" has no ']'"},
        TreeCase{"BracketedName", "{netnode: \"[node]:7790/d\"}",
                 "2:17: \"[node]:7790/d\" has brackets around what is"},
        TreeCase{"BadIpv4", "{netnode: \"192.0.2.256:7790/d\"}",
                 "2:17: \"192.0.2.256:7790/d\" has \"192.0.2.256\" for"},
        TreeCase{"BadName", "{netnode: \"no_de-:7790/d\"}", "2:17: \"no_de-:7790/d\" has \"no_de-\" for an address"},
        TreeCase{"LongNetnodeWithoutPort", "{netnode: {address: n, export: d}}", "2:17: a netnode without \"port\""},
        TreeCase{"LongNetnodeWithoutAddress", "{netnode: {port: 1, export: d}}", "2:17: a netnode without \"address\""},
        TreeCase{"LongNetnodeWithoutExport", "{netnode: {port: 1, address: n}}", "2:17: a netnode without \"export\""},
        TreeCase{"AddressWithPort", "{netnode: {address: \"n:1\", port: 1, export: d}}",
                 "2:27: \"n:1\" is no address alone (the port has a key of its own)"},
        TreeCase{"ConnectionsZero", "{netnode: {address: n, port: 1, export: d, connections: 0}}",
                 "2:63: \"0\" is too small; a number from 1 to 8"},
        TreeCase{"ConnectionsTooMany", "{netnode: {address: n, port: 1, export: d, connections: 9}}",
                 "2:63: \"9\" is too large"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace dst::yaml
