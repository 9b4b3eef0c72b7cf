#include "args.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace initiator {

Args parse_args(int argc, char** argv) {
    Args args;
    CLI::App app("iSCSI initiator that writes and recognises its own data", "dst-initiator");
    app.require_subcommand(1);
    const auto command = [&](const char* name, const char* text) {
        CLI::App* sub = app.add_subcommand(name, text);
        sub->add_option("target", args.target, "iscsi://HOST:PORT/TARGET/LUN, or a file for verify-file")->required();
        sub->add_option("--seed", args.seed, "which data");
        sub->add_option("--version", args.version, "0: zeroes (never written)");
        sub->add_option("--offset", args.offset_bytes, "first byte")->transform(CLI::AsSizeValue(false));
        sub->add_option("--length", args.length_bytes, "bytes; 0: to the end")->transform(CLI::AsSizeValue(false));
        sub->add_option("--request", args.request_bytes, "bytes per command")->transform(CLI::AsSizeValue(false));
        sub->add_option("--depth", args.depth, "commands in flight")->check(CLI::Range(1, 256));
        sub->add_option("--request-timeout", args.request_timeout_s, "seconds until a command counts as hung");
        return sub;
    };
    command("capacity", "print size and block size as JSON");
    CLI::App* cache = command("write-cache", "turn the LUN's write cache (WCE) on or off");
    cache->add_option("--to", args.write_cache, "on or off")->required();
    cache->add_flag("--six", args.six, "by MODE SELECT (6), not (10)");
    CLI::App* fill = command("fill", "write the data");
    fill->add_flag("--fua", args.fua, "force unit access");
    fill->add_flag("--flush", args.flush, "SYNCHRONIZE CACHE at the end");
    command("verify", "read and compare");
    CLI::App* file = command("verify-file", "compare a file or block device on this machine");
    file->add_option("--file-at", args.file_at_bytes, "where --offset lies in the file")
        ->transform(CLI::AsSizeValue(false));
    CLI::App* fill_file = command("fill-file", "write the data (--length) to a file or block device on this machine");
    fill_file->add_option("--file-at", args.file_at_bytes, "where --offset lies in the file")
        ->transform(CLI::AsSizeValue(false));
    CLI::App* load = command("load", "random commands, every read checked, then everything once more (SIGTERM: now)");
    load->add_option("--seconds", args.seconds, "how long");
    load->add_option("--write-percent", args.write_percent, "share of writes, without --mix")
        ->check(CLI::Range(0, 100));
    load->add_option("--mix", args.mix, "KIND=WEIGHT,...: read, write, fua, flush, unmap, zeroes, same; or: all");
    load->add_option("--sizes", args.sizes, "bytes per command, one drawn each time; else --request")
        ->delimiter(',')
        ->transform(CLI::AsSizeValue(false));
    load->add_option("--areas", args.areas, "where")->check(CLI::IsMember({"uniform", "hot"}));
    load->add_option("--start", args.start, "what is there at first: zeroes, filled (by fill with this seed), anything")
        ->check(CLI::IsMember({"zeroes", "filled", "anything"}));
    load->add_flag("--allow-errors", args.allow_errors, "commands may fail; data may still never be wrong");
    load->add_flag("--rates", args.rates, "print the commands done in every second");
    CLI::App* check = command("check", "read everything and compare with the record of a load");
    for (CLI::App* one : {load, check}) {
        one->add_option("--reopen", args.reopen_s, "seconds that a lost session is opened again; 0: never");
        one->add_option("--record", args.record, "file that says what every sector may hold; it lives on");
    }
    check->get_option("--record")->required();
    CLI::App* check_file = command("check-file", "compare a file or block device with the record of a load");
    check_file->add_option("--record", args.record, "the record")->required();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error));
    }
    args.command = app.get_subcommands().front()->get_name();
    return args;
}

}  // namespace initiator
