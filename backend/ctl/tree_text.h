#pragma once

#include <string>

#include "config/spec.h"

namespace dst::ctl {

/// What `dstctl tree` shows: the storage as its file declares it.
std::string tree_text(const spec::Storage& storage);

}  // namespace dst::ctl
