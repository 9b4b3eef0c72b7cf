#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>

#include "block/link.h"
#include "session/piece_cursor.h"
#include "wire/frame.h"

namespace dst {

/// A frame on its way out. It and the payload's memory stay until `sent` was called or the writer was cleared.
struct OutFrame : boost::intrusive::list_base_hook<> {
    wire::HeaderBytes header;
    PieceCursor payload;
    /// The link took all of it. May be null. Must not call the writer.
    void (*sent)(OutFrame&) = nullptr;
    void* owner = nullptr;

    OutFrame() = default;
    OutFrame(const OutFrame&) = delete;
    OutFrame& operator=(const OutFrame&) = delete;

    /// Encodes `fields` with the payload's size and, if wanted, its checksum.
    void prepare(wire::Header fields, const PieceCursor& content, bool checksum);
};

/// Gives queued frames to a link, in order, as many as it takes in one call.
class FrameWriter {
public:
    void push(OutFrame& frame) { queue_.push_back(frame); }

    /// Writes until the link takes no more or nothing is left. Call again when the link is writable.
    void flush(Link& link);
    /// The link says that there is room again.
    void writable() noexcept { blocked_ = false; }
    /// Forgets everything that is queued: `drop` gets each frame instead of `sent`.
    template <typename Drop>
    void clear(Drop&& drop) {
        header_sent_ = 0;
        blocked_ = false;
        while (!queue_.empty()) {
            OutFrame& frame = queue_.front();
            queue_.pop_front();
            drop(frame);
        }
    }

    bool idle() const noexcept { return queue_.empty(); }
    /// The link took less than was given, and has not said that there is room again.
    bool blocked() const noexcept { return blocked_; }
    /// Bytes given to the link so far.
    std::uint64_t sent_bytes() const noexcept { return sent_bytes_; }

private:
    struct Batch {
        std::size_t pieces = 0;
        std::uint64_t bytes = 0;
    };
    Batch gather(std::span<Piece> out) noexcept;
    void took(std::uint64_t bytes);

    boost::intrusive::list<OutFrame, boost::intrusive::constant_time_size<false>> queue_;
    std::size_t header_sent_ = 0;  ///< of the front frame
    bool blocked_ = false;
    std::uint64_t sent_bytes_ = 0;
};

}  // namespace dst
