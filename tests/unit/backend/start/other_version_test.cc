#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "media/bytes.h"
#include "media/envelope.h"
#include "support/engine_world.h"

/// A member whose record another version of DST has written (docs/disk_format.md, "Envelope").
namespace dst {
namespace {

using ::testing::HasSubstr;

/// Its copies, in the order in which they lie on the medium.
std::vector<std::uint64_t> record_copies(sim::SimPlatter& platter) {
    std::vector<std::uint64_t> copies;
    for (std::uint64_t at = 0; at < platter.geometry().size_bytes; at += 4096) {
        const Bytes bytes = platter.read({at, 512});
        const auto magic = std::as_bytes(std::span(record_magic));
        if (std::equal(magic.begin(), magic.end(), bytes.begin())) copies.push_back(at);
    }
    return copies;
}

void set_version(sim::SimPlatter& platter, std::uint64_t copy, std::uint32_t version, std::uint64_t sequence) {
    Bytes bytes = platter.read({copy, 32768});
    const std::span sealed = std::span(bytes).first(open_envelope(bytes, record_magic).length);
    seal(sealed, record_magic, sequence);
    ByteWriter writer(sealed.subspan(8, 8));
    writer.u32(version);
    writer.u32(0);
    const std::uint32_t checksum = crc32c({std::span<const std::byte>(sealed)});
    ByteWriter(sealed.subspan(12, 4)).u32(checksum);
    platter.write(copy, bytes);
}

class OtherVersion : public ::testing::Test {
protected:
    OtherVersion() {
        EXPECT_TRUE(world.init().done);
        world.close(world.serve());
        const std::vector<std::uint64_t> copies = record_copies(b());
        EXPECT_EQ(copies.size(), 2u);
        // The other copy is of this version, and older.
        set_version(b(), copies.back(), 2, 1000);
        before = b().read({0, b().geometry().size_bytes});
    }
    sim::SimPlatter& b() { return world.platter("/b"); }

    EngineWorld world{two_disks()};
    Bytes before;
};

TEST_F(OtherVersion, OfARecordIsNeitherServedFromNorWrittenOver) {
    EngineWorld::Head& head = world.serve();
    EXPECT_EQ(world.write(head, 0, EngineWorld::pattern(4096, 3)), Errc::ok);
    world.loop.run_for(std::chrono::minutes(1));
    EXPECT_EQ(b().read({0, b().geometry().size_bytes}), before);
    const StorageStatus status = head.engine->status();
    ASSERT_TRUE(status.tree);
    EXPECT_THAT(status.tree->children[1].reason, HasSubstr("format version 2"));
}

TEST_F(OtherVersion, OfARecordIsWaitedForWhereItMayBeTheNewest) {
    EngineWorld::Head& head = world.open("another");
    world.loop.run_for(std::chrono::seconds(30));
    EXPECT_EQ(head.serving, 0);
    EXPECT_THAT(head.engine->status().reason, HasSubstr("format version 2"));
    EXPECT_EQ(b().read({0, b().geometry().size_bytes}), before);
}

TEST_F(OtherVersion, OfARecordIsDestroyedByAnInitThatIsToDestroy) {
    InitOptions forced;
    forced.force = forced.force_journal = true;
    ASSERT_TRUE(world.init(forced).done);
    EngineWorld::Head& head = world.serve();
    world.loop.run_for(std::chrono::seconds(10));
    EXPECT_EQ(head.engine->status().state, StorageState::healthy);
}

}  // namespace
}  // namespace dst
