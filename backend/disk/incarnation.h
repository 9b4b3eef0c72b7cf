#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "asio/owned_fd.h"
#include "block/error.h"
#include "block/id.h"

namespace dst {

/// Names the time during which nothing acknowledged can have been lost on one medium (docs/mirror.md): the kernel's
/// boot id, the medium's own identity (device, inode and birth time, disk sequence number), and a random number kept in
/// a small file under the run directory. A mark in that file is set while a flush runs and stays when one failed or
/// its end was not seen; a mark found set, a medium smaller than it was, or a file missing or of another medium or
/// boot, means a new number. Of a file it names the file as well (same_file(), block/id.h), by inode and birth time,
/// which stay over restarts and reboots.
///
/// The mark is written through the page cache: it outlives the process, and the run directory does not
/// outlive the machine. (Not a mapping: a run directory that is full or tampered with would be a fatal signal in tgtd.)
/// One opener at a time; the medium's lock sees to that.
class IncarnationKeeper {
public:
    /// Takes up or begins the incarnation of the medium open as `fd`. Blocks. Never fails: where nothing can be kept,
    /// the number is new at every opening, and problem() says why.
    static std::unique_ptr<IncarnationKeeper> open(const std::string& run_dir, int fd, std::uint64_t size_bytes);

    const Incarnation& incarnation() const noexcept { return incarnation_; }
    /// Empty, or why the number cannot be kept.
    const std::string& problem() const noexcept { return problem_; }

    /// Around every flush; they may overlap. A failed one leaves the mark for good.
    void flush_begins() noexcept;
    void flush_ended(bool success) noexcept;
    /// The medium lost what it held: the next opening draws a new number.
    void drop() noexcept;

private:
    IncarnationKeeper() = default;
    void write_mark(bool set) noexcept;

    OwnedFd file_;
    Incarnation incarnation_;
    std::string problem_;
    unsigned flushes_ = 0;
    bool failed_ = false;
};

/// What the file of a medium keeps of its last opening (docs/disk_format.md, "Incarnation file").
struct KeptIncarnation {
    Id basis;          ///< of which boot and medium: a hash
    Id random;         ///< names, with the basis, the time in which nothing can have been lost
    bool mark = true;  ///< a flush runs, or one failed, or a loss was seen: the next opening does not go on with it
    std::uint64_t size_bytes = 0;  ///< of the medium
};
/// Survives any bytes. Errors: not_found (nothing is there, or something else), corrupt (cut short), not_supported
/// (another version of DST).
Result<KeptIncarnation> decode_kept_incarnation(std::span<const std::byte> file);

struct IncarnationPlace {
    std::string path;  ///< of the file
    Id basis;          ///< that the file must have to count: of this boot and medium
};
/// Of the medium open as `fd`.
IncarnationPlace incarnation_place(const std::string& run_dir, int fd);

/// $DST_RUN_DIR, else /run/dst.
std::string default_run_dir();

}  // namespace dst
