#pragma once

#include <string>

#include "block/status.h"
#include "ctl/terminal.h"

namespace dst::ctl {

/// What `dstctl status` shows of one storage: a line of its own, the reason where not all is well, and the tree.
std::string status_text(const StorageStatus& status, const Terminal& terminal);

}  // namespace dst::ctl
