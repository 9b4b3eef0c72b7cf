#include <algorithm>
#include <utility>

#include "block/breaks.h"
#include "start/starter.h"

/// The administrator's orders (docs/mirror.md): what a start may do that M5 alone does not allow. An order lies in the
/// journal until the start that carried it out is established, so that a crash in between carries it out again, and a
/// later start does not.
namespace dst {
namespace {

/// So long after the opening what is there is not taken for all that can come, when data are lost with it.
constexpr Duration grace_before_loss = std::chrono::seconds(5);

constexpr const char* begun_and_not_needed =
    "the order to accept the loss of data is not needed any more, and is taken back. An attempt had begun to carry it "
    "out: a member that was there then, and is not now, may have its record, and a head that finds that one alone "
    "would start from it";

}  // namespace

void Starter::order_given() {
    // What an attempt has chosen so far it has chosen by the one before.
    new_order_ = true;
    evaluate_task_.post();
}

void Starter::order_taken_back() {
    if (state_ == State::starting) moved_ = "the order was taken back";
    order_given();
}

/// Taken now, it would give up whatever comes second: what it costs has been told to nobody.
Error Starter::why_not_lose_data() const {
    switch (state_) {
        case State::split:
            return {Errc::refused, "an order to start with loss of data decides no split: 'dstctl resolve' decides it"};
        case State::failed:
        case State::serving: return {Errc::ok, {}};
        case State::waiting:
        case State::starting: break;
    }
    if (way_out_told_ || !may_take_order_back()) return {Errc::ok, {}};
    const std::string now = reason();
    return {Errc::refused,
            "nothing that it could start from can be reached now: " + (now.empty() ? "the start is under way" : now) +
                "; give the order again when the storage waits for it"};
}

Id Starter::mirror_found(const MirrorWork& work) {
    for (const MemberView& view : work.views) {
        if (view.record) return view.record->mirror;
    }
    return {};
}

Id Starter::mirror_id(const Vertex& mirror) const {
    const auto work = work_.find(&mirror);
    const Id found = work == work_.end() ? Id{} : mirror_found(work->second);
    if (!found.is_nil()) return found;
    const std::optional<Record> known = known_record(mirror, {});
    return known ? known->mirror : Id{};
}

bool Starter::ordered(StartOrder order) const { return context_.journal.journal().order == order; }

/// Of a split mirror, before its record is chosen.
std::optional<Discard> Starter::discard_ordered(MirrorWork& work, std::optional<Record>& journal, bool decides) {
    const Journal& ordered_in = context_.journal.journal();
    if (!ordered(StartOrder::resolve)) return std::nullopt;
    for (const OrderedDiscard& discard : ordered_in.discards) {
        const bool here = std::any_of(work.views.begin(), work.views.end(), [&](const MemberView& view) {
            return view.record && view.record->mirror == discard.mirror;
        });
        if (here) return discard_side(journal, decides, work.views, discard.member, journal_void_);
    }
    return std::nullopt;
}

void Starter::resolve(Vertex& mirror, const Discard& discard) {
    MirrorWork& work = work_.at(&mirror);
    resolve_choice(work.choice, discard);
    work.resolved = true;
    draw_ids(work);
    std::string names;
    for (const std::string& name : discard.names) names += (names.empty() ? "" : ", ") + name;
    work.ordered = "mirror " + mirror.spec->name + " was split, and what " +
                   (names.empty() ? "the other side" : names) +
                   " held is given up, as ordered; it is owed everything that the others hold";
}

/// What stays of a split lacks nothing but what one of its members has lost already: that was started from older data,
/// as ordered there. Nobody can wait for what is lost; who gives up the other side goes on with what there is.
bool Starter::resolve_with_lossy(Vertex& mirror, const std::optional<Record>& journal, const Discard& discard) {
    MirrorWork& work = work_.at(&mirror);
    std::uint32_t lossy = 0;
    std::string names;
    for (std::size_t i = 0; i < work.views.size(); ++i) {
        const MemberView& view = work.views[i];
        const RecordMember* const member = find_member(work.choice.record, view.number);
        if (member == nullptr || member->state != MemberState::in_sync || !view.reachable || !view.record) continue;
        if (same_data(member->incarnation, view.incarnation)) continue;
        lossy |= bit(i);
        names += (names.empty() ? "" : ", ") + view.name;
    }
    if (lossy == 0 || !all_there_but(journal, work.decides, work.views, lossy)) return false;
    std::vector<MemberView> views = work.views;
    for (std::size_t i = 0; i < views.size(); ++i) views[i].lossy = views[i].lossy || (lossy & bit(i)) != 0;
    const std::optional<StartChoice> choice = force_choice(journal, work.decides, views);
    // Nobody has been asked whether it may start from one that is not in sync.
    if (!choice || (choice->stale && (choice->used & ~lossy) != 0) || work.goes_over(choice->record)) return false;
    work.choice = *choice;
    // Of the generation between: it is nobody's, and stays in the lineage.
    work.choice.record.generation_id = context_.loop.random_id();
    work.forced = true;
    resolve(mirror, discard);
    work.ordered += ". What was lost on " + names + " before, when it was started with loss of data, stays lost";
    return true;
}

/// An attempt before has written that record to members: no split is left to be found.
bool Starter::resolved_before(const MirrorWork& work) const {
    if (!ordered(StartOrder::resolve)) return false;
    const std::vector<OrderedDiscard>& discards = context_.journal.journal().discards;
    return std::any_of(discards.begin(), discards.end(), [&](const OrderedDiscard& discard) {
        const RecordMember* const member = find_member(work.choice.record, discard.member);
        return discard.mirror == work.choice.record.mirror && member != nullptr &&
               member->state != MemberState::in_sync && member->last_generation.is_nil();
    });
}

/// The record of a forced start of this head that was never established: nothing was acknowledged by it. On members,
/// whoever was cut off by it stays so, whether he is there by now or not.
bool Starter::only_begun(const Record& record) const {
    const Epoch& established = context_.journal.journal().established;
    return record.forced && record.epoch.head == established.head && record.epoch.number > established.number;
}

/// Of a generation that an order makes.
void Starter::draw_ids(MirrorWork& work) {
    Record& record = work.choice.record;
    record.generation_id = record.ordered = context_.loop.random_id();
    record.medium = context_.loop.random_id();
    if (broken(Rule::m5_order_generation) && !work.resolved && !record.lineage.empty()) {
        record.generation_id = record.ordered = record.lineage.front();
    }
    if (const Record* const known = context_.journal.record_of(record.mirror)) take_noted(record, *known);
}

/// In the journal, before a member gets it: one that has it when this attempt ends, and that the next one does without,
/// is not the other side of a split.
void Starter::note_generations() {
    if (broken(Rule::m5_order_noted)) return;
    JournalKeeper& journal = context_.journal;
    for (const auto& [mirror, work] : work_) {
        if (!work.forced && !work.resolved) continue;
        const Record* known = journal.record_of(work.choice.record.mirror);
        // It must not come to decide for a mirror that it knows nothing of.
        if (known == nullptr && decides()) continue;
        std::vector<const Record*> found;
        for (const MemberView& view : work.views) {
            if (view.record) found.push_back(&*view.record);
        }
        // What it knows may be of another line, when it decides nothing.
        const bool of_it = known != nullptr && on_lineage(work.choice.record, known->generation_id);
        if (!of_it && !decides()) known = newest_record(found);
        if (known == nullptr) continue;
        Record noted = *known;
        work.note(noted, *mirror, epoch_);
        // Its own line, perhaps, is the one that is given up: if it goes on with that all the same, that must be later
        // by all that members of the other one come to know (records_read()).
        if (!decides() && noted.epoch.head == epoch_.head) {
            noted.revision = std::max(noted.revision, work.start_record(*mirror, epoch_).revision);
        }
        journal.set_record(noted);
    }
}

/// A mirror that waits: with the order, and when it is its turn, it starts from what is there; so does one that waits
/// for nothing but a mirror below of which a side is given up.
bool Starter::force(Vertex& mirror, const std::optional<Record>& journal) {
    MirrorWork& work = work_.at(&mirror);
    work.way_out = force_choice(journal, work.decides, work.views);
    const bool its_turn = std::find(forcing_.begin(), forcing_.end(), &mirror) != forcing_.end();
    if (!work.way_out) return false;
    const bool accepted = its_turn && ordered(StartOrder::accept_data_loss);
    // Whoever gave up one side of a mirror below has not been asked about what this head served, as ordered, of this
    // one.
    const bool goes_on = waits_for_resolved(mirror, journal) && !work.goes_over(work.way_out->record);
    if (!accepted && !goes_on) return false;
    work.choice = *work.way_out;
    if (journal && !work.decides) keep_apart(work.choice.record, *journal);
    draw_ids(work);
    work.forced = true;
    work.ordered = "mirror " + mirror.spec->name + " starts " + work.choice.reason +
                   ", as ordered; its other members are owed everything";
    return true;
}

/// Whether a mirror that is used below was forced: what it holds is older than its standing in the mirror above says.
bool Starter::forced_below(const Vertex& vertex) const {
    return std::any_of(vertex.children.begin(), vertex.children.end(), [this](const auto& child) {
        const auto work = work_.find(child.get());
        return (work != work_.end() && work->second.forced) || forced_below(*child);
    });
}

/// It, or a mirror below it.
bool Starter::is_resolved(const Vertex& vertex) const {
    const auto work = work_.find(&vertex);
    if (work != work_.end() && work->second.resolved) return true;
    return std::any_of(vertex.children.begin(), vertex.children.end(),
                       [this](const auto& child) { return is_resolved(*child); });
}

/// What else is in sync is there: nobody has been asked whether that may be lost. Nor whether it may start from one
/// that is not, since the one that is resolved cannot be used just now.
bool Starter::waits_for_resolved(const Vertex& mirror, const std::optional<Record>& journal) const {
    const MirrorWork& work = work_.at(&mirror);
    std::uint32_t resolved = 0;
    for (const auto& child : mirror.children) {
        if (is_resolved(*child) && work.views[child->position].reachable) resolved |= bit(child->position);
    }
    const bool older = work.way_out->stale && (work.way_out->used & ~resolved) != 0;
    return resolved != 0 && !older && all_there_but(journal, work.decides, work.views, resolved);
}

/// The outermost mirror that cannot start and has not had its turn: inner ones lose data only when it cannot be helped.
const Vertex* Starter::next_to_force(const Vertex& vertex) const {
    if (vertex.leaf != nullptr || usable(vertex)) return nullptr;
    const bool had_its_turn = std::find(forcing_.begin(), forcing_.end(), &vertex) != forcing_.end();
    if (vertex.mirror != nullptr && !had_its_turn) return &vertex;
    for (const auto& child : vertex.children) {
        if (const Vertex* found = next_to_force(*child)) return found;
    }
    return nullptr;
}

/// The tree is not usable: true when the order lets another mirror start from what is there, and the start goes on.
bool Starter::force_next() {
    if (!ordered(StartOrder::accept_data_loss)) return false;
    const Vertex* const next = next_to_force(context_.tree.root());
    if (next == nullptr) return false;
    state_ = State::waiting;
    // Whoever has more may only be late. Without a journal nobody can wait: no size is known before.
    const std::string missing = missing_leaves();
    const Duration waited = context_.loop.now() - opened_at_;
    if (!missing.empty() && context_.journal.found() && waited < grace_before_loss) {
        reason_ = "waits a moment more for " + missing + ", before mirror " + next->spec->name +
                  " starts from what can be reached, as ordered";
        schedule(grace_before_loss - waited);
        return true;
    }
    forcing_.push_back(next);
    reason_ = "mirror " + next->spec->name + " is about to start from what can be reached, as ordered";
    schedule(Duration::zero());
    return true;
}

/// Whether the order would let `vertex` start; `how` says from what.
bool Starter::forceable(const Vertex& vertex, std::string& how) const {
    if (usable(vertex)) return true;
    const auto forceable_child = [&](const auto& child) { return forceable(*child, how); };
    if (vertex.linear != nullptr) return std::all_of(vertex.children.begin(), vertex.children.end(), forceable_child);
    if (vertex.mirror == nullptr) return false;
    const auto work = work_.find(&vertex);
    if (work == work_.end()) return false;
    if (work->second.way_out) {
        how += (how.empty() ? "" : "; and ") + work->second.way_out->reason;
        return true;
    }
    return std::any_of(vertex.children.begin(), vertex.children.end(), forceable_child);
}

std::string Starter::command_target() const {
    return context_.outermost && !context_.storage.file.empty() ? context_.storage.file : context_.storage.name;
}

std::string Starter::way_out_of_waiting() const {
    std::string how;
    const bool resolved = std::any_of(work_.begin(), work_.end(),
                                      [](const auto& work) { return work.second.resolved || work.second.discarded; });
    if (resolved) {
        return ". If that is lost for good, too: take the side that you give up away, and order 'dstctl start " +
               command_target() + " --accept-data-loss'";
    }
    if (!forceable(context_.tree.root(), how) || how.empty()) return {};
    return ". If that is lost for good: 'dstctl start " + command_target() +
           " --accept-data-loss' starts the storage without it, " + how;
}

std::string Starter::way_out_of_split(const StartChoice& choice) const {
    std::string commands;
    for (const std::string& member : {choice.one_side, choice.other_side}) {
        if (member.empty()) continue;
        commands += (commands.empty() ? "'dstctl resolve " : ", or 'dstctl resolve ") + command_target() +
                    " --discard " + member + "'";
    }
    if (commands.empty()) {
        return ". Nothing is served and nothing changed. All members that this machine's journal calls in sync have "
               "been started without it: start the storage on the machine that served it last, or move the journal "
               "away, so that the members decide";
    }
    return ". Nothing is served and nothing changed. Decide whose data are given up: " + commands +
           "; then open the storage again";
}

/// A start that fails for a split. Left in the journal, the order would be carried out whenever it comes to count.
std::string Starter::loss_order_refused() {
    if (!ordered(StartOrder::accept_data_loss)) return {};
    context_.journal.take_order_away();
    context_.journal.write([this](const Result<void>& written) {
        if (written || !ordered(StartOrder::none)) return;
        context_.journal.put_order_back(StartOrder::accept_data_loss, {});
        context_.events.event(Severity::error, "start-order-stays",
                              "the order to start with loss of data could not be taken out of the journal, and stands: "
                              "mend the journal's filesystem, and take the order back with 'dstctl start " +
                                  command_target() + " --cancel'",
                              {{"storage", context_.storage.name}, {"why", to_string(written.error())}});
    });
    return ". The order to start with loss of data decides no split, and is taken back: 'dstctl resolve' decides it";
}

/// The start is established: the order goes with the same write of the journal.
void Starter::take_order_away() {
    taken_ = context_.journal.journal().order;
    context_.journal.take_order_away();
}

/// It came when this start was about to be established, or was left by a write of the journal that did not know of
/// that.
void Starter::take_late_order_back() {
    if (ordered(StartOrder::none) || broken(Rule::m5_order_once)) return;
    context_.journal.take_order_away();
    context_.journal.write([](const Result<void>&) {});
    context_.events.event(Severity::notice, "start-order-done",
                          "an order came when the storage was about to serve; it was not needed, and is taken back",
                          {{"storage", context_.storage.name}});
}

void Starter::tell_orders() {
    forcing_.clear();
    const bool begun = std::exchange(order_begun_, false);
    bool told = false;
    bool resolved = false;
    std::string left_alone;
    for (const auto& [vertex, work] : work_) {
        // One that leaves with this start serves all the same.
        const bool used = in_use(*vertex) || vertex->mirror->serving();
        if (work.resolved && used) resolved = true;
        if (work.resolved && !used) left_alone = vertex->spec->name;
        if (work.ordered.empty() || !used) continue;
        told = true;
        context_.events.event(Severity::critical, "start-forced", work.ordered, {{"storage", context_.storage.name}});
    }
    const auto done = [&](const std::string& text) {
        context_.events.event(Severity::notice, "start-order-done", text, {{"storage", context_.storage.name}});
    };
    switch (std::exchange(taken_, StartOrder::none)) {
        case StartOrder::none: break;
        case StartOrder::takeover: done("the order to take the storage over is done; later starts ask again"); break;
        case StartOrder::accept_data_loss:
            done(told    ? "the order to accept the loss of data is carried out; later starts do not follow it"
                 : begun ? begun_and_not_needed
                         : "the order to accept the loss of data was not needed, and is taken back");
            break;
        case StartOrder::resolve:
            if (!left_alone.empty()) {
                done("mirror " + left_alone +
                     " was not needed: it is left as it was, and the order to resolve its split " +
                     "is taken back. Put a blank medium in the place of the side that you give up");
            } else {
                done(resolved ? "the split is resolved as ordered"
                              : "the order to resolve a split is taken back: no split with that member was found");
            }
            break;
    }
}

}  // namespace dst
