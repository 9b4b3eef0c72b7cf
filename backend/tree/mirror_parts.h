#pragma once

#include <boost/intrusive/list.hpp>
#include <deque>

#include "tree/copy_pace.h"
#include "tree/mirror.h"

/// The pieces of a mirror's state, for the files that implement it.
namespace dst {

/// For the journal to take a record; then what waits for it is answered.
constexpr Duration journal_limit = std::chrono::seconds(10);

/// Unmap and write_zeroes go to the members in pieces of this size (M13).
inline constexpr std::uint64_t discard_bytes_max = 32u << 20;

/// What is written again at once, to be equal (M4) or readable (M9). Whoever wants the range waits for it, also over a
/// slow way, where more would take longer than the time after which what hangs is cut off.
inline constexpr std::uint64_t rewrite_piece_bytes = 128u << 10;
/// So many pieces are compared at once (M4).
inline constexpr std::uint64_t compared_pieces_max = 8;
/// So many pieces may wait to be written back after a read error (M9): the next read finds the rest.
inline constexpr std::size_t repairs_max = 512;

/// How long a target's flush may take at least, and how often targets are looked at.
inline constexpr Duration flush_limit_min = std::chrono::seconds(20);
inline constexpr Duration target_look_time = std::chrono::milliseconds(250);

/// A target that makes a writer wait longer is cut off.
inline constexpr Duration writer_waits_max = std::chrono::seconds(1);

/// An answer that says nothing about the request: the way to the member broke, or its disk hung for so long that it was
/// taken down.
constexpr bool is_lost(Errc code) noexcept {
    return code == Errc::disconnected || code == Errc::timed_out || code == Errc::incarnation_changed ||
           code == Errc::cancelled;
}

/// One member's share of one request.
struct Mirror::Part {
    Request request;
    Io* io = nullptr;
    Member* member = nullptr;
    TimePoint sent;
    std::uint64_t arrival = 0;  ///< Member::arrivals when it was sent
    unsigned resends = 0;
    bool abandoned = false;  ///< Rule::m12_buffers is left out: completed while the member may still use it
    boost::intrusive::list_member_hook<> hook;

    static void done(Request& request);
};

/// One request on its way. Pooled.
struct Mirror::Io {
    Mirror* mirror = nullptr;
    Request* outer = nullptr;
    RangeLock::Holder lock;
    bool locked = false;
    SlotWrite* slot = nullptr;  ///< of a map, not data
    RegionRun regions;          ///< that it changes, busy while `counted`
    bool counted = false;
    bool clears = false;       ///< a flush that goes to the targets of a resync too
    bool application = false;  ///< not the mirror's own
    Extent chunk;              ///< what is being carried out: all of the extent, or a piece of a large discard
    unsigned pending = 0;      ///< parts not answered for good
    unsigned abandoned = 0;
    Mask exempt = 0;      ///< flush, map slot: members that did not count as in sync when it was sent
    Mask tried = 0;       ///< read: members that were asked
    Mask awaited = 0;     ///< read: of them, those that were waited for
    Mask chunk_done = 0;  ///< members that carried the chunk out
    Mask done = 0;        ///< members that carried all chunks out
    Mask failed = 0;      ///< members whose part ended in an error, which is in errors
    std::array<Errc, mirror_members_max> errors{};
    std::array<std::uint32_t, mirror_members_max> losses{};  ///< Member::losses when it began
    std::array<Part, mirror_members_max> parts;

    static void granted(RangeLock::Holder& holder);
};

struct Mirror::Member {
    using PartList =
        boost::intrusive::list<Part,
                               boost::intrusive::member_hook<Part, boost::intrusive::list_member_hook<>, &Part::hook>,
                               boost::intrusive::constant_time_size<false>>;

    Member(Mirror& mirror, std::size_t position, const MirrorChild& child);

    Mirror& owner;
    std::size_t index;
    BlockDevice& device;
    std::string name;
    spec::ReadPreference read;
    bool remote;
    unsigned levels;
    MemberMetadata metadata;
    std::uint32_t number = 0;

    // In use:
    Incarnation incarnation;          ///< when it joined
    std::uint64_t acknowledged = 0;   ///< revision of the record
    Id known_generation;              ///< of the last record that it acknowledged
    std::vector<MayHave> may_have;    ///< what its record may be of, what it was given last first
    bool changed = false;             ///< came back with another incarnation, and is not used until judged
    bool doubted = false;             ///< came back changed, and its record has not been seen: it may be an older copy
    bool older = false;               ///< came back changed, and lacks what was flushed, too: the last one, not used
    bool told_older = false;          ///< that an older copy is in its place
    unsigned unread = 0;              ///< times that its record could not be read, so that it may be one
    Timer look_again;                 ///< runs while one of the two is
    std::uint64_t asked_arrival = 0;  ///< of `arrivals`, when it was asked for its record
    bool flush_failed = false;        ///< Rule::m2_flush_drops is left out: may come back changed
    std::uint32_t losses = 0;         ///< times that it came back changed
    std::uint64_t arrivals = 0;       ///< times that it came up
    bool told_up = false;             ///< the last that it said, while its requests may already have ended
    Timer away;                       ///< runs while it is down and may come back as if nothing had been (M14)
    Task give_up;                     ///< ends the parts in `resend`
    PartList outstanding;             ///< sent and not answered, oldest first
    std::size_t awaited = 0;          ///< of them: all but reads
    PartList resend;                  ///< to be sent again when it comes back
    TimePoint answered{-1};           ///< when the newest request that it answered was sent
    TimePoint last_answer{-1};        ///< when it answered last
    TimePoint quiet_since{-1};        ///< that, or when something was sent to it while it had nothing to answer
    TimePoint answering_since{-1};    ///< when it came up, or answered after it had been silent for long
    TimePoint metadata_since;         ///< of the record's write in flight
    bool metadata_in_flight = false;
    TimePoint cut_at{-1};          ///< when it was cut last for what it held
    std::uint64_t stream_end = 0;  ///< where the last read ended
    std::uint32_t reads_in_flight = 0;
    std::uint32_t read_weight = 1;  ///< how many times longer a read takes there than at the fastest member
    TimePoint read_error_told{-1};
    CopyPace pace;                     ///< of a resync, until it is in sync
    std::string reason;                ///< why it is not in sync, or away
    std::string left_for;              ///< what it failed at when it left; empty: it was away
    std::string refused;               ///< why the start did not use it although it was there
    std::optional<Error> start_error;  ///< its disk's, when the start's record or maps were written
    Counters counters;

    // A look at its first block, to see whether it answers while others hang:
    Request probe;
    std::array<std::byte, 16> probe_digest;  ///< one checksum
    Piece probe_piece;
    TimePoint probe_sent;
    Duration read_time{};  ///< that a probe takes, smoothed; zero: not known
    bool probing = false;

    Mask mask() const noexcept { return bit(index); }
    /// What one more read would wait for there.
    std::uint32_t load() const noexcept { return (reads_in_flight + 1) * read_weight; }
    /// It is up and has said so. Before it has, nobody has looked at its incarnation.
    bool is_back() const { return device.up() && told_up; }
    /// It has acknowledged `record`.
    void took(const Record& record) {
        acknowledged = record.revision;
        known_generation = record.generation_id;
        may_have = {may_have_of(record)};
    }
    /// Of what it was given since it acknowledged one, no more can be kept in mind.
    bool takes_no_record() const noexcept { return may_have.size() > may_have_max; }
    /// Reads do not count, neither here nor as an answer: they may come from a memory above a disk that hangs.
    bool has_nothing_to_answer() const noexcept { return awaited == 0 && !metadata_in_flight && !probing; }
};

/// One slot of a map on its way to every member in sync.
struct Mirror::SlotWrite {
    void submit();
    void prepare(Member& member, Request& part);

    Mirror* mirror = nullptr;
    std::size_t table = 0;
    std::uint64_t slot = 0;
    std::vector<std::uint64_t> words;  ///< of the map when the round began
    Mask written = 0;                  ///< members that have it
    Request request;
    std::array<Bytes, mirror_members_max> bytes;
    std::array<Piece, mirror_members_max> pieces;
};

/// Intent bits on their way to be cleared (M4).
struct Mirror::Clear {
    RegionMap regions;
    std::uint64_t losses = 0;      ///< Mirror::losses_ when the flush was submitted
    std::uint64_t admissions = 0;  ///< Mirror::admissions_ then
    Mask targets = 0;              ///< Mirror::targets_ then
    Request flush;
    Callback<void> done;  ///< may be null
};

/// A member that is brought up to date (M8): its maps are read, it is marked in the record, what it is owed is compared
/// and copied piece by piece, and in the end it is promoted.
class Mirror::Resync {
public:
    Resync(Mirror& mirror, Member& member, const Admission& admission);
    ~Resync();

    void begin();
    /// The record that calls it resyncing is durable, on it too.
    void marked();
    /// Nothing is begun any more; goes away when nothing of it is under way.
    void stop();
    /// Something was not answered in time: the next one takes smaller pieces.
    void ask_for_less();
    /// Regions are owed anew.
    void owed(const RegionRun& regions);
    /// The target holds something of the resync's own for too long, or a piece that a writer waits for. To be asked
    /// often: a writer's time counts from the first time that it is seen.
    bool is_held_up();

    bool wants_mark() const noexcept { return step_ == Step::marking; }
    bool wants_promotion() const noexcept { return step_ == Step::adding; }
    bool stopped() const noexcept { return step_ == Step::stopped; }
    bool idle() const noexcept { return under_way_ == 0; }
    Member& member() const noexcept { return member_; }
    const Admission& admission() const noexcept { return admission_; }
    ResyncProgress progress() const;

private:
    enum class Step { reading, marking, copying, promoting, adding, stopped };
    struct Copy;

    RegionMap& owed_map() { return *mirror_.maps_.owed(member_.number); }
    void one_more();
    bool one_less();
    void make_owed_durable();
    bool expects_difference();
    void compared(bool equal);
    void adapt(const Copy& copy, Errc source, Errc target);
    bool all_differ() const noexcept;
    std::size_t most_at_a_time() const;
    void pump();
    std::optional<Extent> next_piece();
    void copied(Copy& copy, Errc source, Errc target);
    void flush_target(void (Resync::*then)(Errc));
    void flush();
    void flushed(Errc code);
    void promote();
    void maps_copied();
    void maps_synced();
    void promotion_flushed(Errc code);
    void back_to_copying();

    Mirror& mirror_;
    Member& member_;
    Admission admission_;
    Step step_ = Step::reading;
    std::uint64_t piece_ = 0;  ///< the next one to look at, from the beginning of the region `region_`
    std::uint64_t region_ = 0;
    std::deque<Extent> split_;         ///< not equal, and more than may be copied at once
    std::vector<std::uint64_t> left_;  ///< bytes of each region, once taken, that are not equal yet
    RegionMap taken_;                  ///< its pieces have been begun
    RegionMap again_;                  ///< owed anew while it was copied; tried again at once
    RegionMap broken_;                 ///< some piece could not be read; tried again later
    RegionMap copied_;                 ///< equal, and not flushed yet
    RegionMap flushing_;               ///< of copied_: the flush that runs covers them
    bool flush_runs_ = false;
    std::optional<TimePoint> flush_sent_;  ///< to the target, and not answered
    std::uint64_t unflushed_bytes_ = 0;
    unsigned differing_ = 0;  ///< pieces that were compared since one was equal
    unsigned expected_ = 0;   ///< pieces since they all differ
    std::vector<std::unique_ptr<Copy>> copies_;
    std::size_t transferring_ = 0;  ///< of them: not only compared
    std::size_t under_way_ = 0;     ///< copies, flushes and other orders that have not answered
    std::uint64_t total_bytes_ = 0;
    TimePoint begun_;
    Timer pump_timer_;
};

/// One piece, under a lock that keeps writers away.
struct Mirror::Resync::Copy {
    explicit Copy(Resync& resync) : owner(resync) {}

    void run();
    void compared();
    void transfer();
    void read();
    void write();
    void step_ended();
    void end(Errc source, Errc target);
    void send(Request& request, void (*done)(Request&));

    Resync& owner;
    std::uint64_t region = 0;
    Extent extent;
    RangeLock::Holder holder;
    TimePoint begun;
    std::uint64_t change = 0;              ///< CopyPace::change() when it was read
    bool transferred = false;              ///< not only compared
    bool part = false;                     ///< of one that was compared, and more than may be copied at once
    bool split = false;                    ///< it is such a one: nothing was copied
    TimePoint step_begun;                  ///< the comparison, the read or the write
    Duration longest_step{};               ///< of the last two, when they were answered
    std::optional<TimePoint> sent;         ///< to the target, and not answered
    std::optional<TimePoint> writer_seen;  ///< waits for the piece since then
    unsigned pending = 0;
    std::array<Request, 2> requests;  ///< of the source and of the target
    std::array<std::array<std::byte, 16>, 2> sums{};
    std::array<Piece, 2> sum_pieces;
    Bytes bytes;
    Piece piece;
};

/// A record without the failed members on its way to the journal and the others (M2), or with one more (M8).
struct Mirror::Change {
    Record next;
    std::uint64_t attempt = 0;
    bool in_journal = false;
    bool superseded = false;  ///< more members failed: a newer record follows as soon as the step ends
    Mask pending = 0;         ///< members in sync that have not acknowledged `next`
    Mask left_out = 0;        ///< members that failed before it was made
    Mask marked = 0;          ///< targets that it calls resyncing for the first time, written after those in sync
    Mask joiner = 0;          ///< the target that it calls in sync (M8), written after those in sync
    Mask late = 0;            ///< of `marked` and `joiner`: to be written yet
    bool late_begun = false;
    bool redraw = false;  ///< it says that the last members may have lost something (Mirror::redraw_medium_)
    bool ending = false;  ///< an addition is on all members, and goes to the journal
};

}  // namespace dst
