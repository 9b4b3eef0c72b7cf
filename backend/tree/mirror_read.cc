#include <algorithm>
#include <bit>
#include <limits>

#include "block/breaks.h"
#include "tree/mirror_parts.h"

/// M9: which member answers a read, and what becomes of its answer.
namespace dst {
namespace {

/// A sequential stream stays with its member while that has not so many more reads to answer than the others.
constexpr std::uint32_t stream_lead_max = 16;

/// Members whose loads differ by less than this part are as good as each other for a read.
constexpr std::uint32_t alike_part = 4;

int rank(spec::ReadPreference preference) {
    switch (preference) {
        case spec::ReadPreference::prefer: return 0;
        case spec::ReadPreference::automatic: return 1;
        case spec::ReadPreference::avoid: return 2;
    }
    return 1;
}

}  // namespace

void Mirror::start_read(Io& io) {
    if (io.application) watch_pace();
    Member* member = choose_reader(io);
    bool away = false;
    if (member == nullptr) {
        member = choose_awaited(io);
        away = member != nullptr && (reachable() & member->mask()) == 0;
    }
    if (member == nullptr) return finish(io, io.failed == 0 ? Errc::disconnected : joint_error(io, ~Mask{0}));
    io.tried |= member->mask();
    io.pending = 1;
    Part& part = prepare(io, *member);
    part.request.pieces = io.outer->pieces;
    part.request.checksum_piece_bytes = io.outer->checksum_piece_bytes;
    member->stream_end = io.outer->extent.end();
    if (away) return member->resend.push_back(part);
    send(part);
}

/// M14: when all others gave an error, one that did not answer and may be back at once is asked then. It is waited for
/// once, and as long as a write would. When there is none the error is the answer: a member that stays away may have
/// the data, but for how long would be anybody's guess.
Mirror::Member* Mirror::choose_awaited(Io& io) {
    if (state_ != State::serving || is_lost(joint_error(io, ~Mask{0}))) return nullptr;
    for (const auto& member : members_) {
        const Mask mask = member->mask();
        const bool was_lost = (io.failed & mask) != 0 && is_lost(io.errors[member->index]);
        const bool asked = (io.tried & mask) != 0 && !was_lost;
        if (asked || (in_sync_ & ~failed_ & joined_ & ~io.awaited & mask) == 0) continue;
        if ((reachable() & mask) == 0 && !may_return(*member)) continue;
        io.awaited |= mask;
        return member.get();
    }
    return nullptr;
}

/// M9: from members in sync that were not asked yet; the file's preference, then one that is not slow, then a
/// sequential stream's member, then the one that will answer first, then a local one, then the one that was asked last
/// while it has reads under way, then in turn.
Mirror::Member* Mirror::choose_reader(const Io& io) {
    Mask candidates = reachable() & ~io.tried;
    if (broken(Rule::m9_read_in_sync)) {
        for (const auto& member : members_) {
            if (member->device.up() && member->number != 0) candidates |= member->mask() & ~io.tried;
        }
    }
    // What is not reconciled must not read as one copy now and as another one then, while a start stands on it.
    if (state_ == State::standing && candidates != 0) return members_[std::countr_zero(candidates)].get();
    int best_rank = 3;
    for (const auto& member : members_) {
        if ((candidates & member->mask()) != 0) best_rank = std::min(best_rank, rank(member->read));
    }
    for (const auto& member : members_) {
        if (rank(member->read) != best_rank) candidates &= ~member->mask();
    }
    if ((candidates & ~slow_) != 0) candidates &= ~slow_;
    std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
    for (const auto& member : members_) {
        if ((candidates & member->mask()) != 0) least = std::min(least, member->load());
    }
    // With many under way, a few more or less are the same, and reads that go to one member together cost less.
    const std::uint32_t alike = least + least / alike_part;
    Member* best = nullptr;
    int best_liking = -1;
    const std::size_t members = members_.size();
    const std::size_t first = ++rotation_ % members;
    for (std::size_t i = 0; i < members; ++i) {
        Member& member = *members_[(first + i) % members];
        if ((candidates & member.mask()) == 0) continue;
        const bool streams = member.stream_end == io.outer->extent.offset && member.read_weight == 1;
        if (streams && member.load() <= least + stream_lead_max) return &member;
        if (member.load() > alike) continue;
        const bool goes_on = member.index == last_reader_ && member.reads_in_flight != 0;
        const int liking = (member.remote ? 0 : 2) + (goes_on ? 1 : 0);
        if (liking <= best_liking) continue;
        best = &member;
        best_liking = liking;
    }
    if (best != nullptr) last_reader_ = best->index;
    return best;
}

void Mirror::gather_read(Io& io, Member& member, Errc code) {
    if (code == Errc::ok) {
        Mask unreadable = 0;
        for (std::size_t i = 0; i < io.errors.size(); ++i) {
            if ((io.failed & bit(i)) != 0 && !is_lost(io.errors[i])) unreadable |= bit(i);
        }
        if (unreadable != 0) want_repair(io.outer->extent, unreadable);
    }
    if (code == Errc::ok || code == Errc::fenced) return finish(io, code);
    io.failed |= member.mask();
    io.errors[member.index] = code;
    if (!is_lost(code) &&
        (member.read_error_told.ns < 0 || loop_.now() - member.read_error_told > std::chrono::seconds(1))) {
        member.read_error_told = loop_.now();
        environment_.events.event(Severity::warning, "member-read-error",
                                  "a member could not read; another one answers while there is one, and what it has "
                                  "is written back. The member stays in use: look at its disk",
                                  {{"mirror", name_},
                                   {"member", member.name},
                                   {"error", std::string(to_string(code))},
                                   {"offset", std::to_string(io.outer->extent.offset)},
                                   {"length", std::to_string(io.outer->extent.length)}});
    }
    start_read(io);
}

}  // namespace dst
