#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "ctl/command.h"
#include "ctl/storage_file.h"
#include "ctl/tree_text.h"

namespace dst::ctl {

void add_tree(CLI::App& app, Terminal& terminal, Action& action) {
    auto file = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand("tree", "Draw the tree that a storage file declares");
    command->add_option("FILE", *file, "The storage file, dst.yaml(5)")->required();
    command->footer("Shows the file alone; how the nodes are is what status shows.");
    command->callback([&terminal, &action, file] {
        action = [&terminal, file] {
            auto storage = load_storage_file(*file, terminal);
            if (!storage) return ExitStatus::attention;
            terminal.out << tree_text(*storage);
            return ExitStatus::well;
        };
    });
}

}  // namespace dst::ctl
