#pragma once

#include "tree/mirror_parts.h"

/// What a mirror writes again of itself, to make copies equal or what could not be read readable.
namespace dst {

/// At once, of a piece or of what could not be read.
inline constexpr std::uint64_t rewrite_part_bytes = 128u << 10;

/// What one member has of an extent is written to all members in sync, by the rules of any write, under an exclusive
/// lock of that extent.
class Mirror::Rewrite {
public:
    Rewrite(Mirror& mirror, const Extent& extent);
    virtual ~Rewrite() = default;
    Rewrite(const Rewrite&) = delete;
    Rewrite& operator=(const Rewrite&) = delete;

    /// Waits for a lock of its own, then run().
    void lock();
    void unlock();
    virtual void run() = 0;

protected:
    /// Reads from one of `members` and writes to all, a part after the other, then end(). Over a slow way the whole
    /// would take longer than the time after which what hangs is cut off, and then begin again.
    void rewrite(Mask members);
    virtual void end(Errc code) = 0;
    /// Requests may end inside their submission; the next step is taken outside of it.
    template <typename Step>
    void then(Step step) {
        mirror_.loop_.defer(step);
    }

    Mirror& mirror_;
    Extent extent_;

private:
    void read_part();
    void write_part();
    void part_written();

    RangeLock::Holder holder_;
    bool locked_ = false;
    Mask sources_ = 0;
    Extent part_;
    Request request_;
    Bytes bytes_;
    Piece piece_;
};

/// One piece on its way to be equal on all members in sync (M4): their checksums are compared; when one is missing or
/// they differ, the piece is written again.
class Mirror::Reconcile final : public Mirror::Rewrite {
public:
    /// `io`: the read that waits for it and holds the lock; null: the background's, with a lock of its own.
    Reconcile(Mirror& mirror, std::uint64_t piece, Io* io);

    void run() override;

    Io* const io;
    const std::uint64_t piece;
    const TimePoint begun;

private:
    void flush();
    void flushed();
    void compare();
    void compared();
    void end(Errc code) override;

    struct Sum {
        Reconcile* owner = nullptr;
        Request request;
        std::array<std::byte, 16> bytes{};
        Piece piece;
    };

    Request flush_;
    std::uint64_t doubts_ = 0;  ///< the mirror's when the flush began
    std::uint64_t losses_ = 0;  ///< the mirror's when it began to compare
    std::array<Sum, mirror_members_max> sums_;
    Mask asked_ = 0;
    unsigned pending_ = 0;
};

/// What a member could not read, and another one could, on its way back to it (M9).
class Mirror::Repair final : public Mirror::Rewrite {
public:
    Repair(Mirror& mirror, const Extent& extent, Mask broken);
    void run() override;
    const Extent& extent() const noexcept { return extent_; }

private:
    void end(Errc code) override;

    const Mask broken_;  ///< members that could not read it
};

}  // namespace dst
