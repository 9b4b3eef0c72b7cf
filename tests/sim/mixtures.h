#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "trace.h"
#include "world.h"

namespace dst::sim {

/// Whether what is a mixture of old and new is called one: a member of which a resync has begun and not ended holds
/// neither, and an order to accept the loss of data starts from it only if that is said (M8). Judged are leaves that
/// are members themselves.
class MixtureJudge {
public:
    /// Both must outlive it.
    MixtureJudge(Trace& trace, World& world) : trace_(trace), world_(world) {}

    /// Each event of a process is to be told.
    void event(std::string_view id, std::string_view text, std::initializer_list<EventField> fields);

private:
    /// A generation: its number, by which one is newer, and its id.
    using Generation = std::pair<std::uint64_t, Id>;
    Generation generation_on(const std::string& leaf) const;
    bool was_promoted(const std::string& leaf, const Generation& begun) const;

    Trace& trace_;
    World& world_;
    /// By leaf, the generation of the record that it had when its resync began. It gets another one with each record
    /// that follows, the one that calls it in sync among them.
    std::map<std::string, Generation> begun_;
};

}  // namespace dst::sim
