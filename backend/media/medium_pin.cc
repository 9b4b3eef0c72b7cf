#include "media/medium_pin.h"

#include <string>

#include "block/breaks.h"

namespace dst {

Error MediumPin::check(const LeafIdentity& leaf, const FoundMedium& found) const {
    if (leaf.epoch.none() || broken(Rule::m7_pin)) return {Errc::ok, {}};
    const std::string expected = "expected is the medium" + (pinned_ ? " " + short_string(pinned_->medium) : "") +
                                 (leaf.place.empty() ? "" : " of place " + leaf.place) + ", there is ";
    if (found.label_state == LabelState::absent) return {Errc::refused, expected + "one without a label (blank?)"};
    if (found.label_state != LabelState::valid) return {Errc::refused, expected + "one without a readable label"};
    const std::string there = short_string(found.medium);
    if (pinned_ && found.medium != pinned_->medium) return {Errc::refused, expected + there};
    if (found.epoch == Errc::fenced) {
        return {Errc::fenced, "the medium " + there + " is promised to a newer head"};
    }
    // The mirror above judges it; nothing else would.
    const bool below_a_mirror = leaf.place.find('/') != std::string::npos;
    const bool older_data = below_a_mirror && pinned_ && !same_data(pinned_->incarnation, found.incarnation);
    if (found.epoch != Errc::ok && !older_data) {
        return {Errc::refused, expected + there + " with a label that never saw epoch " +
                                   std::to_string(leaf.epoch.number) + " (an older copy?)"};
    }
    if (pinned_ && found.size_bytes < pinned_->size_bytes) {
        return {Errc::refused, expected + "a smaller one: " + std::to_string(found.size_bytes) + " bytes, before " +
                                   std::to_string(pinned_->size_bytes)};
    }
    return {Errc::ok, {}};
}

}  // namespace dst
