#pragma once

#include <functional>
#include <string>

#include "ctl/exit_status.h"
#include "ctl/terminal.h"

namespace CLI {
class App;
}

namespace dst::ctl {

/// What the chosen command does once the arguments are read.
using Action = std::function<ExitStatus()>;

/// Each declares one command with its arguments and help; when the command is chosen, `action` is set. The terminal
/// must outlive both.
void add_check(CLI::App& app, Terminal& terminal, Action& action);
void add_tree(CLI::App& app, Terminal& terminal, Action& action);
void add_init(CLI::App& app, Terminal& terminal, Action& action);
void add_status(CLI::App& app, Terminal& terminal, Action& action);
void add_start(CLI::App& app, Terminal& terminal, Action& action);
void add_resolve(CLI::App& app, Terminal& terminal, Action& action);
void add_inspect(CLI::App& app, Terminal& terminal, Action& action);

/// The whole program: reads the arguments, runs the command, answers the exit status. Never throws.
int run(int argc, const char* const* argv, Terminal& terminal);

}  // namespace dst::ctl
