#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace initiator {

/// The options of all commands; each uses some.
struct Args {
    std::string command;
    std::string target;  ///< iscsi://HOST:PORT/TARGET/LUN, or a path for verify-file
    std::uint64_t seed = 1;
    std::uint64_t version = 1;
    std::uint64_t offset_bytes = 0;
    std::uint64_t length_bytes = 0;   ///< 0: to the end
    std::uint64_t file_at_bytes = 0;  ///< verify-file: where in the file the first byte lies
    std::uint64_t request_bytes = 128 * 1024;
    std::vector<std::uint64_t> sizes;  ///< load: bytes per command, drawn from these; empty: request_bytes
    std::string mix;                   ///< load: KIND=WEIGHT,...; see mix.h
    std::string areas = "uniform";     ///< load: uniform or hot
    std::string record;                ///< load, check: path of the ledger; empty: in memory
    std::string start = "anything";    ///< load: what a new record begins with
    unsigned reopen_s = 60;            ///< load, check: how long a lost session is opened again
    bool rates = false;
    unsigned depth = 8;
    unsigned seconds = 10;
    unsigned write_percent = 50;
    unsigned request_timeout_s = 60;
    bool fua = false;
    bool flush = false;
    bool allow_errors = false;
    bool write_cache = true;  ///< write-cache: what to set
    bool six = false;         ///< write-cache: MODE SELECT (6)
};

/// Parses the command line; prints usage and ends the program when it is wrong.
Args parse_args(int argc, char** argv);

}  // namespace initiator
