#include "ctl/order.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "asio/asio_loop.h"
#include "asio/file_store.h"
#include "control/client.h"
#include "control/protocol.h"
#include "control/run_dir.h"
#include "ctl/inspection.h"
#include "ctl/run_directory.h"
#include "ctl/status_text.h"
#include "ctl/storage_file.h"
#include "ctl/terminal_events.h"

namespace dst::ctl {
namespace {

/// How long it is watched what a head makes of an order.
constexpr std::chrono::seconds watch_limit{15};

/// The storage that is meant.
struct Target {
    std::string given;  ///< as it was named
    std::string name;
    std::string journal;
    std::optional<spec::Storage> spec;  ///< when a file was named
};

std::optional<Target> find_target(const std::string& storage, const Terminal& terminal) {
    const bool file = storage.find('/') != std::string::npos || storage.ends_with(".yaml") || storage.ends_with(".yml");
    if (!file) return Target{storage, storage, control::default_state_dir() + "/" + storage + ".journal", {}};
    auto spec = load_storage_file(storage, terminal);
    if (!spec) return {};
    return Target{storage, spec->name, spec->journal, std::move(spec)};
}

std::string_view state_text(MemberState state) {
    switch (state) {
        case MemberState::in_sync: return "in sync";
        case MemberState::dirty: return "dirty";
        case MemberState::resyncing: return "resyncing";
        case MemberState::detached: return "detached";
    }
    return "unknown";
}

/// One line for each medium: what its record says of whom, or why it cannot be looked at.
void show_media(const Inspection& found, const Terminal& terminal) {
    for (const MediumInspection& medium : found.media) {
        terminal.out << "  " << medium.name << ": ";
        if (medium.error || !medium.label) {
            terminal.out << (medium.error ? to_string(*medium.error) : "it carries no label that can be read") << "\n";
            continue;
        }
        if (medium.live) terminal.out << "held by another head, " << to_string(*medium.live) << "; ";
        if (medium.mirrors.empty()) terminal.out << "it carries the storage's label\n";
        for (std::size_t i = 0; i < medium.mirrors.size(); ++i) {
            const Record& record = medium.mirrors[i].record;
            terminal.out << (i == 0 ? "" : "; above it ") << "generation " << record.generation << " ("
                         << short_string(record.generation_id) << "):";
            std::string separator = " ";
            for (const RecordMember& member : record.members) {
                terminal.out << separator << member.name << " " << state_text(member.state);
                separator = ", ";
            }
        }
        if (!medium.mirrors.empty()) terminal.out << "\n";
    }
}

/// What the order does, for the question.
std::string consequence(const Order& order, const std::string& name) {
    switch (order.what) {
        case StartOrder::takeover:
            return "Another head that has storage " + name +
                   " open is cut off from it for good: what it has not written yet is lost.";
        case StartOrder::accept_data_loss:
            return "Storage " + name +
                   " starts from what can be reached. What only the missing members hold is lost, acknowledged writes "
                   "too; when they come back, they are overwritten. One with which another head has gone on since "
                   "is not: that is told as a split.";
        case StartOrder::resolve:
            return "What member " + order.member + " of storage " + name +
                   " holds that the others do not is lost: it is overwritten with what they hold.";
        case StartOrder::none: break;
    }
    return {};
}

bool confirmed(const OrderArguments& arguments, const std::string& name, const Terminal& terminal, ExitStatus& status) {
    if (arguments.order.what == StartOrder::none) return true;
    terminal.out << consequence(arguments.order, name) << "\n";
    if (arguments.yes) return true;
    if (terminal.in == nullptr) {
        terminal.err << "dstctl: nothing was ordered: there is no terminal to ask on; --yes says that it is meant\n";
        status = ExitStatus::usage;
        return false;
    }
    terminal.out << "Type 'yes' to go on: " << std::flush;
    std::string answer;
    std::getline(*terminal.in, answer);
    if (answer == "yes") return true;
    terminal.err << "dstctl: nothing was ordered\n";
    status = ExitStatus::other;
    return false;
}

ExitStatus failed(const Target& target, const Order& order, const Error& why, const Terminal& terminal) {
    terminal.err << "dstctl: storage " << target.name
                 << (order.what == StartOrder::none ? ": nothing was taken back: " : ": nothing was ordered: ")
                 << to_string(why) << "\n";
    return ExitStatus::other;
}

/// For the head.
std::string_view control_word(StartOrder order) {
    switch (order) {
        case StartOrder::none: return "cancel";
        case StartOrder::takeover: return "takeover";
        case StartOrder::accept_data_loss: return "accept-data-loss";
        case StartOrder::resolve: return "resolve";
    }
    return {};
}

boost::json::object request_of(const Order& order) {
    const bool resolve = order.what == StartOrder::resolve;
    boost::json::object request = control::make_request(resolve ? "resolve" : "start");
    if (resolve) {
        request["discard"] = order.member;
    } else {
        request["order"] = control_word(order.what);
    }
    return request;
}

/// To the head; then it is watched what becomes of it.
ExitStatus order_of_head(const Target& target, const Order& order, const Terminal& terminal) {
    const std::string socket = control::socket_path(control::default_run_dir(), target.name);
    const auto answer = control::ask(socket, request_of(order), answer_limit);
    if (!answer) return failed(target, order, answer.error(), terminal);
    if (const auto* text = answer->if_contains("text"); text != nullptr && text->is_string()) {
        terminal.out << "Storage " << target.name << ": " << std::string(text->as_string()) << ".\n" << std::flush;
    }
    if (order.what == StartOrder::none) return ExitStatus::well;
    const auto deadline = std::chrono::steady_clock::now() + watch_limit;
    auto status = control::ask_status(socket, answer_limit);
    while (status && status->state == StorageState::waiting && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        status = control::ask_status(socket, answer_limit);
    }
    if (!status) return failed(target, order, status.error(), terminal);
    terminal.out << status_text(*status, terminal);
    return exit_status_of(status->state);
}

ExitStatus order_in_journal(const Target& target, const Order& order, const Terminal& terminal) {
    TerminalEvents events(terminal, false);
    AsioLoop loop;
    std::optional<Result<void>> left;
    leave_order(loop, events, std::make_unique<FileStore>(loop, target.journal), target.name, order,
                [&](const Result<void>& result) {
                    left = result;
                    loop.stop();
                });
    while (!left) loop.run();
    if (!*left) return failed(target, order, left->error(), terminal);
    terminal.out << "Storage " << target.name << ": no head has it open; ";
    if (order.what == StartOrder::none) {
        terminal.out << "the order that lay in its journal " << target.journal << " is taken back.\n";
        return ExitStatus::well;
    }
    terminal.out << "the order lies in its journal " << target.journal
                 << ".\nThe next open (tgtadm, or a restart of the head) carries it out, once; 'dstctl start "
                 << target.given << " --cancel' takes it back.\n";
    return ExitStatus::well;
}

/// Where the member's mirror has it, by the records on the media.
void find_member_on_media(const Inspection& found, Order& order) {
    for (const MediumInspection& medium : found.media) {
        for (const MirrorInspection& mirror : medium.mirrors) {
            for (const RecordMember& member : mirror.record.members) {
                if (member.name != order.member) continue;
                order.mirror = mirror.record.mirror;
                order.number = member.number;
            }
        }
    }
}

bool is_there(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

ExitStatus order_without_head(const OrderArguments& arguments, const Target& target, const Answer& last,
                              const Terminal& terminal) {
    const bool cancels = arguments.order.what == StartOrder::none;
    if (cancels && target.spec && !is_there(target.journal)) {
        return failed(target, arguments.order, {Errc::not_found, "there is no journal " + target.journal}, terminal);
    }
    if (!target.spec && !is_there(target.journal)) {
        terminal.err << "dstctl: storage " << target.name << ": no head has it open, and there is no journal "
                     << target.journal << "; name the storage's file\n";
        return ExitStatus::no_head;
    }
    if (last.status) terminal.out << "The last open failed: " << last.status->reason << "\n";
    Order order = arguments.order;
    if (target.spec && !cancels) {
        TerminalEvents events(terminal, false);
        const Inspection found = inspect_storage(*target.spec, events);
        terminal.out << "What the media of storage " << target.name << " carry:\n";
        show_media(found, terminal);
        const auto has_label = [](const MediumInspection& medium) { return !medium.error && medium.label; };
        if (order.what == StartOrder::accept_data_loss &&
            std::none_of(found.media.begin(), found.media.end(), has_label)) {
            return failed(
                target, order,
                {Errc::refused,
                 "none of them can be read and carries the storage's label, so that there is nothing that it "
                 "could start from. Bring up what it is to start from, and order it then. Where all of them are "
                 "lost, 'dstctl init --force-journal' makes the storage anew, without data"},
                terminal);
        }
        if (order.what == StartOrder::resolve) find_member_on_media(found, order);
    }
    ExitStatus status = ExitStatus::well;
    if (!confirmed(arguments, target.name, terminal, status)) return status;
    return order_in_journal(target, order, terminal);
}

}  // namespace

ExitStatus give_order(const OrderArguments& arguments, const Terminal& terminal) {
    const auto target = find_target(arguments.storage, terminal);
    if (!target) return ExitStatus::attention;
    const std::string run_dir = control::default_run_dir();
    const auto head = control::ask_status(control::socket_path(run_dir, target->name), answer_limit);
    if (!head && head.error().code == Errc::not_found) {
        return order_without_head(arguments, *target, ask_storage(run_dir, target->name, answer_limit), terminal);
    }
    if (!head) return failed(*target, arguments.order, head.error(), terminal);
    terminal.out << status_text(*head, terminal);
    ExitStatus status = ExitStatus::well;
    if (!confirmed(arguments, target->name, terminal, status)) return status;
    return order_of_head(*target, arguments.order, terminal);
}

}  // namespace dst::ctl
