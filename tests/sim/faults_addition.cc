#include <algorithm>
#include <memory>
#include <set>

#include "faults.h"
#include "media/journal.h"

/// A member of those that were in sync fails while another one is added (M2).
namespace dst::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Every generation that a journal names.
std::set<Id> generations_in(const Journal& journal) {
    std::set<Id> all;
    for (const Record& record : journal.records) {
        all.insert(record.generation_id);
        all.insert(record.lineage.begin(), record.lineage.end());
    }
    return all;
}

bool is_part(const std::set<Id>& some, const std::set<Id>& all) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

}  // namespace

// A member that was away is added. When the journal has the note of that, an old member fails, and the record does not
// reach the others; the head dies when the journal has what follows. Another head finds the old members, and writes; at
// last the new one is all that the first head finds.
bool Faults::break_an_addition() {
    World& world = host_.world();
    const std::optional<Rivals> rivals = rivals_on_a_mirror();
    const std::optional<Three> three = rivals ? three_members() : std::nullopt;
    if (!three) return false;
    World::Head& one = rivals->one;
    World::Head& other = rivals->other;
    note("an addition breaks: " + three->one.front().first);
    quiet_until_ = loop_.now() + seconds(48);
    for (const auto& each : world.heads()) kill_head(*each);
    world.heal();
    at(milliseconds(300), [this, &one] { host_.start_head(one); });
    at(seconds(5), [this, three = *three] { set_away(three.one, true); });
    at(seconds(9), [this, &one, three = *three] {
        break_at_its_note(one, three);
        set_away(three.one, false);
    });
    at(seconds(19), [this, &one, three = *three] {
        end_watch();
        kill_head(one);
        set_away(three.one, true);
        for (const auto& [name, platter] : three.rest) platter->set_hung(false);
        set_away(three.other, false);
        set_away(three.rest, false);
    });
    at(seconds(20), [this, &other] { host_.start_head(other); });
    at(seconds(30), [this, &other, three = *three] {
        kill_head(other);
        set_away(three.other, true);
        set_away(three.rest, true);
        set_away(three.one, false);
    });
    at(seconds(31), [this, &one] { host_.start_head(one); });
    at(seconds(39), [this, three = *three] {
        set_away(three.other, false);
        set_away(three.rest, false);
    });
    return true;
}

void Faults::break_at_its_note(World::Head& head, const Three& three) {
    struct Watch {
        std::set<Id> known;
        bool noted = false;
        bool dead = false;
    };
    const auto watch = std::make_shared<Watch>();
    SimStoreFile& file = *head.machine.journal;
    const JournalChoice choice = choose_journal({file.slots, file.machine, file.inode});
    if (choice.journal) watch->known = generations_in(*choice.journal);
    file.on_written = [this, watch, three, &head](const Bytes& slot) {
        const Result<Journal> journal = decode_journal(slot);
        if (!journal || watch->dead) return;
        const std::set<Id> generations = generations_in(*journal);
        if (is_part(generations, watch->known)) return;
        watch->known.insert(generations.begin(), generations.end());
        if (watch->noted) {
            watch->dead = true;
            note("the head dies when the journal has what follows the addition that broke");
            later(Duration::zero(), microseconds(300), [this, &head] { kill_head(head); });
            return;
        }
        watch->noted = true;
        for (const auto& [name, platter] : three.rest) platter->set_hung(SimPlatter::Hang::changes);
        set_away(three.other, true);
        // What hangs is lost with the power, and the head hears of that.
        later(seconds(1), seconds(3), [this, rest = three.rest, &head] {
            set_away(rest, true, true);
            for (const auto& [name, platter] : rest) {
                const World::Netnode* const node = host_.world().netnode_of(platter);
                if (node != nullptr) host_.world().network().reset(head.machine.host, node->machine.host);
            }
        });
    };
}

}  // namespace dst::sim
