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

/// The leaves that a child of a mirror is brought back with: those below it, but not below another mirror that serves,
/// whose children come back by themselves.
std::vector<const Vertex*> own_leaves(const Vertex& child);

/// One look at one child of a serving mirror that wants it back (M7), up to its admission: peek, media, record; a blank
/// medium is labelled once the whole child is durably owed everything; then the epoch is promised on its leaves.
class JoinAttempt {
public:
    enum class End {
        admitted,  ///< given to the mirror
        later,     ///< something moved, or did not answer
        refused,   ///< what is there is not taken
        split,     ///< it was written to by others since, and is not touched
        fenced,    ///< another head has taken over
    };
    /// Never called from inside a call to the attempt. Nothing of it is under way any more.
    using Ended = std::function<void(End end, const std::string& why)>;

    /// All of own_leaves(child) are up.
    JoinAttempt(const JoinContext& context, const Vertex& child, Ended ended);

    void begin();
    bool concerns(std::size_t leaf) const;
    /// A leaf was lost, or the engine is being closed: ends when what is under way has been answered.
    void give_up() { given_up_ = true; }
    /// What hangs is cut off.
    void cut(const Error& why);

private:
    struct Leaf {
        const Vertex* vertex = nullptr;
        Peek peek;
        ReturningLeaf seen;
        LeafReturn kind = LeafReturn::refused;
    };

    void peek_all();
    void peeked();
    void take_peek(Leaf& leaf);
    void probe_blank();
    void read_record();
    void record_read();
    void owe_everything();
    void label_blank();
    void promise_all();
    void mark_served();
    void write_journal();
    void admit();
    void end(End end, const std::string& why) { ended_(end, why); }
    bool stopped(const Result<void>& result);
    bool any_blank() const;
    Mirror& mirror() const { return *child_.parent->mirror; }
    const RecordMember* member() const;
    std::uint64_t remembered_bytes(const std::string& place) const;
    std::string never_replaced() const;
    Label new_label(const Leaf& leaf) const;
    std::vector<RecordLeaf> leaves_now() const;

    JoinContext context_;
    const Vertex& child_;
    Ended ended_;
    std::vector<Leaf> leaves_;
    FoundRecord found_;
    bool everything_ = false;
    bool labelled_ = false;
    bool given_up_ = false;
};

}  // namespace dst
