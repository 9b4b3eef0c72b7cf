#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "start/starter.h"

/// M5 steps 5 to 8: nothing is promised before the journal is right, nothing is served before everything is durable.
namespace dst {

std::uint32_t Starter::fenced_members(const Vertex& mirror) const {
    const MirrorWork& work = work_.at(&mirror);
    return work.fenced(decides() && work.decides);
}

/// Fenced and not used, and can be written to.
std::uint32_t Starter::leaving_members(const Vertex& mirror) const {
    std::uint32_t leaving = fenced_members(mirror) & ~work_.at(&mirror).used;
    for (const auto& [below, work] : work_) {
        if (!work.unwritten) continue;
        for (const Vertex* vertex = below; vertex->parent != nullptr; vertex = vertex->parent) {
            if (vertex->parent == &mirror) leaving &= ~bit(vertex->position);
        }
    }
    return leaving;
}

/// Not below a member that leaves.
bool Starter::in_use(const Vertex& vertex) const {
    for (const Vertex* below = &vertex; below->parent != nullptr; below = below->parent) {
        const Vertex& above = *below->parent;
        if (above.mirror != nullptr && (work_.at(&above).used & bit(below->position)) == 0) return false;
    }
    return true;
}

void Starter::collect_fenced(const Vertex& vertex, std::vector<const Vertex*>& leaves) const {
    if (vertex.leaf != nullptr) leaves.push_back(&vertex);
    const std::uint32_t fenced = vertex.mirror == nullptr ? ~0u : fenced_members(vertex);
    for (const auto& child : vertex.children) {
        if ((fenced & (1u << child->position)) != 0) collect_fenced(*child, leaves);
    }
}

/// Those that are promised and marked. A start that its journal does not decide stands on all members in sync: one that
/// leaves at once must not be taken for the newest by another head, whose journal knows nothing of this one.
std::vector<const Vertex*> Starter::fenced_leaves() const {
    std::vector<const Vertex*> leaves;
    collect_fenced(context_.tree.root(), leaves);
    return leaves;
}

bool Starter::below_a_mirror(const Vertex& vertex) const {
    for (const Vertex* above = vertex.parent; above != nullptr; above = above->parent) {
        if (above->mirror != nullptr) return true;
    }
    return false;
}

void Starter::establish() {
    JournalKeeper& journal = context_.journal;
    std::uint64_t highest = std::max(journal.journal().epoch_tried, journal.journal().established.number);
    for (const LeafFinding& finding : findings_) {
        if (finding.label) highest = std::max({highest, finding.label->promised.number, finding.label->served.number});
    }
    epoch_ = {highest + 1, journal.journal().established.head};
    prepare_journal();
    forget_orders_gone_over();
    note_generations();
    // A start that the journal does not decide erases its claim before it promises anything (step 5).
    if (!decides() && !broken(Rule::m5_claim_erased)) journal.give_up_claim();
    if (broken(Rule::m5_order_kept)) take_order_away();
    journal.write([this, attempt = attempt_](const Result<void>& written) {
        if (!stopped(attempt, written)) promise_all();
    });
}

void Starter::prepare_journal() {
    Journal& journal = context_.journal.journal();
    const Geometry& geometry = context_.tree.root().device->geometry();
    if (journal.storage != identity_.id) {
        journal.records.clear();
        journal.served_orders.clear();
    }
    journal.storage = identity_.id;
    journal.storage_name = context_.storage.name;
    journal.epoch_tried = epoch_.number;
    journal.size_bytes = geometry.size_bytes;
    journal.logical_block_bytes = std::max(geometry.logical_block_bytes, identity_.logical_block_bytes);
    for (const Vertex* leaf : context_.tree.leaves()) {
        const LeafFinding& finding = findings_[leaf->index];
        if (!finding.label || !finding.refusal.empty()) continue;
        const Geometry& below = leaf->device->geometry();
        context_.journal.set_leaf({finding.label->place, finding.label->medium, finding.label->size_bytes,
                                   below.logical_block_bytes, below.physical_block_bytes});
    }
}

Callback<LabelImage> Starter::label_written(StartStep& step, const Vertex& leaf) {
    return [this, attempt = attempt_, &leaf, end = step.add<LabelImage>(nullptr)](const Result<LabelImage>& written) {
        if (!written && attempt == attempt_) unwritable_.note(leaf, written.error());
        end(written);
    };
}

void Starter::promise_all() {
    auto step = std::make_shared<StartStep>(context_.loop, [this, attempt = attempt_](const Result<void>& result) {
        if (!stopped(attempt, result)) promised();
    });
    for (const Vertex* leaf : fenced_leaves()) {
        leaf->leaf->promise(peeks_[leaf->index], epoch_, label_written(*step, *leaf));
    }
    step->all_added();
}

void Starter::promised() {
    // Connections that come later name the epoch, so that they take the session on.
    for (const Vertex* leaf : fenced_leaves()) {
        leaf->leaf->set_identity({identity_.id, Tree::place_of(*leaf), epoch_, context_.head});
    }
    if (broken(Rule::m6_compare_and_set)) return records_unchanged();
    read_again();
}

/// A head that is overtaken goes on until it is fenced: what was chosen must still be what is there.
void Starter::read_again() {
    auto step = std::make_shared<StartStep>(context_.loop, [this, attempt = attempt_](const Result<void>& result) {
        if (!stopped(attempt, result)) records_unchanged();
    });
    for (Vertex* const mirror : context_.tree.mirrors()) {
        const MirrorWork& work = work_.at(mirror);
        if (work.usable) work.compare_again(*mirror, fenced_members(*mirror), *step);
    }
    step->all_added();
}

void Starter::records_unchanged() {
    if (new_order_) return begin_again("another order was given");
    next_record_ = 0;
    decided_ = true;
    for (const auto& [mirror, work] : work_) order_begun_ = order_begun_ || work.forced || work.resolved;
    write_records_next();
}

/// Step 7, inner mirrors first, since the outer records are written through them; from then on they keep M2. What
/// leaves with this start gets the record as well: of a mirror below, the copies may differ where the record lies, and
/// what was read as one now could be read as another one later, which nobody follows from.
void Starter::write_records_next() {
    const std::vector<const Vertex*> leaves = fenced_leaves();
    while (next_record_ < inner_.size()) {
        Vertex& vertex = *inner_[next_record_++];
        if (vertex.mirror == nullptr) continue;
        const bool is_fenced = std::any_of(leaves.begin(), leaves.end(), [&](const Vertex* leaf) {
            for (const Vertex* above = leaf; above != nullptr; above = above->parent) {
                if (above == &vertex) return true;
            }
            return false;
        });
        if (!is_fenced) {
            vertex.mirror->stop();
            continue;
        }
        if (broken(Rule::m5_record_at_start)) return record_written(vertex);
        const Record record = work_.at(&vertex).start_record(vertex, epoch_);
        const std::uint32_t fenced = fenced_members(vertex);
        auto done = [this, attempt = attempt_, &vertex, record, fenced](const Result<void>& written) {
            MirrorWork& work = work_.at(&vertex);
            for (const auto& child : vertex.children) {
                if (const auto& error = vertex.mirror->start_error(child->position)) unwritable_.note(*child, *error);
            }
            // What the storage does without need not be in order.
            work.unwritten = !written && takes_no_writes(written.error().code) && !in_use(vertex);
            if (stopped(attempt, work.unwritten ? Result<void>() : written)) return;
            if (work.unwritten) {
                vertex.mirror->stop();
                return write_records_next();
            }
            context_.journal.set_record(work.acknowledged(record, fenced));
            record_written(vertex);
        };
        return vertex.mirror->write_start_record(record, leaving_members(vertex), std::move(done));
    }
    mark_all_served();
}

/// A mirror below another one serves from here on, so that what is above can be written through it: it may leave out a
/// member before this start is established, and its media say so before.
void Starter::record_written(Vertex& mirror) {
    if (!below_a_mirror(mirror)) return write_records_next();
    auto step =
        std::make_shared<StartStep>(context_.loop, [this, attempt = attempt_, &mirror](const Result<void>& result) {
            if (stopped(attempt, result)) return;
            mirror.mirror->serve(work_.at(&mirror).leave, [this, attempt](const Result<void>& served) {
                if (!stopped(attempt, served)) write_records_next();
            });
        });
    const std::vector<const Vertex*> own = leaves_of_mirror(mirror);
    mark_served(*step, [&own](const Vertex* leaf) { return std::find(own.begin(), own.end(), leaf) != own.end(); });
    step->all_added();
}

void Starter::mark_served(StartStep& step, const std::function<bool(const Vertex*)>& which) {
    if (broken(Rule::m5_served_mark)) return;
    for (const Vertex* leaf : fenced_leaves()) {
        if (which(leaf)) leaf->leaf->mark_served(epoch_, label_written(step, *leaf));
    }
}

void Starter::mark_all_served() {
    auto step = std::make_shared<StartStep>(context_.loop, [this, attempt = attempt_](const Result<void>& result) {
        if (!stopped(attempt, result)) write_journal();
    });
    mark_served(*step, [](const Vertex*) { return true; });
    step->all_added();
}

/// In reading order, so that a start finds them while no node can be reached, and each of them once: by the labels a
/// mirror may be another one now than the one that had its place, and of that one, while it is away, the journal may be
/// all that tells who is in sync.
std::vector<Record> Starter::records_to_remember() const {
    const JournalKeeper& journal = context_.journal;
    const std::vector<Vertex*> mirrors = mirrors_in_reading_order(context_.tree);
    std::vector<Record> records(mirrors.size(), unknown_mirror(journal.journal()));
    const auto taken = [&](const Record& record) {
        return std::any_of(records.begin(), records.end(),
                           [&](const Record& other) { return other.mirror == record.mirror; });
    };
    // Those that were found.
    for (std::size_t i = 0; i < mirrors.size(); ++i) {
        const MirrorWork& work = work_.at(mirrors[i]);
        const Id id = work.usable ? work.choice.record.mirror : mirror_found(work);
        const Record* const known = id.is_nil() ? nullptr : journal.record_of(id);
        if (known != nullptr) {
            records[i] = *known;
        } else if (work.usable) {
            records[i] = work.choice.record;
        }
    }
    // Those that this start does not need keep what the journal remembers of them.
    for (std::size_t i = 0; i < mirrors.size(); ++i) {
        const std::optional<Record> remembered = known_record(*mirrors[i], {});
        if (records[i].mirror.is_nil() && remembered && !taken(*remembered)) records[i] = *remembered;
    }
    // What is left belongs to those that are away.
    for (const Record& left : journal.journal().records) {
        if (taken(left)) continue;
        const auto free =
            std::find_if(records.begin(), records.end(), [](const Record& record) { return record.mirror.is_nil(); });
        if (free != records.end()) *free = left;
    }
    return records;
}

void Starter::write_journal() {
    JournalKeeper& journal = context_.journal;
    journal.journal().records = records_to_remember();
    const Journal before = journal.journal();
    for (const Vertex* const mirror : context_.tree.mirrors()) {
        const Record& record = work_.at(mirror).choice.record;
        if (in_use(*mirror)) journal.set_served_order({record.mirror, record.ordered});
    }
    if (!broken(Rule::m5_order_kept) && !broken(Rule::m5_order_once)) take_order_away();
    journal.establish(epoch_, [this, attempt = attempt_, before](const Result<void>& written) {
        if (written) journal_behind_ = false;
        if (!written) context_.journal.journal().served_orders = before.served_orders;
        if (!written && ordered(StartOrder::none)) context_.journal.put_order_back(before.order, before.discards);
        // Carried out, whatever becomes of this attempt.
        if (written) tell_orders();
        if (written) tell_other_sides();
        if (!stopped(attempt, written)) serve_roots();
    });
}

void Starter::tell_bad_maps() {
    for (const auto& [mirror, work] : work_) {
        for (const std::string& member : work.bad_maps) {
            context_.events.event(Severity::warning, "map-damaged",
                                  "a map on a member cannot be read or is damaged; its regions count as changed, are "
                                  "compared again, and the map was written anew. Look at the member's disk",
                                  {{"mirror", mirror->spec->name}, {"member", member}});
        }
    }
}

/// Whoever went on with a member that an order gave up has served since, and this head's own side is not there.
void Starter::tell_other_sides() {
    for (const auto& [mirror, work] : work_) {
        if (work.other_side.empty() || !in_use(*mirror)) continue;
        context_.events.event(
            Severity::critical, "start-other-side",
            "this head has acknowledged writes that only " + work.other_side +
                " may hold, which is not there; another head was ordered to go on without them, and what it left is "
                "served now. Nothing of " +
                work.other_side +
                " is touched: it is left alone when it comes back, until 'dstctl resolve' says whose data are given up",
            {{"storage", context_.storage.name}, {"mirror", mirror->spec->name}});
    }
}

/// Step 8: the mirrors that no other is above.
void Starter::serve_roots() {
    auto step = std::make_shared<StartStep>(context_.loop, [this, attempt = attempt_](const Result<void>& result) {
        if (stopped(attempt, result)) return;
        state_ = State::serving;
        take_late_order_back();
        tell_bad_maps();
        told_wait_.clear();
        reason_.clear();
        context_.events.event(Severity::notice, "storage-serving", "the storage serves",
                              {{"storage", context_.storage.name},
                               {"epoch", std::to_string(epoch_.number)},
                               {"decided_by", decides() ? "journal" : "members"}});
        hooks_.serving();
    });
    for (Vertex* mirror : context_.tree.mirrors()) {
        if (!below_a_mirror(*mirror)) mirror->mirror->serve(work_.at(mirror).leave, step->add());
    }
    step->all_added();
}

}  // namespace dst
