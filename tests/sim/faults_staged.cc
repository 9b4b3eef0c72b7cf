#include <algorithm>
#include <memory>
#include <set>

#include "faults.h"

/// Faults that take several steps, each at its moment, to come where only one rule helps.
namespace dst::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool Faults::all_in_sync(const Record& record) {
    return std::all_of(record.members.begin(), record.members.end(),
                       [](const RecordMember& member) { return member.state == MemberState::in_sync; });
}

// One of several disks of a member, on which its record does not lie: only the label tells that it is older, and the
// head dies when it has promised its epoch there. It is put there after a clean end, so that no map names what it
// lacks; and it stays, until the right one is back (M7).
bool Faults::older_part_returns() {
    if (host_.has_rival() || host_.serving() == nullptr) return false;
    Leaves parts;
    for (const auto& leaf : host_.world().leaves()) {
        const SimPlatter& platter = *leaf.second;
        const std::optional<Label> label = label_on(platter.durable());
        const std::optional<Record> record = record_on(platter.durable());
        if (platter.taken_out() || !label || (record && !all_in_sync(*record))) return false;
        const bool below = label->place.find('/') != std::string::npos && label->place.find('.') != std::string::npos;
        if (below && !record && !platter.is_file() && !journal_changed(platter)) parts.emplace_back(leaf);
    }
    if (parts.empty()) return false;
    const auto [name, platter] = parts[loop_.below(parts.size())];
    note("an older part comes back: " + name);
    quiet_until_ = loop_.now() + seconds(40);
    copies_[platter] = {platter->durable(), host_.times_served()};
    World::Head& head = *host_.world().heads().front();
    at(seconds(4), [this, &head] {
        if (head.process != nullptr) end_cleanly(head);
    });
    at(seconds(5), [this, &head] { host_.start_head(head); });
    at(seconds(10), [this, part = platter] { die_with_the_older_part(*part); });
    return true;
}

void Faults::die_with_the_older_part(SimPlatter& platter) {
    if (!has_older_copy(platter)) return;
    World::Head& head = *host_.world().heads().front();
    need_journal(platter);
    die_at_its_promise(platter);
    if (head.process != nullptr) end_cleanly(head);
    at(seconds(1), [this, part = &platter, &head] {
        if (has_older_copy(*part)) part->take_out(copies_[part].content);
        host_.start_head(head);
        later(seconds(18), seconds(28), [part] {
            part->on_carry_out = nullptr;
            part->put_back();
        });
    });
}

// Each leaf has the mirror's record, and nothing else is below it.
bool Faults::is_plain_mirror() {
    const auto& leaves = host_.world().leaves();
    return leaves.size() > 1 && std::all_of(leaves.begin(), leaves.end(), [&leaves](const auto& leaf) {
               const std::optional<Record> record = record_on(leaf.second->durable());
               return record && record->members.size() == leaves.size() && !leaf.second->taken_out();
           });
}

// In either order.
std::optional<Faults::Rivals> Faults::rivals_on_a_mirror() {
    World& world = host_.world();
    if (!host_.has_rival() || !is_plain_mirror()) return std::nullopt;
    for (const auto& each : world.heads()) {
        if (world.ending(*each)) return std::nullopt;
    }
    const std::size_t first = loop_.below(2);
    return Rivals{*world.heads()[first], *world.heads()[1 - first]};
}

// A member that was away is taken in, and the head dies when that one has the record that says so. Another head finds
// the others, and writes; at last the new one is there as well (M8).
bool Faults::go_on_without_the_new_member() {
    World& world = host_.world();
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    if (!rivals) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    const Leaves joiner{any_leaf()};
    Leaves others;
    for (const auto& leaf : world.leaves()) {
        if (leaf.second != joiner.front().second) others.emplace_back(leaf);
    }
    note("a new member has its record, and the others go on: " + joiner.front().first);
    quiet_until_ = loop_.now() + seconds(44);
    for (const auto& each : world.heads()) kill_head(*each);
    world.heal();
    at(milliseconds(300), [this, &one] { host_.start_head(one); });
    at(seconds(5), [this, joiner] { set_away(joiner, true); });
    at(seconds(9), [this, &one, joiner, others] {
        die_when_it_is_in_sync(one, *joiner.front().second, others);
        set_away(joiner, false);
    });
    at(seconds(18), [this, &one, joiner, others] {
        end_watch();
        kill_head(one);
        set_away(joiner, true);
        for (const auto& [name, platter] : others) platter->set_latency(microseconds(20), milliseconds(1));
        set_away(others, false);
    });
    at(seconds(19), [this, &other] { host_.start_head(other); });
    at(seconds(30), [this, &other, joiner] {
        kill_head(other);
        set_away(joiner, false);
    });
    at(seconds(31), [this, &other] { host_.start_head(other); });
    return true;
}

// The others take long to write theirs, and what is under way to them ends with their machines.
void Faults::die_when_it_is_in_sync(World::Head& head, SimPlatter& joiner, const Leaves& others) {
    for (const auto& [name, platter] : others) platter->set_latency(milliseconds(20), milliseconds(50));
    const auto armed = std::make_shared<bool>(true);
    joiner.on_carry_out = [this, armed, &head, others](const Request& request) {
        const std::optional<Record> record = record_in(request);
        if (!*armed || !record || !all_in_sync(*record)) return;
        *armed = false;
        note("the head dies when the new member has its record");
        later(Duration::zero(), milliseconds(2), [this, &head, others] {
            kill_head(head);
            set_away(others, true, true);
        });
    };
}

// One machine gives up what is away, the only members in sync. They come back to it, and before they have its mark it
// dies; then they are all there is, and another one goes on with them, and writes. At last both sides are there (M8).
bool Faults::go_on_with_what_returned() {
    World& world = host_.world();
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    if (!rivals) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    note("what was given up returns and goes on: " + one.machine.host + ", " + other.machine.host);
    quiet_until_ = loop_.now() + seconds(48);
    const auto [given, newest] = two_parts();
    for (const auto& each : world.heads()) kill_head(*each);
    world.heal();
    at(milliseconds(300), [this, &one] { host_.start_head(one); });
    at(seconds(4), [this, given = given] { set_away(given, true); });
    at(seconds(10), [this, &one, given = given, newest = newest] {
        kill_head(one);
        set_away(newest, true);
        set_away(given, false);
        host_.order(one, {StartOrder::accept_data_loss, {}, {}, 0});
    });
    at(milliseconds(10500), [this, &one] { host_.start_head(one); });
    at(seconds(20), [this, &one, given = given, newest = newest] {
        die_before_its_mark(one, given, newest);
        set_away(newest, false);
    });
    at(seconds(28), [this, &one, given = given, newest = newest] {
        end_watch();
        kill_head(one);
        set_away(given, true);
        for (const auto& [name, platter] : newest) platter->set_latency(microseconds(20), milliseconds(1));
        set_away(newest, false);
    });
    at(seconds(29), [this, &other] { host_.start_head(other); });
    at(seconds(38), [this, &other, given = given] {
        kill_head(other);
        set_away(given, false);
    });
    at(seconds(39), [this, &other] { host_.start_head(other); });
    return true;
}

void Faults::die_before_its_mark(World::Head& head, const Leaves& others, const Leaves& returned) {
    for (const auto& [name, platter] : returned) platter->set_latency(milliseconds(20), milliseconds(50));
    const auto armed = std::make_shared<bool>(true);
    for (const auto& [name, platter] : others) {
        platter->on_carry_out = [this, armed, &head, returned](const Request& request) {
            const std::optional<Record> record = record_in(request);
            const auto is_coming = [](const RecordMember& member) { return member.state == MemberState::resyncing; };
            if (!*armed || !record || std::none_of(record->members.begin(), record->members.end(), is_coming)) return;
            *armed = false;
            note("the head dies before what returned has its mark");
            later(Duration::zero(), milliseconds(2), [this, &head, returned] {
                kill_head(head);
                set_away(returned, true, true);
            });
        };
    }
}

/// Of a mirror of three or more, in any order: one, another one, and the rest.
std::optional<Faults::Three> Faults::three_members() {
    Leaves all(host_.world().leaves().begin(), host_.world().leaves().end());
    if (all.size() < 3) return std::nullopt;
    std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(loop_.below(all.size())), all.end());
    if (loop_.chance(500)) std::swap(all[0], all[1]);
    return Three{{all[0]}, {all[1]}, Leaves(all.begin() + 2, all.end())};
}

// One machine is overtaken with a lower epoch than its own: it has begun several times with one member alone, and
// another machine was ordered to go on with a second one, which had not heard of that, and took a third one in. Only by
// their records that one knows more than the journal; of the two, the third one misses what was written last (M5).
bool Faults::go_on_with_a_lower_epoch() {
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    const std::optional<Three> three = rivals ? three_members() : std::nullopt;
    if (!three) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    const auto [alone, second, third] = *three;
    note("gone on with a lower epoch: " + one.machine.host + ", " + other.machine.host);
    quiet_until_ = loop_.now() + seconds(70);
    undisturbed_until_ = loop_.now() + seconds(58);
    // No map names anything, and nobody leaves for a write that it missed.
    host_.silence(seconds(36));
    for (const auto& each : host_.world().heads()) kill_head(*each);
    host_.world().heal();
    at(milliseconds(300), [this, &one] { host_.start_head(one); });
    at(seconds(12), [this, &one, alone = alone, third = third] {
        kill_head(one);
        set_away(alone, true);
        die_when_they_have_the_record(one, third);
    });
    at(seconds(13), [this, &one] { host_.start_head(one); });
    at(seconds(18), [this, &one, alone = alone, second = second, third = third] {
        end_watch();
        kill_head(one);
        set_away(second, true);
        set_away(third, true);
        set_away(alone, false);
        die_at_promises(one, *alone.front().second, 3);
    });
    at(seconds(19), [this, &one] { host_.start_head(one); });
    at(seconds(32), [this, &one, &other, alone = alone, second = second] {
        end_watch();
        kill_head(one);
        set_away(alone, true);
        set_away(second, false);
        host_.order(other, {StartOrder::accept_data_loss, {}, {}, 0});
    });
    at(milliseconds(32500), [this, &other] { host_.start_head(other); });
    at(seconds(37), [this, third = third] { set_away(third, false); });
    at(seconds(48), [this, third = third] { set_away(third, true); });
    at(seconds(55), [this, &one, &other, second = second, third = third] {
        kill_head(other);
        set_away(second, true);
        set_away(third, false);
        at(milliseconds(300), [this, &one] { host_.start_head(one); });
    });
    at(seconds(65), [this, second = second] { set_away(second, false); });
    return true;
}

void Faults::die_when_they_have_the_record(World::Head& head, const Leaves& members,
                                           bool (*counts)(const Record& record)) {
    const auto left = std::make_shared<std::set<const SimPlatter*>>();
    for (const auto& [name, platter] : members) left->insert(platter);
    for (const auto& [name, platter] : members) {
        platter->on_carry_out = [this, left, &head, counts, of = platter](const Request& request) {
            const std::optional<Record> record = record_in(request);
            if (!record || (counts != nullptr && !counts(*record)) || left->erase(of) == 0 || !left->empty()) return;
            note("the head dies when they have its record");
            later(Duration::zero(), microseconds(300), [this, &head] { kill_head(head); });
        };
    }
}

// Again and again, and starts again.
void Faults::die_at_promises(World::Head& head, SimPlatter& platter, unsigned times) {
    const auto left = std::make_shared<unsigned>(times);
    const auto dying = std::make_shared<bool>(false);
    platter.on_carry_out = [this, left, dying, &head](const Request& request) {
        const std::optional<Label> label = label_in(request);
        if (*left == 0 || *dying || !label || label->promised == label->served) return;
        --*left;
        *dying = true;
        later(microseconds(500), milliseconds(2), [this, dying, &head] {
            kill_head(head);
            *dying = false;
            at(milliseconds(500), [this, &head] { host_.start_head(head); });
        });
    };
}

// A head takes a member in, and dies when that has the record. Then it is ordered to go on with one that was away, and
// another machine goes on with the two, of which only the note of their generation tells that they may (M8).
bool Faults::go_on_with_what_was_noted() {
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    const std::optional<Three> three = rivals ? three_members() : std::nullopt;
    if (!three) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    const auto [old, joiner, rest] = *three;
    note("gone on with what was noted: " + one.machine.host + ", " + other.machine.host);
    quiet_until_ = loop_.now() + seconds(64);
    for (const auto& each : host_.world().heads()) kill_head(*each);
    host_.world().heal();
    at(milliseconds(300), [this, &one] { host_.start_head(one); });
    at(seconds(5), [this, joiner = joiner, rest = rest] {
        set_away(joiner, true);
        set_away(rest, true);
    });
    at(seconds(12), [this, &one, joiner = joiner] {
        die_when_it_is_taken_in(one, *joiner.front().second);
        set_away(joiner, false);
    });
    at(seconds(22), [this, &one, old = old, joiner = joiner, rest = rest] {
        end_watch();
        kill_head(one);
        set_away(old, true);
        set_away(joiner, true);
        set_away(rest, false);
        host_.order(one, {StartOrder::accept_data_loss, {}, {}, 0});
    });
    at(milliseconds(22500), [this, &one] { host_.start_head(one); });
    at(seconds(34), [this, &one, &other, old = old, joiner = joiner, rest = rest] {
        kill_head(one);
        set_away(rest, true);
        set_away(old, false);
        set_away(joiner, false);
        at(milliseconds(300), [this, &other] { host_.start_head(other); });
    });
    at(seconds(46), [this, &one, &other, rest = rest] {
        kill_head(other);
        set_away(rest, false);
        at(milliseconds(300), [this, &one] { host_.start_head(one); });
    });
    return true;
}

// Before the journal has it.
void Faults::die_when_it_is_taken_in(World::Head& head, SimPlatter& joiner) {
    const auto armed = std::make_shared<bool>(true);
    joiner.on_carry_out = [this, armed, &head](const Request& request) {
        const std::optional<Record> record = record_in(request);
        if (!*armed || !record) return;
        const auto in_sync = std::count_if(record->members.begin(), record->members.end(),
                                           [](const auto& member) { return member.state == MemberState::in_sync; });
        if (in_sync < 2) return;
        *armed = false;
        note("the head dies when the new member has its record");
        later(Duration::zero(), microseconds(300), [this, &head] { kill_head(head); });
    };
}

}  // namespace dst::sim
