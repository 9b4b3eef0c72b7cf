#pragma once

#include <sstream>
#include <string>

#include "ctl/terminal.h"

namespace dst::ctl {

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
