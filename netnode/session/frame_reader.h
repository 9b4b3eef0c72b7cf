#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "block/error.h"
#include "block/link.h"
#include "session/piece_cursor.h"
#include "wire/crc32c.h"
#include "wire/frame.h"

namespace dst {

/// Takes frames off a link, step by step. Payloads are received straight into the memory that the caller names; what
/// came along behind a header is copied from a small inbox, and after large payloads the inbox takes no more than the
/// next header, so that large ones are not copied. Payload checksums are computed on the way.
class FrameReader {
public:
    enum class Step {
        wait,    ///< nothing more is there: go on after readable()
        header,  ///< header() is valid, a payload follows: receive_into() or receive_nowhere() comes before next()
        frame,   ///< header() and its payload, if any, are complete and intact
        bad,     ///< error() says why; the stream is of no use any more
    };

    /// The link says that there is something to read.
    void readable() noexcept { readable_ = true; }
    /// Payloads carry checksums (agreed in HELLO). Until then only the payload of HELLO must.
    void set_payload_checksums(bool on) noexcept { checksums_ = on; }

    /// The next step. Reads from the link as it needs to.
    Step next(Link& link);
    /// Where the payload of header() goes: exactly payload_bytes; both the pieces and their memory stay until `frame`.
    void receive_into(const PieceCursor& payload) noexcept;
    /// The payload of header() is thrown away; its checksum must be right all the same.
    void receive_nowhere() noexcept;

    const wire::Header& header() const noexcept { return header_; }
    const Error& error() const noexcept { return error_; }
    /// Bytes taken off the link so far.
    std::uint64_t received_bytes() const noexcept { return received_bytes_; }

private:
    enum class State { header, target, payload, nowhere };

    static constexpr std::size_t inbox_bytes = 16u << 10;
    /// Payloads up to this size are cheaper to copy than to fetch with a system call of their own.
    static constexpr std::size_t small_bytes = 8u << 10;

    std::optional<Step> step_header(Link& link);
    std::optional<Step> step_payload(Link& link);
    std::optional<Step> step_nowhere(Link& link);
    std::optional<Step> finish_payload();
    bool fill_inbox(Link& link);
    void take_from_inbox();
    std::size_t buffered() const noexcept { return end_ - begin_; }
    std::size_t lookahead() const noexcept { return bulk_ ? wire::header_bytes : inbox_bytes; }

    State state_ = State::header;
    bool readable_ = false;
    bool checksums_ = false;
    bool bulk_ = false;  ///< the last payload was large
    wire::Header header_;
    PieceCursor payload_;
    std::size_t nowhere_bytes_ = 0;  ///< still to be thrown away
    wire::Crc32c crc_;
    Error error_{Errc::ok, {}};
    std::uint64_t received_bytes_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::array<std::byte, inbox_bytes> inbox_;
};

}  // namespace dst
