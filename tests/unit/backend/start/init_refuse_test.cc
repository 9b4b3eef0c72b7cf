// init takes no medium that holds what nobody knows, none twice, and cuts nothing off unasked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_world.h"

namespace dst {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t leaf_bytes = (16u << 20) - label_area_bytes;

InitOptions with_force(bool force, std::optional<std::string> adopt = {}) {
    InitOptions options;
    options.force = force;
    options.adopt = std::move(adopt);
    return options;
}

TEST(InitRefuse, DataThatNobodyKnowsUnlessForced) {
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1} << 19, leaf_bytes - 4096}) {
        EngineWorld world(two_disks());
        world.platter("/b").write(offset, EngineWorld::pattern(4096, 7));
        const Bytes before = world.platter("/b").read({0, 16u << 20});
        const InitReport report = world.init();
        EXPECT_FALSE(report.done);
        EXPECT_EQ(report.leaves[1].code, Errc::refused);
        EXPECT_THAT(report.leaves[1].text, HasSubstr("/b holds data that are not known"));
        EXPECT_THAT(report.leaves[1].text, HasSubstr("--force destroys them"));
        EXPECT_EQ(world.platter("/b").read({0, 16u << 20}), before);
        EXPECT_FALSE(world.label_of("/a"));
        EXPECT_TRUE(world.init(with_force(true)).done);
    }
}

/// Its record could be written now, and not any more when it knows more of its members.
TEST(InitRefuse, MoreDisksBelowAMirrorThanItsRecordHasRoomFor) {
    for (const unsigned disks : {360u, 395u, 450u}) {
        std::vector<spec::Node> members;
        for (unsigned member = 0; member < 2; ++member) {
            std::vector<spec::Node> parts;
            for (unsigned i = 0; i < disks; ++i) {
                parts.push_back(disk_node("/d" + std::to_string(member) + "." + std::to_string(i)));
            }
            members.push_back(linear_node("l" + std::to_string(member), std::move(parts)));
        }
        EngineWorld world(mirror_node("m0", std::move(members)));
        const InitReport report = world.init();
        EXPECT_EQ(report.done, disks == 360);
        if (report.done) continue;
        EXPECT_EQ(report.error.code, Errc::too_large);
        EXPECT_THAT(report.error.text, HasSubstr("too many disks below the members of m0"));
        EXPECT_FALSE(world.label_of("/d0.0"));
    }
}

TEST(InitRefuse, ADiskThatGrewWithAllItHolds) {
    EngineWorld world(disk_node("/a"));
    ASSERT_TRUE(world.init().done);
    EngineWorld::Head& head = world.serve();
    ASSERT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 7)), Errc::ok);
    world.close(head);
    world.platter("/a").resize(32u << 20);
    EXPECT_THAT(world.init().leaves[0].text, HasSubstr("cut or grown since, give it its old size back"));
    EXPECT_EQ(world.platter("/a").read({0, 4096}), EngineWorld::pattern(4096, 7));
}

TEST(InitRefuse, AMediumThatCannotBeLookedThrough) {
    EngineWorld world(two_disks());
    world.platter("/b").write(8u << 20, EngineWorld::pattern(4096, 7));
    world.platter("/b").fail(Operation::read, {0, 4096}, Errc::medium_error);
    const InitReport report = world.init();
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.leaves[1].text, HasSubstr("/b: it could not be read at byte 0"));
    EXPECT_FALSE(world.label_of("/a"));
}

TEST(InitRefuse, WithForceNothingIsLookedThrough) {
    EngineWorld world(two_disks());
    world.platter("/b").write(0, EngineWorld::pattern(4096, 7));
    world.platter("/b").fail(Operation::read, {0, 4096}, Errc::medium_error);
    EXPECT_TRUE(world.init(with_force(true)).done);
}

TEST(InitRefuse, DataAnywhereOnASmallMedium) {
    EngineWorld world(two_disks());
    world.add_platter("/b", {.size_bytes = (4u << 20) + label_area_bytes});
    world.platter("/b").write(3u << 20, EngineWorld::pattern(4096, 7));
    EXPECT_THAT(world.init().leaves[1].text,
                HasSubstr("holds data that are not known, at byte " + std::to_string(3u << 20)));
}

TEST(InitRefuse, AMediumThatALiveHeadServesEvenWithForce) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const auto before = world.label_of("/a");
    world.live_elsewhere = true;
    const InitReport report = world.init(with_force(true));
    EXPECT_FALSE(report.done);
    EXPECT_EQ(report.leaves[0].code, Errc::busy);
    EXPECT_THAT(report.leaves[0].text, HasSubstr("/a is being served as a part of the storage 'vol0' by a head"));
    EXPECT_EQ(world.label_of("/a"), before);
}

TEST(InitRefuse, ADamagedLabelUnlessForced) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const Bytes area = world.platter("/b").read({leaf_bytes, label_area_bytes});
    Bytes rotten = area;
    for (std::size_t at = 0; at < rotten.size(); at += 4096) rotten[at + 40] ^= std::byte{1};
    world.platter("/b").write(leaf_bytes, rotten);
    EXPECT_THAT(world.init().leaves[1].text, HasSubstr("/b has a damaged DST label; --force overwrites it"));
    EXPECT_TRUE(world.init(with_force(true)).done);
}

TEST(InitRefuse, ALabelAreaThatCannotBeRead) {
    EngineWorld world(two_disks());
    world.platter("/b").fail(Operation::read, {leaf_bytes, label_area_bytes}, Errc::medium_error, 100);
    const InitReport report = world.init();
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.leaves[1].text, HasSubstr("/b cannot read its label area"));
    EXPECT_FALSE(world.label_of("/a"));
}

TEST(InitRefuse, TheFirstOfSeveralIsTheOneThatIsTold) {
    EngineWorld world(two_disks());
    for (const char* path : {"/a", "/b"}) world.platter(path).set_found("ext4 filesystem");
    EXPECT_THAT(world.init().error.text, HasSubstr("nothing was changed: /a carries ext4 filesystem"));
}

TEST(InitRefuse, OneDiskUnderTwoNames) {
    EngineWorld world(two_disks());
    world.one_medium = true;
    const InitReport report = world.init(with_force(true));
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.error.text, HasSubstr("nothing was changed: /a and /b are the same disk"));
    EXPECT_FALSE(world.label_of("/a"));
    EXPECT_FALSE(world.label_of("/b"));
}

TEST(InitRefuse, DataAtTheEndOfWhatIsAdoptedUnlessForced) {
    EngineWorld world(two_disks());
    world.platter("/b").write(0, EngineWorld::pattern(8192, 7));
    world.platter("/b").write(leaf_bytes - 4096, EngineWorld::pattern(4096, 8));
    const InitReport report = world.init(with_force(false, "/b"));
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.leaves[1].text, HasSubstr("/b: its last "));
    EXPECT_THAT(report.leaves[1].text, HasSubstr("holds data there, at byte " + std::to_string(leaf_bytes - 4096)));
    EXPECT_EQ(world.platter("/b").read({leaf_bytes - 4096, 4096}), EngineWorld::pattern(4096, 8));
    EXPECT_TRUE(world.init(with_force(true, "/b")).done);
}

TEST(InitRefuse, AnEndOfWhatIsAdoptedThatCannotBeRead) {
    EngineWorld world(two_disks());
    world.platter("/b").fail(Operation::read, {leaf_bytes - 4096, 4096}, Errc::medium_error);
    const InitReport report = world.init(with_force(false, "/b"));
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.leaves[1].text, HasSubstr("/b: it could not be read at byte "));
}

TEST(InitRefuse, DataOfWhatIsAdoptedBehindTheEndOfASmallerMember) {
    EngineWorld world(two_disks());
    world.add_platter("/a", {.size_bytes = 8u << 20});
    world.platter("/b").write(12u << 20, EngineWorld::pattern(2u << 20, 8));
    EXPECT_THAT(world.init(with_force(false, "/b")).error.text, HasSubstr("holds data there"));
}

TEST(InitRefuse, AdoptionTellsWhatIsKeptAndWhatIsCutOff) {
    EngineWorld world(linear_node("l0", {disk_node("/c"), two_disks()}));
    world.platter("/b").write(0, EngineWorld::pattern(8192, 7));
    const InitReport report = world.init(with_force(false, "/b"));
    ASSERT_TRUE(report.done) << to_string(report.error);
    EXPECT_EQ(report.adopted.name, "/b");
    EXPECT_EQ(report.adopted.kept_bytes, report.size_bytes - leaf_bytes);
    EXPECT_EQ(report.adopted.kept_bytes + report.adopted.cut_bytes, 16u << 20);
}

TEST(InitRefuse, AdoptionOfALabelledDiskSaysWhatForceKeeps) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    const InitReport report = world.init(with_force(false, "/b"));
    EXPECT_FALSE(report.done);
    EXPECT_THAT(report.leaves[0].text, HasSubstr("and its data are lost"));
    EXPECT_THAT(report.leaves[1].text, HasSubstr("--force makes it anew with the data that lie on this one"));
    EXPECT_THAT(report.leaves[1].text, HasSubstr("those of the other members are lost"));
    EXPECT_THAT(report.leaves[1].text, Not(HasSubstr("and its data are lost")));
}

TEST(InitRefuse, AdoptionOfAnotherStoragesDiskSaysWhatForceKeeps) {
    EngineWorld world(two_disks());
    ASSERT_TRUE(world.init().done);
    world.storage.name = "vol1";
    const InitReport report = world.init(with_force(false, "/b"));
    const std::string with_data = "with the data that lie on this one";
    EXPECT_THAT(report.leaves[0].text, HasSubstr("--force takes it away from there"));
    EXPECT_THAT(report.leaves[0].text, Not(HasSubstr(with_data)));
    EXPECT_THAT(report.leaves[1].text, HasSubstr("--force takes it away from there " + with_data));
}

}  // namespace
}  // namespace dst
