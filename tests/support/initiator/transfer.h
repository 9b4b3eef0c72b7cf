#pragma once

#include "args.h"

namespace initiator {

/// Writes or compares a range in order, `depth` commands in flight; commands that ask to be sent again are. Prints one
/// line of JSON. Returns the exit status: 0, or 1 with the first mistakes on standard error.
int run_fill(const Args& args);
int run_verify(const Args& args);
int run_verify_file(const Args& args);
int run_fill_file(const Args& args);
/// Compares the beginning of a file or block device with the record of a load.
int run_check_file(const Args& args);
int run_capacity(const Args& args);
/// Sets bit WCE; prints what was answered, and the bit as it is then.
int run_write_cache(const Args& args);

}  // namespace initiator
