#include "ctl/leaf_session.h"

#include <algorithm>

#include "block/assert.h"

namespace dst::ctl {
namespace {

constexpr Duration open_limit = std::chrono::seconds(10);

}  // namespace

LeafSession::LeafSession(AsioLoop& loop, std::unique_ptr<Leaf> leaf) : loop_(loop), leaf_(std::move(leaf)) {
    leaf_->set_observer(this);
}

LeafSession::~LeafSession() {
    leaf_->set_observer(nullptr);
    if (!opened_) return;
    bool closed = false;
    leaf_->close([&] {
        closed = true;
        loop_.stop();
    });
    wait_for(closed);
}

void LeafSession::wait_for(const bool& flag) {
    while (!flag) loop_.run();
}

Result<void> LeafSession::open(Duration limit) {
    DST_ASSERT(!opened_);
    opened_ = true;
    leaf_->open();
    Timer timer(loop_, [this] {
        settled_ = true;
        loop_.stop();
    });
    timer.start(limit);
    wait_for(settled_);
    if (leaf_->up()) return {};
    if (down_) return *down_;
    return Error{Errc::timed_out, leaf_->name() + " does not answer"};
}

Result<Peek> LeafSession::peek() {
    Result<Peek> answer = Error{};
    bool answered = false;
    leaf_->peek([&](Result<Peek> peek) {
        answer = std::move(peek);
        answered = true;
        loop_.stop();
    });
    wait_for(answered);
    return answer;
}

Result<Bytes> LeafSession::read(const Extent& extent) {
    struct Reading {
        AsioLoop& loop;
        bool answered = false;
    };
    Reading reading{loop_};
    Bytes bytes(extent.length);
    Piece piece{bytes.data(), bytes.size()};
    Request request;
    request.operation = Operation::read;
    request.extent = extent;
    request.pieces = {&piece, 1};
    request.owner = &reading;
    request.done = [](Request& done) {
        auto& reader = *static_cast<Reading*>(done.owner);
        reader.answered = true;
        reader.loop.stop();
    };
    leaf_->submit(request);
    wait_for(reading.answered);
    if (request.result != Errc::ok) return Error{request.result, "reading " + leaf_->name()};
    return bytes;
}

void LeafSession::on_up(BlockDevice&) {
    settled_ = true;
    loop_.stop();
}

void LeafSession::on_down(BlockDevice&, const Error& why) {
    down_ = why;
    settled_ = true;
    loop_.stop();
}

MediumInspection inspect_netnode(AsioLoop& loop, std::unique_ptr<Leaf> leaf) {
    MediumInspection found;
    found.name = leaf->name();
    found.kind = MediumKind::netnode;
    LeafSession session(loop, std::move(leaf));
    if (auto opened = session.open(open_limit); !opened) {
        found.error = opened.error();
        return found;
    }
    auto peek = session.peek();
    if (!peek) {
        found.error = peek.error();
        return found;
    }
    found.size_bytes = session.size_bytes();
    found.label_state = peek->label_state;
    found.live = peek->live;
    if (peek->label_state == LabelState::valid) {
        auto label = decode_label(peek->label);
        if (label) {
            found.label = std::move(*label);
        } else {
            found.label_state = LabelState::damaged;
            found.label_fault = label.error().text;
        }
    }
    const std::uint64_t leaf_bytes = found.label ? found.label->size_bytes : found.size_bytes;
    inspect_leaf(session, std::min(found.size_bytes, leaf_bytes), found);
    return found;
}

}  // namespace dst::ctl
