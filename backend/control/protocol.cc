#include "control/protocol.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

namespace dst::control {

namespace json = boost::json;

namespace {

// A status nests two levels per level of its tree.
constexpr std::size_t json_depth_max = 160;

}  // namespace

std::string encode_line(const json::object& object) { return json::serialize(object) + '\n'; }

Result<json::object> decode_line(std::string_view line) {
    if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
    json::parse_options options;
    options.max_depth = json_depth_max;
    boost::system::error_code error;
    json::value value = json::parse(line, error, {}, options);
    if (error) return Error{Errc::protocol_error, "a line of the control protocol is not JSON: " + error.message()};
    if (!value.is_object()) return Error{Errc::protocol_error, "a line of the control protocol is not a JSON object"};
    return std::move(value.get_object());
}

json::object make_request(std::string_view command) { return {{"command", command}}; }

json::object ok_answer() { return {{"ok", true}}; }

json::object error_answer(const Error& error) {
    return {{"ok", false}, {"error", {{"code", to_token(error.code)}, {"text", error.text}}}};
}

Result<std::string> command_of(const json::object& request) {
    const json::value* command = request.if_contains("command");
    if (command == nullptr || !command->is_string()) {
        return Error{Errc::protocol_error, "the request names no command"};
    }
    return std::string(command->get_string());
}

Result<json::object> check_answer(json::object answer) {
    const json::value* ok = answer.if_contains("ok");
    if (ok == nullptr || !ok->is_bool()) return Error{Errc::protocol_error, "the answer does not say whether it is ok"};
    if (ok->get_bool()) return answer;
    const json::value* error = answer.if_contains("error");
    if (error == nullptr || !error->is_object()) return Error{Errc::protocol_error, "the answer carries no error"};
    const json::value* code = error->get_object().if_contains("code");
    const json::value* text = error->get_object().if_contains("text");
    if (code == nullptr || !code->is_string() || text == nullptr || !text->is_string()) {
        return Error{Errc::protocol_error, "the answer's error has no code and text"};
    }
    // A code of a newer head: the text still says what happened.
    return Error{errc_from_token(code->get_string()).value_or(Errc::io_error), std::string(text->get_string())};
}

std::optional<Errc> errc_from_token(std::string_view token) noexcept {
    for (std::uint8_t number = 1; number < errc_count; ++number) {
        if (to_token(static_cast<Errc>(number)) == token) return static_cast<Errc>(number);
    }
    return std::nullopt;
}

std::optional<std::string> LineSplitter::next() {
    const std::size_t end = pending_.find('\n');
    if (end == std::string::npos || end + 1 > line_bytes_max_) return std::nullopt;
    std::string line = pending_.substr(0, end);
    pending_.erase(0, end + 1);
    return line;
}

bool LineSplitter::too_long() const noexcept {
    const std::size_t end = pending_.find('\n');
    return (end == std::string::npos ? pending_.size() : end) >= line_bytes_max_;
}

}  // namespace dst::control
