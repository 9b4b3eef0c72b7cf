#include "block/error.h"

#include <array>
#include <cerrno>

#include "block/assert.h"

namespace dst {
namespace {

struct Names {
    std::string_view words;
    std::string_view token;
};

constexpr std::array<Names, errc_count> names{{
    {"success", "ok"},
    {"invalid argument", "invalid-argument"},
    {"not supported", "not-supported"},
    {"medium error", "medium-error"},
    {"no space left on the medium", "no-space"},
    {"input/output error", "io-error"},
    {"timed out", "timed-out"},
    {"disconnected", "disconnected"},
    {"fenced by another head", "fenced"},
    {"busy", "busy"},
    {"not ready", "not-ready"},
    {"incarnation changed", "incarnation-changed"},
    {"protocol error", "protocol-error"},
    {"corrupt", "corrupt"},
    {"refused", "refused"},
    {"cancelled", "cancelled"},
    {"not found", "not-found"},
    {"changed meanwhile", "changed"},
    {"data differ", "mismatch"},
    {"too large", "too-large"},
    {"out of resources", "out-of-resources"},
}};

}  // namespace

std::string_view to_string(Errc code) noexcept {
    const auto index = static_cast<std::size_t>(code);
    return index < names.size() ? names[index].words : "unknown error";
}

std::string_view to_token(Errc code) noexcept {
    const auto index = static_cast<std::size_t>(code);
    return index < names.size() ? names[index].token : "unknown";
}

Errc errc_from_errno(int error) noexcept {
    switch (error) {
        case EINVAL: return Errc::invalid_argument;
        case EOPNOTSUPP: return Errc::not_supported;
        case EIO:
        case EILSEQ:
        case EBADMSG:
        case ENODATA: return Errc::medium_error;
        case ENOSPC:
        case EDQUOT: return Errc::no_space;
        case ETIMEDOUT: return Errc::timed_out;
        case ECONNRESET:
        case ECONNREFUSED:
        case ECONNABORTED:
        case EPIPE:
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
        case ENOTCONN: return Errc::disconnected;
        case EBUSY:
        case EAGAIN: return Errc::busy;
        case EACCES:
        case EPERM:
        case EROFS: return Errc::refused;
        case ENOENT:
        case ENXIO:
        case ENODEV: return Errc::not_found;
        case ENOMEM:
        case EMFILE:
        case ENFILE: return Errc::out_of_resources;
        case ECANCELED: return Errc::cancelled;
        default: return Errc::io_error;
    }
}

std::string to_string(const Error& error) {
    if (error.text.empty()) return std::string(to_string(error.code));
    return error.text + " (" + std::string(to_string(error.code)) + ")";
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
    assertion_failed(to_string(error).c_str(), where.file_name(), static_cast<int>(where.line()));
}

}  // namespace dst
