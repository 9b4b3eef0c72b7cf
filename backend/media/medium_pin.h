#pragma once

#include <cstdint>
#include <optional>

#include "block/error.h"
#include "block/leaf.h"

namespace dst {

/// What a leaf found in its place when it was opened again.
struct FoundMedium {
    LabelState label_state = LabelState::absent;
    Id medium;                     ///< by the label
    Errc epoch = Errc::ok;         ///< whether the label takes the leaf's epoch: ok, fenced (a newer head's) or refused
    std::uint64_t size_bytes = 0;  ///< of the data area
    Incarnation incarnation;
};

/// The medium that was promised an epoch. A leaf comes up with nothing else: another one in its place must be neither
/// read nor written (M7). But below a mirror an exported tree that was started from older data, as ordered there, comes
/// up with those, and its incarnation says so: its label is older, too, and nothing else may ever be in its place.
class MediumPin {
public:
    bool set() const noexcept { return pinned_.has_value(); }
    void pin(const Id& medium, std::uint64_t size_bytes, const Incarnation& incarnation) {
        pinned_ = {medium, size_bytes, incarnation};
    }
    /// The same medium, with all that its epoch was promised for.
    void saw(const Incarnation& incarnation) {
        if (pinned_) pinned_->incarnation = incarnation;
    }

    /// Ok, or why what was found is not taken: refused, or fenced. A leaf without an epoch takes everything.
    Error check(const LeafIdentity& leaf, const FoundMedium& found) const;
    /// What was found, and is not taken, is another medium; else its label could not be read.
    static bool is_another(const Error& refusal, const FoundMedium& found) {
        return refusal.code == Errc::refused && found.label_state != LabelState::unreadable;
    }

private:
    struct Pinned {
        Id medium;
        std::uint64_t size_bytes = 0;
        Incarnation incarnation;
    };
    std::optional<Pinned> pinned_;
};

}  // namespace dst
