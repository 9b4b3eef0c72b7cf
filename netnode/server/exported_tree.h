#pragma once

#include <memory>

#include "asio/asio_loop.h"
#include "block/raw_medium.h"
#include "config/spec.h"
#include "head/options.h"

namespace dst {

/// A tree that this netnode exports (start/tree_medium.h), with journal, log and control socket of this machine.
std::unique_ptr<RawMedium> make_tree_medium(AsioLoop& loop, spec::Storage storage, HeadOptions options);

}  // namespace dst
