#include <algorithm>
#include <cstring>

#include "media/journal.h"
#include "media/label.h"
#include "storage_scenario.h"

/// The end of a seed: everything is mended, and must be as it was promised.
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void StorageScenario::heal_and_wait() {
    faults_->end();
    healing_ = true;
    ++put_off_;
    trace_.line("scenario", "heals");
    world_->heal();
    // One head is left to serve: the one that does; else the first, unless it was overtaken and only has not heard it.
    // Or all begin, and one of them must come to serve, however they cross each other (M5 step 6).
    HeadProcess* const keep = serving_head();
    const bool contend = keep == nullptr && has_rival() && loop_.chance(500);
    if (contend) trace_.coverage().count("heads begin at once when all is mended");
    for (const auto& head : world_->heads()) {
        HeadProcess* const process = head->process.get();
        if (process == nullptr || process == keep) continue;
        const bool first = head == world_->heads().front();
        const bool failed = process->failed() || process->engine().status().state == StorageState::failed;
        const bool fresh = !process->fenced() && !failed && service_of(*process) == nullptr;
        if (keep == nullptr && (first || contend) && fresh) continue;
        head_ends(*head, false);
        world_->stop(*head);
    }
    for (const auto& head : world_->heads()) {
        if (keep == nullptr && (contend || head == world_->heads().front())) start_head(*head);
    }
    const auto serves = [this] { return serving_head() != nullptr; };
    if (!run_until(serves, seconds(60)) && !(order_for_a_tree() && run_until(serves, seconds(60)))) {
        if (!trace_.failed()) {
            watch_status();
            trace_.finding("M5", "does not serve 60 s after the last fault: " + last_status_.reason);
        }
        return;
    }
    leave_one_head();
    const std::uint64_t before = counts_.succeeded;
    const auto goes_on = [this, before] { return counts_.succeeded > before + 20; };
    // By a head that is gone. It has said so, and the administrator starts it again.
    if (run_until([&] { return goes_on() || is_overtaken(); }, seconds(60)) && !goes_on()) start_again();
    if (!run_until(goes_on, seconds(60)) && !trace_.failed()) {
        trace_.finding("M10", "no request succeeds 60 s after the last fault: " + last_status_.reason);
    }
}

// The one that serves.
void StorageScenario::leave_one_head() {
    HeadProcess* const keep = serving_head();
    if (keep != nullptr) ++put_off_;
    for (const auto& head : world_->heads()) {
        if (keep == nullptr || head->process == nullptr || head->process.get() == keep) continue;
        head_ends(*head, false);
        world_->stop(*head);
    }
}

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
    const bool resolved = all_answered() && resolve_members();
    if (!all_answered()) return;
    if (resolved && serves_again() && all_come_back()) check_when_mended();
    if (trace_.failed() || !serves_again()) return;
    judge_lost_caches();
    check_media(*serving_head());
    if (!trace_.failed() && serves_again()) end_after_requests(*serving_head());
}

// One that a head has overtaken which began to start on a member that was out, and is gone, is started again by the
// administrator: that start takes everything (M6). Nothing else keeps it from serving when all is mended.
bool StorageScenario::serves_again() {
    const auto serves = [this] { return serving_head() != nullptr; };
    for (unsigned overtaken = 0; !serves() && overtaken <= world_->leaves().size(); ++overtaken) {
        if (!is_overtaken()) break;
        trace_.coverage().count("overtaken by half a start");
        start_again();
        static_cast<void>(run_until([&] { return serves() || is_overtaken(); }, seconds(60)));
    }
    // Whoever asks for the new head wants it to be at rest, as the one before was.
    if (trace_.failed() || serves()) return !trace_.failed() && all_answered();
    watch_status();
    trace_.finding("M5", "serves no more when all is mended: " + why_not_serving());
    return false;
}

bool StorageScenario::is_overtaken() const {
    return std::any_of(world_->heads().begin(), world_->heads().end(),
                       [](const auto& head) { return head->process != nullptr && head->process->fenced(); });
}

void StorageScenario::start_again() {
    for (const auto& head : world_->heads()) {
        if (head->process == nullptr) continue;
        head_ends(*head, false);
        world_->stop(*head);
    }
    start_head(*world_->heads().front());
}

std::string StorageScenario::why_not_serving() const {
    for (const auto& head : world_->heads()) {
        if (head->process != nullptr && head->process->failed()) return to_string(head->process->failure());
    }
    return last_status_.reason.empty() ? "no head runs" : last_status_.reason;
}

void StorageScenario::check_when_mended() {
    if (loop_.chance(250)) check_write_back(*serving_head());
    if (!trace_.failed() && loop_.chance(250)) check_unwritable();
    if (!trace_.failed() && serving_head() != nullptr) check_members_away();
    if (!trace_.failed() && serving_head() != nullptr) watch_while_all_is_well(*serving_head());
}

void StorageScenario::check_media(HeadProcess& head) {
    const StorageStatus status = head.engine().status();
    if (!status.tree) return;
    const VertexStatus tree = with_trees(*status.tree);
    check_copies(tree, 0, status.size_bytes);
    std::string differs = difference(tree);
    // What is above an exported tree writes its maps into that now and then, and one may be on its way just now.
    for (unsigned looks = 0; !differs.empty() && !world_->trees().empty() && looks < 3; ++looks) {
        static_cast<void>(run_until([] { return false; }, milliseconds(300)));
        differs = difference(tree);
    }
    if (!differs.empty() && !trace_.failed()) trace_.finding("M4", differs);
    if (!trace_.failed()) check_maps(tree);
}

void StorageScenario::watch_while_all_is_well(HeadProcess& head) {
    // One that could not read for a while may have kept another one from coming back.
    if (!all_come_back()) return;
    // And of a machine that has lost power, and is back, nobody hears before it is asked.
    static_cast<void>(run_until([] { return false; }, seconds(20)));
    if (trace_.failed() || serving_head() == nullptr || !all_come_back()) return;
    drops_->set_all_well(true);
    if (loop_.chance(250)) {
        service_of(head)->client->start(head.engine().root());
        static_cast<void>(run_until([] { return false; }, seconds(5)));
        if (trace_.failed() || !all_answered()) return;
    }
    // What may differ is reconciled in the background.
    static_cast<void>(run_until([] { return false; }, seconds(30)));
    drops_->set_all_well(false);
}

// All members are in sync; false also when the head has been overtaken.
bool StorageScenario::all_come_back() {
    HeadProcess& head = *serving_head();
    const auto in_sync = [&] {
        const StorageStatus status = head.engine().status();
        return status.tree && all_in_sync(*status.tree);
    };
    const bool all = run_until(now_and_then([&] { return in_sync() || head.fenced(); }), minutes(3));
    if (!all && !trace_.failed()) {
        trace_.finding("M8", "not all members are in sync three minutes after the last fault");
    }
    return all && !head.fenced();
}

// Every label says that the head served last.
bool StorageScenario::served_last(const World::Head& head) const {
    const SimStoreFile& file = *head.machine.journal;
    const JournalChoice choice = choose_journal({file.slots, file.machine, file.inode});
    if (!choice.journal) return false;
    const auto& leaves = world_->leaves();
    return std::all_of(leaves.begin(), leaves.end(), [&](const auto& leaf) {
        const std::optional<Label> label = label_on(leaf.second->durable());
        return label && label->served.head == choice.journal->established.head;
    });
}

std::map<std::string, Incarnation> StorageScenario::incarnations_now() const {
    std::map<std::string, Incarnation> now;
    for (const auto& [leaf, platter] : world_->leaves()) now[leaf] = platter->incarnation();
    return now;
}

// M5: a member whose disk can be read, and takes no writes, does not keep the storage down where one is enough.
void StorageScenario::check_unwritable() {
    HeadProcess* const before = serving_head();
    World::Head& its = *head_of(*before);
    const std::optional<VertexStatus> tree = before->engine().status().tree;
    if (!tree || !all_in_sync(*tree) || !is_mirrored(*tree) || !served_last(its)) return;
    const std::string leaf = some_mirrored_leaf(*tree);
    trace_.coverage().count("start without a disk that takes no writes");
    trace_.line("fault", "takes no writes while the head starts: " + leaf);
    SimPlatter& platter = world_->platter_of(leaf);
    const Errc code = loop_.chance(500) ? Errc::medium_error : Errc::refused;
    const bool label = loop_.chance(700);
    platter.fail(Operation::write, {0, platter.geometry().size_bytes - (label ? 0 : label_area_bytes)}, code);
    const std::map<std::string, Incarnation> incarnations = incarnations_now();
    judge_lost_caches();
    const bool lost = !lost_caches_.empty();
    head_ends(its, false);
    world_->crash(its, false);
    start_head(its);
    const auto serves = [this] { return serving_head() != nullptr; };
    // When others may have lost what was never flushed, it may be the one that has not (M7).
    const bool others_may_lack = lost || incarnations_now() != incarnations;
    if (others_may_lack && !run_until(serves, seconds(20))) {
        trace_.coverage().count("waits for a disk that takes no writes");
        platter.clear_failures();
    }
    if (!run_until(serves, seconds(60))) {
        if (!trace_.failed())
            trace_.finding("M5", "does not serve while " + leaf + " takes no writes: " + last_status_.reason);
        return;
    }
    static_cast<void>(run_until([] { return false; }, loop_.between(Duration::zero(), seconds(5))));
    platter.clear_failures();
    if (!trace_.failed() && all_answered() && serving_head() != nullptr) static_cast<void>(all_come_back());
}

// M9: what one member cannot read, another one has, and it is written back.
void StorageScenario::check_write_back(HeadProcess& head) {
    const StorageStatus status = head.engine().status();
    const std::string leaf = some_mirrored_leaf(*status.tree);
    if (leaf.empty() || world_->is_tree(leaf) || !is_mirrored(*status.tree)) return;
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
    if (!platter.missed().empty() && tree && (!others_in_sync(*tree, leaf) || !leaf_in_sync(*tree, leaf))) {
        // One that was too slow meanwhile, for example: nobody may read it for this one, and it is not in sync again
        // before this one can read (M8). Or this one has left, and its resync takes long on slow links.
        trace_.coverage().count("write-back without another member");
    } else if (!platter.missed().empty() && !trace_.failed()) {
        trace_.finding("M9", "what " + leaf + " could not read was not written back, first sector " +
                                 std::to_string(platter.missed().front()));
    }
    platter.unspoil();
}

std::string StorageScenario::some_mirrored_leaf(const VertexStatus& tree) {
    const VertexStatus* vertex = &tree;
    while (!vertex->children.empty()) {
        // Of a linear the first part: that is where most requests go.
        const bool choice = vertex->kind == VertexKind::mirror;
        vertex = &vertex->children[choice ? loop_.below(vertex->children.size()) : 0];
    }
    return vertex == &tree ? std::string() : vertex->name;
}

// Of the mirrors above `leaf`, all members but those that it is below.
bool StorageScenario::others_in_sync(const VertexStatus& vertex, const std::string& leaf) {
    return std::all_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& child) {
        if (has_leaf(child, leaf)) return others_in_sync(child, leaf);
        return vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync;
    });
}

bool StorageScenario::leaf_in_sync(const VertexStatus& vertex, const std::string& leaf) {
    return std::all_of(vertex.children.begin(), vertex.children.end(), [&](const VertexStatus& child) {
        if (!has_leaf(child, leaf)) return true;
        return (vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync) && leaf_in_sync(child, leaf);
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

// All members of a mirror are the same to the last byte, if it is empty.
std::string StorageScenario::difference(const VertexStatus& vertex) {
    for (const VertexStatus& child : vertex.children) {
        const bool used = vertex.kind != VertexKind::mirror || child.state == VertexState::in_sync;
        const std::string below = used ? difference(child) : std::string();
        if (!below.empty()) return below;
    }
    if (vertex.kind != VertexKind::mirror) return {};
    const VertexStatus& one = some_in_sync(vertex);
    const Bytes first = content_of(one, vertex.size_bytes);
    for (const VertexStatus& member : vertex.children) {
        if (member.state != VertexState::in_sync || &member == &one) continue;
        const Bytes other = content_of(member, vertex.size_bytes);
        if (first.size() == other.size() && std::memcmp(first.data(), other.data(), first.size()) == 0) continue;
        const auto differs = std::mismatch(first.begin(), first.end(), other.begin()).first;
        return one.name + " and " + member.name + " differ at " + std::to_string(differs - first.begin());
    }
    return {};
}

const VertexStatus& StorageScenario::some_in_sync(const VertexStatus& mirror) {
    const auto first = std::find_if(mirror.children.begin(), mirror.children.end(),
                                    [](const VertexStatus& child) { return child.state == VertexState::in_sync; });
    return first == mirror.children.end() ? mirror.children.front() : *first;
}

// The first `length` bytes, from the media themselves; of a mirror those of its first member in sync.
Bytes StorageScenario::content_of(const VertexStatus& vertex, std::uint64_t length) {
    switch (vertex.kind) {
        case VertexKind::disk:
        case VertexKind::netnode: return world_->platter_of(vertex.name).read({0, length / 512 * 512});
        case VertexKind::mirror: return content_of(some_in_sync(vertex), length);
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
