#include <algorithm>
#include <optional>
#include <utility>

#include "media/journal.h"
#include "storage_scenario.h"

/// What may be lost with the caches of disks: nothing that was acknowledged, as long as one in-sync member has all of
/// it.
namespace dst::sim {
namespace {

// A leaf of the tree itself, and no mirror is above it.
bool is_unmirrored(const spec::Node& node, const std::string& leaf) {
    const auto* const linear = std::get_if<spec::Linear>(&node.what);
    if (linear == nullptr) return !std::holds_alternative<spec::Mirror>(node.what) && node.name == leaf;
    return std::any_of(linear->children.begin(), linear->children.end(),
                       [&](const spec::Node& child) { return is_unmirrored(child, leaf); });
}

}  // namespace

// A start that has not come to serve may have left out members before: the journal says so, since it is written first.
bool StorageScenario::left_out_since(const VertexStatus& member) const {
    std::optional<Record> newest;
    for (const auto& head : world_->heads()) {
        const SimStoreFile& file = *head->machine.journal;
        const JournalChoice choice = choose_journal({file.slots, file.machine, file.inode});
        if (!choice.journal) continue;
        for (const Record& record : choice.journal->records) {
            const auto is_it = [&](const RecordMember& one) { return one.name == member.name; };
            if (std::none_of(record.members.begin(), record.members.end(), is_it)) continue;
            const auto age = [](const Record& one) { return std::pair(one.epoch.number, one.revision); };
            if (!newest || age(record) > age(*newest)) newest = record;
        }
    }
    if (!newest || newest->epoch.number <= last_status_.epoch) return false;
    return std::any_of(newest->members.begin(), newest->members.end(), [&](const RecordMember& one) {
        return one.name == member.name && one.state != MemberState::in_sync;
    });
}

bool StorageScenario::survives(const VertexStatus& vertex) const {
    const auto kept = [&](const VertexStatus& child) { return survives(child); };
    switch (vertex.kind) {
        case VertexKind::disk: return !lost_caches_.contains(vertex.name);
        case VertexKind::netnode: {
            if (!world_->is_tree(vertex.name)) return !lost_caches_.contains(vertex.name);
            // One would be enough that was in sync in it then.
            const std::vector<std::string>& leaves = world_->leaves_of_tree(vertex.name);
            return std::none_of(leaves.begin(), leaves.end(),
                                [&](const std::string& leaf) { return lost_caches_.contains(leaf); });
        }
        case VertexKind::linear: return std::all_of(vertex.children.begin(), vertex.children.end(), kept);
        case VertexKind::mirror:
            return std::any_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& member) {
                return member.state == VertexState::in_sync && !left_out_since(member) && kept(member);
            });
    }
    return false;
}

void StorageScenario::cache_lost(const std::string& leaf) {
    lost_caches_[leaf] = {counts_.sequence, false};
    all_lost_ = false;
    judge_lost_caches();
    if (client_options_.write_through || !is_unmirrored(shape_.storage.tree, leaf)) return;
    for (Service& service : services_) service.client->part_lost();
}

// Nothing acknowledged may be lost as long as one in-sync member has all of it: a member that has, may fail later and
// leave one that has not as the last. A loss counts until a flush that was begun after it has succeeded: a head may
// hear of it only then.
void StorageScenario::judge_lost_caches() {
    std::erase_if(lost_caches_, [this](const auto& lost) { return lost.second.newest < oracle_->flushed(); });
    if (lost_caches_.empty()) return;
    if (HeadProcess* head = judged_head()) last_status_ = head->engine().status();
    const bool survived = last_status_.tree && survives(*last_status_.tree);
    if (survived || std::exchange(all_lost_, true)) {
        all_lost_ = !survived;
        return;
    }
    trace_.line("scenario", "unflushed writes may be lost");
    loss_served_ = false;
    oracle_->forget_unflushed(counts_.sequence);
}

// One that has left since, and is in sync again as it is now, has got all that it lacked, and flushed it (M8).
void StorageScenario::watch_lost_caches(const VertexStatus& tree) {
    for (auto& [leaf, lost] : lost_caches_) lost.left = lost.left || has_left(tree, leaf);
    std::erase_if(lost_caches_, [&](const auto& lost) {
        const bool again = lost.second.left && leaf_in_sync(tree, lost.first) && promoted_anew(lost.first);
        if (again) trace_.coverage().count("lost cache made good by a resync");
        return again;
    });
}

bool StorageScenario::has_left(const VertexStatus& vertex, const std::string& leaf) {
    return std::any_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& child) {
        if (!has_leaf(child, leaf)) return false;
        return child.state == VertexState::dirty || child.state == VertexState::resyncing || has_left(child, leaf);
    });
}

// By the record that counts, with what is in its place now: it may have lost something since, and nobody has noticed.
bool StorageScenario::promoted_anew(const std::string& leaf) {
    const HeadProcess* const head = serving_head();
    if (head == nullptr) return false;
    const SimStoreFile& file = *head->machine().journal;
    const JournalChoice choice = choose_journal({file.slots, file.machine, file.inode});
    if (!choice.journal) return false;
    const Incarnation now = world_->platter_of(leaf).incarnation();
    return std::any_of(choice.journal->records.begin(), choice.journal->records.end(), [&](const Record& record) {
        return std::any_of(record.members.begin(), record.members.end(), [&](const RecordMember& member) {
            return member.name == leaf && member.state == MemberState::in_sync && member.incarnation == now;
        });
    });
}

// What the head before has read since then it may have read from a member that is known to have lost something else: it
// died before it heard what the others have lost.
void StorageScenario::first_serves_after_loss() {
    judge_lost_caches();
    if (all_lost_ && !lost_caches_.empty() && !std::exchange(loss_served_, true)) {
        oracle_->forget_unflushed(counts_.sequence);
    }
}

// Its requests in flight are still answered, and count.
void StorageScenario::head_closes(World::Head& head) {
    if (head.process.get() == serving_head()) last_status_ = head.process->engine().status();
    Service* service = service_of(*head.process);
    if (service == nullptr) return;
    service->client->stop();
    service->client->head_closes();
    service->process = nullptr;
    if (service->client->idle() || !service->client->current()) return;
    trace_.coverage().count("head closed with requests in flight");
    service->ending = head.process.get();
}

void StorageScenario::watch_endings() {
    for (Service& service : services_) {
        if (service.ending == nullptr) continue;
        const bool over = service.client->idle() || service.ending->gone();
        if (service.ending == judged_head()) last_status_ = service.ending->engine().status();
        if (!over) continue;
        if (!service.client->idle()) trace_.finding("progress", "a head ended, and requests in flight did not");
        service.ending = nullptr;
    }
}

HeadProcess* StorageScenario::judged_head() {
    if (HeadProcess* const head = serving_head()) return head;
    for (const Service& service : services_) {
        if (service.ending != nullptr && service.client->current()) return service.ending;
    }
    return nullptr;
}

}  // namespace dst::sim
