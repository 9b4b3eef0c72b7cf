#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace dst {

/// Everything that can go wrong, on the data path and beside it. The numbers travel on the wire: never renumber.
enum class Errc : std::uint8_t {
    ok = 0,
    invalid_argument = 1,      ///< beyond the end, misaligned, or a malformed order: the caller's mistake
    not_supported = 2,         ///< the device has no such ability
    medium_error = 3,          ///< the disk could not read or write this place (EIO, EILSEQ, EBADMSG)
    no_space = 4,              ///< a thin medium below is full (ENOSPC, EDQUOT)
    io_error = 5,              ///< any other error of a disk or its file
    timed_out = 6,             ///< no answer within the time that was allowed; of a request: its disk was taken down
    disconnected = 7,          ///< the link is down, or the node went down with the request unanswered
    fenced = 8,                ///< a higher epoch was promised to another head
    busy = 9,                  ///< try again later: something earlier has not ended
    not_ready = 10,            ///< held for want of a usable member; the initiator should send it again
    incarnation_changed = 11,  ///< the node may have lost what it acknowledged without a flush
    protocol_error = 12,       ///< the peer sent what the protocol forbids
    corrupt = 13,              ///< checksum or structure is wrong
    refused = 14,              ///< permission, label, storage or place does not allow it
    cancelled = 15,            ///< the device is being closed
    not_found = 16,            ///< no such export, file or name
    changed = 17,              ///< compare-and-set: what is there is no longer what was peeked
    mismatch = 18,             ///< compared data differ
    too_large = 19,            ///< over a limit of the protocol or of the device
    out_of_resources = 20,     ///< no memory, descriptors or threads
};

/// One past the last enumerator.
inline constexpr std::uint8_t errc_count = 21;

/// A short lower-case name ("medium error"), for messages.
std::string_view to_string(Errc code) noexcept;

/// The dashed name ("medium-error") of log lines and JSON; stable.
std::string_view to_token(Errc code) noexcept;

/// The disk was reached, and could not do it.
constexpr bool is_of_the_disk(Errc code) noexcept {
    return code == Errc::medium_error || code == Errc::no_space || code == Errc::io_error;
}

/// What the answer to a write says of the disk: it does not take it, and will not the next time. A filesystem that has
/// become read-only (EROFS) refuses it.
constexpr bool takes_no_writes(Errc code) noexcept { return is_of_the_disk(code) || code == Errc::refused; }

/// Maps an errno value to the nearest code. Never `ok`.
Errc errc_from_errno(int error) noexcept;

/// An error beside the data path: a code for the program and a sentence for the administrator.
struct Error {
    Errc code = Errc::io_error;
    std::string text;  ///< what happened and where; no trailing period or newline

    bool operator==(const Error&) const = default;
};

/// "text (medium error)", or the code's name alone when there is no text.
std::string to_string(const Error& error);

/// Called by boost::system::result when value() is taken of an error: a bug of the caller.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <typename T>
using Result = boost::system::result<T, Error>;

/// How a slow operation reports its end: once, never from inside the call that started it, on the loop's thread.
template <typename T>
using Callback = std::function<void(Result<T>)>;

}  // namespace dst
