#pragma once

#include <string>

namespace dst {

/// Who has the file or block device open as `fd` (or mounted, or under device mapper), for messages: "tgtd[1234]",
/// "mounted on /srv", "in use by dm-0". Empty when it cannot be seen. Blocks; looks through /proc and /sys.
std::string describe_holder(int fd);

/// Who uses the file open as `fd` through a loop device: "mounted on /srv through /dev/loop0". Empty when nobody is
/// seen to; a loop device that merely stands there uses nothing. Blocks; looks through /sys and asks the loop devices.
std::string describe_loop_user(int fd);

}  // namespace dst
