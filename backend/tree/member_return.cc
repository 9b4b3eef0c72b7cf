#include "tree/member_return.h"

#include <algorithm>

#include "block/breaks.h"

namespace dst {
namespace {

std::string describe(const Record& record) {
    return "generation " + std::to_string(record.generation) + " (" + short_string(record.generation_id) + ")";
}

/// As other tools tell it: of the disk, with the label area.
std::string whole_size(std::uint64_t leaf_bytes) { return std::to_string(leaf_bytes + label_area_bytes) + " bytes"; }

ReturnJudgement judge_split(const Record& mine, const RecordMember& member, const Record& found) {
    const std::string sides = "the record on " + member.name + " says " + describe(found) +
                              ", the one of the members in use says " + describe(mine);
    const std::string what_to_do = "; nothing on " + member.name +
                                   " is touched. Decide whose data are given up: put a blank medium in its place, or "
                                   "close the storage (remove the LUN), order 'dstctl resolve FILE --discard MEMBER', "
                                   "and open it again (add the LUN)";
    if (compare_descent(found, mine) == Descent::newer) {
        return {ReturnKind::split,
                sides + ", which the first follows from: another head has gone on from there" + what_to_do};
    }
    return {ReturnKind::split,
            sides + ", and neither follows from the other: both sides were written to without each other" + what_to_do};
}

const RecordLeaf* leaf_at(const RecordMember& member, const std::string& place) {
    const auto found = std::find_if(member.leaves.begin(), member.leaves.end(),
                                    [&](const RecordLeaf& leaf) { return leaf.place == place; });
    return found == member.leaves.end() ? nullptr : &*found;
}

std::string larger_blocks(const ReturningLeaf& leaf, std::uint32_t block_bytes) {
    return leaf.name + " has blocks of " + std::to_string(leaf.geometry.logical_block_bytes) +
           " bytes, the storage was initialised with " + std::to_string(block_bytes) +
           "; it is not used. Put a medium with blocks of that size there";
}

}  // namespace

ReturnJudgement judge_return(const Record& mine, const RecordMember& member, const std::optional<Record>& found) {
    if (!found) return {ReturnKind::everything, "it carries no record of this mirror"};
    if (found->storage != mine.storage || found->mirror != mine.mirror) {
        const std::string whose = found->storage == mine.storage ? "mirror" : "storage";
        return {ReturnKind::refused, "the record on " + member.name + " is of another " + whose +
                                         "; it is not used. Put the right medium there, or a blank one"};
    }
    const bool split = !on_lineage(mine, found->generation_id) || went_on(mine, *found);
    if (split && !broken(Rule::m7_split)) return judge_split(mine, member, *found);
    if (broken(Rule::m7_older_copy)) return {ReturnKind::known, {}};
    if (found->revision < member.revision) {
        return {ReturnKind::everything, "its record is older than what it acknowledged: an older copy"};
    }
    if (member.last_generation.is_nil() || !on_lineage(mine, member.last_generation)) {
        return {ReturnKind::everything, "nobody knows what it lacked when it left"};
    }
    if (age_on(mine, found->generation_id) <= age_on(mine, member.last_generation)) return {ReturnKind::known, {}};
    return {ReturnKind::everything, "its record is older than when it left: an older copy"};
}

LeafJudgement judge_leaf(const Record& mine, const RecordMember& member, const ReturningLeaf& leaf) {
    const auto refused = [](std::string why) { return LeafJudgement{LeafReturn::refused, std::move(why)}; };
    switch (leaf.label_state) {
        case LabelState::absent:
            if (leaf.geometry.logical_block_bytes > mine.logical_block_bytes) {
                return refused(larger_blocks(leaf, mine.logical_block_bytes));
            }
            return {LeafReturn::blank, {}};
        case LabelState::damaged: break;
        case LabelState::unreadable:
            return refused(leaf.name + " cannot read its label area; it is not used. Look at the disk");
        case LabelState::valid: break;
    }
    if (!leaf.label) {
        return refused(leaf.name +
                       " has a damaged label in both copies; it is not used. Put the right medium there, or wipe it "
                       "(wipefs -a -f, or zeroes over its last MiB) to have it filled anew");
    }
    const Label& label = *leaf.label;
    if (label.storage != mine.storage) {
        return refused(leaf.name + " carries a medium of the storage '" + label.storage_name + "' (" +
                       short_string(label.storage) +
                       "); it is not touched. Put the right medium there, or a blank one");
    }
    if (label.place != leaf.place) {
        return refused(leaf.name + " carries the label of place " + label.place + " instead of " + leaf.place +
                       "; it is not touched. Put the right medium there, or correct the file");
    }
    if (leaf.live) {
        return refused(leaf.name + " is in use by another head, " + to_string(*leaf.live) +
                       "; it is left alone while that one is alive. End it");
    }
    if (label.size_bytes != leaf.geometry.size_bytes) {
        return refused(leaf.name + " is a disk of " + whole_size(leaf.geometry.size_bytes) + ", by its label it had " +
                       whole_size(label.size_bytes) + "; it is not used. Make it as large as it was");
    }
    if (leaf.geometry.logical_block_bytes > label.logical_block_bytes) {
        return refused(larger_blocks(leaf, label.logical_block_bytes));
    }
    const RecordLeaf* const known = leaf_at(member, leaf.place);
    const bool same = known != nullptr && known->medium == label.medium;
    // A promise is durable before anything is done under it: a copy that does not know it is from before.
    const bool older = label.promised.number < std::max(leaf.left_with.number, label.served.number);
    return {same && (!older || broken(Rule::m7_older_copy)) ? LeafReturn::same : LeafReturn::other, {}};
}

std::string why_not_blank(const ReturningLeaf& leaf, const Probe& probe) {
    if (probe.label_state != LabelState::absent) return leaf.name + " changed while it was looked at";
    if (!probe.found.empty() && !broken(Rule::m7_blank)) {
        return leaf.name + " carries " + probe.found +
               " instead of the storage's medium; it is not touched. Put the right medium there, or wipe this one "
               "(wipefs -a -f) to have it filled anew";
    }
    if (leaf.geometry.size_bytes != leaf.remembered_bytes) {
        const std::string wanted = whole_size(leaf.remembered_bytes);
        return leaf.name + " is a disk of " + whole_size(leaf.geometry.size_bytes) + " without a label where one of " +
               wanted +
               " belongs; it is not used. If it was cut or grown, give it its old size back; else put one of " +
               wanted + " there";
    }
    return {};
}

}  // namespace dst
