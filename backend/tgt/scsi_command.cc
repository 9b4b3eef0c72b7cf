#include "tgt/scsi_command.h"

#include <algorithm>

#include "block/assert.h"
#include "tgt/data_in.h"
#include "tgt/lun.h"

namespace dst::tgt {

ScsiCommand::ScsiCommand() {
    for (Slot& slot : slots_) {
        slot.request.owner = this;
        slot.request.done = [](Request& request) { static_cast<ScsiCommand*>(request.owner)->on_request(request); };
    }
    holder_.owner = this;
    holder_.granted = [](RangeLock::Holder& holder) {
        auto& command = *static_cast<ScsiCommand*>(holder.owner);
        command.lun_->granted(command);
    };
}

void ScsiCommand::start() {
    Lun& lun = *lun_;
    const LunShape shape = lun.shape(*this);
    Judgement judgement;
    if (input.settle) {
        judgement.order.kind = Kind::settle;
        judgement.order.extent = {0, shape.blocks * shape.block_bytes};
        judgement.order.out_bytes = input.data_out.size();
    } else {
        judgement = judge(input.cdb, shape, input.data_out);
    }
    order_ = judgement.order;
    if (order_.kind != Kind::read && (input.write_through || !lun.config_.write_cache)) order_.fua = true;
    step_ = Step::start;
    locked_ = false;
    answer = {judgement.refusal, 0, order_.out_bytes};
    if (answer.outcome.status != Status::good) return lun.finish_later(*this);
    answer.in_bytes = order_.in_bytes;
    switch (order_.kind) {
        case Kind::nothing: return lun.finish_later(*this);
        case Kind::pre_fetch:
            // There is no cache of its own to fill, and nothing is slower for its absence.
            answer.outcome.status = Status::condition_met;
            return lun.finish_later(*this);
        case Kind::synchronize_cache: return make_durable();
        case Kind::unmap_list:
            descriptor_ = 0;
            settles_ = lun.settles_;
            return next_descriptor();
        case Kind::read:
            if (input.data_in.empty()) return lun.finish_later(*this);
            return lock(order_.extent, RangeLock::Mode::shared);
        case Kind::verify: return lock(order_.extent, RangeLock::Mode::shared);
        case Kind::settle: ++lun.settles_; return lock(order_.extent, RangeLock::Mode::shared);
        case Kind::lba_status:
            if (!input.thin) return report_all_mapped();
            order_.extent.length = std::min(order_.extent.length, lba_status_bytes_max);
            return lock(order_.extent, RangeLock::Mode::shared);
        case Kind::write:
        case Kind::write_and_verify:
        case Kind::or_write:
        case Kind::compare_and_write:
        case Kind::write_zeroes:
        case Kind::unmap_range:
        case Kind::write_pattern: return lock(order_.extent, RangeLock::Mode::exclusive);
    }
}

void ScsiCommand::lock(const Extent& extent, RangeLock::Mode mode) {
    holder_.extent = extent;
    holder_.mode = mode;
    if (lun_->lock_.lock(holder_)) {
        locked_ = true;
        on_lock();
    } else {
        lun_->wait_for_lock(*this);
    }
}

void ScsiCommand::on_lock() {
    switch (order_.kind) {
        case Kind::read: return read();
        case Kind::write:
        case Kind::write_and_verify: return write(Step::transfer, input.data_out.first(order_.extent.length));
        case Kind::verify:
        case Kind::or_write:
        case Kind::compare_and_write:
        case Kind::lba_status: return begin_scan();
        case Kind::write_zeroes:
        case Kind::unmap_range: return begin_split(order_.extent);
        case Kind::write_pattern: return lun_->take_scratch(*this);
        case Kind::unmap_list: return begin_split(holder_.extent);
        case Kind::settle:
            // What comes later is written through, and need not wait for the flush.
            lun_->lock_.unlock(holder_);
            locked_ = false;
            return make_durable();
        case Kind::nothing:
        case Kind::pre_fetch:
        case Kind::synchronize_cache: break;
    }
    DST_ASSERT(false);
}

void ScsiCommand::on_scratch() {
    switch (order_.kind) {
        case Kind::read: return read();
        case Kind::write_pattern: fill_pattern(); return begin_split(order_.extent);
        default: return scan_next();
    }
}

void ScsiCommand::on_request(Request& request) {
    const Errc result = request.result;
    switch (step_) {
        case Step::flush:
            if (result != Errc::ok) return fail(result, Access::write);
            return finish({});
        case Step::flush_first:
            if (result != Errc::ok) return fail(result, Access::write);
            order_.fua = false;
            return read();
        case Step::transfer: return transferred(result);
        case Step::scan: return scanned(result);
        case Step::atomic_write:
            if (result != Errc::ok) return finish(outcome_partly_done(result));
            return finish({});
        case Step::split:
            for (Slot& slot : slots_) {
                if (&slot.request == &request) return split_answered(slot, result);
            }
            break;
        case Step::start: break;
    }
    DST_ASSERT(false);
}

void ScsiCommand::transferred(Errc result) {
    if (result != Errc::ok) return fail(result, order_.kind == Kind::read ? Access::read : Access::write);
    if (order_.kind == Kind::write_and_verify) return begin_scan();
    finish({});
}

void ScsiCommand::read() {
    // FUA: what is read must be on the medium first (SBC-3 5.15).
    if (order_.fua) return flush(Step::flush_first);
    const std::uint64_t room = input.data_in.size();
    const std::uint64_t block = lun_->config_.block_bytes;
    const std::uint64_t length = std::min(order_.extent.length, (room + block - 1) / block * block);
    Slot& slot = slots_[0];
    slot.pieces[0] = {input.data_in.data(), static_cast<std::size_t>(std::min(length, room))};
    std::size_t pieces = 1;
    if (length > room) {
        // The initiator's buffer ends inside a block: its rest goes to memory of our own.
        if (scratch_ == nullptr) return lun_->take_scratch(*this);
        slot.pieces[pieces++] = {scratch_, static_cast<std::size_t>(length - room)};
    }
    populate(input.data_in.first(slot.pieces[0].size));
    step_ = Step::transfer;
    submit(slot, Operation::read, {order_.extent.offset, length}, {slot.pieces.data(), pieces});
}

void ScsiCommand::write(Step step, std::span<std::byte> data) {
    step_ = step;
    Slot& slot = slots_[0];
    slot.pieces[0] = {data.data(), data.size()};
    submit(slot, Operation::write, {order_.extent.offset, data.size()}, {slot.pieces.data(), 1});
}

void ScsiCommand::flush(Step step) {
    step_ = step;
    submit(slots_[0], Operation::flush, {}, {});
}

/// A flush that was sent before its initiator could hear of a loss would say that what was lost is durable (M10). Those
/// that are in the root when it happens are ended there.
void ScsiCommand::make_durable() {
    if (!lun_->lost_since(*this)) return flush(Step::flush);
    answer.outcome = outcome_of(Errc::io_error, Access::write);
    lun_->finish_later(*this);
}

void ScsiCommand::submit(Slot& slot, Operation operation, const Extent& extent, Pieces pieces) {
    Request& request = slot.request;
    request.operation = operation;
    request.fua = changes_data(operation) && order_.fua;
    request.extent = extent;
    request.pieces = pieces;
    request.result = Errc::ok;
    lun_->submit_request(request);
}

void ScsiCommand::fail(Errc error, Access access) { finish(outcome_of(error, access)); }

void ScsiCommand::finish(const Outcome& outcome) {
    answer.outcome = outcome;
    if (outcome.status == Status::check_condition || outcome.status == Status::busy) answer.in_bytes = 0;
    Lun& lun = *lun_;
    std::byte* const scratch = scratch_;
    scratch_ = nullptr;
    if (locked_) lun.lock_.unlock(holder_);
    locked_ = false;
    lun.finish(*this);
    if (scratch != nullptr) lun.give_scratch(scratch);
}

}  // namespace dst::tgt
