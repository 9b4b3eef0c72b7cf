#include "asio/file_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "asio/lock_holder.h"
#include "asio/owned_fd.h"
#include "block/assert.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace dst {
namespace {

constexpr std::size_t slot_header_bytes = 4096;
constexpr std::size_t slot_stride_bytes = slot_header_bytes + Store::slot_bytes_max;
constexpr std::array<char, 8> slot_magic{'D', 'S', 'T', 'S', 'T', 'O', 'R', '1'};

Error file_error(const std::string& path, const char* what, int error) {
    return {errc_from_errno(error), path + ": cannot " + what + ": " + std::strerror(error)};
}

/// Moves all of `bytes`; an errno value, or 0. A read that meets the end of the file answers ENODATA.
template <typename Call, typename Byte>
int move_all(Call call, int fd, std::span<Byte> bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t moved = call(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (moved < 0 && errno == EINTR) continue;
        if (moved < 0) return errno;
        if (moved == 0) return ENODATA;
        bytes = bytes.subspan(static_cast<std::size_t>(moved));
        offset += static_cast<std::uint64_t>(moved);
    }
    return 0;
}

Bytes encode_slot(const Bytes& content) {
    Bytes slot(slot_header_bytes + content.size());
    std::memcpy(slot.data(), slot_magic.data(), slot_magic.size());
    for (std::size_t i = 0; i < 8; ++i) {
        slot[slot_magic.size() + i] = static_cast<std::byte>(content.size() >> (8 * i));
    }
    std::copy(content.begin(), content.end(), slot.begin() + slot_header_bytes);
    return slot;
}

/// One slot as it lies in the file.
struct Slot {
    bool ours = false;  ///< it begins as a store's slot does
    Bytes content;      ///< empty: never written
};

/// What was written and cannot be read whole gives bytes that no reader takes for good, so that it is told as damaged.
Slot read_slot(int fd, unsigned slot) {
    const std::uint64_t at = slot * slot_stride_bytes;
    std::array<std::byte, 16> header{};
    const Bytes damaged(1, std::byte{0xff});
    const int error = move_all(::pread, fd, std::span<std::byte>(header), at);
    if (error != 0) return {false, error == ENODATA ? Bytes{} : damaged};
    if (std::memcmp(header.data(), slot_magic.data(), slot_magic.size()) != 0) {
        return {false, header == decltype(header){} ? Bytes{} : damaged};
    }
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        length |= static_cast<std::uint64_t>(header[slot_magic.size() + i]) << (8 * i);
    }
    if (length > Store::slot_bytes_max) return {true, damaged};
    Bytes content(length);
    if (move_all(::pread, fd, std::span(content), at + slot_header_bytes) != 0) return {true, damaged};
    return {true, std::move(content)};
}

/// Where the filesystem knows when a file was made, that counts as well: an inode's number is used again, often at
/// once.
std::uint64_t number_of_file(int fd, const struct stat& status) {
    struct statx more {};
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &more) != 0 || (more.stx_mask & STATX_BTIME) == 0) {
        return status.st_ino;
    }
    const std::array<std::uint64_t, 3> all{status.st_ino, static_cast<std::uint64_t>(more.stx_btime.tv_sec),
                                           more.stx_btime.tv_nsec};
    return XXH64(all.data(), sizeof all, 0);
}

struct FoundStore {
    StoreContents contents;
    bool ours = false;  ///< at least one slot is a store's
};

Result<FoundStore> read_contents(int fd, const std::string& path) {
    struct stat status {};
    if (fstat(fd, &status) != 0) return file_error(path, "look at it", errno);
    if (!S_ISREG(status.st_mode)) return Error{Errc::invalid_argument, path + " is not a regular file"};
    FoundStore found;
    std::array<Slot, 2> slots{read_slot(fd, 0), read_slot(fd, 1)};
    found.ours = slots[0].ours || slots[1].ours;
    // Of a file that is none of ours nothing is taken for a damaged slot.
    for (std::size_t i = 0; found.ours && i < slots.size(); ++i) {
        found.contents.slots[i] = std::move(slots[i].content);
    }
    found.contents.machine = machine_id();
    found.contents.file = number_of_file(fd, status);
    return found;
}

/// A file whose making was interrupted: both slots' room, and only zeroes in it.
Result<bool> only_room(int fd, const std::string& path) {
    struct stat status {};
    if (fstat(fd, &status) != 0) return file_error(path, "look at it", errno);
    if (static_cast<std::uint64_t>(status.st_size) != 2 * slot_stride_bytes) return false;
    Bytes content(2 * slot_stride_bytes);
    if (const int error = move_all(::pread, fd, std::span(content), 0)) return file_error(path, "read it", error);
    return std::all_of(content.begin(), content.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

/// What lies where a slot's content would, as far as the file reaches.
Bytes read_place(int fd, unsigned slot, std::uint64_t file_bytes) {
    const std::uint64_t at = slot * slot_stride_bytes + slot_header_bytes;
    if (file_bytes <= at) return {};
    Bytes content(std::min<std::uint64_t>(Store::slot_bytes_max, file_bytes - at));
    if (move_all(::pread, fd, std::span(content), at) != 0) return Bytes(1, std::byte{0xff});
    return content;
}

Result<LookedAtStore> look_at(int fd, const std::string& path) {
    auto found = read_contents(fd, path);
    if (!found) return found.error();
    LookedAtStore looked{.has_header = found->ours, .contents = std::move(found->contents)};
    struct stat status {};
    if (fstat(fd, &status) != 0) return file_error(path, "look at it", errno);
    const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
    looked.store_sized = file_bytes == 2 * slot_stride_bytes;
    if (looked.has_header) return looked;
    const auto blank = only_room(fd, path);
    if (!blank) return blank.error();
    looked.unmade = file_bytes == 0 || *blank;
    for (unsigned slot : {0u, 1u}) looked.contents.slots[slot] = read_place(fd, slot, file_bytes);
    return looked;
}

/// Not to wait for the other end of a pipe; what is no regular file is refused when it is read.
Result<OwnedFd> open_to_look(const std::string& path) {
    OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return file_error(path, "open it", errno);
    return fd;
}

Id hash_id(std::string_view text, XXH64_hash_t seed) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(text.data(), text.size(), seed));
    Id id;
    std::memcpy(id.bytes.data(), canonical.digest, id.bytes.size());
    return id;
}

std::string first_line(const char* path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

int sync_folder(const std::filesystem::path& folder) {
    const OwnedFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return errno;
    return ::fsync(fd.get()) == 0 ? 0 : errno;
}

/// Makes the missing folders above `path`, each durably.
Result<void> make_folders(const std::filesystem::path& path) {
    std::vector<std::filesystem::path> missing;
    std::error_code ignored;
    for (auto at = path.parent_path(); !at.empty() && !std::filesystem::exists(at, ignored); at = at.parent_path()) {
        missing.push_back(at);
    }
    for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
        if (::mkdir(at->c_str(), 0755) != 0 && errno != EEXIST) return file_error(*at, "make the folder", errno);
        if (const int error = sync_folder(at->parent_path())) {
            return file_error(at->parent_path(), "make the folder durable", error);
        }
    }
    return {};
}

Result<void> lock_file(int fd, const std::string& path) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return {};
    if (errno == EAGAIN || errno == EACCES) {
        const std::string holder = describe_holder(fd);
        return Error{Errc::busy, path + " is locked by " + (holder.empty() ? "another process" : holder) +
                                     ", which has this storage open; a storage has one head at a time: remove the LUN "
                                     "there, or end that process"};
    }
    return file_error(path, "lock it", errno);
}

}  // namespace

/// Shared with the helper thread, which may outlive the store.
struct FileStore::File {
    OwnedFd fd;
};

namespace {

/// Room for both slots now, so that a full disk never stops a change of members; and the headers of empty slots, by
/// which the file is known again whatever a first write leaves behind.
Result<void> prepare_new_file(int fd, const std::string& path) {
    const auto bytes = static_cast<off_t>(2 * slot_stride_bytes);
    if (const int error = posix_fallocate(fd, 0, bytes)) return file_error(path, "make room in it", error);
    const Bytes empty = encode_slot({});
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{slot_stride_bytes}}) {
        if (const int error = move_all(::pwrite, fd, std::span(empty), at)) {
            return file_error(path, "write to it", error);
        }
    }
    const int synced = ::fsync(fd) == 0 ? 0 : errno;
    const int error = synced != 0 ? synced : sync_folder(std::filesystem::path(path).parent_path());
    if (error != 0) return file_error(path, "make it durable", error);
    return {};
}

/// Makes the file a store where it is empty. Somebody's file that a wrong path names must stay as it is.
Result<void> prepare(int fd, const std::string& path) {
    struct stat status {};
    if (fstat(fd, &status) != 0) return file_error(path, "look at it", errno);
    if (!S_ISREG(status.st_mode)) return {};
    if (status.st_size == 0) return prepare_new_file(fd, path);
    const auto found = read_contents(fd, path);
    if (!found) return found.error();
    if (found->ours) return {};
    const auto blank = only_room(fd, path);
    if (!blank) return blank.error();
    if (*blank) return prepare_new_file(fd, path);
    return Error{Errc::refused, path + " is not a journal and is left as it is; name another file, or remove it"};
}

/// `kept` stays as it was after an error: what lies at the path may be somebody's file, or locked.
Result<StoreContents> open_store(OwnedFd& kept, const std::string& path) {
    if (auto made = make_folders(path); made.has_error()) return made.error();
    bool created = true;
    constexpr int flags = O_RDWR | O_CLOEXEC;
    OwnedFd fd(::open(path.c_str(), flags | O_CREAT | O_EXCL, 0600));
    if (!fd && errno == EEXIST) {
        created = false;
        fd = OwnedFd(::open(path.c_str(), flags));
    }
    if (!fd) return file_error(path, created ? "create it" : "open it", errno);
    if (auto locked = lock_file(fd.get(), path); locked.has_error()) return locked.error();
    if (auto ready = prepare(fd.get(), path); ready.has_error()) {
        if (created) ::unlink(path.c_str());
        return ready.error();
    }
    auto found = read_contents(fd.get(), path);
    if (!found) return found.error();
    found->contents.created = created;
    kept = std::move(fd);
    return std::move(found->contents);
}

/// False: the file was removed, or another one lies at its path. What cannot be found out counts as true.
bool is_at(const std::string& path, int fd) {
    struct stat ours {};
    struct stat there {};
    if (fstat(fd, &ours) != 0) return true;
    if (ours.st_nlink == 0) return false;
    if (::stat(path.c_str(), &there) != 0) return errno != ENOENT;
    return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

}  // namespace

Id machine_id() {
    constexpr XXH64_hash_t machine_seed = 0x64737431;
    constexpr XXH64_hash_t boot_seed = 0x64737432;
    const std::string id = first_line("/etc/machine-id");
    if (id.size() >= 32) return hash_id(id, machine_seed);
    return hash_id(first_line("/proc/sys/kernel/random/boot_id"), boot_seed);
}

Result<StoreContents> read_store_file(const std::string& path) {
    const auto fd = open_to_look(path);
    if (!fd) return fd.error();
    auto found = read_contents(fd->get(), path);
    if (!found) return found.error();
    return std::move(found->contents);
}

Result<LookedAtStore> look_at_store_file(const std::string& path) {
    const auto fd = open_to_look(path);
    if (!fd) return fd.error();
    return look_at(fd->get(), path);
}

FileStore::FileStore(AsioLoop& loop, std::string path)
    : path_(std::move(path)), file_(std::make_shared<File>()), worker_(loop) {}

FileStore::~FileStore() = default;

void FileStore::open(Callback<StoreContents> done) {
    auto contents = std::make_shared<Result<StoreContents>>(Error{});
    worker_.run([file = file_, path = path_, contents] { *contents = open_store(file->fd, path); },
                [contents, path = path_, done = std::move(done)](Errc code) {
                    if (code != Errc::ok) *contents = Error{code, path + ": no thread to open it with"};
                    done(std::move(*contents));
                });
}

void FileStore::write(unsigned slot, Bytes bytes, Callback<void> done) {
    DST_ASSERT(slot < 2 && bytes.size() <= slot_bytes_max);
    auto result = std::make_shared<Result<void>>();
    auto work = [file = file_, path = path_, slot, bytes = std::move(bytes), result] {
        const Bytes image = encode_slot(bytes);
        int error = move_all(::pwrite, file->fd.get(), std::span(image), slot * slot_stride_bytes);
        if (error == 0 && ::fdatasync(file->fd.get()) != 0) error = errno;
        if (error != 0) {
            *result = file_error(path, "write it", error);
        } else if (!is_at(path, file->fd.get())) {
            *result = Error{Errc::changed, path + " was removed, or another file lies in its place"};
        }
    };
    worker_.run(std::move(work), [result, path = path_, done = std::move(done)](Errc code) {
        if (code != Errc::ok) *result = Error{code, path + ": no thread to write it with"};
        done(std::move(*result));
    });
}

}  // namespace dst
