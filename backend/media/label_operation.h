#pragma once

#include <functional>
#include <string>

#include "media/medium.h"

namespace dst {

/// One label operation of a Medium, queued or running. The callback that belongs to its kind is set.
struct Medium::LabelOperation {
    enum class Kind { peek, probe, promise, served, write_label };

    Kind kind = Kind::peek;
    Session* asker = nullptr;  ///< null: detached while it ran, nobody wants the answer
    Peek seen;
    Epoch epoch;
    LabelImage image{};
    Probe probe;
    Callback<Peek> peek_done;
    Callback<Probe> probe_done;
    Callback<LabelImage> label_done;
};

}  // namespace dst
