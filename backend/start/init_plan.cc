#include "start/init_plan.h"

#include <algorithm>
#include <bit>

#include "block/assert.h"
#include "start/place_check.h"

namespace dst {
namespace {

const Vertex* find_adopted(const Vertex& vertex, const std::string& name) {
    if (vertex.parent != nullptr && vertex.parent->mirror != nullptr && vertex.spec->name == name) return &vertex;
    for (const auto& child : vertex.children) {
        const Vertex* found = find_adopted(*child, name);
        if (found != nullptr) return found;
    }
    return nullptr;
}

bool is_below(const Vertex& vertex, const Vertex& above) {
    for (const Vertex* at = &vertex; at != nullptr; at = at->parent) {
        if (at == &above) return true;
    }
    return false;
}

/// Every byte below can be known to be zero without writing all of it.
bool zeroable(const Vertex& vertex, const std::vector<InitLeaf>& found, const std::vector<bool>& adopted) {
    for (const Vertex* leaf : leaves_below(vertex)) {
        if (adopted[leaf->index]) return false;
        if (!found[leaf->index].probe.zeroes_known && !leaf->device->geometry().fast_zeroes) return false;
    }
    return true;
}

struct Planner {
    Tree& tree;
    const std::vector<InitLeaf>& found;
    const std::vector<bool>& adopted;
    const Vertex* adopted_member;
    Loop& loop;
    InitPlan plan;
    Error error{Errc::ok, {}};

    bool walk(Vertex& vertex) {
        for (const auto& child : vertex.children) {
            if (!walk(*child)) return false;
        }
        if (vertex.linear != nullptr) vertex.linear->refresh_geometry();
        return vertex.mirror == nullptr || plan_mirror(vertex);
    }

    bool plan_mirror(Vertex& vertex) {
        const auto& what = std::get<spec::Mirror>(vertex.spec->what);
        std::uint64_t smallest = ~std::uint64_t{0};
        for (const auto& child : vertex.children) {
            smallest = std::min(smallest, child->device->geometry().size_bytes);
        }
        InitPlan::MirrorPlan mine;
        mine.mirror = &vertex;
        Record& record = mine.record;
        record.region_bytes = what.region_bytes.value_or(default_region_bytes(smallest));
        record.size_bytes = ~std::uint64_t{0};
        for (const auto& child : vertex.children) {
            const std::uint64_t member_bytes = child->device->geometry().size_bytes;
            const std::uint64_t data_bytes = mirror_layout(member_bytes, record.region_bytes).data_bytes;
            const std::uint64_t whole = data_bytes / plan.logical_block_bytes * plan.logical_block_bytes;
            if (whole == 0) {
                error = {Errc::too_large, child->spec->name + " is too small for a member of a mirror: it has " +
                                              std::to_string(member_bytes) + " bytes"};
                return false;
            }
            record.size_bytes = std::min(record.size_bytes, whole);
        }
        record.storage = plan.storage;
        record.mirror = loop.random_id();
        record.medium = loop.random_id();
        record.generation_id = loop.random_id();
        record.revision = 0;
        record.logical_block_bytes = plan.logical_block_bytes;
        record.next_number = static_cast<std::uint32_t>(vertex.children.size()) + 1;
        const bool zero = zeroable(vertex, found, adopted);
        std::size_t first = 0;
        for (std::size_t i = 0; i < vertex.children.size(); ++i) {
            vertex.mirror->set_number(i, static_cast<std::uint32_t>(i) + 1);
            if (vertex.children[i].get() == adopted_member) first = i;
        }
        for (std::size_t i = 0; i < vertex.children.size(); ++i) {
            if (zero || i == first) mine.in_sync |= 1u << i;
        }
        plan.all_in_sync = plan.all_in_sync && std::popcount(mine.in_sync) == static_cast<int>(vertex.children.size());
        vertex.mirror->assume(record);
        plan.mirrors.push_back(std::move(mine));
        return true;
    }

    /// With all that it may come to hold: names, lineage and what members may have become longer.
    static bool fits(Record record) {
        auto add = [&record, id = Id{}]() mutable {
            ++id.bytes[record.lineage.size() % 2];
            id.bytes[2] = static_cast<std::uint8_t>(record.lineage.size());
            record.lineage.push_back(id);
            return id;
        };
        while (record.lineage.size() < lineage_kept) add();
        for (RecordMember& member : record.members) {
            member.name.resize(member_name_bytes_max);
            while (member.may_have.size() < may_have_max) member.may_have.push_back({add(), 0, {}});
        }
        return encode_record(record, 1).has_value();
    }

    /// The places below are known only when all mirrors have been numbered.
    bool add_members() {
        for (InitPlan::MirrorPlan& mirror : plan.mirrors) {
            for (std::size_t i = 0; i < mirror.mirror->children.size(); ++i) {
                const Vertex& child = *mirror.mirror->children[i];
                RecordMember member;
                member.number = static_cast<std::uint32_t>(i) + 1;
                member.name = child.spec->name;
                member.state = (mirror.in_sync & (1u << i)) != 0 ? MemberState::in_sync : MemberState::dirty;
                member.incarnation = child.device->incarnation();
                member.size_bytes = child.device->geometry().size_bytes;
                for (const Vertex* leaf : leaves_below(child)) {
                    const Geometry& geometry = leaf->device->geometry();
                    member.leaves.push_back({Tree::place_of(*leaf), plan.labels[leaf->index].medium,
                                             geometry.size_bytes, geometry.logical_block_bytes,
                                             geometry.physical_block_bytes});
                }
                mirror.record.members.push_back(std::move(member));
            }
            if (fits(mirror.record)) continue;
            error = {Errc::too_large, "too many disks below the members of " + mirror.mirror->spec->name +
                                          ": its record has no room for all of them"};
            return false;
        }
        return true;
    }

    void add_labels(const std::string& storage_name) {
        for (const Vertex* leaf : tree.leaves()) {
            Label label;
            label.medium = loop.random_id();
            label.storage = plan.storage;
            label.storage_name = storage_name;
            label.place = Tree::place_of(*leaf);
            label.member = member_number_of(*leaf);
            label.size_bytes = leaf->device->geometry().size_bytes;
            label.logical_block_bytes = plan.logical_block_bytes;
            plan.labels.push_back(std::move(label));
        }
    }

    void add_wipes() {
        for (const Vertex* leaf : tree.leaves()) {
            const bool known = !found[leaf->index].probe.found.empty();
            if (known && !adopted[leaf->index]) plan.to_be_wiped.push_back(leaf);
        }
    }

    /// Only below mirrors that start with all members in sync must the bytes be equal.
    void add_zeroes() {
        for (const Vertex* leaf : tree.leaves()) {
            if (adopted[leaf->index] || found[leaf->index].probe.zeroes_known) continue;
            const bool needed = std::any_of(plan.mirrors.begin(), plan.mirrors.end(), [&](const auto& mirror) {
                return is_below(*leaf, *mirror.mirror) && mirror.mirror->children.size() > 1 &&
                       std::popcount(mirror.in_sync) == static_cast<int>(mirror.mirror->children.size());
            });
            if (needed) plan.to_be_zeroed.push_back(leaf);
        }
    }
};

}  // namespace

Error check_init_leaf(const Vertex& leaf, const InitLeaf& found, const std::string& storage_name,
                      const InitOptions& options, bool adopted) {
    const std::string& name = leaf.spec->name;
    if (found.error.code != Errc::ok) return found.error;
    if (found.peek.live) {
        const auto label = decode_label(found.peek.label);
        return {Errc::busy, name + " is being served" +
                                (label ? " as a part of the storage '" + label->storage_name + "'" : "") +
                                " by a head that is alive, " + to_string(*found.peek.live) + "; end that first"};
    }
    if (options.force) return {Errc::ok, {}};
    switch (found.peek.label_state) {
        case LabelState::absent: break;
        case LabelState::damaged: return {Errc::refused, name + " has a damaged DST label; --force overwrites it"};
        case LabelState::unreadable: return {Errc::medium_error, name + " cannot read its label area"};
        case LabelState::valid: {
            const auto label = decode_label(found.peek.label);
            const std::string kept =
                adopted ? " with the data that lie on this one, whether they are the newest or not" : "";
            if (label && label->storage_name == storage_name) {
                return {Errc::refused,
                        name + " is initialised already for the storage '" + storage_name + "'; --force makes it anew" +
                            (adopted ? kept + "; those of the other members are lost" : ", and its data are lost")};
            }
            return {Errc::refused, name + " belongs to the storage '" +
                                       (label ? label->storage_name : std::string("unknown")) +
                                       "'; --force takes it away from there" + kept};
        }
    }
    if (!found.probe.found.empty() && !adopted) {
        return {Errc::refused, name + " carries " + found.probe.found + "; --force overwrites it"};
    }
    if (found.data_at && !adopted) {
        return {Errc::refused, name + " holds data that are not known, at byte " + std::to_string(*found.data_at) +
                                   ", as an init that was interrupted leaves them, too; --force destroys them. If it "
                                   "was labelled, and cut or grown since, give it its old size back instead"};
    }
    return {Errc::ok, {}};
}

std::string check_distinct(const Tree& tree, const std::vector<InitLeaf>& found) {
    const auto& leaves = tree.leaves();
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        const Incarnation& mine = found[i].peek.incarnation;
        for (std::size_t k = 0; k < i && found[i].error.code == Errc::ok && !mine.id.is_nil(); ++k) {
            if (found[k].error.code != Errc::ok || found[k].peek.incarnation != mine) continue;
            return leaves[k]->spec->name + " and " + leaves[i]->spec->name +
                   " are the same disk; name it once, and another disk in place of the other";
        }
    }
    return {};
}

Error check_init_journal(const JournalKeeper& journal, const std::vector<InitLeaf>& found, const InitOptions& options) {
    if (options.force_journal) return {Errc::ok, {}};
    const std::string what_to_do =
        "; name another file after 'journal:', or, if what it tells is no longer needed, let --force-journal overwrite "
        "it";
    if (journal.damaged()) {
        return {Errc::refused,
                "the journal " + journal.name() + " is damaged, and may be another storage's" + what_to_do};
    }
    if (!journal.found()) return {Errc::ok, {}};
    const Journal& there = journal.journal();
    for (const InitLeaf& leaf : found) {
        const auto label = decode_label(leaf.peek.label);
        if (label && label->storage == there.storage) return {Errc::ok, {}};
    }
    return {Errc::refused,
            "the journal " + journal.name() + " is of the storage '" + there.storage_name + "' (id " +
                to_string(there.storage) +
                "), whose label none of these media carries, as it is after an init that was interrupted" + what_to_do};
}

Result<std::vector<bool>> adopted_leaves(const Tree& tree, const InitOptions& options) {
    std::vector<bool> adopted(tree.leaves().size(), false);
    if (!options.adopt) return adopted;
    const Vertex* member = find_adopted(tree.root(), *options.adopt);
    if (member == nullptr) {
        return Error{Errc::invalid_argument, "--adopt: no member of a mirror is named " + *options.adopt};
    }
    for (const Vertex* leaf : leaves_below(*member)) adopted[leaf->index] = true;
    return adopted;
}

AdoptedEnd adopted_end(const Tree& tree, const InitPlan& plan, const InitOptions& options) {
    const auto size_of = [&plan](const Vertex& vertex) {
        for (const InitPlan::MirrorPlan& mirror : plan.mirrors) {
            if (mirror.mirror == &vertex) return mirror.record.size_bytes;
        }
        return vertex.device->geometry().size_bytes;
    };
    const auto bytes_before = [&size_of](const Vertex& linear, std::size_t child) {
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < child; ++i) bytes += size_of(*linear.children[i]);
        return bytes;
    };
    const auto less = [](std::uint64_t from, std::uint64_t by) { return from > by ? from - by : 0; };
    const Vertex* at = find_adopted(tree.root(), options.adopt.value_or(""));
    DST_ASSERT(at != nullptr);
    std::uint64_t kept = size_of(*at);
    std::uint64_t before = 0;  // in the parent, in front of the adopted one
    for (const Vertex* below = at; below->parent != nullptr; below = below->parent) {
        if (below->parent->linear != nullptr) before += bytes_before(*below->parent, below->position);
        if (below->parent->mirror != nullptr) kept = std::min(kept, less(size_of(*below->parent), before));
    }
    while (at->leaf == nullptr) {
        // A mirror's first member is in sync; the others are filled from it.
        const std::size_t child = at->mirror != nullptr ? 0 : at->children.size() - 1;
        if (at->mirror == nullptr) kept = less(kept, bytes_before(*at, child));
        at = at->children[child].get();
    }
    return {at, {kept, at->device->geometry().size_bytes - kept}};
}

std::string adopted_end_text(const InitReport::Adopted& adopted, std::uint64_t data_at) {
    return "its last " + std::to_string(adopted.cut_bytes) +
           " bytes would not be part of the storage any more, and it holds data there, at byte " +
           std::to_string(data_at) + ". Shrink the file system or partition that reaches there to " +
           std::to_string(adopted.kept_bytes) +
           " bytes; --force cuts it off, which is right when an init that was interrupted left that there";
}

Result<InitPlan> make_init_plan(Tree& tree, const std::string& storage_name, const std::vector<InitLeaf>& found,
                                const InitOptions& options, Loop& loop) {
    const auto adopted = adopted_leaves(tree, options);
    if (!adopted) return adopted.error();
    const Vertex* member = options.adopt ? find_adopted(tree.root(), *options.adopt) : nullptr;
    Planner planner{tree, found, *adopted, member, loop, {}, {Errc::ok, {}}};
    planner.plan.storage = loop.random_id();
    for (const Vertex* leaf : tree.leaves()) {
        planner.plan.logical_block_bytes =
            std::max(planner.plan.logical_block_bytes, leaf->device->geometry().logical_block_bytes);
    }
    if (!planner.walk(tree.root())) return planner.error;
    planner.add_labels(storage_name);
    if (!planner.add_members()) return planner.error;
    planner.add_wipes();
    planner.add_zeroes();
    planner.plan.size_bytes = tree.root().device->geometry().size_bytes;
    return std::move(planner.plan);
}

}  // namespace dst
