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
        if (takes_no_writes(error.code) && !broken(Rule::m5_unwritable)) errors_.insert_or_assign(&vertex, error);
    }
    /// Null: nothing speaks against it. Of what lies below it nothing is said.
    const Error* error_of(const Vertex& vertex) const {
        const auto found = errors_.find(&vertex);
        return found == errors_.end() ? nullptr : &found->second;
    }
    void clear() { errors_.clear(); }

private:
    std::map<const Vertex*, Error> errors_;
};

/// Why it is not used, for the user.
inline std::string why_unwritable(const Vertex& vertex, const Error& error) {
    return vertex.spec->name + " does not take writes: " + to_string(error);
}

}  // namespace dst
