#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/block_device.h"
#include "block/counters.h"
#include "block/events.h"
#include "block/loop.h"
#include "block/pool.h"
#include "block/range_lock.h"
#include "block/status.h"
#include "config/spec.h"
#include "media/record.h"
#include "media/region_map.h"
#include "tree/member_metadata.h"
#include "tree/mirror_environment.h"
#include "tree/mirror_maps.h"
#include "tree/piece_map.h"

namespace dst {

/// N copies (docs/mirror.md). Three steps of life, driven by the engine: unopened (down); standing on a record, where
/// it answers reads from the members in use, for what lies above and has to be chosen yet; serving, where M1 and M2
/// hold: a change is acknowledged when all members have it that the durable record calls in sync.
///
/// Serving, it is up while a member in use is. With none it answers `disconnected` and its parent, in the end the
/// root, decides what to do with the request.
class Mirror final : public BlockDevice, private BlockDevice::Observer {
public:
    Mirror(const MirrorEnvironment& environment, std::string name, std::vector<MirrorChild> children);
    ~Mirror() override;

    const std::string& name() const noexcept { return name_; }
    std::size_t children() const noexcept { return members_.size(); }
    BlockDevice::Observer& child_observer() noexcept { return *this; }

    // --- Opening, for the engine (start/).

    /// The number in the record of child `index`; 0: not known, or not a member. While it serves only of one that
    /// was never in use: a child that has the number, and was not either, takes this one's instead.
    void set_number(std::size_t index, std::uint32_t number);
    std::uint32_t number(std::size_t index) const;
    MemberMetadata& metadata(std::size_t index);
    /// What a journal remembers, while nothing has been reached.
    void assume(const Record& record);

    /// Stands on `record` with the children in `used` (a bit per index): all of them are in sync by the record and up.
    void stand(const Record& record, std::uint32_t used);
    /// Why a child that is there is not used, for the user; empty takes it away.
    void set_refused(std::size_t index, const std::string& why);
    /// What lies on the members of a mirror in its maps, merged.
    struct FoundMaps {
        RegionMap intent;             ///< where the last end was not a clean one, the copies may differ (M4)
        std::vector<MemberMap> owed;  ///< of members that are not in sync; one that is missing is owed everything
    };
    /// Standing: without it no region may differ, and members that are not in sync are owed everything.
    void take_maps(const FoundMaps& found);
    /// M5 step 7: makes `record` and the maps durable on every member in use, and the record on the children in
    /// `leaving`, which serve() is told to drop; that the disk of one of those cannot write it is no error.
    void write_start_record(const Record& record, std::uint32_t leaving, Callback<void> done);
    /// Of the last write_start_record(): why child `index`, in use, did not take it, where its disk could not.
    const std::optional<Error>& start_error(std::size_t index) const;
    /// From here on M2. The children in `drop`, in sync by the record and not in use, leave before anything is
    /// answered; `done` says that they have, and that the mirror is up.
    void serve(std::uint32_t drop, Callback<void> done);
    /// Back to unopened; requests in flight complete with `disconnected` as the members answer them.
    void stop();
    /// A clean end: members in use flush, and their intent maps say that nothing differs but what is not reconciled
    /// yet. No request may be in flight.
    void settle(Callback<void> done);

    // --- Coming back, for the engine.

    /// Serving: child `index` is a member by the record, is not in sync, no change of record or resync of it is under
    /// way, and a member in sync is there to copy from: the engine may look at it (M7).
    bool wants_back(std::size_t index) const;
    struct Admission {
        bool everything = false;  ///< owed everything: a new medium below, an older copy, or another place of the line
        std::vector<RecordLeaf> leaves;  ///< as they are now
        MayHave has;                     ///< its own record; a nil generation: it has none
    };
    /// M8: the child is up, its labels and its record are in order, the epoch is promised on all leaves below. Brings
    /// it up to date and makes it in sync. When it fails meanwhile wants_back() is true again.
    void admit(std::size_t index, const Admission& admission);
    /// Serving: child `index` is in sync by the record, was not there at the start, and nothing was changed since, so
    /// that it has missed nothing but the start's record and maps.
    bool missed_nothing(std::size_t index) const;
    /// It has passed M7's checks, and its intent map is empty: writes record and maps to it, and uses it. Error
    /// `changed`: something was changed meanwhile, or it was lost; then it is not used.
    void take_in(std::size_t index, const std::vector<RecordLeaf>& leaves, Callback<void> done);
    /// missed_nothing(), but it cannot be used as it is: it leaves now (M2), and wants_back() follows.
    void leave_out(std::size_t index, const std::string& why);
    /// In sync, down, and it can never come back as it was: it leaves now, whatever it has missed (M2), when another
    /// member in sync is there, and wants_back() follows.
    void lost_for_good(std::size_t index, const std::string& why);
    /// Owed everything, durably on all members in sync (M7: before a blank medium is labelled).
    void owe_everything(std::size_t index, Callback<void> done);

    const Record& record() const noexcept { return record_; }
    bool serving() const noexcept { return state_ == State::serving; }
    /// Nothing of it is under way: after stop(), it may stand again.
    bool idle() const noexcept;

    // --- Status.

    /// The children's states and reasons, in the children's order; other fields are left to the caller.
    struct ChildStatus {
        VertexState state = VertexState::unreachable;
        std::string reason;    ///< why it is not in sync now; empty while it is down: the device below knows better
        std::string left_for;  ///< what it failed at when it left, although it was there
        std::optional<ResyncProgress> resync;
    };
    ChildStatus child_status(std::size_t index) const;
    bool degraded() const noexcept;
    const Counters& counters(std::size_t index) const;
    /// Serving, and down: all that is left in sync came back without what was flushed, and is not used (M10). It does
    /// not come up by itself, unless the newest media are put back.
    bool holds_older_data() const;
    /// When a member answered something other than a read last; before the first one, and while nobody can be asked,
    /// long ago.
    TimePoint last_answer() const noexcept;

    // --- BlockDevice.

    const Geometry& geometry() const override { return geometry_; }
    bool up() const override;
    Incarnation incarnation() const override;
    void submit(Request& request) override;
    void cut(const Error& why) override;
    /// Completes what is in flight as the members answer it; does not close the children.
    void close(std::function<void()> closed) override;

private:
    enum class State { unopened, standing, serving, closing };
    struct Member;
    struct Part;
    struct Io;
    struct Change;
    struct SlotWrite;
    struct Clear;
    class Rewrite;
    class Reconcile;
    class Repair;
    class Resync;

    /// A bit per child.
    using Mask = std::uint32_t;
    static constexpr Mask bit(std::size_t index) noexcept { return Mask{1} << index; }

    // mirror.cc: life and state
    void take_record(const Record& record);
    void take_geometry();
    void write_all_maps(Member& member, std::size_t table, Callback<void> done);
    void start_written(Member& member, const Result<void>& written, const Callback<void>& ended);
    Mask reachable() const;
    std::string why_dirty(const Member& member) const;
    /// False for the last one (M10): it is never called dirty.
    bool may_fail(const Member& member) const;
    bool another_is_there(const Member& member) const;
    void announce();
    void check_closed();

    // mirror_members.cc: children coming and going (M14), holding requests too long
    void on_up(BlockDevice& device) override;
    void on_down(BlockDevice& device, const Error& why) override;
    Member& member_of(const BlockDevice& device);
    void returned(Member& member);
    void returned_changed(Member& member);
    void judge_changed();
    Mask older_data_below(Mask changed) const;
    Mask other_files(Mask last) const;
    bool may_be_read_soon(Mask unread, Mask readable) const;
    Mask same_files(Mask of) const;
    void tell_older_data(Mask older);
    std::optional<Mask> see_records(Mask changed);
    void see_record(Member& member);
    bool is_older(const Member& member, const FoundRecord& found) const;
    void tell_older(Member& member);
    void unread(Member& member);
    void look_again(Member& member);
    bool takes_record(const Member& member) const;
    bool marked_unknown() const;
    bool may_return(Member& member);
    bool anybody_left();
    void away_too_long(Member& member);
    bool another_is_silent() const;
    void resend_all(Member& member);
    void give_up_resending(Member& member);
    Duration watch_time() const;
    void watch();
    void watch_member(Member& member);
    void watch_left(Member& member);
    bool is_last_resort(const Part& part) const;
    void watch_held(Member& member, TimePoint since, Duration limit);
    void asked(Member& member);
    void heard(Member& member, TimePoint sent);
    void answers_again(Member& member);
    bool answers(const Member& member) const;
    void abandon(Member& member);
    void probe(Member& member);
    Duration limit_of(const Member& member, Operation operation) const;

    // mirror_pace.cc: M9, members that answer late
    void watch_pace();
    void look_at_pace();
    static void paced(Member& member, Duration time);
    void judge_pace();

    // mirror_io.cc: one request
    void start(Io& io);
    void start_read(Io& io);
    Member* choose_reader(const Io& io);
    Member* choose_awaited(Io& io);
    void fan_out(Io& io);
    Part& prepare(Io& io, Member& member);
    void send(Part& part);
    void answered(Part& part, Errc code);
    bool should_resend(Part& part, Errc code);
    void gather_read(Io& io, Member& member, Errc code);
    void gather_change(Io& io);
    void acknowledge_or_wait(Io& io);
    void report_fenced(const Member& member);
    static Errc joint_error(const Io& io, Mask members);
    void finish(Io& io, Errc code);

    // mirror_intent.cc: M3, M4, and the maps on the members
    void start_change(Io& io);
    void set_ahead(const Extent& extent);
    void set_around(const RegionRun& regions);
    void intents_written();
    void sync_maps(Callback<void> done);
    void write_maps();
    void slot_written(SlotWrite& slot, Errc code);
    void maps_written();
    void look_for_idle();
    void begin_clear(const RegionMap& regions, Callback<void> done);
    void clear_flushed(Errc code);
    void clear_owed();
    void clear_intents();
    void clear_ended(const Result<void>& result);
    bool has_target(Mask targets, std::uint32_t number) const;
    bool is_region_unreconciled(std::uint64_t region) const;
    RegionMap reconciled(const RegionMap& regions) const;

    // mirror_reconcile.cc: M4
    bool is_unreconciled(const Extent& extent) const noexcept;
    void mark_unreconciled(const Io& io);
    void mark_unreconciled(const Extent& extent);
    void mark_intents_unreconciled();
    void made_equal(const RegionRun& pieces);
    void lock_io(Io& io);
    void reconcile_before(Io& io);
    void reconcile_asked(Io& io);
    void reconcile_failed(Io& io, Errc code, const RegionRun& pieces);
    Extent in_whole_blocks(const Extent& extent) const noexcept;
    void reconcile_next();
    bool must_flush_first() const noexcept;
    void reconcile_ended(Reconcile& reconcile, Errc code);
    void submit_own(Request& request, Mask members, SlotWrite* slot = nullptr);

    // mirror_repair.cc: M9
    void want_repair(const Extent& extent, Mask broken_members);
    void repair_ended(Repair& repair, Errc code);

    // mirror_targets.cc: M8
    Resync* resync_of(const Member& member) const;
    void reap_resyncs();
    void stop_resyncs();
    void drop_target(Member& member, const std::string& why);
    void leave_change(Mask targets);
    void owe(const RegionRun& regions, Mask members);
    void watch_targets();

    // mirror_late.cc: in sync, and not there at the start
    void record_late();
    bool use_late(Member& member, const std::vector<RecordLeaf>& leaves);

    // mirror_change.cc: M2, and the additions of M8
    void fail_member(Member& member, const std::string& why);
    void request_change();
    void begin_change();
    void note_coming(Record& kept) const;
    Record next_record() const;
    void journal_kept(std::uint64_t attempt, const Result<void>& kept);
    void take_over_addition();
    void write_record_to(Member& member, void (Mirror::*written)(Member&, std::uint64_t attempt, const Result<void>&));
    void write_to_member(Member& member);
    void write_to_targets();
    void target_written(Member& member, std::uint64_t attempt, const Result<void>& written);
    void addition_kept(std::uint64_t attempt);
    void member_written(Member& member, std::uint64_t attempt, const Result<void>& written);
    void step_ended();
    void keep_acknowledged();
    void change_done();
    void change_failed(const Error& why);
    void journal_stalls();
    void tell_record_failed(bool nothing_known, const Error& why);
    void retry_change();
    bool only_others_there() const;
    bool waits_for_failed() const;
    bool take_back_changed();
    void lost_something(Member& member);
    bool may_be_taken_back(const Member& member) const;
    bool take_back();
    void release_waiting();
    void release_held(Errc code);

    MirrorEnvironment environment_;
    Loop& loop_;
    std::string name_;
    std::vector<std::unique_ptr<Member>> members_;
    Geometry geometry_;
    State state_ = State::unopened;

    Record record_;     ///< the newest that is durable everywhere it must be
    Record submitted_;  ///< the newest that was given to the journal or a member; the next one descends from it
    Mask in_sync_ = 0;  ///< by record_
    Mask failed_ = 0;   ///< of in_sync_: left out by the next record; nothing is sent to them any more
    Mask joined_ = 0;   ///< checked and promised, whatever became of them since; others are not used

    Mask targets_ = 0;              ///< not in sync, and get every change (M8)
    std::uint64_t admissions_ = 0;  ///< changes of targets_
    Mask left_in_journal_ = 0;      ///< left out by the newest record that the journal took
    Mask unrecorded_ = 0;           ///< in use, and no record on the members knows their incarnation
    Mask doubtful_ = 0;   ///< some record that may be on a member calls them in sync, and none that is durable
    Mask promoting_ = 0;  ///< of them: nothing is acknowledged that they do not have
    std::vector<std::unique_ptr<Resync>> resyncs_;
    Timer target_timer_;
    Task reap_task_;
    std::size_t application_ = 0;  ///< requests of others in flight

    std::unique_ptr<Change> change_;
    std::uint64_t attempts_ = 0;
    Timer retry_timer_;
    Timer journal_timer_;         ///< the journal takes no longer than that, or hangs
    Duration retry_time_{};       ///< of the next one that fails; zero: none has failed since the last that was done
    bool given_ = true;           ///< some member may have submitted_, or its id is noted as a coming one
    Callback<void> served_;       ///< waits for the members that leave at the start
    bool redraw_medium_ = false;  ///< the next record names a new medium: something may be lost below (incarnation)
    bool stalled_ = false;        ///< the journal has not taken the change's record for long
    bool redraw_file_ = false;    ///< and all that it stands on are other files, which may be older (same_file())

    RangeLock lock_;
    std::uint64_t changes_sent_ = 0;  ///< to the members in use
    std::unique_ptr<Pool<Io>> ios_;
    std::size_t in_flight_ = 0;
    std::vector<Io*> waiting_;         ///< carried out, but the record is not durable yet (M2)
    std::vector<Io*> record_waiting_;  ///< hold their range until the members' record knows their incarnations (M2)
    std::uint64_t rotation_ = 0;
    std::size_t last_reader_ = 0;  ///< the member that was asked last

    MirrorMaps maps_;
    std::vector<std::unique_ptr<SlotWrite>> slot_writes_;  ///< of the round that is under way
    std::size_t slots_in_flight_ = 0;
    Errc round_error_ = Errc::ok;
    std::vector<Callback<void>> synced_;       ///< wait for the round that is under way
    std::vector<Callback<void>> synced_next_;  ///< wait for the next one
    std::vector<Io*> intent_waiting_;          ///< hold their range until their intent bits are durable (M3)
    std::unique_ptr<Clear> clear_;
    std::uint64_t change_end_ = 0;  ///< where the last change of others ended
    std::uint64_t bits_set_ = 0;    ///< by changes of others, since idle ones were looked for
    std::uint64_t losses_ = 0;      ///< times that some member came back changed
    Task maps_task_;
    Timer idle_timer_;

    PieceMap unreconciled_;             ///< pieces that may differ between members in sync (M4), of 128 KiB each
    std::uint64_t doubts_ = 0;          ///< times that some were added
    std::uint64_t doubts_flushed_ = 0;  ///< of them: what members held then has been flushed since (write_through)
    std::vector<std::unique_ptr<Reconcile>> reconciling_;
    std::unique_ptr<Reconcile> background_;
    std::uint64_t reconcile_at_ = 0;      ///< the piece where the background goes on
    std::uint64_t compared_at_once_ = 1;  ///< pieces
    RegionRun not_whole_;                 ///< those for which a read waited last and that could not be made equal
    TimePoint not_whole_at_;
    bool settling_ = false;
    Timer reconcile_timer_;

    std::vector<std::unique_ptr<Repair>> repairs_;  ///< the first one is under way (M9)
    std::uint64_t repaired_bytes_ = 0;              ///< told when all are done

    Mask slow_ = 0;  ///< read from only when there is no other
    bool reads_since_look_ = false;
    Timer pace_timer_;

    Timer watch_timer_;
    Task announce_task_;
    Task fenced_task_;
    std::string fenced_by_;
    bool announced_up_ = false;
    std::function<void()> closed_;
};

}  // namespace dst
