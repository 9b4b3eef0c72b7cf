#include <gmock/gmock.h>

#include "support/parse.h"

namespace dst::yaml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

TEST(StorageFile, ShortFormsAreRead) {
    spec::Storage storage = good_storage(
        "storage: vol0\n"
        "tree:\n"
        "  mirror:\n"
        "    - netnode: node1.example:7790/disk0      # host:port/export\n"
        "    - netnode: \"[2001:db8::2]:7790/disk0\"\n"
        "    - linear:\n"
        "        - disk: /dev/sdb\n"
        "        - disk: /dev/sdc\n");
    EXPECT_EQ(storage.name, "vol0");
    EXPECT_EQ(storage.journal, "/state/vol0.journal");
    EXPECT_EQ(storage.file, "file.yaml");
    EXPECT_EQ(storage.policy, spec::Policy{});
    EXPECT_EQ(storage.tree.name, "mirror0");
    const auto& mirror = std::get<spec::Mirror>(storage.tree.what);
    EXPECT_FALSE(mirror.region_bytes.has_value());
    ASSERT_EQ(mirror.members.size(), 3u);
    EXPECT_EQ(mirror.members[0].name, "node1.example:7790/disk0");
    EXPECT_EQ(std::get<spec::Netnode>(mirror.members[0].what),
              (spec::Netnode{.address = "node1.example", .port = 7790, .export_name = "disk0"}));
    EXPECT_EQ(mirror.members[1].name, "[2001:db8::2]:7790/disk0");
    EXPECT_EQ(std::get<spec::Netnode>(mirror.members[1].what).address, "2001:db8::2");
    EXPECT_EQ(mirror.members[2].name, "linear0");
    const auto& linear = std::get<spec::Linear>(mirror.members[2].what);
    ASSERT_EQ(linear.children.size(), 2u);
    EXPECT_EQ(linear.children[1].name, "/dev/sdc");
    EXPECT_EQ(std::get<spec::Disk>(linear.children[1].what).path, "/dev/sdc");
}

TEST(StorageFile, LongFormsAreRead) {
    spec::Storage storage = good_storage(
        "storage: vol0\n"
        "tree:\n"
        "  mirror:\n"
        "    name: m0\n"
        "    region: 16MiB\n"
        "    members:\n"
        "      - netnode: {address: node1.example, port: 7790, export: disk0, connections: 2, name: far, read: avoid}\n"
        "      - disk: {path: /dev/vg0/vol0, read: prefer, name: near}\n"
        "      - linear: {name: both, children: [disk: /dev/sdb]}\n");
    EXPECT_EQ(storage.tree.name, "m0");
    const auto& mirror = std::get<spec::Mirror>(storage.tree.what);
    EXPECT_EQ(mirror.region_bytes, 16u << 20);
    EXPECT_EQ(mirror.members.at(0).name, "far");
    EXPECT_EQ(mirror.members.at(0).read, spec::ReadPreference::avoid);
    EXPECT_EQ(std::get<spec::Netnode>(mirror.members[0].what).connections, 2u);
    EXPECT_EQ(mirror.members.at(1).name, "near");
    EXPECT_EQ(mirror.members.at(1).read, spec::ReadPreference::prefer);
    EXPECT_EQ(mirror.members.at(2).name, "both");
}

TEST(StorageFile, NodesKnowTheirPlace) {
    spec::Storage storage = good_storage("storage: vol0\ntree:\n  mirror:\n    - disk: /a\n    - disk: {path: /b}\n");
    EXPECT_EQ(storage.tree.position, (spec::Position{3, 3}));
    const auto& mirror = std::get<spec::Mirror>(storage.tree.what);
    EXPECT_EQ(mirror.members.at(0).position, (spec::Position{4, 7}));
    EXPECT_EQ(mirror.members.at(1).position, (spec::Position{5, 7}));
}

TEST(StorageFile, UnnamedInnerNodesAreNumberedInReadingOrder) {
    spec::Storage storage = good_storage(with_tree("{linear: [mirror: [disk: /a], mirror: [disk: /b]]}"));
    EXPECT_EQ(storage.tree.name, "linear0");
    const auto& linear = std::get<spec::Linear>(storage.tree.what);
    EXPECT_EQ(linear.children.at(0).name, "mirror0");
    EXPECT_EQ(linear.children.at(1).name, "mirror1");
}

TEST(StorageFile, RangesIncludeTheirEnds) {
    EXPECT_EQ(good_storage(with_policy("{member_timeout: 1s}")).policy.member_timeout, 1s);
    EXPECT_EQ(good_storage(with_policy("{member_timeout: 1m}")).policy.member_timeout, 60s);
}

TEST(StorageFile, EveryPolicyKeyIsRead) {
    spec::Policy policy =
        good_storage(with_policy("{member_timeout: 1500ms, on_loss: {hold: 5s, give_up: 1h}, replace: "
                                 "never, write_cache: off, takeover: auto, resync: {rate: 100MiB/s, "
                                 "min_rate: 20MB/s, parallel: 64}}"))
            .policy;
    spec::Policy expected{.member_timeout = 1500ms,
                          .on_loss = {5s, 1h},
                          .replace = spec::Replace::never,
                          .write_cache = false,
                          .takeover = spec::Takeover::automatic,
                          .resync = {100ull << 20, 20'000'000, 64}};
    EXPECT_EQ(policy, expected);
}

TEST(StorageFile, ResyncRateMaxIsNoLimit) {
    EXPECT_EQ(good_storage(with_policy("{resync: {rate: max}}")).policy.resync.rate_bytes_per_second, std::nullopt);
}

TEST(StorageFile, DefaultMinRateYieldsToASlowerRate) {
    EXPECT_EQ(good_storage(with_policy("{resync: {rate: 2MiB/s}}")).policy.resync.min_rate_bytes_per_second, 2u << 20);
}

TEST(StorageFile, GivenJournalIsKept) {
    EXPECT_EQ(good_storage("storage: v\ntree: {disk: /a}\njournal: /x/y\n").journal, "/x/y");
}

TEST(StorageFile, ByteOrderMarkAndCrLfAreTaken) {
    EXPECT_EQ(good_storage("\xef\xbb\xbfstorage: v\r\ntree:\r\n  disk: /a\r\n").name, "v");
}

TEST(StorageFile, MissingKeysAreNamedWithAnExample) {
    EXPECT_THAT(storage_mistakes("policy: {}\n"),
                ElementsAre("1:1: a storage file without \"storage\"; it needs one, such as storage: vol0",
                            HasSubstr("1:1: a storage file without \"tree\"")));
}

TEST(StorageFile, EveryMistakeIsReportedSortedByPosition) {
    EXPECT_THAT(storage_mistakes("jurnal: /x\n"
                                 "policy: {member_timeout: 8, replace: maybe}\n"
                                 "tree:\n"
                                 "  mirror:\n"
                                 "    - disk: sdb\n"
                                 "    - netnode: node1/disk0\n"
                                 "storage: -bad\n"),
                ElementsAre(StartsWith("1:1: the unknown key \"jurnal\"; did you mean \"journal\"? "),
                            StartsWith("2:26: \"8\" has no unit; a time from 1s to 60s"),
                            "2:38: \"maybe\"; blank or never would be right",
                            "5:13: \"sdb\" is a relative path; an absolute path such as /dev/sdb would be right",
                            StartsWith("6:16: \"node1/disk0\" has no port; host:port/export"),
                            StartsWith("7:10: \"-bad\"; a storage name of at most 63")));
}

TEST(StorageFile, RootThatIsNoMappingIsTheOnlyMistake) {
    EXPECT_THAT(storage_mistakes("just words\n"),
                ElementsAre("1:1: \"just words\"; a storage file with the keys storage, tree, policy and journal would "
                            "be right"));
    EXPECT_THAT(storage_mistakes("- a\n- b\n"), ElementsAre(StartsWith("1:1: a list; a storage file")));
}

TEST(StorageFile, EmptyValuesStandAtTheirKey) {
    EXPECT_THAT(storage_mistakes("storage:\ntree:\njournal:\npolicy:\n"),
                ElementsAre(StartsWith("1:1: nothing; a storage name"), StartsWith("2:1: nothing; one node"),
                            StartsWith("3:1: nothing; an absolute path"), StartsWith("4:1: nothing; `policy`")));
}

TEST(StorageFile, WrongKindsOfValueAreNamed) {
    EXPECT_THAT(storage_mistakes("storage: [a]\ntree: {disk: /a}\njournal: {}\npolicy: 7\n"),
                ElementsAre(StartsWith("1:10: a list; a storage name"), StartsWith("3:10: an empty mapping; an abs"),
                            StartsWith("4:9: \"7\"; `policy` with the keys member_timeout")));
}

TEST(StorageFile, NetnodeFileIsToldFromAStorageFile) {
    EXPECT_THAT(storage_mistakes("listen: [\"0.0.0.0:7790\"]\nexports: {}\n").size(), 4u);
}

struct PolicyCase {
    const char* name;
    const char* policy;
    const char* mistake;
};

class WrongPolicy : public testing::TestWithParam<PolicyCase> {};

TEST_P(WrongPolicy, IsReportedWithWhatWouldBeRight) {
    EXPECT_THAT(storage_mistakes(with_policy(GetParam().policy)), ElementsAre(HasSubstr(GetParam().mistake)));
}

INSTANTIATE_TEST_SUITE_P(
    StorageFile, WrongPolicy,
    testing::Values(
        PolicyCase{"TimeoutTooShort", "{member_timeout: 999ms}", "3:26: \"999ms\" is too short; a time from 1s to 60s"},
        PolicyCase{"TimeoutTooLong", "{member_timeout: 61s}", "\"61s\" is too long"},
        PolicyCase{"TimeoutUnknownUnit", "{member_timeout: 8sec}", "has the unknown unit \"sec\" (units are ms, s, m"},
        PolicyCase{"TimeoutUnitInWrongCase", "{member_timeout: 8S}", "has the unknown unit \"S\" (s?)"},
        PolicyCase{"TimeoutOverflows", "{member_timeout: 99999999999999999999s}", "is too large"},
        PolicyCase{"TimeoutOverflowsByItsUnit", "{member_timeout: 18446744073709551615h}", "is too large"},
        PolicyCase{"TimeoutNegative", "{member_timeout: -8s}", "\"-8s\"; a time from"},
        PolicyCase{"TimeoutFraction", "{member_timeout: 1.5s}", "is not a whole number"},
        PolicyCase{"HoldTooLong", "{on_loss: {hold: 26s}}", "\"26s\" is too long; a time from 1s to 25s"},
        PolicyCase{"GiveUpTooLong", "{on_loss: {give_up: 61m}}", "\"61m\" is too long; a time from 1s to 1h"},
        PolicyCase{"GiveUpShorterThanHold", "{on_loss: {hold: 10s, give_up: 9s}}",
                   "3:40: \"9s\" is shorter than `hold`, which is 10s"},
        PolicyCase{"GiveUpShorterThanDefaultHold", "{on_loss: {give_up: 15s}}", "shorter than `hold`, which is 20s"},
        PolicyCase{"OnLossNoMapping", "{on_loss: 20s}", "\"20s\"; `on_loss` with the keys hold and give_up"},
        PolicyCase{"WriteCache", "{write_cache: maybe}", "\"maybe\"; on or off would be right"},
        PolicyCase{"Takeover", "{takeover: automatic}", "\"automatic\"; ask or auto would be right"},
        PolicyCase{"RateWithoutPerSecond", "{resync: {rate: 10MiB}}", "is a size and not a rate (/s is missing)"},
        PolicyCase{"RateWithoutUnit", "{resync: {rate: 10/s}}", "\"10/s\" has no unit; max, or a rate from 1MiB/s"},
        PolicyCase{"RateTooSmall", "{resync: {min_rate: 1KiB/s}}", "is too small"},
        PolicyCase{"MinRateMax", "{resync: {min_rate: max}}", "\"max\""},
        PolicyCase{"MinRateAboveRate", "{resync: {rate: 5MiB/s, min_rate: 6MiB/s}}",
                   "\"6MiB/s\" is more than `rate`, which is 5MiB/s"},
        PolicyCase{"ParallelZero", "{resync: {parallel: 0}}", "\"0\" is too small; a number from 1 to 64"},
        PolicyCase{"ParallelTooMany", "{resync: {parallel: 65}}", "\"65\" is too large"},
        PolicyCase{"ParallelNoNumber", "{resync: {parallel: 4x}}", "\"4x\"; a number from 1 to 64"},
        PolicyCase{"ParallelOverflows", "{resync: {parallel: 99999999999}}", "is too large"},
        PolicyCase{"UnknownKey", "{member_timeot: 8s}",
                   "3:10: the unknown key \"member_timeot\"; did you mean "
                   "\"member_timeout\"?"},
        PolicyCase{"KeyWithDash", "{write-cache: on}", "did you mean \"write_cache\"?"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace dst::yaml
