#include "tgt/cdb.h"

#include <cstring>

#include "tgt/limits.h"

namespace dst::tgt {
namespace {

constexpr std::uint8_t protect_bits = 0xe0;
constexpr std::uint8_t fua_bit = 0x08;
constexpr std::size_t unmap_header_bytes = 8;
constexpr std::size_t unmap_descriptor_bytes = 16;

template <typename Byte>
constexpr std::uint64_t big_endian(const Byte* at, unsigned bytes) noexcept {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value = value << 8 | static_cast<std::uint8_t>(at[i]);
    return value;
}

struct Blocks {
    std::uint64_t lba = 0;
    std::uint64_t count = 0;
};

/// LBA and length fields by the CDB's group code (SPC-4 4.2.5.1).
Blocks blocks_of(const Cdb& cdb) noexcept {
    switch (cdb[0] >> 5) {
        case 0: {
            const std::uint64_t count = cdb[4];
            return {big_endian(&cdb[1], 3) & 0x1fffff, count == 0 ? 256 : count};
        }
        case 1:
        case 2: return {big_endian(&cdb[2], 4), big_endian(&cdb[7], 2)};
        case 5: return {big_endian(&cdb[2], 4), big_endian(&cdb[6], 4)};
        default: return {big_endian(&cdb[2], 8), big_endian(&cdb[10], 4)};
    }
}

class Judge {
public:
    Judge(const Cdb& cdb, const LunShape& shape, std::span<const std::byte> data_out) noexcept
        : cdb_(cdb), shape_(shape), data_out_(data_out), blocks_(blocks_of(cdb)) {}

    Judgement run() noexcept {
        judge_opcode();
        if (judgement_.refusal.status != Status::good) judgement_.order.kind = Kind::nothing;
        return judgement_;
    }

private:
    void judge_opcode() noexcept {
        switch (static_cast<Opcode>(cdb_[0])) {
            case Opcode::read_6:
            case Opcode::read_10:
            case Opcode::read_12:
            case Opcode::read_16: return read();
            case Opcode::write_6:
            case Opcode::write_10:
            case Opcode::write_12:
            case Opcode::write_16: return write(Kind::write);
            case Opcode::orwrite_16: return write(Kind::or_write);
            case Opcode::write_and_verify_10:
            case Opcode::write_and_verify_12:
            case Opcode::write_and_verify_16: return write_and_verify();
            case Opcode::verify_10:
            case Opcode::verify_12:
            case Opcode::verify_16: return verify();
            case Opcode::compare_and_write: return compare_and_write();
            case Opcode::write_same_10:
            case Opcode::write_same_16: return write_same();
            case Opcode::unmap: return unmap();
            case Opcode::synchronize_cache_10:
            case Opcode::synchronize_cache_16: return to_the_end_when_zero(Kind::synchronize_cache);
            case Opcode::pre_fetch_10:
            case Opcode::pre_fetch_16: return to_the_end_when_zero(Kind::pre_fetch);
            case Opcode::service_action_in_16: return lba_status();
        }
        refuse(SenseCode::invalid_operation_code);
    }

    void refuse(SenseCode code) noexcept { judgement_.refusal = illegal_request(code); }

    bool has_flags() const noexcept { return cdb_[0] >> 5 != 0; }
    bool flag(std::uint8_t bit) const noexcept { return has_flags() && (cdb_[1] & bit) != 0; }

    /// Takes the extent when it lies on the unit and is not too long; else refuses.
    bool take_extent(std::uint64_t bytes_max) noexcept {
        if (blocks_.count == 0 ? blocks_.lba >= shape_.blocks
                               : blocks_.lba > shape_.blocks || blocks_.count > shape_.blocks - blocks_.lba) {
            refuse(SenseCode::lba_out_of_range);
            return false;
        }
        if (blocks_.count > bytes_max / shape_.block_bytes) {
            refuse(SenseCode::invalid_field_in_cdb);
            return false;
        }
        order_.extent = {blocks_.lba * shape_.block_bytes, blocks_.count * shape_.block_bytes};
        return true;
    }

    bool unprotected() noexcept {
        if (!flag(protect_bits)) return true;
        refuse(SenseCode::invalid_field_in_cdb);
        return false;
    }

    void read() noexcept {
        order_.in_bytes = blocks_.count * shape_.block_bytes;
        if (!unprotected() || !take_extent(dst_transfer_bytes_max)) return;
        order_.fua = flag(fua_bit);
        order_.kind = order_.extent.empty() ? Kind::nothing : Kind::read;
    }

    /// Cuts the extent to the whole blocks that came with the command. Refuses a torn block: it could be written only
    /// by making up its rest.
    bool cut_to_data_out() noexcept {
        if (data_out_.size() >= order_.extent.length) return true;
        if (data_out_.size() % shape_.block_bytes != 0) {
            refuse(SenseCode::invalid_field_in_information_unit);
            return false;
        }
        order_.extent.length = data_out_.size();
        return true;
    }

    void write(Kind kind) noexcept {
        order_.out_bytes = blocks_.count * shape_.block_bytes;
        if (!unprotected() || !take_extent(dst_transfer_bytes_max) || !cut_to_data_out()) return;
        order_.fua = flag(fua_bit);
        order_.kind = order_.extent.empty() ? Kind::nothing : kind;
    }

    void write_and_verify() noexcept {
        const unsigned byte_check = (cdb_[1] >> 1) & 3;
        if (byte_check > 1) return refuse(SenseCode::invalid_field_in_cdb);
        write(Kind::write_and_verify);
        order_.fua = true;
        order_.compare = byte_check == 1 ? Compare::data_out : Compare::nothing;
    }

    void verify() noexcept {
        switch ((cdb_[1] >> 1) & 3) {
            case 0: order_.compare = Compare::nothing; break;
            case 1:
                order_.compare = Compare::data_out;
                order_.out_bytes = blocks_.count * shape_.block_bytes;
                break;
            case 3:
                order_.compare = Compare::one_block;
                order_.out_bytes = blocks_.count == 0 ? 0 : shape_.block_bytes;
                break;
            default: return refuse(SenseCode::invalid_field_in_cdb);
        }
        const bool with_data = order_.compare == Compare::data_out;
        if (!unprotected() || !take_extent(with_data ? dst_transfer_bytes_max : dst_range_bytes_max)) return;
        if (data_out_.size() < order_.out_bytes) return refuse(SenseCode::invalid_field_in_information_unit);
        order_.kind = order_.extent.empty() ? Kind::nothing : Kind::verify;
    }

    void compare_and_write() noexcept {
        blocks_.count = cdb_[13];
        order_.out_bytes = 2 * blocks_.count * shape_.block_bytes;
        if (!unprotected()) return;
        if (!take_extent(std::uint64_t{dst_compare_blocks_max} * shape_.block_bytes)) return;
        if (data_out_.size() != order_.out_bytes) return refuse(SenseCode::invalid_field_in_cdb);
        order_.fua = flag(fua_bit);
        order_.kind = order_.extent.empty() ? Kind::nothing : Kind::compare_and_write;
    }

    void write_same() noexcept {
        constexpr std::uint8_t anchor = 0x10, unmap_bit = 0x08, physical = 0x04, logical = 0x02, no_data = 0x01;
        const bool without_data = cdb_[0] == static_cast<std::uint8_t>(Opcode::write_same_16) && flag(no_data);
        order_.out_bytes = without_data ? 0 : shape_.block_bytes;
        if (!unprotected()) return;
        if (flag(anchor | physical | logical)) return refuse(SenseCode::invalid_field_in_cdb);
        if (flag(unmap_bit) && !shape_.thin) return refuse(SenseCode::invalid_field_in_cdb);
        if (!without_data && data_out_.size() != shape_.block_bytes) {
            return refuse(SenseCode::parameter_list_length_error);
        }
        if (blocks_.count == 0) extend_to_the_end();
        if (!take_extent(dst_range_bytes_max)) return;
        // With UNMAP the data are not looked at: initiators send zeroes, and expect zeroes to be read afterwards even
        // when they do not (libiscsi's conformance tests), as other targets have it.
        if (flag(unmap_bit)) {
            order_.kind = Kind::unmap_range;
        } else {
            order_.kind = without_data || all_zero(data_out_) ? Kind::write_zeroes : Kind::write_pattern;
        }
    }

    void unmap() noexcept {
        if (!shape_.thin) return refuse(SenseCode::invalid_operation_code);
        order_.out_bytes = big_endian(&cdb_[7], 2);
        constexpr std::uint8_t anchor = 0x01;
        if (flag(anchor)) return refuse(SenseCode::invalid_field_in_cdb);
        if (order_.out_bytes == 0) return;
        if (data_out_.size() < order_.out_bytes || order_.out_bytes < unmap_header_bytes) {
            return refuse(SenseCode::parameter_list_length_error);
        }
        const auto parameters = data_out_.first(order_.out_bytes);
        if (big_endian(&parameters[2], 2) > parameters.size() - unmap_header_bytes) {
            return refuse(SenseCode::parameter_list_length_error);
        }
        if (!descriptors_in_order(parameters)) return;
        order_.kind = Kind::unmap_list;
    }

    bool descriptors_in_order(std::span<const std::byte> parameters) noexcept {
        const std::size_t count = unmap_descriptors(parameters);
        if (count > dst_unmap_descriptors_max) {
            refuse(SenseCode::invalid_field_in_parameter_list);
            return false;
        }
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::byte* at = &parameters[unmap_header_bytes + i * unmap_descriptor_bytes];
            const Blocks blocks{big_endian(at, 8), big_endian(at + 8, 4)};
            if (blocks.count == 0) continue;
            if (blocks.lba > shape_.blocks || blocks.count > shape_.blocks - blocks.lba) {
                refuse(SenseCode::lba_out_of_range);
                return false;
            }
            total += blocks.count;
        }
        if (total <= dst_range_bytes_max / shape_.block_bytes) return true;
        refuse(SenseCode::invalid_field_in_parameter_list);
        return false;
    }

    /// Zero blocks mean all up to the end, where a command says so.
    void extend_to_the_end() noexcept {
        if (blocks_.lba < shape_.blocks) blocks_.count = shape_.blocks - blocks_.lba;
    }

    void to_the_end_when_zero(Kind kind) noexcept {
        if (blocks_.count == 0) extend_to_the_end();
        if (!take_extent(~std::uint64_t{0})) return;
        order_.kind = kind;
    }

    void lba_status() noexcept {
        constexpr std::uint8_t get_lba_status = 0x12;
        if ((cdb_[1] & 0x1f) != get_lba_status) return refuse(SenseCode::invalid_field_in_cdb);
        order_.in_bytes = big_endian(&cdb_[10], 4);
        if (blocks_.lba >= shape_.blocks) return refuse(SenseCode::lba_out_of_range);
        blocks_.count = shape_.blocks - blocks_.lba;
        order_.extent = {blocks_.lba * shape_.block_bytes, blocks_.count * shape_.block_bytes};
        order_.kind = Kind::lba_status;
    }

    const Cdb& cdb_;
    const LunShape& shape_;
    std::span<const std::byte> data_out_;
    Blocks blocks_;
    Judgement judgement_;
    Order& order_ = judgement_.order;
};

}  // namespace

Judgement judge(const Cdb& cdb, const LunShape& shape, std::span<const std::byte> data_out) noexcept {
    return Judge(cdb, shape, data_out).run();
}

std::size_t unmap_descriptors(std::span<const std::byte> parameters) noexcept {
    return big_endian(&parameters[2], 2) / unmap_descriptor_bytes;
}

Extent unmap_descriptor(std::span<const std::byte> parameters, std::size_t index, const LunShape& shape) noexcept {
    const std::byte* at = &parameters[unmap_header_bytes + index * unmap_descriptor_bytes];
    return {big_endian(at, 8) * shape.block_bytes, big_endian(at + 8, 4) * shape.block_bytes};
}

bool all_zero(std::span<const std::byte> bytes) noexcept {
    // A block that equals itself shifted by one byte is all one byte.
    return bytes.empty() ||
           (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace dst::tgt
