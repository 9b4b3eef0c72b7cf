#include "start/return_attempt.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace dst {

ReturnAttempt::ReturnAttempt(const JoinContext& context, const Vertex& child, std::vector<const Vertex*> leaves,
                             Ended ended)
    : context_(context), child_(child), ended_(std::move(ended)), looked_at_(std::move(leaves)) {}

bool ReturnAttempt::concerns(std::size_t leaf) const {
    return std::any_of(looked_at_.begin(), looked_at_.end(), [&](const Vertex* mine) { return mine->index == leaf; });
}

void ReturnAttempt::cut(const Error& why) {
    for (const Vertex* leaf : looked_at_) {
        if (leaf->device->up()) leaf->device->cut(why);
    }
}

const RecordMember* ReturnAttempt::member() const {
    return find_member(mirror().record(), mirror().number(child_.position));
}

ReturningLeaf ReturnAttempt::returning(const Vertex& leaf, const Peek& peek, const RecordMember& recorded) const {
    ReturningLeaf seen;
    seen.name = leaf.spec->name;
    seen.place = Tree::place_of(leaf);
    seen.label_state = peek.label_state;
    if (seen.label_state == LabelState::valid) {
        auto label = decode_label(peek.label);
        if (label) seen.label = std::move(*label);
    }
    seen.live = peek.live;
    seen.geometry = leaf.device->geometry();
    for (const auto& known : {recorded.leaves, context_.start.journal.journal().leaves}) {
        for (const RecordLeaf& one : known) {
            if (one.place == seen.place && seen.remembered_bytes == 0) seen.remembered_bytes = one.size_bytes;
        }
    }
    seen.left_with = context_.held[leaf.index].promised;
    return seen;
}

void ReturnAttempt::hold(const Vertex& leaf) {
    context_.held[leaf.index] = {context_.epoch, false};
    leaf.leaf->set_identity({context_.storage, Tree::place_of(leaf), context_.epoch, context_.start.head});
}

void ReturnAttempt::probe_all(std::vector<BlankLeaf> leaves, Callback<std::string> done) const {
    auto why = std::make_shared<std::string>();
    if (context_.start.storage.policy.replace == spec::Replace::never && !leaves.empty()) {
        *why = leaves.front().seen.name +
               " carries a blank medium, and the storage's file says 'replace: never'; it is not used. Put the right "
               "medium there, or set 'policy: {replace: blank}' to have this one filled";
    }
    auto step = std::make_shared<StartStep>(context_.start.loop, [why, done](const Result<void>& probed) {
        if (!probed) return done(probed.error());
        done(*why);
    });
    for (const BlankLeaf& leaf : leaves) {
        leaf.vertex->leaf->probe(step->add<Probe>([seen = leaf.seen, why](const Probe& probe) {
            // What is there says more than what the file says.
            const std::string found = why_not_blank(seen, probe);
            if (!found.empty()) *why = found;
        }));
    }
    step->all_added();
}

Label ReturnAttempt::new_label(const Vertex& leaf, std::uint32_t logical_block_bytes) const {
    Label label;
    label.medium = context_.start.loop.random_id();
    label.storage = context_.storage;
    label.storage_name = context_.start.storage.name;
    label.place = Tree::place_of(leaf);
    label.member = member_number_of(leaf);
    label.size_bytes = leaf.device->geometry().size_bytes;
    label.logical_block_bytes = logical_block_bytes;
    return label;
}

}  // namespace dst
