#include <algorithm>

#include "faults.h"
#include "media/envelope.h"
#include "media/journal.h"

/// The journals of all heads: of those that may open the storage, and of the netnodes that export a tree.
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// With several in a row a request would wait for longer than a client does.
constexpr unsigned journal_hangs_max = 2;

}  // namespace

std::vector<Faults::KnownJournal> Faults::journals() {
    World& world = host_.world();
    std::vector<KnownJournal> all;
    for (const auto& head : world.heads()) {
        if (head != world.heads().front() && !host_.has_rival()) continue;
        all.push_back({head->machine.journal, head.get(), nullptr, head->machine.host});
    }
    for (const auto& [leaf, tree] : world.trees()) {
        all.push_back({tree->machine.journal, nullptr, &world.netnode_of_tree(leaf), tree->machine.host});
    }
    return all;
}

Faults::KnownJournal Faults::journal_of_a_tree() {
    std::vector<KnownJournal> all = journals();
    std::erase_if(all, [](const KnownJournal& one) { return one.node == nullptr; });
    return all[loop_.below(all.size())];
}

// The first head's half of the time.
Faults::KnownJournal Faults::any_journal() {
    const std::vector<KnownJournal> all = journals();
    return all[loop_.chance(500) ? 0 : loop_.below(all.size())];
}

void Faults::keep_journals() {
    for (const KnownJournal& journal : journals()) {
        std::unique_ptr<SimStoreFile>& copy = journal_copies_[journal.file];
        if (copy != nullptr && !loop_.chance(300)) continue;
        copy = std::make_unique<SimStoreFile>(loop_);
        copy->copy_from(*journal.file, journal.file->machine);
    }
}

std::vector<SimStoreFile*> Faults::journals_over(const SimPlatter& platter) {
    World& world = host_.world();
    std::vector<SimStoreFile*> over{world.heads().front()->machine.journal};
    for (const auto& [leaf, tree] : world.trees()) {
        const std::vector<std::string>& below = world.leaves_of_tree(leaf);
        const bool its = std::any_of(below.begin(), below.end(),
                                     [&](const std::string& one) { return &world.platter_of(one) == &platter; });
        if (its) over.push_back(tree->machine.journal);
    }
    return over;
}

bool Faults::journal_changed(const SimPlatter& platter) {
    const std::vector<SimStoreFile*> over = journals_over(platter);
    return std::any_of(over.begin(), over.end(),
                       [this](const SimStoreFile* journal) { return journals_changed_.contains(journal); });
}

void Faults::need_journal(const SimPlatter& platter) {
    for (const SimStoreFile* const journal : journals_over(platter)) journals_needed_.insert(journal);
}

bool Faults::lose_journal(SimStoreFile& journal) {
    if (journals_needed_.contains(&journal)) return false;
    journals_changed_.insert(&journal);
    journal.touched = true;
    journal.remove();
    return true;
}

bool Faults::fail_journal(const KnownJournal& journal) {
    note(std::string(journal.node == nullptr ? "journal" : "journal of a tree") +
         " cannot be written: " + journal.host);
    SimStoreFile* const file = journal.file;
    file->touched = true;
    file->fail_write = Errc::io_error;
    file->fails_in_part = loop_.chance(500);
    later(milliseconds(500), seconds(8), [file] { file->fail_write = Errc::ok; });
    return true;
}

bool Faults::hang_journal(const KnownJournal& journal) {
    if (journal.file->hung() || journal_hangs_ >= journal_hangs_max) return false;
    ++journal_hangs_;
    note(std::string(journal.node == nullptr ? "journal" : "journal of a tree") + " hangs: " + journal.host);
    SimStoreFile* const file = journal.file;
    file->touched = true;
    file->set_hung(true);
    later(seconds(1), loop_.chance(300) ? seconds(60) : seconds(15), [file] { file->set_hung(false); });
    return true;
}

// It is not put right: a journal that is lost decides nothing, and neither does a copy, or that of another machine.
bool Faults::change_journal(const KnownJournal& journal) {
    if (journals_needed_.contains(journal.file) || host_.world().ending(journal.host)) return false;
    const KnownJournal other = any_journal();
    const bool lost = loop_.chance(500);
    const bool of_other =
        journal.head != nullptr && other.head != nullptr && other.head != journal.head && loop_.chance(500);
    note((lost       ? "journal lost: "
          : of_other ? "journal replaced by another machine's: "
                     : "journal replaced by an older copy: ") +
         journal.host);
    if (journal.node != nullptr) trace_.coverage().count("journal of a tree changed");
    if (journal.head != nullptr && journal.head->process != nullptr) {
        kill_head(*journal.head);
        later(milliseconds(50), seconds(8), [this, head = journal.head] { host_.start_head(*head); });
    } else if (journal.node != nullptr && journal.node->process != nullptr) {
        host_.world().crash(*journal.node, false);
        later(milliseconds(50), seconds(8), [this, node = journal.node] { host_.world().start(*node); });
    }
    SimStoreFile& file = *journal.file;
    if (lost) {
        lose_journal(file);
        return true;
    }
    journals_changed_.insert(&file);
    file.touched = true;
    file.copy_from(of_other ? *other.file : *journal_copies_.at(&file), file.machine);
    return true;
}

bool Faults::rot_journal(const KnownJournal& journal) {
    note(std::string("a copy of the journal ") + (journal.node == nullptr ? "" : "of a tree ") +
         "rots: " + journal.host);
    all_off();
    auto& slots = journal.file->slots;
    for (const Bytes& slot : slots) {
        if (open_envelope(slot, journal_magic).state != EnvelopeState::good) return true;
    }
    journal.file->touched = true;
    Bytes& slot = slots[loop_.below(2)];
    if (loop_.chance(300)) {
        std::fill(slot.begin(), slot.end(), std::byte{0});
    } else {
        slot[loop_.below(slot.size())] ^= std::byte{1};
    }
    return true;
}

void Faults::fail_for_a_while(SimStoreFile& file) {
    file.touched = true;
    if (!file.hung() && journal_hangs_ < journal_hangs_max && loop_.chance(200)) {
        ++journal_hangs_;
        file.set_hung(true);
    } else {
        file.fail_write = Errc::io_error;
        file.fails_in_part = loop_.chance(300);
    }
    later(seconds(3), seconds(12), [file = &file] {
        file->fail_write = Errc::ok;
        file->set_hung(false);
    });
}

// Some members fail while no record can leave them out; then the others go away, and those are back: the first ones
// have all that was acknowledged, and are taken back (M2), unless they have lost something.
void Faults::away_in_turn(const std::function<void(bool)>& first, const std::function<void(bool)>& second) {
    quiet_until_ = loop_.now() + seconds(9);
    later(milliseconds(10), milliseconds(300), [first] { first(true); });
    later(milliseconds(1200), milliseconds(2500), [this, first, second] {
        second(true);
        later(Duration::zero(), milliseconds(700), [first] { first(false); });
    });
    later(seconds(7), seconds(14), [second] { second(false); });
}

bool Faults::fail_journal_and_members() {
    const HeadProcess* const process = host_.serving();
    if (process == nullptr || host_.world().leaves().size() < 2) return false;
    note("members fail while the journal cannot be written: " + process->machine().host);
    fail_for_a_while(*process->machine().journal);
    const auto [first, second] = two_parts();
    // With its power a member may lose what was not flushed, and then those that failed have more.
    const bool power = loop_.chance(250);
    away_in_turn([this, first = first](bool away) { set_away(first, away); },
                 [this, second = second, power](bool away) { set_away(second, away, power); });
    return true;
}

}  // namespace dst::sim
