#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/bytes.h"
#include "support/engine_world.h"

namespace dst {
namespace {

using ::testing::HasSubstr;

sim::SimPlatterOptions slow_zeroes() {
    sim::SimPlatterOptions options;
    options.fast_zeroes = false;
    options.can_unmap = false;
    return options;
}

InitOptions forced() {
    InitOptions options;
    options.force = true;
    return options;
}

TEST(Init, LabelsSayStoragePlaceAndMember) {
    EngineWorld world(linear_node("l0", {two_disks(), disk_node("/c")}));
    const InitReport report = world.init();
    ASSERT_TRUE(report.done) << to_string(report.error);
    const auto label = world.label_of("/b");
    ASSERT_TRUE(label);
    EXPECT_EQ(label->storage, report.storage);
    EXPECT_EQ(label->storage_name, "vol0");
    EXPECT_EQ(label->place, ".0/2");
    EXPECT_EQ(label->member, 2u);
    EXPECT_EQ(world.label_of("/c")->place, ".1");
    EXPECT_EQ(world.label_of("/c")->member, 0u);
    EXPECT_NE(world.label_of("/a")->medium, label->medium);
}

TEST(Init, RefusesAnInitialisedMediumAndChangesNothing) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const auto before = world.label_of("/a");
    const InitReport again = world.init();
    EXPECT_FALSE(again.done);
    EXPECT_THAT(again.error.text, HasSubstr("initialised already for the storage 'vol0'"));
    EXPECT_EQ(world.label_of("/a"), before);
}

TEST(Init, ForceMakesAnInitialisedStorageAnew) {
    EngineWorld world(two_disks());
    const Id first = world.init().storage;
    InitOptions options;
    options.force = true;
    const InitReport again = world.init(options);
    ASSERT_TRUE(again.done) << to_string(again.error);
    EXPECT_NE(again.storage, first);
    EXPECT_EQ(world.serve().engine->storage_id(), again.storage);
}

TEST(Init, RefusesAnotherStoragesMedium) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.storage.name = "vol1";
    const InitReport report = world.init();
    EXPECT_FALSE(report.done);
    EXPECT_EQ(report.leaves[0].code, Errc::refused);
    EXPECT_THAT(report.leaves[0].text, HasSubstr("belongs to the storage 'vol0'"));
}

TEST(Init, RefusesAFilesystemUnlessForced) {
    EngineWorld world(two_disks());
    world.platter("/b").set_found("ext4 filesystem");
    const InitReport report = world.init();
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.leaves[1].text, HasSubstr("/b carries ext4 filesystem"));
    EXPECT_FALSE(world.label_of("/a"));
    InitOptions options;
    options.force = true;
    EXPECT_TRUE(world.init(options).done);
}

TEST(Init, ForceWipesWhatOthersKnowAtBothEnds) {
    EngineWorld world(disk_node("/a"));
    sim::SimPlatterOptions options = slow_zeroes();
    options.size_bytes = 32u << 20;
    world.add_platter("/a", options);
    sim::SimPlatter& platter = world.platter("/a");
    const std::uint64_t area = options.size_bytes - label_area_bytes;
    for (const std::uint64_t offset : {std::uint64_t{1024}, std::uint64_t{16u << 20}, area - 4096, area + 8192}) {
        platter.write(offset, Bytes(1024, std::byte{7}));
    }
    platter.set_found("ext4 filesystem");
    InitOptions force;
    force.force = true;
    const InitReport report = world.init(force);
    ASSERT_TRUE(report.done) << to_string(report.error);
    EXPECT_EQ(platter.read({0, 8u << 20}), Bytes(8u << 20));
    EXPECT_EQ(platter.read({area - 4096, 4096}), Bytes(4096));
    EXPECT_EQ(platter.read({area + 4096, label_area_bytes - 8192}), Bytes(label_area_bytes - 8192));
    EXPECT_EQ(platter.read({16u << 20, 1024}), Bytes(1024, std::byte{7})) << "more than the ends is slow";
}

TEST(Init, WhatIsStillKnownAfterTheWipeIsTold) {
    EngineWorld world(disk_node("/a"));
    world.platter("/a").set_found("zfs_member");
    world.platter("/a").on_carry_out = [&](const Request& request) {
        if (request.operation != Operation::read) world.platter("/a").set_found("zfs_member");
    };
    InitOptions force;
    force.force = true;
    EXPECT_THAT(world.init(force).error.text, HasSubstr("/a still carries zfs_member"));
    EXPECT_FALSE(world.label_of("/a"));
}

TEST(Init, MissingMediumIsReportedAndNothingIsLabelled) {
    EngineWorld world(two_disks());
    world.platter("/b").set_missing(true);
    const InitReport report = world.init();
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.leaves[1].text, HasSubstr("/b cannot be reached"));
    EXPECT_FALSE(world.label_of("/a"));
}

TEST(Init, TooSmallMemberIsRefused) {
    EngineWorld world(two_disks());
    sim::SimPlatterOptions options;
    options.size_bytes = 96u << 10;
    world.add_platter("/b", options);
    EXPECT_THAT(world.init().error.text, HasSubstr("/b is too small"));
}

TEST(Init, BlockSizeIsTheLargestOfTheLeaves) {
    EngineWorld world(two_disks());
    sim::SimPlatterOptions options;
    options.logical_block_bytes = 4096;
    options.physical_block_bytes = 4096;
    world.add_platter("/b", options);
    const InitReport report = world.init();
    ASSERT_TRUE(report.done) << to_string(report.error);
    EXPECT_EQ(report.logical_block_bytes, 4096u);
    EXPECT_EQ(world.serve().engine->geometry().logical_block_bytes, 4096u);
}

TEST(Init, FastZeroesMakeAllMembersInSyncAndEqual) {
    EngineWorld world(two_disks());
    world.platter("/b").write(4096, EngineWorld::pattern(4096, 7));
    const InitReport report = world.init(forced());
    EXPECT_TRUE(report.all_in_sync);
    EXPECT_EQ(world.platter("/b").read({4096, 4096}), Bytes(4096));
}

TEST(Init, SlowZeroesMakeTheFirstMemberInSyncAndTheOthersDirty) {
    EngineWorld world(two_disks());
    world.add_platter("/a", slow_zeroes());
    world.add_platter("/b", slow_zeroes());
    world.platter("/a").write(0, EngineWorld::pattern(4096, 6));
    world.platter("/b").write(0, EngineWorld::pattern(4096, 7));
    const InitReport report = world.init(forced());
    ASSERT_TRUE(report.done) << to_string(report.error);
    EXPECT_FALSE(report.all_in_sync);
    const StorageStatus status = world.serve().engine->status();
    EXPECT_EQ(status.state, StorageState::degraded);
    EXPECT_EQ(status.tree->children[0].state, VertexState::in_sync);
    EXPECT_EQ(status.tree->children[1].state, VertexState::dirty);
}

TEST(Init, AdoptKeepsTheMembersData) {
    EngineWorld world(two_disks());
    world.platter("/b").set_found("ext4 filesystem");
    const Bytes data = EngineWorld::pattern(8192, 7);
    world.platter("/b").write(0, data);
    InitOptions options;
    options.adopt = "/b";
    const InitReport report = world.init(options);
    ASSERT_TRUE(report.done) << to_string(report.error);
    EngineWorld::Head& head = world.serve();
    Bytes back(8192);
    EXPECT_EQ(world.read(head, 0, back), Errc::ok);
    EXPECT_EQ(back, data);
    EXPECT_EQ(head.engine->status().tree->children[0].state, VertexState::dirty);
}

TEST(Init, AdoptOfAnUnknownMemberIsRefused) {
    EngineWorld world(two_disks());
    InitOptions options;
    options.adopt = "/z";
    EXPECT_THAT(world.init(options).error.text, HasSubstr("no member of a mirror is named /z"));
}

TEST(Init, LabelsComeLast) {
    EngineWorld world(two_disks());
    bool label_written = false;
    const std::uint64_t label_at = (16u << 20) - label_area_bytes;
    unsigned after = 0;
    world.platter("/a").on_carry_out = [&](const Request& request) {
        if (!changes_data(request.operation)) return;
        const bool label = request.operation == Operation::write && request.extent.offset >= label_at;
        after += label_written && !label ? 1 : 0;
        label_written = label_written || label;
    };
    ASSERT_TRUE(world.init().done);
    EXPECT_TRUE(label_written);
    EXPECT_EQ(after, 0u);
}

TEST(Init, RefusesAnotherStoragesJournalAndNamesIt) {
    EngineWorld world(disk_node("/a"));
    const Id first = world.init().storage;
    const auto journal_before = world.journal().slots;
    world.storage.name = "vol1";
    world.storage.tree = disk_node("/c");
    const InitReport report = world.init();
    EXPECT_FALSE(report.done);
    EXPECT_EQ(report.error.code, Errc::refused);
    EXPECT_THAT(report.error.text,
                HasSubstr("nothing was changed: the journal head0 is of the storage 'vol0' (id " + to_string(first)));
    EXPECT_EQ(world.journal().slots, journal_before);
    EXPECT_FALSE(world.label_of("/c"));
}

TEST(Init, RefusesTheJournalOfAStorageOfTheSameNameOnOtherMedia) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    world.storage.tree = disk_node("/c");
    EXPECT_THAT(world.init().error.text, HasSubstr("is of the storage 'vol0'"));
    EXPECT_FALSE(world.label_of("/c"));
}

TEST(Init, OnlyItsOwnForceOverwritesAnotherStoragesJournal) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    world.storage.name = "vol1";
    world.storage.tree = disk_node("/c");
    InitOptions options;
    options.force = true;
    EXPECT_THAT(world.init(options).error.text, HasSubstr("--force-journal"));
    EXPECT_FALSE(world.label_of("/c"));
    options.force_journal = true;
    const InitReport report = world.init(options);
    ASSERT_TRUE(report.done) << to_string(report.error);
    EXPECT_EQ(world.serve().engine->storage_id(), report.storage);
}

TEST(Init, RefusesADamagedJournalUnlessForced) {
    EngineWorld world(disk_node("/a"));
    world.journal().slots[0] = EngineWorld::pattern(4096, 3);
    world.journal().inode = 5;
    InitOptions options;
    options.force = true;
    EXPECT_THAT(world.init(options).error.text, HasSubstr("the journal head0 is damaged"));
    EXPECT_FALSE(world.label_of("/a"));
    options.force_journal = true;
    EXPECT_TRUE(world.init(options).done);
}

TEST(Init, RefusesAJournalOfANewerVersion) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    Bytes& slot = world.journal().slots[0];
    slot[8] = std::byte{2};
    ByteWriter(std::span(slot).subspan(12, 4)).u32(0);
    ByteWriter(std::span(slot).subspan(12, 4)).u32(crc32c({slot}));
    const auto journal_before = world.journal().slots;
    InitOptions options;
    options.force = true;
    options.force_journal = true;
    EXPECT_THAT(world.init(options).error.text, HasSubstr("use the DST that wrote it"));
    EXPECT_EQ(world.journal().slots, journal_before);
}

TEST(Init, RefusedForTheMediaLeavesNoJournal) {
    EngineWorld world(two_disks());
    world.platter("/b").set_missing(true);
    EXPECT_FALSE(world.init().done);
    EXPECT_EQ(world.journal().inode, 0u);
}

TEST(Init, ForceDoesNotTakeAJournalFileThatCannotBeOpened) {
    EngineWorld world(two_disks());
    world.journal().fail_open = Errc::refused;
    InitOptions options;
    options.force = true;
    options.force_journal = true;
    const InitReport report = world.init(options);
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.error.text, HasSubstr("the journal cannot be used: head0: cannot be opened"));
    EXPECT_THAT(report.error.text, ::testing::Not(HasSubstr("(refused)")));
    EXPECT_FALSE(world.label_of("/a"));
}

}  // namespace
}  // namespace dst
