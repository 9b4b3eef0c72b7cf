#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "block/events.h"
#include "head/log.h"

namespace dst {

/// The EventSink of programs: writes each event to a Log and remembers the last ones for `dstctl events`. On one
/// thread, its storage's.
class LogEvents : public EventSink {
public:
    /// `storage`: added to each line as storage=NAME unless empty.
    LogEvents(std::shared_ptr<Log> log, std::string storage);

    void event(Severity severity, std::string_view id, std::string_view text,
               std::initializer_list<EventField> fields) override;

    /// The remembered events with a sequence number above `after`, oldest first (docs/schema/control-events.json).
    boost::json::array recent(std::uint64_t after) const;
    /// Of the latest event; 0 before the first.
    std::uint64_t last_sequence() const noexcept { return last_sequence_; }

    static constexpr std::size_t remembered_max = 256;

private:
    struct Remembered {
        std::uint64_t sequence;
        boost::json::object event;
    };

    std::shared_ptr<Log> log_;
    std::string storage_;
    std::deque<Remembered> remembered_;
    std::uint64_t last_sequence_ = 0;
};

}  // namespace dst
