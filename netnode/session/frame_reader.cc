#include "session/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "block/assert.h"

namespace dst {

FrameReader::Step FrameReader::next(Link& link) {
    for (;;) {
        std::optional<Step> step;
        switch (state_) {
            case State::header: step = step_header(link); break;
            case State::target: DST_ASSERT(!"neither receive_into() nor receive_nowhere() was called");
            case State::payload: step = step_payload(link); break;
            case State::nowhere: step = step_nowhere(link); break;
        }
        if (step) return *step;
    }
}

void FrameReader::receive_into(const PieceCursor& payload) noexcept {
    DST_ASSERT(state_ == State::target && payload.remaining() == header_.payload_bytes);
    payload_ = payload;
    crc_ = {};
    state_ = State::payload;
}

void FrameReader::receive_nowhere() noexcept {
    DST_ASSERT(state_ == State::target);
    nowhere_bytes_ = header_.payload_bytes;
    crc_ = {};
    state_ = State::nowhere;
}

std::optional<FrameReader::Step> FrameReader::step_header(Link& link) {
    if (buffered() < wire::header_bytes) {
        if (!fill_inbox(link)) return Step::wait;
        return std::nullopt;
    }
    const auto raw = std::span<const std::byte, wire::header_bytes>(inbox_.data() + begin_, wire::header_bytes);
    Result<wire::Header> decoded = wire::decode_header(raw);
    if (!decoded) {
        error_ = decoded.error();
        return Step::bad;
    }
    begin_ += wire::header_bytes;
    header_ = *decoded;
    bulk_ = header_.payload_bytes > small_bytes;
    if (header_.payload_bytes == 0) return Step::frame;
    state_ = State::target;
    return Step::header;
}

std::optional<FrameReader::Step> FrameReader::step_payload(Link& link) {
    take_from_inbox();
    if (payload_.remaining() == 0) return finish_payload();
    if (!readable_) return Step::wait;

    std::array<Piece, 64> into;
    std::size_t count = payload_.gather(std::span(into).first(into.size() - 1));
    const std::uint64_t gathered = total_size(Pieces(into.data(), count));
    // What follows the payload goes to the inbox, which is empty now; only when the whole payload is asked for.
    begin_ = end_ = 0;
    if (gathered == payload_.remaining()) into[count++] = {inbox_.data(), lookahead()};
    const Pieces pieces(into.data(), count);
    const std::uint64_t asked = total_size(pieces);
    const std::uint64_t got = link.read(pieces);
    DST_ASSERT(got <= asked);
    readable_ = got == asked;
    received_bytes_ += got;
    const std::uint64_t of_payload = std::min(got, gathered);
    payload_.advance(of_payload, [this](std::span<std::byte> bytes) { crc_.add(bytes); });
    end_ = static_cast<std::size_t>(got - of_payload);
    return std::nullopt;
}

/// Through the inbox, piece by piece.
std::optional<FrameReader::Step> FrameReader::step_nowhere(Link& link) {
    const std::size_t part = std::min(buffered(), nowhere_bytes_);
    crc_.add(std::span(inbox_).subspan(begin_, part));
    begin_ += part;
    nowhere_bytes_ -= part;
    if (nowhere_bytes_ == 0) return finish_payload();
    if (!readable_) return Step::wait;

    const Piece piece{inbox_.data(), std::min(inbox_.size(), nowhere_bytes_ + lookahead())};
    const std::size_t got = link.read(Pieces(&piece, 1));
    DST_ASSERT(got <= piece.size);
    readable_ = got == piece.size;
    received_bytes_ += got;
    begin_ = 0;
    end_ = got;
    return std::nullopt;
}

std::optional<FrameReader::Step> FrameReader::finish_payload() {
    state_ = State::header;
    const bool checked = checksums_ || header_.kind == wire::Kind::hello;
    if (checked && crc_.value() != header_.payload_crc) {
        error_ = {Errc::corrupt,
                  "the payload of " + std::string(wire::to_string(header_.kind)) + " has a wrong checksum"};
        return Step::bad;
    }
    return Step::frame;
}

bool FrameReader::fill_inbox(Link& link) {
    if (!readable_) return false;
    if (begin_ > 0) {
        std::memmove(inbox_.data(), inbox_.data() + begin_, buffered());
        end_ = buffered();
        begin_ = 0;
    }
    const std::size_t asked = lookahead() - end_;
    const Piece piece{inbox_.data() + end_, asked};
    const std::size_t got = link.read(Pieces(&piece, 1));
    DST_ASSERT(got <= asked);
    readable_ = got == asked;
    received_bytes_ += got;
    end_ += got;
    return got > 0;
}

void FrameReader::take_from_inbox() {
    const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(buffered(), payload_.remaining()));
    if (part == 0) return;
    payload_.advance(part, [this](std::span<std::byte> bytes) {
        std::memcpy(bytes.data(), inbox_.data() + begin_, bytes.size());
        begin_ += bytes.size();
        crc_.add(bytes);
    });
}

}  // namespace dst
