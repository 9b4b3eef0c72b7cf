#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/counters.h"
#include "block/events.h"
#include "block/leaf.h"
#include "block/link.h"
#include "block/loop.h"

namespace dst {

struct RemoteLeafOptions {
    std::string name;                                     ///< as the YAML names it: host:port/export
    std::string export_name;                              ///< at most 255 bytes
    unsigned connections = 1;                             ///< 1..8, requests spread over them
    Duration connect_timeout = std::chrono::seconds(3);   ///< for name look-up, link and HELLO together
    Duration answer_timeout = std::chrono::seconds(8);    ///< for OPEN and everything beside the data path
    Duration request_timeout = std::chrono::seconds(60);  ///< for reads, writes, flushes
    Duration ping_interval = std::chrono::seconds(1);     ///< of silence, until a ping is sent
    Duration ping_timeout = std::chrono::seconds(10);     ///< of silence with a ping unanswered, until it is cut
    Duration backoff_min = std::chrono::milliseconds(100);
    Duration backoff_max = std::chrono::seconds(5);
    std::size_t request_bytes_max = 8u << 20;  ///< larger requests are split; a multiple of 64 KiB
    std::string program = "dst";               ///< for the netnode's messages
};

class RemoteLeafImpl;

/// A disk or tree that a netnode exports, over one or more links. Reconnects by itself, with back-off and jitter, until
/// it is closed. All its connections are one group: it is up when the first one stands, and when an open one breaks all
/// are cut, every unanswered request completes with `disconnected` (M12: no socket touches its memory any more), and
/// it is down until the netnode has confirmed that nothing of the old group is queued or running (M7, M14).
/// Answers `fenced` complete their requests with fenced and leave it up; a PING that is fenced takes it down, an OPEN
/// that is fenced leaves it down.
class RemoteLeaf final : public Leaf {
public:
    RemoteLeaf(Loop& loop, EventSink& events, RemoteLeafOptions options, LinkFactory make_link);
    ~RemoteLeaf() override;

    const Geometry& geometry() const override;
    bool up() const override;
    Incarnation incarnation() const override;
    void submit(Request& request) override;
    void cut(const Error& why) override;
    void close(std::function<void()> closed) override;

    const std::string& name() const override;
    void open() override;
    void assume_geometry(const Geometry& geometry) override;
    void set_identity(const LeafIdentity& identity) override;
    const Error& last_error() const override;
    bool found_another() const override;
    void peek(Callback<Peek> done) override;
    void probe(Callback<Probe> done) override;
    void promise(const Peek& seen, const Epoch& epoch, Callback<LabelImage> done) override;
    void mark_served(const Epoch& epoch, Callback<LabelImage> done) override;
    void write_label(const Peek& seen, const LabelImage& image, Callback<LabelImage> done) override;

    const Counters& counters() const noexcept;

private:
    friend class RemoteLeafImpl;
    std::unique_ptr<RemoteLeafImpl> impl_;
};

}  // namespace dst
