#pragma once

#include <functional>
#include <string>
#include <vector>

#include "block/events.h"

namespace dst::sim {

/// Forgets everything.
class NullEvents final : public EventSink {
public:
    void event(Severity, std::string_view, std::string_view, std::initializer_list<EventField>) override {}
};

/// Keeps everything, in order, for tests.
class RecordingEvents final : public EventSink {
public:
    struct Entry {
        Severity severity;
        std::string id;
        std::string line;  ///< as it would be logged
    };

    void event(Severity severity, std::string_view id, std::string_view text,
               std::initializer_list<EventField> fields) override {
        entries.push_back({severity, std::string(id), format_event(severity, id, text, fields)});
        if (on_event) on_event(id);
    }

    std::size_t count(std::string_view id) const {
        std::size_t found = 0;
        for (const Entry& entry : entries) found += entry.id == id ? 1 : 0;
        return found;
    }

    std::vector<Entry> entries;
    std::function<void(std::string_view id)> on_event;
};

}  // namespace dst::sim
