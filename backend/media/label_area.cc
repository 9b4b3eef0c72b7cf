#include "media/label_area.h"

#include <utility>

#include "block/assert.h"

namespace dst {
namespace {

/// An answer that says nothing of the place that should have been read.
bool medium_is_leaving(Errc code) noexcept {
    return code == Errc::disconnected || code == Errc::cancelled || code == Errc::timed_out;
}

}  // namespace

LabelArea::LabelArea(RawMedium& raw) noexcept : raw_(raw) {
    piece_ = {image_.data(), image_.size()};
    request_.owner = this;
    request_.done = [](Request& request) { static_cast<LabelArea*>(request.owner)->answered(request.result); };
}

void LabelArea::read(std::function<void(Errc)> done) {
    DST_ASSERT(idle() && !stopped_);
    done_ = std::move(done);
    copy_ = 0;
    read_copy();
}

void LabelArea::write(const LabelImage& image, std::function<void(Errc)> done) {
    DST_ASSERT(idle() && !stopped_);
    image_ = image;
    begin_write(false, std::move(done));
}

void LabelArea::erase(std::function<void(Errc)> done) {
    DST_ASSERT(idle() && !stopped_);
    image_ = LabelImage{};
    begin_write(true, std::move(done));
    const std::uint64_t begin = label_copy(medium_bytes_, 0).end();
    tail_ = {label_copy(medium_bytes_, 1).end(), medium_bytes_ - label_copy(medium_bytes_, 1).end()};
    clear({begin, label_copy(medium_bytes_, 1).offset - begin});
}

void LabelArea::begin_write(bool erasing, std::function<void(Errc)> done) {
    done_ = std::move(done);
    erasing_ = erasing;
    first_written_ = false;
    durable_ = false;
    copy_ = choice_.next_copy;
    if (!erasing_) write_copy();
}

/// What is neither copy. The flush after the first copy makes it durable.
void LabelArea::clear(const Extent& extent) {
    step_ = Step::clearing;
    request_.operation = Operation::write_zeroes;
    request_.fua = false;
    request_.extent = extent;
    request_.pieces = {};
    raw_.submit(request_);
}

void LabelArea::read_copy() {
    step_ = Step::reading;
    submit(Operation::read);
}

void LabelArea::write_copy() {
    step_ = Step::writing;
    submit(Operation::write);
}

void LabelArea::flush() {
    step_ = Step::flushing;
    submit(Operation::flush);
}

void LabelArea::submit(Operation operation) {
    request_.operation = operation;
    request_.fua = operation == Operation::write;
    request_.extent = operation == Operation::flush ? Extent{} : label_copy(medium_bytes_, copy_);
    request_.pieces = operation == Operation::flush ? Pieces{} : Pieces(&piece_, 1);
    raw_.submit(request_);
}

void LabelArea::answered(Errc code) {
    if (stopped_) {
        finish(Errc::cancelled);
        return;
    }
    switch (step_) {
        case Step::reading: copy_read(code); return;
        case Step::clearing:
            if (code != Errc::ok) {
                copy_written(code);
            } else if (tail_.length != 0) {
                clear(std::exchange(tail_, Extent{}));
            } else {
                write_copy();
            }
            return;
        case Step::writing:
            if (code == Errc::ok) {
                flush();
            } else {
                copy_written(code);
            }
            return;
        case Step::flushing: copy_written(code); return;
        case Step::idle: break;
    }
    DST_ASSERT(!"an answer while nothing runs");
}

void LabelArea::copy_read(Errc code) {
    if (medium_is_leaving(code)) {
        finish(failed_ != Errc::ok ? std::exchange(failed_, Errc::ok) : code);
        return;
    }
    durable_ = durable_ && code == Errc::ok && image_ == copies_.images[copy_];
    copies_.readable[copy_] = code == Errc::ok;
    copies_.images[copy_] = code == Errc::ok ? image_ : LabelImage{};
    if (copy_ == 0) {
        copy_ = 1;
        read_copy();
        return;
    }
    choice_ = choose_label(copies_);
    finish(std::exchange(failed_, Errc::ok));
}

void LabelArea::copy_written(Errc code) {
    const bool second = first_written_;
    if (code != Errc::ok && (!second || erasing_)) {
        // The old label or the new one may lie there now: only reading tells.
        failed_ = code;
        copy_ = 0;
        read_copy();
        return;
    }
    copies_.readable[copy_] = code == Errc::ok;
    copies_.images[copy_] = image_;
    if (!second) {
        first_written_ = true;
        copy_ ^= 1u;
        write_copy();
        return;
    }
    choice_ = choose_label(copies_);
    durable_ = code == Errc::ok;
    finish(Errc::ok);
}

void LabelArea::finish(Errc code) {
    step_ = Step::idle;
    std::exchange(done_, nullptr)(code);
}

}  // namespace dst
