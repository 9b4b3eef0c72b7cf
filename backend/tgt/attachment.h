#pragma once

#include <memory>
#include <optional>

#include "asio/asio_loop.h"
#include "tgt/lun.h"
#include "tgt/port.h"

namespace dst::tgt {

/// The storage's side of a Port: takes commands from it, has a Lun carry them out, sends them back. Made, used and
/// destroyed on the storage's thread.
class Attachment final : public std::enable_shared_from_this<Attachment>, private LoopSource {
public:
    Attachment(AsioLoop& loop, BlockDevice& root, const Lun::Config& config, std::shared_ptr<Port> port);
    ~Attachment() override;

    /// Takes what was handed over, and waits for more.
    void start();
    /// Takes nothing more and ends what is in flight (Lun::close()). Keeps itself alive until the last command is on
    /// its way back. Comes before the root's close().
    void close();

private:
    // While the storage's thread is awake it looks into the ring itself, and tgtd need not ring.
    bool look() override { return drain(); }
    void sleeps() override { port_->storage_bell.sleep(); }
    void awake() override { port_->storage_bell.wake(); }

    bool drain();

    AsioLoop& loop_;
    std::shared_ptr<Port> port_;
    std::optional<Lun> lun_;
    Task ring_task_;  ///< one ring of tgtd's bell for all answers of one turn
};

}  // namespace dst::tgt
