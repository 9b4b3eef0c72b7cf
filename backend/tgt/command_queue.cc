#include "tgt/command_queue.h"

#include "block/assert.h"

namespace dst::tgt {

CommandQueue::~CommandQueue() { DST_ASSERT(out() == 0); }

bool CommandQueue::submit(const ScsiCommand::Input& input) {
    if (closed_) return false;
    ScsiCommand& command = pool_.take();
    command.input = input;
    waiting_.push_back(command);
    hand_over();
    return true;
}

void CommandQueue::hand_over() {
    bool pushed = false;
    while (!waiting_.empty() && handed_over_ < Port::capacity) {
        ScsiCommand& command = waiting_.front();
        waiting_.pop_front();
        pushed = port_->to_storage.push(&command);
        DST_ASSERT(pushed);
        ++handed_over_;
    }
    if (pushed) port_->storage_bell.ring();
}

bool CommandQueue::take_back(ScsiCommand*& command) {
    if (port_->to_tgtd.pop(command)) {
        DST_ASSERT(handed_over_ > 0);
        --handed_over_;
        if (!closed_) hand_over();
        return true;
    }
    if (!closed_ || waiting_.empty()) return false;
    command = &waiting_.front();
    waiting_.pop_front();
    command->answer = {outcome_of(Errc::cancelled, Access::read), 0, 0};
    return true;
}

void CommandQueue::close() {
    closed_ = true;
    if (!waiting_.empty()) port_->tgtd_bell.signal();
}

}  // namespace dst::tgt
