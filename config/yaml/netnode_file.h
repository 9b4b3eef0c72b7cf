#pragma once

#include "yaml/document.h"

namespace dst::yaml {

/// The whole of a netnode file.
spec::NetnodeFile read_netnode_root(Report& report, const Value& root, const Options& options);

}  // namespace dst::yaml
