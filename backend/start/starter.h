#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "block/events.h"
#include "block/loop.h"
#include "config/spec.h"
#include "start/choose_record.h"
#include "start/forced_choice.h"
#include "start/journal_keeper.h"
#include "start/mirror_opening.h"
#include "start/patience.h"
#include "start/place_check.h"
#include "start/start_step.h"
#include "start/unwritable.h"
#include "tree/build.h"

namespace dst {

/// What a start works on. All of it outlives the starter.
struct StartContext {
    Loop& loop;
    EventSink& events;
    const spec::Storage& storage;
    Tree& tree;
    JournalKeeper& journal;
    std::string head;
    bool outermost = true;  ///< for messages: a tree that is exported is named, not its file
};

/// M5 and M6: from leaves that come up to a tree that serves. Peeks, chooses, promises, makes the start durable,
/// serves; begins again from the peek when anything moves under it.
class Starter {
public:
    enum class State { waiting, starting, serving, failed, split };

    struct Hooks {
        std::function<void(const Geometry&, const Id&)> sized;  ///< before anything is promised
        std::function<void()> serving;
        std::function<void(const Error&)> failed;   ///< for good: state failed or split
        std::function<void(const Error&)> refused;  ///< it waits, and only the user can mend it
    };

    Starter(StartContext context, Hooks hooks);

    /// The journal is open, and so are the leaves.
    void begin();
    void leaf_up(std::size_t leaf);
    void leaf_down(std::size_t leaf);
    /// The journal carries another order; a start that waits carries it out.
    void order_given();
    /// The journal carries none any more. False: members may have a record of what it led to already.
    bool may_take_order_back() const noexcept { return !order_begun_ && (state_ != State::starting || !decided_); }
    void order_taken_back();
    /// Why an order to accept the loss of data makes no sense now, when what it would start from cannot be said; code
    /// ok: nothing speaks against it.
    Error why_not_lose_data() const;
    /// Nothing is started any more; `done` when nothing of a start is under way.
    void end(std::function<void()> done);

    /// The id of a mirror as this start or the journal knows it; nil: nothing is known of it.
    Id mirror_id(const Vertex& mirror) const;
    /// How `dstctl` is told which storage is meant.
    std::string command_target() const;
    State state() const noexcept { return state_; }
    /// While waiting, failed or split: for which nodes, and why they matter.
    std::string reason() const;
    /// Why a leaf is not used; empty when nothing speaks against it.
    const std::string& refusal(std::size_t leaf) const { return findings_.at(leaf).refusal; }
    /// It is looked at again, by somebody else.
    void forget_refusal(std::size_t leaf) { findings_.at(leaf).refusal.clear(); }
    /// Serving: the leaves that were promised the epoch.
    std::vector<const Vertex*> fenced_leaves() const;
    const Id& storage_id() const noexcept { return identity_.id; }
    const Epoch& epoch() const noexcept { return epoch_; }

private:
    struct MirrorWork : MirrorOpening {
        bool decides = false;  ///< the journal, for this mirror
        bool usable = false;
        bool split = false;      ///< `reason` says between whom
        bool unwritten = false;  ///< below a member that leaves, and could not take the start's record
        std::string reason;
        std::optional<StartChoice> way_out;  ///< it waits: what an order to accept data loss would do
        bool forced = false;                 ///< `choice` is that
        bool given_up = false;               ///< `choice` is what an order gave up that this head has served
        bool apart = false;                  ///< `choice` does not follow from what the journal knows
        Id served_order;                     ///< that order; nil: there is none
        bool abandons_order = false;         ///< what it made is of the side of a split that is given up, as ordered
        bool nobody_holds = false;           ///< what it made
        /// The numbers of the members that may hold what it made. Not of a mirror below another one, whose record
        /// tells.
        std::vector<std::uint32_t> holders;
        bool resolved = false;   ///< one side of a split is given up, as ordered
        bool discarded = false;  ///< one side of its split is given up, and it waits all the same
        std::string other_side;  ///< members that this head has written to as the journal says, in a split
        std::string ordered;     ///< what the administrator's order did; empty: nothing

        /// With `record` it would go over to what that order gave up.
        bool goes_over(const Record& record) const noexcept;
    };

    // starter.cc: life, peeking, waiting
    void schedule(Duration after);
    void evaluate();
    void peek_all();
    void peeked();
    void wait(std::string reason, Duration again, bool refused = false);
    bool all_seen() const;
    void begin_again_without(const std::vector<std::size_t>& swapped);
    void refuse_swapped_before();
    void refuse(const std::string& why);
    void fail(const std::string& why, bool split);
    std::string way_on_after_failure() const;
    void begin_again(const std::string& why);
    void cut_stuck();
    /// A step of `attempt` has ended: true when the start does not go on from there.
    bool stopped(std::uint64_t attempt, const Result<void>& result);
    std::string missing_leaves() const;
    std::string other_storages_journal(const Label& label) const;
    bool other_head_lives(std::string& where) const;
    bool journal_decides() const;
    bool decides() const noexcept { return decides_ && !journal_void_; }

    // starter_choose.cc: records, bottom up
    void choose_next();
    void read_records(Vertex& mirror);
    void records_read(Vertex& mirror);
    /// True when some of its media lie in each other's places, and the start begins again without them.
    bool leaves_out_swapped(const Vertex& mirror, const Record& record);
    std::optional<Record> known_record(const Vertex& mirror, const std::vector<MemberView>& views) const;
    /// By the records on its members; nil: none was found.
    static Id mirror_found(const MirrorWork& work);
    bool is_ordered_to_resolve(const Vertex& vertex) const;
    std::uint32_t standing_on_another_line(const Vertex& mirror) const;
    void find_holders(const Vertex& mirror, const std::optional<Record>& journal);
    void hold_to_served_order(Vertex& mirror, const Record& journal, const std::optional<Discard>& discard);
    static std::string waits_for_holders(const MirrorWork& work, const Record& journal);
    void forget_orders_gone_over();
    bool decides_for(const Vertex& mirror, const std::optional<Record>& known,
                     const std::vector<MemberView>& views) const;
    void intents_read(Vertex& mirror);
    void stand(Vertex& mirror);
    bool usable(const Vertex& vertex) const;
    bool readable(const Vertex& vertex) const;
    const Vertex* unwritable_part(const Vertex& vertex) const;
    void leave_out_unwritable(const Vertex& mirror, MirrorWork& work) const;
    const Error* unwritable(const Vertex& vertex) const;
    MemberView view_of(const Vertex& child) const;
    std::vector<std::size_t> exchanged_between_mirrors();
    bool may_pass() const;
    bool is_needed(const Vertex& below) const;
    void all_chosen();
    std::string why_not_usable(const Vertex& vertex) const;
    const Vertex* split_below(const Vertex& vertex) const;

    // starter_order.cc: what the administrator ordered
    bool ordered(StartOrder order) const;
    std::optional<Discard> discard_ordered(MirrorWork& work, std::optional<Record>& journal, bool decides);
    void draw_ids(MirrorWork& work);
    void note_generations();
    bool resolved_before(const MirrorWork& work) const;
    bool only_begun(const Record& record) const;
    void resolve(Vertex& mirror, const Discard& discard);
    bool resolve_with_lossy(Vertex& mirror, const std::optional<Record>& journal, const Discard& discard);
    bool force(Vertex& mirror, const std::optional<Record>& journal);
    bool forced_below(const Vertex& vertex) const;
    bool is_resolved(const Vertex& vertex) const;
    bool waits_for_resolved(const Vertex& mirror, const std::optional<Record>& journal) const;
    const Vertex* next_to_force(const Vertex& vertex) const;
    bool force_next();
    bool forceable(const Vertex& vertex, std::string& how) const;
    std::string way_out_of_waiting() const;
    std::string way_out_of_split(const StartChoice& choice) const;
    std::string loss_order_refused();
    void take_order_away();
    void take_late_order_back();
    void tell_orders();

    // starter_establish.cc: from the journal's claim to serving
    void establish();
    Callback<LabelImage> label_written(StartStep& step, const Vertex& leaf);
    void promise_all();
    void promised();
    void read_again();
    void records_unchanged();
    void write_records_next();
    void record_written(Vertex& mirror);
    void prepare_journal();
    void mark_served(StartStep& step, const std::function<bool(const Vertex*)>& which);
    void mark_all_served();
    std::vector<Record> records_to_remember() const;
    void write_journal();
    void tell_bad_maps();
    void tell_other_sides();
    void serve_roots();
    std::uint32_t fenced_members(const Vertex& mirror) const;
    std::uint32_t leaving_members(const Vertex& mirror) const;
    bool in_use(const Vertex& vertex) const;
    void collect_fenced(const Vertex& vertex, std::vector<const Vertex*>& leaves) const;
    bool below_a_mirror(const Vertex& vertex) const;

    StartContext context_;
    Hooks hooks_;
    State state_ = State::waiting;
    std::string reason_;
    std::string told_wait_;  ///< the last `start-waits`: told again only when the reason changes
    bool begun_ = false;
    bool ended_ = false;
    std::string moved_;            ///< what has changed since the peek, so that the attempt begins again
    bool decided_ = false;         ///< records of the attempt are being written
    bool new_order_ = false;       ///< since the attempt began
    bool order_begun_ = false;     ///< members may have a record that an order led to, and the start is not established
    bool way_out_told_ = false;    ///< the last look at what is there found what to start from with loss of data
    bool decides_ = false;         ///< what the journal says of itself; decides() is what counts
    bool journal_behind_ = false;  ///< another head has gone on with a lower epoch; until this one has served
    bool journal_void_ = false;    ///< it is of the side that `resolve` gives up, and decides for no mirror
    std::uint64_t attempt_ = 0;
    TimePoint opened_at_;
    std::vector<Vertex*> inner_;  ///< linears and mirrors, children before parents
    std::size_t next_inner_ = 0;
    std::size_t next_record_ = 0;
    std::vector<LeafFinding> findings_;
    std::vector<Peek> peeks_;
    /// Media that an attempt found in each other's places: it began again without them.
    struct Swapped {
        std::size_t leaf;
        Id medium;
        std::string why;
    };
    std::vector<Swapped> swapped_;
    UnwritableDisks unwritable_;
    /// Mirrors in the order of Tree::mirrors(), wherever they lie in memory: a start goes the same way every time.
    struct InTreeOrder {
        bool operator()(const Vertex* one, const Vertex* other) const noexcept {
            return std::pair(one->mirror != nullptr, one->index) < std::pair(other->mirror != nullptr, other->index);
        }
    };
    std::map<const Vertex*, MirrorWork, InTreeOrder> work_;
    std::vector<const Vertex*> forcing_;   ///< mirrors that may start with loss of data in this attempt
    StartOrder taken_ = StartOrder::none;  ///< the order that went with the journal's last write
    StorageIdentity identity_;
    Epoch epoch_;
    std::function<void()> end_done_;
    Timer timer_;
    Task evaluate_task_;
    Patience patience_;
    Timer stuck_timer_;
};

}  // namespace dst
