#include "mixtures.h"

#include <algorithm>
#include <vector>

#include "faults.h"
#include "media/journal.h"

namespace dst::sim {
namespace {

std::optional<MemberState> state_of(const Record& record, const std::string& leaf) {
    const auto found = std::find_if(record.members.begin(), record.members.end(),
                                    [&](const RecordMember& member) { return member.name == leaf; });
    return found == record.members.end() ? std::nullopt : std::optional(found->state);
}

}  // namespace

void MixtureJudge::event(std::string_view id, std::string_view text, std::initializer_list<EventField> fields) {
    if (id == "resync-begins") {
        for (const EventField& field : fields) {
            const std::string member(field.value);
            if (field.key == "member" && world_.leaves().contains(member)) begun_[member] = generation_on(member);
        }
    }
    // What it writes itself comes later.
    if (id == "start-order-taken") {
        std::erase_if(begun_, [this](const auto& begun) {
            return generation_on(begun.first) != begun.second || was_promoted(begun.first, begun.second);
        });
    }
    if (id != "start-forced" || text.find("mixture") != std::string_view::npos) return;
    constexpr std::string_view before = " starts from ";
    const std::size_t at = text.find(before);
    if (at == std::string_view::npos) return;
    const std::string_view used = text.substr(at + before.size(), text.find("; what only", at) - at - before.size());
    for (const auto& [leaf, generation] : begun_) {
        if (used.find(leaf) == std::string_view::npos) continue;
        trace_.coverage().count("start from a mixture that is not called one");
        trace_.finding("M8", "an order starts from " + leaf + ", of which a resync had begun, and that is not said");
    }
}

MixtureJudge::Generation MixtureJudge::generation_on(const std::string& leaf) const {
    const std::optional<Record> record = record_on(world_.platter_of(leaf).durable());
    return record ? Generation(record->generation, record->generation_id) : Generation();
}

// The record that calls it in sync, with all its data, is in the journal or on the others, and the head died before it
// has that itself.
bool MixtureJudge::was_promoted(const std::string& leaf, const Generation& begun) const {
    const std::optional<Record> own = record_on(world_.platter_of(leaf).durable());
    const bool marked = own && state_of(*own, leaf) == MemberState::resyncing;
    std::vector<Record> records;
    for (const auto& head : world_.heads()) {
        const SimStoreFile& file = *head->machine.journal;
        const JournalChoice choice = choose_journal({file.slots, file.machine, file.inode});
        if (choice.journal)
            records.insert(records.end(), choice.journal->records.begin(), choice.journal->records.end());
    }
    for (const auto& [other, platter] : world_.leaves()) {
        if (const std::optional<Record> record = record_on(platter->durable())) records.push_back(*record);
    }
    return std::any_of(records.begin(), records.end(), [&](const Record& record) {
        if (record.generation <= begun.first) return false;
        return std::any_of(record.members.begin(), record.members.end(), [&](const RecordMember& member) {
            if (member.name != leaf) return false;
            if (member.state == MemberState::in_sync) return true;
            if (member.last_generation.is_nil()) return false;
            // One that is marked leaves with what it has when it was in sync. An order gives it up without that.
            const std::size_t left_with = age_on(record, member.last_generation);
            const std::size_t had = age_on(record, begun.second);
            const bool left = marked && member.state == MemberState::dirty;
            return left_with < had || (left && left_with == had);
        });
    });
}

}  // namespace dst::sim
