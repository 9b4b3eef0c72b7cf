#include <CLI/CLI.hpp>
#include <memory>

#include "ctl/command.h"
#include "ctl/order.h"

namespace dst::ctl {

void add_start(CLI::App& app, Terminal& terminal, Action& action) {
    auto arguments = std::make_shared<OrderArguments>();
    struct Which {
        bool takeover = false;
        bool accept_data_loss = false;
        bool cancel = false;
    };
    auto flags = std::make_shared<Which>();
    CLI::App* command = app.add_subcommand("start", "Order a start that DST by itself holds back");
    command->add_option("STORAGE|FILE", arguments->storage, "A storage's name, or its file (dst.yaml(5))")->required();
    CLI::App* which = command->add_option_group("which");
    which->add_flag("--takeover", flags->takeover,
                    "Start although another head is alive on the media; that one is cut off");
    which->add_flag("--accept-data-loss", flags->accept_data_loss,
                    "Start from what can be reached; what only missing members hold is lost");
    which->add_flag("--cancel", flags->cancel, "Take back an order that is not carried out yet");
    which->require_option(1);
    command->add_flag("--yes", arguments->yes, "Do not ask");
    command->footer(
        "Shows what is at stake and asks. A head that has the storage open carries the order out at once; else it is\n"
        "left in the storage's journal, and the next open carries it out. Once: later starts do not follow it.");
    command->callback([&terminal, &action, arguments, flags] {
        if (flags->takeover) arguments->order.what = StartOrder::takeover;
        if (flags->accept_data_loss) arguments->order.what = StartOrder::accept_data_loss;
        action = [&terminal, arguments] { return give_order(*arguments, terminal); };
    });
}

void add_resolve(CLI::App& app, Terminal& terminal, Action& action) {
    auto arguments = std::make_shared<OrderArguments>();
    CLI::App* command = app.add_subcommand("resolve", "Decide whose data are given up of a mirror that is split");
    command->add_option("STORAGE|FILE", arguments->storage, "A storage's name, or its file (dst.yaml(5))")->required();
    command->add_option("--discard", arguments->order.member, "The member that is given up, with those on its side")
        ->type_name("MEMBER")
        ->required();
    command->add_flag("--yes", arguments->yes, "Do not ask");
    command->footer(
        "Shows what is at stake and asks. The order lies in the storage's journal, and the next open carries it out: "
        "the\n"
        "member is owed everything that the others hold. MEMBER is a name as `status` prints it.");
    command->callback([&terminal, &action, arguments] {
        arguments->order.what = StartOrder::resolve;
        action = [&terminal, arguments] { return give_order(*arguments, terminal); };
    });
}

}  // namespace dst::ctl
