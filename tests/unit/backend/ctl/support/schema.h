#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace dst::ctl {

/// Where `value` does not hold what docs/schema/FILE demands; empty: it does. Knows the keywords that the project's
/// schemas use, and reports any other one.
std::vector<std::string> schema_violations(const std::string& file, const boost::json::value& value);

/// What docs/schema/FILE has and no part of `value` does, and the other way round: keys, and items of arrays. Empty:
/// schema_violations() of `value` has looked at the whole schema.
std::vector<std::string> schema_differences(const std::string& file, const boost::json::value& value);

}  // namespace dst::ctl
