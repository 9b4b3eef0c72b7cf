#include "control/unix_address.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "block/assert.h"

namespace dst::control {
namespace {

constexpr std::size_t address_bytes_max = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

Result<UnixAddress> UnixAddress::make(const std::string& path) {
    if (path.size() <= address_bytes_max) return UnixAddress(path, -1);
    const std::size_t slash = path.rfind('/');
    const std::string folder_path = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int folder = ::open(folder_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return Error{errc_from_errno(errno), "cannot open the folder " + folder_path + ": " + std::strerror(errno)};
    }
    const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
    UnixAddress address("/proc/self/fd/" + std::to_string(folder) + "/" + file, folder);
    if (address.text_.size() > address_bytes_max) {
        return Error{Errc::too_large, "the name " + file + " is too long for a Unix socket"};
    }
    return address;
}

UnixAddress::UnixAddress(UnixAddress&& other) noexcept
    : text_(std::move(other.text_)), folder_(std::exchange(other.folder_, -1)) {}

UnixAddress& UnixAddress::operator=(UnixAddress&& other) noexcept {
    std::swap(text_, other.text_);
    std::swap(folder_, other.folder_);
    return *this;
}

UnixAddress::~UnixAddress() {
    if (folder_ >= 0) ::close(folder_);
}

void UnixAddress::fill(sockaddr_un& address) const noexcept {
    DST_ASSERT(text_.size() <= address_bytes_max);
    std::memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, text_.data(), text_.size());
}

}  // namespace dst::control
