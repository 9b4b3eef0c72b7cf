#include "start/inner_start.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "start/error_text.h"

namespace dst {
namespace {

/// Its linears' leaves may have been unknown until now.
void refresh_own_linears(const Vertex& vertex) {
    for (const auto& child : vertex.children) {
        if (child->linear == nullptr) continue;
        refresh_own_linears(*child);
        child->linear->refresh_geometry();
    }
}

bool has_own_leaf(const std::vector<const Vertex*>& own, const Vertex* leaf) {
    return std::find(own.begin(), own.end(), leaf) != own.end();
}

}  // namespace

InnerStart::InnerStart(const JoinContext& context, const Vertex& child, Vertex& inner, UnwritableDisks& unwritable,
                       Ended ended)
    : ReturnAttempt(context, child, leaves_of_mirror(inner), std::move(ended)),
      inner_(inner),
      unwritable_(unwritable),
      peeks_(context.start.tree.leaves().size()) {}

Callback<void> InnerStart::then(Step step) {
    return [this, step](const Result<void>& result) {
        if (!stopped(result)) (this->*step)();
    };
}

/// A step has ended: true when the attempt has, too.
bool InnerStart::stopped(const Result<void>& result) {
    if (given_up() || !mirror().serving() || member() == nullptr) {
        finish(End::later, "something moved meanwhile");
        return true;
    }
    if (!result) finish(result.error().code == Errc::fenced ? End::fenced : End::later, error_text(result.error()));
    return !result;
}

void InnerStart::finish(End how, const std::string& why) {
    if (how != End::done) inner_.mirror->stop();
    end(how, why);
}

void InnerStart::begin() {
    DST_ASSERT(!inner_.mirror->serving() && inner_.mirror->idle());
    peek_all();
}

void InnerStart::cut(const Error& why) {
    ReturnAttempt::cut(why);
    if (looks_above_) child_.device->cut(why);
}

void InnerStart::peek_all() {
    findings_.assign(peeks_.size(), {});
    opening_ = {};
    lost_.clear();
    blank_.clear();
    refresh_own_linears(inner_);
    auto step = std::make_shared<StartStep>(context_.start.loop, then(&InnerStart::peeked));
    for (const Vertex* leaf : looked_at()) {
        if (!leaf->device->up()) continue;
        leaf->leaf->peek([this, i = leaf->index, end = step->add()](const Result<Peek>& peek) {
            if (peek) {
                peeks_[i] = *peek;
                findings_[i] = finding_of(*peek);
            }
            end({});
        });
    }
    step->all_added();
}

void InnerStart::peeked() {
    const std::string in_use = check_media();
    if (!in_use.empty()) return finish(End::refused, in_use);
    look_at_children();
    opening_.read_records(context_.start.loop, inner_, then(&InnerStart::records_read));
}

/// Why nothing below may be touched; else says of each leaf why it is not used.
std::string InnerStart::check_media() {
    const StartContext& start = context_.start;
    check_labels(start.tree, start.storage.name, context_.storage, findings_);
    known_ = journal_record(start.journal, start.tree, inner_, {});
    assign_places_below(start.tree, inner_, known_ ? &*known_ : nullptr, findings_);
    refuse_older_copies(start.tree, {}, findings_);
    if (known_ && !refuse_swapped(inner_, *known_, findings_).empty()) {
        assign_places_below(start.tree, inner_, &*known_, findings_);
    }
    for (const Vertex* leaf : looked_at()) {
        LeafFinding& finding = findings_[leaf->index];
        if (finding.reachable && finding.state == LabelState::absent) {
            finding.refusal = leaf->spec->name + " carries no label";
        }
        const std::optional<LiveHead>& live = peeks_[leaf->index].live;
        if (!finding.reachable || finding.foreign || !live) continue;
        return leaf->spec->name + " is in use by another head, " + to_string(*live) +
               "; it is left alone while that one is alive. End it";
    }
    return {};
}

bool InnerStart::usable(const Vertex& vertex) const {
    if (vertex.mirror != nullptr) return vertex.mirror->serving() && vertex.device->up();
    if (vertex.leaf != nullptr) {
        const LeafFinding& finding = findings_[vertex.index];
        return finding.label && finding.refusal.empty() && vertex.device->up();
    }
    return std::all_of(vertex.children.begin(), vertex.children.end(),
                       [this](const auto& child) { return usable(*child); });
}

std::string InnerStart::why_not_usable(const Vertex& vertex) const {
    if (vertex.mirror != nullptr) return "it has not been started";
    if (vertex.leaf != nullptr) {
        const std::string& refusal = findings_[vertex.index].refusal;
        const Error& error = vertex.leaf->last_error();
        if (!refusal.empty()) return refusal;
        return error.code == Errc::ok ? "it cannot be reached" : error_text(error);
    }
    for (const auto& child : vertex.children) {
        if (!usable(*child)) return child->spec->name + ": " + why_not_usable(*child);
    }
    return {};
}

void InnerStart::look_at_children() {
    for (const auto& child : inner_.children) {
        MemberView view;
        view.name = child->spec->name;
        view.number = inner_.mirror->number(child->position);
        view.reachable = usable(*child);
        if (view.reachable) {
            view.incarnation = child->device->incarnation();
            view.leaves = leaves_of_member(*child, findings_);
        } else {
            view.why_not = why_not_usable(*child);
        }
        opening_.views.push_back(std::move(view));
    }
}

/// Of it, or of a part of it, what an attempt before wrote was not taken; empty: nothing speaks against it.
std::string InnerStart::why_not_writable(const Vertex& vertex) const {
    if (const Error* const error = unwritable_.error_of(vertex)) return why_unwritable(vertex, *error);
    if (vertex.mirror != nullptr) return {};
    for (const auto& child : vertex.children) {
        std::string why = why_not_writable(*child);
        if (!why.empty()) return why;
    }
    return {};
}

/// As a start does, and as a mirror that serves would drop them.
void InnerStart::leave_out_unwritable() {
    for (const auto& child : inner_.children) {
        const std::string why = why_not_writable(*child);
        MemberView& view = opening_.views[child->position];
        if (why.empty() || !view.reachable) continue;
        view.reachable = false;
        view.reads_only = true;
        view.why_not = why;
    }
}

void InnerStart::records_read() {
    const StartContext& start = context_.start;
    known_ = journal_record(start.journal, start.tree, inner_, opening_.views);
    opening_.refuse_other_mirrors(context_.storage, known_);
    // The journal is ours and alive; it may know less of this mirror than another head before it did.
    const Id& own = context_.epoch.head;
    const Epoch since{known_ ? known_->epoch.number : 0, own};
    decides_ = known_ && !served_by_another(inner_, since, findings_) &&
               !marks_are_overwritten(inner_, since, opening_.views, findings_) &&
               (broken(Rule::m5_lower_epoch) || !gone_on_elsewhere(inner_, *known_, own, opening_.views, findings_));
    if (decides_) leave_out_unwritable();
    opening_.choice = choose_record(known_, decides_, opening_.views);
    if (decides_) take_notes(opening_.choice.record, *known_);
    // As for every start (starter_choose.cc).
    if (known_) opening_.choice.record.revision = std::max(opening_.choice.record.revision, known_->revision);
    switch (opening_.choice.verdict) {
        case Verdict::split:
            return finish(End::split,
                          inner_.spec->name + ": " + opening_.choice.reason +
                              "; nothing below it is touched, and what is above does without it. Put a blank "
                              "medium in the place of the side that you give up");
        case Verdict::wait: return could_not_start(opening_.choice.reason);
        case Verdict::use: break;
    }
    if (known_ && !decides_ && keep_apart(opening_.choice.record, *known_)) {
        opening_.choice.record.generation_id = start.loop.random_id();
    }
    opening_.number_by_names(inner_);
    const std::vector<std::size_t> swapped = refuse_swapped(inner_, opening_.choice.record, findings_);
    if (!swapped.empty()) return finish(End::refused, findings_[swapped.front()].refusal);
    opening_.read_maps(start.loop, inner_, then(&InnerStart::maps_read));
}

void InnerStart::maps_read() {
    opening_.used = opening_.choice.used;
    if (const std::string why = opening_.waits_for_same_file(); !why.empty()) return could_not_start(why);
    if (opening_.may_lie_in_caches(context_.start.storage.policy.write_cache)) {
        const IncarnationChoice incarnations =
            choose_incarnations(opening_.choice, opening_.views, decides_ ? &*known_ : nullptr);
        if (incarnations.wait) return could_not_start(incarnations.reason);
        opening_.use(incarnations, context_.start.loop);
    }
    opening_.leave_other_files(context_.start.loop);
    stand();
}

void InnerStart::stand() {
    for (std::size_t i = 0; i < inner_.children.size(); ++i) {
        if ((opening_.used & bit(i)) == 0 || inner_.children[i]->device->up()) continue;
        return finish(End::later, opening_.views[i].name + " was lost meanwhile");
    }
    opening_.stand(inner_);
    for (std::size_t i = 0; i < inner_.children.size(); ++i) {
        const bool other = (opening_.used & bit(i)) == 0 && opening_.choice.refused[i].empty();
        if (!other || !inner_.children[i]->device->up()) continue;
        inner_.mirror->set_refused(i, opening_.views[i].why_not);
    }
    // One whose data are not there any more is never ready for a start that resolves a split: formed anew, it is.
    formed_ ? note_generation_formed() : look_above();
}

/// What it holds may be the other side of a split of the mirror above, which keeps none of it then: nothing of that is
/// touched (M7). Where the child has other parts that are not there, the record above cannot be read yet.
void InnerStart::look_above() {
    for (const Vertex* vertex = &inner_; vertex != &child_; vertex = vertex->parent) {
        if (vertex->parent->linear != nullptr) vertex->parent->linear->refresh_geometry();
    }
    if (!child_.device->up()) return promise_all();
    looks_above_ = true;
    mirror().metadata(child_.position).read_record([this](const Result<FoundRecord>& found) {
        looks_above_ = false;
        if (stopped(found ? Result<void>() : Result<void>(found.error()))) return;
        const ReturnJudgement judged = judge_return(mirror().record(), *member(), found->record);
        judged.kind == ReturnKind::split ? finish(End::split, judged.why) : promise_all();
    });
}

/// As at a start (M5 step 3): what leaves at once must not be taken for the newest by a head whose journal decides.
std::vector<const Vertex*> InnerStart::fenced_leaves() const {
    const std::uint32_t fenced = opening_.fenced(decides_);
    std::vector<const Vertex*> leaves;
    for (const auto& child : inner_.children) {
        if ((fenced & bit(child->position)) == 0) continue;
        for (const Vertex* leaf : leaves_below(*child)) {
            if (has_own_leaf(looked_at(), leaf)) leaves.push_back(leaf);
        }
    }
    return leaves;
}

/// A start that the journal does not decide needs all in sync, whatever their disks take.
void InnerStart::note_unwritable(const Vertex& vertex, const Error& error) {
    if (decides_) unwritable_.note(vertex, error);
}

Callback<LabelImage> InnerStart::label_written(StartStep& step, const Vertex& leaf, bool promised) {
    return [this, &leaf, promised, end = step.add<LabelImage>(nullptr)](const Result<LabelImage>& written) {
        if (!written) note_unwritable(leaf, written.error());
        if (written && promised) hold(leaf);
        end(written);
    };
}

void InnerStart::promise_all() {
    auto step = std::make_shared<StartStep>(context_.start.loop, then(&InnerStart::promised));
    for (const Vertex* leaf : fenced_leaves()) {
        leaf->leaf->promise(peeks_[leaf->index], context_.epoch, label_written(*step, *leaf, true));
    }
    step->all_added();
}

void InnerStart::promised() {
    if (fresh_) return write_record();
    auto step = std::make_shared<StartStep>(context_.start.loop, then(&InnerStart::write_record));
    opening_.compare_again(inner_, opening_.fenced(decides_), *step);
    step->all_added();
}

void InnerStart::write_record() {
    written_ = opening_.start_record(inner_, context_.epoch);
    inner_.mirror->write_start_record(written_, opening_.fenced(decides_) & ~opening_.used,
                                      [this](const Result<void>& result) { record_written(result); });
}

void InnerStart::record_written(const Result<void>& result) {
    for (const auto& child : inner_.children) {
        if (const auto& error = inner_.mirror->start_error(child->position)) note_unwritable(*child, *error);
    }
    if (!stopped(result)) mark_served();
}

void InnerStart::mark_served() {
    auto step = std::make_shared<StartStep>(context_.start.loop, then(&InnerStart::write_journal));
    for (const Vertex* leaf : fenced_leaves()) {
        leaf->leaf->mark_served(context_.epoch, label_written(*step, *leaf, false));
    }
    step->all_added();
}

void InnerStart::write_journal() {
    JournalKeeper& journal = context_.start.journal;
    remember_record(journal, context_.start.tree, inner_, opening_.acknowledged(written_, opening_.fenced(decides_)));
    for (std::size_t i = 0; i < opening_.views.size(); ++i) {
        if ((opening_.used & bit(i)) == 0) continue;
        for (const RecordLeaf& leaf : opening_.views[i].leaves) journal.set_leaf(leaf);
    }
    journal.write(then(&InnerStart::serve));
}

void InnerStart::serve() {
    inner_.mirror->serve(opening_.leave, [this](const Result<void>& result) {
        // From here on what is lost is the mirror's own business.
        if (!result) return finish(End::later, error_text(result.error()));
        context_.start.events.event(Severity::notice, "mirror-started",
                                    "a mirror below another one is started while the storage serves",
                                    {{"mirror", inner_.spec->name},
                                     {"in", mirror().name()},
                                     {"members", std::to_string(__builtin_popcount(opening_.used))},
                                     {"decided_by", formed_ ? "what is there" : (decides_ ? "journal" : "members")}});
        finish(End::done, {});
    });
}

}  // namespace dst
