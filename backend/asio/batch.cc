#include "asio/batch.h"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace dst {
namespace {

thread_local bool batch_here = false;

bool change_policy(int from, int to) noexcept {
    const sched_param none{};
    return sched_getscheduler(0) == from && sched_setscheduler(0, to, &none) == 0;
}

}  // namespace

bool BatchPolicy::worked(Duration time) noexcept {
    mean_ += (std::min(time, turn_max) - mean_) / memory;
    if (mean_ > begins) patient_ = true;
    if (mean_ < ends) patient_ = false;
    return patient_;
}

BatchThread::BatchThread() noexcept : able_(sched_getscheduler(0) == SCHED_OTHER) {}

void BatchThread::set(bool batch) noexcept {
    if (!able_ || std::exchange(batch_here, batch) == batch) return;
    able_ = batch ? change_policy(SCHED_OTHER, SCHED_BATCH) : change_policy(SCHED_BATCH, SCHED_OTHER);
    if (!able_) batch_here = false;
}

bool BatchThread::is_batch() noexcept { return batch_here; }

void BatchThread::leave_inherited() noexcept { static_cast<void>(change_policy(SCHED_BATCH, SCHED_OTHER)); }

}  // namespace dst
