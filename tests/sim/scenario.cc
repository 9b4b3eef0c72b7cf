#include "scenario.h"

#include "leaf_scenario.h"
#include "storage_scenario.h"

namespace dst::sim {

ScenarioResult run_seed(std::uint64_t seed, const ScenarioOptions& options, Coverage& coverage) {
    SimLoop loop(seed * 0x2545f4914f6cdd1du + 1);
    Trace trace(loop, coverage, seed, options.trace);
    ScenarioResult result;
    if (seed % 12 == 11) {
        result = LeafScenario(trace).run();
    } else {
        result = StorageScenario(trace).run();
    }
    result.steps = loop.steps();
    result.finding = trace.first_finding();
    if (trace.failed() && !options.quiet && !options.trace) trace.dump(stderr);
    return result;
}

}  // namespace dst::sim
