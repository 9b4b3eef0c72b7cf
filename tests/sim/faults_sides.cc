#include <algorithm>

#include "faults.h"

/// Both sides of an order to give data up are gone on with, and neither marks nor who wrote last tell that (M7).
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

bool marks_one(const Record& record) {
    return std::any_of(record.members.begin(), record.members.end(),
                       [](const RecordMember& member) { return member.state == MemberState::resyncing; });
}

}  // namespace

// Chance alone takes such a walk once in many thousands. `dice`: of a thousand.
bool Faults::stage_sides(std::uint64_t dice) {
    constexpr std::uint64_t share = 40;
    switch (dice / share) {
        case 0: return begin_on_the_other_side();
        case 1: return write_both_sides();
        case 2: return go_on_with_what_left_by_itself();
        case 3: return go_on_with_what_has_no_mark_yet();
        case 4:
        case 5: return go_on_with_what_was_chosen();
        default: return false;
    }
}

void Faults::start_soon(World::Head& head) {
    at(milliseconds(300), [this, &head] { host_.start_head(head); });
}

void Faults::begin_with(World::Head& head) {
    for (const auto& each : host_.world().heads()) kill_head(*each);
    host_.world().heal();
    start_soon(head);
}

void Faults::start_from(World::Head& head, const Leaves& there, const Leaves& others) {
    end_watch();
    set_away(others, true);
    set_away(there, false);
    start_soon(head);
}

// One machine gives up what is away, and another one goes on with that. This one loses its journal, begins a start
// there once more, dies, and starts from what the first one made: it writes the records of both sides last, and has
// given up neither.
bool Faults::begin_on_the_other_side() {
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    if (!rivals || journals_needed_.contains(rivals->other.machine.journal)) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    note("a start is begun on the other side: " + one.machine.host + ", " + other.machine.host);
    quiet_until_ = loop_.now() + seconds(52);
    undisturbed_until_ = loop_.now() + seconds(36);
    const auto [kept, given] = two_parts();
    begin_with(one);
    at(seconds(5), [this, kept = kept] { set_away(kept, true); });
    at(seconds(10), [this, &one, kept = kept, given = given] {
        kill_head(one);
        host_.order(one, {StartOrder::accept_data_loss, {}, {}, 0});
        start_from(one, kept, given);
    });
    at(seconds(20), [this, &one, &other, kept = kept, given = given] {
        kill_head(one);
        start_from(other, given, kept);
    });
    at(seconds(29), [this, &other, given = given] {
        kill_head(other);
        lose_journal(*other.machine.journal);
        die_when_they_have_the_record(other, given);
        start_soon(other);
    });
    at(seconds(36), [this, &other, kept = kept, given = given] {
        kill_head(other);
        start_from(other, kept, given);
    });
    at(seconds(45), [this, given = given] { set_away(given, false); });
    return true;
}

// An order is begun in vain, and the head writes to the others; another one goes on with what the order made, and then
// the first one finds that alone: its own epoch there would hide what it has written itself on the others.
bool Faults::write_both_sides() {
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    if (!rivals) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    const Parts parts = one_and_others();
    note("one machine writes both sides: " + one.machine.host + ", " + parts.one.front().first);
    quiet_until_ = loop_.now() + seconds(54);
    undisturbed_until_ = loop_.now() + seconds(38);
    begin_with(one);
    at(seconds(5), [this, parts] { set_away(parts.one, true); });
    at(seconds(10), [this, &one, parts] { begin_order(one, parts); });
    at(seconds(20), [this, &one, parts] { go_on_with_the_others(one, parts); });
    at(seconds(29), [this, &one, &other, parts] {
        kill_head(one);
        start_from(other, parts.one, parts.others);
    });
    at(seconds(38), [this, &one, &other] {
        kill_head(other);
        start_soon(one);
    });
    at(seconds(47), [this, parts] { set_away(parts.others, false); });
    return true;
}

// A member is added, and the head dies when the old ones have that record. It is ordered to go on with the new one, and
// dies when that has what the order makes. Its journal decides still, for the old ones: by their record that member is
// in sync, and by the journal it may have what the order made.
void Faults::begin_order_in_an_addition(World::Head& head, const Parts& parts) {
    begin_with(head);
    at(seconds(5), [this, parts] { set_away(parts.one, true); });
    at(seconds(9), [this, &head, parts] {
        die_when_they_have_the_record(head, parts.others, &all_in_sync);
        set_away(parts.one, false);
    });
    at(seconds(18), [this, &head, parts] {
        end_watch();
        begin_order(head, parts);
    });
}

void Faults::start_again_at(World::Head& head, std::initializer_list<seconds> times) {
    for (const seconds when : times) {
        at(when, [this, &head] {
            kill_head(head);
            start_soon(head);
        });
    }
}

// Another head goes on with what that order made. To the first one the member leaves by itself: it was never given up.
bool Faults::go_on_with_what_left_by_itself() {
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    if (!rivals) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    const Parts parts = one_and_others();
    note("gone on with what left by itself: " + one.machine.host + ", " + parts.one.front().first);
    quiet_until_ = loop_.now() + seconds(66);
    undisturbed_until_ = loop_.now() + seconds(38);
    begin_order_in_an_addition(one, parts);
    at(seconds(29), [this, &one, &other, parts] {
        kill_head(one);
        start_from(other, parts.one, parts.others);
    });
    at(seconds(38), [this, &one, &other, parts] {
        kill_head(other);
        host_.order(one, {StartOrder::none, {}, {}, 0});
        start_from(one, parts.others, parts.one);
    });
    // Until its epoch is above the other one's.
    start_again_at(one, {seconds(45), seconds(50)});
    at(seconds(58), [this, parts] { set_away(parts.one, false); });
    return true;
}

// The first head goes on with the others, begins to bring that member up to date, and dies before it has its mark. Then
// another one goes on with it: up to the revision of what the order made it is known, not up to that of the mark.
bool Faults::go_on_with_what_has_no_mark_yet() {
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    if (!rivals) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    const Parts parts = one_and_others();
    note("gone on with what has no mark yet: " + one.machine.host + ", " + parts.one.front().first);
    quiet_until_ = loop_.now() + seconds(92);
    undisturbed_until_ = loop_.now() + seconds(66);
    begin_order_in_an_addition(one, parts);
    at(seconds(29), [this, &one, parts] { go_on_with_the_others(one, parts); });
    // Until its revision is above what the other one will write.
    start_again_at(one, {seconds(36), seconds(41)});
    at(seconds(49), [this, &one, parts] {
        die_when_they_have_the_record(one, parts.others, &marks_one);
        set_away(parts.one, false);
    });
    at(seconds(57), [this, &one, &other, parts] {
        kill_head(one);
        start_from(other, parts.one, parts.others);
    });
    at(seconds(66), [this, &one, &other, parts] {
        kill_head(other);
        start_from(one, parts.others, parts.one);
    });
    start_again_at(one, {seconds(72), seconds(77)});
    at(seconds(84), [this, parts] { set_away(parts.one, false); });
    return true;
}

}  // namespace dst::sim
