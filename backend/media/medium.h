#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/events.h"
#include "block/leaf.h"
#include "block/loop.h"
#include "block/raw_medium.h"
#include "media/label.h"
#include "media/label_area.h"

namespace dst {

/// One medium with its label area and its epochs (M6): keeps two heads from writing it at once. A netnode has one per
/// export, with a session per connection; a head's LocalLeaf has its own. Reopens a raw medium that went down with a
/// growing back-off, and reads the label before it is up again, since it may be another disk (see Gate). One that is up
/// gives way to what its name stands for now when it is looked at (peek) and nobody uses it.
///
/// Runs on one Loop's thread. Outlives its sessions. No callback runs inside the call that started it.
class Medium : private BlockDevice::Observer {
public:
    /// One opener: a netnode connection, or a head's own local leaf.
    class Session {
    public:
        virtual ~Session() = default;

        /// Refuse everything new with `fenced`, and call `ended` once, never from inside, when nothing of this session
        /// is queued or running any more. Detaching counts as ended. `by` is the epoch that was promised, or the
        /// session's own when a newer connection replaces this one.
        virtual void fence(const Epoch& by, std::function<void()> ended) = 0;
        /// The medium takes requests; geometry, incarnation and label are known and may differ from before.
        virtual void on_medium_up() = 0;
        virtual void on_medium_down(const Error& why) = 0;

        /// None: may peek, probe, label and read; may write only while the medium carries no label at all (init).
        /// Else what it promised or adopted. Set by Medium.
        Epoch epoch;
        Id connection;         ///< names the connection, for replace(); nil for a local leaf
        std::string opener;    ///< whose it is, for messages: LiveHead::name
        bool closing = false;  ///< its link is gone, it only waits for what still runs: no longer `live`

    private:
        friend class Medium;
        bool wrote_without_epoch_ = false;
    };

    /// How long promise() and replace() wait for sessions to end before they answer busy.
    static constexpr Duration fence_limit = std::chrono::seconds(5);
    static constexpr Duration backoff_min = std::chrono::seconds(1);
    static constexpr Duration backoff_max = std::chrono::seconds(30);
    /// Before a medium that gave way to another one is opened anew: what runs on it ends.
    static constexpr Duration replace_pause = std::chrono::milliseconds(100);

    Medium(Loop& loop, EventSink& events, std::unique_ptr<RawMedium> raw);
    /// After close() has called back, or never opened; no session attached.
    ~Medium() override;
    Medium(const Medium&) = delete;
    Medium& operator=(const Medium&) = delete;

    /// Asked each time before the medium comes up, with the label just read and the geometry found: ok, or why this
    /// medium is not taken; it is then let go and opened again with a growing back-off. To be set before open().
    using Gate = std::function<Error(const LabelChoice& label, const Geometry& found)>;
    void set_gate(Gate gate) { gate_ = std::move(gate); }

    /// Starts opening; sessions hear on_medium_up or on_medium_down. Call once.
    void open();
    /// Ends label operations with `cancelled`, closes the raw medium (whose requests complete), then calls `closed`.
    /// Sessions hear nothing. No other call but detach() afterwards.
    void close(std::function<void()> closed);

    bool up() const noexcept { return state_ == State::up; }
    /// Of the data area: the medium without its label area. Size 0 before it was ever up; the last known while down.
    const Geometry& geometry() const noexcept { return geometry_; }
    Incarnation incarnation() const { return raw_->incarnation(); }
    const std::string& name() const { return raw_->name(); }
    /// Why it is not up; code ok while up or never tried.
    const Error& last_error() const noexcept { return last_error_; }
    /// The label as last read or written.
    LabelState label_state() const noexcept { return area_.choice().state; }
    const Label* label() const noexcept { return area_.choice().label ? &*area_.choice().label : nullptr; }
    const LabelImage& label_image() const noexcept { return area_.choice().image; }

    void attach(Session& session);
    /// Nothing of the session may be queued or running. Its callbacks are not called any more.
    void detach(Session& session);

    /// Whether the session may send `request` now: ok, disconnected (not up), fenced (a higher epoch was promised) or
    /// refused (a write without an epoch of its own, or an epoch that this medium never saw). To be asked for every
    /// request, before submit(). Geometry is the caller's to check (check_request).
    Errc may_submit(Session& session, const Request& request) noexcept;
    /// Passes an allowed request on to the raw medium. An extent outside the data area: invalid_argument. Not up:
    /// disconnected.
    void submit(Request& request);
    /// See BlockDevice::cut: for all sessions together.
    void cut(const Error& why) { raw_->cut(why); }

    /// M5 step 1; see Leaf::peek. Reads both copies of the label anew. Before that it looks at what the medium's name
    /// stands for: when that is another medium, or one of another size, and nobody but the asker uses the one that is
    /// open, it goes down, is opened anew, and the answer is `disconnected`. One that only grew stays while its label
    /// is good. Who peeks uses nothing of it: a head looks at what it does not serve from.
    void peek(Session& asker, Callback<Peek> done);
    void probe(Session& asker, Callback<Probe> done);
    /// M6; see Leaf::promise. Errors: changed, fenced, busy (earlier sessions have not ended within fence_limit; the
    /// promise stands), refused (no valid label), disconnected, and what disks do.
    void promise(Session& session, const Peek& seen, const Epoch& epoch, Callback<LabelImage> done);
    /// A reconnecting head names its epoch: ok when it is the promised one, fenced when a higher one (or the same
    /// number for another head) was promised, refused when the label never saw it, busy while sessions of lower epochs
    /// have not ended, disconnected while not up. On ok the session has the epoch. Answers at once.
    Errc adopt_epoch(Session& session, const Epoch& epoch);
    /// Fences every session with this connection id (never the asker) and answers when they have ended (M7, M14).
    /// Success when there is none; busy after fence_limit.
    void replace(Session& asker, const Id& earlier_connection, Callback<void> done);
    void mark_served(Session& session, const Epoch& epoch, Callback<LabelImage> done);
    /// See Leaf::write_label. The sequence is this class's own: the answer is the label as it lies there. Errors also:
    /// busy while another session with an epoch is alive, invalid_argument for an image that does not decode or is of
    /// a larger medium.
    void write_label(Session& session, const Peek& seen, const LabelImage& image, Callback<LabelImage> done);

private:
    enum class State { idle, opening, reading_label, up, down, closing };
    struct LabelOperation;
    /// A session that was asked to end and has not ended yet.
    struct Fence {
        std::uint64_t id = 0;
        Session* session = nullptr;
    };
    /// Somebody who waits until some sessions have ended.
    struct Waiter {
        Session* asker = nullptr;
        TimePoint deadline;
        Epoch promised;  ///< whose promise it is; a higher one ends the waiting. None: any
        std::vector<std::uint64_t> fences;
        std::function<void(Errc)> done;
    };

    void on_up(BlockDevice& device) override;
    void on_down(BlockDevice& device, const Error& why) override;
    void read_label();
    void label_read(Errc code);
    void try_again_later();
    void refuse(const Error& why);
    void go_down(const Error& why);
    void tell_why_down(const Error& why);
    void reopen();
    void tell(const std::function<void(Session&)>& what);

    void start(std::unique_ptr<LabelOperation> operation);
    void run_next();
    void run_peek();
    void name_seen(NameFinding found);
    void read_for_peek();
    bool gives_way(NameFinding found, const Session* asker) const;
    void open_anew(NameFinding found);
    void run_probe();
    void run_promise(LabelOperation& operation);
    void run_served(LabelOperation& operation);
    void run_write_label(LabelOperation& operation);
    void write(Label label);
    void label_written(Errc code);
    void await_end(LabelOperation& operation);
    Error promise_error(Errc code) const;
    void finish(const Error& error);
    Error check_promise(const LabelOperation& operation) const;
    Error check_write_label(const LabelOperation& operation) const;
    bool still_as_seen(const Peek& seen) const;
    Peek current_peek(const Session& asker) const;
    Error not_up() const;
    std::string label_text() const;
    void tell_copy_bad();

    bool attached(const Session* session) const noexcept;
    void forget_operations(const Session& session);
    void fence_lower(const Session* keep, const Epoch& by);
    void fence(Session& session, const Epoch& by);
    void fence_ended(std::uint64_t id);
    void check_waiters();

    Loop& loop_;
    EventSink& events_;
    std::unique_ptr<RawMedium> raw_;
    LabelArea area_;
    Gate gate_;
    State state_ = State::idle;
    Geometry geometry_;
    Geometry found_;        ///< of the raw medium that is being looked at, becomes geometry_ when it is up
    bool refused_ = false;  ///< the raw medium was taken down for it and has not said so yet
    Error last_error_{Errc::ok, {}};
    Epoch promised_;  ///< of the label; what may_submit() compares
    std::vector<Session*> sessions_;
    std::vector<Fence> fences_;
    std::uint64_t fence_id_ = 0;
    std::vector<Waiter> waiters_;
    std::deque<std::unique_ptr<LabelOperation>> operations_;
    bool running_ = false;  ///< the front operation has begun
    bool reread_ = false;   ///< the medium came up again: its label must be read before it is up
    Task next_task_;
    Task waiters_task_;
    Timer fence_timer_;
    Timer backoff_timer_;
    Duration backoff_ = backoff_min;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  ///< for a probe that outlives a close
};

}  // namespace dst
