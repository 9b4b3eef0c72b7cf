#include "head/control_commands.h"

#include <string>

#include "control/protocol.h"
#include "control/status_json.h"

namespace dst {

namespace json = boost::json;

namespace {

json::object answer_status(const ControlView& view) {
    json::object answer = control::ok_answer();
    answer["status"] = status_to_json(view.status());
    return answer;
}

json::object answer_events(const ControlView& view, const json::object& request) {
    std::uint64_t after = 0;
    if (const json::value* given = request.if_contains("after")) {
        boost::system::error_code error;
        after = given->to_number<std::uint64_t>(error);
        if (error) return control::error_answer({Errc::invalid_argument, "'after' is not a whole number"});
    }
    json::object answer = control::ok_answer();
    answer["events"] = view.events.recent(after);
    answer["last"] = view.events.last_sequence();
    return answer;
}

}  // namespace

json::object answer_control(const ControlView& view, const json::object& request) {
    const auto command = control::command_of(request);
    if (!command) return control::error_answer(command.error());
    if (*command == "status") return answer_status(view);
    if (*command == "events") return answer_events(view, request);
    return control::error_answer(
        {Errc::not_supported, "this head does not know the command '" + *command + "', only status and events"});
}

}  // namespace dst
