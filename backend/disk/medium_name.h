#pragma once

#include <string>

#include "block/raw_medium.h"
#include "disk/medium_file.h"

namespace dst {

/// What `path` stands for now, against the medium that is open (RawMedium::look_at_name). Blocks. Locks nothing, and
/// touches the descriptor `opened.fd` only to ask what it is.
NameFinding look_at_path(const std::string& path, const OpenedAs& opened);

}  // namespace dst
