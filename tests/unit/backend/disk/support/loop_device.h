#pragma once

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include <string>

#include "asio/owned_fd.h"

namespace dst {

/// A loop device over a file; empty path where there are none.
class LoopDevice {
public:
    explicit LoopDevice(const std::string& file) {
        const OwnedFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
        if (!control) return;
        const OwnedFd backing(::open(file.c_str(), O_RDWR | O_CLOEXEC));
        // Somebody else may take the free device first.
        for (int attempt = 0; attempt < 50 && path.empty(); ++attempt) {
            const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
            if (number < 0) return;
            const std::string name = "/dev/loop" + std::to_string(number);
            device_ = OwnedFd(::open(name.c_str(), O_RDWR | O_CLOEXEC));
            if (device_ && backing && ioctl(device_.get(), LOOP_SET_FD, backing.get()) == 0) path = name;
        }
    }
    ~LoopDevice() {
        if (!path.empty()) ioctl(device_.get(), LOOP_CLR_FD, 0);
    }
    std::string path;

private:
    OwnedFd device_;
};

}  // namespace dst
