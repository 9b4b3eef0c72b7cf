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

Attachment::~Attachment() { loop_.remove(*this); }

void Attachment::start() {
    loop_.add(*this, port_->storage_bell.fd());
    port_->storage_bell.wake();
    drain();
}

bool Attachment::drain() {
    ScsiCommand* command = nullptr;
    bool any = false;
    for (; port_->to_storage.pop(command); any = true) lun_->submit(*command);
    return any;
}

void Attachment::close() {
    loop_.remove(*this);
    lun_->close([self = shared_from_this()] {
        // The task dies with this object: ring for it.
        self->port_->tgtd_bell.ring();
    });
    drain();
}

}  // namespace dst::tgt
