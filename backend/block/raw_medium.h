#pragma once

#include <cstdint>
#include <functional>

#include "block/leaf.h"

namespace dst {

/// What a medium's name stands for, against what is open.
enum class NameFinding : std::uint8_t {
    same,     ///< what is open; or nothing that could be opened, or it cannot be told
    grown,    ///< what is open, and it is larger than when it was opened
    shrunk,   ///< what is open, and it is smaller
    another,  ///< another file or device
};

/// The bare medium below a label: a file, a block device, a simulated disk, or an exported tree. Addresses the whole
/// of it, label area included. Its incarnation covers the medium alone (block/id.h).
class RawMedium : public BlockDevice {
public:
    /// Opens, locks and sizes it; on_up or on_down follows. May be called again after on_down.
    virtual void open() = 0;
    /// What libblkid knows of it, and whether all of it reads as zero; label_state is left to the caller.
    virtual void probe(Callback<Probe> done) = 0;
    /// What its name stands for now, in bounded time; `same` while it is not up. Not beside a probe() or another one.
    virtual void look_at_name(std::function<void(NameFinding)> done) = 0;
    /// For messages: the path.
    virtual const std::string& name() const = 0;
};

}  // namespace dst
