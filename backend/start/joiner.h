#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "start/return_attempt.h"
#include "start/starter.h"

namespace dst {

/// Brings members back while the storage serves (M7): looks at each child that its mirror wants back, one at a time,
/// when a leaf comes up and from time to time, and gives it to its mirror, which brings it up to date (M8). Mirrors
/// below such a child that do not serve are started before. Says why one is not taken back.
class Joiner {
public:
    Joiner(StartContext context, Starter& starter);

    /// The start serves.
    void begin();
    void leaf_up(std::size_t leaf);
    void leaf_down(std::size_t leaf);
    /// A mirror's record is changing.
    void record_changes();
    /// Nothing is begun any more.
    void stop();
    /// Why a mirror below another one does not serve; empty: it does, or nothing is known.
    const std::string& why_not_started(const Vertex& mirror) const { return inner_.at(mirror.index).told; }
    /// Why a child that is there, and that its mirror wants back, has not been given to it yet.
    std::string why_not_back(const Vertex& child) const;
    /// stop(), and `done`, never from inside, when nothing of an attempt is under way.
    void end(std::function<void()> done);

private:
    struct Child {
        const Vertex* vertex = nullptr;
        Duration pause{};     ///< until it is looked at again
        TimePoint due;        ///< not before
        Duration again{};     ///< from one admission to the next, until all members are in sync
        TimePoint admit_due;  ///< not before, whatever comes up: its resync was broken off
        std::string told;     ///< the last refusal, told again only when it changes
        std::string failed;   ///< what the last look failed at; empty: nothing, or it was refused
        bool cleared = true;  ///< nothing is shown in status
        bool asked = false;   ///< which member it is, since a leaf below it came up
    };

    /// A mirror that may be below a child.
    struct Inner {
        Vertex* vertex = nullptr;
        Duration pause{};
        TimePoint due;
        std::string told;       ///< why it was not started the last time
        std::string told_wait;  ///< the last `mirror-waits`: told again only when the reason changes
        UnwritableDisks unwritable;
    };

    void look();
    bool is_ready(const Child& child);
    Inner* inner_to_start(const Child& child, TimePoint& next);
    void release_pin(const Vertex& leaf);
    void attempt(Child& child, Inner* inner);
    void attempt_ended();
    void child_ended(Child& child);
    void inner_ended(Child& child, Inner& inner);
    void refuse(Child& child, bool split, const std::string& why);
    void cut_stuck();
    static Mirror& mirror_of(const Child& child) { return *child.vertex->parent->mirror; }

    StartContext context_;
    Starter& starter_;
    std::vector<Child> children_;  ///< of all mirrors, those of inner ones first
    std::vector<Inner> inner_;     ///< per mirror of the tree
    std::vector<LeafHold> held_;   ///< per leaf
    bool begun_ = false;
    bool ended_ = false;
    std::unique_ptr<ReturnAttempt> attempt_;
    Child* attempted_ = nullptr;
    Inner* attempted_inner_ = nullptr;
    bool numbering_ = false;  ///< the attempt asks which member the child is
    ReturnAttempt::End attempt_end_ = ReturnAttempt::End::later;
    std::string attempt_why_;
    std::function<void()> end_done_;
    Timer timer_;
    Patience patience_;
    Timer stuck_timer_;
    Task look_task_;
    Task ended_task_;
};

}  // namespace dst
