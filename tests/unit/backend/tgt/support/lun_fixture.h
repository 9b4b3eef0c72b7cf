#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <vector>

#include "simworld/sim_loop.h"
#include "support/memory_device.h"
#include "tgt/lun.h"

namespace dst::test {

inline std::vector<std::byte> filled(std::size_t size, unsigned value) {
    return std::vector<std::byte>(size, static_cast<std::byte>(value));
}

/// A CDB with big-endian fields: {offset, bytes, value}.
struct Field {
    std::size_t offset;
    unsigned bytes;
    std::uint64_t value;
};

inline tgt::Cdb make_cdb(tgt::Opcode opcode, std::initializer_list<Field> fields) {
    tgt::Cdb cdb{};
    cdb[0] = static_cast<std::uint8_t>(opcode);
    for (const Field& field : fields) {
        for (unsigned i = 0; i < field.bytes; ++i) {
            cdb[field.offset + i] = static_cast<std::uint8_t>(field.value >> (8 * (field.bytes - 1 - i)));
        }
    }
    return cdb;
}

/// For the 16-byte commands: flags in byte 1, LBA in 2..9, blocks in 10..13.
inline tgt::Cdb cdb16(tgt::Opcode opcode, std::uint64_t lba, std::uint64_t blocks, unsigned flags = 0) {
    return make_cdb(opcode, {{1, 1, flags}, {2, 8, lba}, {10, 4, blocks}});
}

inline tgt::Cdb compare_and_write_cdb(std::uint64_t lba, unsigned blocks, unsigned flags = 0) {
    return make_cdb(tgt::Opcode::compare_and_write, {{1, 1, flags}, {2, 8, lba}, {13, 1, blocks}});
}

struct UnmapRange {
    std::uint64_t lba;
    std::uint32_t blocks;
};

inline std::vector<std::byte> unmap_parameters(const std::vector<UnmapRange>& ranges) {
    std::vector<std::byte> list(8 + 16 * ranges.size());
    const auto put = [&list](std::size_t at, std::uint64_t value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) list[at + i] = static_cast<std::byte>(value >> (8 * (bytes - 1 - i)));
    };
    put(0, list.size() - 2, 2);
    put(2, list.size() - 8, 2);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        put(8 + 16 * i, ranges[i].lba, 8);
        put(16 + 16 * i, ranges[i].blocks, 4);
    }
    return list;
}

inline tgt::Cdb unmap_cdb(std::size_t parameter_bytes) {
    return make_cdb(tgt::Opcode::unmap, {{7, 2, parameter_bytes}});
}

/// A thin LUN of 64 MiB with blocks of 512 over memory.
class LunTest : public ::testing::Test {
protected:
    static constexpr std::uint64_t size_bytes = 64u << 20;
    static constexpr std::uint32_t block = 512;

    struct Sent {
        tgt::ScsiCommand command;
        std::vector<std::byte> in;
        std::vector<std::byte> out;
        bool done = false;
        tgt::Outcome outcome() const { return command.answer.outcome; }
    };

    explicit LunTest(tgt::Lun::Config config = {size_bytes / block, block})
        : device(loop, size_bytes), lun(std::make_unique<tgt::Lun>(loop, device, config, [](tgt::ScsiCommand& command) {
              static_cast<Sent*>(command.input.tag)->done = true;
          })) {}

    Sent& send(const tgt::Cdb& cdb, std::vector<std::byte> out = {}, std::size_t in_bytes = 0) {
        sent.push_back(std::make_unique<Sent>());
        Sent& one = *sent.back();
        one.in = filled(in_bytes, 0xee);
        one.out = std::move(out);
        one.command.input = {cdb, one.in, one.out, write_through, thin, &one};
        one.command.input.settle = settle;
        one.command.input.losses_told = losses_told;
        lun->submit(one.command);
        EXPECT_FALSE(one.done) << "answered from inside submit()";
        return one;
    }

    /// Sends and runs the loop until it is answered.
    Sent& run(const tgt::Cdb& cdb, std::vector<std::byte> out = {}, std::size_t in_bytes = 0) {
        Sent& one = send(cdb, std::move(out), in_bytes);
        EXPECT_TRUE(loop.run_until([&one] { return one.done; }));
        return one;
    }

    void fill(std::uint64_t offset, std::size_t length, unsigned value) {
        std::memset(device.bytes.data() + offset, static_cast<int>(value), length);
    }
    bool holds(std::uint64_t offset, std::size_t length, unsigned value) const {
        for (std::size_t i = 0; i < length; ++i) {
            if (device.bytes[offset + i] != static_cast<std::byte>(value)) return false;
        }
        return true;
    }

    bool write_through = false;
    bool thin = true;
    bool settle = false;
    std::uint32_t losses_told = 0;
    sim::SimLoop loop;
    MemoryDevice device;
    std::unique_ptr<tgt::Lun> lun;
    std::vector<std::unique_ptr<Sent>> sent;
};

inline const tgt::Outcome good{};

}  // namespace dst::test
