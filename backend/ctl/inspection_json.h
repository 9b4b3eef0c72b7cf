#pragma once

#include <boost/json/object.hpp>

#include "ctl/inspection.h"

namespace dst::ctl {

/// What `dstctl inspect --json` prints (docs/schema/inspect.json).
boost::json::object inspection_to_json(const Inspection& inspection);

}  // namespace dst::ctl
