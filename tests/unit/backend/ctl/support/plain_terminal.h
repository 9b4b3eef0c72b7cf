#pragma once

#include <sstream>
#include <string>

#include "ctl/terminal.h"

namespace dst::ctl {

constexpr std::uint64_t mib = 1ull << 20;
constexpr std::uint64_t gib = 1ull << 30;

/// A terminal without colours that keeps what is written.
class PlainTerminal {
public:
    Terminal& terminal() { return terminal_; }
    std::string out() const { return out_.str(); }
    std::string err() const { return err_.str(); }

private:
    std::ostringstream out_;
    std::ostringstream err_;
    Terminal terminal_{out_, err_};
};

}  // namespace dst::ctl
