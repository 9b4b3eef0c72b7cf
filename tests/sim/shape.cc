#include "media/layout.h"
#include "world.h"

namespace dst::sim {
namespace {

/// Of large media, whose maps have two slots.
constexpr std::uint64_t large_region_bytes = 4096;
constexpr std::uint64_t slot_bytes = map_slot_regions * large_region_bytes;

/// Draws leaves and counts what it drew.
class Drawer {
public:
    Drawer(SimLoop& loop, Shape& shape, bool large)
        : loop_(loop),
          exported_(shape.exported),
          all_remote_(shape.all_remote),
          with_tree_(!large && loop.chance(150)),
          large_(large) {}

    spec::Node leaf() {
        spec::Node node;
        const unsigned number = ++leaves_;
        if (!all_remote_ && loop_.chance(350)) {
            node.name = "/dev/disk" + std::to_string(number);
            node.what = spec::Disk{node.name};
            return node;
        }
        spec::Netnode netnode;
        netnode.address = "node" + std::to_string(number);
        netnode.port = 7790;
        netnode.export_name = "disk" + std::to_string(number);
        netnode.connections = loop_.chance(200) ? 2 : 1;
        const bool is_tree = std::exchange(with_tree_, false);
        if (is_tree) netnode.export_name = "tree" + std::to_string(number);
        node.name = netnode.address + ":7790/" + netnode.export_name;
        if (is_tree) exported_[node.name] = tree_of(netnode.export_name);
        node.what = netnode;
        return node;
    }

    /// Two disks of other machines, or one of its own and another's.
    spec::Storage tree_of(const std::string& name) {
        spec::Storage storage;
        storage.name = name;
        storage.journal = "/journal";
        storage.policy.write_cache = !loop_.chance(200);
        const bool all_remote = std::exchange(all_remote_, true);
        spec::Node first = leaf();
        if (loop_.chance(700)) {
            first.name = "/dev/disk" + std::to_string(++leaves_);
            first.what = spec::Disk{first.name};
        }
        std::vector<spec::Node> members;
        members.push_back(std::move(first));
        members.push_back(leaf());
        storage.tree = mirror(std::move(members));
        all_remote_ = all_remote;
        return storage;
    }

    spec::Node mirror(std::vector<spec::Node> members) {
        spec::Node node;
        node.name = "mirror" + std::to_string(mirrors_++);
        spec::Mirror mirror;
        if (loop_.chance(500)) mirror.region_bytes = 64u << 10;
        if (large_) mirror.region_bytes = large_region_bytes;
        mirror.members = std::move(members);
        node.what = std::move(mirror);
        return node;
    }

    spec::Node linear(std::vector<spec::Node> children) {
        spec::Node node;
        node.name = "linear" + std::to_string(linears_++);
        node.what = spec::Linear{std::move(children)};
        return node;
    }

    std::vector<spec::Node> leaves(std::size_t count) {
        std::vector<spec::Node> nodes;
        for (std::size_t i = 0; i < count; ++i) nodes.push_back(leaf());
        return nodes;
    }

private:
    SimLoop& loop_;
    std::map<std::string, spec::Storage>& exported_;
    bool all_remote_;
    bool with_tree_;  ///< the next leaf of a netnode is a whole tree
    bool large_;      ///< maps have more than one slot
    unsigned leaves_ = 0;
    unsigned mirrors_ = 0;
    unsigned linears_ = 0;
};

spec::Node pair(spec::Node first, spec::Node second, bool mirrored, Drawer& drawer) {
    std::vector<spec::Node> nodes;
    nodes.push_back(std::move(first));
    nodes.push_back(std::move(second));
    return mirrored ? drawer.mirror(std::move(nodes)) : drawer.linear(std::move(nodes));
}

spec::Node draw_tree(SimLoop& loop, Drawer& drawer, bool large) {
    const std::uint64_t dice = large ? 45 + loop.below(10) : loop.below(100);
    if (dice < 5) return drawer.leaf();
    if (dice < 8) return drawer.linear(drawer.leaves(2));
    if (dice < 10) {
        // A part that no mirror is above.
        spec::Node part = drawer.leaf();
        spec::Node mirror = drawer.mirror(drawer.leaves(2));
        if (dice == 8) return pair(std::move(part), std::move(mirror), false, drawer);
        return pair(std::move(mirror), std::move(part), false, drawer);
    }
    if (dice < 50) return drawer.mirror(drawer.leaves(2));
    if (dice < 64) return drawer.mirror(drawer.leaves(3));
    if (dice < 70) return drawer.mirror(drawer.leaves(4));
    if (dice < 82) {
        spec::Node first = drawer.mirror(drawer.leaves(2));
        return pair(std::move(first), drawer.mirror(drawer.leaves(2)), false, drawer);
    }
    if (dice < 94) {
        spec::Node first = drawer.linear(drawer.leaves(2));
        return pair(std::move(first), drawer.linear(drawer.leaves(2)), true, drawer);
    }
    spec::Node inner = drawer.mirror(drawer.leaves(2));
    const std::uint64_t kind = loop.below(4);
    if (kind == 0) inner = pair(std::move(inner), drawer.leaf(), false, drawer);
    if (kind == 1) return pair(std::move(inner), drawer.mirror(drawer.leaves(2)), true, drawer);
    return pair(std::move(inner), drawer.leaf(), true, drawer);
}

std::string describe(const Shape& shape, const spec::Node& node) {
    const auto list = [&shape](const char* name, const std::vector<spec::Node>& nodes) {
        std::string text = name;
        for (const spec::Node& one : nodes) text += (&one == &nodes.front() ? "" : " ") + describe(shape, one);
        return text + ")";
    };
    if (const auto* linear = std::get_if<spec::Linear>(&node.what)) return list("linear(", linear->children);
    if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) return list("mirror(", mirror->members);
    const auto exported = shape.exported.find(node.name);
    return exported == shape.exported.end() ? node.name : node.name + "=" + describe(shape, exported->second.tree);
}

spec::Milliseconds draw_time(SimLoop& loop, unsigned min_ms, unsigned max_ms) {
    return spec::Milliseconds(min_ms + loop.below(max_ms - min_ms + 1));
}

}  // namespace

Shape draw_shape(SimLoop& loop) {
    Shape shape;
    shape.all_remote = loop.chance(600);
    const bool large = loop.chance(6);
    if (large) {
        shape.leaf_bytes_min = slot_bytes + (4u << 20);
        shape.seams = {slot_bytes};
    }
    Drawer drawer(loop, shape, large);
    shape.storage.name = "vol0";
    shape.storage.tree = draw_tree(loop, drawer, large);
    shape.storage.journal = "/journal";
    spec::Policy& policy = shape.storage.policy;
    policy.member_timeout = draw_time(loop, 1000, 8000);
    policy.on_loss.hold = draw_time(loop, 2000, 20'000);
    policy.on_loss.give_up = policy.on_loss.hold + draw_time(loop, 0, 60'000);
    policy.takeover = loop.chance(300) ? spec::Takeover::automatic : spec::Takeover::ask;
    policy.write_cache = loop.chance(800);
    shape.text = describe(shape, shape.storage.tree) + (large ? " large" : "");
    return shape;
}

}  // namespace dst::sim
