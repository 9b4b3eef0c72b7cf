#pragma once

#include <functional>
#include <memory>
#include <string>

#include "asio/asio_loop.h"
#include "asio/worker.h"
#include "block/events.h"
#include "block/raw_medium.h"
#include "disk/options.h"

namespace dst {

class DiskEngine;
struct OpenedMedium;

/// A file or block device of this machine, through io_uring; O_DIRECT where the medium can. Locked against every other
/// opener while open. Goes down when the medium vanishes or shrinks, when a flush fails (what was acknowledged since
/// the flush before may be lost: its incarnation is another one afterwards), and when it holds a request for too long.
///
/// M12: see DiskOptions::own_buffers. A disk that is closed or goes down while the kernel still holds requests keeps
/// the descriptor, its lock and its own buffers until the kernel has let go, on a thread of its own if need be; until
/// then the medium cannot be opened again (busy).
class FileDisk final : public RawMedium, private LoopSource {
public:
    FileDisk(AsioLoop& loop, EventSink& events, std::string path, DiskOptions options);
    ~FileDisk() override;

    void open() override;
    void probe(Callback<Probe> done) override;
    void look_at_name(std::function<void(NameFinding)> done) override;
    const std::string& name() const override { return path_; }

    const Geometry& geometry() const override { return geometry_; }
    bool up() const override { return state_ == State::up; }
    Incarnation incarnation() const override { return incarnation_; }
    void submit(Request& request) override;
    /// With own_buffers every request ends at once; it comes up again when the kernel has let go and it is opened.
    void cut(const Error& why) override;
    void close(std::function<void()> closed) override;

    /// True when the kernel's page cache is bypassed; valid while up.
    bool direct() const noexcept;
    /// True when reads go through the page cache all the same; valid while up.
    bool cached_reads() const noexcept;

private:
    static constexpr Duration call_limit_max = std::chrono::seconds(20);
    enum class State { down, opening, up, closing, closed };

    // Completions are taken from the ring's memory while the loop is awake; its descriptor wakes the loop.
    bool look() override;

    void start_opening();
    void opened(Result<OpenedMedium> medium);
    void tell_down(const Error& why);
    void pump();
    bool start_waiting();
    void look_after();
    void tell_failure();
    void tick();
    void check_hang();
    bool medium_stands();
    void look_for_deletion();
    void go_down(const Error& why, Errc unanswered);
    void give_back_waiting(Errc code);
    void end_probe(Result<Probe> result);
    void end_look(NameFinding found);
    void give_up_looks(const Error& why);
    void drained();
    void abandon_engine();

    AsioLoop& loop_;
    EventSink& events_;
    std::string path_;
    DiskOptions options_;
    State state_ = State::down;
    Geometry geometry_;
    Incarnation incarnation_;
    std::unique_ptr<Worker> worker_;
    std::unique_ptr<DiskEngine> engine_;  ///< stays while the kernel holds requests, up or not
    RequestList waiting_;                 ///< not yet with the engine
    Callback<Probe> probed_;
    std::function<void(NameFinding)> name_seen_;
    std::weak_ptr<NameFinding> name_look_;  ///< set: a thread has not come back from it
    Task pump_;
    Task down_notice_;
    Error why_down_;
    Timer tick_;
    Timer call_limit_;  ///< of the worker's call: opening, probing or looking
    Timer retry_;
    Timer grace_;
    std::uint64_t call_ = 0;
    bool active_ = false;  ///< something was asked since the last tick
    bool warned_hang_ = false;
    bool warned_deleted_ = false;
    Errc told_failure_ = Errc::ok;
    TimePoint failure_told_;
    std::function<void()> closed_;
};

}  // namespace dst
