#pragma once

#include <map>
#include <string>

#include "block/breaks.h"
#include "block/error.h"
#include "tree/build.h"

namespace dst {

/// Leaves, and children of mirrors, whose disks can be read and did not take what an attempt wrote: the next ones do
/// without them, as a storage that serves would, until one has to wait.
class UnwritableDisks {
public:
    /// What `vertex` answered to a write; only what speaks of its disk is kept.
    void note(const Vertex& vertex, const Error& error) {
        if (takes_no_writes(error.code) && !broken(Rule::m5_unwritable)) {
            Found& found = found_[&vertex];
            found.error = error;
            ++found.times;
        }
    }
    /// Null: nothing has spoken against it `times` times. Of what lies below it nothing is said.
    const Error* error_of(const Vertex& vertex, unsigned times = 1) const {
        const auto found = found_.find(&vertex);
        return found == found_.end() || found->second.times < times ? nullptr : &found->second.error;
    }
    bool any() const noexcept { return !found_.empty(); }
    void clear() { found_.clear(); }

private:
    struct Found {
        Error error;
        unsigned times = 0;
    };
    std::map<const Vertex*, Found> found_;
};

/// Why it is not used, for the user.
inline std::string why_unwritable(const Vertex& vertex, const Error& error) {
    return vertex.spec->name + " does not take writes: " + to_string(error);
}

}  // namespace dst
