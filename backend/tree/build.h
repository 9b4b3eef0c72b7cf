#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/events.h"
#include "block/leaf.h"
#include "block/loop.h"
#include "config/spec.h"
#include "tree/linear.h"
#include "tree/mirror.h"

namespace dst {

/// Makes the device of a Disk or Netnode; never null.
using LeafFactory = std::function<std::unique_ptr<Leaf>(const spec::Node&)>;

/// Hears of the leaves of a tree, after their parents did.
class LeafListener {
public:
    virtual ~LeafListener() = default;
    virtual void on_leaf_up(std::size_t leaf) = 0;
    virtual void on_leaf_down(std::size_t leaf, const Error& why) = 0;
};

/// One vertex of a built tree, in the shape of the file.
struct Vertex {
    const spec::Node* spec = nullptr;
    BlockDevice* device = nullptr;
    Leaf* leaf = nullptr;      ///< Disk, Netnode
    Linear* linear = nullptr;  ///< Linear
    Mirror* mirror = nullptr;  ///< Mirror
    std::size_t index = 0;     ///< of a leaf in Tree::leaves(), of a mirror in Tree::mirrors()
    Vertex* parent = nullptr;
    std::size_t position = 0;  ///< among the parent's children
    std::vector<std::unique_ptr<Vertex>> children;
};

/// The devices of one storage. Inner vertices are down until the engine has opened them.
class Tree {
public:
    /// `spec` is kept by reference and must outlive the tree. `listener` may be null.
    Tree(const spec::Node& spec, const LeafFactory& make_leaf, const MirrorEnvironment& environment,
         LeafListener* listener);
    ~Tree();
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    Vertex& root() const { return *root_; }
    /// In reading order.
    const std::vector<Vertex*>& leaves() const { return leaves_; }
    /// Inner ones before those above them.
    const std::vector<Vertex*>& mirrors() const { return mirrors_; }

    /// The place of a leaf as its label should say it (media/label.h), from the member numbers that the mirrors above
    /// have been given; empty while one of them is not known.
    static std::string place_of(const Vertex& leaf);

private:
    class Relay;

    std::unique_ptr<Vertex> build(const spec::Node& node, Vertex* parent, std::size_t position);
    void make_inner(Vertex& vertex);
    void observe(Vertex& vertex);

    const LeafFactory& make_leaf_;
    MirrorEnvironment environment_;
    LeafListener* listener_;
    std::vector<Vertex*> leaves_;
    std::vector<Vertex*> mirrors_;
    std::vector<std::unique_ptr<BlockDevice>> devices_;  ///< children before parents
    std::vector<std::unique_ptr<Relay>> relays_;
    std::unique_ptr<Vertex> root_;
};

}  // namespace dst
