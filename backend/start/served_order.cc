#include "start/served_order.h"

#include <algorithm>

#include "block/breaks.h"

namespace dst {

bool ignores_order(const Record& found, const Id& order) noexcept {
    return !order.is_nil() && !broken(Rule::m5_order_left) && found.ordered != order && !on_lineage(found, order);
}

bool may_be_held(const Record& journal, const Id& order, const std::vector<MemberView>& views, std::uint32_t stale) {
    return std::any_of(journal.members.begin(), journal.members.end(), [&](const RecordMember& member) {
        const auto has_gone_over = [&](const MemberView& view) {
            const auto index = static_cast<std::size_t>(&view - views.data());
            return view.number == member.number && view.reachable && view.record && (stale & bit(index)) == 0 &&
                   ignores_order(*view.record, order);
        };
        return member.state == MemberState::in_sync && std::none_of(views.begin(), views.end(), has_gone_over);
    });
}

}  // namespace dst
