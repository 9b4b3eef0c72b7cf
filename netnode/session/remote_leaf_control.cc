#include <memory>
#include <utility>

#include "media/label.h"
#include "session/remote_leaf_impl.h"

namespace dst {

template <typename T>
void RemoteLeafImpl::control(wire::Kind kind, Bytes payload, Result<T> (*decode)(std::span<const std::byte>),
                             Callback<T> done) {
    ClientConnection& connection = slots_[0]->connection;
    if (!up_ || connection.control_pending()) {
        const Error why = up_ ? Error{Errc::busy, options_.name + " still works on an earlier order"}
                              : Error{Errc::disconnected, options_.name + " is not connected"};
        loop_.defer([done = std::move(done), why] { done(why); });
        return;
    }
    connection.control(kind, std::move(payload), [decode, done = std::move(done)](Result<Bytes> answer) {
        if (!answer) return done(answer.error());
        done(decode(*answer));
    });
}

void RemoteLeafImpl::peek(Callback<Peek> done) { control(wire::Kind::peek, {}, &wire::decode_peek, std::move(done)); }

void RemoteLeafImpl::probe(Callback<Probe> done) {
    control(wire::Kind::probe, {}, &wire::decode_probe, std::move(done));
}

void RemoteLeafImpl::promise(const Peek& seen, const Epoch& epoch, Callback<LabelImage> done) {
    if (up_ && !close_others()) {
        const Error why{Errc::busy, options_.name + " has requests in flight"};
        loop_.defer([done = std::move(done), why] { done(why); });
        return;
    }
    auto promised = [this, epoch, done = std::move(done)](Result<LabelImage> label) {
        if (label) {
            // This session's own from now on: what reconnects names it.
            identity_.epoch = epoch;
            epoch_accepted_ = up_;
            const Result<Label> decoded = decode_label(*label);
            pin_.pin(decoded ? decoded->medium : medium_, geometry_.size_bytes, incarnation_);
            connect_others();
        }
        done(std::move(label));
    };
    const Bytes order = wire::encode(wire::PromiseOrder{seen, epoch});
    control<LabelImage>(wire::Kind::promise, order, &wire::decode_label_image, std::move(promised));
}

void RemoteLeafImpl::mark_served(const Epoch& epoch, Callback<LabelImage> done) {
    control(wire::Kind::served, wire::encode(epoch), &wire::decode_label_image, std::move(done));
}

void RemoteLeafImpl::write_label(const Peek& seen, const LabelImage& image, Callback<LabelImage> done) {
    auto written = [this, done = std::move(done)](Result<LabelImage> label) {
        if (label) {
            // Not a change behind its back: the next connection compares with this one.
            const Result<Label> decoded = decode_label(*label);
            medium_ = decoded ? decoded->medium : Id{};
            if (pin_.set()) pin_.pin(medium_, geometry_.size_bytes, incarnation_);
        }
        done(std::move(label));
    };
    const Bytes order = wire::encode(wire::LabelOrder{seen, image});
    control<LabelImage>(wire::Kind::label, order, &wire::decode_label_image, std::move(written));
}

}  // namespace dst
