#include "start/number_attempt.h"

#include <algorithm>
#include <utility>

#include "start/error_text.h"
#include "start/join_attempt.h"

namespace dst {
namespace {

/// The child's, and those of who may only be taken for the member that it is.
std::vector<const Vertex*> leaves_to_ask(const JoinContext& context, const Vertex& child) {
    std::vector<const Vertex*> leaves = own_leaves(child);
    for (const auto& other : child.parent->children) {
        if (other.get() == &child || !known_by_name_alone(*other, context.held)) continue;
        const std::vector<const Vertex*> more = own_leaves(*other);
        leaves.insert(leaves.end(), more.begin(), more.end());
    }
    return leaves;
}

/// Mirrors that do not serve, by their labels, as far as they tell: what lies below them has no right place before.
void number_below(const Vertex& vertex, const std::vector<LeafFinding>& findings) {
    for (const auto& child : vertex.children) number_below(*child, findings);
    if (vertex.mirror == nullptr || vertex.mirror->serving()) return;
    Mirror& mirror = *vertex.mirror;
    for (const auto& child : vertex.children) {
        const std::uint32_t claimed = claimed_number(*child, findings);
        const std::uint32_t before = mirror.number(child->position);
        if (claimed == 0 || claimed == before) continue;
        for (std::size_t i = 0; i < mirror.children(); ++i) {
            if (mirror.number(i) == claimed) mirror.set_number(i, before);
        }
        mirror.set_number(child->position, claimed);
    }
}

}  // namespace

bool known_by_name_alone(const Vertex& child, const std::vector<LeafHold>& held) {
    if (child.leaf != nullptr) return false;
    const std::vector<const Vertex*> leaves = leaves_below(child);
    return std::all_of(leaves.begin(), leaves.end(),
                       [&](const Vertex* leaf) { return held[leaf->index].promised.none(); });
}

NumberAttempt::NumberAttempt(const JoinContext& context, const Vertex& child, Ended ended)
    : ReturnAttempt(context, child, leaves_to_ask(context, child), std::move(ended)),
      findings_(context.start.tree.leaves().size()) {}

void NumberAttempt::begin() {
    auto step = std::make_shared<StartStep>(context_.start.loop, [this](const Result<void>& result) {
        if (given_up() || !mirror().serving()) return end(End::later, "something moved meanwhile");
        if (!result) return end(End::later, error_text(result.error()));
        peeked();
    });
    for (const Vertex* leaf : looked_at()) {
        if (!leaf->device->up()) continue;
        leaf->leaf->peek(
            step->add<Peek>([this, i = leaf->index](const Peek& peek) { findings_[i] = finding_of(peek); }));
    }
    step->all_added();
}

void NumberAttempt::peeked() {
    const StartContext& start = context_.start;
    check_labels(start.tree, start.storage.name, context_.storage, findings_);
    if (mirror().number(child_.position) == 0) return number_unknown();
    const std::uint32_t number = claimed_number(child_, findings_);
    // What speaks against the medium, or its place, is told by who looks at it next.
    const bool stays = number == 0 || number == mirror().number(child_.position) || !why_not(number).empty();
    if (!stays) return take_number(number);
    number_below(child_, findings_);
    end(End::done, {});
}

void NumberAttempt::number_unknown() {
    for (const Vertex* leaf : own_leaves(child_)) {
        const LeafFinding& finding = findings_[leaf->index];
        if (!finding.refusal.empty() && finding.label) return end(End::refused, finding.refusal);
        if (finding.state == LabelState::unreadable) return end(End::later, finding.refusal);
    }
    const std::uint32_t number = claimed_number(child_, findings_);
    const std::string why = why_not(number);
    why.empty() ? take_number(number) : end(End::refused, child_.spec->name + why);
}

const Vertex* NumberAttempt::holder_of(std::uint32_t number) const {
    for (const auto& child : child_.parent->children) {
        if (mirror().number(child->position) == number) return child.get();
    }
    return nullptr;
}

/// Why it cannot be that member.
std::string NumberAttempt::why_not(std::uint32_t number) const {
    if (number == 0) return why_unknown();
    const RecordMember* const recorded = find_member(mirror().record(), number);
    if (recorded == nullptr) return " carries the label of a member that has been removed; it is not used";
    const Vertex* const holder = holder_of(number);
    const bool by_label = holder != nullptr && (!known_by_name_alone(*holder, context_.held) ||
                                                claimed_number(*holder, findings_) == number);
    if (!by_label) return {};
    return " carries the label of member " + std::to_string(number) + ", as " + holder->spec->name +
           " does; it is not used";
}

/// What the mirror knows of a child it knows of a number: so both must be out, or both must have missed nothing.
void NumberAttempt::take_number(std::uint32_t number) {
    const Vertex* const holder = holder_of(number);
    const bool unknown = mirror().number(child_.position) == 0;
    const auto is_out = [this](const Vertex& child) {
        return mirror().number(child.position) == 0 || mirror().wants_back(child.position);
    };
    // One that no child stood for leaves by itself.
    const bool is_free = holder != nullptr
                             ? is_out(*holder)
                             : unknown || find_member(mirror().record(), number)->state != MemberState::in_sync;
    const bool none_missed =
        holder != nullptr && mirror().missed_nothing(child_.position) && mirror().missed_nothing(holder->position);
    if (!none_missed && (!is_out(child_) || !is_free)) {
        const std::string why = "by its label it is another member than by its name in the file";
        if (!is_out(child_)) mirror().leave_out(child_.position, why);
        if (holder != nullptr && !is_free) mirror().leave_out(holder->position, why);
        return end(End::later, why);
    }
    mirror().set_number(child_.position, number);
    number_below(child_, findings_);
    end(End::done, {});
}

/// And what to write into the file.
std::string NumberAttempt::why_unknown() const {
    std::string text = " is not known to the record of mirror " + mirror().name() +
                       ", and no label on it tells which member it is; it is not used. ";
    std::string names;
    std::size_t missing = 0;
    for (const RecordMember& member : mirror().record().members) {
        bool there = false;
        for (std::size_t i = 0; i < mirror().children(); ++i) there = there || mirror().number(i) == member.number;
        if (there) continue;
        names += (missing++ == 0 ? "" : " or ") + ("name: \"" + member.name + "\"");
    }
    if (missing == 0) {
        return text +
               "The file has all members of the mirror besides, and none can be added to it yet: take it out of "
               "the file";
    }
    const std::string which = missing == 1 ? "If it takes the place of the member that the file does not name, give it "
                                             "the name that it had: "
                                           : "If it takes the place of one of the members that the file does not name, "
                                             "give it the name that this one had: ";
    return text + which + names + ", and open the storage again; else put the member's own medium there";
}

}  // namespace dst
