#include "start/mirror_opening.h"

#include <algorithm>
#include <utility>

#include "block/breaks.h"
#include "start/error_text.h"
#include "start/forced_choice.h"

namespace dst {
namespace {

/// A mirror is one medium for what is above it: whose leaves it is made of is its own business.
bool below_another_mirror(const Vertex& leaf, const Vertex& child) {
    for (const Vertex* vertex = &leaf; vertex != &child; vertex = vertex->parent) {
        if (vertex->parent->mirror != nullptr) return true;
    }
    return false;
}

/// It names the place of a leaf that is the mirror's own.
bool names_place_of(const Record& record, const Vertex& mirror) {
    const std::vector<const Vertex*> own = leaves_of_mirror(mirror);
    return std::any_of(own.begin(), own.end(), [&](const Vertex* leaf) {
        const std::string place = Tree::place_of(*leaf);
        const auto has_it = [&](const RecordMember& member) {
            return std::any_of(member.leaves.begin(), member.leaves.end(),
                               [&](const RecordLeaf& known) { return known.place == place; });
        };
        return !place.empty() && std::any_of(record.members.begin(), record.members.end(), has_it);
    });
}

/// What is given up in it is so by the head that writes it. Who wrote it before knew what it had written itself.
void sign(Record& record, const Epoch& epoch) {
    for (RecordMember& member : record.members) {
        for (MayHave& one : member.may_have) {
            if (one.known_to.none()) one.known_to = epoch;
            if (one.known_to.head != record.epoch.head) continue;
            one.known_to.number = std::max(one.known_to.number, record.epoch.number);
        }
    }
}

}  // namespace

void MirrorOpening::read_records(Loop& loop, Vertex& mirror, Callback<void> done) {
    found.assign(views.size(), {});
    auto step = std::make_shared<StartStep>(loop, std::move(done));
    for (std::size_t i = 0; i < views.size(); ++i) {
        if (!views[i].reachable) continue;
        auto read = [this, &view = views[i], &kept = found[i], end = step->add()](const Result<FoundRecord>& answer) {
            if (answer) {
                kept = *answer;
                view.record = answer->record;
                if (answer->damaged) view.why_not = "its record is damaged";
            } else {
                // Of another version of DST it stays.
                unread = unread || answer.error().code != Errc::not_supported;
                view.reachable = false;
                view.why_not = error_text(answer.error());
            }
            end({});
        };
        mirror.mirror->metadata(i).read_record(std::move(read));
    }
    step->all_added();
}

void MirrorOpening::refuse_other_mirrors(const Id& storage, const std::optional<Record>& known) {
    std::optional<Id> id;
    if (known) id = known->mirror;
    for (MemberView& view : views) {
        if (!view.record) continue;
        const bool ours = view.record->storage == storage;
        if (ours && !id) id = view.record->mirror;
        if (ours && view.record->mirror == *id) continue;
        view.record.reset();
        view.reachable = false;
        view.why_not = ours ? "its record is of another mirror" : "its record is of another storage";
    }
}

void MirrorOpening::number_by_names(Vertex& mirror) {
    for (std::size_t i = 0; i < views.size(); ++i) {
        if (views[i].number != 0) continue;
        for (const RecordMember& member : choice.record.members) {
            const auto has_it = [&](const MemberView& view) { return view.number == member.number; };
            if (member.name != views[i].name || std::any_of(views.begin(), views.end(), has_it)) continue;
            views[i].number = member.number;
            mirror.mirror->set_number(i, member.number);
        }
    }
}

void MirrorOpening::read_maps(Loop& loop, Vertex& mirror, Callback<void> done) {
    const Record& record = choice.record;
    auto step = std::make_shared<StartStep>(loop, std::move(done));
    maps = {};
    bad_maps.clear();
    for (const RecordMember& member : record.members) {
        if (member.state != MemberState::in_sync) maps.owed.push_back({member.number, {}});
    }
    const auto merge = [this, step](RegionMap& into, const std::string& member) {
        return step->add<RegionMap>([this, &into, &member](const RegionMap& map) {
            if (map.next_dirty_slot(0)) bad_maps.insert(member);
            if (into.regions() == 0) into = RegionMap(map.regions(), map.region_bytes());
            into.unite(map);
        });
    };
    for (std::size_t i = 0; i < views.size(); ++i) {
        if ((choice.used & bit(i)) == 0) continue;
        MemberMetadata& metadata = mirror.mirror->metadata(i);
        metadata.read_intent_map(record, merge(maps.intent, views[i].name));
        for (MemberMap& owed : maps.owed) {
            metadata.read_map(record, {record.mirror, MapKind::owed, owed.member}, merge(owed.map, views[i].name));
        }
    }
    step->all_added();
}

void MirrorOpening::use(const IncarnationChoice& incarnations, Loop& loop) {
    used = incarnations.used;
    // Now, since what is above looks at it next: to it this mirror is a medium that may have lost something.
    if (incarnations.all_changed) {
        choice.record.medium = with_other_time({choice.record.medium}, loop.random_id()).id;
    }
    for (std::size_t i = 0; i < views.size(); ++i) {
        const RecordMember* const member = views[i].number == 0 ? nullptr : find_member(choice.record, views[i].number);
        if (member == nullptr || member->state != MemberState::in_sync) continue;
        if ((used & bit(i)) == 0) leave |= bit(i);
    }
}

void MirrorOpening::leave_other_files(Loop& loop) {
    std::uint32_t same = 0;
    for (std::size_t i = 0; i < views.size(); ++i) {
        if ((used & bit(i)) == 0) continue;
        const RecordMember* const member = find_member(choice.record, views[i].number);
        if (member != nullptr && same_file(member->incarnation, views[i].incarnation)) same |= bit(i);
    }
    if (same == 0) {
        const Incarnation now = with_other_time({choice.record.medium}, loop.random_id());
        choice.record.medium = with_other_file(now, loop.random_id()).id;
        return;
    }
    leave |= used & ~same;
    used = same;
}

std::string MirrorOpening::waits_for_same_file() const {
    std::string others;
    std::string away;
    const auto join = [](std::string& names, const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
    for (const RecordMember& member : choice.record.members) {
        if (member.state != MemberState::in_sync) continue;
        const auto is_it = [&member](const MemberView& view) { return view.number == member.number; };
        const auto view = std::find_if(views.begin(), views.end(), is_it);
        const auto at = view == views.end() ? 0 : bit(static_cast<std::size_t>(view - views.begin()));
        if ((used & at) == 0) {
            if ((choice.used & at) == 0) join(away, member.name);
        } else if (same_file(member.incarnation, view->incarnation)) {
            return {};
        } else {
            join(others, view->name);
        }
    }
    if (others.empty() || away.empty()) return {};
    return "waits for " + away + ": another file lies in the place of " + others +
           " than before, which may be an older copy";
}

void MirrorOpening::stand(Vertex& mirror) const {
    mirror.mirror->stand(choice.record, used);
    mirror.mirror->take_maps(maps);
    for (std::size_t i = 0; i < views.size(); ++i) {
        if (!choice.refused[i].empty()) mirror.mirror->set_refused(i, choice.refused[i]);
    }
}

void MirrorOpening::compare_again(Vertex& mirror, std::uint32_t fenced, StartStep& step) const {
    for (std::size_t i = 0; i < views.size(); ++i) {
        if ((fenced & bit(i)) == 0) continue;
        const MemberView& view = views[i];
        auto compare = [&view, &seen = found[i], end = step.add()](const Result<FoundRecord>& answer) {
            if (!answer) return end(answer.error());
            if (answer->record == seen.record) return end({});
            end(Error{Errc::changed, "another head has changed the record of " + view.name + " meanwhile"});
        };
        mirror.mirror->metadata(i).read_record(std::move(compare));
        if ((used & bit(i)) == 0) continue;
        // A bit that was set since would be lost with the maps that are written now (M3, M4).
        const auto covered = [&view, &step](const RegionMap& merged) {
            return [&view, &merged, end = step.add()](const Result<RegionMap>& map) {
                if (!map) return end(map.error());
                RegionMap both = merged;
                both.unite(*map);
                if (both.same_bits(merged)) return end({});
                end(Error{Errc::changed, "another head has written to " + view.name + " meanwhile"});
            };
        };
        MemberMetadata& metadata = mirror.mirror->metadata(i);
        metadata.read_intent_map(choice.record, covered(maps.intent));
        for (const MemberMap& owed : maps.owed) {
            metadata.read_map(choice.record, {choice.record.mirror, MapKind::owed, owed.member}, covered(owed.map));
        }
    }
}

void MirrorOpening::note(Record& noted, const Vertex& mirror, const Epoch& epoch) const {
    const MayHave made = may_have_of(start_record(mirror, epoch));
    note_generation(noted, made.generation);
    for (std::size_t i = 0; i < views.size(); ++i) {
        if ((used & bit(i)) == 0) continue;
        MayHave coming = made;
        coming.ordered = true;
        // Of one that it has already, another head may go on to the same revision.
        const bool has_it = views[i].record && views[i].record->generation_id == made.generation;
        if (has_it) coming.revision = views[i].record->revision;
        forget_generation(noted, views[i].number, coming);
        // However many attempts there are: this is what it has when none of them reaches it.
        RecordMember* const member = find_member(noted, views[i].number);
        if (member == nullptr || member->state == MemberState::in_sync || !views[i].record) continue;
        const Record& has = *views[i].record;
        remember_generation(member->may_have, {has.generation_id, has.revision, epoch});
    }
    sign(noted, epoch);
    // There may be many attempts.
    bound_lineage(noted);
}

bool MirrorOpening::may_lie_in_caches(bool write_cache) {
    const bool under_way = maps.intent.any() || broken(Rule::m5_maps_empty);
    const bool cached = write_cache || !choice.record.write_through || broken(Rule::m5_no_cache);
    const bool may_lie = under_way && cached;
    choice.record.write_through = !write_cache && !may_lie;
    return may_lie;
}

Record MirrorOpening::start_record(const Vertex& mirror, const Epoch& epoch) const {
    Record record = choice.record;
    sign(record, epoch);
    for (const MemberView& view : views) {
        if (view.record) record.revision = std::max(record.revision, view.record->revision);
    }
    record.revision += revision_step;
    record.epoch = epoch;
    for (std::size_t i = 0; i < views.size(); ++i) {
        const MemberView& view = views[i];
        RecordMember* const member = view.number == 0 ? nullptr : find_member(record, view.number);
        if (member == nullptr) continue;
        member->name = view.name;
        if ((leave & bit(i)) != 0 && view.record) member->revision = std::max(member->revision, view.record->revision);
        if ((used & bit(i)) == 0) continue;
        member->incarnation = view.incarnation;
        member->revision = view.record ? view.record->revision : 0;
        member->size_bytes = mirror.children[i]->device->geometry().size_bytes;
        member->leaves = view.leaves;
    }
    return record;
}

Record MirrorOpening::acknowledged(Record written, std::uint32_t fenced) const {
    for (std::size_t i = 0; i < views.size(); ++i) {
        if ((fenced & bit(i)) != 0) find_member(written, views[i].number)->revision = written.revision;
    }
    return written;
}

std::optional<Record> journal_record(const JournalKeeper& journal, const Tree& tree, const Vertex& mirror,
                                     const std::vector<MemberView>& views) {
    if (!journal.found()) return std::nullopt;
    for (const MemberView& view : views) {
        if (!view.record) continue;
        const Record* const record = journal.record_of(view.record->mirror);
        if (record != nullptr) return *record;
    }
    const std::vector<Vertex*> mirrors = mirrors_in_reading_order(tree);
    const std::vector<Record>& records = journal.journal().records;
    const auto at = static_cast<std::size_t>(std::find(mirrors.begin(), mirrors.end(), &mirror) - mirrors.begin());
    if (records.size() != mirrors.size()) return std::nullopt;
    // The file may have had another order when they were written.
    const auto is_its = [&](const Record& record) { return names_place_of(record, mirror); };
    const auto own = std::find_if(records.begin(), records.end(), is_its);
    const Record& record = own != records.end() && !is_its(records[at]) ? *own : records[at];
    // One that no start has seen has no id.
    if (record.mirror.is_nil()) return std::nullopt;
    return record;
}

Record unknown_mirror(const Journal& journal) {
    Record record;
    record.storage = journal.storage;
    record.logical_block_bytes = journal.logical_block_bytes;
    record.region_bytes = map_slot_bytes;
    return record;
}

void remember_record(JournalKeeper& journal, const Tree& tree, const Vertex& mirror, const Record& record) {
    const std::vector<Vertex*> mirrors = mirrors_in_reading_order(tree);
    std::vector<Record>& records = journal.journal().records;
    const auto at = static_cast<std::size_t>(std::find(mirrors.begin(), mirrors.end(), &mirror) - mirrors.begin());
    // In the place of one that no start has seen, at best its own: that may hold another mirror's (Starter).
    if (records.size() == mirrors.size() && journal.record_of(record.mirror) == nullptr) {
        const auto unseen = [](const Record& known) { return known.mirror.is_nil(); };
        auto place = records.begin() + static_cast<std::ptrdiff_t>(at);
        if (!unseen(*place)) place = std::find_if(records.begin(), records.end(), unseen);
        if (place != records.end()) *place = record;
    }
    journal.set_record(record);
}

std::vector<RecordLeaf> leaves_of_member(const Vertex& child, const std::vector<LeafFinding>& findings) {
    std::vector<RecordLeaf> leaves;
    for (const Vertex* leaf : leaves_below(child)) {
        const LeafFinding& finding = findings[leaf->index];
        if (!finding.label || below_another_mirror(*leaf, child)) continue;
        const Geometry& geometry = leaf->device->geometry();
        leaves.push_back({finding.label->place, finding.label->medium, finding.label->size_bytes,
                          geometry.logical_block_bytes, geometry.physical_block_bytes});
    }
    return leaves;
}

bool served_by_another(const Vertex& mirror, const Epoch& since, const std::vector<LeafFinding>& findings) {
    const std::vector<const Vertex*> leaves = leaves_below(mirror);
    return std::any_of(leaves.begin(), leaves.end(), [&](const Vertex* leaf) {
        const LeafFinding& finding = findings[leaf->index];
        if (!finding.tells_who_served()) return false;
        const Epoch& served = finding.label->served;
        return !served.none() && served.head != since.head && served.number >= since.number;
    });
}

bool marks_are_overwritten(const Vertex& mirror, const Epoch& since, const std::vector<MemberView>& views,
                           const std::vector<LeafFinding>& findings) {
    for (std::size_t i = 0; i < views.size(); ++i) {
        const MemberView& view = views[i];
        if (!view.reachable || !view.record) continue;
        const Epoch& by = view.record->epoch;
        if (by.head == since.head || by.number < since.number) continue;
        const std::vector<const Vertex*> leaves = leaves_below(*mirror.children[i]);
        const auto label_of = [&](const Vertex* leaf) -> const std::optional<Label>& {
            return findings[leaf->index].label;
        };
        // Without a label: of a mirror below that serves already nobody looks at them.
        const bool none = std::none_of(leaves.begin(), leaves.end(), label_of);
        const bool own = std::any_of(leaves.begin(), leaves.end(), [&](const Vertex* leaf) {
            const std::optional<Label>& label = label_of(leaf);
            return label && label->served.head == since.head && label->served.number > by.number;
        });
        if (none || own) return true;
    }
    return false;
}

bool gone_on_elsewhere(const Vertex& mirror, const Record& known, const Id& own, const std::vector<MemberView>& views,
                       const std::vector<LeafFinding>& findings) {
    for (std::size_t i = 0; i < views.size(); ++i) {
        const MemberView& view = views[i];
        if (!view.reachable || !view.record || view.record->epoch.head == own) continue;
        if (compare_descent(*view.record, known) != Descent::newer) continue;
        const std::vector<const Vertex*> leaves = leaves_below(*mirror.children[i]);
        const bool served = std::any_of(leaves.begin(), leaves.end(), [&](const Vertex* leaf) {
            const std::optional<Label>& label = findings[leaf->index].label;
            return label && !label->served.none() && label->served.head != own;
        });
        if (served) return true;
    }
    return false;
}

}  // namespace dst
