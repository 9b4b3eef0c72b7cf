#include "tgt/sense.h"

namespace dst::tgt {
namespace {

constexpr Outcome hardware_error(SenseCode code) noexcept { return check_condition(SenseKey::hardware_error, code); }

constexpr Outcome disk_error(Access access) noexcept {
    return access == Access::read ? check_condition(SenseKey::medium_error, SenseCode::unrecovered_read_error)
                                  : check_condition(SenseKey::medium_error, SenseCode::write_error);
}

}  // namespace

Outcome outcome_of(Errc error, Access access) noexcept {
    switch (error) {
        case Errc::ok: return {};
        case Errc::invalid_argument: return illegal_request(SenseCode::invalid_field_in_cdb);
        case Errc::too_large: return illegal_request(SenseCode::invalid_field_in_cdb);
        case Errc::not_supported: return illegal_request(SenseCode::invalid_operation_code);
        case Errc::medium_error:
        case Errc::io_error:
        case Errc::corrupt: return disk_error(access);
        case Errc::no_space: return check_condition(SenseKey::data_protect, SenseCode::space_allocation_failed);
        case Errc::refused:
            return access == Access::write ? check_condition(SenseKey::data_protect, SenseCode::write_protected)
                                           : hardware_error(SenseCode::internal_target_failure);
        case Errc::not_ready:
        case Errc::cancelled: return check_condition(SenseKey::not_ready, SenseCode::becoming_ready);
        case Errc::busy:
        case Errc::out_of_resources: return {Status::busy, SenseKey::none, SenseCode::none, std::nullopt};
        case Errc::mismatch: return check_condition(SenseKey::miscompare, SenseCode::miscompare_during_verify);
        case Errc::disconnected: return hardware_error(SenseCode::communication_failure);
        case Errc::timed_out: return hardware_error(SenseCode::communication_timeout);
        case Errc::fenced:
        case Errc::incarnation_changed:
        case Errc::protocol_error:
        case Errc::not_found:
        case Errc::changed: return hardware_error(SenseCode::internal_target_failure);
    }
    return hardware_error(SenseCode::internal_target_failure);
}

bool asks_to_send_again(const Outcome& outcome) noexcept {
    return outcome.status == Status::busy || outcome.key == SenseKey::not_ready ||
           outcome.key == SenseKey::aborted_command;
}

Outcome outcome_partly_done(Errc error) noexcept {
    const Outcome outcome = outcome_of(error, Access::write);
    return asks_to_send_again(outcome) ? hardware_error(SenseCode::internal_target_failure) : outcome;
}

}  // namespace dst::tgt
