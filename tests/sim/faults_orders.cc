#include "faults.h"

/// An administrator who starts the storage without what is away, or although another head seems alive (docs/mirror.md,
/// "Orders").
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool Faults::order_takeover() {
    if (!host_.has_rival()) return false;
    for (const auto& head : host_.world().heads()) {
        if (head->process != nullptr || host_.world().ending(*head)) continue;
        note("another head is to take over: " + head->machine.host);
        World::Head* const other = head.get();
        const bool left_before = loop_.chance(500);
        if (left_before) host_.order(*other, {StartOrder::takeover, {}, {}, 0});
        at(milliseconds(500), [this, other] { host_.start_head(*other); });
        at(seconds(3), [this, other, left_before] {
            if (!left_before && host_.waits(*other)) host_.order(*other, {StartOrder::takeover, {}, {}, 0});
        });
        return true;
    }
    return false;
}

// Neither is empty.
std::pair<Faults::Leaves, Faults::Leaves> Faults::two_parts() {
    Leaves one;
    Leaves other;
    for (const auto& leaf : host_.world().leaves()) (loop_.chance(500) ? one : other).emplace_back(leaf);
    if (one.empty()) std::swap(one, other);
    if (other.empty()) {
        other.push_back(one.back());
        one.pop_back();
    }
    return {one, other};
}

void Faults::set_away(const Leaves& leaves, bool away, bool power) {
    for (const auto& [name, platter] : leaves) {
        World::Netnode* const node = host_.world().netnode_of(platter);
        if (node == nullptr) {
            platter->set_missing(away);
        } else if (!away) {
            host_.world().start(*node);
        } else if (node->process != nullptr) {
            host_.world().crash(*node, power);
        }
    }
}

// Some members are away and miss what is written; then they are all there is, or some of them with others.
bool Faults::give_up_what_is_away() {
    World& world = host_.world();
    if (world.leaves().size() < 2) return false;
    World::Head& head = *world.heads()[host_.has_rival() ? loop_.below(2) : 0];
    for (const auto& each : world.heads()) {
        if (world.ending(*each)) return false;
    }
    note("data are given up: " + head.machine.host);
    const auto [first, second] = two_parts();
    const auto [away, rest] = loop_.chance(600) ? std::pair(second, first) : two_parts();
    quiet_until_ = loop_.now() + seconds(22);
    if (loop_.chance(700)) set_away(first, true);
    later(seconds(1), seconds(4), [this, &head, first = first, away = away] {
        for (const auto& each : host_.world().heads()) kill_head(*each);
        set_away(first, false);
        set_away(away, true);
        start_with_order(head);
    });
    later(seconds(12), seconds(20), [this, away = away] { set_away(away, false); });
    return true;
}

// Left before the start, or given while it waits; often the head dies just then and starts again.
void Faults::start_with_order(World::Head& head) {
    const Order order{StartOrder::accept_data_loss, {}, {}, 0};
    const bool left_before = loop_.chance(300);
    if (left_before) host_.order(head, order);
    at(milliseconds(500), [this, &head] { host_.start_head(head); });
    later(seconds(3), seconds(6), [this, &head, left_before] {
        if (loop_.chance(400)) {
            die_in_the_start(head);
            at(seconds(3), [this, &head] { host_.start_head(head); });
        }
        if (!left_before) order_if_it_waits(head);
    });
}

void Faults::order_if_it_waits(World::Head& head) {
    if (host_.waits(head)) host_.order(head, {StartOrder::accept_data_loss, {}, {}, 0});
}

// One machine after the other goes on with a part: a split.
bool Faults::give_up_both_sides() {
    World& world = host_.world();
    if (world.leaves().size() < 2) return false;
    for (const auto& each : world.heads()) {
        if (world.ending(*each)) return false;
    }
    World::Head& one = *world.heads()[0];
    World::Head& other = *world.heads()[host_.has_rival() ? 1 : 0];
    note("both sides go on: " + one.machine.host + ", " + other.machine.host);
    quiet_until_ = loop_.now() + seconds(48);
    const auto [first, second] = two_parts();
    for (const auto& each : world.heads()) kill_head(*each);
    set_away(second, true);
    start_with_order(one);
    at(seconds(15), [this, &one, &other, first = first, second = second] {
        for (const auto& each : host_.world().heads()) kill_head(*each);
        set_away(first, true);
        set_away(second, false);
        if (&one == &other && loop_.chance(500)) {
            lose_journal(*one.machine.journal);
        }
        start_with_order(other);
    });
    at(seconds(32), [this, &other, first = first, second = second] {
        if (loop_.chance(500)) return set_away(first, false);
        // It finds what it gave up alone.
        kill_head(other);
        set_away(second, true);
        set_away(first, false);
        at(milliseconds(500), [this, &other] { host_.start_head(other); });
        at(seconds(13), [this, second] { set_away(second, false); });
    });
    return true;
}

}  // namespace dst::sim
