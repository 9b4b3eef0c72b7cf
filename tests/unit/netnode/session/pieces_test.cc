// The small parts below both sides: cursor, pool, reader and writer.
#include <gtest/gtest.h>

#include "session/buffer_pool.h"
#include "session/frame_reader.h"
#include "session/frame_writer.h"
#include "session/piece_cursor.h"
#include "simworld/sim_loop.h"
#include "support/fake_link.h"
#include "support/frames.h"

namespace dst::test {
namespace {

using wire::Kind;
using Step = FrameReader::Step;

TEST(PieceCursor, GathersFromTheMiddleAndStepsOverEmptyPieces) {
    Bytes memory = filled(100, 1);
    const std::array<Piece, 4> pieces{Piece{memory.data(), 10}, Piece{memory.data() + 10, 0},
                                      Piece{memory.data() + 10, 50}, Piece{memory.data() + 60, 40}};
    PieceCursor cursor{Pieces(pieces)};
    EXPECT_EQ(cursor.remaining(), 100u);
    cursor.advance(15);
    std::array<Piece, 8> out;
    ASSERT_EQ(cursor.first(60).gather(out), 2u);
    EXPECT_EQ(out[0].data, memory.data() + 15);
    EXPECT_EQ(out[0].size, 45u);
    EXPECT_EQ(out[1].size, 15u);
    EXPECT_EQ(cursor.gather(std::span(out).first(1)), 1u);
    cursor.advance(85);
    EXPECT_EQ(cursor.remaining(), 0u);
    EXPECT_EQ(cursor.gather(out), 0u);
}

TEST(PieceCursor, AdvanceShowsEveryByteOnce) {
    Bytes memory = filled(100, 1);
    const std::array<Piece, 2> pieces{Piece{memory.data(), 33}, Piece{memory.data() + 33, 67}};
    PieceCursor cursor{Pieces(pieces)};
    Bytes seen;
    for (const std::uint64_t part : {1u, 40u, 59u}) {
        cursor.advance(part,
                       [&seen](std::span<std::byte> bytes) { seen.insert(seen.end(), bytes.begin(), bytes.end()); });
    }
    EXPECT_EQ(seen, memory);
}

TEST(BufferPool, GivesAlignedMemoryOfTheNextPowerOfTwo) {
    BufferPool pool(1u << 30);
    EXPECT_EQ(BufferPool::class_bytes(1), 4096u);
    EXPECT_EQ(BufferPool::class_bytes(4096), 4096u);
    EXPECT_EQ(BufferPool::class_bytes(4097), 8192u);
    EXPECT_EQ(BufferPool::class_bytes(8u << 20), 8u << 20);
    std::byte* data = pool.take(5000, 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 4096, 0u);
    EXPECT_EQ(pool.used_bytes(), 8192u);
    pool.give_back(data, 5000);
    EXPECT_EQ(pool.used_bytes(), 0u);
    EXPECT_EQ(pool.take(8000, 0), data);
    pool.give_back(data, 8000);
}

TEST(BufferPool, KeepsABoundedAmountForLater) {
    BufferPool pool(1u << 30);
    std::vector<std::byte*> all;
    for (int i = 0; i < 8; ++i) all.push_back(pool.take(8u << 20, 0));
    for (std::byte* data : all) pool.give_back(data, 8u << 20);
    EXPECT_EQ(pool.idle_bytes(), BufferPool::idle_bytes_max);
}

TEST(BufferPool, WakesWhoFoundItUsedUp) {
    sim::SimLoop loop;
    BufferPool pool(8192);
    unsigned woken = 0;
    Task task(loop, [&woken] { ++woken; });
    BufferPool::Waiter waiter(task);
    std::byte* data = pool.take(8192, 0);
    EXPECT_EQ(pool.take(1, 0), nullptr);
    pool.wait(waiter);
    pool.wait(waiter);
    loop.run_until_idle();
    EXPECT_EQ(woken, 0u);
    pool.give_back(data, 8192);
    loop.run_until_idle();
    EXPECT_EQ(woken, 1u);
    pool.wait(waiter);
    pool.stop_waiting(waiter);
}

class FrameReaderTest : public testing::Test {
protected:
    void put(const Bytes& bytes) {
        wire.to_read.insert(wire.to_read.end(), bytes.begin(), bytes.end());
        reader.readable();
    }
    FakeLink::Wire wire;
    FakeLink link{wire};
    FrameReader reader;
};

TEST_F(FrameReaderTest, DoesNotReadAgainBeforeTheLinkSaysSo) {
    EXPECT_EQ(reader.next(link), Step::wait);
    put(frame_bytes(order(Kind::ping, 1)));
    EXPECT_EQ(reader.next(link), Step::frame);
    EXPECT_EQ(reader.next(link), Step::wait);
    const Bytes more = frame_bytes(order(Kind::ping, 2));
    wire.to_read.insert(wire.to_read.end(), more.begin(), more.end());
    EXPECT_EQ(reader.next(link), Step::wait);
    reader.readable();
    EXPECT_EQ(reader.next(link), Step::frame);
    EXPECT_EQ(reader.header().request, 2u);
}

TEST_F(FrameReaderTest, AfterALargePayloadNothingOfTheNextOneIsCopied) {
    reader.set_payload_checksums(true);
    Bytes memory(65536);
    const Piece piece{memory.data(), memory.size()};
    Bytes stream;
    for (std::uint64_t i = 1; i <= 3; ++i) {
        const Bytes one = frame_bytes(order(Kind::write, i, {0, 65536}), filled(65536, static_cast<unsigned>(i)));
        stream.insert(stream.end(), one.begin(), one.end());
    }
    put(stream);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        ASSERT_EQ(reader.next(link), Step::header);
        // The first frame came through the inbox; of later ones only the header is ahead of the payload.
        if (i > 1) {
            EXPECT_EQ(wire.to_read.size(), stream.size() - i * 64 - (i - 1) * 65536);
        }
        reader.receive_into(PieceCursor(Pieces(&piece, 1)));
        ASSERT_EQ(reader.next(link), Step::frame);
        EXPECT_EQ(memory, filled(65536, static_cast<unsigned>(i)));
    }
    EXPECT_EQ(reader.next(link), Step::wait);
    EXPECT_EQ(reader.received_bytes(), stream.size());
}

TEST_F(FrameReaderTest, APayloadThatCameAlongIsCheckedToo) {
    reader.set_payload_checksums(true);
    Bytes bytes = frame_bytes(order(Kind::write, 1, {0, 512}), filled(512, 1));
    bytes[100] ^= std::byte{1};
    put(bytes);
    Bytes memory(512);
    const Piece piece{memory.data(), memory.size()};
    ASSERT_EQ(reader.next(link), Step::header);
    reader.receive_into(PieceCursor(Pieces(&piece, 1)));
    EXPECT_EQ(reader.next(link), Step::bad);
    EXPECT_EQ(reader.error().code, Errc::corrupt);
}

TEST(FrameWriter, SendsSeveralFramesInOneCallAndSaysWhichAreGone) {
    FakeLink::Wire wire;
    FakeLink link(wire);
    FrameWriter writer;
    Bytes data = filled(1000, 3);
    const Piece piece{data.data(), data.size()};
    std::array<OutFrame, 3> frames;
    unsigned sent = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        frames[i].prepare(order(Kind::write, i + 1, {0, 1000}), PieceCursor(Pieces(&piece, 1)), true);
        frames[i].owner = &sent;
        frames[i].sent = [](OutFrame& frame) { ++*static_cast<unsigned*>(frame.owner); };
        writer.push(frames[i]);
    }
    wire.room = 64 + 1000 + 64 + 500;
    writer.flush(link);
    EXPECT_EQ(wire.write_calls, 1u);
    EXPECT_EQ(sent, 1u);
    EXPECT_TRUE(writer.blocked());
    writer.flush(link);
    EXPECT_EQ(wire.write_calls, 1u);
    wire.room = SIZE_MAX;
    writer.writable();
    writer.flush(link);
    EXPECT_EQ(sent, 3u);
    EXPECT_TRUE(writer.idle());
    EXPECT_EQ(take_frames(wire.written).size(), 3u);
}

TEST(FrameWriter, AnyRoomGivesTheSameBytes) {
    for (std::size_t room = 1; room < 140; ++room) {
        FakeLink::Wire wire;
        FakeLink link(wire);
        FrameWriter writer;
        Bytes data = filled(100, 3);
        const Piece piece{data.data(), data.size()};
        std::array<OutFrame, 2> frames;
        Bytes expected;
        for (std::size_t i = 0; i < 2; ++i) {
            frames[i].prepare(order(Kind::write, i + 1, {0, 100}), PieceCursor(Pieces(&piece, 1)), true);
            writer.push(frames[i]);
            const Bytes one = frame_bytes(order(Kind::write, i + 1, {0, 100}), data);
            expected.insert(expected.end(), one.begin(), one.end());
        }
        while (!writer.idle()) {
            wire.room = room;
            writer.writable();
            writer.flush(link);
        }
        EXPECT_EQ(wire.written, expected) << room;
    }
}

TEST(FrameWriter, APayloadOfManyPiecesGoesOutWhole) {
    FakeLink::Wire wire;
    FakeLink link(wire);
    FrameWriter writer;
    Bytes data = filled(2000, 3);
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < data.size(); ++i) pieces.push_back({data.data() + i, 1});
    OutFrame frame;
    frame.prepare(order(Kind::write, 1, {0, 2000}), PieceCursor(pieces), true);
    writer.push(frame);
    writer.flush(link);
    const auto frames = take_frames(wire.written);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].payload, data);
}

}  // namespace
}  // namespace dst::test
