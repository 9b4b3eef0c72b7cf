#pragma once

#include "block/events.h"
#include "ctl/terminal.h"

namespace dst::ctl {

/// Events of the parts that a command uses, on the terminal's error output. A command tells its outcome itself, so
/// only what is graver than a warning is shown, unless `verbose`.
class TerminalEvents : public EventSink {
public:
    TerminalEvents(const Terminal& terminal, bool verbose) : terminal_(terminal), verbose_(verbose) {}

    void event(Severity severity, std::string_view id, std::string_view text,
               std::initializer_list<EventField> fields) override {
        bool grave = severity == Severity::error || severity == Severity::critical;
        if (grave || verbose_) terminal_.err << "dstctl: " << format_event(severity, id, text, fields) << "\n";
    }

private:
    const Terminal& terminal_;
    bool verbose_;
};

}  // namespace dst::ctl
