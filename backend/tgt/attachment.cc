#include "tgt/attachment.h"

#include <utility>

#include "block/assert.h"

namespace dst::tgt {

Attachment::Attachment(AsioLoop& loop, BlockDevice& root, const Lun::Config& config, std::shared_ptr<Port> port)
    : loop_(loop), port_(std::move(port)), ring_task_(loop, [this] { port_->tgtd_bell.ring(); }) {
    lun_.emplace(loop, root, config, [this](ScsiCommand& command) {
        const bool pushed = port_->to_tgtd.push(&command);
        DST_ASSERT(pushed);
        ring_task_.post();
    });
}

void Attachment::start() {
    watch_.emplace(loop_, port_->storage_bell.fd(), [this] {
        port_->storage_bell.answer();
        take();
    });
    take();
}

void Attachment::take() {
    do {
        drain();
        port_->storage_bell.sleep();
    } while (!port_->to_storage.empty());
}

void Attachment::drain() {
    ScsiCommand* command = nullptr;
    while (port_->to_storage.pop(command)) lun_->submit(*command);
}

void Attachment::close() {
    watch_.reset();
    lun_->close([self = shared_from_this()] {
        // The task dies with this object: ring for it.
        self->port_->tgtd_bell.ring();
    });
    drain();
}

}  // namespace dst::tgt
