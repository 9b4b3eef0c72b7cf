#include "start/join_attempt.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "start/error_text.h"

namespace dst {
namespace {

void collect_own(const Vertex& vertex, std::vector<const Vertex*>& leaves) {
    if (vertex.leaf != nullptr) leaves.push_back(&vertex);
    if (vertex.mirror != nullptr && vertex.mirror->serving()) return;
    for (const auto& child : vertex.children) collect_own(*child, leaves);
}

void refresh_linears(const Vertex& vertex) {
    for (const auto& child : vertex.children) refresh_linears(*child);
    if (vertex.linear != nullptr) vertex.linear->refresh_geometry();
}

}  // namespace

std::vector<const Vertex*> own_leaves(const Vertex& child) {
    std::vector<const Vertex*> leaves;
    collect_own(child, leaves);
    return leaves;
}

JoinAttempt::JoinAttempt(const JoinContext& context, const Vertex& child, Ended ended)
    : ReturnAttempt(context, child, own_leaves(child), std::move(ended)) {
    for (const Vertex* leaf : looked_at()) leaves_.push_back({leaf, {}, {}, LeafReturn::refused});
}

void JoinAttempt::begin() {
    // No request is in flight on it, and its leaves may have been unknown until now.
    refresh_linears(child_);
    late_ = mirror().missed_nothing(child_.position);
    peek_all();
}

/// True when the attempt has ended.
bool JoinAttempt::stopped(const Result<void>& result) {
    const bool left = late_ && !mirror().missed_nothing(child_.position);
    if (given_up() || left || !mirror().serving() || member() == nullptr) {
        end(End::later, "something moved meanwhile");
        return true;
    }
    if (!result) end(result.error().code == Errc::fenced ? End::fenced : End::later, error_text(result.error()));
    return !result;
}

bool JoinAttempt::any_blank() const {
    return std::any_of(leaves_.begin(), leaves_.end(), [](const Leaf& leaf) { return leaf.kind == LeafReturn::blank; });
}

void JoinAttempt::peek_all() {
    auto step = std::make_shared<StartStep>(context_.start.loop, [this](const Result<void>& result) {
        if (!stopped(result)) peeked();
    });
    for (Leaf& leaf : leaves_) {
        leaf.vertex->leaf->peek(step->add<Peek>([&leaf](const Peek& peek) { leaf.peek = peek; }));
    }
    step->all_added();
}

void JoinAttempt::peeked() {
    everything_.clear();
    std::uint64_t served = 0;
    for (Leaf& leaf : leaves_) {
        leaf.seen = returning(*leaf.vertex, leaf.peek, *member());
        if (leaf.seen.label) served = std::max(served, leaf.seen.label->served.number);
    }
    for (Leaf& leaf : leaves_) {
        // All leaves of a member are promised an epoch before one is marked as served under it.
        leaf.seen.left_with.number = std::max(leaf.seen.left_with.number, served);
        const LeafJudgement judged = judge_leaf(mirror().record(), *member(), leaf.seen);
        if (judged.kind == LeafReturn::refused) return end(End::refused, judged.why);
        leaf.kind = judged.kind;
        if (judged.kind == LeafReturn::same) continue;
        // A blank one was labelled by this attempt before it looked again.
        everything_ = leaf.vertex->spec->name + (labelled_ ? " was blank" : " is another medium, or an older copy");
    }
    if (late_ && !everything_.empty()) return leave_out("another medium lies in its place");
    if (!any_blank()) return read_record();
    if (labelled_) return end(End::later, "a medium lost the label that it was just given");
    probe_blank();
}

void JoinAttempt::probe_blank() {
    std::vector<BlankLeaf> blank;
    for (const Leaf& leaf : leaves_) {
        if (leaf.kind == LeafReturn::blank) blank.push_back({leaf.vertex, leaf.seen});
    }
    probe_all(std::move(blank), [this](const Result<std::string>& why) {
        if (stopped(why ? Result<void>() : Result<void>(why.error()))) return;
        if (!why->empty()) return end(End::refused, *why);
        read_record();
    });
}

void JoinAttempt::read_record() {
    if (!child_.device->up()) return end(End::later, "it was lost again");
    mirror().metadata(child_.position).read_record([this](const Result<FoundRecord>& found) {
        if (found) found_ = *found;
        if (stopped(found ? Result<void>() : Result<void>(found.error()))) return;
        // By labels of this storage, each at its place: what an older init left there of the storage before.
        const bool left_behind = found_.record && found_.record->storage != context_.storage;
        if (left_behind && !any_blank()) found_.record.reset();
        record_read();
    });
}

void JoinAttempt::leave_out(const std::string& why) {
    mirror().leave_out(child_.position, why);
    end(End::later, why);
}

/// By a start's rules (M5): what it has acknowledged it must still have, and nothing may have been under way on it.
void JoinAttempt::late_record_read() {
    MemberView view;
    view.name = child_.spec->name;
    view.number = member()->number;
    view.reachable = true;
    view.record = found_.record;
    view.incarnation = child_.device->incarnation();
    view.leaves = leaves_now();
    const std::string why = check_member(*member(), view, mirror().record(), nullptr);
    if (!why.empty()) return leave_out(why);
    mirror().metadata(child_.position).read_intent_map(mirror().record(), [this](const Result<RegionMap>& intent) {
        if (stopped(intent ? Result<void>() : Result<void>(intent.error()))) return;
        intent->any() ? leave_out("changes were under way on it when the last head ended") : promise_all();
    });
}

void JoinAttempt::record_read() {
    const ReturnJudgement judged = judge_return(mirror().record(), *member(), found_.record);
    switch (judged.kind) {
        case ReturnKind::refused: return end(End::refused, judged.why);
        case ReturnKind::split: return end(End::split, judged.why);
        // One that is in sync has no last generation; it is judged as at a start.
        case ReturnKind::everything:
            if (!late_ && everything_.empty()) everything_ = judged.why;
            break;
        case ReturnKind::known: break;
    }
    // A promise is durable before a record is written under it.
    const auto older = [this](const Leaf& leaf) {
        return leaf.seen.label && found_.record && leaf.seen.label->promised.number < found_.record->epoch.number;
    };
    if (everything_.empty() && std::any_of(leaves_.begin(), leaves_.end(), older)) {
        everything_ = "its label is older than its record: an older copy";
    }
    if (everything_.empty() && !same_data(member()->incarnation, child_.device->incarnation())) {
        everything_ = "it was started with loss of data";
    }
    if (everything_.empty() && !same_file(member()->incarnation, child_.device->incarnation())) {
        everything_ = "another file is in its place than before, which may be an older copy";
    }
    if (late_) return everything_.empty() ? late_record_read() : leave_out(everything_);
    everything_.empty() ? promise_all() : owe_everything();
}

/// Before the first label and before the promise: from then on the medium passes for a member's, and nothing on it
/// tells that it was put back, whatever happens to this attempt or to the head.
void JoinAttempt::owe_everything() {
    if (broken(Rule::m7_owed_first) || broken(Rule::m7_everything)) return any_blank() ? label_blank() : promise_all();
    mirror().owe_everything(child_.position, [this](const Result<void>& owed) {
        if (!stopped(owed)) any_blank() ? label_blank() : promise_all();
    });
}

void JoinAttempt::label_blank() {
    labelled_ = true;
    auto step = std::make_shared<StartStep>(context_.start.loop, [this](const Result<void>& labelled) {
        // All of it once more, with the labels that are there now.
        if (!stopped(labelled)) peek_all();
    });
    for (const Leaf& leaf : leaves_) {
        if (leaf.kind != LeafReturn::blank) continue;
        leaf.vertex->leaf->write_label(leaf.peek,
                                       encode_label(new_label(*leaf.vertex, mirror().record().logical_block_bytes)),
                                       step->add<LabelImage>(nullptr));
    }
    step->all_added();
}

void JoinAttempt::promise_all() {
    auto step = std::make_shared<StartStep>(context_.start.loop, [this](const Result<void>& result) {
        if (!stopped(result)) mark_served();
    });
    for (const Leaf& leaf : leaves_) {
        auto promised = [this, leaf = leaf.vertex](const LabelImage&) { hold(*leaf); };
        leaf.vertex->leaf->promise(leaf.peek, context_.epoch, step->add<LabelImage>(std::move(promised)));
    }
    step->all_added();
}

void JoinAttempt::mark_served() {
    auto step = std::make_shared<StartStep>(context_.start.loop, [this](const Result<void>& result) {
        if (!stopped(result)) write_journal();
    });
    for (const Leaf& leaf : leaves_) {
        leaf.vertex->leaf->mark_served(context_.epoch, step->add<LabelImage>(nullptr));
    }
    step->all_added();
}

std::vector<RecordLeaf> JoinAttempt::leaves_now() const {
    std::vector<RecordLeaf> leaves;
    for (const Leaf& leaf : leaves_) {
        const Geometry& geometry = leaf.seen.geometry;
        leaves.push_back({leaf.seen.place, leaf.seen.label->medium, leaf.seen.label->size_bytes,
                          geometry.logical_block_bytes, geometry.physical_block_bytes});
    }
    return leaves;
}

void JoinAttempt::write_journal() {
    JournalKeeper& journal = context_.start.journal;
    for (const RecordLeaf& leaf : leaves_now()) journal.set_leaf(leaf);
    journal.write([this](const Result<void>& written) {
        if (!stopped(written)) late_ ? take_in() : admit();
    });
}

void JoinAttempt::take_in() {
    mirror().take_in(child_.position, leaves_now(), [this](const Result<void>& taken) {
        if (taken) return end(End::done, {});
        end(taken.error().code == Errc::fenced ? End::fenced : End::later, error_text(taken.error()));
    });
}

void JoinAttempt::admit() {
    const std::size_t index = child_.position;
    if (!child_.device->up() || !mirror().wants_back(index)) return end(End::later, "something moved meanwhile");
    mirror().set_refused(index, {});
    context_.start.events.event(
        Severity::notice, "member-returns",
        everything_.empty()
            ? "a member is taken back and brought up to date with what it missed"
            : "a member is taken back and brought up to date: all of it is compared, and copied where it "
              "differs, since " +
                  everything_,
        {{"mirror", mirror().name()},
         {"member", child_.spec->name},
         {"owed", everything_.empty() ? "what it missed" : "everything"}});
    MayHave has;
    if (found_.record) has = {found_.record->generation_id, found_.record->revision, context_.epoch};
    mirror().admit(index, {!everything_.empty() && !broken(Rule::m7_everything), leaves_now(), has});
    end(End::done, {});
}

}  // namespace dst
