#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/label.h"
#include "tree/build.h"

namespace dst {

/// What a start found on one leaf.
struct LeafFinding {
    bool reachable = false;  ///< up, and its label area was looked at
    LabelState state = LabelState::absent;
    std::optional<Label> label;
    std::string refusal;   ///< a sentence: why it is not used; empty: in order
    bool fatal = false;    ///< nobody can know whether it or the others are meant: the storage is not started
    bool foreign = false;  ///< refused: its label is another storage's
    bool older = false;    ///< refused: an older copy of its medium

    /// Who has served it is known: wherever it lies, and whatever else speaks against using it, its label's marks are
    /// of this storage's heads.
    bool tells_who_served() const { return label && !foreign && !older; }
};

/// What a peek says, before anything is checked.
LeafFinding finding_of(const Peek& peek);

/// Which storage the leaves belong to. Nil: no leaf has a label.
struct StorageIdentity {
    Id id;
    std::uint32_t logical_block_bytes = 0;
};

/// Looks whether the labelled leaves belong to the storage `name` (with the id `known`, unless nil), and refuses those
/// that do not; those without a label are refused too. Where two storages of this name are found, and `known` is nil,
/// the refusal is fatal. `findings` are in the order of tree.leaves().
StorageIdentity check_labels(const Tree& tree, const std::string& name, const Id& known,
                             std::vector<LeafFinding>& findings);

/// Gives the children of the mirrors their numbers: by the labels below them, else by their names in `records` (in
/// reading order of the mirrors; may be empty). Refuses leaves whose labels say another place, and says which two are
/// swapped.
void assign_places(const Tree& tree, const std::vector<Record>& records, std::vector<LeafFinding>& findings);

/// The same for one mirror below others that have their numbers: its children, and the leaves that are its own.
void assign_places_below(const Tree& tree, const Vertex& mirror, const Record* known,
                         std::vector<LeafFinding>& findings);

/// Of leaves without a label whose places are known (after assign_places): says when `known`, the leaves as the journal
/// remembers them, had another size there. The label lies at the end, so a medium that was cut or grown looks blank.
void tell_changed_sizes(const Tree& tree, const std::vector<RecordLeaf>& known, std::vector<LeafFinding>& findings);

/// What the labels below a mirror's child say about its number; 0: they say nothing, or not the same.
std::uint32_t claimed_number(const Vertex& child, const std::vector<LeafFinding>& findings);

/// Refuses leaves that were put back from an older copy (M7). Leaves with the same mirrors above them are only ever
/// used together, and all of them are promised an epoch before one is marked as served under it: one whose promise lies
/// below what another has served, or, where no mirror is above, below `established` (none: not known), is older.
void refuse_older_copies(const Tree& tree, const Epoch& established, std::vector<LeafFinding>& findings);

/// A mirror's children against the names in its record: refuses those that carry the label of one member and have the
/// name of another. Answers the indices of those that this call has refused.
std::vector<std::size_t> refuse_swapped(const Vertex& mirror, const Record& record, std::vector<LeafFinding>& findings);
/// The same between mirrors: a child of `mirror`, which stands on `record`, carries what the file names below another
/// mirror, and its own name is in that one's record (`others`). Where each mirror has one medium in reach, their labels
/// alone agree with each other.
std::vector<std::size_t> refuse_swapped_elsewhere(const Tree& tree, const Vertex& mirror, const Record& record,
                                                  const std::vector<Record>& others,
                                                  std::vector<LeafFinding>& findings);

/// The tree's mirrors in the order of the file, outer ones first.
std::vector<Vertex*> mirrors_in_reading_order(const Tree& tree);

/// The number that a label of `leaf` carries: in the nearest mirror above; 0: no mirror is above.
std::uint32_t member_number_of(const Vertex& leaf);

/// The leaves below a mirror that are its own: not below another mirror below it.
std::vector<const Vertex*> leaves_of_mirror(const Vertex& mirror);

/// The leaves below a vertex, in the order of the file.
std::vector<const Vertex*> leaves_below(const Vertex& vertex);

}  // namespace dst
