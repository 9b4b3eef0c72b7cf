#include "faults.h"

#include <array>

namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

Faults::Faults(Trace& trace, FaultHost& host) : trace_(trace), loop_(trace.loop()), host_(host) {}

void Faults::later(Duration min, Duration max, std::function<void()> run) {
    loop_.after(loop_.between(min, max), [this, guard = std::weak_ptr<int>(alive_), run = std::move(run)] {
        if (!guard.expired() && !ended_) run();
    });
}

void Faults::note(const std::string& what) {
    trace_.line("fault", what);
    trace_.coverage().count("fault " + what.substr(0, what.find(':')));
}

World::Netnode* Faults::any_netnode() {
    auto& nodes = host_.world().netnodes();
    return nodes.empty() ? nullptr : nodes[loop_.below(nodes.size())].get();
}

std::pair<std::string, SimPlatter*> Faults::any_leaf() {
    auto& leaves = host_.world().leaves();
    return *std::next(leaves.begin(), static_cast<std::ptrdiff_t>(loop_.below(leaves.size())));
}

void Faults::strike() {
    struct Share {
        unsigned per_mille;
        bool (*run)(Faults&);
    };
    static constexpr std::array shares{
        Share{80, [](Faults& f) { return f.kill_netnode(false); }},
        Share{50, [](Faults& f) { return f.kill_netnode(true); }},
        Share{20, [](Faults& f) { return f.cut_power(); }},
        Share{70, [](Faults& f) { return f.cut_link(); }},
        Share{90, [](Faults& f) { return f.partition(f.loop_.chance(600)); }},
        Share{90, [](Faults& f) { return f.fail_disk(); }},
        Share{20, [](Faults& f) { return f.spoil_sectors(); }},
        Share{30, [](Faults& f) { return f.fail_all_disks(); }},
        Share{80, [](Faults& f) { return f.hang_disk(); }},
        Share{40, [](Faults& f) { return f.slow_disk(); }},
        Share{80, [](Faults& f) { return f.end_head(false, false); }},
        Share{30, [](Faults& f) { return f.end_head(true, false); }},
        Share{40, [](Faults& f) { return f.end_head(false, true); }},
        Share{40, [](Faults& f) { return f.start_rival(); }},
        Share{20, [](Faults& f) { return f.duel(); }},
        Share{30, [](Faults& f) { return f.die_in_a_promotion(); }},
        Share{10, [](Faults& f) { return f.lose_power_in_a_resync(); }},
        Share{10, [](Faults& f) { return f.fail_journal(f.any_journal()); }},
        Share{10, [](Faults& f) { return f.blank_medium(); }},
        Share{10, [](Faults& f) { return f.other_size(); }},
        Share{10, [](Faults& f) { return f.foreign_medium(); }},
        Share{10, [](Faults& f) { return f.exchange_media(); }},
        Share{10, [](Faults& f) { return f.change_journal(f.any_journal()); }},
        Share{20, [](Faults& f) { return f.rot_slot(); }},
        Share{20, [](Faults& f) { return f.older_medium(); }},
        Share{10, [](Faults& f) { return f.older_last(); }},
        Share{40, [](Faults& f) { return f.older_part(); }},
        Share{15, [](Faults& f) { return f.give_up_what_is_away(); }},
        Share{10, [](Faults& f) { return f.give_up_both_sides(); }},
        Share{5, [](Faults& f) { return f.order_takeover(); }},
    };
    if (loop_.now() < quiet_until_) {
        if (loop_.now() >= undisturbed_until_ && loop_.chance(300)) disturb();
        return;
    }
    keep_copies();
    bool done = count_ < 2 && loop_.chance(300) && stage();
    if (!done && loop_.chance(200)) done = strike_elsewhere();
    for (int tries = 0; tries < 20 && !done; ++tries) {
        std::uint64_t dice = loop_.below(1000);
        const Share* chosen = shares.data();
        while (dice >= chosen->per_mille) dice -= (chosen++)->per_mille;
        done = chosen->run(*this);
    }
    if (done) ++count_;
}

// What wants all members in sync before.
bool Faults::stage() {
    // Few trees are such that they can be staged.
    const std::uint64_t dice = loop_.below(1000);
    const bool alone = !host_.has_rival();
    if (alone && dice < 400 && older_part_returns()) return true;
    if (alone && dice >= 850 && start_from_a_mixture()) return true;
    if (!alone && stage_sides(dice)) return true;
    if (loop_.chance(250) && go_on_with_what_returned()) return true;
    if (loop_.chance(250) && go_on_without_the_new_member()) return true;
    if (loop_.chance(300) && go_on_with_a_lower_epoch()) return true;
    if (loop_.chance(300) && break_an_addition()) return true;
    if (loop_.chance(300) && go_on_with_what_was_noted()) return true;
    if (loop_.chance(200) && begin_an_order_twice()) return true;
    if (loop_.chance(150) && begin_an_order_in_vain()) return true;
    if (host_.has_rival() && loop_.chance(650)) return duel();
    return loop_.chance(550) ? die_in_a_promotion() : lose_power_in_a_resync();
}

// Something small, in the middle of what has been staged.
void Faults::disturb() {
    trace_.coverage().count("disturbed");
    switch (loop_.below(9)) {
        case 0: kill_netnode(false); return;
        case 1: kill_netnode(true); return;
        case 2: cut_link(); return;
        case 3: partition(loop_.chance(600)); return;
        case 4: fail_disk(); return;
        case 5: spoil_sectors(); return;
        case 6: hang_disk(); return;
        case 7: slow_disk(); return;
        default: fail_journal(any_journal()); return;
    }
}

bool Faults::kill_netnode(bool power) {
    World::Netnode* node = any_netnode();
    if (node == nullptr || node->process == nullptr) return false;
    note(power ? "netnode loses power: " + node->machine.host : "netnode killed: " + node->machine.host);
    host_.world().crash(*node, power);
    later(milliseconds(50), seconds(15), [this, node] { host_.world().start(*node); });
    return true;
}

// Of the whole site, or of a part of it.
bool Faults::cut_power() {
    const bool everywhere = loop_.chance(500);
    note(everywhere ? "power cut" : "power cut in places");
    all_off(true, everywhere ? 1000 : 600);
    return true;
}

bool Faults::cut_link() {
    World::Netnode* node = any_netnode();
    if (node == nullptr) return false;
    note("link reset: " + node->machine.host);
    for (const auto& head : host_.world().heads()) {
        host_.world().network().reset(head->machine.host, node->machine.host);
    }
    return true;
}

bool Faults::partition(bool both_ways) {
    World::Netnode* node = any_netnode();
    if (node == nullptr) return false;
    auto& heads = host_.world().heads();
    const std::string head = heads[host_.has_rival() ? loop_.below(2) : 0]->machine.host;
    const std::string& peer = node->machine.host;
    const bool outward = both_ways || loop_.chance(500);
    const bool inward = both_ways || !outward;
    note((both_ways ? "partition: " : "one-way partition: ") + head + (outward ? " > " : " < ") + peer);
    SimNetwork& network = host_.world().network();
    if (outward) network.partition(head, peer);
    if (inward) network.partition(peer, head);
    later(milliseconds(100), seconds(25), [&network, head, peer] {
        network.heal(head, peer);
        network.heal(peer, head);
    });
    return true;
}

bool Faults::fail_disk() {
    const auto [name, platter] = any_leaf();
    constexpr std::array codes{Errc::medium_error, Errc::io_error, Errc::no_space};
    const Errc code = codes[loop_.below(codes.size())];
    std::optional<Operation> operation;
    if (loop_.chance(800)) operation = static_cast<Operation>(1 + loop_.below(5));
    if (operation == Operation::read && code == Errc::no_space) return false;
    const std::uint64_t size = platter->geometry().size_bytes;
    Extent range{0, size};
    if (loop_.chance(600)) range = {loop_.below(size / 4096) * 4096, 64u << 10};
    const unsigned times = static_cast<unsigned>(1 + loop_.below(8));
    const std::string what = operation ? std::string(to_string(*operation)) : "any operation";
    note("disk error: " + name + " " + what + " " + std::string(to_string(code)));
    const bool lands = loop_.chance(500);
    platter->fail(operation, range, code, times, lands ? SimPlatter::Landing::in_part : SimPlatter::Landing::nothing);
    SimPlatter* broken = platter;
    later(seconds(1), seconds(10), [broken] { broken->clear_failures(); });
    return true;
}

bool Faults::spoil_sectors() {
    const auto [name, platter] = any_leaf();
    note("sectors that cannot be read: " + name);
    const std::uint64_t sectors = std::min<std::uint64_t>(1024, leaf_size_bytes(platter->geometry().size_bytes) / 512);
    for (int i = 0; i < 4; ++i) platter->spoil({loop_.below(sectors) * 512, 512});
    SimPlatter* spoilt = platter;
    later(seconds(5), seconds(60), [spoilt] { spoilt->unspoil(); });
    return true;
}

// The same kind of error everywhere: nobody may be dropped for it.
bool Faults::fail_all_disks() {
    note("disk error on all");
    const Errc code = loop_.chance(500) ? Errc::no_space : Errc::medium_error;
    const bool lands = loop_.chance(500);
    for (const auto& [name, platter] : host_.world().leaves()) {
        platter->fail(Operation::write, {0, 64u << 10}, code, 1u << 20,
                      lands ? SimPlatter::Landing::in_part : SimPlatter::Landing::nothing);
        SimPlatter* broken = platter;
        later(seconds(1), seconds(2), [broken] { broken->clear_failures(); });
    }
    return true;
}

bool Faults::hang_disk() {
    const auto [name, platter] = any_leaf();
    if (platter->hung()) return false;
    using Hang = SimPlatter::Hang;
    const Hang hang = loop_.chance(600) ? Hang::all : loop_.chance(400) ? Hang::flushes : Hang::changes;
    note("disk hangs: " + name + (hang == Hang::all ? "" : hang == Hang::flushes ? " (flushes)" : " (all but reads)"));
    platter->set_hung(hang);
    SimPlatter* hung = platter;
    // Until everything is mended, now and then.
    if (loop_.chance(150)) return true;
    later(milliseconds(100), seconds(20), [hung] { hung->set_hung(false); });
    return true;
}

bool Faults::slow_disk() {
    const auto [name, platter] = any_leaf();
    World::Netnode* const node = host_.world().netnode_of(platter);
    if (node != nullptr && loop_.chance(400)) return carry_out_late(name, *platter, *node);
    note("disk slow: " + name);
    platter->set_latency(milliseconds(1), milliseconds(400));
    SimPlatter* slow = platter;
    later(seconds(1), seconds(10), [slow] { slow->set_latency(std::chrono::microseconds(20), milliseconds(1)); });
    return true;
}

// A disk has many requests when the link is reset, and is as fast as ever then: what is sent anew it would do at once,
// and after that what it has from before (M7, M14).
bool Faults::carry_out_late(const std::string& name, SimPlatter& platter, World::Netnode& node) {
    note("disk slow until the link is reset: " + name);
    platter.set_latency(milliseconds(300), milliseconds(500));
    later(milliseconds(400), seconds(2), [this, slow = &platter, &node] {
        slow->set_latency(std::chrono::microseconds(20), milliseconds(1));
        for (const auto& head : host_.world().heads()) {
            host_.world().network().reset(head->machine.host, node.machine.host);
        }
    });
    return true;
}

bool Faults::end_head(bool power, bool clean) {
    for (const auto& head : host_.world().heads()) {
        if (head->process == nullptr || loop_.chance(300)) continue;
        note(clean   ? "head stopped: " + head->machine.host
             : power ? "head loses power: " + head->machine.host
                     : "head killed: " + head->machine.host);
        if (clean) {
            loop_.chance(500) ? close_in_use(*head) : end_cleanly(*head);
        } else {
            host_.head_ends(*head, false);
            host_.world().crash(*head, power);
        }
        World::Head* again = head.get();
        later(milliseconds(50), seconds(8), [this, again] { host_.start_head(*again); });
        return true;
    }
    return false;
}

void Faults::end_cleanly(World::Head& head) {
    ending_cleanly_ = true;
    host_.head_ends(head, true);
    ending_cleanly_ = false;
    host_.world().stop(head);
}

// What its clients have sent is answered while it ends.
void Faults::close_in_use(World::Head& head) {
    host_.head_closes(head);
    host_.world().stop(head);
}

bool Faults::start_rival() {
    if (!host_.has_rival()) return false;
    for (const auto& head : host_.world().heads()) {
        if (head->process != nullptr) continue;
        note("another head starts: " + head->machine.host);
        host_.start_head(*head);
        return true;
    }
    return false;
}

}  // namespace dst::sim
