#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace dst {

enum class Severity { debug, info, notice, warning, error, critical };

std::string_view to_string(Severity severity) noexcept;

struct EventField {
    std::string_view key;
    std::string value;
};

/// Where the pure folders tell what happened. `id` is stable, dashed and documented in docs/operations.md
/// ("member-dropped"); `text` is a sentence: what happened, where, what DST does about it, what the user can do.
class EventSink {
public:
    virtual ~EventSink() = default;
    virtual void event(Severity severity, std::string_view id, std::string_view text,
                       std::initializer_list<EventField> fields) = 0;
};

/// "LEVEL event-id text key=value …" without a newline; values with spaces or quotes are quoted.
std::string format_event(Severity severity, std::string_view id, std::string_view text,
                         std::initializer_list<EventField> fields);

}  // namespace dst
