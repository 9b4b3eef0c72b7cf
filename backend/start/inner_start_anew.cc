#include <algorithm>
#include <utility>

#include "start/forced_choice.h"
#include "start/inner_start.h"

/// A mirror below another one whose data are not there any more is formed anew: what it held is kept above.
namespace dst {

/// `why`: a sentence. Waits, unless all that it waits for is there.
void InnerStart::could_not_start(const std::string& why) {
    const Record* const known = known_members();
    if (known == nullptr || formed_) return finish(End::waits, why);
    formed_from_ = *known;
    // A blank medium does not tell which member it is to be, and the journal may never have seen the mirror.
    if (known == &opening_.choice.record) opening_.number_by_names(inner_);
    const std::vector<std::size_t> swapped = refuse_swapped(inner_, formed_from_, findings_);
    if (!swapped.empty()) return finish(End::refused, findings_[swapped.front()].refusal);
    std::string refused;
    const std::string waits_for = look_for_lost(formed_from_, refused);
    if (!refused.empty()) return finish(End::refused, refused);
    if (!waits_for.empty() || lost_.empty()) return finish(End::waits, why);
    // In sync above, and not there at the start: it leaves first.
    mirror().leave_out(child_.position, "the data of " + inner_.spec->name + " are not there any more");
    if (!mirror().wants_back(child_.position)) return finish(End::later, why);
    probe_all(blank_, [this](const Result<std::string>& found) {
        if (stopped(found ? Result<void>() : Result<void>(found.error()))) return;
        found->empty() ? form() : finish(End::refused, *found);
    });
}

/// The record that says who is in sync; null: it cannot be told.
const Record* InnerStart::known_members() const {
    if (!opening_.choice.record.mirror.is_nil()) return &opening_.choice.record;
    if (!known_) return nullptr;
    const auto there = [](const auto& child) { return child->device->up(); };
    const bool all = std::all_of(inner_.children.begin(), inner_.children.end(), there);
    return decides_ || all ? &*known_ : nullptr;
}

/// Those in sync whose data are not there any more go to lost_. Answers the name of one that is not there at all, or
/// that only does not take writes; `refused`: why one of them must not be touched.
std::string InnerStart::look_for_lost(const Record& known, std::string& refused) {
    for (const RecordMember& recorded : known.members) {
        if (recorded.state != MemberState::in_sync) continue;
        const auto is_it = [&](const auto& child) { return inner_.mirror->number(child->position) == recorded.number; };
        const auto found = std::find_if(inner_.children.begin(), inner_.children.end(), is_it);
        if (found == inner_.children.end() || !(*found)->device->up()) return recorded.name;
        if (decides_ && !why_not_writable(**found).empty()) return recorded.name;
        const std::size_t index = (*found)->position;
        if ((opening_.choice.used & (1u << index)) != 0) continue;
        for (const Vertex* leaf : leaves_below(**found)) {
            if (std::find(looked_at().begin(), looked_at().end(), leaf) == looked_at().end()) continue;
            if (!findings_[leaf->index].reachable) return recorded.name;
            const ReturningLeaf seen = returning(*leaf, peeks_[leaf->index], recorded);
            const LeafJudgement judged = judge_leaf(known, recorded, seen);
            const std::string& told = findings_[leaf->index].refusal;
            if (judged.kind == LeafReturn::refused) refused = told.empty() ? judged.why : told;
            if (judged.kind == LeafReturn::blank) blank_.push_back({leaf, seen});
        }
        if (refused.empty() && (*found)->device->geometry().size_bytes < recorded.size_bytes) {
            refused =
                recorded.name +
                " is smaller than it was; it is not used. Give it its old size back, or put a medium as large there";
        }
        lost_.push_back(index);
    }
    return {};
}

/// Before anything is written below: whatever happens to this head, the whole child is owed everything.
void InnerStart::form() { mirror().owe_everything(child_.position, then(&InnerStart::owed)); }

void InnerStart::owed() {
    std::optional<StartChoice> choice = force_choice(known_, decides_, opening_.views, Cut::nothing);
    if (!choice) return blank_.empty() ? form_from_lost() : label_blank();
    formed_ = true;
    opening_.choice = std::move(*choice);
    draw_ids();
    opening_.number_by_names(inner_);
    opening_.read_maps(context_.start.loop, inner_, then(&InnerStart::maps_read));
}

/// Of the generation that is formed.
void InnerStart::draw_ids() {
    Record& record = opening_.choice.record;
    record.generation_id = context_.start.loop.random_id();
    record.medium = context_.start.loop.random_id();
    const Record* const known = context_.start.journal.record_of(record.mirror);
    if (known != nullptr) take_noted(record, *known);
}

/// In the journal, before a member gets it, as an order's: one that has it when this attempt ends, and that the next
/// one does without, is not the other side of a split. Where the journal does not decide, its record is not what is
/// stood on; and a member that was in sync is waited for by the next attempt.
void InnerStart::note_generation_formed() {
    JournalKeeper& journal = context_.start.journal;
    const Record* const known = journal.record_of(opening_.choice.record.mirror);
    if (!decides_ || fresh_ || known == nullptr) return promise_all();
    Record noted = *known;
    opening_.note(noted, inner_, context_.epoch);
    journal.set_record(noted);
    journal.write(then(&InnerStart::promise_all));
}

/// Then all of it once more, with the labels that are there now.
void InnerStart::label_blank() {
    if (std::exchange(labelled_, true)) return finish(End::later, "a medium lost the label that it was just given");
    auto step = std::make_shared<StartStep>(context_.start.loop, then(&InnerStart::peek_all));
    for (const BlankLeaf& leaf : blank_) {
        const LabelImage image = encode_label(new_label(*leaf.vertex, formed_from_.logical_block_bytes));
        leaf.vertex->leaf->write_label(peeks_[leaf.vertex->index], image, step->add<LabelImage>(nullptr));
    }
    step->all_added();
}

void InnerStart::form_from_lost() {
    const std::size_t index = lost_.front();
    formed_ = fresh_ = true;
    MemberView& view = opening_.views[index];
    view.record.reset();
    view.leaves = leaves_of_member(*inner_.children[index], findings_);
    view.incarnation = inner_.children[index]->device->incarnation();
    opening_.choice = fresh_choice(formed_from_, view.number, opening_.views);
    draw_ids();
    opening_.used = opening_.choice.used;
    opening_.maps = {};
    opening_.maps.intent = inner_.mirror->metadata(index).empty_map(opening_.choice.record);
    context_.start.events.event(Severity::warning, "mirror-formed-anew",
                                "no member of a mirror has its data any more; it is formed anew, and brought up to "
                                "date as a whole by the mirror above",
                                {{"mirror", inner_.spec->name}, {"in", mirror().name()}, {"from", view.name}});
    stand();
}

}  // namespace dst
