#pragma once

#include <array>
#include <functional>

#include "block/raw_medium.h"
#include "media/label.h"

namespace dst {

/// Reads and writes the two label copies of a raw medium, one operation at a time. A write goes to the copy that does
/// not count, durably, and then to the other one too, so that either copy may rot without taking a promise back.
/// `done` never runs from inside the call.
class LabelArea {
public:
    explicit LabelArea(RawMedium& raw) noexcept;

    /// Where the copies lie, before the first read(): `medium_bytes` has room for a label (leaf_size_bytes() != 0).
    void set_medium_bytes(std::uint64_t medium_bytes) noexcept { medium_bytes_ = medium_bytes; }
    /// The medium was opened anew, and may be another one.
    void forget_what_is_durable() noexcept { durable_ = false; }

    /// Reads both copies. Ok even when the disk reads none of them: choice() tells. Disconnected, cancelled, timed_out:
    /// the medium itself did not answer, and choice() is what it was.
    void read(std::function<void(Errc)> done);
    /// Writes and flushes. Ok: at least one new copy is durable. Else what lies there was read again, and choice()
    /// is either the old label or the new one, or says what else became of it.
    void write(const LabelImage& image, std::function<void(Errc)> done);
    /// Zeroes the whole area and what lies behind it, where others keep signatures too; of the copies the one that
    /// counts last, so that a crash in between leaves the old label.
    void erase(std::function<void(Errc)> done);
    /// Sends nothing more to the raw medium; an operation that runs ends with `cancelled` at its next answer.
    void stop() noexcept { stopped_ = true; }

    bool idle() const noexcept { return step_ == Step::idle; }
    /// What both copies say, as last read or written.
    const LabelChoice& choice() const noexcept { return choice_; }
    /// Both copies are known to hold it durably: written so by this object, and found so by each read since. What was
    /// only read may lie in a memory above the disk.
    bool durable() const noexcept { return durable_; }

private:
    enum class Step { idle, reading, clearing, writing, flushing };

    void begin_write(bool erasing, std::function<void(Errc)> done);
    void read_copy();
    void clear(const Extent& extent);
    void write_copy();
    void flush();
    void submit(Operation operation);
    void answered(Errc code);
    void copy_read(Errc code);
    void copy_written(Errc code);
    void finish(Errc code);

    RawMedium& raw_;
    std::uint64_t medium_bytes_ = 0;
    LabelChoice choice_;
    LabelCopies copies_;
    bool durable_ = false;
    Step step_ = Step::idle;
    unsigned copy_ = 0;           ///< being read or written
    bool first_written_ = false;  ///< of a write: the first of the two copies is durable
    bool erasing_ = false;
    Extent tail_;  ///< still to be cleared: a medium's size need not be a multiple of a copy's
    bool stopped_ = false;
    Errc failed_ = Errc::ok;  ///< of a write, while its truth is being read
    alignas(4096) LabelImage image_{};
    Piece piece_;
    Request request_;
    std::function<void(Errc)> done_;
};

}  // namespace dst
