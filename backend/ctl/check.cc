#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "ctl/command.h"
#include "ctl/storage_file.h"

namespace dst::ctl {

void add_check(CLI::App& app, Terminal& terminal, Action& action) {
    auto file = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand("check", "Find the mistakes of a storage file");
    command->add_option("FILE", *file, "The storage file, dst.yaml(5)")->required();
    command->footer(
        "Prints every mistake as FILE:LINE:COLUMN with what was read and what would be right. Looks at nothing but "
        "the\n"
        "file. Exit status 1 when there are mistakes. A netnode's file is checked by dst-netnode --check FILE.");
    command->callback([&terminal, &action, file] {
        action = [&terminal, file] {
            auto storage = load_storage_file(*file, terminal);
            if (!storage) return ExitStatus::attention;
            terminal.out << *file << ": no mistakes in storage " << storage->name << "\n";
            return ExitStatus::well;
        };
    });
}

}  // namespace dst::ctl
