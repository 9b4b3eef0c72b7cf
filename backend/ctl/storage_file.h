#pragma once

#include <optional>
#include <string>

#include "config/spec.h"
#include "ctl/terminal.h"

namespace dst::ctl {

/// Reads a storage file; its mistakes go to the terminal's error output, one a line.
std::optional<spec::Storage> load_storage_file(const std::string& path, const Terminal& terminal);

}  // namespace dst::ctl
