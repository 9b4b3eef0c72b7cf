#pragma once

#include <cstddef>
#include <memory>

#include "block/pool.h"
#include "tgt/port.h"

namespace dst::tgt {

/// tgtd's side of a Port: hands commands over and takes them back, on tgtd's thread. What finds no place in the ring
/// waits in a list here. Allocates only while the number of commands that are out grows.
class CommandQueue {
public:
    explicit CommandQueue(std::shared_ptr<Port> port) : port_(std::move(port)) {}
    ~CommandQueue();
    CommandQueue(const CommandQueue&) = delete;
    CommandQueue& operator=(const CommandQueue&) = delete;

    /// False after close().
    bool submit(const ScsiCommand::Input& input);

    /// Calls `done(const ScsiCommand&)` for every command that is back; it may submit more. Call when the port's
    /// tgtd_bell is readable.
    template <typename Done>
    void drain(Done done) {
        port_->tgtd_bell.answer();
        do {
            ScsiCommand* command = nullptr;
            while (take_back(command)) {
                done(*command);
                pool_.give_back(*command);
            }
            port_->tgtd_bell.sleep();
        } while (!port_->to_tgtd.empty());
    }

    /// Takes nothing more; what still waits here comes back as cancelled with the next drain().
    void close();

    /// Commands that were submitted and not given to `done` yet.
    std::size_t out() const noexcept { return pool_.in_use(); }
    const std::shared_ptr<Port>& port() const noexcept { return port_; }

private:
    bool take_back(ScsiCommand*& command);
    void hand_over();

    std::shared_ptr<Port> port_;
    Pool<ScsiCommand> pool_;
    CommandList waiting_;
    std::size_t handed_over_ = 0;
    bool closed_ = false;
};

}  // namespace dst::tgt
