#include "disk/incarnation.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "disk/disk_sequence.h"

namespace dst {
namespace {

/// The kept file (docs/disk_format.md): magic, hash of boot and medium, random number, mark, size at the last opening.
struct Kept {
    std::array<char, 8> magic;
    Id basis;
    Id random;
    std::uint64_t mark;  ///< 0 or 1
    std::uint64_t size_bytes;
};
constexpr std::array<char, 8> kept_magic{'D', 'S', 'T', 'I', 'N', 'C', '0', '2'};
/// Of any version.
constexpr std::size_t kept_magic_common = 6;
static_assert(offsetof(Kept, mark) == 40);

Id hash_id(std::string_view text) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text.data(), text.size()));
    Id id;
    std::memcpy(id.bytes.data(), canonical.digest, id.bytes.size());
    return id;
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::string device_text(dev_t device) { return std::to_string(major(device)) + ":" + std::to_string(minor(device)); }

struct MediumIdentity {
    std::string place;   ///< names the kept file
    std::string medium;  ///< differs when it is another medium in the same place
    std::string file;    ///< of a file: the same after every restart, and another one's for every other; else empty
};

MediumIdentity identity_of(int fd) {
    struct statx status {};
    if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_BTIME, &status) != 0) return {};
    if (S_ISBLK(status.stx_mode)) {
        const dev_t device = makedev(status.stx_rdev_major, status.stx_rdev_minor);
        return {"block-" + device_text(device), disk_sequence(fd, device), {}};
    }
    const dev_t device = makedev(status.stx_dev_major, status.stx_dev_minor);
    const std::string birth = std::to_string(status.stx_btime.tv_sec) + "." + std::to_string(status.stx_btime.tv_nsec);
    const std::string number = std::to_string(status.stx_ino);
    return {"file-" + device_text(device) + "-" + number, birth + "-" + disk_sequence(device), number + "-" + birth};
}

/// What is hashed to the basis.
std::string basis_text(const MediumIdentity& identity) {
    return first_line("/proc/sys/kernel/random/boot_id") + "\n" + identity.place + "\n" + identity.medium;
}

std::filesystem::path folder_of(const std::string& run_dir) { return std::filesystem::path(run_dir) / "incarnations"; }

Id random_id() {
    Id id;
    while (getrandom(id.bytes.data(), id.bytes.size(), 0) != static_cast<ssize_t>(id.bytes.size())) {
    }
    return id;
}

}  // namespace

std::string default_run_dir() {
    const char* set = std::getenv("DST_RUN_DIR");
    return set != nullptr && *set != '\0' ? set : "/run/dst";
}

Result<KeptIncarnation> decode_kept_incarnation(std::span<const std::byte> file) {
    const auto begins_with_magic = [&](std::size_t count) {
        return file.size() >= count && std::memcmp(file.data(), kept_magic.data(), count) == 0;
    };
    if (!begins_with_magic(kept_magic_common)) return Error{Errc::not_found, "no incarnation is there"};
    if (file.size() >= kept_magic.size() && !begins_with_magic(kept_magic.size())) {
        return Error{Errc::not_supported, "the incarnation is of another version of DST"};
    }
    Kept kept{};
    if (file.size() < sizeof kept) return Error{Errc::corrupt, "the incarnation is cut short"};
    std::memcpy(&kept, file.data(), sizeof kept);
    return KeptIncarnation{kept.basis, kept.random, kept.mark != 0, kept.size_bytes};
}

IncarnationPlace incarnation_place(const std::string& run_dir, int fd) {
    const MediumIdentity identity = identity_of(fd);
    return {folder_of(run_dir) / identity.place, hash_id(basis_text(identity))};
}

std::unique_ptr<IncarnationKeeper> IncarnationKeeper::open(const std::string& run_dir, int fd,
                                                           std::uint64_t size_bytes) {
    std::unique_ptr<IncarnationKeeper> keeper(new IncarnationKeeper);
    const MediumIdentity identity = identity_of(fd);
    const std::string basis = basis_text(identity);
    Kept kept{kept_magic, hash_id(basis), random_id(), 0, size_bytes};

    const std::filesystem::path folder = folder_of(run_dir);
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    const std::string path = folder / identity.place;
    keeper->file_ = OwnedFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    Kept found{};
    if (keeper->file_ && pread(keeper->file_.get(), &found, sizeof found, 0) == static_cast<ssize_t>(sizeof found) &&
        found.magic == kept.magic && found.basis == kept.basis && found.mark == 0 && found.size_bytes <= size_bytes) {
        kept.random = found.random;
    }
    if (!keeper->file_) {
        keeper->problem_ = path + ": cannot open it: " + std::strerror(errno);
    } else if (pwrite(keeper->file_.get(), &kept, sizeof kept, 0) != static_cast<ssize_t>(sizeof kept)) {
        keeper->problem_ = path + ": cannot write it: " + std::strerror(errno);
        keeper->file_.reset();
        static_cast<void>(::unlink(path.c_str()));
    }
    const std::string whole = basis + "\n" + to_string(kept.random);
    const Incarnation file = identity.file.empty() ? Incarnation{} : of_file(hash_id(identity.file));
    keeper->incarnation_ = with_other_time(file, hash_id(whole));
    return keeper;
}

void IncarnationKeeper::flush_begins() noexcept {
    if (flushes_++ == 0 && !failed_) write_mark(true);
}

void IncarnationKeeper::flush_ended(bool success) noexcept {
    if (!success) failed_ = true;
    if (--flushes_ == 0 && !failed_) write_mark(false);
}

void IncarnationKeeper::drop() noexcept {
    failed_ = true;
    write_mark(true);
}

void IncarnationKeeper::write_mark(bool set) noexcept {
    if (!file_) return;
    const std::uint64_t mark = set ? 1 : 0;
    if (pwrite(file_.get(), &mark, sizeof mark, offsetof(Kept, mark)) == static_cast<ssize_t>(sizeof mark)) return;
    // A mark that cannot be set must not be missed: without the file the next opening draws a new number.
    if (set) {
        static_cast<void>(ftruncate(file_.get(), 0));
        file_.reset();
    }
}

}  // namespace dst
