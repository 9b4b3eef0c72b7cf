#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "start/error_text.h"
#include "start/starter.h"

/// M5 steps 2 and 3 for each mirror, inner ones first: an outer mirror's records are read through the inner ones.
namespace dst {

namespace {

/// A mirror is one medium for what is above it: whose leaves it is made of is its own business.
bool below_another_mirror(const Vertex& leaf, const Vertex& child) {
    for (const Vertex* vertex = &leaf; vertex != &child; vertex = vertex->parent) {
        if (vertex->parent->mirror != nullptr) return true;
    }
    return false;
}

bool has_mirror(const Vertex& vertex) {
    return vertex.mirror != nullptr || std::any_of(vertex.children.begin(), vertex.children.end(),
                                                   [](const auto& child) { return has_mirror(*child); });
}

}  // namespace

bool Starter::usable(const Vertex& vertex) const {
    if (vertex.leaf != nullptr) {
        const LeafFinding& finding = findings_[vertex.index];
        return finding.label && finding.refusal.empty() && vertex.device->up();
    }
    if (vertex.mirror != nullptr) {
        const auto work = work_.find(&vertex);
        return work != work_.end() && work->second.usable && vertex.device->up();
    }
    return std::all_of(vertex.children.begin(), vertex.children.end(),
                       [this](const auto& child) { return usable(*child); });
}

std::string Starter::why_not_usable(const Vertex& vertex) const {
    if (vertex.leaf != nullptr) {
        const LeafFinding& finding = findings_[vertex.index];
        if (!finding.refusal.empty()) return finding.refusal;
        const Error& error = vertex.leaf->last_error();
        return error.code == Errc::ok ? "it cannot be reached" : error_text(error);
    }
    if (vertex.mirror != nullptr) {
        const auto work = work_.find(&vertex);
        return work == work_.end() ? "it cannot be reached" : work->second.reason;
    }
    for (const auto& child : vertex.children) {
        if (!usable(*child)) return child->spec->name + ": " + why_not_usable(*child);
    }
    return {};
}

MemberView Starter::view_of(const Vertex& child) const {
    MemberView view;
    view.name = child.spec->name;
    view.number = child.parent->mirror->number(child.position);
    view.reachable = usable(child);
    if (!view.reachable) {
        view.why_not = why_not_usable(child);
        return view;
    }
    view.incarnation = child.device->incarnation();
    const auto work = work_.find(&child);
    view.lossy = (work != work_.end() && work->second.forced) || forced_below(child);
    for (const Vertex* leaf : leaves_below(child)) {
        const LeafFinding& finding = findings_[leaf->index];
        if (!finding.label || below_another_mirror(*leaf, child)) continue;
        const Geometry& geometry = leaf->device->geometry();
        view.leaves.push_back({finding.label->place, finding.label->medium, finding.label->size_bytes,
                               geometry.logical_block_bytes, geometry.physical_block_bytes});
    }
    return view;
}

void Starter::choose_next() {
    while (next_inner_ < inner_.size()) {
        Vertex& vertex = *inner_[next_inner_++];
        if (vertex.mirror != nullptr) return read_records(vertex);
        vertex.linear->refresh_geometry();
    }
    all_chosen();
}

void Starter::read_records(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    work.views.clear();
    for (const auto& child : mirror.children) work.views.push_back(view_of(*child));
    work.found.resize(work.views.size());
    auto step =
        std::make_shared<StartStep>(context_.loop, [this, attempt = attempt_, &mirror](const Result<void>& result) {
            if (!stopped(attempt, result)) records_read(mirror);
        });
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        if (!work.views[i].reachable) continue;
        MemberView& view = work.views[i];
        FoundRecord& kept = work.found[i];
        auto read = [this, &view, &kept, attempt = attempt_, end = step->add()](const Result<FoundRecord>& found) {
            if (attempt == attempt_ && found) {
                kept = *found;
                view.record = found->record;
                if (found->damaged) view.why_not = "its record is damaged";
            } else if (attempt == attempt_) {
                view.reachable = false;
                view.why_not = error_text(found.error());
            }
            end({});
        };
        mirror.mirror->metadata(i).read_record(std::move(read));
    }
    step->all_added();
}

std::optional<Record> Starter::journal_record(const Vertex& mirror, const std::vector<MemberView>& views) const {
    const JournalKeeper& journal = context_.journal;
    if (!journal.found()) return std::nullopt;
    for (const MemberView& view : views) {
        if (!view.record) continue;
        const Record* record = journal.record_of(view.record->mirror);
        if (record != nullptr) return *record;
    }
    const std::vector<Vertex*> mirrors = mirrors_in_reading_order(context_.tree);
    const std::vector<Record>& records = journal.journal().records;
    const auto at = static_cast<std::size_t>(std::find(mirrors.begin(), mirrors.end(), &mirror) - mirrors.begin());
    if (records.size() != mirrors.size()) return std::nullopt;
    return records[at];
}

/// Children without a label that can be read, and without a journal that knows them, have their numbers by the names in
/// the record.
void Starter::number_by_names(Vertex& mirror) {
    MirrorWork& work = work_.at(&mirror);
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        if (work.views[i].number != 0) continue;
        for (const RecordMember& member : work.choice.record.members) {
            const auto has_it = [&](const MemberView& view) { return view.number == member.number; };
            if (member.name != work.views[i].name || std::any_of(work.views.begin(), work.views.end(), has_it))
                continue;
            work.views[i].number = member.number;
            mirror.mirror->set_number(i, member.number);
        }
    }
}

void Starter::records_read(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    std::optional<Record> journal = journal_record(mirror, work.views);
    std::optional<Id> id;
    if (journal) id = journal->mirror;
    for (MemberView& view : work.views) {
        if (!view.record) continue;
        if (!id) id = view.record->mirror;
        if (view.record->storage == identity_.id && view.record->mirror == *id) continue;
        view.record.reset();
        view.reachable = false;
        view.why_not = "its record is of another mirror";
    }
    const std::optional<Discard> discard = discard_ordered(work, journal);
    work.choice = choose_record(journal, decides_ && !(discard && discard->journal), work.views);
    switch (work.choice.verdict) {
        case Verdict::split:
            return fail(Errc::refused, mirror.spec->name + ": " + work.choice.reason + way_out_of_split(work.choice),
                        true);
        case Verdict::wait:
            work.reason = work.choice.reason;
            if (force(mirror, journal)) break;
            return choose_next();
        case Verdict::use:
            if (discard) resolve(mirror, *discard);
            if (!forced_below(mirror) || force(mirror, journal)) break;
            work.reason = "what lies below it is started with loss of data";
            return choose_next();
    }
    number_by_names(mirror);
    const std::string swapped = check_names(mirror, work.choice.record);
    if (!swapped.empty()) return fail(Errc::refused, swapped, false);
    read_intents(mirror);
}

/// M5 step 7: intent maps and owed maps are merged.
void Starter::read_intents(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    const Record& record = work.choice.record;
    auto step =
        std::make_shared<StartStep>(context_.loop, [this, attempt = attempt_, &mirror](const Result<void>& result) {
            if (!stopped(attempt, result)) intents_read(mirror);
        });
    work.maps = {};
    for (const RecordMember& member : record.members) {
        if (member.state != MemberState::in_sync) work.maps.owed.push_back({member.number, {}});
    }
    const auto merge = [step](RegionMap& into) {
        return step->add<RegionMap>([&into](const RegionMap& map) {
            if (into.regions() == 0) into = RegionMap(map.regions(), map.region_bytes());
            into.unite(map);
        });
    };
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        if ((work.choice.used & (1u << i)) == 0) continue;
        MemberMetadata& metadata = mirror.mirror->metadata(i);
        metadata.read_intent_map(record, merge(work.maps.intent));
        for (MemberMap& owed : work.maps.owed) {
            metadata.read_map(record, {record.mirror, MapKind::owed, owed.member}, merge(owed.map));
        }
    }
    step->all_added();
}

void Starter::intents_read(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    work.used = work.choice.used;
    if (work.maps.intent.any() && context_.storage.policy.write_cache) {
        IncarnationChoice incarnations = choose_incarnations(work.choice, work.views);
        if (incarnations.wait && force(mirror, journal_record(mirror, work.views))) {
            incarnations = choose_incarnations(work.choice, work.views);
        }
        if (incarnations.wait) {
            work.reason = incarnations.reason;
            return choose_next();
        }
        work.used = incarnations.used;
        // Now, since what is above looks at it next: to it this mirror is a medium that may have lost something.
        if (incarnations.all_changed) work.choice.record.medium = context_.loop.random_id();
        for (std::size_t i = 0; i < work.views.size(); ++i) {
            const RecordMember* member =
                work.views[i].number == 0 ? nullptr : find_member(work.choice.record, work.views[i].number);
            if (member == nullptr || member->state != MemberState::in_sync) continue;
            if ((work.used & (1u << i)) == 0) work.leave |= 1u << i;
        }
    }
    stand(mirror);
}

/// Members of this line that lack something and are mirrors themselves, or have some below: those are started with the
/// others.
void Starter::set_aside(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    work.aside = 0;
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        const MemberView& view = work.views[i];
        const Vertex& child = *mirror.children[i];
        if ((work.used & (1u << i)) != 0 || !view.reachable || !view.record || !has_mirror(child)) continue;
        if (on_lineage(work.choice.record, view.record->generation_id) && usable(child)) work.aside |= 1u << i;
    }
}

void Starter::stand(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        if ((work.used & (1u << i)) == 0 || usable(*mirror.children[i])) continue;
        return begin_again(work.views[i].name + " was lost during the start");
    }
    set_aside(mirror);
    mirror.mirror->stand(work.choice.record, work.used);
    mirror.mirror->take_maps(work.maps);
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        std::string why = work.choice.refused[i];
        for (const Vertex* leaf : leaves_below(*mirror.children[i])) {
            if (why.empty()) why = findings_[leaf->index].refusal;
        }
        if (!why.empty()) mirror.mirror->set_refused(i, why);
    }
    work.usable = true;
    choose_next();
}

void Starter::all_chosen() {
    const Vertex& root = context_.tree.root();
    if (!usable(root)) {
        if (force_next()) return;
        const std::string why = why_not_usable(root) + way_out_of_waiting();
        const auto& leaves = context_.tree.leaves();
        const bool all_up =
            std::all_of(leaves.begin(), leaves.end(), [](const Vertex* leaf) { return leaf->device->up(); });
        // What a disk could not read just now, it may read the next time.
        const bool refused = std::any_of(findings_.begin(), findings_.end(), [](const LeafFinding& finding) {
            return !finding.refusal.empty() && finding.state != LabelState::unreadable;
        });
        // Nothing more can come: only the user can help.
        if (all_up && refused) return fail(Errc::refused, why, false);
        return wait(why, std::chrono::seconds(2));
    }
    Geometry geometry = root.device->geometry();
    geometry.logical_block_bytes = std::max(geometry.logical_block_bytes, identity_.logical_block_bytes);
    geometry.physical_block_bytes = std::max(geometry.physical_block_bytes, geometry.logical_block_bytes);
    const Journal& journal = context_.journal.journal();
    if (context_.journal.found() &&
        (journal.size_bytes != geometry.size_bytes || journal.logical_block_bytes != geometry.logical_block_bytes)) {
        return fail(Errc::refused,
                    "the media make a storage of " + std::to_string(geometry.size_bytes) +
                        " bytes, the journal remembers " + std::to_string(journal.size_bytes) +
                        "; the file does not describe the storage that was initialised",
                    false);
    }
    hooks_.sized(geometry, identity_.id);
    establish();
}

}  // namespace dst
