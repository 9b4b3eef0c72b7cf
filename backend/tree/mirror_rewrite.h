#pragma once

#include "tree/mirror_parts.h"

/// What a mirror writes again of itself, to make copies equal or what could not be read readable.
namespace dst {

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
    /// The piece that is read and written, or was last; empty: none was yet.
    const Extent& part() const noexcept { return part_; }

protected:
    /// Reads from one of `members` and writes to all, a piece after the other, then end().
    void rewrite(Mask members);
    /// Of each piece first: false leaves it as it is.
    virtual bool wants(const Extent&) const { return true; }
    /// A piece is written: next_piece(), or end().
    virtual void piece_written(const Extent&) { next_piece(); }
    void next_piece();
    virtual void end(Errc code) = 0;
    /// Requests may end inside their submission; the next step is taken outside of it.
    template <typename Step>
    void then(Step step) {
        mirror_.loop_.defer(step);
    }

    Mirror& mirror_;
    Extent extent_;

private:
    void read_piece();
    void write_piece();
    void write_ended();

    RangeLock::Holder holder_;
    bool locked_ = false;
    Mask sources_ = 0;
    Extent part_;
    Request request_;
    Bytes bytes_;
    Piece memory_;
};

/// Pieces on their way to be equal on all members in sync (M4): the members' checksums are compared; a piece of which
/// one is missing or differs is written again.
class Mirror::Reconcile final : public Mirror::Rewrite {
public:
    /// `io`: the read that waits for it and holds the lock; null: the background's, with a lock of its own, which it
    /// gives back as soon as it has written one piece. At most compared_pieces_max.
    Reconcile(Mirror& mirror, const RegionRun& pieces, Io* io);
    /// When the pieces of `io` cannot be made equal as a whole: nothing but what it asks for. They stay unreconciled.
    Reconcile(Mirror& mirror, Io& io);

    void run() override;
    /// Something in `extent` may differ from now on, whatever was found before.
    void doubt(const Extent& extent) { doubted_ = doubted_ || extent_.overlaps(extent); }
    bool doubted() const noexcept { return doubted_; }

    Io* const io;
    const RegionRun pieces;
    const bool whole;  ///< all of `pieces`, not only what `io` asks for
    const TimePoint begun;

private:
    static constexpr std::size_t sum_bytes = 16;

    struct Sum {
        Reconcile* owner = nullptr;
        Request request;
        Bytes bytes;
        Piece memory;
    };

    void flush();
    void flushed();
    void compare();
    void compared();
    void pieces_compared();
    bool equal_everywhere(const Extent& piece) const;
    bool wants(const Extent& piece) const override;
    void piece_written(const Extent& piece) override;
    void end(Errc code) override;

    bool doubted_ = false;
    Request flush_;
    std::uint64_t doubts_ = 0;  ///< the mirror's when the flush began
    TimePoint compare_begun_;
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
