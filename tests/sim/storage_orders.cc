#include <algorithm>
#include <utility>

#include "media/journal.h"
#include "start/order.h"
#include "storage_scenario.h"

/// What an administrator does when the storage asks for it (docs/mirror.md, "Orders").
namespace dst::sim {

using std::chrono::minutes;
using std::chrono::seconds;

namespace {

std::string describe(const Order& order) {
    switch (order.what) {
        case StartOrder::none: return "take the order back";
        case StartOrder::takeover: return "take it over";
        case StartOrder::accept_data_loss: return "start with what is there";
        case StartOrder::resolve: return "give up what " + order.member + " holds";
    }
    return {};
}

/// The members that a message offers to give up: "... --discard NAME' ...".
std::vector<std::string> offered(const std::string& message) {
    static const std::string before = "--discard ";
    std::vector<std::string> names;
    for (std::size_t at = message.find(before); at != std::string::npos; at = message.find(before, at)) {
        at += before.size();
        names.push_back(message.substr(at, message.find('\'', at) - at));
    }
    return names;
}

/// The first member that is left alone.
const VertexStatus* refused_member(const VertexStatus& vertex) {
    for (const VertexStatus& child : vertex.children) {
        if (child.state == VertexState::refused) return &child;
        if (const VertexStatus* const below = refused_member(child)) return below;
    }
    return nullptr;
}

}  // namespace

void StorageScenario::order(World::Head& head, const Order& order) {
    trace_.line("administrator", head.machine.host + ": " + describe(order));
    trace_.coverage().count("order " + describe(order).substr(0, 7));
    const auto answered = [this](const std::string& text) { trace_.line("administrator", "is told: " + text); };
    const bool gives_up = order.what == StartOrder::accept_data_loss || order.what == StartOrder::resolve;
    any_ordered_ = any_ordered_ || gives_up;
    if (gives_up) sides_->decided();
    if (order.what == StartOrder::takeover) rivals_->ordered(head.machine.host);
    if (head.process != nullptr) {
        const Result<std::string> answer = head.process->engine().order(order);
        answered(answer ? *answer : to_string(answer.error()));
        if (gives_up && answer) orders_.try_emplace(head.machine.host);
        return;
    }
    // One before it may have been carried out by a head that died then.
    if (gives_up) orders_.try_emplace(head.machine.host, OpenOrder{0, 1});
    being_left_.insert(head.machine.host);
    const auto left = [this, answered, what = order.what, host = head.machine.host,
                       guard = std::weak_ptr<int>(alive_)](const Result<void>& result) {
        if (guard.expired()) return;
        being_left_.erase(host);
        if (result && what == StartOrder::none) order_taken_back(host);
        answered(result ? "the journal says so" : to_string(result.error()));
    };
    leave_order(loop_, administrator_, std::make_unique<SimStore>(loop_, *head.machine.journal), shape_.storage.name,
                order, left);
}

// Members may have what it was about to make.
void StorageScenario::order_taken_back(const std::string& host) {
    if (orders_.erase(host) == 0 || !forked_.empty()) return;
    forked_ = host;
    forked_by_ = {};
    forked_generation_ = {};
}

Id StorageScenario::own_id(const HeadProcess& process) {
    const SimStoreFile& file = *process.machine().journal;
    const JournalChoice choice = choose_journal({file.slots, file.machine, file.inode});
    return choice.journal ? choice.journal->established.head : Id{};
}

// What an order made of a mirror of leaves; nil: it is another tree, or one leaf says something else.
Id StorageScenario::ordered_generation(const VertexStatus& tree) const {
    if (tree.kind != VertexKind::mirror) return {};
    std::optional<Id> ordered;
    for (const VertexStatus& member : tree.children) {
        if (!member.children.empty() || world_->is_tree(member.name)) return {};
        if (member.state != VertexState::in_sync) continue;
        const std::optional<Record> record = record_on(world_->platter_of(member.name).durable());
        if (!record || (ordered && *ordered != record->ordered)) return {};
        ordered = record->ordered;
    }
    return ordered.value_or(Id{});
}

// Nobody has gone over to what the last order gave up: what is in use has heard of that order.
bool StorageScenario::stands_on_order(const VertexStatus& tree) const {
    if (forked_generation_.is_nil() || tree.kind != VertexKind::mirror) return false;
    return std::all_of(tree.children.begin(), tree.children.end(), [&](const VertexStatus& member) {
        if (member.state != VertexState::in_sync) return true;
        const std::optional<Record> record = record_on(world_->platter_of(member.name).durable());
        if (!record) return false;
        const std::vector<Id>& line = record->lineage;
        return record->ordered == forked_generation_ || record->generation_id == forked_generation_ ||
               std::find(line.begin(), line.end(), forked_generation_) != line.end();
    });
}

bool StorageScenario::waits(const World::Head& head) const {
    return head.process != nullptr && head.process->engine().waiting();
}

// Data are given up when a start says so, and perhaps when one died that could not say it any more, or was overtaken by
// another head, which goes on from the record that it had written. As long as a medium
// has not heard of it, whoever has nothing but that one goes on there; only the journal of the head that was given the
// order knows better.
void StorageScenario::judge_orders(HeadProcess& process) {
    // Each order is one start's.
    if (process.forced() && !orders_.contains(process.machine().host)) {
        trace_.finding("M5",
                       process.name() + " gives data up, and nobody has ordered that, or it was carried out before");
    }
    const Id own = own_id(process);
    const std::uint64_t epoch = process.engine().status().epoch;
    sides_->only_begun(own, process.decided_by_journal() ? epochs_[own] : epoch, epoch);
    epochs_[own] = epoch;
    // Nor goes the head that has carried one out, and remembers that, over to what it gave up. It does not remember
    // with another journal than then, which may decide, too: after a start that all members were there for.
    const bool remembers = forked_by_.is_nil() ? process.decided_by_journal() : own_id(process) == forked_by_;
    const bool other_side = !forked_.empty() && !stands_on_order(*process.engine().status().tree) &&
                            (process.machine().host != forked_ || !remembers);
    bool given_up = process.forced() || other_side;
    sides_->head_serves(*process.engine().status().tree, other_side && !process.forced() && orders_.empty());
    // It had begun to carry an order out, perhaps, and then found what it gave up: the record may lie somewhere.
    if (!given_up && orders_.contains(process.machine().host)) {
        forked_ = process.machine().host;
        forked_by_ = {};
        forked_generation_ = {};
    }
    for (auto& [host, order] : orders_) {
        // It lies in the journal of a machine of which no head has seen it.
        const bool not_begun = order.starts == 0 && order.starts_sure != 0;
        if (host != process.machine().host && not_begun) continue;
        given_up = given_up || host != process.machine().host || order.starts > order.starts_sure;
        order = {};
    }
    orders_.erase(process.machine().host);
    if (!given_up) return;
    forked_ = process.machine().host;
    forked_by_ = process.forced() ? own_id(process) : Id{};
    forked_generation_ = process.forced() ? ordered_generation(*process.engine().status().tree) : Id{};
    epoch_ = 0;
    trace_.line("scenario", "data were given up");
    trace_.coverage().count("data were given up");
    // Of a head that goes on with the other side nothing is asked any more.
    for (Service& service : services_) service.client->abandon();
    const StorageStatus status = process.engine().status();
    const VertexStatus tree = with_trees(*status.tree);
    oracle_->begin_anew(counts_.sequence, [&](std::uint64_t offset) {
        Oracle::Held held;
        add_held(held, tree, offset, offset);
        return held;
    });
}

// What may be read where the storage has `offset`, from the members that are in sync, reachable or not.
void StorageScenario::add_held(Oracle::Held& held, const VertexStatus& vertex, std::uint64_t at,
                               std::uint64_t offset) const {
    if (vertex.kind == VertexKind::linear) {
        for (const VertexStatus& child : vertex.children) {
            const std::uint64_t part = child.size_bytes / Oracle::sector_bytes * Oracle::sector_bytes;
            if (at < part) return add_held(held, child, at, offset);
            at -= part;
        }
    } else if (vertex.kind == VertexKind::mirror) {
        for (const VertexStatus& member : vertex.children) {
            if (member.state == VertexState::in_sync) add_held(held, member, at, offset);
        }
    } else if (world_->is_tree(vertex.name)) {
        // It is not open: nobody knows which of them counts.
        for (const std::string& leaf : world_->leaves_of_tree(vertex.name)) add_held(held, leaf, at, offset);
    } else {
        add_held(held, vertex.name, at, offset);
    }
}

void StorageScenario::add_held(Oracle::Held& held, const std::string& leaf, std::uint64_t at,
                               std::uint64_t offset) const {
    const auto add = [](std::vector<Value>& values, Value value) {
        if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    };
    const std::vector<SimPlatter::Sector> sectors = world_->platter_of(leaf).may_hold(at / Oracle::sector_bytes);
    add(held.now, sector_value(sectors.front(), offset));
    for (const SimPlatter::Sector& sector : sectors) add(held.older, sector_value(sector, offset));
}

bool StorageScenario::resolve_split(HeadProcess& process) {
    if (!any_ordered_ || process.engine().status().state != StorageState::split) return false;
    const std::vector<std::string> names = offered(process.engine().status().reason);
    if (names.empty()) return false;
    order(*head_of(process), {StartOrder::resolve, names[loop_.below(names.size())], {}, 0});
    return true;
}

// What was written to on the other side of such a decision is left alone until somebody says whose data go.
bool StorageScenario::resolve_members() {
    for (unsigned tries = 0; any_ordered_ && tries < 8; ++tries) {
        HeadProcess* const process = serving_head();
        if (process == nullptr) return false;
        const auto refused = [process]() -> std::optional<VertexStatus> {
            const StorageStatus status = process->engine().status();
            const VertexStatus* const member = status.tree ? refused_member(*status.tree) : nullptr;
            return member == nullptr ? std::nullopt : std::optional(*member);
        };
        const auto settled = [&] {
            const StorageStatus status = process->engine().status();
            return process->fenced() || refused() || (status.tree && all_in_sync(*status.tree));
        };
        static_cast<void>(run_until(now_and_then(settled), minutes(3)));
        // It may have been seen before it was mended.
        if (refused()) static_cast<void>(run_until([] { return false; }, seconds(5)));
        const std::optional<VertexStatus> member = refused();
        if (trace_.failed()) return false;
        if (!member && settled()) return true;
        // It is being looked at once more.
        if (!member) continue;
        if (is_split_below(*member) && !side_to_blank(*member)) {
            // It is a tree of another machine, which would have to be made anew.
            trace_.coverage().count("split below with an exported tree");
            return false;
        }
        if (!give_up(*process, *member)) return false;
    }
    return !trace_.failed();
}

bool StorageScenario::is_split_below(const VertexStatus& member) {
    return member.reason.find("Put a blank medium in the place of the side") != std::string::npos;
}

std::optional<std::string> StorageScenario::side_to_blank(const VertexStatus& member) {
    std::vector<std::string> sides;
    for (const auto& [leaf, platter] : world_->leaves()) {
        if (member.reason.find(leaf + " has generation") != std::string::npos) sides.push_back(leaf);
    }
    return sides.empty() ? std::nullopt : std::optional(sides[loop_.below(sides.size())]);
}

// Of a mirror below that is split one side gets a blank medium, as the message says.
bool StorageScenario::give_up(HeadProcess& process, const VertexStatus& member) {
    const std::optional<std::string> side = is_split_below(member) ? side_to_blank(member) : std::nullopt;
    if (side) {
        trace_.line("administrator", "puts a blank medium in the place of " + *side);
        trace_.coverage().count("blank medium for a split below");
        world_->platter_of(*side).replace_blank(world_->platter_of(*side).geometry().size_bytes);
        return run_until([] { return false; }, seconds(15)) || !trace_.failed();
    }
    World::Head& head = *head_of(process);
    head_ends(head, true);
    world_->stop(head);
    static_cast<void>(run_until([&] { return !world_->ending(head); }, minutes(1)));
    order(head, {StartOrder::resolve, member.name, {}, 0});
    static_cast<void>(run_until([] { return false; }, seconds(2)));
    start_head(head);
    if (run_until([this] { return serving_head() != nullptr; }, seconds(60))) return true;
    if (!trace_.failed()) trace_.finding("M5", "does not serve after an order: " + last_status_.reason);
    return false;
}

}  // namespace dst::sim
