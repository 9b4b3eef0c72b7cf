#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "block/leaf.h"
#include "media/label.h"
#include "media/record.h"

/// M7: what may be taken back by a mirror that serves. Pure; start/join_attempt.h looks and acts.
namespace dst {

/// What is known of a member that comes back.
enum class ReturnKind {
    known,       ///< it lacks what its owed map says
    everything,  ///< what it lacks is not known: all of it
    refused,     ///< somebody else's
    split,       ///< written to by others since: nothing of it may be touched
};

struct ReturnJudgement {
    ReturnKind kind = ReturnKind::refused;
    std::string why;  ///< refused, split: a sentence; everything: a clause
};

/// By the record that lies on the member (none: nothing good is there) against `mine`, the newest durable one, in which
/// it is `member`.
ReturnJudgement judge_return(const Record& mine, const RecordMember& member, const std::optional<Record>& found);

/// One leaf below a member that comes back, as it is now.
struct ReturningLeaf {
    std::string name;   ///< as the file names it
    std::string place;  ///< where the file has it
    LabelState label_state = LabelState::absent;
    std::optional<Label> label;    ///< set when valid
    std::optional<LiveHead> live;  ///< a session of another head
    Geometry geometry;
    std::uint64_t remembered_bytes = 0;  ///< its size by record or journal; 0: not known
    Epoch left_with;                     ///< what this head had promised it; none: nothing
};

enum class LeafReturn {
    same,    ///< the medium that the record knows
    other,   ///< another medium of this storage and place, or an older copy of the same one
    blank,   ///< it has no label: to be probed, and taken as a new medium when it is blank
    refused  ///< must not be touched
};

struct LeafJudgement {
    LeafReturn kind = LeafReturn::refused;
    std::string why;  ///< refused: a sentence
};

/// By the leaf's label, against the record of the mirror above.
LeafJudgement judge_leaf(const Record& mine, const RecordMember& member, const ReturningLeaf& leaf);

/// For a leaf without a label: why it is not blank, as a sentence; empty when it is (M7).
std::string why_not_blank(const ReturningLeaf& leaf, const Probe& probe);

}  // namespace dst
