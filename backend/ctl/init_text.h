#pragma once

#include <string>

#include "config/spec.h"
#include "ctl/exit_status.h"
#include "ctl/terminal.h"
#include "start/initializer.h"

namespace dst::ctl {

/// Something that init needs is in use.
bool found_busy(const InitReport& report);

/// Tells what `init` found and did: leaf by leaf on the output, what was refused on the error output. `head` has the
/// storage open now; empty: none is known.
ExitStatus report_init(const spec::Storage& storage, const InitReport& report, const InitOptions& options,
                       const std::string& head, const Terminal& terminal);

}  // namespace dst::ctl
