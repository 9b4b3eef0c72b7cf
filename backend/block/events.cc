#include "block/events.h"

namespace dst {

std::string_view to_string(Severity severity) noexcept {
    switch (severity) {
        case Severity::debug: return "DEBUG";
        case Severity::info: return "INFO";
        case Severity::notice: return "NOTICE";
        case Severity::warning: return "WARNING";
        case Severity::error: return "ERROR";
        case Severity::critical: return "CRITICAL";
    }
    return "UNKNOWN";
}

namespace {

void append_value(std::string& line, std::string_view value) {
    const bool plain = !value.empty() && value.find_first_of(" \t\n\r\"=\\") == std::string_view::npos;
    if (plain) {
        line += value;
        return;
    }
    line += '"';
    for (const char c : value) {
        if (c == '"' || c == '\\') line += '\\';
        line += (c == '\n' || c == '\r') ? ' ' : c;
    }
    line += '"';
}

}  // namespace

std::string format_event(Severity severity, std::string_view id, std::string_view text,
                         std::initializer_list<EventField> fields) {
    std::string line;
    line += to_string(severity);
    line += ' ';
    line += id;
    line += ' ';
    for (const char c : text) line += (c == '\n' || c == '\r') ? ' ' : c;
    for (const EventField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field.value);
    }
    return line;
}

}  // namespace dst
