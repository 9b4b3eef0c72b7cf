#include "asio/batch.h"

namespace dst {

bool BatchPolicy::worked(Duration time) noexcept {
    mean_ += (time - mean_) / memory;
    if (mean_ > begins) patient_ = true;
    if (mean_ < ends) patient_ = false;
    return patient_;
}

}  // namespace dst
