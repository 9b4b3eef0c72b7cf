#pragma once

#include "yaml/document.h"
#include "yaml/tree.h"

namespace dst::yaml {

/// The whole of a storage file.
spec::Storage read_storage_file(Report& report, const Value& root, const Options& options);

/// What a storage file and an exported tree have in common: `tree`, `policy`, `journal` of the mapping `value`. The
/// name is the caller's; without one no default journal is filled in.
void read_storage_keys(Report& report, const class Mapping& map, const Options& options, MediumUse& media,
                       spec::Storage& storage);

}  // namespace dst::yaml
