#pragma once

#include <functional>
#include <string>
#include <vector>

#include "start/starter.h"
#include "tree/member_return.h"

namespace dst {

/// What this head has to do with a leaf of the tree.
struct LeafHold {
    Epoch promised;             ///< none: nothing
    bool pin_released = false;  ///< it comes up with whatever is there, to be looked at (media/medium_pin.h)
};

/// What an attempt works with, besides the start's context.
struct JoinContext {
    const StartContext& start;
    Id storage;
    Epoch epoch;
    std::vector<LeafHold>& held;  ///< per leaf of the tree
};

/// One thing that is done to bring a child of a serving mirror back (M7): a mirror below it is started
/// (inner_start.h), or the child itself is looked at (join_attempt.h).
class ReturnAttempt {
public:
    enum class End {
        done,     ///< given to the mirror, or serving
        later,    ///< something moved, or did not answer
        waits,    ///< a mirror below: not all is there that it needs
        refused,  ///< what is there is not taken
        split,    ///< it was written to by others since, and is not touched
        fenced,   ///< another head has taken over
    };
    /// Never called from inside a call to the attempt. Nothing of it is under way any more.
    using Ended = std::function<void(End end, const std::string& why)>;

    virtual ~ReturnAttempt() = default;
    ReturnAttempt(const ReturnAttempt&) = delete;
    ReturnAttempt& operator=(const ReturnAttempt&) = delete;

    virtual void begin() = 0;
    /// A leaf was lost, or the engine is being closed: ends when what is under way has been answered.
    void give_up() { given_up_ = true; }
    bool concerns(std::size_t leaf) const;
    /// What hangs is cut off.
    virtual void cut(const Error& why);
    /// The leaves that it looks at.
    const std::vector<const Vertex*>& looked_at() const { return looked_at_; }

protected:
    ReturnAttempt(const JoinContext& context, const Vertex& child, std::vector<const Vertex*> leaves, Ended ended);

    /// The mirror above the child.
    Mirror& mirror() const { return *child_.parent->mirror; }
    /// What its record says of the child; null: nothing.
    const RecordMember* member() const;
    bool given_up() const noexcept { return given_up_; }
    void end(End end, const std::string& why) { ended_(end, why); }
    /// What is seen of a leaf below a mirror with that record, for judge_leaf().
    ReturningLeaf returning(const Vertex& leaf, const Peek& peek, const RecordMember& recorded) const;
    /// Of a leaf that has been promised the head's epoch.
    void hold(const Vertex& leaf);
    struct BlankLeaf {
        const Vertex* vertex = nullptr;
        ReturningLeaf seen;
    };
    /// Looks whether they are blank indeed, and may be taken: answers why not, or nothing.
    void probe_all(std::vector<BlankLeaf> leaves, Callback<std::string> done) const;
    /// A blank medium's.
    Label new_label(const Vertex& leaf, std::uint32_t logical_block_bytes) const;

    const JoinContext context_;
    const Vertex& child_;

private:
    Ended ended_;
    std::vector<const Vertex*> looked_at_;
    bool given_up_ = false;
};

}  // namespace dst
