#include <algorithm>
#include <memory>

#include "faults.h"

/// A resync is broken off, and what it has copied in part is all that is left (M8).
namespace dst::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A member that was away is being brought up to date, and the head dies. The others are away then, and the
// administrator goes on with that one.
bool Faults::start_from_a_mixture() {
    World& world = host_.world();
    if (!is_plain_mirror() || host_.has_rival() || world.ending(*world.heads().front())) return false;
    World::Head& head = *world.heads().front();
    const Leaves target{any_leaf()};
    Leaves others;
    for (const auto& leaf : world.leaves()) {
        if (leaf.second != target.front().second) others.emplace_back(leaf);
    }
    note("a mixture is all there is: " + target.front().first);
    quiet_until_ = loop_.now() + seconds(32);
    kill_head(head);
    world.heal();
    at(milliseconds(300), [this, &head] { host_.start_head(head); });
    at(seconds(5), [this, target] { set_away(target, true); });
    at(seconds(9), [this, &head, target] {
        die_when_it_is_copied_to(head, *target.front().second);
        set_away(target, false);
    });
    at(seconds(17), [this, &head, target, others] {
        end_watch();
        kill_head(head);
        set_away(others, true);
        target.front().second->set_latency(microseconds(20), milliseconds(1));
        host_.order(head, {StartOrder::accept_data_loss, {}, {}, 0});
    });
    at(milliseconds(17500), [this, &head] { host_.start_head(head); });
    at(seconds(28), [this, others] { set_away(others, false); });
    return true;
}

// It takes long for each piece, so that most are not copied yet.
void Faults::die_when_it_is_copied_to(World::Head& head, SimPlatter& target) {
    const std::optional<Record> record = record_on(target.durable());
    if (!record) return;
    target.set_latency(milliseconds(20), milliseconds(50));
    const auto armed = std::make_shared<bool>(true);
    target.on_carry_out = [this, armed, &head, data_end = record->size_bytes](const Request& request) {
        if (!*armed || !changes_data(request.operation) || request.extent.end() > data_end) return;
        *armed = false;
        note("the head dies in a resync");
        later(Duration::zero(), milliseconds(30), [this, &head] { kill_head(head); });
    };
}

}  // namespace dst::sim
