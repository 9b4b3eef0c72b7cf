#pragma once

#include <string>

namespace dst {

/// The wall clock as RFC 3339 in UTC, to the millisecond: "2026-02-03T04:05:06.789Z". For people only.
std::string utc_now();

}  // namespace dst
