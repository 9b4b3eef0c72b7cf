#include "mixtures.h"

#include "faults.h"

namespace dst::sim {

void MixtureJudge::event(std::string_view id, std::string_view text, std::initializer_list<EventField> fields) {
    if (id == "resync-begins") {
        for (const EventField& field : fields) {
            const std::string member(field.value);
            if (field.key == "member" && world_.leaves().contains(member)) begun_[member] = generation_on(member);
        }
    }
    // What it writes itself comes later.
    if (id == "start-order-taken") {
        std::erase_if(begun_, [this](const auto& begun) { return generation_on(begun.first) != begun.second; });
    }
    if (id != "start-forced" || text.find("mixture") != std::string_view::npos) return;
    constexpr std::string_view before = " starts from ";
    const std::size_t at = text.find(before);
    if (at == std::string_view::npos) return;
    const std::string_view used = text.substr(at + before.size(), text.find("; what only", at) - at - before.size());
    for (const auto& [leaf, generation] : begun_) {
        if (used.find(leaf) == std::string_view::npos) continue;
        trace_.coverage().count("start from a mixture that is not called one");
        trace_.finding("M8", "an order starts from " + leaf + ", of which a resync had begun, and that is not said");
    }
}

Id MixtureJudge::generation_on(const std::string& leaf) const {
    const std::optional<Record> record = record_on(world_.platter_of(leaf).durable());
    return record ? record->generation_id : Id{};
}

}  // namespace dst::sim
