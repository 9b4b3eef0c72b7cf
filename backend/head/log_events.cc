#include "head/log_events.h"

#include <algorithm>
#include <utility>

#include "head/clock_text.h"

namespace dst {

namespace json = boost::json;

namespace {

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

bool names_storage(std::initializer_list<EventField> fields) {
    return std::any_of(fields.begin(), fields.end(), [](const EventField& field) { return field.key == "storage"; });
}

json::object to_json(std::uint64_t sequence, Severity severity, std::string_view id, std::string_view text,
                     std::initializer_list<EventField> fields) {
    json::object details;
    for (const EventField& field : fields) details[field.key] = field.value;
    return {{"sequence", sequence},
            {"time", utc_now()},
            {"severity", lower_case(to_string(severity))},
            {"id", id},
            {"text", text},
            {"fields", std::move(details)}};
}

}  // namespace

LogEvents::LogEvents(std::shared_ptr<Log> log, std::string storage)
    : log_(std::move(log)), storage_(std::move(storage)) {}

void LogEvents::event(Severity severity, std::string_view id, std::string_view text,
                      std::initializer_list<EventField> fields) {
    std::string line = format_event(severity, id, text, fields);
    if (!storage_.empty() && !names_storage(fields)) line += " storage=" + storage_;
    log_->write(severity, line);
    ++last_sequence_;
    remembered_.push_back({last_sequence_, to_json(last_sequence_, severity, id, text, fields)});
    if (remembered_.size() > remembered_max) remembered_.pop_front();
}

json::array LogEvents::recent(std::uint64_t after) const {
    json::array events;
    for (const Remembered& remembered : remembered_) {
        if (remembered.sequence > after) events.emplace_back(remembered.event);
    }
    return events;
}

}  // namespace dst
