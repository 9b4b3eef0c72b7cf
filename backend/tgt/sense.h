#pragma once

#include <cstdint>
#include <optional>

#include "block/error.h"

namespace dst::tgt {

/// SAM-5 5.3.1.
enum class Status : std::uint8_t {
    good = 0x00,
    check_condition = 0x02,
    condition_met = 0x04,
    busy = 0x08,
};

/// SPC-4 4.5.6.
enum class SenseKey : std::uint8_t {
    none = 0x00,
    not_ready = 0x02,
    medium_error = 0x03,
    hardware_error = 0x04,
    illegal_request = 0x05,
    data_protect = 0x07,
    aborted_command = 0x0b,
    miscompare = 0x0e,
};

/// Additional sense code and qualifier, SPC-4 annex F.
enum class SenseCode : std::uint16_t {
    none = 0x0000,
    becoming_ready = 0x0401,
    communication_failure = 0x0800,
    communication_timeout = 0x0801,
    write_error = 0x0c00,
    invalid_field_in_information_unit = 0x0e03,
    unrecovered_read_error = 0x1100,
    parameter_list_length_error = 0x1a00,
    miscompare_during_verify = 0x1d00,
    invalid_operation_code = 0x2000,
    lba_out_of_range = 0x2100,
    invalid_field_in_cdb = 0x2400,
    invalid_field_in_parameter_list = 0x2600,
    write_protected = 0x2700,
    space_allocation_failed = 0x2707,
    internal_target_failure = 0x4400,
};

/// How a command ends. `information`: the sense data's INFORMATION field.
struct Outcome {
    Status status = Status::good;
    SenseKey key = SenseKey::none;
    SenseCode code = SenseCode::none;
    std::optional<std::uint64_t> information;

    bool operator==(const Outcome&) const = default;
};

constexpr Outcome check_condition(SenseKey key, SenseCode code) noexcept {
    return {Status::check_condition, key, code, std::nullopt};
}
constexpr Outcome illegal_request(SenseCode code) noexcept { return check_condition(SenseKey::illegal_request, code); }

/// What the failed request was doing to the medium: the sense of a disk error differs.
enum class Access : std::uint8_t { read, write };

/// The one table from errors to SCSI.
Outcome outcome_of(Errc error, Access access) noexcept;

/// True when an initiator sends a command with this outcome again by itself (BUSY; NOT READY, BECOMING READY).
bool asks_to_send_again(const Outcome& outcome) noexcept;

/// The outcome of an atomic command whose write may have been carried out in part: never "send again" (M10).
Outcome outcome_partly_done(Errc error) noexcept;

}  // namespace dst::tgt
