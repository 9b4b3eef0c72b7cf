#pragma once

#include <string>

namespace dst {

/// Who has the file or block device open as `fd` (or mounted, or under device mapper), for messages: "tgtd[1234]",
/// "mounted on /srv", "in use by dm-0". Empty when it cannot be seen. Blocks; looks through /proc and /sys.
std::string describe_holder(int fd);

}  // namespace dst
