// The engine without tgt: a storage that is opened as tgtd opens it, with requests from its own thread.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "block/breaks.h"
#include "control/client.h"
#include "control/run_dir.h"
#include "head/storage.h"
#include "load.h"
#include "yaml/load.h"

namespace dst::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begun) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

/// "VmRSS" or "VmHWM" of this process, in MiB.
double memory_mib(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind(key + ":", 0) == 0) return std::stod(line.substr(key.size() + 1)) / 1024;
    }
    return 0;
}

/// Of this process, threads of the kernel that work for it included.
double cpu_us() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto us = [](const timeval& time) { return static_cast<double>(time.tv_sec) * 1e6 + time.tv_usec; };
    return us(usage.ru_utime) + us(usage.ru_stime);
}

[[noreturn]] void fail(const std::string& why) {
    std::cerr << "bench_engine: " << why << "\n";
    std::exit(1);
}

spec::Storage load(const std::string& file) {
    auto loaded = yaml::load_storage(file);
    if (auto* mistakes = std::get_if<std::vector<yaml::Mistake>>(&loaded)) fail(yaml::to_string(*mistakes));
    return std::get<spec::Storage>(std::move(loaded));
}

/// After so long without requests all intent bits are clear (tree/mirror_intent.cc: 10 to 15 s, and the write of the
/// map).
constexpr std::chrono::seconds clear_time(25);

/// A part of a load that goes on.
struct Slice {
    double per_second;
    double cpu_us;  ///< of this process, for each request
};

class Bench {
public:
    explicit Bench(const std::string& file) : spec_(load(file)), options_(HeadOptions::from_environment("bench")) {}

    /// Until it serves.
    void open() {
        auto opened = Storage::open(spec_, options_, 30s);
        if (!opened) fail(opened.error().text);
        storage_ = std::move(*opened);
        while (ask_status().state == StorageState::waiting) std::this_thread::sleep_for(1ms);
    }
    void close() { Storage::close(std::move(storage_), 30s); }

    StorageStatus ask_status() {
        auto status = control::ask_status(control::socket_path(options_.run_dir, spec_.name), 10s);
        if (!status) fail(status.error().text);
        return std::move(*status);
    }

    LoadResult run(const LoadOptions& options, std::chrono::seconds span, const std::function<void()>& meanwhile) {
        RandomLoad load(storage_->root(), options);
        on_loop([&] { load.start(); });
        const double cpu = cpu_us();
        const auto end = Clock::now() + span;
        if (meanwhile) meanwhile();
        std::this_thread::sleep_until(end);
        load.stop();
        while (!load.idle()) std::this_thread::sleep_for(1ms);
        LoadResult result;
        on_loop([&] { result = load.result(); });
        result.cpu_us = (cpu_us() - cpu) / static_cast<double>(result.answered);
        return result;
    }

    /// Each place is written to once.
    void fill(LoadOptions options) {
        options.in_order = true;
        RandomLoad load(storage_->root(), options);
        on_loop([&] { load.start(); });
        while (load.answered() < load.places()) std::this_thread::sleep_for(1ms);
        end(load);
    }

    /// A load without end, cut into slices of one second, in which the intent map is used or left out, as `with` says.
    std::vector<Slice> run_slices(const LoadOptions& options, unsigned slices,
                                  const std::function<bool(unsigned)>& with) {
        RandomLoad load(storage_->root(), options);
        on_loop([&] { load.start(); });
        std::this_thread::sleep_for(clear_time);
        std::vector<Slice> measured;
        for (unsigned slice = 0; slice < slices; ++slice) {
            set_intent(with(slice));
            const auto begun = Clock::now();
            const double cpu = cpu_us();
            const std::uint64_t before = load.answered();
            std::this_thread::sleep_for(1s);
            const double answered = static_cast<double>(load.answered() - before);
            measured.push_back(
                {answered / std::chrono::duration<double>(Clock::now() - begun).count(), (cpu_us() - cpu) / answered});
        }
        set_intent(true);
        end(load);
        return measured;
    }

    /// Whether intent bits are written before changes (M3). False: this build cannot leave them out.
    bool set_intent(bool on) {
#ifdef DST_BREAKS
        on_loop([on] { set_broken(Rule::m3_intent, !on); });
        return true;
#else
        return on;
#endif
    }

private:
    void end(RandomLoad& load) {
        load.stop();
        while (!load.idle()) std::this_thread::sleep_for(1ms);
        std::uint64_t errors = 0;
        on_loop([&] { errors = load.result().errors; });
        if (errors != 0) fail(std::to_string(errors) + " requests failed");
    }

    void on_loop(const std::function<void()>& run) {
        std::promise<void> ran;
        storage_->run_on_loop([&] {
            run();
            ran.set_value();
        });
        ran.get_future().wait();
    }

    spec::Storage spec_;
    HeadOptions options_;
    std::unique_ptr<Storage> storage_;
};

struct Arguments {
    std::string file;
    LoadOptions load;
    unsigned seconds = 60;
    unsigned rounds = 3;
};

void print(const std::string& what, const LoadResult& result) {
    std::cout << what << ": " << static_cast<std::uint64_t>(result.per_second) << " writes/s, median "
              << result.median_us << " us, 99 % within " << result.p99_us << " us, CPU " << result.cpu_us
              << " us each, " << result.errors << " errors" << std::endl;
}

/// What `with` is slower than `without`, pair by pair.
std::string costs_of_pairs(const std::vector<double>& with, const std::vector<double>& without) {
    const std::size_t pairs = std::min(with.size(), without.size());
    std::vector<double> costs;
    double sum = 0;
    for (std::size_t i = 0; i < pairs; ++i) {
        costs.push_back(100 * (1 - with[i] / without[i]));
        sum += costs.back();
    }
    if (pairs < 2) return "too few pairs to tell how much they vary";
    const double mean = sum / static_cast<double>(pairs);
    double squares = 0;
    for (const double cost : costs) squares += (cost - mean) * (cost - mean);
    std::ostringstream text;
    text << "mean cost of " << pairs << " pairs " << mean << " %, standard error "
         << std::sqrt(squares / static_cast<double>(pairs * (pairs - 1)));
    return text.str();
}

/// With and without the intent map in turn, in one process on one open storage, each of the two first in every other
/// pair: what a machine gains or loses from minute to minute is not taken for the map's cost. Each round begins with a
/// clear map, so that setting the bits is part of what is measured; the files have been written to before.
void measure_writes(const Arguments& arguments) {
    Bench bench(arguments.file);
    bench.open();
    bench.fill(arguments.load);
    std::vector<double> with;
    std::vector<double> without;
    std::vector<double> with_cpu;
    std::vector<double> without_cpu;
    const auto measure = [&](bool on) {
        if (!bench.set_intent(on)) return;
        std::this_thread::sleep_for(clear_time);
        const LoadResult result = bench.run(arguments.load, std::chrono::seconds(arguments.seconds), nullptr);
        print(on ? "with the intent map   " : "without the intent map", result);
        (on ? with : without).push_back(result.per_second);
        (on ? with_cpu : without_cpu).push_back(result.cpu_us);
    };
    for (unsigned round = 0; round < arguments.rounds; ++round) {
        const bool with_first = round % 2 == 0;
        measure(with_first);
        measure(!with_first);
    }
    bench.set_intent(true);
    std::cout << "median with: " << static_cast<std::uint64_t>(median(with)) << " writes/s";
    if (without.empty()) {
        std::cout << "; a build with -DDST_BREAKS=ON measures what the map costs\n";
    } else {
        std::cout << ", without: " << static_cast<std::uint64_t>(median(without)) << " writes/s, cost "
                  << 100 * (1 - median(with) / median(without)) << " %; CPU " << median(with_cpu) << " and "
                  << median(without_cpu) << " us each, cost " << 100 * (median(with_cpu) / median(without_cpu) - 1)
                  << " %; " << costs_of_pairs(with, without) << "\n";
    }
    bench.close();
}

/// What the intent map costs when all its bits are set: with and without it in turn, each for a second (with, without,
/// without, with and so on), under a load that goes on.
void measure_steady(const Arguments& arguments) {
    Bench bench(arguments.file);
    bench.open();
    if (!bench.set_intent(false)) {
        std::cout << "a build with -DDST_BREAKS=ON measures what the map costs\n";
        return bench.close();
    }
    bench.set_intent(true);
    bench.fill(arguments.load);
    const auto with_map = [](unsigned slice) { return slice % 4 == 0 || slice % 4 == 3; };
    const std::vector<Slice> slices = bench.run_slices(arguments.load, arguments.seconds / 2 * 2, with_map);
    std::vector<double> with;
    std::vector<double> without;
    std::vector<double> with_cpu;
    std::vector<double> without_cpu;
    for (unsigned slice = 0; slice < slices.size(); ++slice) {
        (with_map(slice) ? with : without).push_back(slices[slice].per_second);
        (with_map(slice) ? with_cpu : without_cpu).push_back(slices[slice].cpu_us);
    }
    std::cout << "all bits set: median with " << static_cast<std::uint64_t>(median(with)) << " writes/s, without "
              << static_cast<std::uint64_t>(median(without)) << "; CPU " << median(with_cpu) << " and "
              << median(without_cpu) << " us each; " << costs_of_pairs(with, without) << std::endl;
    bench.close();
}

void measure_load(const Arguments& arguments) {
    Bench bench(arguments.file);
    bench.open();
    print("load", bench.run(arguments.load, std::chrono::seconds(arguments.seconds), nullptr));
    bench.close();
}

/// 4 KiB random reads and writes, one after the other and 32 at a time, and sequential ones of 1 MiB, 8 at a time; a
/// line of JSON for each round and kind.
void measure_rates(const Arguments& arguments) {
    struct Kind {
        const char* name;
        LoadOptions load;
    };
    const Kind kinds[] = {
        {"read 4k d1", {1, 4096, 256, true, false}},      {"read 4k d32", {32, 4096, 256, true, false}},
        {"write 4k d1", {1, 4096, 256, false, false}},    {"write 4k d32", {32, 4096, 256, false, false}},
        {"seq read 1M d8", {8, 1u << 20, 1, true, true}}, {"seq write 1M d8", {8, 1u << 20, 1, false, true}},
    };
    Bench bench(arguments.file);
    bench.open();
    bench.fill({8, 1u << 20, 1});
    for (unsigned round = 0; round < arguments.rounds; ++round) {
        for (const Kind& kind : kinds) {
            const LoadResult result = bench.run(kind.load, std::chrono::seconds(arguments.seconds), nullptr);
            std::cout << "{\"kind\": \"" << kind.name << "\", \"iops\": " << result.per_second
                      << ", \"bytes_per_second\": " << result.per_second * kind.load.request_bytes
                      << ", \"p50_us\": " << result.median_us << ", \"p99_us\": " << result.p99_us
                      << ", \"cpu_us\": " << result.cpu_us << ", \"errors\": " << result.errors << "}" << std::endl;
        }
    }
    bench.close();
}

/// Opening, memory and status of a storage, large ones above all.
void measure_start(const Arguments& arguments) {
    const double before = memory_mib("VmRSS");
    Bench bench(arguments.file);
    std::vector<double> starts;
    for (unsigned round = 0; round < arguments.rounds; ++round) {
        const auto begun = Clock::now();
        bench.open();
        starts.push_back(milliseconds_since(begun));
        if (round + 1 < arguments.rounds) bench.close();
    }
    const double opened = memory_mib("VmRSS");
    const auto ask = [&](const char* when) {
        std::vector<double> answers;
        for (unsigned i = 0; i < 100; ++i) {
            const auto begun = Clock::now();
            bench.ask_status();
            answers.push_back(milliseconds_since(begun));
        }
        std::cout << "status " << when << ": median " << median(answers) << " ms, slowest "
                  << *std::max_element(answers.begin(), answers.end()) << " ms\n";
    };
    std::cout << "start: median " << median(starts) << " ms, slowest "
              << *std::max_element(starts.begin(), starts.end()) << " ms\n";
    ask("at rest");
    print("load", bench.run(arguments.load, std::chrono::seconds(arguments.seconds), [&] { ask("under load"); }));
    std::cout << "memory: " << before << " MiB before, " << opened << " MiB opened, " << memory_mib("VmHWM")
              << " MiB at most under load (" << arguments.load.depth * arguments.load.request_bytes / 1048576.0
              << " MiB in flight)\n";
    const auto begun = Clock::now();
    bench.close();
    std::cout << "end: " << milliseconds_since(begun) << " ms\n";
}

}  // namespace
}  // namespace dst::bench

int main(int argc, char** argv) {
    using namespace dst::bench;
    CLI::App app{"Measures the engine without tgt, on a storage that dstctl has initialised"};
    app.require_subcommand(1);
    Arguments arguments;
    app.add_option("--depth", arguments.load.depth, "Requests in flight");
    app.add_option("--bytes", arguments.load.request_bytes, "Size of a request");
    app.add_option("--places-per-mib", arguments.load.places_per_mib, "Where requests begin, in each MiB");
    app.add_option("--seconds", arguments.seconds, "Length of a round");
    app.add_option("--rounds", arguments.rounds, "Rounds of each kind; the median counts");
    app.add_option("FILE", arguments.file, "The storage file, dst.yaml(5)")->required();
    CLI::App* writes = app.add_subcommand("writes", "Random writes, with and without the intent map");
    CLI::App* steady = app.add_subcommand("steady", "What the intent map costs when all its bits are set");
    CLI::App* only = app.add_subcommand("load", "Random writes, and nothing else");
    CLI::App* start = app.add_subcommand("start", "Opening, memory, status");
    CLI::App* rates =
        app.add_subcommand("rates", "Random reads and writes, alone and 32 at a time, and sequential ones");
    CLI11_PARSE(app, argc, argv);
    if (writes->parsed()) measure_writes(arguments);
    if (only->parsed()) measure_load(arguments);
    if (steady->parsed()) measure_steady(arguments);
    if (start->parsed()) measure_start(arguments);
    if (rates->parsed()) measure_rates(arguments);
    return 0;
}
