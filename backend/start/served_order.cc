#include "start/served_order.h"

#include <algorithm>

#include "block/breaks.h"

namespace dst {

bool ignores_order(const Record& found, const Id& order) noexcept {
    return !order.is_nil() && !broken(Rule::m5_order_left) && found.ordered != order && !on_lineage(found, order);
}

std::vector<const RecordMember*> may_hold(const Record& journal, const Id& order, const std::vector<MemberView>& views,
                                          const LinesBelow& below) {
    const bool tells = !ignores_order(journal, order);
    std::vector<const RecordMember*> holders;
    for (const RecordMember& member : journal.members) {
        const auto has_gone_over = [&](const MemberView& view) {
            const auto index = static_cast<std::size_t>(&view - views.data());
            if (view.number != member.number) return false;
            if ((below.gone & bit(index)) != 0) return true;
            if (!view.reachable || !view.record) return false;
            if ((below.other & bit(index)) != 0 || !ignores_order(*view.record, order)) return false;
            return !tells || (below.resolved & bit(index)) != 0 ||
                   compare_descent(*view.record, journal) != Descent::older;
        };
        if (tells && member.state != MemberState::in_sync) continue;
        if (std::none_of(views.begin(), views.end(), has_gone_over)) holders.push_back(&member);
    }
    return holders;
}

}  // namespace dst
