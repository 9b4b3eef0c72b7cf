#pragma once

#include <functional>
#include <string>
#include <vector>

#include "start/return_attempt.h"

namespace dst {

/// The leaves that a child of a mirror is brought back with: those below it, but not below another mirror that serves,
/// whose children come back by themselves.
std::vector<const Vertex*> own_leaves(const Vertex& child);

/// One look at one child of a serving mirror that wants it back (M7), up to its admission: peek, media, record; a blank
/// medium is labelled once the whole child is durably owed everything; then the epoch is promised on its leaves. A
/// child that is in sync and has missed nothing goes the same way, and is taken in at once; when it is not as it was,
/// it leaves, and is looked at again.
class JoinAttempt final : public ReturnAttempt {
public:
    /// All of own_leaves(child) are up.
    JoinAttempt(const JoinContext& context, const Vertex& child, Ended ended);

    void begin() override;

private:
    struct Leaf {
        const Vertex* vertex = nullptr;
        Peek peek;
        ReturningLeaf seen;
        LeafReturn kind = LeafReturn::refused;
    };

    void peek_all();
    void peeked();
    void probe_blank();
    void read_record();
    void record_read();
    void late_record_read();
    void leave_out(const std::string& why);
    void owe_everything();
    void label_blank();
    void promise_all();
    void mark_served();
    void write_journal();
    void admit();
    void take_in();
    bool stopped(const Result<void>& result);
    bool any_blank() const;
    std::vector<RecordLeaf> leaves_now() const;

    std::vector<Leaf> leaves_;
    FoundRecord found_;
    bool late_ = false;       ///< in sync, and has missed nothing
    std::string everything_;  ///< owed all of it: why; empty: what it missed
    bool labelled_ = false;
};

}  // namespace dst
