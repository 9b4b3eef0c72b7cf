#include "control/run_dir.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "control/protocol.h"

namespace dst::control {

namespace json = boost::json;

namespace {

constexpr std::size_t reason_bytes_max = 16 * 1024;
/// Room for such a reason and for a path of 4 KiB, also when JSON writes each byte of them as six.
constexpr std::size_t failed_bytes_max = 128 * 1024;

std::string environment_or(const char* variable, const char* otherwise) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value != '\0' ? value : otherwise;
}

std::string join(std::string_view folder, std::string_view name, std::string_view ending) {
    std::string path(folder);
    if (path.empty() || path.back() != '/') path += '/';
    path += name;
    path += ending;
    return path;
}

/// At most about reason_bytes_max of it: whole lines where that leaves half of it at least, else whole characters.
std::string bounded(const std::string& reason) {
    if (reason.size() <= reason_bytes_max) return reason;
    constexpr std::string_view more = "… and more";
    const std::size_t line = reason.rfind('\n', reason_bytes_max);
    if (line != std::string::npos && line >= reason_bytes_max / 2) return reason.substr(0, line + 1).append(more);
    std::size_t end = reason_bytes_max;
    const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(reason[at]) & 0xc0) == 0x80; };
    while (end > 0 && continues(end)) --end;
    return reason.substr(0, end).append(more);
}

/// The string behind `key`, or empty.
std::string text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Result<std::string> read_whole(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return Error{errc_from_errno(errno), path + ": " + std::strerror(errno)};
    std::string text;
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while (text.size() < failed_bytes_max && (got = ::read(file, buffer.data(), buffer.size())) > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const int error = got < 0 ? errno : 0;
    ::close(file);
    if (error != 0) return Error{errc_from_errno(error), path + ": " + std::strerror(error)};
    return text;
}

}  // namespace

std::string default_run_dir() { return environment_or("DST_RUN_DIR", "/run/dst"); }
std::string default_state_dir() { return environment_or("DST_STATE_DIR", "/var/lib/dst"); }

std::string socket_path(std::string_view run_dir, std::string_view storage) { return join(run_dir, storage, ".sock"); }
std::string failed_path(std::string_view run_dir, std::string_view storage) {
    return join(run_dir, storage, ".failed");
}
std::string lock_path(std::string_view run_dir, std::string_view storage) { return join(run_dir, storage, ".lock"); }

std::string encode_failed_open(const FailedOpen& failed) {
    return encode_line({{"storage", failed.storage},
                        {"time", failed.time},
                        {"reason", bounded(failed.reason)},
                        {"head", failed.head},
                        {"file", failed.file}});
}

Result<FailedOpen> decode_failed_open(std::string_view text) {
    auto object = decode_line(text);
    if (!object) return Error{Errc::corrupt, "a .failed file is not one line of JSON"};
    FailedOpen failed;
    failed.storage = text_of(*object, "storage");
    failed.time = text_of(*object, "time");
    failed.reason = text_of(*object, "reason");
    failed.head = text_of(*object, "head");
    failed.file = text_of(*object, "file");
    if (failed.storage.empty() || failed.reason.empty()) {
        return Error{Errc::corrupt, "a .failed file names no storage or no reason"};
    }
    return failed;
}

Result<FailedOpen> read_failed_open(std::string_view run_dir, std::string_view storage) {
    const std::string path = failed_path(run_dir, storage);
    auto text = read_whole(path);
    if (!text) return text.error();
    auto failed = decode_failed_open(*text);
    if (!failed) return Error{failed.error().code, path + ": " + failed.error().text};
    return failed;
}

}  // namespace dst::control
