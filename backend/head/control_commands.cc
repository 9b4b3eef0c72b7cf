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

/// The text of a member of `request` that must be there; empty: it is not, or is no text.
std::string text_of(const json::object& request, std::string_view key) {
    const json::value* given = request.if_contains(key);
    return given != nullptr && given->is_string() ? std::string(given->as_string()) : std::string();
}

json::object answer_order(const ControlView& view, const Order& order) {
    const auto taken = view.order(order);
    if (!taken) return control::error_answer(taken.error());
    json::object answer = control::ok_answer();
    answer["text"] = *taken;
    return answer;
}

json::object answer_start(const ControlView& view, const json::object& request) {
    const std::string order = text_of(request, "order");
    if (order == "takeover") return answer_order(view, {StartOrder::takeover, {}, {}, 0});
    if (order == "accept-data-loss") return answer_order(view, {StartOrder::accept_data_loss, {}, {}, 0});
    if (order == "cancel") return answer_order(view, {StartOrder::none, {}, {}, 0});
    return control::error_answer(
        {Errc::invalid_argument, "'order' is none of 'takeover', 'accept-data-loss' and 'cancel'"});
}

json::object answer_resolve(const ControlView& view, const json::object& request) {
    const std::string member = text_of(request, "discard");
    if (member.empty()) return control::error_answer({Errc::invalid_argument, "'discard' names no member"});
    return answer_order(view, {StartOrder::resolve, member, {}, 0});
}

}  // namespace

json::object answer_control(const ControlView& view, const json::object& request) {
    const auto command = control::command_of(request);
    if (!command) return control::error_answer(command.error());
    if (*command == "status") return answer_status(view);
    if (*command == "events") return answer_events(view, request);
    if (*command == "start") return answer_start(view, request);
    if (*command == "resolve") return answer_resolve(view, request);
    return control::error_answer({Errc::not_supported, "this head does not know the command '" + *command +
                                                           "', only status, events, start and resolve"});
}

}  // namespace dst
