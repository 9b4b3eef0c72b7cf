#include <algorithm>
#include <cstring>

#include "tgt/lun.h"
#include "tgt/scsi_command.h"

namespace dst::tgt {

void ScsiCommand::begin_scan() {
    next_ = order_.extent.offset;
    end_ = order_.extent.end();
    if (order_.kind == Kind::lba_status) {
        const std::uint64_t room = std::min<std::uint64_t>(input.data_in.size(), order_.in_bytes);
        status_ = LbaStatusList(input.data_in.first(room), order_.extent.offset / lun_->config_.block_bytes);
    }
    lun_->take_scratch(*this);
}

void ScsiCommand::scan_next() {
    if (next_ == end_) return scan_done();
    step_ = Step::scan;
    Slot& slot = slots_[0];
    const std::uint64_t length = std::min<std::uint64_t>(end_ - next_, Lun::scratch_bytes);
    slot.pieces[0] = {scratch_, static_cast<std::size_t>(length)};
    submit(slot, Operation::read, {next_, length}, {slot.pieces.data(), 1});
}

void ScsiCommand::scanned(Errc result) {
    if (result != Errc::ok) return fail(result, Access::read);
    const Extent extent = slots_[0].request.extent;
    const std::uint64_t at = next_ - order_.extent.offset;
    next_ = extent.end();
    if (!scan_chunk({scratch_, static_cast<std::size_t>(extent.length)}, at)) return;
    scan_next();
}

/// False: the command has ended.
bool ScsiCommand::scan_chunk(std::span<const std::byte> chunk, std::uint64_t at) {
    switch (order_.kind) {
        case Kind::or_write:
            for (std::size_t i = 0; i < chunk.size(); ++i) input.data_out[at + i] |= chunk[i];
            return true;
        case Kind::lba_status:
            if (note_status(chunk)) return true;
            scan_done();
            return false;
        default: return compare_chunk(chunk, at);
    }
}

bool ScsiCommand::compare_chunk(std::span<const std::byte> chunk, std::uint64_t at) {
    const std::byte* expected = input.data_out.data();
    if (order_.kind == Kind::compare_and_write || order_.compare == Compare::data_out) {
        expected += at;
        if (std::memcmp(chunk.data(), expected, chunk.size()) == 0) return true;
        Outcome outcome = outcome_of(Errc::mismatch, Access::read);
        if (order_.kind == Kind::compare_and_write) {
            const auto differ = std::mismatch(chunk.begin(), chunk.end(), expected);
            outcome.information = at + static_cast<std::uint64_t>(differ.first - chunk.begin());
        }
        finish(outcome);
        return false;
    }
    if (order_.compare == Compare::one_block) {
        const std::size_t block = lun_->config_.block_bytes;
        for (std::size_t i = 0; i < chunk.size(); i += block) {
            if (std::memcmp(&chunk[i], expected, block) == 0) continue;
            fail(Errc::mismatch, Access::read);
            return false;
        }
    }
    return true;
}

/// A block that reads as zero counts as deallocated: with LBPRZ nobody can tell it from one, and the medium below is
/// not asked. False: no more descriptors fit.
bool ScsiCommand::note_status(std::span<const std::byte> chunk) {
    const std::size_t block = lun_->config_.block_bytes;
    for (std::size_t i = 0; i < chunk.size(); i += block) {
        if (!status_.add(1, all_zero(chunk.subspan(i, block)))) return false;
    }
    return true;
}

void ScsiCommand::scan_done() {
    switch (order_.kind) {
        case Kind::or_write: return write(Step::atomic_write, input.data_out.first(order_.extent.length));
        case Kind::compare_and_write:
            return write(Step::atomic_write, input.data_out.subspan(order_.extent.length, order_.extent.length));
        case Kind::lba_status: answer.in_bytes = status_.finish(); return finish({});
        default: return finish({});
    }
}

void ScsiCommand::report_all_mapped() {
    const std::uint64_t room = std::min<std::uint64_t>(input.data_in.size(), order_.in_bytes);
    const std::uint64_t block = lun_->config_.block_bytes;
    status_ = LbaStatusList(input.data_in.first(room), order_.extent.offset / block);
    status_.add(order_.extent.length / block, false);
    answer.in_bytes = status_.finish();
    lun_->finish_later(*this);
}

}  // namespace dst::tgt
