#include "tgt/lun.h"

#include <new>
#include <utility>

#include "block/assert.h"

namespace dst::tgt {
namespace {

constexpr std::align_val_t scratch_alignment{4096};
constexpr Duration wait_check_interval = std::chrono::seconds(1);

}  // namespace

void Lun::AlignedDelete::operator()(std::byte* memory) const noexcept { ::operator delete(memory, scratch_alignment); }

Lun::Lun(Loop& loop, BlockDevice& root, const Config& config, Done done)
    : loop_(loop),
      root_(root),
      config_(config),
      done_(std::move(done)),
      lock_(loop),
      wait_timer_(loop, [this] { give_up_waiting(); }),
      finish_task_(loop, [this] {
          CommandList ready;
          ready.swap(finished_);
          while (!ready.empty()) {
              ScsiCommand& command = ready.front();
              ready.pop_front();
              command.finish(command.answer.outcome);
          }
      }) {
    scratch_all_.reserve(scratch_count_max);
    scratch_free_.reserve(scratch_count_max);
}

Lun::~Lun() { DST_ASSERT(in_flight_ == 0); }

LunShape Lun::shape(const ScsiCommand& command) const noexcept {
    return {config_.blocks, config_.block_bytes, command.input.thin};
}

/// Since the command was sent, for all that its initiator can know.
bool Lun::lost_since(const ScsiCommand& command) const noexcept {
    return config_.losses != nullptr && config_.losses->load(std::memory_order_relaxed) != command.input.losses_told;
}

void Lun::submit(ScsiCommand& command) {
    ++in_flight_;
    command.lun_ = this;
    if (closing_) {
        command.answer = {outcome_of(Errc::cancelled, Access::read), 0, 0};
        finish_later(command);
        return;
    }
    command.start();
}

void Lun::submit_request(Request& request) {
    if (closing_) {
        loop_.complete_later(request, Errc::cancelled);
    } else {
        root_.submit(request);
    }
}

void Lun::wait_for_lock(ScsiCommand& command) {
    command.waiting_since_ = loop_.now();
    waiting_for_lock_.push_back(command);
    if (!wait_timer_.running()) wait_timer_.start(wait_check_interval);
}

void Lun::granted(ScsiCommand& command) {
    waiting_for_lock_.erase(CommandList::s_iterator_to(command));
    command.locked_ = true;
    command.on_lock();
}

void Lun::give_up_waiting() {
    while (!waiting_for_lock_.empty()) {
        ScsiCommand& command = waiting_for_lock_.front();
        if (loop_.now() - command.waiting_since_ < config_.lock_wait_max) break;
        waiting_for_lock_.pop_front();
        lock_.unlock(command.holder_);
        command.fail(Errc::busy, Access::read);
    }
    if (!waiting_for_lock_.empty()) wait_timer_.start(wait_check_interval);
}

void Lun::take_scratch(ScsiCommand& command) {
    if (scratch_free_.empty() && scratch_all_.size() < scratch_count_max) {
        auto* memory = static_cast<std::byte*>(::operator new(scratch_bytes, scratch_alignment));
        scratch_all_.emplace_back(memory);
        scratch_free_.push_back(memory);
    }
    if (scratch_free_.empty()) {
        waiting_for_scratch_.push_back(command);
        return;
    }
    command.scratch_ = scratch_free_.back();
    scratch_free_.pop_back();
    command.on_scratch();
}

void Lun::give_scratch(std::byte* memory) {
    if (waiting_for_scratch_.empty()) {
        scratch_free_.push_back(memory);
        return;
    }
    ScsiCommand& next = waiting_for_scratch_.front();
    waiting_for_scratch_.pop_front();
    next.scratch_ = memory;
    next.on_scratch();
}

void Lun::finish_later(ScsiCommand& command) {
    finished_.push_back(command);
    finish_task_.post();
}

void Lun::finish(ScsiCommand& command) {
    DST_ASSERT(in_flight_ > 0);
    --in_flight_;
    done_(command);
    if (drained_ && in_flight_ == 0) loop_.defer(std::exchange(drained_, nullptr));
}

void Lun::close(std::function<void()> drained) {
    DST_ASSERT(!closing_);
    closing_ = true;
    wait_timer_.stop();
    if (in_flight_ == 0) {
        loop_.defer(std::move(drained));
        return;
    }
    drained_ = std::move(drained);
    CommandList waiting;
    waiting.swap(waiting_for_lock_);
    while (!waiting.empty()) {
        ScsiCommand& command = waiting.front();
        waiting.pop_front();
        lock_.unlock(command.holder_);
        command.fail(Errc::cancelled, Access::read);
    }
    // Those that wait for scratch get it when its holders end, and then fail as their next request is cancelled.
}

}  // namespace dst::tgt
