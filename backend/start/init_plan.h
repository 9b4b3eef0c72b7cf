#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "block/loop.h"
#include "media/label.h"
#include "media/record.h"
#include "start/initializer.h"
#include "start/journal_keeper.h"
#include "tree/build.h"

namespace dst {

/// One leaf as `init` finds it.
struct InitLeaf {
    Peek peek;
    Probe probe;
    std::optional<std::uint64_t> data_at;  ///< a byte that is not zero, of a medium on which nothing is known
    Error error{Errc::ok, {}};             ///< it could not be looked at
};

/// What `init` is going to write.
struct InitPlan {
    struct MirrorPlan {
        Vertex* mirror = nullptr;
        Record record;
        std::uint32_t in_sync = 0;  ///< a bit per child
    };
    Id storage;
    std::uint64_t size_bytes = 0;
    std::uint32_t logical_block_bytes = 0;
    bool all_in_sync = true;
    std::vector<MirrorPlan> mirrors;          ///< inner ones first
    std::vector<const Vertex*> to_be_wiped;   ///< leaves with something that others know
    std::vector<const Vertex*> to_be_zeroed;  ///< leaves
    std::vector<Label> labels;                ///< in the order of the leaves
};

/// Why a leaf must not be taken; code ok when it may.
Error check_init_leaf(const Vertex& leaf, const InitLeaf& found, const std::string& storage_name,
                      const InitOptions& options, bool adopted);

/// Which leaves are one disk under two names, and what to do; empty when there are none.
std::string check_distinct(const Tree& tree, const std::vector<InitLeaf>& found);

/// Why the journal that is there must not be written over; code ok when it may. It has been opened. Own is the journal
/// of the storage whose label one of the media carries.
Error check_init_journal(const JournalKeeper& journal, const std::vector<InitLeaf>& found, const InitOptions& options);

/// True for the leaves whose data --adopt keeps. Error: no member of a mirror has that name.
Result<std::vector<bool>> adopted_leaves(const Tree& tree, const InitOptions& options);

/// The leaf with the end of what --adopt keeps, and what of it is not part of the storage any more.
struct AdoptedEnd {
    const Vertex* leaf = nullptr;
    Extent cut;
};
/// Of a plan with an adopted member that is there.
AdoptedEnd adopted_end(const Tree& tree, const InitPlan& plan, const InitOptions& options);
/// Why that end must not be taken: at `data_at` is something.
std::string adopted_end_text(const InitReport::Adopted& adopted, std::uint64_t data_at);

/// Numbers the members, works out sizes, layouts, places, and who is in sync at the start. Sets the numbers and assumed
/// sizes of the tree's devices. Error: a member is too small.
Result<InitPlan> make_init_plan(Tree& tree, const std::string& storage_name, const std::vector<InitLeaf>& found,
                                const InitOptions& options, Loop& loop);

}  // namespace dst
