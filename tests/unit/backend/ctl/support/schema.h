#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace dst::ctl {

/// Where `value` does not hold what docs/schema/FILE demands; empty: it does. Knows the keywords that the project's
/// schemas use, and reports any other one.
std::vector<std::string> schema_violations(const std::string& file, const boost::json::value& value);

}  // namespace dst::ctl
