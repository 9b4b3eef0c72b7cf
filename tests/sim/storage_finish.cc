#include <algorithm>
#include <cstring>

#include "media/label.h"
#include "storage_scenario.h"

/// The end of a seed: everything is mended, and must be as it was promised.
namespace dst::sim {

using std::chrono::minutes;
using std::chrono::seconds;

bool StorageScenario::all_answered() {
    for (Service& service : services_) service.client->stop();
    const auto idle = [this] {
        return std::all_of(services_.begin(), services_.end(), [](const Service& one) { return one.client->idle(); });
    };
    if (run_until(idle, minutes(5))) return true;
    if (!trace_.failed()) trace_.finding("progress", "requests in flight do not end");
    return false;
}

void StorageScenario::finish() {
    if (!all_answered()) return;
    HeadProcess* head = serving_head();
    if (head == nullptr) return;
    const auto in_sync = [&] {
        const StorageStatus status = head->engine().status();
        return status.tree && all_in_sync(*status.tree);
    };
    const auto overtaken = [head] { return head->fenced(); };
    const bool all = run_until([&] { return in_sync() || overtaken(); }, minutes(3));
    // By a head that began to start on a member that was out, and is gone: the next start takes everything (M6).
    if (all && overtaken()) return trace_.coverage().count("overtaken by half a start");
    if (!all) {
        if (!trace_.failed()) trace_.finding("M8", "not all members are in sync three minutes after the last fault");
        return;
    }
    if (loop_.chance(250)) check_write_back(*head);
    if (trace_.failed()) return;
    // What may differ is reconciled in the background.
    static_cast<void>(run_until([] { return false; }, seconds(30)));
    if (trace_.failed()) return;
    judge_lost_caches();
    const StorageStatus status = head->engine().status();
    if (!status.tree) return;
    check_copies(*status.tree, 0, status.size_bytes);
    check_equal(*status.tree);
}

// M9: what one member cannot read, another one has, and it is written back.
void StorageScenario::check_write_back(HeadProcess& head) {
    const StorageStatus status = head.engine().status();
    std::string leaf;
    for (const VertexStatus* vertex = &*status.tree; leaf.empty() && !vertex->children.empty();) {
        // Of a linear the first part: that is where most requests go.
        const bool choice = vertex->kind == VertexKind::mirror;
        vertex = &vertex->children[choice ? loop_.below(vertex->children.size()) : 0];
        if (vertex->children.empty()) leaf = vertex->name;
    }
    if (leaf.empty() || !is_mirrored(*status.tree)) return;
    Service* const service = service_of(head);
    SimPlatter& platter = world_->platter_of(leaf);
    const std::uint64_t bytes =
        std::min(client_options_.hot_bytes, leaf_size_bytes(platter.geometry().size_bytes)) / 512 * 512;
    trace_.line("fault", "nothing there can be read: " + leaf);
    // Not the first block, which a ping reads.
    if (bytes > 4096) platter.spoil({4096, bytes - 4096});
    service->client->start(head.engine().root());
    static_cast<void>(run_until([] { return false; }, seconds(1)));
    if (trace_.failed() || !all_answered()) return;
    trace_.coverage().count("sectors that could not be read", platter.missed().size());
    static_cast<void>(run_until([&platter] { return platter.missed().empty(); }, seconds(30)));
    const std::optional<VertexStatus> tree = head.engine().status().tree;
    if (!platter.missed().empty() && tree && !others_in_sync(*tree, leaf)) {
        // One that was too slow meanwhile, for example: nobody may read it for this one, and it is not in sync again
        // before this one can read (M8).
        trace_.coverage().count("write-back without another member");
    } else if (!platter.missed().empty() && !trace_.failed()) {
        trace_.finding("M9", "what " + leaf + " could not read was not written back, first sector " +
                                 std::to_string(platter.missed().front()));
    }
    platter.unspoil();
}

// Of the mirrors above `leaf`, all members but those that it is below.
bool StorageScenario::others_in_sync(const VertexStatus& vertex, const std::string& leaf) {
    return std::all_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& child) {
        if (has_leaf(child, leaf)) return others_in_sync(child, leaf);
        return vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync;
    });
}

bool StorageScenario::has_leaf(const VertexStatus& vertex, const std::string& leaf) {
    return vertex.name == leaf || std::any_of(vertex.children.begin(), vertex.children.end(),
                                              [&](const VertexStatus& child) { return has_leaf(child, leaf); });
}

// Its front, to which most requests go, has more than one copy.
bool StorageScenario::is_mirrored(const VertexStatus& vertex) {
    if (vertex.kind == VertexKind::mirror) {
        const auto in_sync = [](const VertexStatus& child) { return child.state == VertexState::in_sync; };
        return std::count_if(vertex.children.begin(), vertex.children.end(), in_sync) > 1;
    }
    return !vertex.children.empty() && is_mirrored(vertex.children.front());
}

// All members of a mirror are the same to the last byte.
void StorageScenario::check_equal(const VertexStatus& vertex) {
    for (const VertexStatus& child : vertex.children) {
        if (vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync) check_equal(child);
    }
    if (vertex.kind != VertexKind::mirror) return;
    const Bytes first = content_of(vertex.children.front(), vertex.size_bytes);
    for (const VertexStatus& member : vertex.children) {
        if (member.state != VertexState::in_sync || vertex.children.front().state != VertexState::in_sync) continue;
        const Bytes other = content_of(member, vertex.size_bytes);
        if (first.size() == other.size() && std::memcmp(first.data(), other.data(), first.size()) == 0) continue;
        const auto differs = std::mismatch(first.begin(), first.end(), other.begin()).first;
        trace_.finding("M4", vertex.children.front().name + " and " + member.name + " differ at " +
                                 std::to_string(differs - first.begin()));
        return;
    }
}

// The first `length` bytes, from the media themselves; of a mirror those of its first member.
Bytes StorageScenario::content_of(const VertexStatus& vertex, std::uint64_t length) {
    switch (vertex.kind) {
        case VertexKind::disk:
        case VertexKind::netnode: return world_->platter_of(vertex.name).read({0, length / 512 * 512});
        case VertexKind::mirror: return content_of(vertex.children.front(), length);
        case VertexKind::linear: break;
    }
    Bytes all;
    for (const VertexStatus& child : vertex.children) {
        const Bytes part = content_of(child, std::min(length - all.size(), child.size_bytes / 512 * 512));
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

// What every in-sync copy holds, on the media themselves (M1).
void StorageScenario::check_copies(const VertexStatus& vertex, std::uint64_t offset, std::uint64_t length) {
    switch (vertex.kind) {
        case VertexKind::disk:
        case VertexKind::netnode: {
            const std::uint64_t whole = length / Oracle::sector_bytes * Oracle::sector_bytes;
            const std::string wrong = oracle_->check_copy(offset, world_->platter_of(vertex.name).read({0, whole}));
            if (!wrong.empty()) trace_.finding("M1", "in-sync copy on " + vertex.name + ": " + wrong);
            return;
        }
        case VertexKind::linear:
            for (const VertexStatus& child : vertex.children) {
                const std::uint64_t part = std::min(length, child.size_bytes / 512 * 512);
                check_copies(child, offset, part);
                offset += part;
                length -= part;
            }
            return;
        case VertexKind::mirror:
            for (const VertexStatus& member : vertex.children) {
                if (member.state == VertexState::in_sync) check_copies(member, offset, length);
            }
            return;
    }
}

}  // namespace dst::sim
