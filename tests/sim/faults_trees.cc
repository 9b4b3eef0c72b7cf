#include <algorithm>
#include <array>

#include "faults.h"

/// What strikes below exported trees, and what the other tables leave out.
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Between the head of an exported tree and one of its members on another machine.
struct Faults::InnerLink {
    std::string head;
    std::string member;
};

bool Faults::strike_elsewhere() {
    struct Share {
        unsigned per_mille;
        bool (*run)(Faults&);
    };
    static constexpr std::array in_trees{
        Share{100, [](Faults& f) { return f.cut_inner_link(); }},
        Share{200, [](Faults& f) { return f.part_in_tree(); }},
        Share{200, [](Faults& f) { return f.give_up_in_tree(); }},
        Share{100, [](Faults& f) { return f.fail_journal(f.journal_of_a_tree()); }},
        Share{70, [](Faults& f) { return f.hang_journal(f.journal_of_a_tree()); }},
        Share{70, [](Faults& f) { return f.change_journal(f.journal_of_a_tree()); }},
        Share{50, [](Faults& f) { return f.rot_journal(f.journal_of_a_tree()); }},
        Share{100, [](Faults& f) { return f.fail_journal_and_members_in_tree(); }},
        Share{110, [](Faults&) { return false; }},
    };
    static constexpr std::array anywhere{
        Share{350, [](Faults& f) { return f.stop_netnode(); }},
        Share{150, [](Faults& f) { return f.hang_journal(f.any_journal()); }},
        Share{150, [](Faults& f) { return f.fail_journal(f.any_journal()); }},
        Share{50, [](Faults& f) { return f.change_journal(f.any_journal()); }},
        Share{200, [](Faults& f) { return f.fail_journal_and_members(); }},
        Share{100, [](Faults& f) { return f.come_late(); }},
    };
    const auto draw = [this](const auto& shares) {
        std::uint64_t dice = loop_.below(1000);
        const Share* chosen = shares.data();
        while (dice >= chosen->per_mille) dice -= (chosen++)->per_mille;
        return chosen->run(*this);
    };
    return (!host_.world().trees().empty() && draw(in_trees)) || draw(anywhere);
}

// It closes its media, and those of its trees, while they are in use.
bool Faults::stop_netnode() {
    World::Netnode* const node = any_netnode();
    if (node == nullptr || node->process == nullptr) return false;
    note("netnode stopped: " + node->machine.host);
    if (!node->machine.trees.empty()) trace_.coverage().count("netnode of a tree stopped");
    host_.world().stop(*node);
    later(milliseconds(50), seconds(10), [this, node] { host_.world().start(*node); });
    return true;
}

// Some members are there only after the start, which needs no others, and nothing was written meanwhile (M7).
bool Faults::come_late() {
    World& world = host_.world();
    const HeadProcess* const process = host_.serving();
    if (process == nullptr || world.leaves().size() < 2) return false;
    const auto its = std::find_if(world.heads().begin(), world.heads().end(),
                                  [&](const auto& one) { return one->process.get() == process; });
    World::Head& head = **its;
    note("members come late: " + head.machine.host);
    const bool cleanly = loop_.chance(500);
    quiet_until_ = loop_.now() + seconds(cleanly ? 7 : 14);
    host_.silence(seconds(cleanly ? 8 : 15));
    if (cleanly) close_in_use(head);
    // Until no map names anything.
    at(seconds(cleanly ? 1 : 7), [this, &head] {
        kill_head(head);
        const Leaves late = two_parts().first;
        set_away(late, true);
        at(milliseconds(300), [this, &head] { host_.start_head(head); });
        later(seconds(3), seconds(6), [this, late] { set_away(late, false); });
    });
    return true;
}

std::optional<Faults::InnerLink> Faults::any_inner_link() {
    World& world = host_.world();
    std::vector<InnerLink> links;
    for (const auto& [leaf, tree] : world.trees()) {
        for (const std::string& below : world.leaves_of_tree(leaf)) {
            const World::Netnode* const node = world.netnode_of(&world.platter_of(below));
            if (node == nullptr || node->machine.host == tree->machine.host) continue;
            links.push_back({tree->machine.host, node->machine.host});
        }
    }
    return links.empty() ? std::nullopt : std::optional(links[loop_.below(links.size())]);
}

bool Faults::cut_inner_link() {
    const std::optional<InnerLink> link = any_inner_link();
    if (!link) return false;
    note("link below a tree reset: " + link->head + " - " + link->member);
    host_.world().network().reset(link->head, link->member);
    return true;
}

bool Faults::part_in_tree() {
    const std::optional<InnerLink> link = any_inner_link();
    if (!link) return false;
    const bool both_ways = loop_.chance(600);
    const bool outward = both_ways || loop_.chance(500);
    const bool inward = both_ways || !outward;
    note(std::string(both_ways ? "partition below a tree: " : "one-way partition below a tree: ") + link->head +
         (outward ? " > " : " < ") + link->member);
    SimNetwork& network = host_.world().network();
    if (outward) network.partition(link->head, link->member);
    if (inward) network.partition(link->member, link->head);
    later(milliseconds(100), seconds(25), [&network, link = *link] {
        network.heal(link.head, link.member);
        network.heal(link.member, link.head);
    });
    return true;
}

// A disk of the tree's own machine goes alone.
void Faults::set_member_away(World::Netnode& node, SimPlatter& platter, bool away) {
    World::Netnode* const its = host_.world().netnode_of(&platter);
    if (its == &node) return platter.set_missing(away);
    if (!away) return host_.world().start(*its);
    host_.world().crash(*its, false);
}

bool Faults::fail_journal_and_members_in_tree() {
    World& world = host_.world();
    const auto trees = world.trees();
    const auto& [leaf, tree] = *std::next(trees.begin(), static_cast<std::ptrdiff_t>(loop_.below(trees.size())));
    World::Netnode& node = world.netnode_of_tree(leaf);
    if (node.process == nullptr) return false;
    note("members of a tree fail while its journal cannot be written: " + tree->machine.host);
    fail_for_a_while(*tree->machine.journal);
    const std::vector<std::string>& members = world.leaves_of_tree(leaf);
    const std::uint64_t which = loop_.below(members.size());
    SimPlatter* const first = &world.platter_of(members[which]);
    SimPlatter* const second = &world.platter_of(members[(which + 1) % members.size()]);
    away_in_turn([this, &node, first](bool away) { set_member_away(node, *first, away); },
                 [this, &node, second](bool away) { set_member_away(node, *second, away); });
    return true;
}

// One member of the tree misses what is written, then it is the only one that the tree's start finds; and that is
// ordered to accept the loss. The storage above has another member with everything, and must not lose anything.
bool Faults::give_up_in_tree() {
    World& world = host_.world();
    const auto trees = world.trees();
    const auto& [leaf, tree] = *std::next(trees.begin(), static_cast<std::ptrdiff_t>(loop_.below(trees.size())));
    World::Netnode& node = world.netnode_of_tree(leaf);
    if (node.process == nullptr || journals_changed_.contains(tree->machine.journal) || !host_.another_has(leaf)) {
        return false;
    }
    const std::vector<std::string>& members = world.leaves_of_tree(leaf);
    const std::uint64_t which = loop_.below(members.size());
    SimPlatter* const older = &world.platter_of(members[which]);
    SimPlatter* const newer = &world.platter_of(members[(which + 1) % members.size()]);
    note("data are given up in a tree: " + leaf);
    journals_needed_.insert(tree->machine.journal);
    set_member_away(node, *older, true);
    // Long enough that no map above names what it misses; or so that the storage above may not notice that the tree
    // was away.
    const bool forgotten = loop_.chance(500);
    const bool silent = loop_.chance(400);
    const Duration before = forgotten ? seconds(9) : seconds(0);
    quiet_until_ = loop_.now() + before + seconds(14);
    if (forgotten) at(milliseconds(2500), [this] { host_.silence(seconds(8)); });
    later(before + milliseconds(1500), before + seconds(4), [this, leaf = leaf, older, newer, silent] {
        if (silent) host_.silence(seconds(8));
        restart_tree(leaf, *older, *newer);
    });
    later(before + seconds(12), before + seconds(18), [this, &node, newer] { set_member_away(node, *newer, false); });
    return true;
}

void Faults::restart_tree(const std::string& tree, SimPlatter& back, SimPlatter& away) {
    World::Netnode& node = host_.world().netnode_of_tree(tree);
    host_.world().crash(node, false);
    set_member_away(node, back, false);
    set_member_away(node, away, true);
    const bool left_before = loop_.chance(400);
    if (left_before && host_.another_has(tree)) host_.give_up_in_tree(tree);
    at(milliseconds(500), [this, &node] { host_.world().start(node); });
    if (!left_before) {
        later(seconds(3), seconds(6), [this, tree] {
            if (host_.another_has(tree)) host_.give_up_in_tree(tree);
        });
    }
    // Whoever starts next must not take the tree for what it was.
    if (!loop_.chance(300)) return;
    later(seconds(2), seconds(8), [this] {
        World::Head& head = *host_.world().heads().front();
        if (ending_cleanly_) return;
        kill_head(head);
        later(milliseconds(50), seconds(3), [this, &head] { host_.start_head(head); });
    });
}

}  // namespace dst::sim
