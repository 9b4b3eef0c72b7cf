#include <algorithm>
#include <cstring>

#include "block/assert.h"
#include "tgt/lun.h"
#include "tgt/scsi_command.h"

namespace dst::tgt {
namespace {

/// A request of a pattern repeats the scratch piece so many times.
constexpr std::uint64_t pattern_repeats = 4;
constexpr std::uint64_t pattern_bytes = pattern_repeats * Lun::scratch_bytes;

}  // namespace

void ScsiCommand::next_descriptor() {
    if (locked_) lun_->lock_.unlock(holder_);
    locked_ = false;
    // What settled in between has not waited for those that are left.
    if (settles_ != lun_->settles_) order_.fua = true;
    const auto parameters = input.data_out.first(order_.out_bytes);
    const LunShape shape = lun_->shape(*this);
    while (descriptor_ < unmap_descriptors(parameters)) {
        const Extent extent = unmap_descriptor(parameters, descriptor_++, shape);
        if (!extent.empty()) return lock(extent, RangeLock::Mode::exclusive);
    }
    // From inside submit() when every descriptor is empty, else after a request: both may answer later.
    lun_->finish_later(*this);
}

void ScsiCommand::fill_pattern() {
    const std::size_t block = input.data_out.size();
    for (std::size_t at = 0; at + block <= Lun::scratch_bytes; at += block) {
        std::memcpy(scratch_ + at, input.data_out.data(), block);
    }
}

void ScsiCommand::begin_split(const Extent& extent) {
    next_ = extent.offset;
    end_ = extent.end();
    step_ = Step::split;
    split_error_ = Errc::ok;
    busy_slots_ = 0;
    split_more();
}

void ScsiCommand::split_more() {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (next_ == end_ || split_error_ != Errc::ok) return;
        if ((busy_slots_ & 1u << i) != 0) continue;
        busy_slots_ |= 1u << i;
        split_one(slots_[i]);
    }
}

void ScsiCommand::split_one(Slot& slot) {
    const bool pattern = order_.kind == Kind::write_pattern;
    const Extent extent{next_, std::min(end_ - next_, pattern ? pattern_bytes : split_bytes)};
    next_ = extent.end();
    if (!pattern) {
        const bool zeroes = order_.kind == Kind::write_zeroes;
        return submit(slot, zeroes ? Operation::write_zeroes : Operation::unmap, extent, {});
    }
    std::size_t pieces = 0;
    for (std::uint64_t left = extent.length; left > 0;) {
        const std::uint64_t part = std::min<std::uint64_t>(left, Lun::scratch_bytes);
        slot.pieces[pieces++] = {scratch_, static_cast<std::size_t>(part)};
        left -= part;
    }
    submit(slot, Operation::write, extent, {slot.pieces.data(), pieces});
}

void ScsiCommand::split_answered(Slot& slot, Errc result) {
    const auto index = static_cast<std::size_t>(&slot - slots_.data());
    DST_ASSERT((busy_slots_ & 1u << index) != 0);
    busy_slots_ &= ~(1u << index);
    if (result != Errc::ok && split_error_ == Errc::ok) split_error_ = result;
    split_more();
    if (busy_slots_ == 0) split_done();
}

void ScsiCommand::split_done() {
    if (split_error_ != Errc::ok) return fail(split_error_, Access::write);
    if (order_.kind == Kind::unmap_list) return next_descriptor();
    finish({});
}

}  // namespace dst::tgt
