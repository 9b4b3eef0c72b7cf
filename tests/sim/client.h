#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block/block_device.h"
#include "oracle.h"
#include "trace.h"

namespace dst::sim {

struct ClientOptions {
    unsigned depth = 8;  ///< requests in flight at most
    std::uint64_t request_bytes_max = 64u << 10;
    std::uint64_t hot_bytes = 256u << 10;  ///< most requests go to this part, so that they overlap
    std::uint64_t large_bytes_max = 0;     ///< a few requests are as large as that, discards more often; 0: none
    std::vector<std::uint64_t> seams;      ///< a part of the requests lies around these places
    Duration think_max = std::chrono::milliseconds(20);
    bool write_through = false;  ///< the storage has no write cache: what is answered is durable
    bool may_overlap = true;     ///< false: the device does not order requests (a bare leaf)
    Duration answer_limit = std::chrono::seconds(240);
    /// What a head promises that holds requests (M10); none of a bare leaf.
    struct Loss {
        Duration hold;      ///< on_loss.hold
        Duration give_up;   ///< on_loss.give_up
        Duration cut;       ///< what hangs below is cut off then
        Duration patience;  ///< one that is away may be back at once (M14)
        Duration journal;   ///< one that hangs is given so long
    };
    std::optional<Loss> loss;
    std::function<void()> before_verdict;  ///< called when a read looks wrong, before it is judged for good
};

/// What all clients of a storage share: one after another, or two heads' at once.
struct SharedCounts {
    std::uint64_t sequence = 0;  ///< of requests
    Value value = 0;             ///< of writes
    std::uint64_t submitted = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    TimePoint silent_until;  ///< nothing is sent before
    TimePoint last_sent;
};

/// Random requests against one device, checked against the oracle: values of reads (M1, M9), order (M11), buffers after
/// completion (M12), an answer in bounded time.
class Client {
public:
    Client(Trace& trace, std::string name, Oracle& oracle, SharedCounts& counts, const ClientOptions& options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Sends requests to `device` until stop() or abandon().
    void start(BlockDevice& device);
    /// Sends no new requests; those in flight are awaited.
    void stop() noexcept { device_ = nullptr; }
    /// Those in flight are answered as a head that ends does it.
    void head_closes() noexcept { head_closes_ = true; }
    /// The head died: nothing of what is in flight counts as answered. The device still completes its requests.
    void abandon();
    /// Another head serves from now on: nothing of what is in flight counts any more, and what is sent later must not
    /// succeed (M6).
    void supersede();
    /// What was not flushed may be lost: no flush that was sent before may succeed (M10).
    void data_lost();
    /// It is lost, and data_lost() must come before a flush that is sent from now on may succeed.
    void part_lost() { untold_since_ = counts_.sequence; }
    /// Neither abandoned nor superseded.
    bool current() const noexcept { return !abandoned_ && !superseded_; }
    bool idle() const noexcept { return flights_.empty(); }
    /// Looks whether anything touched memory that was given back. Before such memory goes, it is looked at in any case.
    void check_memory();
    /// Looks for requests that take too long. `lost`: nothing of the storage is there, as far as its head knows.
    void check_answers(bool lost);
    /// The head says that it gives up (M10).
    void gave_up();

private:
    struct Flight;

    void next();
    void send();
    Extent pick_extent();
    Extent pick_large(Operation operation);
    bool busy(const Extent& extent) const;
    void prepare(Flight& flight);
    void disown();
    static void done(Request& request);
    void finished(Flight& flight);
    void judge(Flight& flight);
    static bool conflict(const Flight& one, const Flight& other);
    void check_order(const Flight& flight);
    void retire(Flight& flight);
    Duration waited(const Flight& flight) const;
    void check_loss(const Flight& flight);
    void check_not_ready(const Flight& flight);
    TimePoint quiet_since() const { return std::max(busy_since_, answered_); }
    std::string describe(const Flight& flight) const;

    Trace& trace_;
    SimLoop& loop_;
    std::string name_;
    Oracle& oracle_;
    SharedCounts& counts_;
    ClientOptions options_;
    BlockDevice* device_ = nullptr;
    bool abandoned_ = false;
    bool superseded_ = false;
    bool head_closes_ = false;
    bool gave_up_ = false;                       ///< and nothing has succeeded since
    std::optional<std::uint64_t> untold_since_;  ///< since this request a part has lost what was not flushed
    TimePoint busy_since_;                       ///< since when there has always been something in flight
    TimePoint succeeded_;
    TimePoint answered_;                   ///< with an error as well, as long as it has not given up
    std::optional<TimePoint> met_loss_;    ///< one was to be sent again, and nothing has succeeded since: since when
                                           ///< nothing had
    std::optional<TimePoint> lost_since_;  ///< as check_answers() was told
    std::list<std::unique_ptr<Flight>> flights_;
    std::deque<std::unique_ptr<Flight>> retired_;  ///< memory that nobody may touch any more
    Timer timer_;
};

}  // namespace dst::sim
