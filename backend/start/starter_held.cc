#include <algorithm>
#include <functional>

#include "start/served_order.h"
#include "start/starter.h"

/// A start is held to the order that its head served last (docs/mirror.md, "Orders").
namespace dst {

/// A bit per child: a mirror there, or below, stands on what an order gave up that this head has served, or on another
/// line than this head knows, whose order was carried out there alone.
std::uint32_t Starter::standing_on_another_line(const Vertex& mirror) const {
    const std::function<bool(const Vertex&)> stands = [&](const Vertex& vertex) {
        const auto work = work_.find(&vertex);
        return (work != work_.end() && (work->second.given_up || work->second.apart)) ||
               std::any_of(vertex.children.begin(), vertex.children.end(),
                           [&](const auto& child) { return stands(*child); });
    };
    std::uint32_t children = 0;
    for (const auto& child : mirror.children) {
        if (stands(*child)) children |= bit(child->position);
    }
    return children;
}

/// One side of it, or of a mirror below, is to be given up, whether it is split still or was by an attempt before.
bool Starter::is_ordered_to_resolve(const Vertex& vertex) const {
    const std::vector<OrderedDiscard>& discards = context_.journal.journal().discards;
    const auto work = work_.find(&vertex);
    const Id found = work == work_.end() ? Id{} : mirror_found(work->second);
    const bool itself =
        !found.is_nil() && std::any_of(discards.begin(), discards.end(),
                                       [&](const OrderedDiscard& discard) { return discard.mirror == found; });
    return itself || std::any_of(vertex.children.begin(), vertex.children.end(),
                                 [this](const auto& child) { return is_ordered_to_resolve(*child); });
}

bool Starter::MirrorWork::goes_over(const Record& record) const noexcept {
    return !decides && !abandons_order && !holders.empty() && ignores_order(record, served_order);
}

/// By what was found, before any of it counts for nothing: whoever was seen on the other line has nothing any more.
void Starter::find_holders(const Vertex& mirror, const std::optional<Record>& journal) {
    MirrorWork& work = work_.at(&mirror);
    work.served_order = journal ? context_.journal.served_order(journal->mirror) : Id{};
    work.holders.clear();
    work.nobody_holds = false;
    if (work.served_order.is_nil()) return;
    LinesBelow below;
    below.other = standing_on_another_line(mirror);
    for (const auto& child : mirror.children) {
        if (is_ordered_to_resolve(*child)) below.resolved |= bit(child->position);
        const auto inner = work_.find(child.get());
        if (inner != work_.end() && inner->second.nobody_holds) below.gone |= bit(child->position);
    }
    const auto holders = may_hold(*journal, work.served_order, work.views, below);
    work.nobody_holds = holders.empty();
    if (below_a_mirror(mirror)) return;
    for (const RecordMember* const member : holders) work.holders.push_back(member->number);
}

/// What the order gave up is waited beside, while somebody may hold what it made; of a mirror below another one, that
/// one's record tells that it has other data. `discard` gives the order's own side up.
void Starter::hold_to_served_order(Vertex& mirror, const Record& journal, const std::optional<Discard>& discard) {
    MirrorWork& work = work_.at(&mirror);
    const std::vector<Id> abandoned = discard ? discard->abandoned : std::vector<Id>{};
    work.abandons_order = std::find(abandoned.begin(), abandoned.end(), work.served_order) != abandoned.end();
    const bool used = work.choice.verdict == Verdict::use;
    const Descent descent = compare_descent(work.choice.record, journal);
    work.apart = used && !work.decides && !is_ordered_to_resolve(mirror) &&
                 (descent == Descent::split || descent == Descent::older);
    work.given_up =
        used && !work.decides && !work.abandons_order && ignores_order(work.choice.record, work.served_order);
    if (!used || !work.goes_over(work.choice.record)) return;
    work.choice.verdict = Verdict::wait;
    work.choice.used = 0;
    work.choice.reason = waits_for_holders(work, journal);
}

std::string Starter::waits_for_holders(const MirrorWork& work, const Record& journal) {
    std::string names;
    std::string away;
    for (const std::uint32_t number : work.holders) {
        const RecordMember* const member = find_member(journal, number);
        if (member == nullptr) continue;
        names += (names.empty() ? "" : ", ") + member->name;
        const auto view = std::find_if(work.views.begin(), work.views.end(),
                                       [&](const MemberView& one) { return one.number == number; });
        if (view == work.views.end() || view->why_not.empty()) continue;
        away += (away.empty() ? " (" : ", ") + view->name + ": " + view->why_not;
    }
    return "waits for " + names + ": this head has served, as ordered, without what the members that are there hold" +
           away + (away.empty() ? "" : ")");
}

/// Nobody holds what they made, so that this start stands on something else. Until it is established its attempts put
/// that into the journal, which does not tell any more then who held it.
void Starter::forget_orders_gone_over() {
    for (const auto& [mirror, work] : work_) {
        const bool over = in_use(*mirror) && !work.decides && !work.abandons_order &&
                          ignores_order(work.choice.record, work.served_order);
        if (over && work.holders.empty() && !below_a_mirror(*mirror)) {
            context_.journal.set_served_order({work.choice.record.mirror, {}});
        }
    }
}

}  // namespace dst
