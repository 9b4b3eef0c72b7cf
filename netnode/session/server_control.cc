#include <type_traits>
#include <utility>

#include "block/assert.h"
#include "session/server_session_impl.h"

namespace dst {

/// Carries out an order beside the data path: one at a time, until its answer is sent, so that a peer cannot pile
/// answers up. Counted as running until the medium has answered.
void ServerSessionImpl::start_control(Work& work) {
    if (work.order.kind == wire::Kind::close) return start_close(work);
    if (control_running_) return answer_error(work, {Errc::busy, "one such order at a time"});
    switch (work.order.kind) {
        case wire::Kind::peek:
            begin_control(work);
            return medium_->peek(*this, [this, &work](Result<Peek> result) { control_done(work, result); });
        case wire::Kind::probe:
            begin_control(work);
            return medium_->probe(*this, [this, &work](Result<Probe> result) { control_done(work, result); });
        case wire::Kind::promise: return start_promise(work);
        case wire::Kind::served: return start_served(work);
        case wire::Kind::label: return start_label(work);
        case wire::Kind::hello:
        case wire::Kind::open:
        case wire::Kind::read:
        case wire::Kind::write:
        case wire::Kind::flush:
        case wire::Kind::unmap:
        case wire::Kind::write_zeroes:
        case wire::Kind::hash:
        case wire::Kind::ping:
        case wire::Kind::close: break;
    }
    DST_ASSERT(!"not an order beside the data path");
}

void ServerSessionImpl::begin_control(Work& work) {
    control_running_ = true;
    work.control = true;
    ++running_;
}

void ServerSessionImpl::start_promise(Work& work) {
    const Result<wire::PromiseOrder> order = wire::decode_promise({work.piece.data, work.piece.size});
    if (!order) {
        release(work);
        return protocol_failure(order.error());
    }
    begin_control(work);
    medium_->promise(*this, order->seen, order->epoch, [this, &work](Result<LabelImage> result) {
        // Its own promise is the highest now: a fence that came before does not hold any more.
        if (result) fenced_ = false;
        control_done(work, result);
    });
}

void ServerSessionImpl::start_served(Work& work) {
    const Result<Epoch> order = wire::decode_epoch({work.piece.data, work.piece.size});
    if (!order) {
        release(work);
        return protocol_failure(order.error());
    }
    begin_control(work);
    medium_->mark_served(*this, *order, [this, &work](Result<LabelImage> result) { control_done(work, result); });
}

void ServerSessionImpl::start_label(Work& work) {
    const Result<wire::LabelOrder> order = wire::decode_label_order({work.piece.data, work.piece.size});
    if (!order) {
        release(work);
        return protocol_failure(order.error());
    }
    begin_control(work);
    medium_->write_label(*this, order->seen, order->image,
                         [this, &work](Result<LabelImage> result) { control_done(work, result); });
}

/// Answered when nothing of this session runs any more.
void ServerSessionImpl::start_close(Work& work) {
    report(Severity::info, "session-closed", who() + " has closed " + open_.export_name);
    closing_work_ = &work;
    close_reason_ = {Errc::cancelled, "closed"};
    state_ = State::draining;
    end_timer_.start(std::chrono::seconds(2));
    work_ended();
}

template <typename T>
void ServerSessionImpl::control_done(Work& work, const Result<T>& result) {
    --running_;
    if (state_ != State::serving && state_ != State::draining) {
        release(work);
    } else if (result) {
        answer_text(work, Errc::ok, wire::encode(*result));
    } else {
        answer_error(work, result.error());
    }
    work_ended();
}

}  // namespace dst
