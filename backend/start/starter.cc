#include "start/starter.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"
#include "start/error_text.h"

namespace dst {
namespace {

/// Nodes that come up a little later than the others are waited for: without them the start would do, and they would
/// have to be brought up to date for nothing.
constexpr Duration grace = std::chrono::milliseconds(1500);

/// While it waits it looks again, for what does not announce itself.
constexpr Duration look_again = std::chrono::seconds(2);
constexpr Duration look_for_head = std::chrono::seconds(1);

void collect_inner(Vertex& vertex, std::vector<Vertex*>& inner) {
    for (const auto& child : vertex.children) collect_inner(*child, inner);
    if (vertex.leaf == nullptr) inner.push_back(&vertex);
}

/// A reason that begins with what the start does.
std::string sentence(const std::string& reason) {
    return reason.starts_with("waits for ") ? "the start " + reason : reason;
}

}  // namespace

Starter::Starter(StartContext context, Hooks hooks)
    : context_(std::move(context)),
      hooks_(std::move(hooks)),
      findings_(context_.tree.leaves().size()),
      peeks_(context_.tree.leaves().size()),
      timer_(context_.loop, [this] { evaluate(); }),
      evaluate_task_(context_.loop, [this] { evaluate(); }),
      stuck_timer_(context_.loop, [this] { cut_stuck(); }) {
    collect_inner(context_.tree.root(), inner_);
}

void Starter::begin() {
    begun_ = true;
    opened_at_ = context_.loop.now();
    evaluate_task_.post();
}

void Starter::leaf_up(std::size_t leaf) {
    forcing_.clear();
    swapped_.clear();
    if (begun_ && state_ == State::waiting) evaluate_task_.post();
    // What is about to be lost without it may not be.
    const bool forced = std::any_of(work_.begin(), work_.end(), [](const auto& work) { return work.second.forced; });
    if (state_ == State::starting && forced && !decided_) {
        moved_ = context_.tree.leaves()[leaf]->spec->name + " came up before its data were given up";
    }
}

void Starter::leaf_down(std::size_t leaf) {
    // Those that never were there only say so again.
    if (!findings_[leaf].reachable) return;
    moved_ = "a node was lost during the start";
    way_out_told_ = false;
}

void Starter::end(std::function<void()> done) {
    ended_ = true;
    timer_.stop();
    evaluate_task_.cancel();
    if (state_ != State::starting) return context_.loop.defer(std::move(done));
    end_done_ = std::move(done);
}

void Starter::schedule(Duration after) { timer_.start(after); }

void Starter::evaluate() {
    if (!begun_ || ended_ || state_ != State::waiting) return;
    timer_.stop();
    const auto& leaves = context_.tree.leaves();
    const auto is_up = [](const Vertex* leaf) { return leaf->device->up(); };
    const bool all_up = std::all_of(leaves.begin(), leaves.end(), is_up);
    const Duration waited = context_.loop.now() - opened_at_;
    if (!all_up && waited < grace) {
        reason_ = "waits for " + missing_leaves();
        return schedule(grace - waited);
    }
    if (std::none_of(leaves.begin(), leaves.end(), is_up)) {
        way_out_told_ = false;
        return wait("no node can be reached: " + missing_leaves(), look_again);
    }
    for (Vertex* mirror : context_.tree.mirrors()) {
        mirror->mirror->stop();
        // What an attempt that was given up still has under way ends first.
        if (!mirror->mirror->idle()) return schedule(std::chrono::milliseconds(50));
    }
    state_ = State::starting;
    stuck_timer_.start(patience_.now());
    ++attempt_;
    moved_.clear();
    decided_ = false;
    if (std::exchange(new_order_, false)) journal_void_ = false;
    work_.clear();
    findings_.assign(leaves.size(), {});
    peek_all();
}

bool Starter::stopped(std::uint64_t attempt, const Result<void>& result) {
    DST_ASSERT(attempt == attempt_);
    if (ended_) {
        if (state_ == State::starting) state_ = State::waiting;
        if (end_done_) context_.loop.defer(std::exchange(end_done_, nullptr));
        return true;
    }
    if (state_ != State::starting) return true;
    if (!result) {
        begin_again(error_text(result.error()));
        return true;
    }
    if (!moved_.empty()) {
        begin_again(moved_);
        return true;
    }
    return false;
}

void Starter::peek_all() {
    auto step = std::make_shared<StartStep>(context_.loop, [this, attempt = attempt_](const Result<void>& result) {
        if (!stopped(attempt, result)) peeked();
    });
    for (const Vertex* leaf : context_.tree.leaves()) {
        if (!leaf->device->up()) continue;
        leaf->leaf->peek([this, i = leaf->index, attempt = attempt_, end = step->add()](const Result<Peek>& peek) {
            if (peek && attempt == attempt_) {
                peeks_[i] = *peek;
                findings_[i] = finding_of(*peek);
            }
            end({});
        });
    }
    step->all_added();
}

void Starter::peeked() {
    JournalKeeper& journal = context_.journal;
    identity_ = check_labels(context_.tree, context_.storage.name, journal.found() ? journal.journal().storage : Id{},
                             findings_);
    refuse_swapped_before();
    assign_places(context_.tree, journal.journal().records, findings_);
    tell_changed_sizes(context_.tree, journal.journal().leaves, findings_);
    const bool journal_alone =
        journal.found() && std::none_of(findings_.begin(), findings_.end(), [&](const LeafFinding& finding) {
            return finding.label && finding.label->storage == identity_.id;
        });
    for (const LeafFinding& finding : findings_) {
        const bool other_id = journal_alone && finding.label && finding.label->storage_name == context_.storage.name;
        const bool ends = finding.fatal || (other_id && all_seen()) || broken(Rule::m5_refused_alone);
        if (!ends || !finding.label || finding.refusal.empty()) continue;
        way_out_told_ = false;
        return refuse(other_id ? other_storages_journal(*finding.label) : finding.refusal);
    }
    std::string where;
    const bool ask = context_.storage.policy.takeover == spec::Takeover::ask && !ordered(StartOrder::takeover);
    if (ask && !broken(Rule::m5_ask) && other_head_lives(where)) {
        way_out_told_ = false;
        return wait("another head is alive on " + where +
                        "; end it there, or take the storage over from it: 'dstctl start " + command_target() +
                        " --takeover' does it once, 'policy: {takeover: auto}' in the storage's file always",
                    look_for_head);
    }
    decides_ = journal_decides() && !journal_behind_;
    journal_void_ = journal_void_ && ordered(StartOrder::resolve);
    refuse_older_copies(context_.tree, decides() ? context_.journal.journal().established : Epoch{}, findings_);
    next_inner_ = 0;
    choose_next();
}

/// Which of the two is meant only the user knows.
std::string Starter::other_storages_journal(const Label& label) const {
    const Journal& journal = context_.journal.journal();
    return "the media carry the storage '" + label.storage_name + "' with id " + to_string(label.storage) +
           ", the journal " + context_.journal.name() + " is of the storage '" + journal.storage_name + "' with id " +
           to_string(journal.storage) + ": in the storage's file, name the media and the journal that belong together";
}

bool Starter::other_head_lives(std::string& where) const {
    for (const Vertex* leaf : context_.tree.leaves()) {
        const LeafFinding& finding = findings_[leaf->index];
        const std::optional<LiveHead>& live = peeks_[leaf->index].live;
        // Another storage's head, on its own medium, is none of this one.
        if (!finding.reachable || finding.foreign || !live) continue;
        // One that only starts serves nobody: of two that each have a promise and wait for each other, neither would.
        if (finding.label && finding.label->served != live->epoch) continue;
        where = leaf->spec->name + ": " + to_string(*live);
        return true;
    }
    return false;
}

bool Starter::journal_decides() const {
    const JournalKeeper& journal = context_.journal;
    if (!journal.found() || !journal.claims()) return false;
    if (broken(Rule::m5_journal_decides)) return true;
    const Epoch& established = journal.journal().established;
    for (const LeafFinding& finding : findings_) {
        if (!finding.tells_who_served()) continue;
        const Epoch& served = finding.label->served;
        if (served.head != established.head && served.number >= established.number && !served.none()) return false;
    }
    return true;
}

/// One that came up since has not been looked at yet.
bool Starter::all_seen() const {
    return std::all_of(findings_.begin(), findings_.end(),
                       [](const LeafFinding& finding) { return finding.reachable; });
}

/// What media lie in each other's places is known by records, which are read after the numbers are given.
void Starter::begin_again_without(const std::vector<std::size_t>& swapped) {
    for (const std::size_t leaf : swapped) {
        swapped_.push_back({leaf, findings_[leaf].label->medium, findings_[leaf].refusal});
    }
    begin_again("media are swapped; it goes on without them");
}

void Starter::refuse_swapped_before() {
    for (const Swapped& swapped : swapped_) {
        LeafFinding& finding = findings_[swapped.leaf];
        if (!finding.label || finding.label->medium != swapped.medium || !finding.refusal.empty()) continue;
        finding.refusal = swapped.why;
    }
}

void Starter::wait(std::string reason, Duration again, bool refused) {
    if (reason != told_wait_) {
        told_wait_ = reason;
        std::string told = sentence(reason);
        if (told == reason) told = (refused ? "the start is refused: " : "the start waits: ") + reason;
        context_.events.event(refused ? Severity::error : Severity::notice, refused ? "start-refused" : "start-waits",
                              std::move(told), {{"storage", context_.storage.name}});
    }
    state_ = State::waiting;
    reason_ = std::move(reason);
    // What a disk did not take just now, it may take the next time.
    unwritable_.clear();
    schedule(again);
}

/// Only the user can mend it: whoever opens the storage just now hears of it at once.
void Starter::refuse(const std::string& why) {
    wait(why + ". It is looked at again until that is mended", look_again, true);
    hooks_.refused({Errc::refused, why + way_on_after_failure()});
}

void Starter::fail(const std::string& why, bool split) {
    // It was given when the split had been found, and may decide it.
    if (split && new_order_) return begin_again("another order was given");
    state_ = split ? State::split : State::failed;
    reason_ = why + (split ? loss_order_refused() : way_on_after_failure());
    context_.events.event(Severity::error, split ? "storage-split" : "start-refused", sentence(reason_),
                          {{"storage", context_.storage.name}});
    hooks_.failed({Errc::refused, reason_});
}

/// A tree that is exported is started anew by itself, when a head wants it.
std::string Starter::way_on_after_failure() const {
    if (!context_.outermost) return {};
    const StartOrder order = context_.journal.journal().order;
    const std::string stands = order == StartOrder::none ? std::string()
                                                         : ", which carries out the order that lies in the journal, " +
                                                               std::string(describe(order)) + " ('dstctl start " +
                                                               command_target() + " --cancel' takes it back)";
    return ". Nothing is tried any more: when that is mended, open the storage again (remove the LUN, if it is there, "
           "and add it)" +
           stands;
}

/// What hangs ends, and does not come up again before it answers; the others come back at once.
void Starter::cut_stuck() {
    if (state_ != State::starting) return;
    context_.events.event(Severity::warning, "start-stuck", "a node does not answer; the start begins again without it",
                          {{"storage", context_.storage.name}});
    for (const Vertex* leaf : context_.tree.leaves()) {
        if (leaf->device->up()) leaf->device->cut({Errc::timed_out, "it does not answer during the start"});
    }
    patience_.was_too_short();
    stuck_timer_.start(patience_.now());
}

void Starter::begin_again(const std::string& why) {
    state_ = State::waiting;
    forcing_.clear();
    opened_at_ = context_.loop.now();
    reason_ = "the start begins again: " + why;
    // What this attempt promised stands for nothing; a connection that named it would be fenced by the next one's.
    for (const Vertex* leaf : context_.tree.leaves()) {
        leaf->leaf->set_identity({identity_.id, Tree::place_of(*leaf), {}, context_.head});
    }
    context_.events.event(Severity::info, "start-again", reason_, {{"storage", context_.storage.name}});
    schedule(std::chrono::milliseconds(50 + context_.loop.random() % 450));
}

std::string Starter::missing_leaves() const {
    std::string text;
    for (const Vertex* leaf : context_.tree.leaves()) {
        if (leaf->device->up()) continue;
        const Error& error = leaf->leaf->last_error();
        text += (text.empty() ? "" : ", ") + leaf->spec->name;
        if (error.code != Errc::ok) text += " (" + error_text(error) + ")";
    }
    return text;
}

std::string Starter::reason() const {
    return state_ == State::waiting || state_ == State::failed || state_ == State::split ? reason_ : std::string();
}

}  // namespace dst
