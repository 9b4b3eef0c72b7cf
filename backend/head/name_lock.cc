#include "head/name_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace dst {
namespace {

Error file_error(const std::string& path) {
    return {errc_from_errno(errno), "cannot lock " + path + ": " + std::strerror(errno)};
}

std::string read_holder(int file) {
    std::array<char, 128> text{};
    const ssize_t got = ::pread(file, text.data(), text.size(), 0);
    return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : "another head";
}

/// The file behind the descriptor is still the one of that name: its last holder may have taken it away between our
/// open and our lock.
bool still_there(int file, const std::string& path) {
    struct stat ours {};
    struct stat theirs {};
    return ::fstat(file, &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

}  // namespace

Result<NameLock> NameLock::take(const std::string& path, const std::string& storage, const std::string& head) {
    while (true) {
        NameLock lock(path, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (lock.file_ < 0) return file_error(path);
        struct flock whole {};
        whole.l_type = F_WRLCK;
        whole.l_whence = SEEK_SET;
        if (::fcntl(lock.file_, F_OFD_SETLK, &whole) != 0) {
            const bool held = errno == EAGAIN || errno == EACCES;
            const Error error =
                held ? Error{Errc::busy, "storage " + storage + " is already open in " + read_holder(lock.file_) +
                                             " (lock " + path + "); end that one, or give this one another name"}
                     : file_error(path);
            ::close(std::exchange(lock.file_, -1));
            return error;
        }
        if (!still_there(lock.file_, path)) {
            ::close(std::exchange(lock.file_, -1));
            continue;
        }
        // For the message above only: a holder that is not written down is "another head".
        if (::ftruncate(lock.file_, 0) == 0 && ::pwrite(lock.file_, head.data(), head.size(), 0) < 0) errno = 0;
        return lock;
    }
}

NameLock::NameLock(NameLock&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

NameLock& NameLock::operator=(NameLock&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(file_, other.file_);
    return *this;
}

NameLock::~NameLock() {
    if (file_ < 0) return;
    // A file that took the place of a lost one is somebody else's.
    if (in_place()) ::unlink(path_.c_str());
    ::close(file_);
}

bool NameLock::in_place() const { return still_there(file_, path_); }

}  // namespace dst
