#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "block/error.h"

/// The control protocol (docs/operations.md): one JSON object per line each way over the Unix stream socket
/// `$DST_RUN_DIR/STORAGE.sock`. A request is {"command": "status", ...}; its answer {"ok": true, ...} or
/// {"ok": false, "error": {"code": "not-found", "text": "..."}}. Requests of one connection are answered in order.
namespace dst::control {

/// A request line, newline included, is at most so long; the head closes the connection of a longer one.
inline constexpr std::size_t request_bytes_max = 64 * 1024;
/// An answer line at most; the asker gives up on a longer one.
inline constexpr std::size_t answer_bytes_max = 4 * 1024 * 1024;

/// The object as one line with its newline.
std::string encode_line(const boost::json::object& object);

/// One line (with or without its newline) as an object. Not JSON, not an object, nested too deeply: protocol_error.
Result<boost::json::object> decode_line(std::string_view line);

boost::json::object make_request(std::string_view command);

/// {"ok": true}; the caller adds what was asked for.
boost::json::object ok_answer();
boost::json::object error_answer(const Error& error);

/// Splits a request: the command's name. Absent or not a string: protocol_error.
Result<std::string> command_of(const boost::json::object& request);

/// The answer itself when it is {"ok": true, ...}; the error that it carries; or protocol_error.
Result<boost::json::object> check_answer(boost::json::object answer);

/// The inverse of to_token(Errc); nothing for an unknown word.
std::optional<Errc> errc_from_token(std::string_view token) noexcept;

/// Cuts a stream of bytes into lines of at most `line_bytes_max`.
class LineSplitter {
public:
    explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

    /// Takes bytes as they came.
    void add(std::string_view bytes) { pending_.append(bytes); }
    /// The next whole line without its newline; nothing when none is complete yet.
    std::optional<std::string> next();
    /// The line that is pending is longer than allowed: nothing more will come of this stream.
    bool too_long() const noexcept;

private:
    std::size_t line_bytes_max_;
    std::string pending_;
};

}  // namespace dst::control
