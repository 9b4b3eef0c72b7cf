#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "faults.h"
#include "media/journal.h"

/// A head dies while it calls a member in sync that was not (M8); what starts then sees a part of the members only.
namespace dst::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::size_t members_in_sync(const Record& record) {
    return static_cast<std::size_t>(std::count_if(record.members.begin(), record.members.end(), [](const auto& member) {
        return member.state == MemberState::in_sync;
    }));
}

}  // namespace

std::optional<Record> record_in(const Request& request) {
    if (request.operation != Operation::write || request.pieces.empty()) return std::nullopt;
    Bytes bytes(request.extent.length);
    copy_from_pieces(request.pieces, bytes);
    const Result<DecodedRecord> decoded = decode_record(bytes);
    return decoded ? std::optional(decoded->record) : std::nullopt;
}

/// What has been written since the watch began.
struct Faults::Promotion {
    explicit Promotion(World::Head& which) : head(which) {}

    /// A record that calls more members in sync than the one before.
    bool adds(const Record& record) {
        const auto [found, first] = known.try_emplace(record.mirror, record);
        if (first || record.generation <= found->second.generation) {
            return !first && record.generation_id == addition;
        }
        const bool more = members_in_sync(record) > members_in_sync(found->second);
        for (const RecordMember& member : record.members) {
            const RecordMember* const before = find_member(found->second, member.number);
            const bool was = before != nullptr && before->state == MemberState::in_sync;
            if (more && !was && member.state == MemberState::in_sync) joiners.insert(member.name);
        }
        found->second = record;
        if (more) addition = record.generation_id;
        return more;
    }

    World::Head& head;
    bool in_journal = false;     ///< it dies when the journal has the addition, not a member
    std::size_t left = 0;        ///< members that have it before it dies
    std::map<Id, Record> known;  ///< per mirror, the newest
    Id addition;
    std::set<std::string> joiners;  ///< the members that are added
    std::set<const SimPlatter*> have_it;
    bool with_power = false;  ///< those that have not got it then lose power
    bool dead = false;
};

bool Faults::die_in_a_promotion() {
    auto& heads = host_.world().heads();
    if (host_.world().netnodes().size() < 2) return false;
    for (const auto& head : heads) {
        if (host_.world().ending(*head)) return false;
    }
    World::Head& one = *heads[host_.has_rival() ? loop_.below(2) : 0];
    for (const auto& head : heads) kill_head(*head);
    host_.world().heal();
    note("death in a promotion: " + one.machine.host);
    quiet_until_ = loop_.now() + seconds(32);
    const auto promotion = std::make_shared<Promotion>(one);
    promotion->in_journal = loop_.chance(350);
    promotion->with_power = loop_.chance(400);
    if (!promotion->with_power) promotion->left = loop_.below(host_.world().leaves().size());
    watch(promotion);
    at(milliseconds(300), [this, &one] { host_.start_head(one); });
    at(seconds(3), [this] {
        SimPlatter* const platter = any_leaf().second;
        platter->fail(Operation::write, {0, leaf_size_bytes(platter->geometry().size_bytes)}, Errc::medium_error, 2);
        at(seconds(1), [platter] { platter->clear_failures(); });
    });
    at(seconds(17), [this] { end_watch(); });
    return true;
}

// A target that was copied to and has not flushed, or not all of it (M8). Most of them have been away for so long that
// no intent bit speaks for what they missed any more (M3).
bool Faults::lose_power_in_a_resync() {
    World::Netnode* const node = any_netnode();
    if (node == nullptr || node->process == nullptr || node->machine.exports.empty()) return false;
    SimPlatter* const platter = node->machine.exports.begin()->second;
    note("power is lost in a resync: " + node->machine.host);
    const bool long_away = loop_.chance(700);
    const Duration whole_time = seconds(long_away ? 14 : 11);
    quiet_until_ = loop_.now() + whole_time + seconds(1);
    if (long_away) {
        host_.world().crash(*node, false);
        at(seconds(1), [this] { host_.silence(seconds(11)); });
        at(seconds(8), [this, node] {
            if (node->process == nullptr) host_.world().start(*node);
        });
    } else {
        platter->fail(Operation::write, {0, leaf_size_bytes(platter->geometry().size_bytes)}, Errc::medium_error, 1);
    }
    struct Resync {
        bool marked = false;  ///< the member has a record that does not call all in sync
        bool over = false;    ///< the power is lost, or about to be
        std::uint64_t data_end = 0;
    };
    const auto resync = std::make_shared<Resync>();
    const bool before_the_end = loop_.chance(500);
    platter->on_carry_out = [this, node, resync, before_the_end](const Request& request) {
        if (resync->over) return;
        const std::optional<Record> record = record_in(request);
        const auto lose = [this, node, resync](Duration within) {
            resync->over = true;
            later(Duration::zero(), within, [this, node] { lose_power_of_target(*node); });
        };
        if (record) {
            if (resync->marked || members_in_sync(*record) == record->members.size()) return;
            resync->marked = true;
            resync->data_end = record->size_bytes;
            // Many resyncs here take twenty.
            if (!before_the_end) lose(milliseconds(std::array{20, 20, 80, 400}[loop_.below(4)]));
            return;
        }
        // All is copied: it gets the maps, and is flushed once more before it counts as in sync.
        const bool map = request.operation == Operation::write && request.extent.offset >= resync->data_end;
        if (resync->marked && before_the_end && map) lose(std::chrono::microseconds(300));
    };
    at(whole_time, [this, platter] {
        platter->clear_failures();
        end_watch();
    });
    return true;
}

void Faults::lose_power_of_target(World::Netnode& node) {
    if (node.process == nullptr) return;
    trace_.coverage().count("lost power in a resync");
    trace_.line("fault", "power is lost: " + node.machine.host);
    host_.world().crash(node, true);
    at(seconds(1), [this, &node] { host_.world().start(node); });
}

void Faults::watch(const std::shared_ptr<Promotion>& promotion) {
    for (const auto& [name, platter] : host_.world().leaves()) {
        platter->on_carry_out = [this, promotion, platter = platter](const Request& request) {
            const std::optional<Record> record = record_in(request);
            if (!record || !promotion->adds(*record) || !promotion->have_it.insert(platter).second) return;
            if (!promotion->in_journal && promotion->have_it.size() > promotion->left) die_now(promotion);
        };
    }
    promotion->head.machine.journal->on_written = [this, promotion](const Bytes& slot) {
        const Result<Journal> journal = decode_journal(slot);
        if (!journal) return;
        bool adds = false;
        for (const Record& record : journal->records) adds = promotion->adds(record) || adds;
        if (adds && promotion->in_journal) die_now(promotion);
    };
}

void Faults::end_watch() {
    for (const auto& [name, platter] : host_.world().leaves()) platter->on_carry_out = nullptr;
    for (const auto& head : host_.world().heads()) head->machine.journal->on_written = nullptr;
}

// What was on its way to them is lost: only some have the addition.
void Faults::lose_power_without(const std::set<const SimPlatter*>& have_it) {
    trace_.coverage().count("lost power in a promotion");
    for (const auto& [name, platter] : host_.world().leaves()) {
        World::Netnode* const node = host_.world().netnode_of(platter);
        if (node == nullptr || node->process == nullptr || have_it.contains(platter)) continue;
        host_.world().crash(*node, true);
        at(milliseconds(500), [this, node] {
            if (node->process == nullptr) host_.world().start(*node);
        });
    }
}

void Faults::die_now(const std::shared_ptr<Promotion>& promotion) {
    if (std::exchange(promotion->dead, true)) return;
    trace_.coverage().count("died in a promotion");
    const Duration soon = std::chrono::microseconds(promotion->with_power ? 30 : 300);
    later(Duration::zero(), soon, [this, promotion] {
        kill_head(promotion->head);
        if (promotion->with_power) lose_power_without(promotion->have_it);
        // Which of them have the addition is seen when what was under way has been carried out.
        at(milliseconds(100), [this, promotion] { start_apart(*promotion); });
    });
}

// Each node is seen by one of the two heads only, if there are two; or by none. Often, what a wrong order would tell
// apart: those that have the addition and those that have not, or those that it adds and those that were there.
void Faults::start_apart(const Promotion& promotion) {
    end_watch();
    World& world = host_.world();
    World::Head* other = nullptr;
    for (const auto& head : world.heads()) {
        if (head.get() != &promotion.head && host_.has_rival()) other = head.get();
    }
    const bool apart = loop_.chance(700);
    for (const auto& [name, platter] : world.leaves()) {
        World::Netnode* const node = world.netnode_of(platter);
        if (node == nullptr) continue;
        const bool first =
            promotion.in_journal ? promotion.joiners.contains(name) : !promotion.have_it.contains(platter);
        const bool seen = apart ? first : loop_.chance(500);
        const auto blind = [&](const World::Head& head) {
            world.network().partition(head.machine.host, node->machine.host);
            world.network().partition(node->machine.host, head.machine.host);
        };
        if (!seen) blind(promotion.head);
        if (seen && other != nullptr) blind(*other);
    }
    later(Duration::zero(), seconds(1), [this, &head = promotion.head] { host_.start_head(head); });
    if (other != nullptr) later(Duration::zero(), seconds(6), [this, other] { host_.start_head(*other); });
    at(seconds(12), [this] { host_.world().network().heal_all(); });
}

}  // namespace dst::sim
