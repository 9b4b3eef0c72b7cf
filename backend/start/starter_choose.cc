#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "start/error_text.h"
#include "start/starter.h"

/// M5 steps 2 and 3 for each mirror, inner ones first: an outer mirror's records are read through the inner ones.
namespace dst {
namespace {

std::string in_sync_names(const Record& record) {
    std::string names;
    for (const RecordMember& member : record.members) {
        if (member.state == MemberState::in_sync) names += (names.empty() ? "" : ", ") + member.name;
    }
    return names;
}

/// Those in sync by the journal's record, and not by the one that is gone on with.
std::string left_names(const Record& journal, const Record& chosen) {
    Record left = journal;
    std::erase_if(left.members, [&](const RecordMember& member) {
        const RecordMember* const other = find_member(chosen, member.number);
        return other != nullptr && other->state == MemberState::in_sync;
    });
    return in_sync_names(left);
}

}  // namespace

/// Why its disk does not take writes; null: nothing speaks against it. Who orders that something is given up means what
/// the disks hold: a write that failed once must not decide which.
const Error* Starter::unwritable(const Vertex& vertex) const {
    constexpr unsigned sure = 3;
    const bool gives_up = ordered(StartOrder::accept_data_loss) || ordered(StartOrder::resolve);
    return unwritable_.error_of(vertex, gives_up ? sure : 1);
}

/// It, or what makes it useless as a whole; null: nothing speaks against it.
const Vertex* Starter::unwritable_part(const Vertex& vertex) const {
    if (unwritable(vertex) != nullptr) return &vertex;
    if (vertex.mirror != nullptr) return nullptr;
    for (const auto& child : vertex.children) {
        if (const Vertex* const part = unwritable_part(*child)) return part;
    }
    return nullptr;
}

bool Starter::usable(const Vertex& vertex) const { return readable(vertex) && unwritable_part(vertex) == nullptr; }

bool Starter::readable(const Vertex& vertex) const {
    if (vertex.leaf != nullptr) {
        const LeafFinding& finding = findings_[vertex.index];
        return finding.label && finding.refusal.empty() && vertex.device->up();
    }
    if (vertex.mirror != nullptr) {
        const auto work = work_.find(&vertex);
        return work != work_.end() && work->second.usable && vertex.device->up();
    }
    return std::all_of(vertex.children.begin(), vertex.children.end(),
                       [this](const auto& child) { return readable(*child); });
}

std::string Starter::why_not_usable(const Vertex& vertex) const {
    if (const Error* const error = unwritable(vertex)) return why_unwritable(vertex, *error);
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

/// A mirror that is split, and keeps `vertex` from being used; null: there is none.
const Vertex* Starter::split_below(const Vertex& vertex) const {
    if (vertex.leaf != nullptr || usable(vertex)) return nullptr;
    const auto work = work_.find(&vertex);
    if (work != work_.end() && work->second.split) return &vertex;
    for (const auto& child : vertex.children) {
        if (const Vertex* const split = split_below(*child)) return split;
    }
    return nullptr;
}

MemberView Starter::view_of(const Vertex& child) const {
    MemberView view;
    view.name = child.spec->name;
    view.number = child.parent->mirror->number(child.position);
    view.reachable = readable(child);
    if (!view.reachable) {
        view.why_not = why_not_usable(child);
        return view;
    }
    view.incarnation = child.device->incarnation();
    const auto work = work_.find(&child);
    view.lossy = (work != work_.end() && work->second.forced) || forced_below(child);
    view.leaves = leaves_of_member(child, findings_);
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
    work.read_records(context_.loop, mirror, [this, attempt = attempt_, &mirror](const Result<void>& result) {
        if (!stopped(attempt, result)) records_read(mirror);
    });
}

std::optional<Record> Starter::known_record(const Vertex& mirror, const std::vector<MemberView>& views) const {
    return journal_record(context_.journal, context_.tree, mirror, views);
}

/// A journal that decides may know of a mirror that it did not start itself only what was true before another head.
bool Starter::decides_for(const Vertex& mirror, const std::optional<Record>& known,
                          const std::vector<MemberView>& views) const {
    // Of one that it knows nothing of, the newest record that can be reached may be old.
    if (!decides_ || !known) return false;
    if (broken(Rule::m5_journal_decides)) return true;
    const Epoch since{known->epoch.number, context_.journal.journal().established.head};
    return !served_by_another(mirror, since, findings_) &&
           (broken(Rule::m5_claim_erased) || !marks_are_overwritten(mirror, since, views, findings_));
}

/// What their records and incarnations tell stays.
void Starter::leave_out_unwritable(const Vertex& mirror, MirrorWork& work) const {
    for (const auto& child : mirror.children) {
        MemberView& view = work.views[child->position];
        if (!view.reachable || usable(*child)) continue;
        view.reachable = false;
        view.reads_only = true;
        view.why_not = why_not_usable(*child);
    }
}

void Starter::records_read(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    std::optional<Record> journal = known_record(mirror, work.views);
    work.refuse_other_mirrors(identity_.id, journal);
    find_holders(mirror, journal);
    const Id& own = context_.journal.journal().established.head;
    const bool behind = decides_for(mirror, journal, work.views) && !broken(Rule::m5_journal_decides) &&
                        !broken(Rule::m5_lower_epoch) &&
                        gone_on_elsewhere(mirror, *journal, own, work.views, findings_);
    // Mirrors that were chosen with it are chosen without it.
    if (behind && !std::exchange(journal_behind_, true))
        return begin_again("another head has gone on with a lower epoch");
    const bool claims = decides_for(mirror, journal, work.views);
    const std::optional<Record> remembered = journal;
    const std::optional<Discard> discard = discard_ordered(work, journal, claims);
    // What the journal claims is of the side that is given up (M5 step 5): mirrors that were chosen with it are not.
    if (discard && discard->journal && !std::exchange(journal_void_, true)) {
        return begin_again("the journal is of the side that is given up");
    }
    work.decides = claims && !journal_void_;
    // What is given up is told from what stays by what both hold, whatever their disks take.
    leave_out_unwritable(mirror, work);
    work.choice = choose_record(journal, work.decides, work.views);
    // Before it is said what an order would start from.
    if (work.choice.verdict != Verdict::split && leaves_out_swapped(mirror, work.choice.record)) return;
    if (remembered) hold_to_served_order(mirror, *remembered, discard);
    if (journal && work.decides) take_notes(work.choice.record, *journal);
    // Whichever line this start goes on with: who knows what the other one had must see that this is later (went_on()).
    if (journal) work.choice.record.revision = std::max(work.choice.record.revision, journal->revision);
    switch (work.choice.verdict) {
        case Verdict::split:
            work.split = true;
            work.reason = mirror.spec->name + ": " + work.choice.reason + way_out_of_split(work.choice);
            return choose_next();
        case Verdict::wait:
            work.reason = work.choice.reason;
            work.discarded = discard.has_value();
            // What a served order gave up stays given up, whatever else is.
            if (discard && !work.given_up && resolve_with_lossy(mirror, journal, *discard)) break;
            if (force(mirror, journal)) break;
            if (remembered && work.way_out && work.goes_over(work.way_out->record)) {
                work.reason = waits_for_holders(work, *remembered);
            }
            return choose_next();
        case Verdict::use:
            if (discard) resolve(mirror, *discard);
            if (journal && !discard && !work.decides) {
                const bool split = compare_descent(*journal, work.choice.record) == Descent::split;
                const bool apart = keep_apart(work.choice.record, *journal);
                if (apart) work.choice.record.generation_id = context_.loop.random_id();
                const bool begun = only_begun(*journal) && (order_begun_ || ordered(StartOrder::accept_data_loss));
                // What it only noted in another head's record it has not served.
                const bool served = journal->epoch.head == context_.journal.journal().established.head;
                if ((split || apart) && served && !begun) {
                    work.other_side = left_names(*journal, work.choice.record);
                }
            }
            work.resolved = work.resolved || resolved_before(work);
            if (ordered(StartOrder::accept_data_loss) && only_begun(work.choice.record)) {
                work.ordered = "mirror " + mirror.spec->name + " starts from " + in_sync_names(work.choice.record) +
                               ", as ordered and begun by an attempt before; its other members are owed everything";
            }
            if (!forced_below(mirror) || force(mirror, journal)) break;
            work.reason = "what lies below it is started with loss of data";
            return choose_next();
    }
    work.number_by_names(mirror);
    // An order may have led to another record.
    if (leaves_out_swapped(mirror, work.choice.record)) return;
    work.read_maps(context_.loop, mirror, [this, attempt = attempt_, &mirror](const Result<void>& result) {
        if (!stopped(attempt, result)) intents_read(mirror);
    });
}

bool Starter::leaves_out_swapped(const Vertex& mirror, const Record& record) {
    const std::vector<std::size_t> swapped = refuse_swapped(mirror, record, findings_);
    if (!swapped.empty()) begin_again_without(swapped);
    return !swapped.empty();
}

void Starter::intents_read(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    work.used = work.choice.used;
    if (std::string why = work.waits_for_same_file(); !why.empty()) {
        if (!force(mirror, known_record(mirror, work.views))) {
            work.reason = std::move(why);
            return choose_next();
        }
        work.used = work.choice.used;
    }
    if (work.may_lie_in_caches(context_.storage.policy.write_cache)) {
        const std::optional<Record> journal = known_record(mirror, work.views);
        const auto choose = [&] {
            return choose_incarnations(work.choice, work.views, journal && work.decides ? &*journal : nullptr);
        };
        IncarnationChoice incarnations = choose();
        if (incarnations.wait && force(mirror, journal)) incarnations = choose();
        if (incarnations.wait) {
            work.reason = incarnations.reason;
            return choose_next();
        }
        work.use(incarnations, context_.loop);
    }
    work.leave_other_files(context_.loop);
    stand(mirror);
}

void Starter::stand(Vertex& mirror) {
    MirrorWork& work = work_[&mirror];
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        if ((work.used & (1u << i)) == 0 || usable(*mirror.children[i])) continue;
        return begin_again(work.views[i].name + " was lost during the start");
    }
    work.stand(mirror);
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        if (!work.choice.refused[i].empty()) continue;
        const Vertex& child = *mirror.children[i];
        const std::vector<const Vertex*> leaves = leaves_below(child);
        const bool readable_only = unwritable(child) != nullptr ||
                                   std::any_of(leaves.begin(), leaves.end(),
                                               [this](const Vertex* leaf) { return unwritable(*leaf) != nullptr; });
        if (readable_only && !usable(child)) mirror.mirror->set_refused(i, why_not_usable(child));
        for (const Vertex* leaf : leaves) {
            if (findings_[leaf->index].refusal.empty()) continue;
            mirror.mirror->set_refused(i, findings_[leaf->index].refusal);
            break;
        }
    }
    work.usable = true;
    choose_next();
}

std::vector<std::size_t> Starter::exchanged_between_mirrors() {
    std::vector<Record> records = context_.journal.journal().records;
    for (const auto& [mirror, work] : work_) {
        if (work.usable) records.push_back(work.choice.record);
    }
    for (const Vertex* const mirror : context_.tree.mirrors()) {
        const auto work = work_.find(mirror);
        if (work == work_.end() || !work->second.usable) continue;
        std::vector<std::size_t> swapped =
            refuse_swapped_elsewhere(context_.tree, *mirror, work->second.choice.record, records, findings_);
        if (!swapped.empty()) return swapped;
    }
    return {};
}

/// Whether the start cannot do without it, as far as can be seen: the mirrors above call it in sync, and nobody else
/// who is has not been seen yet.
bool Starter::is_needed(const Vertex& below) const {
    const auto unseen = [this](const Vertex& child) {
        const std::vector<const Vertex*> leaves = leaves_below(child);
        // What has a wrong medium in its place may have the right one again.
        return std::any_of(leaves.begin(), leaves.end(), [this](const Vertex* leaf) {
            const LeafFinding& finding = findings_[leaf->index];
            return !finding.reachable || (finding.label && !finding.refusal.empty() && !finding.older);
        });
    };
    for (const Vertex* child = &below; child->parent != nullptr; child = child->parent) {
        const Vertex& above = *child->parent;
        const auto work = work_.find(&above);
        if (above.mirror == nullptr || work == work_.end()) continue;
        const std::optional<Record> known = known_record(above, work->second.views);
        const Record& chosen = work->second.choice.record;
        // Held to the order that it served, it waits for those that may hold what that made.
        const bool held = work->second.given_up;
        const std::vector<std::uint32_t>& holders = work->second.holders;
        const bool by_journal = chosen.members.empty() || held;
        if (by_journal && !known) continue;
        for (const RecordMember& member : (by_journal ? *known : chosen).members) {
            const bool in_sync = held ? std::find(holders.begin(), holders.end(), member.number) != holders.end()
                                      : member.state == MemberState::in_sync;
            const auto it = std::find_if(above.children.begin(), above.children.end(), [&](const auto& each) {
                return above.mirror->number(each->position) == member.number;
            });
            if (it == above.children.end()) continue;
            if (it->get() == child ? !in_sync : in_sync && unseen(**it)) return false;
        }
    }
    return true;
}

/// What a disk did not take or read just now, it may the next time.
bool Starter::may_pass() const {
    return unwritable_.any() ||
           std::any_of(work_.begin(), work_.end(), [](const auto& work) { return work.second.unread; });
}

void Starter::all_chosen() {
    const std::vector<std::size_t> swapped = exchanged_between_mirrors();
    if (!swapped.empty()) return begin_again_without(swapped);
    const Vertex& root = context_.tree.root();
    if (!usable(root)) {
        // What is above may do without it; else nothing helps but the administrator.
        const Vertex* const split = split_below(root);
        if (split != nullptr && !may_pass() && is_needed(*split)) return fail(work_.at(split).reason, true);
        const std::string way_out = way_out_of_waiting();
        way_out_told_ = !way_out.empty();
        if (force_next()) return;
        const std::string why =
            why_not_usable(root) + way_out + (split == nullptr ? "" : ". Besides: " + work_.at(split).reason);
        // What a disk could not read just now, it may read the next time.
        const bool refused = std::any_of(findings_.begin(), findings_.end(), [](const LeafFinding& finding) {
            return !finding.refusal.empty() && finding.state != LabelState::unreadable;
        });
        // Nothing more can come by itself.
        if (all_seen() && refused && !may_pass()) return refuse(why);
        return wait(why, std::chrono::seconds(2));
    }
    Geometry geometry = root.device->geometry();
    geometry.logical_block_bytes = std::max(geometry.logical_block_bytes, identity_.logical_block_bytes);
    geometry.physical_block_bytes = std::max(geometry.physical_block_bytes, geometry.logical_block_bytes);
    const Journal& journal = context_.journal.journal();
    if (context_.journal.found() &&
        (journal.size_bytes != geometry.size_bytes || journal.logical_block_bytes != geometry.logical_block_bytes)) {
        return fail("the media make a storage of " + std::to_string(geometry.size_bytes) +
                        " bytes, the journal remembers " + std::to_string(journal.size_bytes) +
                        "; the file does not describe the storage that was initialised",
                    false);
    }
    hooks_.sized(geometry, identity_.id);
    establish();
}

}  // namespace dst
