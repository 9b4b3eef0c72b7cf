#include "start/place_check.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace dst {
namespace {

/// One step of a place: ".N" or "/N".
struct Step {
    char kind = '.';
    std::uint32_t number = 0;
};

std::optional<std::vector<Step>> parse_place(const std::string& place) {
    std::vector<Step> steps;
    if (place == "-") return steps;
    const char* at = place.data();
    const char* const end = at + place.size();
    while (at != end) {
        Step step;
        step.kind = *at++;
        if (step.kind != '.' && step.kind != '/') return std::nullopt;
        const auto parsed = std::from_chars(at, end, step.number);
        if (parsed.ec != std::errc() || parsed.ptr == at) return std::nullopt;
        at = parsed.ptr;
        steps.push_back(step);
    }
    return steps;
}

/// The vertices from the root down to `leaf`, without the root itself.
std::vector<const Vertex*> path_to(const Vertex& leaf) {
    std::vector<const Vertex*> path;
    for (const Vertex* vertex = &leaf; vertex->parent != nullptr; vertex = vertex->parent) path.push_back(vertex);
    std::reverse(path.begin(), path.end());
    return path;
}

/// The same kinds of steps in the same number: the label fits this shape of tree.
bool same_shape(const std::vector<Step>& steps, const std::vector<const Vertex*>& path) {
    if (steps.size() != path.size()) return false;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if ((steps[i].kind == '/') != (path[i]->parent->mirror != nullptr)) return false;
    }
    return true;
}

void refuse(LeafFinding& finding, std::string text) {
    if (finding.refusal.empty()) finding.refusal = std::move(text);
}

/// The leaf that should be where `place` says, when the numbers are known.
const Vertex* leaf_at(const Tree& tree, const std::string& place) {
    for (const Vertex* leaf : tree.leaves()) {
        if (Tree::place_of(*leaf) == place) return leaf;
    }
    return nullptr;
}

void collect(Vertex& vertex, std::vector<Vertex*>& mirrors) {
    if (vertex.mirror != nullptr) mirrors.push_back(&vertex);
    for (const auto& child : vertex.children) collect(*child, mirrors);
}

void collect(const Vertex& vertex, std::vector<const Vertex*>& leaves) {
    if (vertex.leaf != nullptr) leaves.push_back(&vertex);
    for (const auto& child : vertex.children) collect(*child, leaves);
}

void number_children(const Vertex& mirror, const Record* record, const std::vector<LeafFinding>& findings) {
    std::vector<std::uint32_t> numbers;
    for (const auto& child : mirror.children) numbers.push_back(claimed_number(*child, findings));
    std::map<std::uint32_t, unsigned> uses;
    for (const std::uint32_t number : numbers) ++uses[number];
    for (std::uint32_t& number : numbers) {
        if (number != 0 && uses[number] > 1) number = 0;
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (record == nullptr || numbers[i] != 0) continue;
        for (const RecordMember& member : record->members) {
            if (member.name != mirror.children[i]->spec->name) continue;
            if (std::find(numbers.begin(), numbers.end(), member.number) == numbers.end()) numbers[i] = member.number;
        }
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) mirror.mirror->set_number(i, numbers[i]);
}

std::string wrong_place_text(const Tree& tree, const Vertex& leaf, const Label& label,
                             const std::vector<LeafFinding>& findings) {
    const std::string& name = leaf.spec->name;
    const std::string mine = Tree::place_of(leaf);
    std::string text = name + " carries the label of place " + label.place;
    const Vertex* owner = leaf_at(tree, label.place);
    if (owner == nullptr || owner == &leaf) {
        return text + ", which is not in this tree; put the right medium there, or correct the file";
    }
    text += ", where the file names " + owner->spec->name;
    const auto& other = findings[owner->index].label;
    if (other && !mine.empty() && other->place == mine) return text + ": the two are swapped";
    return text + "; put the right media there, or correct the file";
}

void refuse_wrong_places(const Tree& tree, std::vector<LeafFinding>& findings) {
    std::vector<std::string> texts(findings.size());
    for (const Vertex* leaf : tree.leaves()) {
        const LeafFinding& finding = findings[leaf->index];
        if (!finding.label || !finding.refusal.empty()) continue;
        if (Tree::place_of(*leaf) == finding.label->place) continue;
        texts[leaf->index] = wrong_place_text(tree, *leaf, *finding.label, findings);
    }
    for (std::size_t i = 0; i < findings.size(); ++i) {
        if (!texts[i].empty()) refuse(findings[i], texts[i]);
    }
}

void collect_leaves_of_mirror(const Vertex& vertex, std::vector<const Vertex*>& leaves) {
    for (const auto& child : vertex.children) {
        if (child->leaf != nullptr) leaves.push_back(child.get());
        if (child->linear != nullptr) collect_leaves_of_mirror(*child, leaves);
    }
}

}  // namespace

std::vector<Vertex*> mirrors_in_reading_order(const Tree& tree) {
    std::vector<Vertex*> mirrors;
    collect(tree.root(), mirrors);
    return mirrors;
}

std::uint32_t member_number_of(const Vertex& leaf) {
    for (const Vertex* vertex = &leaf; vertex->parent != nullptr; vertex = vertex->parent) {
        if (vertex->parent->mirror != nullptr) return vertex->parent->mirror->number(vertex->position);
    }
    return 0;
}

std::vector<const Vertex*> leaves_below(const Vertex& vertex) {
    std::vector<const Vertex*> leaves;
    collect(vertex, leaves);
    return leaves;
}

std::vector<const Vertex*> leaves_of_mirror(const Vertex& mirror) {
    std::vector<const Vertex*> leaves;
    collect_leaves_of_mirror(mirror, leaves);
    return leaves;
}

std::uint32_t claimed_number(const Vertex& child, const std::vector<LeafFinding>& findings) {
    std::uint32_t claimed = 0;
    for (const Vertex* leaf : leaves_below(child)) {
        const LeafFinding& finding = findings[leaf->index];
        if (!finding.label || !finding.refusal.empty()) continue;
        const auto steps = parse_place(finding.label->place);
        const auto path = path_to(*leaf);
        if (!steps || !same_shape(*steps, path)) continue;
        for (std::size_t s = 0; s < path.size(); ++s) {
            if (path[s] != &child) continue;
            if (claimed != 0 && claimed != (*steps)[s].number) return 0;
            claimed = (*steps)[s].number;
        }
    }
    return claimed;
}

LeafFinding finding_of(const Peek& peek) {
    LeafFinding finding;
    finding.reachable = true;
    finding.state = peek.label_state;
    if (peek.label_state != LabelState::valid) return finding;
    auto label = decode_label(peek.label);
    if (label) finding.label = std::move(*label);
    if (!label) finding.state = LabelState::damaged;
    return finding;
}

StorageIdentity check_labels(const Tree& tree, const std::string& name, const Id& known,
                             std::vector<LeafFinding>& findings) {
    StorageIdentity identity{known, 0};
    for (const Vertex* leaf : tree.leaves()) {
        const LeafFinding& finding = findings[leaf->index];
        if (!finding.label || finding.label->storage_name != name) continue;
        if (identity.id.is_nil()) identity.id = finding.label->storage;
        if (identity.id == finding.label->storage) identity.logical_block_bytes = finding.label->logical_block_bytes;
    }
    for (const Vertex* leaf : tree.leaves()) {
        LeafFinding& finding = findings[leaf->index];
        const std::string& leaf_name = leaf->spec->name;
        if (!finding.reachable) continue;
        if (!finding.label) {
            const std::string unlabelled =
                identity.id.is_nil() ? " is not labelled: it is a new disk, or one that was cut or grown since it was "
                                       "labelled, for the label lies at its end. Then give it its old size back, and "
                                       "do not run dstctl init, which destroys what is on it: dstctl init with the "
                                       "storage's file is for new disks only"
                                     : " is not labelled, though the storage was initialised: another disk lies in its "
                                       "place, or its label was overwritten. Put the right one back; do not run dstctl "
                                       "init, which labels all of them anew and loses what they hold";
            const std::string why = finding.state == LabelState::absent ? unlabelled
                                    : finding.state == LabelState::damaged
                                        ? " has a damaged label in both copies"
                                        : " cannot read its label area; look at the disk";
            refuse(finding, leaf_name + why);
            continue;
        }
        const Label& label = *finding.label;
        const Geometry& geometry = leaf->device->geometry();
        if (label.storage != identity.id) {
            refuse(finding, leaf_name + " belongs to the storage '" + label.storage_name + "' (" +
                                short_string(label.storage) + "), not to '" + name + "'" +
                                (label.storage_name == name ? " (" + short_string(identity.id) + ")" : "") +
                                "; it is not touched. Put the right disk there, or correct the storage's file");
            finding.foreign = true;
            finding.fatal = known.is_nil() && label.storage_name == name;
        } else if (label.size_bytes > geometry.size_bytes) {
            refuse(finding, leaf_name + " is too small: by its label it had " +
                                std::to_string(label.size_bytes + label_area_bytes) + " bytes, now it has " +
                                std::to_string(geometry.size_bytes + label_area_bytes) +
                                ". Give it its size back, or put the right disk there");
        } else if (geometry.logical_block_bytes > label.logical_block_bytes) {
            refuse(finding, leaf_name + " has blocks of " + std::to_string(geometry.logical_block_bytes) +
                                " bytes, the storage was initialised with " +
                                std::to_string(label.logical_block_bytes));
        }
    }
    return identity;
}

void assign_places(const Tree& tree, const std::vector<Record>& records, std::vector<LeafFinding>& findings) {
    const std::vector<Vertex*> mirrors = mirrors_in_reading_order(tree);
    for (std::size_t i = 0; i < mirrors.size(); ++i) {
        number_children(*mirrors[i], i < records.size() ? &records[i] : nullptr, findings);
    }
    refuse_wrong_places(tree, findings);
}

void assign_places_below(const Tree& tree, const Vertex& mirror, const Record* known,
                         std::vector<LeafFinding>& findings) {
    number_children(mirror, known, findings);
    refuse_wrong_places(tree, findings);
}

void tell_changed_sizes(const Tree& tree, const std::vector<RecordLeaf>& known, std::vector<LeafFinding>& findings) {
    for (const Vertex* leaf : tree.leaves()) {
        LeafFinding& finding = findings[leaf->index];
        if (!finding.reachable || finding.state != LabelState::absent) continue;
        const std::string place = Tree::place_of(*leaf);
        const std::uint64_t now = leaf->device->geometry().size_bytes;
        for (const RecordLeaf& before : known) {
            if (place.empty() || before.place != place || before.size_bytes == now) continue;
            finding.refusal = leaf->spec->name + " is not labelled, and its size has changed from " +
                              std::to_string(before.size_bytes + label_area_bytes) + " to " +
                              std::to_string(now + label_area_bytes) +
                              " bytes: either it was cut or grown, and its label does not lie at "
                              "the end any more; then give it its old size back, and do not run dstctl init, which "
                              "would overwrite it. Or it is another disk";
        }
    }
}

std::vector<std::size_t> refuse_swapped(const Vertex& mirror, const Record& record,
                                        std::vector<LeafFinding>& findings) {
    std::vector<std::size_t> refused;
    for (std::size_t i = 0; i < mirror.children.size(); ++i) {
        const Vertex& child = *mirror.children[i];
        const std::uint32_t number = mirror.mirror->number(i);
        if (child.leaf == nullptr || number == 0) continue;
        LeafFinding& finding = findings[child.index];
        for (const RecordMember& member : record.members) {
            if (member.name != child.spec->name || member.number == number) continue;
            if (!finding.label || !finding.refusal.empty()) continue;
            const RecordMember* const carried = find_member(record, number);
            finding.refusal =
                child.spec->name + " carries the label of member " + std::to_string(number) + " (" +
                (carried != nullptr ? carried->name : std::string("unknown")) + "), and by the record it is member " +
                std::to_string(member.number) +
                ": the two are swapped; put the media back, or give each place in the file the name of the member "
                "that lies there now" +
                (carried != nullptr ? ": here 'name: \"" + carried->name + "\"'" : std::string());
            refused.push_back(child.index);
        }
    }
    return refused;
}

std::vector<std::size_t> refuse_swapped_elsewhere(const Tree& tree, const Vertex& mirror, const Record& record,
                                                  const std::vector<Record>& others,
                                                  std::vector<LeafFinding>& findings) {
    std::vector<std::size_t> refused;
    for (std::size_t i = 0; i < mirror.children.size(); ++i) {
        const Vertex& child = *mirror.children[i];
        const RecordMember* const carried = find_member(record, mirror.mirror->number(i));
        if (child.leaf == nullptr || carried == nullptr || carried->name == child.spec->name) continue;
        LeafFinding& finding = findings[child.index];
        if (!finding.label || !finding.refusal.empty()) continue;
        const bool named_elsewhere = std::any_of(tree.leaves().begin(), tree.leaves().end(), [&](const Vertex* leaf) {
            return leaf->spec->name == carried->name && leaf->parent != &mirror;
        });
        const bool belongs_elsewhere = std::any_of(others.begin(), others.end(), [&](const Record& other) {
            const auto is_it = [&](const RecordMember& member) { return member.name == child.spec->name; };
            return other.mirror != record.mirror && std::any_of(other.members.begin(), other.members.end(), is_it);
        });
        if (!named_elsewhere || !belongs_elsewhere) continue;
        finding.refusal =
            child.spec->name + " carries the label of " + carried->name +
            ", and by the records it is a member of another mirror: the media of two mirrors are swapped; put them "
            "back, or give each place in the file the name of the member that lies there now: here 'name: \"" +
            carried->name + "\"'";
        refused.push_back(child.index);
    }
    return refused;
}

void refuse_older_copies(const Tree& tree, const Epoch& established, std::vector<LeafFinding>& findings) {
    std::map<const Vertex*, std::uint64_t> served;  // by the vertex whose leaves are used together
    const auto together = [](const Vertex* vertex) {
        while (vertex->parent != nullptr && vertex->parent->mirror == nullptr) vertex = vertex->parent;
        return vertex;
    };
    for (const Vertex* leaf : tree.leaves()) {
        const LeafFinding& finding = findings[leaf->index];
        const Vertex* const top = together(leaf);
        std::uint64_t& newest = served[top];
        if (top->parent == nullptr) newest = std::max(newest, established.number);
        if (finding.label && finding.refusal.empty()) newest = std::max(newest, finding.label->served.number);
    }
    for (const Vertex* leaf : tree.leaves()) {
        LeafFinding& finding = findings[leaf->index];
        const std::uint64_t newest = served[together(leaf)];
        if (!finding.label || !finding.refusal.empty() || finding.label->promised.number >= newest) continue;
        finding.refusal = leaf->spec->name + " holds an older copy of its medium: its label knows epoch " +
                          std::to_string(finding.label->promised.number) + ", and it has been served under epoch " +
                          std::to_string(newest) + " since; put the newest one back";
        finding.older = true;
    }
}

}  // namespace dst
