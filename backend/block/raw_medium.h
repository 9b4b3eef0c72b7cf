#pragma once

#include "block/leaf.h"

namespace dst {

/// The bare medium below a label: a file, a block device, a simulated disk, or an exported tree. Addresses the whole
/// of it, label area included. Its incarnation covers the medium alone (block/id.h).
class RawMedium : public BlockDevice {
public:
    /// Opens, locks and sizes it; on_up or on_down follows. May be called again after on_down.
    virtual void open() = 0;
    /// What libblkid knows of it, and whether all of it reads as zero; label_state is left to the caller.
    virtual void probe(Callback<Probe> done) = 0;
    /// For messages: the path.
    virtual const std::string& name() const = 0;
};

}  // namespace dst
