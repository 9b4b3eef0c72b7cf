#include <algorithm>
#include <cstring>
#include <utility>

#include "ctl/inspection.h"

namespace dst::ctl {
namespace {

/// Trees of trees have few levels; more would be data made to look like them.
constexpr unsigned nested_trees_max = 16;

LabelCopies read_label(LeafReader& reader, std::uint64_t medium_bytes) {
    LabelCopies copies;
    for (unsigned copy = 0; copy < 2; ++copy) {
        const auto bytes = reader.read(label_copy(medium_bytes, copy));
        copies.readable[copy] = bytes.has_value();
        if (bytes) std::memcpy(copies.images[copy].data(), bytes->data(), copies.images[copy].size());
    }
    return copies;
}

CopyInspection inspect_label_copy(const LabelCopies& copies, unsigned copy) {
    if (!copies.readable[copy]) return {CopyState::unreadable};
    auto label = decode_label(copies.images[copy]);
    if (!label) return bad_copy({copies.images[copy].begin(), copies.images[copy].end()}, label.error());
    return {CopyState::good, label->sequence};
}

bool has_magic(const CopyInspection& copy) {
    switch (copy.state) {
        case CopyState::good:
        case CopyState::damaged:
        case CopyState::other_version: return true;
        case CopyState::empty:
        case CopyState::foreign:
        case CopyState::torn:
        case CopyState::unreadable: break;
    }
    return false;
}

/// At the end of the data of a tree there may be anything: what is of DST is a label, or a record that counts.
bool is_medium(const MediumInspection& tree) {
    return std::any_of(tree.label_copies->begin(), tree.label_copies->end(), has_magic) || !tree.mirrors.empty();
}

/// By the record that lies on it.
bool is_out_of_sync(const MirrorInspection& mirror) {
    const RecordMember* const here = find_member(mirror.record, mirror.member);
    return here != nullptr && here->state != MemberState::in_sync;
}

/// The tree of the storage of `below` as a medium.
MediumInspection tree_of(const MediumInspection& below) {
    MediumInspection tree;
    tree.name = below.label ? "tree " + below.label->storage_name : "tree";
    tree.kind = MediumKind::tree;
    tree.may_be_old = below.may_be_old || std::any_of(below.mirrors.begin(), below.mirrors.end(), is_out_of_sync);
    return tree;
}

/// Where the data of its own tree end, of which it is a leaf.
std::optional<std::uint64_t> inspect_mirrors_of(LeafReader& reader, std::uint64_t leaf_bytes, MediumInspection& found) {
    MirrorsInspection mirrors = inspect_mirrors(reader, leaf_bytes, found.label);
    const auto end = mirrors.data_end;
    found.take(std::move(mirrors));
    return end;
}

}  // namespace

void inspect_label(LeafReader& reader, std::uint64_t medium_bytes, MediumInspection& found) {
    const LabelCopies copies = read_label(reader, medium_bytes);
    const LabelChoice choice = choose_label(copies);
    found.label_copies = CopyInspections{inspect_label_copy(copies, 0), inspect_label_copy(copies, 1)};
    found.label_state = choice.state;
    found.label_fault = choice.one_copy_bad ? "one of the two copies is bad" : choice.why.text;
    found.label = choice.label;
}

void inspect_leaf(LeafReader& reader, std::uint64_t leaf_bytes, MediumInspection& found) {
    std::optional<std::uint64_t> end = inspect_mirrors_of(reader, leaf_bytes, found);
    while (end && leaf_size_bytes(*end) != 0 && found.above.size() < nested_trees_max) {
        MediumInspection tree = tree_of(found.above.empty() ? found : found.above.back());
        inspect_label(reader, *end, tree);
        std::uint64_t tree_leaf_bytes = leaf_size_bytes(*end);
        if (tree.label) {
            tree.size_bytes = tree.label->size_bytes + label_area_bytes;
            // Of the last part of a linear this is less than what the label says. Where it is more, the tree has grown.
            tree_leaf_bytes = std::min(tree_leaf_bytes, tree.label->size_bytes);
        }
        end = inspect_mirrors_of(reader, tree_leaf_bytes, tree);
        if (!is_medium(tree)) return;
        found.above.push_back(std::move(tree));
    }
}

}  // namespace dst::ctl
