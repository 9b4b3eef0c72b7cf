#pragma once

#include <vector>

#include "start/return_attempt.h"

namespace dst {

/// One look at a child of a serving mirror of which nobody knows which member it is: it was away at the start, and the
/// file names it in another way than the record does. Its labels tell. It is a member again from then on, and comes
/// back as any other (join_attempt.h). What has no label stays out: whom it replaces the file alone cannot say.
class NumberAttempt final : public ReturnAttempt {
public:
    /// All leaves below the child are up.
    NumberAttempt(const JoinContext& context, const Vertex& child, Ended ended);

    void begin() override;

private:
    void peeked();
    std::string take_number(std::uint32_t number);
    std::string why_unknown() const;

    std::vector<LeafFinding> findings_;  ///< per leaf of the tree
};

}  // namespace dst
