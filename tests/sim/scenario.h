#pragma once

#include <cstdint>
#include <string>

#include "trace.h"

namespace dst::sim {

struct ScenarioOptions {
    bool trace = false;  ///< print the story
    bool quiet = false;  ///< no last lines with a finding
};

/// What a seed must do before it counts.
inline constexpr std::uint64_t requests_min = 200;
inline constexpr unsigned faults_min = 5;

struct ScenarioResult {
    std::string finding;  ///< empty: every promise was kept
    std::string shape;
    std::uint64_t requests = 0;
    unsigned faults = 0;
    std::uint64_t steps = 0;
};

/// Runs the world of one seed to its end: draws shape, network and policy, initialises, serves, breaks things, mends
/// them, and checks. One seed in twelve does without tree and head: a client straight on one netnode's leaf.
ScenarioResult run_seed(std::uint64_t seed, const ScenarioOptions& options, Coverage& coverage);

}  // namespace dst::sim
