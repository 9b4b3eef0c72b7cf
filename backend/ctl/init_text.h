#pragma once

#include "config/spec.h"
#include "ctl/exit_status.h"
#include "ctl/terminal.h"
#include "start/initializer.h"

namespace dst::ctl {

/// Tells what `init` found and did: leaf by leaf on the output, what was refused on the error output.
ExitStatus report_init(const spec::Storage& storage, const InitReport& report, const InitOptions& options,
                       const Terminal& terminal);

}  // namespace dst::ctl
