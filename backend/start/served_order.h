#pragma once

#include <cstdint>
#include <vector>

#include "start/choose_record.h"

/// What an order made, and this head has served since (Journal::served_orders): it does not go over to what that order
/// gave up, also when its journal decides no more (docs/mirror.md, "Orders"). Pure functions; `order` is the generation
/// that the order made, nil: none.
namespace dst {

/// `found` does not know of the order. It is what that gave up, from before it, or gone on with since: epochs do not
/// tell, since the order was for those that were there, and the others may have higher ones.
bool ignores_order(const Record& found, const Id& order) noexcept;

/// What is known of the mirrors below a mirror's members: a bit per member.
struct LinesBelow {
    /// One stands on another line than the journal knows, while the rest of it is away.
    std::uint32_t other = 0;
    /// A side of a split is given up, as ordered: that may make the member older.
    std::uint32_t resolved = 0;
    /// It was part of the order, and nobody there holds what that made, whether it can be used or not.
    std::uint32_t gone = 0;
};

/// The members that may hold it yet: of those that are in sync by `journal`, all that were not seen to be of another
/// line. What is only older than `journal` is a copy from before the order, and the member is elsewhere. A journal's
/// record that does not know of the order itself, as an attempt to go over to what that gave up leaves it, does not
/// tell who is in sync: then any of its members may.
std::vector<const RecordMember*> may_hold(const Record& journal, const Id& order, const std::vector<MemberView>& views,
                                          const LinesBelow& below);

}  // namespace dst
