#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "block/id.h"
#include "media/record.h"

namespace dst {

/// The bit of a mirror's child in a mask.
constexpr std::uint32_t bit(std::size_t index) { return std::uint32_t{1} << index; }

/// What a start sees of one member of a mirror.
struct MemberView {
    std::string name;              ///< as the file names it
    std::uint32_t number = 0;      ///< by its leaves' labels; 0: not known
    bool reachable = false;        ///< labels are in order and the device reads
    std::string why_not;           ///< not reachable: the reason
    std::optional<Record> record;  ///< its own
    Incarnation incarnation;
    std::vector<RecordLeaf> leaves;  ///< as they are now
    bool lossy = false;              ///< a mirror below it is being started with accepted loss of data, as ordered
    /// Not reachable since its disk takes no writes: what it holds is known all the same.
    bool reads_only = false;
};

enum class Verdict {
    use,    ///< `record` with the members in `used`
    wait,   ///< for the members in `missing`
    split,  ///< two records, neither an ancestor of the other: serve nothing
};

struct StartChoice {
    Verdict verdict = Verdict::wait;
    Record record;
    std::uint32_t used = 0;  ///< a bit per view: in sync, reachable, and passed M7's checks of medium and revision
    std::string reason;      ///< why it waits, or which two are split: a sentence
    bool stale = false;      ///< force_choice(): none of those is in sync by the newest record that can be reached
    /// Split: one member on each side that may be given up, as the file names it; empty: nobody on that side can be
    /// reached, or nobody in sync would be left.
    std::string one_side;
    std::string other_side;
    /// For each view that was reached and is in sync by the record, but is not used: why. Else empty.
    std::vector<std::string> refused;
};

/// Of a split, when all other sides are given up: whether `kept` calls somebody in sync who has not gone over to one.
bool somebody_stays(const Record& kept, const std::vector<MemberView>& views);

/// Whether the media below a member are the ones that the record knows; others may hold anything (M7).
bool same_media(const RecordMember& recorded, const MemberView& view);

/// Why a member that is in sync by the record `best` cannot be used; empty when it can. `journal`: null when it does
/// not decide.
std::string check_member(const RecordMember& recorded, const MemberView& view, const Record& best,
                         const Record* journal);

/// The one that all others of its line come before; null when there are none. Of a split, one side's.
const Record* newest_record(const std::vector<const Record*>& candidates);

/// M5 step 2 for one mirror. `journal` is the journal's record of it, if any; when the journal does not decide it
/// counts for nothing.
StartChoice choose_record(const std::optional<Record>& journal, bool decides, const std::vector<MemberView>& views);

/// M5 step 3: which of the chosen members are used when the intent maps are not all empty.
struct IncarnationChoice {
    bool wait = false;
    std::uint32_t used = 0;
    bool leave = false;        ///< in-sync members that are not used leave before anything is answered
    bool all_changed = false;  ///< nobody is unchanged, and all are there: something may be lost below
    std::string reason;
};
/// `journal` as for check_member(). One that can only be read counts as there if it is changed as well: nobody who has
/// not lost what was never flushed is waited for then.
IncarnationChoice choose_incarnations(const StartChoice& choice, const std::vector<MemberView>& views,
                                      const Record* journal);

}  // namespace dst
