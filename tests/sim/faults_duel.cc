#include <algorithm>
#include <map>
#include <memory>

#include "faults.h"
#include "media/label.h"

/// Two heads that start on one storage without seeing each other, or each other's members (M5, M6).
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Duration part_of(Duration whole, std::uint64_t percent) {
    return Duration(whole.count() / 100 * static_cast<Duration::rep>(percent));
}

}  // namespace

bool Faults::duel() {
    if (!host_.has_rival()) return false;
    std::uint64_t first = loop_.below(2);
    // Mostly the one whose journal would decide, if it were not overtaken.
    const auto serves = [this](const World::Head& head) { return head.process.get() == host_.serving(); };
    if (host_.serving() != nullptr && loop_.chance(700)) first = serves(*host_.world().heads()[0]) ? 0 : 1;
    World::Head& one = *host_.world().heads()[first];
    World::Head& other = *host_.world().heads()[1 - first];
    if (host_.world().ending(one) || host_.world().ending(other)) return false;
    kill_head(one);
    kill_head(other);
    // Each finds everything that it needs.
    host_.world().heal();
    if (loop_.chance(650)) {
        duel_after_half_a_start(one, other);
    } else {
        duel_with_a_slow_start(one, other);
    }
    return true;
}

void Faults::kill_head(World::Head& head) {
    if (head.process == nullptr) return;
    host_.head_ends(head, false);
    host_.world().crash(head, false);
}

void Faults::at(Duration when, std::function<void()> run) { later(when, when, std::move(run)); }

// One is overtaken by the other, comes back and dies in the middle of its start; then each has members of its own.
void Faults::duel_after_half_a_start(World::Head& one, World::Head& other) {
    note("duel after half a start: " + one.machine.host + " against " + other.machine.host);
    quiet_until_ = loop_.now() + seconds(24);
    at(milliseconds(300), [this, &other] { host_.start_head(other); });
    at(seconds(4), [this, &one, &other] {
        kill_head(other);
        loop_.chance(800) ? die_between_marks(one) : die_in_the_start(one);
        host_.start_head(one);
    });
    at(seconds(8), [this, &one, &other] {
        kill_head(one);
        kill_head(other);
        part(one, other);
        later(Duration::zero(), seconds(2), [this, &other] { host_.start_head(other); });
        later(Duration::zero(), seconds(6), [this, &one] { host_.start_head(one); });
    });
    at(seconds(20), [this] { host_.world().network().heal_all(); });
}

// Each node is seen by one of the two only: those with the newest mark by `one`, if not all are alike.
void Faults::part(World::Head& one, World::Head& other) {
    std::map<World::Netnode*, std::uint64_t> marks;
    std::uint64_t newest = 0;
    bool alike = true;
    for (const auto& node : host_.world().netnodes()) {
        // That of a tree lies nowhere by itself.
        const auto& exports = node->machine.exports;
        const auto label = exports.empty() ? std::nullopt : label_on(exports.begin()->second->durable());
        const std::uint64_t mark = label ? label->served.number : 0;
        alike = alike && (marks.empty() || mark == newest);
        newest = std::max(newest, mark);
        marks[node.get()] = mark;
    }
    alike = alike || loop_.chance(300);
    for (const auto& node : host_.world().netnodes()) {
        const bool by_one = alike ? loop_.chance(500) : marks[node.get()] == newest;
        const std::string& blind = (by_one ? other : one).machine.host;
        host_.world().network().partition(blind, node->machine.host);
        host_.world().network().partition(node->machine.host, blind);
    }
}

// Some writes of labels after this moment, the head dies.
void Faults::die_in_the_start(World::Head& head) {
    // Two copies each of the promise, then of the served mark.
    const std::uint64_t promises = 2 * host_.world().leaves().size();
    const std::uint64_t writes = loop_.chance(300) ? loop_.below(promises) : promises + loop_.below(promises);
    auto left = std::make_shared<std::uint64_t>(writes);
    for (const auto& [name, platter] : host_.world().leaves()) {
        platter->on_carry_out = [this, &head, left, platter = platter](const Request& request) {
            const bool label = request.extent.offset >= leaf_size_bytes(platter->geometry().size_bytes);
            if (request.operation != Operation::write || !label || (*left)-- != 0) return;
            later(Duration::zero(), std::chrono::microseconds(300), [this, &head] { kill_head(head); });
        };
    }
    at(seconds(4), [this] {
        for (const auto& [name, platter] : host_.world().leaves()) platter->on_carry_out = nullptr;
    });
}

// One medium says that it has served, and the others do not: they are slow.
void Faults::die_between_marks(World::Head& head) {
    SimPlatter* const first = any_leaf().second;
    for (const auto& [name, platter] : host_.world().leaves()) {
        if (platter != first) platter->set_latency(milliseconds(20), milliseconds(50));
    }
    const auto copies = std::make_shared<unsigned>(0);
    first->on_carry_out = [this, &head, copies](const Request& request) {
        const std::optional<Label> label = label_in(request);
        if (!label || label->promised != label->served || ++*copies != 2) return;
        trace_.coverage().count("died between two marks");
        later(Duration::zero(), milliseconds(5), [this, &head] { kill_head(head); });
    };
    at(seconds(4), [this] {
        for (const auto& [name, platter] : host_.world().leaves()) {
            platter->on_carry_out = nullptr;
            platter->set_latency(std::chrono::microseconds(20), milliseconds(1));
        }
    });
}

// One has looked at the labels and waits for its journal; meanwhile the other serves, and loses a member.
void Faults::duel_with_a_slow_start(World::Head& one, World::Head& other) {
    note("duel with a slow start: " + one.machine.host + " against " + other.machine.host);
    SimStoreFile* const journal = one.machine.journal;
    const Duration slow = loop_.between(seconds(2), seconds(4));
    journal->latency_min = journal->latency_max = slow;
    journal->touched = true;
    quiet_until_ = loop_.now() + 4 * slow + seconds(3);
    host_.start_head(one);
    at(part_of(slow, 110 + loop_.below(90)), [this, &one] {
        for (const auto& node : host_.world().netnodes()) {
            host_.world().network().reset(one.machine.host, node->machine.host);
        }
    });
    at(2 * slow + milliseconds(600) + part_of(slow, loop_.below(30)), [this, &other] { host_.start_head(other); });
    at(2 * slow + part_of(slow, 60 + loop_.below(30)), [this] {
        SimPlatter* const platter = any_leaf().second;
        platter->fail(Operation::write, {0, leaf_size_bytes(platter->geometry().size_bytes)}, Errc::medium_error, 2);
        at(seconds(2), [platter] { platter->clear_failures(); });
    });
    at(4 * slow, [journal] { journal->set_latency(); });
}

// One has looked at all members and chosen, and waits for its journal; meanwhile the other one serves without a member
// that it does not reach. The epoch of the one is higher, so that nothing refuses its promise but that the labels are
// not as they were: in what it has chosen, that member is in sync (M6).
bool Faults::go_on_with_what_was_chosen() {
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    if (!rivals) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    const auto [name, missed] = any_leaf();
    note("gone on with what was chosen before: " + one.machine.host + ", " + name);
    quiet_until_ = loop_.now() + seconds(32);
    undisturbed_until_ = loop_.now() + seconds(24);
    begin_with(other);
    at(seconds(5), [this, &one, &other, node = host_.world().netnode_of(missed)] {
        kill_head(other);
        host_.world().network().partition(other.machine.host, node->machine.host);
        host_.world().network().partition(node->machine.host, other.machine.host);
        die_before_promises(one, 3);
        start_soon(one);
    });
    SimStoreFile* const journal = one.machine.journal;
    const Duration slow = seconds(6);
    at(seconds(9), [this, &one, journal, slow] {
        kill_head(one);
        end_watch();
        journal->touched = true;
        journal->set_latency(slow, slow);
        start_soon(one);
    });
    at(seconds(10) + slow, [this, &other, journal] {
        // The write that it waits for has its time already.
        journal->set_latency();
        host_.start_head(other);
    });
    at(seconds(24), [this] { host_.world().network().heal_all(); });
    return true;
}

// Its journal has the epoch that it will try, and no medium has: it dies, and starts again, but for the last time.
void Faults::die_before_promises(World::Head& head, unsigned times) {
    const auto left = std::make_shared<unsigned>(times);
    head.machine.journal->on_written = [this, left, &head](const Bytes&) {
        if (*left == 0) return;
        at(Duration::zero(), [this, &head] { kill_head(head); });
        if (--*left != 0) at(milliseconds(500), [this, &head] { host_.start_head(head); });
    };
}

}  // namespace dst::sim
