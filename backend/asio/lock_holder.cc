#include "asio/lock_holder.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "asio/owned_fd.h"

namespace dst {
namespace {

namespace fs = std::filesystem;

std::string device_text(dev_t device) { return std::to_string(major(device)) + ":" + std::to_string(minor(device)); }

std::string mount_of(dev_t device) {
    std::ifstream mounts("/proc/self/mountinfo");
    const std::string wanted = device_text(device);
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        std::string id;
        std::string parent;
        std::string number;
        std::string root;
        std::string point;
        fields >> id >> parent >> number >> root >> point;
        if (number == wanted) return "mounted on " + point;
    }
    return {};
}

std::string mapped_by(dev_t device) {
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator("/sys/dev/block/" + device_text(device) + "/holders", failure)) {
        return "in use by " + entry.path().filename().string();
    }
    return {};
}

bool is_number(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool same_inode(const struct stat& first, const struct stat& second) {
    if (S_ISBLK(first.st_mode)) return S_ISBLK(second.st_mode) && first.st_rdev == second.st_rdev;
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

bool locks(const fs::path& process, const std::string& descriptor) {
    std::ifstream info(process / "fdinfo" / descriptor);
    for (std::string line; std::getline(info, line);) {
        if (line.rfind("lock:", 0) == 0) return true;
    }
    return false;
}

std::string process_name(const fs::path& process) {
    std::ifstream file(process / "comm");
    std::string name;
    std::getline(file, name);
    return name + "[" + process.filename().string() + "]";
}

/// The process that holds a lock on it, else one that merely has it open, other than through `own_fd`.
std::string process_with(const struct stat& wanted, int own_fd) {
    std::string opener;
    std::error_code failure;
    const std::string own_process = std::to_string(getpid());
    for (const auto& process : fs::directory_iterator("/proc", failure)) {
        if (!is_number(process.path().filename().string())) continue;
        std::error_code unreadable;
        for (const auto& descriptor : fs::directory_iterator(process.path() / "fd", unreadable)) {
            struct stat status {};
            if (stat(descriptor.path().c_str(), &status) != 0 || !same_inode(wanted, status)) continue;
            const std::string number = descriptor.path().filename().string();
            if (process.path().filename() == own_process && number == std::to_string(own_fd)) continue;
            if (locks(process.path(), number)) return process_name(process.path());
            opener = process_name(process.path());
        }
    }
    return opener;
}

/// True when the loop device is made of the file. Asked of the device, since the path that /sys tells may be of another
/// mount namespace; of /sys where the device may not be opened.
bool is_made_of(const fs::path& loop, const struct stat& wanted) {
    const OwnedFd fd(::open(("/dev" / loop.filename()).c_str(), O_RDONLY | O_CLOEXEC));
    struct loop_info64 info {};
    if (fd && ioctl(fd.get(), LOOP_GET_STATUS64, &info) == 0) {
        return info.lo_device == wanted.st_dev && info.lo_inode == wanted.st_ino;
    }
    std::ifstream file(loop / "loop" / "backing_file");
    std::string path;
    struct stat status {};
    return std::getline(file, path) && stat(path.c_str(), &status) == 0 && same_inode(wanted, status);
}

/// The device itself, and its partitions.
std::string user_of_loop(const fs::path& loop) {
    std::vector<fs::path> devices{loop};
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(loop, failure)) {
        if (fs::exists(entry.path() / "partition", failure)) devices.push_back(entry.path());
    }
    for (const fs::path& device : devices) {
        unsigned major_number = 0;
        unsigned minor_number = 0;
        char colon = 0;
        if (!(std::ifstream(device / "dev") >> major_number >> colon >> minor_number)) continue;
        const dev_t number = makedev(major_number, minor_number);
        const std::string through = " through /dev/" + device.filename().string();
        if (const std::string mount = mount_of(number); !mount.empty()) return mount + through;
        if (const std::string mapped = mapped_by(number); !mapped.empty()) return mapped + through;
    }
    // What claims a block device (swap, a filesystem out of sight) claims it exclusively.
    const std::string path = "/dev/" + loop.filename().string();
    const OwnedFd claimed(::open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    return !claimed && errno == EBUSY ? "in use through " + path : std::string();
}

}  // namespace

std::string describe_loop_user(int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator("/sys/block", failure)) {
        if (!fs::exists(entry.path() / "loop" / "backing_file", failure)) continue;
        if (!is_made_of(entry.path(), status)) continue;
        if (std::string user = user_of_loop(entry.path()); !user.empty()) return user;
    }
    return {};
}

std::string describe_holder(int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0) return {};
    if (S_ISBLK(status.st_mode)) {
        if (std::string mount = mount_of(status.st_rdev); !mount.empty()) return mount;
        if (std::string mapped = mapped_by(status.st_rdev); !mapped.empty()) return mapped;
    }
    return process_with(status, fd);
}

}  // namespace dst
