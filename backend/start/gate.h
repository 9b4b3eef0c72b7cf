#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "block/block_device.h"
#include "block/events.h"
#include "block/loop.h"
#include "block/pool.h"
#include "block/range_lock.h"
#include "config/spec.h"

namespace dst {

/// The root device of a storage: orders overlapping requests (M11) and passes them on to the tree while that serves.
///
/// Outermost, it is up from when it is sized and holds what the tree cannot answer for want of a usable member (M10). A
/// held request keeps its range. After on_loss.hold it completes with `not_ready`; when nothing could be answered for
/// on_loss.give_up, requests fail with `io_error` at once, until the tree answers again. That time counts from the last
/// answer, or from when there was something to answer again after a pause: what hangs says nothing for long.
///
/// Of a storage without a write cache (policy: write_cache) every change is passed on as FUA.
///
/// Below another storage it never holds, so that the mirror above can go on with its other members: it is up while the
/// tree serves and is up, goes down with the tree's reason, and passes the tree's errors on as they are. Only `fenced`
/// becomes `disconnected`: whoever is above would take it for a refusal of its own medium, and stop for good (M6).
class Gate final : public BlockDevice, private BlockDevice::Observer {
public:
    enum class Standing { outermost, below_another };

    Gate(Loop& loop, EventSink& events, const spec::Policy& policy, Standing standing);
    ~Gate() override;

    /// Size and blocks do not change any more. Outermost: up from now on.
    void set_geometry(const Geometry& geometry);
    /// The clock of on_loss begins.
    void opened();
    /// Requests go to `tree` from now on; held ones too.
    void serve(BlockDevice& tree);
    /// What the tree's root reports to.
    BlockDevice::Observer& tree_observer() noexcept { return *this; }
    /// For messages: asks whether a part of the storage is lost, while requests to the others are answered.
    void set_part_is_lost(std::function<bool()> part_is_lost) { part_is_lost_ = std::move(part_is_lost); }
    /// Something below has come back.
    void came_back();
    /// When something below the root has answered last. Of a large discard the members answer many pieces before the
    /// root answers, and while one of them is waited for the others are asked whether they answer (M12).
    void set_last_answer_below(std::function<TimePoint()> last) { last_answer_below_ = std::move(last); }
    /// Called, from the loop, when the tree answers `fenced`.
    void set_on_fenced(std::function<void()> fenced) { fenced_ = std::move(fenced); }
    /// Outermost: `unmirrored` gives the incarnations of the disks that no mirror is above; `lost` is called, from the
    /// loop, when one of them came back and may have lost what was not flushed. A mirror says so itself (data_lost()).
    void set_on_data_lost(std::function<std::vector<Incarnation>()> unmirrored, std::function<void()> lost) {
        unmirrored_ = std::move(unmirrored);
        data_lost_ = std::move(lost);
    }
    /// Outermost: what was not flushed may be lost. A flush that came before, or that an initiator was told to send
    /// again and sends now, ends in an error: it would say that those writes are durable.
    void data_lost();
    /// All requests, held and new ones, end with `code`; for good.
    void fail(Errc code);

    bool outermost() const noexcept { return standing_ == Standing::outermost; }
    bool holding() const noexcept { return !held_.empty(); }
    bool given_up() const;
    /// Requests are below, and nothing was answered there for member_timeout.
    bool silent() const;
    /// For people: for how long nothing could be answered, and what comes of it. Empty: something can.
    std::string loss_text() const;
    bool idle() const noexcept { return in_flight_ == 0; }

    const Geometry& geometry() const override { return geometry_; }
    bool up() const override;
    Incarnation incarnation() const override;
    void submit(Request& request) override;
    void close(std::function<void()> closed) override;

private:
    /// One request on its way. Pooled.
    struct Item : boost::intrusive::list_base_hook<> {
        Gate* gate = nullptr;
        Request* outer = nullptr;
        Request inner;
        RangeLock::Holder lock;
        bool locked = false;
        bool was_held = false;
        bool lost = false;  ///< a flush, and data_lost() meanwhile
        TimePoint arrived;
        TimePoint passed;
    };
    using ItemList = boost::intrusive::list<Item, boost::intrusive::constant_time_size<false>>;

    void on_up(BlockDevice& device) override;
    void on_down(BlockDevice& device, const Error& why) override;

    static void granted(RangeLock::Holder& holder);
    static void answered(Request& request);
    void start(Item& item);
    void pass(Item& item);
    void hold(Item& item);
    void finish(Item& item, Errc code);
    Errc as_told(Errc code) const;
    void tick();
    void retry();
    void end_late_ones();
    void tell_silence();
    void cut_stuck();
    TimePoint quiet_since() const;
    std::optional<TimePoint> lost_since() const;
    bool part_is_lost() const { return part_is_lost_ && part_is_lost_(); }
    Errc why_not();
    void found_again();
    void went_on(const Item& item);
    void look_for_loss();
    void goes_on();
    void check_closed();

    Loop& loop_;
    EventSink& events_;
    Standing standing_;
    Duration hold_;
    Duration give_up_;
    Duration member_timeout_;
    Duration stuck_;
    bool write_through_;  ///< every change is FUA
    Geometry geometry_;
    BlockDevice* tree_ = nullptr;
    bool tree_up_ = false;     ///< as last told, below another storage
    Incarnation incarnation_;  ///< of the tree when it came up, below another storage
    std::vector<Incarnation> unmirrored_before_;
    unsigned flushes_put_off_ = 0;  ///< to be sent again, each perhaps by another initiator; none has succeeded since
    unsigned flushes_to_fail_ = 0;
    RangeLock lock_;
    std::unique_ptr<Pool<Item>> items_;
    ItemList passed_;  ///< oldest first
    ItemList held_;
    std::size_t in_flight_ = 0;
    TimePoint busy_since_;  ///< when the first of the requests came that are in flight with no pause since
    TimePoint answered_;    ///< when the tree last answered one
    bool lost_ = true;      ///< it could not: nothing was answered since lost_since_
    TimePoint lost_since_;
    TimePoint cut_;              ///< when what hangs was cut off last
    TimePoint last_loss_;        ///< when a request last met the loss
    bool told_held_ = false;     ///< and not yet that it goes on
    bool told_gave_up_ = false;  ///< the same
    std::size_t were_held_ = 0;  ///< requests in flight that were held at least once
    bool opened_ = false;
    bool closing_ = false;
    Errc failed_ = Errc::ok;
    Timer timer_;
    Task fenced_task_;
    std::function<void()> fenced_;
    std::function<std::vector<Incarnation>()> unmirrored_;
    std::function<void()> data_lost_;
    std::function<TimePoint()> last_answer_below_;
    std::function<bool()> part_is_lost_;
    std::function<void()> closed_;
};

}  // namespace dst
