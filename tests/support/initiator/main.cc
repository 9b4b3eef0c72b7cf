#include <csignal>
#include <cstdio>
#include <exception>

#include "args.h"
#include "load.h"
#include "transfer.h"

int main(int argc, char** argv) {
    const initiator::Args args = initiator::parse_args(argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    try {
        if (args.command == "capacity") return initiator::run_capacity(args);
        if (args.command == "write-cache") return initiator::run_write_cache(args);
        if (args.command == "fill") return initiator::run_fill(args);
        if (args.command == "verify") return initiator::run_verify(args);
        if (args.command == "verify-file") return initiator::run_verify_file(args);
        if (args.command == "fill-file") return initiator::run_fill_file(args);
        if (args.command == "load") return initiator::run_load(args);
        if (args.command == "check") return initiator::run_check(args);
        if (args.command == "check-file") return initiator::run_check_file(args);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "dst-initiator: %s\n", error.what());
    }
    return 2;
}
