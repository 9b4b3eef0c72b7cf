#include "disk/disk_sequence.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <fstream>

namespace dst {

std::string disk_sequence(dev_t device) {
    std::ifstream file("/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device)) +
                       "/diskseq");
    std::string line;
    std::getline(file, line);
    return line;
}

std::string disk_sequence([[maybe_unused]] int fd, dev_t device) {
#ifdef BLKGETDISKSEQ
    std::uint64_t sequence = 0;
    if (ioctl(fd, BLKGETDISKSEQ, &sequence) == 0 && sequence != 0) return std::to_string(sequence);
#endif
    return disk_sequence(device);
}

}  // namespace dst
