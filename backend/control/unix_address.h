#pragma once

#include <string>
#include <utility>

#include "block/error.h"

struct sockaddr_un;

namespace dst::control {

/// The address of a Unix socket file in a folder of any depth. Socket addresses are limited to 107 bytes; a longer
/// path goes through an open descriptor of its folder, which this object keeps. Use the address while it lives.
class UnixAddress {
public:
    /// Errors: not_found or refused for the folder; too_large when the file name alone does not fit.
    static Result<UnixAddress> make(const std::string& path);
    UnixAddress(UnixAddress&& other) noexcept;
    UnixAddress& operator=(UnixAddress&& other) noexcept;
    ~UnixAddress();

    /// At most 107 bytes.
    const std::string& text() const noexcept { return text_; }
    /// Fills in family and path.
    void fill(sockaddr_un& address) const noexcept;

private:
    UnixAddress(std::string text, int folder) : text_(std::move(text)), folder_(folder) {}

    std::string text_;
    int folder_ = -1;
};

}  // namespace dst::control
