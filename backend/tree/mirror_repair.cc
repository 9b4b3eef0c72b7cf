#include <algorithm>
#include <utility>

#include "block/breaks.h"
#include "tree/mirror_rewrite.h"

/// M9: what a member could not read, while another one could, is written back: read again under an exclusive lock, and
/// written as anything else is (M3, M4). A member that does not take it is dropped (M2).
namespace dst {

/// A disk that cannot read a physical block cannot write a part of it either. No more than a piece of what may differ,
/// all of which a read of a part holds.
Extent Mirror::in_whole_blocks(const Extent& extent) const noexcept {
    const std::uint64_t block = std::min<std::uint64_t>(geometry_.physical_block_bytes, rewrite_piece_bytes);
    const std::uint64_t end = std::min((extent.end() + block - 1) / block * block, record_.size_bytes);
    const std::uint64_t offset = extent.offset / block * block;
    return {offset, end - offset};
}

/// A read was answered, after `broken` could not.
void Mirror::want_repair(const Extent& extent, Mask broken_members) {
    if (state_ != State::serving || settling_ || broken(Rule::m9_write_back)) return;
    const Extent blocks = in_whole_blocks(extent);
    const std::uint64_t end = blocks.end();
    Extent part{blocks.offset, 0};
    for (; part.offset < end; part.offset += part.length) {
        part.length = std::min(end - part.offset, rewrite_piece_bytes);
        const bool known = std::any_of(repairs_.begin(), repairs_.end(),
                                       [&](const auto& repair) { return repair->extent().contains(part); });
        if (known || repairs_.size() >= repairs_max) continue;
        repairs_.push_back(std::make_unique<Repair>(*this, part, broken_members));
        if (repairs_.size() == 1) repairs_.front()->lock();
    }
}

/// One at a time; it is the first.
void Mirror::repair_ended(Repair& repair, Errc code) {
    repair.unlock();
    if (code == Errc::ok) repaired_bytes_ += repair.extent().length;
    repairs_.erase(repairs_.begin());
    --in_flight_;
    if (!repairs_.empty()) {
        repairs_.front()->lock();
    } else if (repaired_bytes_ != 0) {
        environment_.events.event(Severity::notice, "member-repaired",
                                  "what a member could not read was written to it again, as another one has it",
                                  {{"mirror", name_}, {"bytes", std::to_string(std::exchange(repaired_bytes_, 0))}});
    }
    check_closed();
}

Mirror::Repair::Repair(Mirror& mirror, const Extent& extent, Mask broken_members)
    : Rewrite(mirror, extent), broken_(broken_members) {}

void Mirror::Repair::run() {
    // What is not reconciled is written to all in any case.
    if (mirror_.state_ != State::serving || mirror_.is_unreconciled(extent_)) return end(Errc::disconnected);
    rewrite(~broken_);
}

void Mirror::Repair::end(Errc code) { mirror_.repair_ended(*this, code); }

}  // namespace dst
