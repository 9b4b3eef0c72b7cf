#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ctl/inspection.h"

namespace dst::ctl {
namespace {

/// A medium, opened for reading alone and without a lock.
class LocalMedium : public LeafReader {
public:
    static Result<LocalMedium> open(const std::string& path) {
        int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) return system_error(path);
        LocalMedium medium(fd);
        struct stat status {};
        if (::fstat(fd, &status) != 0) return system_error(path);
        if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
            return Error{Errc::invalid_argument, path + " is neither a file nor a block device"};
        }
        off_t end = ::lseek(fd, 0, SEEK_END);
        if (end < 0) return system_error(path);
        medium.size_bytes_ = static_cast<std::uint64_t>(end);
        // A head writes past the page cache: what the cache still holds of a block device may be older.
        ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        return medium;
    }

    LocalMedium(LocalMedium&& other) noexcept : fd_(other.fd_), size_bytes_(other.size_bytes_) { other.fd_ = -1; }
    LocalMedium& operator=(LocalMedium&&) = delete;
    ~LocalMedium() override {
        if (fd_ >= 0) ::close(fd_);
    }

    std::uint64_t size_bytes() const { return size_bytes_; }

    Result<Bytes> read(const Extent& extent) override {
        Bytes bytes(extent.length);
        std::size_t done = 0;
        while (done < bytes.size()) {
            ssize_t count =
                ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(extent.offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return system_error("reading");
            if (count == 0) return Error{Errc::io_error, "the medium ends early"};
            done += static_cast<std::size_t>(count);
        }
        return bytes;
    }

private:
    explicit LocalMedium(int fd) : fd_(fd) {}

    static Error system_error(const std::string& what) {
        return {errc_from_errno(errno), what + ": " + std::strerror(errno)};
    }

    int fd_;
    std::uint64_t size_bytes_ = 0;
};

}  // namespace

MediumInspection inspect_local_medium(const std::string& path) {
    MediumInspection found;
    found.name = path;
    auto medium = LocalMedium::open(path);
    if (!medium) {
        found.error = medium.error();
        return found;
    }
    found.size_bytes = medium->size_bytes();
    std::uint64_t leaf_bytes = leaf_size_bytes(found.size_bytes);
    if (leaf_bytes == 0) return found;
    inspect_label(*medium, found.size_bytes, found);
    // A medium that has grown keeps its metadata where the label's size says.
    if (found.label) leaf_bytes = std::min(leaf_bytes, found.label->size_bytes);
    inspect_leaf(*medium, leaf_bytes, found);
    return found;
}

}  // namespace dst::ctl
