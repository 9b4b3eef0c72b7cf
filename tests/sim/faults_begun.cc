#include <algorithm>
#include <memory>

#include "faults.h"
#include "media/journal.h"

/// A head dies while it carries out an order to give data up, and the next start does without the member that has what
/// the order made (docs/mirror.md, "Orders").
namespace dst::sim {

namespace {

bool has_order(const World::Head& head) {
    const SimStoreFile& file = *head.machine.journal;
    const JournalChoice choice = choose_journal({file.slots, file.machine, file.inode});
    return choice.journal && choice.journal->order != StartOrder::none;
}

}  // namespace

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The member had missed what was written; then it was all there was. The next start needs no order, since the others
// are there; when the member is back, only the journal's note tells that it is no other side of a split.
bool Faults::begin_an_order_in_vain() {
    World& world = host_.world();
    World::Head& head = *world.heads().front();
    if (!is_plain_mirror() || world.ending(head)) return false;
    const Parts parts = one_and_others();
    note("an order is begun in vain: " + head.machine.host + ", " + parts.one.front().first);
    quiet_until_ = loop_.now() + seconds(36);
    for (const auto& each : world.heads()) kill_head(*each);
    world.heal();
    at(milliseconds(300), [this, &head] { host_.start_head(head); });
    at(seconds(5), [this, parts] { set_away(parts.one, true); });
    at(seconds(10), [this, &head, parts] { begin_order(head, parts); });
    at(seconds(20), [this, &head, parts] { go_on_with_the_others(head, parts); });
    at(seconds(30), [this, parts] { set_away(parts.one, false); });
    return true;
}

// All were in sync. The next start carries the order out on the others; then another head goes on with the member,
// of which only the note tells that it may have what the order made. At last both sides are there.
bool Faults::begin_an_order_twice() {
    World& world = host_.world();
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    if (!rivals) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    const Parts parts = one_and_others();
    note("an order is begun twice: " + one.machine.host + ", " + parts.one.front().first);
    quiet_until_ = loop_.now() + seconds(48);
    for (const auto& each : world.heads()) kill_head(*each);
    world.heal();
    // From here on the journal of the one decides no more.
    at(milliseconds(300), [this, &other] { host_.start_head(other); });
    at(seconds(6), [this, &one, &other, parts] {
        kill_head(other);
        begin_order(one, parts);
    });
    at(seconds(17), [this, &one, parts] { go_on_with_the_others(one, parts); });
    at(seconds(30), [this, &one, &other, parts] {
        kill_head(one);
        set_away(parts.others, true);
        set_away(parts.one, false);
        at(milliseconds(300), [this, &other] { host_.start_head(other); });
    });
    at(seconds(40), [this, &one, &other, parts] {
        kill_head(other);
        set_away(parts.others, false);
        at(milliseconds(300), [this, &one] { host_.start_head(one); });
    });
    return true;
}

Faults::Parts Faults::one_and_others() {
    Parts parts;
    parts.one = {any_leaf()};
    for (const auto& leaf : host_.world().leaves()) {
        if (leaf.second != parts.one.front().second) parts.others.emplace_back(leaf);
    }
    return parts;
}

// It dies when the one that is there has the record that the order makes.
void Faults::begin_order(World::Head& head, const Parts& parts) {
    kill_head(head);
    set_away(parts.others, true);
    set_away(parts.one, false);
    host_.order(head, {StartOrder::accept_data_loss, {}, {}, 0});
    const auto armed = std::make_shared<bool>(false);
    parts.one.front().second->on_carry_out = [this, armed, &head](const Request& request) {
        const std::optional<Record> record = record_in(request);
        if (!*armed || !record || !record->forced) return;
        *armed = false;
        note("the head dies when a member has what an order makes");
        later(Duration::zero(), microseconds(300), [this, &head] {
            // Somebody else may have come back, and it has served from there.
            const bool starts = head.process != nullptr && !head.process->serving();
            kill_head(head);
            if (starts && !has_order(head)) trace_.finding("M5", "an order is forgotten that was not carried out");
        });
    };
    at(milliseconds(500), [this, armed, &head] {
        *armed = has_order(head);
        host_.start_head(head);
    });
}

void Faults::go_on_with_the_others(World::Head& head, const Parts& parts) {
    end_watch();
    kill_head(head);
    set_away(parts.one, true);
    set_away(parts.others, false);
    at(milliseconds(300), [this, &head] { host_.start_head(head); });
}

}  // namespace dst::sim
