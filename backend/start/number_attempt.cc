#include "start/number_attempt.h"

#include <utility>

#include "start/error_text.h"
#include "start/join_attempt.h"

namespace dst {

NumberAttempt::NumberAttempt(const JoinContext& context, const Vertex& child, Ended ended)
    : ReturnAttempt(context, child, own_leaves(child), std::move(ended)),
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
    for (const Vertex* leaf : looked_at()) {
        const LeafFinding& finding = findings_[leaf->index];
        if (!finding.refusal.empty() && finding.label) return end(End::refused, finding.refusal);
        if (finding.state == LabelState::unreadable) return end(End::later, finding.refusal);
    }
    const std::uint32_t number = claimed_number(child_, findings_);
    const std::string why = take_number(number);
    why.empty() ? end(End::done, {}) : end(End::refused, child_.spec->name + why);
}

/// Why it cannot be that member.
std::string NumberAttempt::take_number(std::uint32_t number) {
    if (number == 0) return why_unknown();
    const RecordMember* const recorded = find_member(mirror().record(), number);
    if (recorded == nullptr) return " carries the label of a member that has been removed; it is not used";
    for (std::size_t i = 0; i < mirror().children(); ++i) {
        if (mirror().number(i) != number) continue;
        return " carries the label of member " + std::to_string(number) + ", as " +
               child_.parent->children[i]->spec->name + " does; it is not used";
    }
    mirror().set_number(child_.position, number);
    return {};
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
