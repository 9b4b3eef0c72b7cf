#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Opens and runs until the engine says that it is refused; its sentence.
std::string refusal(EngineWorld& world, const std::string& journal = "head0") {
    EngineWorld::Head& head = world.open(journal);
    EXPECT_TRUE(world.loop.run_until([&] { return head.failed.has_value(); }, std::chrono::seconds(10)))
        << head.engine->status().reason;
    EXPECT_EQ(head.serving, 0);
    return head.failed ? head.failed->text : "";
}

/// Opens, waits a while, and gives the reason why it does not serve.
std::string reason_to_wait(EngineWorld& world, const std::string& journal = "head0") {
    EngineWorld::Head& head = world.open(journal);
    world.loop.run_for(std::chrono::seconds(5));
    EXPECT_EQ(head.serving, 0);
    EXPECT_EQ(head.engine->status().state, StorageState::waiting);
    EXPECT_TRUE(head.engine->waiting());
    return head.engine->status().reason;
}

void swap_platters(EngineWorld& world, const std::string& one, const std::string& other) {
    const std::uint64_t size = world.platter(one).geometry().size_bytes;
    const Bytes first = world.platter(one).read({0, size});
    const Bytes second = world.platter(other).read({0, size});
    world.platter(one).write(0, second);
    world.platter(other).write(0, first);
}

TEST(Refuse, UnlabelledMediumIsSentToInitOnlyIfItIsNew) {
    EngineWorld world(disk_node("/a"));
    world.platter("/a");
    const std::string text = refusal(world);
    EXPECT_THAT(text, HasSubstr("/a is not labelled: it is a new disk, or one that was cut or grown"));
    EXPECT_THAT(text, HasSubstr("give it its old size back, and do not run dstctl init, which destroys what is on it"));
    EXPECT_THAT(text, HasSubstr("dstctl init with the storage's file is for new disks only"));
}

TEST(Refuse, ABlankMediumBesideLabelledOnesIsNotSentToInit) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.platter("/b").replace_blank(16u << 20);
    const std::string text = refusal(world, "another");
    EXPECT_THAT(text, HasSubstr("/b is not labelled, though the storage was initialised"));
    EXPECT_THAT(text, HasSubstr("do not run dstctl init"));
}

TEST(Refuse, AMediumThatWasGrownIsNotSentToInit) {
    for (const std::uint64_t now : {std::uint64_t{24} << 20, std::uint64_t{12} << 20}) {
        EngineWorld world(disk_node("/a"));
        ASSERT_TRUE(world.init().done);
        world.close(world.serve());
        world.platter("/a").replace_blank(now);
        const std::string text = refusal(world);
        EXPECT_THAT(text, HasSubstr("/a is not labelled, and its size has changed from 16777216 to " +
                                    std::to_string(now) + " bytes: either it was cut or grown"));
        EXPECT_THAT(text, HasSubstr("do not run dstctl init"));
    }
}

TEST(Refuse, ForeignMediumNamesItsStorage) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    world.storage.name = "vol1";
    EXPECT_THAT(refusal(world, "head1"), HasSubstr("/a belongs to the storage 'vol0'"));
}

TEST(Refuse, SaysHowToGoOnWhenNothingIsTriedAnyMore) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    swap_platters(world, "/a", "/b");
    EngineWorld::Head& refused = world.open();
    ASSERT_TRUE(world.loop.run_until([&] { return refused.failed.has_value(); }, std::chrono::seconds(30)));
    const std::string way_on =
        "when that is mended, open the storage again (remove the LUN, if it is there, and add it)";
    EXPECT_THAT(refused.failed->text, HasSubstr(way_on));
    EXPECT_THAT(refused.engine->status().reason, HasSubstr("It is looked at again until that is mended"));
    world.close(refused);
    world.outermost = false;
    EXPECT_THAT(refusal(world), Not(HasSubstr(way_on))) << "what is exported is started anew by itself";
}

TEST(Refuse, SwappedPartsOfALinearNameBoth) {
    EngineWorld world(linear_node("l0", {disk_node("/a"), disk_node("/b")}));
    ASSERT_TRUE(world.init().done);
    swap_platters(world, "/a", "/b");
    const std::string text = refusal(world);
    EXPECT_THAT(text, HasSubstr("/a carries the label of place .1, where the file names /b"));
    EXPECT_THAT(text, HasSubstr("the two are swapped"));
}

TEST(Refuse, SwappedMembersOfAMirrorNameBoth) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    swap_platters(world, "/a", "/b");
    const std::string text = refusal(world);
    EXPECT_THAT(text, HasSubstr("/a carries the label of member 2 (/b)"));
    EXPECT_THAT(text, HasSubstr("the two are swapped"));
    EXPECT_THAT(text, HasSubstr("here 'name: \"/b\"'"));
}

TEST(Refuse, MediaOfTwoMirrorsThatChangedPlacesNameBoth) {
    EngineWorld world(mirror_node("m0", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}),
                                         mirror_node("m2", {disk_node("/c"), disk_node("/d")})}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    swap_platters(world, "/a", "/c");
    world.platter("/b").set_missing(true);
    world.platter("/d").set_missing(true);
    const std::string text = reason_to_wait(world);
    EXPECT_THAT(text, HasSubstr("/a carries the label of /c"));
    EXPECT_THAT(text, HasSubstr("/c carries the label of /a"));
    EXPECT_THAT(text, HasSubstr("swapped"));
}

TEST(Refuse, ReorderedMirrorsAreTheSameStorage) {
    EngineWorld world(mirror_node("m0", {mirror_node("m1", {disk_node("/a"), disk_node("/b")}),
                                         mirror_node("m2", {disk_node("/c"), disk_node("/d")})}));
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.storage.tree = mirror_node("m0", {mirror_node("m1", {disk_node("/c"), disk_node("/d")}),
                                            mirror_node("m2", {disk_node("/a"), disk_node("/b")})});
    EXPECT_EQ(world.serve().engine->status().state, StorageState::healthy);
}

TEST(Refuse, ReorderedMembersOfAMirrorAreTheSameStorage) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.storage.tree = mirror_node("m0", {disk_node("/b"), disk_node("/a")});
    EXPECT_EQ(world.serve().engine->status().state, StorageState::healthy);
}

TEST(Refuse, LargerBlocksThanAtInitAreRefused) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    const Bytes all = world.platter("/a").read({0, world.platter("/a").geometry().size_bytes});
    sim::SimPlatterOptions options;
    options.logical_block_bytes = 4096;
    options.physical_block_bytes = 4096;
    world.add_platter("/a", options);
    world.platter("/a").write(0, all);
    EXPECT_THAT(refusal(world), HasSubstr("/a has blocks of 4096 bytes"));
}

TEST(Refuse, JournalInUseIsRefused) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.serve();
    EXPECT_THAT(refusal(world), HasSubstr("the journal cannot be used: head0 is locked"));
}

TEST(Refuse, M5WithoutAJournalAllInSyncMembersAreNeeded) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.platter("/b").set_missing(true);
    EXPECT_THAT(reason_to_wait(world, "another"), HasSubstr("waits for /b"));
}

TEST(Refuse, M5JournalThatDecidesNeedsOneInSyncMember) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/b").set_missing(true);
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(head.engine->status().state, StorageState::degraded);
}

TEST(Refuse, M5JournalDecidesNothingWhenAnotherHeadHasServed) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve("head0"));
    world.close(world.serve("head1"));
    world.platter("/b").set_missing(true);
    EXPECT_THAT(reason_to_wait(world, "head0"), HasSubstr("waits for /b"));
}

TEST(Refuse, M5CopiedJournalDecidesNothing) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve("head0"));
    world.journal("copy").copy_from(world.journal("head0"), Id{{9}});
    world.platter("/b").set_missing(true);
    EXPECT_THAT(reason_to_wait(world, "copy"), HasSubstr("waits for /b"));
}

TEST(Refuse, M5DirtyMemberAloneIsNeverUsed) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    world.platter("/b").set_missing(true);
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.close(head);
    world.platter("/b").set_missing(false);
    world.platter("/a").set_missing(true);
    EXPECT_THAT(reason_to_wait(world), HasSubstr("/a"));
}

/// Both members of a mirror were written to without each other; both are there again.
void split_with_journals(EngineWorld& world) {
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    // Each side carries on alone, each with a journal that says it may: the second is put back from an older copy.
    const Bytes b_before = world.platter("/b").read({0, world.platter("/b").geometry().size_bytes});
    const auto slots = world.journal().slots;
    world.platter("/b").set_missing(true);
    EngineWorld::Head& one = world.serve();
    EXPECT_EQ(world.write(one, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
    world.close(one);
    world.platter("/b").set_missing(false);
    world.platter("/a").set_missing(true);
    world.platter("/b").write(0, b_before);
    world.journal().slots = slots;
    EngineWorld::Head& other = world.serve();
    EXPECT_EQ(world.write(other, 0, EngineWorld::pattern(4096, 2)), Errc::ok);
    world.close(other);
    world.platter("/a").set_missing(false);
}

TEST(Refuse, M5SplitIsRecognisedAndServesNothing) {
    EngineWorld world(two_disks());
    split_with_journals(world);
    EngineWorld::Head& head = world.open();
    EXPECT_TRUE(world.loop.run_until([&] { return head.failed.has_value(); }, std::chrono::seconds(10)));
    EXPECT_EQ(head.engine->status().state, StorageState::split);
    EXPECT_EQ(head.serving, 0);
    EXPECT_THAT(head.failed->text, HasSubstr("Nothing is served and nothing changed"));
}

TEST(Refuse, SplitIsDecidedByTakingOneSideAway) {
    for (const auto& [given_up, seed_of_the_other] : {std::pair{"/a", 2u}, std::pair{"/b", 1u}}) {
        EngineWorld world(two_disks());
        split_with_journals(world);
        world.platter(given_up).set_missing(true);
        EngineWorld::Head& head = world.serve("another");
        Bytes kept(4096);
        EXPECT_EQ(world.read(head, 0, kept), Errc::ok);
        EXPECT_EQ(kept, EngineWorld::pattern(4096, seed_of_the_other)) << given_up;
    }
}

TEST(Refuse, ExchangedBlankDiskOfAMirrorIsNotUsed) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/b").replace_blank(16u << 20);
    EngineWorld::Head& head = world.serve();
    const StorageStatus status = head.engine->status();
    ASSERT_TRUE(status.tree);
    EXPECT_EQ(status.tree->children[1].state, VertexState::refused);
    EXPECT_THAT(status.tree->children[1].reason, HasSubstr("not labelled"));
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 1)), Errc::ok);
}

TEST(Refuse, AMediumThatComesUpWhileTheStartLooksAtABlankOneIsLookedAtNext) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.platter("/b").replace_blank(16u << 20);
    world.platter("/a").set_missing(true);
    EngineWorld::Head& head = world.open();
    // The start's look at /b takes until /a is there.
    ASSERT_TRUE(world.loop.run_until([&] { return world.platter("/b").is_open(); }, std::chrono::seconds(1)));
    world.loop.run_for(std::chrono::seconds(1));
    world.platter("/b").set_hung(true);
    world.loop.run_for(std::chrono::seconds(1));
    world.platter("/a").set_missing(false);
    ASSERT_TRUE(world.loop.run_until([&] { return world.platter("/a").is_open(); }, std::chrono::seconds(5)));
    world.loop.run_for(std::chrono::milliseconds(100));
    world.platter("/b").set_hung(false);
    EXPECT_TRUE(world.loop.run_until([&] { return head.serving == 1; }, std::chrono::seconds(10)))
        << head.engine->status().reason;
    EXPECT_FALSE(head.failed);
}

TEST(Refuse, JournalOfAnotherStorageOfThisNameNamesBothIdsAndThePath) {
    EngineWorld world(disk_node("/a"));
    const Id first = world.init().storage;
    world.journal("old").copy_from(world.journal(), Id{{9}});
    InitOptions options;
    options.force = true;
    options.force_journal = true;
    const Id second = world.init(options).storage;
    const std::string text = refusal(world, "old");
    EXPECT_THAT(text, HasSubstr("the media carry the storage 'vol0' with id " + to_string(second)));
    EXPECT_THAT(text, HasSubstr("the journal old is of the storage 'vol0' with id " + to_string(first)));
    EXPECT_THAT(text, Not(HasSubstr("remove the journal")));
}

TEST(Refuse, OneMediumOfAnEarlierStorageOfThisNameIsNamed) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const Bytes earlier = world.platter("/b").read({0, world.platter("/b").geometry().size_bytes});
    InitOptions options;
    options.force = true;
    ASSERT_TRUE(world.init(options).done);
    world.close(world.serve());
    world.platter("/b").write(0, earlier);
    // Which of the two is meant, only the journal tells.
    EngineWorld::Head& unsure = world.open("another");
    EXPECT_TRUE(world.loop.run_until([&] { return unsure.failed.has_value(); }, std::chrono::seconds(10)));
    EXPECT_THAT(unsure.failed->text, HasSubstr("/b belongs to the storage 'vol0'"));
    world.close(unsure);
    EngineWorld::Head& head = world.serve();
    EXPECT_THAT(head.engine->status().tree->children[1].reason, HasSubstr("/b belongs to the storage 'vol0'"));
}

TEST(Refuse, JournalInUseIsSaidOnce) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.serve();
    EXPECT_THAT(refusal(world), ::testing::Not(HasSubstr("(busy)")));
}

TEST(Refuse, DamagedJournalIsTold) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    for (Bytes& slot : world.journal().slots) slot = EngineWorld::pattern(4096, 3);
    world.serve();
    EXPECT_EQ(world.events.count("journal-damaged"), 1u);
}

TEST(Refuse, DamagedCopyOfTheJournalIsToldAndTheOtherOneUsed) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.close(world.serve());
    world.journal().slots[0] = EngineWorld::pattern(4096, 3);
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(world.events.count("journal-damaged"), 1u);
    EXPECT_EQ(head.engine->status().state, StorageState::healthy);
}

TEST(Refuse, AnotherStoragesJournalIsNamedAndLeftAsItIs) {
    EngineWorld world(disk_node("/a"));
    const Id first = world.init().storage;
    const auto journal_before = world.journal().slots;
    world.storage.name = "vol1";
    const std::string text = refusal(world);
    EXPECT_THAT(text,
                HasSubstr("the journal head0 is of the storage 'vol0' (id " + to_string(first) + "), not of 'vol1'"));
    EXPECT_EQ(world.journal().slots, journal_before);
    EXPECT_EQ(world.events.count("journal-unusable"), 1u);
}

}  // namespace
}  // namespace dst
