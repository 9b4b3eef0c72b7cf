#include "session/frame_writer.h"

#include <algorithm>
#include <array>

#include "block/assert.h"
#include "wire/crc32c.h"

namespace dst {

void OutFrame::prepare(wire::Header fields, const PieceCursor& content, bool checksum) {
    fields.payload_bytes = static_cast<std::uint32_t>(content.remaining());
    fields.payload_crc = 0;
    if (checksum && content.remaining() > 0) {
        wire::Crc32c crc;
        PieceCursor walk = content;
        walk.advance(walk.remaining(), [&crc](std::span<std::byte> bytes) { crc.add(bytes); });
        fields.payload_crc = crc.value();
    }
    wire::encode_header(fields, header);
    payload = content;
}

void FrameWriter::flush(Link& link) {
    while (!queue_.empty() && !blocked_) {
        std::array<Piece, 256> pieces;
        const Batch batch = gather(pieces);
        const std::uint64_t taken = link.write(Pieces(pieces.data(), batch.pieces));
        DST_ASSERT(taken <= batch.bytes);
        blocked_ = taken < batch.bytes;
        sent_bytes_ += taken;
        took(taken);
    }
}

FrameWriter::Batch FrameWriter::gather(std::span<Piece> out) noexcept {
    Batch batch;
    std::size_t skip = header_sent_;
    for (OutFrame& frame : queue_) {
        if (out.size() - batch.pieces < 2) break;
        if (skip < wire::header_bytes) {
            out[batch.pieces++] = {frame.header.data() + skip, wire::header_bytes - skip};
            batch.bytes += wire::header_bytes - skip;
        }
        skip = 0;
        const std::size_t count = frame.payload.gather(out.subspan(batch.pieces));
        const std::uint64_t bytes = total_size(Pieces(out.data() + batch.pieces, count));
        batch.pieces += count;
        batch.bytes += bytes;
        if (bytes < frame.payload.remaining()) break;
    }
    return batch;
}

void FrameWriter::took(std::uint64_t bytes) {
    while (!queue_.empty()) {
        OutFrame& frame = queue_.front();
        const auto of_header =
            static_cast<std::size_t>(std::min<std::uint64_t>(wire::header_bytes - header_sent_, bytes));
        header_sent_ += of_header;
        bytes -= of_header;
        const std::uint64_t of_payload = std::min(frame.payload.remaining(), bytes);
        frame.payload.advance(of_payload);
        bytes -= of_payload;
        if (header_sent_ < wire::header_bytes || frame.payload.remaining() > 0) return;
        queue_.pop_front();
        header_sent_ = 0;
        if (frame.sent != nullptr) frame.sent(frame);
    }
}

}  // namespace dst
