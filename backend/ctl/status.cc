#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/run_dir.h"
#include "control/status_json.h"
#include "ctl/command.h"
#include "ctl/run_directory.h"
#include "ctl/status_text.h"

namespace dst::ctl {
namespace {

constexpr std::chrono::milliseconds watch_interval{1000};

struct StatusOptions {
    std::string storage;  ///< empty: all
    bool named = false;   ///< it was given
    bool json = false;
    bool watch = false;
};

ExitStatus exit_status_of_error(Errc code) {
    bool no_answer = code == Errc::not_found || code == Errc::timed_out || code == Errc::disconnected;
    return no_answer ? ExitStatus::no_head : ExitStatus::other;
}

void print_text(const std::vector<Answer>& answers, const Terminal& terminal) {
    bool first = true;
    for (const Answer& answer : answers) {
        if (!answer.status) continue;
        if (!first) terminal.out << "\n";
        first = false;
        terminal.out << status_text(*answer.status, terminal);
    }
}

void print_json(const std::vector<Answer>& answers, bool one, const Terminal& terminal) {
    boost::json::array array;
    for (const Answer& answer : answers) {
        if (answer.status) array.emplace_back(status_to_json(*answer.status));
    }
    if (!one) {
        terminal.out << boost::json::serialize(array) << "\n";
    } else if (!array.empty()) {
        terminal.out << boost::json::serialize(array.front()) << "\n";
    } else {
        const Answer& answer = answers.front();
        const Error& why = answer.status.error();
        terminal.out << boost::json::serialize(boost::json::object{
                            {"storage", answer.storage}, {"error", {{"code", to_token(why.code)}, {"text", why.text}}}})
                     << "\n";
    }
}

ExitStatus show_once(const StatusOptions& options, const Terminal& terminal) {
    std::string run_dir = control::default_run_dir();
    bool one = !options.storage.empty();
    std::vector<std::string> names = one ? std::vector{options.storage} : list_storages(run_dir);
    std::vector<Answer> answers;
    for (const std::string& name : names) answers.push_back(ask_storage(run_dir, name, answer_limit));
    ExitStatus status = ExitStatus::well;
    if (options.json) {
        print_json(answers, one, terminal);
    } else {
        print_text(answers, terminal);
    }
    for (const Answer& answer : answers) {
        if (answer.status) {
            status = worst(status, exit_status_of(answer.status->state));
        } else {
            terminal.err << "dstctl: storage " << answer.storage << ": " << to_string(answer.status.error()) << "\n";
            status = worst(status, exit_status_of_error(answer.status.error().code));
        }
    }
    if (names.empty()) {
        terminal.err << "dstctl: no storage is open: nothing is in " << run_dir << "\n";
        status = ExitStatus::no_head;
    }
    terminal.out.flush();
    return status;
}

ExitStatus show(const StatusOptions& options, const Terminal& terminal) {
    if (options.named && options.storage.empty()) {
        terminal.err << "dstctl: the name of the storage is empty; leave it out to see all storages\n";
        return ExitStatus::usage;
    }
    if (options.storage.find('/') != std::string::npos) {
        terminal.err << "dstctl: " << options.storage
                     << " is a path; status takes the name of a storage, as its file says it after 'storage:'\n";
        return ExitStatus::usage;
    }
    if (!options.watch) return show_once(options, terminal);
    ExitStatus status = ExitStatus::well;
    while (terminal.out.good()) {
        // Home, and clear what is there.
        if (terminal.terminal && !options.json) terminal.out << "\x1b[H\x1b[2J";
        status = show_once(options, terminal);
        if (!terminal.out.good()) break;
        std::this_thread::sleep_for(watch_interval);
    }
    return status;
}

}  // namespace

void add_status(CLI::App& app, Terminal& terminal, Action& action) {
    auto options = std::make_shared<StatusOptions>();
    CLI::App* command = app.add_subcommand("status", "Show how storages and their nodes are");
    CLI::Option* storage = command->add_option("STORAGE", options->storage, "One storage; all when left out");
    command->add_flag("--json", options->json,
                      "One JSON object, or an array without STORAGE (docs/schema/status.json)");
    command->add_flag("--watch", options->watch, "Show it again every second, until interrupted");
    command->footer(
        "Asks the head over its socket in DST_RUN_DIR. A storage whose open failed is shown with the reason.");
    command->callback([&terminal, &action, options, storage] {
        options->named = storage->count() > 0;
        action = [&terminal, options] { return show(*options, terminal); };
    });
}

}  // namespace dst::ctl
