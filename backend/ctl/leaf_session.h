#pragma once

#include <memory>
#include <optional>

#include "asio/asio_loop.h"
#include "block/leaf.h"
#include "ctl/inspection.h"

namespace dst::ctl {

/// A leaf used step by step: every member blocks until its answer is there. Opens it without an epoch, so nothing is
/// fenced and nothing can be written.
class LeafSession : public LeafReader, private BlockDevice::Observer {
public:
    LeafSession(AsioLoop& loop, std::unique_ptr<Leaf> leaf);
    ~LeafSession() override;  ///< closes, and waits for it
    LeafSession(const LeafSession&) = delete;
    LeafSession& operator=(const LeafSession&) = delete;

    /// Waits until the leaf is up or says why not.
    Result<void> open(Duration limit);
    Result<Peek> peek();
    Result<Bytes> read(const Extent& extent) override;
    std::uint64_t size_bytes() const { return leaf_->geometry().size_bytes; }

private:
    void on_up(BlockDevice& device) override;
    void on_down(BlockDevice& device, const Error& why) override;

    /// Works on the loop until `flag` is set.
    void wait_for(const bool& flag);

    AsioLoop& loop_;
    std::unique_ptr<Leaf> leaf_;
    bool opened_ = false;
    bool settled_ = false;  ///< the opening has come to an end
    std::optional<Error> down_;
};

/// The export's label and mirrors, looked at over the network.
MediumInspection inspect_netnode(AsioLoop& loop, std::unique_ptr<Leaf> leaf);

}  // namespace dst::ctl
