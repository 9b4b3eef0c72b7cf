#pragma once

#include <string>

namespace dst {

/// Where a head keeps its run-time files, and what it is called.
struct HeadOptions {
    std::string run_dir;    ///< control sockets, .failed files, incarnation marks; made if missing
    std::string state_dir;  ///< journals that the file names no path for
    std::string program;    ///< "tgtd", "dst-netnode"
    bool outermost = true;  ///< false: the storage is a node of another one and holds nothing (docs/mirror.md M10)

    /// DST_RUN_DIR, DST_STATE_DIR or their defaults.
    static HeadOptions from_environment(std::string program);

    /// "tgtd[1234]", for status and locks.
    std::string head_name() const;
    /// "tgtd[1234] on alpha", for messages on other machines.
    std::string head_and_host() const;
};

}  // namespace dst
