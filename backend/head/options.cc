#include "head/options.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "control/run_dir.h"

namespace dst {

HeadOptions HeadOptions::from_environment(std::string program) {
    return {control::default_run_dir(), control::default_state_dir(), std::move(program)};
}

std::string HeadOptions::head_name() const { return program + "[" + std::to_string(::getpid()) + "]"; }

std::string HeadOptions::head_and_host() const {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) return head_name();
    return head_name() + " on " + host.data();
}

}  // namespace dst
