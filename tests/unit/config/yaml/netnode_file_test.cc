#include <gmock/gmock.h>

#include "support/parse.h"

namespace dst::yaml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string listen = "listen: [\"0.0.0.0:7790\"]\n";

std::string with_export(const std::string& keys) { return listen + "exports:\n  e: " + keys + "\n"; }

TEST(NetnodeFile, DisksAndTreesAreRead) {
    spec::NetnodeFile file = good_netnode_file(
        "listen: [\"0.0.0.0:7790\", \"[::]:7790\"]\n"
        "exports:\n"
        "  disk0:\n"
        "    disk: /dev/sdb\n"
        "    allow: [192.0.2.0/24, \"2001:DB8::/32\", 198.51.100.7]\n"
        "  pool:\n"
        "    tree: {mirror: [ {disk: /dev/sdc}, {netnode: \"node3.example:7790/disk0\"} ]}\n"
        "    policy: {member_timeout: 4s}\n"
        "    journal: /var/lib/dst/other.journal\n");
    EXPECT_EQ(file.file, "file.yaml");
    EXPECT_THAT(file.listen, ElementsAre(spec::Listen{"0.0.0.0", 7790}, spec::Listen{"::", 7790}));
    ASSERT_EQ(file.exports.size(), 2u);
    EXPECT_EQ(file.exports[0].name, "disk0");
    EXPECT_EQ(file.exports[0].position, (spec::Position{3, 3}));
    EXPECT_EQ(std::get<spec::Disk>(file.exports[0].what).path, "/dev/sdb");
    ASSERT_TRUE(file.exports[0].allow.has_value());
    EXPECT_THAT(*file.exports[0].allow, ElementsAre(spec::Network{"192.0.2.0", 24}, spec::Network{"2001:db8::", 32},
                                                    spec::Network{"198.51.100.7", 32}));
    const auto& pool = std::get<spec::Storage>(file.exports[1].what);
    EXPECT_FALSE(file.exports[1].allow.has_value());
    EXPECT_EQ(pool.name, "pool");
    EXPECT_EQ(pool.file, "file.yaml");
    EXPECT_EQ(pool.journal, "/var/lib/dst/other.journal");
    EXPECT_EQ(pool.policy.member_timeout, spec::Milliseconds(4000));
    EXPECT_EQ(std::get<spec::Mirror>(pool.tree.what).members.size(), 2u);
}

TEST(NetnodeFile, JournalOfATreeComesFromTheExportsName) {
    auto file = good_netnode_file(with_export("{tree: {disk: /a}}"));
    EXPECT_EQ(std::get<spec::Storage>(file.exports.at(0).what).journal, "/state/e.journal");
}

TEST(NetnodeFile, LongFormOfADiskIsTaken) {
    auto file = good_netnode_file(with_export("{disk: {path: /a}}"));
    EXPECT_EQ(std::get<spec::Disk>(file.exports.at(0).what).path, "/a");
}

TEST(NetnodeFile, NamesMayRepeatInDifferentTrees) {
    EXPECT_THAT(
        netnode_mistakes(listen + "exports: {a: {tree: {mirror: [disk: /a]}}, b: {tree: {mirror: [disk: /b]}}}\n"),
        IsEmpty());
}

TEST(NetnodeFile, DiskOfTwoExportsIsAMistake) {
    EXPECT_THAT(netnode_mistakes(listen + "exports:\n  a: {disk: /x}\n  b: {tree: {linear: [disk: /x]}}\n"),
                ElementsAre(StartsWith("4:23: the disk \"/x\" again; it stands in line 3 already")));
}

TEST(NetnodeFile, JournalOfTwoExportsIsAMistake) {
    EXPECT_THAT(netnode_mistakes(listen + "exports:\n  a: {tree: {disk: /x}}\n"
                                          "  b: {tree: {disk: /y}, journal: /state/a.journal}\n"),
                ElementsAre(StartsWith("4:34: the journal \"/state/a.journal\" again")));
}

TEST(NetnodeFile, DuplicateExportIsAMistake) {
    EXPECT_THAT(netnode_mistakes(listen + "exports:\n  a: {disk: /x}\n  a: {disk: /y}\n"),
                ElementsAre(StartsWith("4:3: the key \"a\" again")));
}

TEST(NetnodeFile, MissingKeysAreReported) {
    EXPECT_THAT(netnode_mistakes("{}\n"),
                ElementsAre(HasSubstr("without \"listen\""), HasSubstr("without \"exports\"")));
}

TEST(NetnodeFile, StorageFileIsToldApart) {
    EXPECT_THAT(netnode_mistakes("storage: v\n"),
                ElementsAre(StartsWith("1:1: the unknown key \"storage\""), HasSubstr("without \"listen\""),
                            HasSubstr("without \"exports\"")));
}

struct ListenCase {
    const char* name;
    const char* listen;
    const char* mistake;
};

class WrongListen : public testing::TestWithParam<ListenCase> {};

TEST_P(WrongListen, IsReported) {
    std::string text = std::string("listen: ") + GetParam().listen + "\nexports: {e: {disk: /a}}\n";
    EXPECT_THAT(netnode_mistakes(text), ElementsAre(StartsWith(GetParam().mistake)));
}

INSTANTIATE_TEST_SUITE_P(
    NetnodeFile, WrongListen,
    testing::Values(ListenCase{"Empty", "[]", "1:9: an empty list; a list of addresses"},
                    ListenCase{"Scalar", "\"0.0.0.0:7790\"", "1:9: \"0.0.0.0:7790\"; a list of addresses"},
                    ListenCase{"NoPort", "[0.0.0.0]", "1:10: \"0.0.0.0\" has no port"},
                    ListenCase{"Name", "[\"localhost:7790\"]", "1:10: \"localhost:7790\" names a host"},
                    ListenCase{"PortZero", "[\"0.0.0.0:0\"]", "1:10: \"0.0.0.0:0\" has \"0\" for a port"},
                    ListenCase{"Twice", "[\"127.0.0.1:1\", \"127.0.0.1:1\"]",
                               "1:25: \"127.0.0.1:1\" is taken by 127.0.0.1:1 in the same list"},
                    ListenCase{"CoveredByAny", "[\"[::]:1\", \"[::1]:1\"]", "1:20: \"[::1]:1\" is taken by [::]:1"},
                    ListenCase{"SameInOtherWords", "[\"[::1]:1\", \"[0::0:1]:1\"]",
                               "1:21: \"[0::0:1]:1\" is taken by"}),
    [](const auto& test) { return test.param.name; });

struct ExportCase {
    const char* name;
    const char* keys;
    const char* mistake;
};

class WrongExport : public testing::TestWithParam<ExportCase> {};

TEST_P(WrongExport, IsReported) {
    EXPECT_THAT(netnode_mistakes(with_export(GetParam().keys)), ElementsAre(StartsWith(GetParam().mistake)));
}

INSTANTIATE_TEST_SUITE_P(
    NetnodeFile, WrongExport,
    testing::Values(
        ExportCase{"Nothing", "", "3:3: nothing; an export with the keys disk, tree, policy, journal and allow"},
        ExportCase{"NeitherDiskNorTree", "{allow: [::/0]}", "3:3: the export \"e\" without `disk` or `tree`"},
        ExportCase{"DiskAndTree", "{disk: /a, tree: {disk: /b}}", "3:23: `tree` beside `disk`"},
        ExportCase{"PolicyBesideDisk", "{disk: /a, policy: {}}", "3:25: `policy` beside `disk`"},
        ExportCase{"JournalBesideDisk", "{disk: /a, journal: /b}", "3:26: `journal` beside `disk`"},
        ExportCase{"RelativeDisk", "{disk: a}", "3:13: \"a\" is a relative path"},
        ExportCase{"UnknownKey", "{disk: /a, alow: [::/0]}", "3:17: the unknown key \"alow\"; did you mean \"allow\"?"},
        ExportCase{"AllowEmpty", "{disk: /a, allow: []}", "3:24: an empty list; a list of networks"},
        ExportCase{"AllowScalar", "{disk: /a, allow: 192.0.2.0/24}", "3:24: \"192.0.2.0/24\"; a list of networks"},
        ExportCase{"AllowNoAddress", "{disk: /a, allow: [example/24]}", "3:25: \"example/24\" has no IPv4 or IPv6"},
        ExportCase{"AllowName", "{disk: /a, allow: [example]}", "3:25: \"example\" is not an IPv4 or IPv6 address"},
        ExportCase{"AllowPrefixTooLong", "{disk: /a, allow: [192.0.2.0/33]}",
                   "3:25: \"192.0.2.0/33\" has \"33\" for a prefix (0 to 32)"},
        ExportCase{"AllowPrefixEmpty", "{disk: /a, allow: [192.0.2.0/]}", "3:25: \"192.0.2.0/\" has \"\" for a prefix"},
        ExportCase{"AllowHostBits", "{disk: /a, allow: [192.0.2.7/24]}",
                   "3:25: \"192.0.2.7/24\" has bits set behind the prefix (192.0.2.0/24?)"},
        ExportCase{"AllowTwice", "{disk: /a, allow: [192.0.2.0/24, 192.0.2.0/24]}", "3:39: \"192.0.2.0/24\" again"},
        ExportCase{"PolicyOfTheTree", "{tree: {disk: /a}, policy: {replace: no}}", "3:43: \"no\"; blank or never"}),
    [](const auto& test) { return test.param.name; });

TEST(NetnodeFile, ExportNamesAreChecked) {
    EXPECT_THAT(netnode_mistakes(listen + "exports: {\"a/b\": {disk: /a}}\n"),
                ElementsAre(StartsWith("2:11: \"a/b\"; an export name of at most 63")));
}

TEST(NetnodeFile, ExportsMustBeAMappingWithSomethingInIt) {
    EXPECT_THAT(netnode_mistakes(listen + "exports: {}\n"),
                ElementsAre(StartsWith("2:10: an empty mapping; a mapping")));
    EXPECT_THAT(netnode_mistakes(listen + "exports: [a]\n"), ElementsAre(StartsWith("2:10: a list; a mapping of")));
}

}  // namespace
}  // namespace dst::yaml
