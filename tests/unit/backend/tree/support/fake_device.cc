#include "support/fake_device.h"

#include <xxhash.h>

#include <algorithm>

namespace dst {

FakeDevice::FakeDevice(Loop& loop, std::uint64_t size_bytes) : loop_(loop), bytes_(size_bytes) {
    geometry_.size_bytes = size_bytes;
    incarnation_.id = loop.random_id();
}

void FakeDevice::submit(Request& request) {
    log.emplace_back(request.operation, request.extent);
    if (!up_) return loop_.complete_later(request, Errc::disconnected);
    if (holding_ && (reads_held_ || request.operation != Operation::read)) {
        held_.push_back(&request);
        return;
    }
    loop_.complete_later(request, carry_out(request));
}

void FakeDevice::answer(Errc code) {
    Request* request = held_.front();
    held_.pop_front();
    loop_.complete_later(*request, code == Errc::ok ? carry_out(*request) : code);
}

void FakeDevice::release() {
    holding_ = false;
    while (!held_.empty()) answer();
}

void FakeDevice::cut(const Error& why) {
    ++cuts;
    loop_.defer([this, why] { go_down(); });
}

void FakeDevice::go_down() {
    if (!up_) return;
    up_ = false;
    while (!held_.empty()) answer(Errc::disconnected);
    notify_down({Errc::disconnected, "pulled"});
}

void FakeDevice::go_up() {
    up_ = true;
    notify_up();
}

void FakeDevice::close(std::function<void()> closed) { loop_.defer(std::move(closed)); }

void FakeDevice::fail(Operation operation, Errc code, unsigned times) { failures_.push_back({operation, code, times}); }

Bytes FakeDevice::bytes(std::uint64_t offset, std::size_t length) const {
    const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(offset);
    return Bytes(from, from + static_cast<std::ptrdiff_t>(length));
}

void FakeDevice::put(std::uint64_t offset, const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
}

Errc FakeDevice::carry_out(Request& request) {
    for (Failure& failure : failures_) {
        if (failure.operation != request.operation || failure.times == 0) continue;
        --failure.times;
        return failure.code;
    }
    const Errc code = check_request(request, geometry_);
    if (code != Errc::ok) return code;
    const auto hit = [&](const Extent& spoilt) { return spoilt.overlaps(request.extent); };
    if (changes_data(request.operation)) {
        if (std::any_of(full_.begin(), full_.end(), hit)) return Errc::no_space;
        std::erase_if(spoilt_, hit);
    } else if (request.operation != Operation::flush && std::any_of(spoilt_.begin(), spoilt_.end(), hit)) {
        return Errc::medium_error;
    }
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(request.extent.offset);
    std::byte* const at = bytes_.data() + request.extent.offset;
    switch (request.operation) {
        case Operation::read: copy_to_pieces({at, request.extent.length}, request.pieces); break;
        case Operation::write: copy_from_pieces(request.pieces, {at, request.extent.length}); break;
        case Operation::write_zeroes:
        case Operation::unmap:
            std::fill(begin, begin + static_cast<std::ptrdiff_t>(request.extent.length), std::byte{0});
            break;
        case Operation::flush: break;
        case Operation::checksum: {
            Bytes sums;
            for (std::uint64_t done = 0; done < request.extent.length; done += request.checksum_piece_bytes) {
                const std::uint64_t length =
                    std::min<std::uint64_t>(request.checksum_piece_bytes, request.extent.length - done);
                XXH128_canonical_t digest;
                XXH128_canonicalFromHash(&digest, XXH3_128bits(at + done, length));
                const auto bytes = std::as_bytes(std::span(digest.digest));
                sums.insert(sums.end(), bytes.begin(), bytes.end());
            }
            copy_to_pieces(sums, request.pieces);
            break;
        }
    }
    return Errc::ok;
}

}  // namespace dst
