#include <algorithm>

#include "tree/mirror_parts.h"

/// M9: members that answer reads later than others get fewer of them, those that answer much later none while there is
/// another. How fast each one is, is told by looks of the mirror's own, all alike, twice a second while others read.
namespace dst {
namespace {

constexpr Duration look_time = std::chrono::milliseconds(500);

/// Slow: over three times as long as the fastest, and this much longer. As good again: under twice as long, or less
/// than half of that longer.
constexpr Duration margin = std::chrono::milliseconds(3);

/// What takes less than twice as long is as fast; what takes longer is as slow as this many times, until it is "slow".
constexpr std::int64_t weight_max = 8;
/// Below this nobody is faster than another.
constexpr Duration fast_enough = std::chrono::microseconds(20);

}  // namespace

void Mirror::watch_pace() {
    reads_since_look_ = true;
    if (!pace_timer_.running()) pace_timer_.start(look_time);
}

void Mirror::look_at_pace() {
    if (state_ != State::serving) return;
    const Mask members = reachable();
    const bool wanted = std::exchange(reads_since_look_, false) || slow_ != 0;
    if (!wanted || (members & (members - 1)) == 0) {
        slow_ = 0;
        return;
    }
    for (const auto& member : members_) {
        if ((members & member->mask()) == 0) continue;
        // One that has no answer yet takes at least so long.
        if (member->probing) member->read_time = std::max(member->read_time, loop_.now() - member->probe_sent);
        probe(*member);
    }
    judge_pace();
    pace_timer_.start(look_time);
}

/// A probe of the member took `time`.
void Mirror::paced(Member& member, Duration time) {
    time = std::max<Duration>(time, std::chrono::microseconds(1));  // zero: not known
    member.read_time = member.read_time == Duration::zero() ? time : (member.read_time * 3 + time) / 4;
}

void Mirror::judge_pace() {
    const Mask members = reachable();
    Duration best = Duration::max();
    for (const auto& member : members_) {
        const bool known = (members & member->mask()) != 0 && member->read_time != Duration::zero();
        if (known) best = std::min(best, member->read_time);
    }
    slow_ &= members;
    for (const auto& member : members_) {
        const bool known = best != Duration::max() && member->read_time != Duration::zero();
        const std::int64_t times = known ? member->read_time / std::max(best, fast_enough) : 1;
        member->read_weight = static_cast<std::uint32_t>(std::clamp<std::int64_t>(times, 1, weight_max));
    }
    if (best == Duration::max()) return;
    for (const auto& member : members_) {
        if ((members & member->mask()) == 0) continue;
        const bool was = (slow_ & member->mask()) != 0;
        const bool now = was ? member->read_time > best * 2 && member->read_time > best + margin / 2
                             : member->read_time > best * 3 && member->read_time > best + margin;
        if (was == now) continue;
        slow_ ^= member->mask();
        const auto ms = [](Duration time) {
            return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
        };
        environment_.events.event(Severity::notice, now ? "member-slow" : "member-quick",
                                  now ? "a member answers much later than another; reads go to the others while there "
                                        "are any. Look at its disk, its machine and the way to it"
                                      : "a member that was slow answers as fast as the others again; it is read from",
                                  {{"mirror", name_},
                                   {"member", member->name},
                                   {"answers_in_ms", ms(member->read_time)},
                                   {"fastest_ms", ms(best)}});
    }
}

}  // namespace dst
