#include "tree/build.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"

namespace dst {

/// Passes a leaf's notices on to its parent, then to the listener.
class Tree::Relay : public BlockDevice::Observer {
public:
    Relay(BlockDevice::Observer* parent, LeafListener* listener, std::size_t leaf)
        : parent_(parent), listener_(listener), leaf_(leaf) {}

    void on_up(BlockDevice& device) override {
        if (parent_ != nullptr) parent_->on_up(device);
        if (listener_ != nullptr) listener_->on_leaf_up(leaf_);
    }
    void on_down(BlockDevice& device, const Error& why) override {
        if (parent_ != nullptr) parent_->on_down(device, why);
        if (listener_ != nullptr) listener_->on_leaf_down(leaf_, why);
    }

private:
    BlockDevice::Observer* parent_;
    LeafListener* listener_;
    std::size_t leaf_;
};

namespace {

BlockDevice::Observer* observer_of(const Vertex* parent) {
    if (parent == nullptr) return nullptr;
    return parent->linear != nullptr ? &parent->linear->child_observer() : &parent->mirror->child_observer();
}

/// True when something below is reached over the network.
bool is_remote(const spec::Node& node) {
    if (const auto* linear = std::get_if<spec::Linear>(&node.what)) {
        for (const spec::Node& child : linear->children) {
            if (is_remote(child)) return true;
        }
        return false;
    }
    if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) {
        for (const spec::Node& member : mirror->members) {
            if (!is_remote(member)) return false;
        }
        return true;
    }
    return std::holds_alternative<spec::Netnode>(node.what);
}

}  // namespace

Tree::Tree(const spec::Node& spec, const LeafFactory& make_leaf, const MirrorEnvironment& environment,
           LeafListener* listener)
    : make_leaf_(make_leaf), environment_(environment), listener_(listener) {
    root_ = build(spec, nullptr, 0);
    observe(*root_);
}

Tree::~Tree() {
    // Parents before children.
    while (!devices_.empty()) devices_.pop_back();
}

namespace {

/// Of mirrors, at it and below.
unsigned levels_of(const Vertex& vertex) {
    unsigned below = 0;
    for (const auto& child : vertex.children) below = std::max(below, levels_of(*child));
    return below + (vertex.mirror == nullptr ? 0 : 1);
}

}  // namespace

std::unique_ptr<Vertex> Tree::build(const spec::Node& node, Vertex* parent, std::size_t position) {
    auto vertex = std::make_unique<Vertex>();
    vertex->spec = &node;
    vertex->parent = parent;
    vertex->position = position;
    const std::vector<spec::Node>* children = nullptr;
    if (const auto* linear = std::get_if<spec::Linear>(&node.what)) children = &linear->children;
    if (const auto* mirror = std::get_if<spec::Mirror>(&node.what)) children = &mirror->members;
    if (children == nullptr) {
        auto leaf = make_leaf_(node);
        DST_ASSERT(leaf != nullptr);
        vertex->leaf = leaf.get();
        vertex->device = leaf.get();
        vertex->index = leaves_.size();
        leaves_.push_back(vertex.get());
        devices_.push_back(std::move(leaf));
        return vertex;
    }
    for (const spec::Node& child : *children) {
        vertex->children.push_back(build(child, vertex.get(), vertex->children.size()));
    }
    make_inner(*vertex);
    return vertex;
}

void Tree::make_inner(Vertex& vertex) {
    const spec::Node& node = *vertex.spec;
    if (std::holds_alternative<spec::Linear>(node.what)) {
        std::vector<BlockDevice*> children;
        for (const auto& child : vertex.children) children.push_back(child->device);
        auto linear = std::make_unique<Linear>(environment_.loop, node.name, std::move(children));
        vertex.linear = linear.get();
        vertex.device = linear.get();
        devices_.push_back(std::move(linear));
        return;
    }
    std::vector<MirrorChild> members;
    for (const auto& child : vertex.children) {
        members.push_back(
            {child->device, child->spec->name, child->spec->read, is_remote(*child->spec), levels_of(*child)});
    }
    auto mirror = std::make_unique<Mirror>(environment_, node.name, std::move(members));
    vertex.mirror = mirror.get();
    vertex.device = mirror.get();
    vertex.index = mirrors_.size();
    mirrors_.push_back(&vertex);
    devices_.push_back(std::move(mirror));
}

/// Each device reports to its parent; leaves through a relay to the listener as well.
void Tree::observe(Vertex& vertex) {
    BlockDevice::Observer* const parent = observer_of(vertex.parent);
    if (vertex.leaf != nullptr) {
        relays_.push_back(std::make_unique<Relay>(parent, listener_, vertex.index));
        vertex.device->set_observer(relays_.back().get());
    } else {
        vertex.device->set_observer(parent);
    }
    for (const auto& child : vertex.children) observe(*child);
}

std::string Tree::place_of(const Vertex& leaf) {
    std::string place;
    for (const Vertex* vertex = &leaf; vertex->parent != nullptr; vertex = vertex->parent) {
        const Vertex& parent = *vertex->parent;
        if (parent.linear != nullptr) {
            place.insert(0, "." + std::to_string(vertex->position));
            continue;
        }
        const std::uint32_t number = parent.mirror->number(vertex->position);
        if (number == 0) return {};
        place.insert(0, "/" + std::to_string(number));
    }
    return place.empty() ? "-" : place;
}

}  // namespace dst
