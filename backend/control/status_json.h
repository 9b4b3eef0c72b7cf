#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "block/error.h"
#include "block/status.h"

namespace dst {

/// The stable words of `dstctl status` and of its JSON: "healthy", "in_sync", "mirror".
std::string_view to_token(StorageState state) noexcept;
std::string_view to_token(VertexKind kind) noexcept;
std::string_view to_token(VertexState state) noexcept;

/// One storage as `status --json` prints it (docs/schema/control-status.json). All keys of the schema are always
/// there, except `tree`, `children`, `resync` and a vertex's `reason`, which are left out when there is nothing to say.
boost::json::object status_to_json(const StorageStatus& status);

/// Reads back what status_to_json() made. A missing key, a wrong type, an unknown word or a tree deeper than 64 is
/// `corrupt` and named in the text; keys that are not known are ignored, so that an older dstctl reads a newer head.
Result<StorageStatus> status_from_json(const boost::json::value& json);

}  // namespace dst
