#include "disk/probe.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "asio/owned_fd.h"
#include "media/label.h"

namespace dst {
namespace {

struct FreeProbe {
    void operator()(blkid_struct_probe* probe) const { blkid_free_probe(probe); }
};
using ProbePointer = std::unique_ptr<blkid_struct_probe, FreeProbe>;

std::string value_of(blkid_probe probe, const char* name) {
    const char* value = nullptr;
    if (blkid_probe_lookup_value(probe, name, &value, nullptr) != 0 || value == nullptr) return {};
    return value;
}

std::string describe(blkid_probe probe) {
    const std::string table = value_of(probe, "PTTYPE");
    const std::string type = value_of(probe, "TYPE");
    const std::string usage = value_of(probe, "USAGE");
    if (!type.empty()) {
        if (usage == "filesystem") return type + " filesystem";
        if (type == "LVM2_member") return "LVM physical volume";
        if (type == "linux_raid_member") return "member of an md array";
        if (usage == "raid") return type + " (member of a RAID or volume group)";
        if (usage == "crypto") return type + " (encrypted data)";
        return type;
    }
    if (table == "gpt") return "GPT partition table";
    if (table == "dos") return "DOS partition table";
    if (!table.empty()) return table + " partition table";
    return {};
}

/// True when [0, data_bytes) is known to be one hole.
bool reads_as_zero(int fd, std::uint64_t data_bytes) {
    struct stat status {};
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
    const off_t data = lseek(fd, 0, SEEK_DATA);
    if (data < 0) return errno == ENXIO;
    return static_cast<std::uint64_t>(data) >= data_bytes;
}

}  // namespace

Result<std::string> find_signature(int fd) {
    const ProbePointer probe(blkid_new_probe());
    if (!probe || blkid_probe_set_device(probe.get(), fd, 0, 0) != 0) {
        return Error{Errc::io_error, "libblkid cannot look at it"};
    }
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
    blkid_probe_enable_partitions(probe.get(), 1);
    constexpr int ambivalent = -2;
    const int found = blkid_do_safeprobe(probe.get());
    if (found == ambivalent) return std::string("several contradicting signatures");
    if (found < 0) return Error{Errc::io_error, "libblkid cannot read it"};
    return describe(probe.get());
}

Result<Probe> probe_medium(int fd, const std::string& path, std::uint64_t size_bytes) {
    // A description of its own: libblkid reads unaligned, and a file position of its own for SEEK_DATA.
    const std::string name = "/proc/self/fd/" + std::to_string(fd);
    const OwnedFd own(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!own) return Error{errc_from_errno(errno), path + ": cannot open it again: " + std::strerror(errno)};
    Result<std::string> found = find_signature(own.get());
    if (found.has_error()) return Error{found.error().code, path + ": " + found.error().text};
    Probe probe;
    probe.found = *found;
    probe.zeroes_known = reads_as_zero(own.get(), leaf_size_bytes(size_bytes));
    return probe;
}

}  // namespace dst
