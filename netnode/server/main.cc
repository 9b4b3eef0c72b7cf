#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <variant>

#include "head/log_events.h"
#include "server/daemon.h"
#include "yaml/load.h"

namespace {

constexpr int exit_mistakes = 1;
constexpr int exit_usage = 64;

struct Arguments {
    std::string file;
    bool check = false;
};

/// The exit status when the process is to end at once.
std::optional<int> parse_arguments(int count, char** values, Arguments& arguments) {
    CLI::App program("Exports disks and trees of this machine to DST storages elsewhere, in the foreground.");
    program.name("dst-netnode");
    program.set_version_flag("--version", "dst-netnode " DST_VERSION);
    program.add_option("FILE", arguments.file, "The netnode file: see dst-netnode.yaml(5)")->required();
    program.add_flag("--check", arguments.check, "Only read the file and report every mistake in it");
    program.footer(
        "Signals: SIGTERM ends it cleanly, SIGHUP takes up a changed file.\n"
        "Exit status: 0 well ended, 1 mistakes in the file, 64 wrong usage, 70 anything else.");
    try {
        program.parse(count, values);
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? 0 : exit_usage;
    }
    return std::nullopt;
}

}  // namespace

int main(int count, char** values) {
    Arguments arguments;
    if (const auto status = parse_arguments(count, values, arguments)) return *status;
    auto loaded = dst::yaml::load_netnode_file(arguments.file);
    if (const auto* mistakes = std::get_if<std::vector<dst::yaml::Mistake>>(&loaded)) {
        std::cerr << dst::yaml::to_string(*mistakes);
        return exit_mistakes;
    }
    if (arguments.check) {
        std::cout << arguments.file << ": no mistakes\n";
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    dst::raise_descriptor_limit();
    int status = 0;
    {
        auto log = dst::Log::shared("dst-netnode");
        dst::LogEvents events(log, "");
        auto loop = std::make_unique<dst::AsioLoop>();
        auto daemon = std::make_unique<dst::Daemon>(*loop, events, dst::HeadOptions::from_environment("dst-netnode"),
                                                    arguments.file);
        status = daemon->run(std::get<dst::spec::NetnodeFile>(loaded));
        if (!daemon->ended_cleanly()) {
            // Something still uses them: they go with the process.
            static_cast<void>(daemon.release());
            static_cast<void>(loop.release());
        }
    }
    std::cerr.flush();
    if (status != 0) _exit(status);
    return status;
}
