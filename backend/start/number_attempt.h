#pragma once

#include <vector>

#include "start/return_attempt.h"

namespace dst {

/// Nobody has seen the child in its place: which member it is only its name in the file says, which may be no more than
/// its order there. Not of leaves, whose names are of their own: those that lie in each other's place are refused.
bool known_by_name_alone(const Vertex& child, const std::vector<LeafHold>& held);

/// One look at a child of a serving mirror of which nobody knows which member it is: it was away at the start, and the
/// file names it in another way than the record does; or of which only its name tells that. Its labels tell. It is a
/// member again from then on, and comes back as any other (join_attempt.h). One that was taken for that member by its
/// name alone is taken for the other one instead. What has neither label nor name stays out: whom it replaces the file
/// alone cannot say.
class NumberAttempt final : public ReturnAttempt {
public:
    NumberAttempt(const JoinContext& context, const Vertex& child, Ended ended);

    void begin() override;

private:
    void peeked();
    void number_unknown();
    std::string why_not(std::uint32_t number) const;
    const Vertex* holder_of(std::uint32_t number) const;
    void take_number(std::uint32_t number);
    std::string why_unknown() const;

    std::vector<LeafFinding> findings_;  ///< per leaf of the tree
};

}  // namespace dst
