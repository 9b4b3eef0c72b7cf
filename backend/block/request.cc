#include "block/request.h"

namespace dst {

std::string_view to_string(Operation operation) noexcept {
    switch (operation) {
        case Operation::read: return "read";
        case Operation::write: return "write";
        case Operation::write_zeroes: return "write_zeroes";
        case Operation::unmap: return "unmap";
        case Operation::flush: return "flush";
        case Operation::checksum: return "checksum";
    }
    return "unknown";
}

}  // namespace dst
