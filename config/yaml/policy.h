#pragma once

#include "yaml/document.h"

namespace dst::yaml {

/// Reads the mapping `policy`; what is absent or wrong keeps its default, and what is wrong is reported.
spec::Policy read_policy(Report& report, const Value& value);

}  // namespace dst::yaml
