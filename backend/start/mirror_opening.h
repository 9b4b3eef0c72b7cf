#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "block/loop.h"
#include "start/choose_record.h"
#include "start/journal_keeper.h"
#include "start/place_check.h"
#include "start/start_step.h"
#include "tree/build.h"

namespace dst {

/// One mirror on its way from down to serving: what was found on its members and what was chosen (M5 steps 2, 3, 6 and
/// 7). For the start of a storage, and for that of a mirror below one that serves already.
struct MirrorOpening {
    std::vector<MemberView> views;   ///< of each child
    std::vector<FoundRecord> found;  ///< on each child
    StartChoice choice;
    Mirror::FoundMaps maps;          ///< of the members that the choice uses, merged
    std::set<std::string> bad_maps;  ///< members of which some regions of a map read as set for want of a good copy
    bool unread = false;             ///< a child could not read its record just now
    std::uint32_t used = 0;          ///< a bit per child
    std::uint32_t leave = 0;         ///< in sync, and leave before anything is answered

    /// Reads the record of each child in `views` that is reachable; one that cannot be read is not reachable. Never
    /// fails.
    void read_records(Loop& loop, Vertex& mirror, Callback<void> done);
    /// Those that are not of `storage`, or not of the mirror of `known` (or else of the first that is of `storage`),
    /// count for nothing.
    void refuse_other_mirrors(const Id& storage, const std::optional<Record>& known);
    /// Children without a label that can be read, and without a journal that knows them, have their numbers by the
    /// names in the chosen record.
    void number_by_names(Vertex& mirror);
    /// Intent maps and owed maps of the members that the choice uses, merged (M5 step 7).
    void read_maps(Loop& loop, Vertex& mirror, Callback<void> done);
    /// Whether step 3 applies: what has its intent bit set may have been answered without being durable. It was
    /// durable when the storage has no write cache, and had none when those bits were set: the chosen record says so,
    /// and the start's does after this call, once no bit is from before.
    bool may_lie_in_caches(bool write_cache);
    /// Step 3, after choose_incarnations(), which does not wait.
    void use(const IncarnationChoice& incarnations, Loop& loop);
    /// Those in whose place another file lies than the record knows, which may be an older copy, leave when others are
    /// in use. Else what is above has to know.
    void leave_other_files(Loop& loop);
    /// Why the start has to wait: another file lies in the place of all that would be in use, and one in sync that may
    /// be the same as before is not there. Else empty.
    std::string waits_for_same_file() const;
    /// The mirror answers reads from the members in use.
    void stand(Vertex& mirror) const;
    /// The members that are promised the epoch and get the start's record: those in use and, unless the journal
    /// `decides`, those that leave with it. One that was refused, as an older copy, gets nothing that hides it.
    std::uint32_t fenced(bool decides) const noexcept { return used | (decides ? 0 : leave & choice.used); }
    /// After the promises: adds to `step` that the records of `fenced`, and the maps of those in use, are still what
    /// was read; error `changed`.
    void compare_again(Vertex& mirror, std::uint32_t fenced, StartStep& step) const;
    /// The chosen record as this start writes it.
    Record start_record(const Vertex& mirror, const Epoch& epoch) const;
    /// Puts the generation that this start is about to make into the journal's record, as forced_choice.h says.
    void note(Record& noted, const Vertex& mirror, const Epoch& epoch) const;
    /// It, when all that are `fenced` have acknowledged it, for the journal: an older copy of one is told by that (M7).
    Record acknowledged(Record written, std::uint32_t fenced) const;
};

/// What the journal knows of a mirror: by the id in the records that were found, else by the places of its leaves, else
/// by its place among the mirrors.
std::optional<Record> journal_record(const JournalKeeper& journal, const Tree& tree, const Vertex& mirror,
                                     const std::vector<MemberView>& views);

/// Stands in the journal for a mirror of which nothing is known: without an id and without members.
Record unknown_mirror(const Journal& journal);

/// Puts the record that a mirror was started with into the journal, in memory.
void remember_record(JournalKeeper& journal, const Tree& tree, const Vertex& mirror, const Record& record);

/// The leaves below a mirror's child that are its own, not another mirror's below, as their labels name them.
std::vector<RecordLeaf> leaves_of_member(const Vertex& child, const std::vector<LeafFinding>& findings);

/// Whether a journal's record of a mirror may be behind: a medium below has been served by a head other than
/// `since.head` in the epoch `since.number` or later.
bool served_by_another(const Vertex& mirror, const Epoch& since, const std::vector<LeafFinding>& findings);

/// Whether such a medium cannot be told from one that has not been: a head other than `since.head` has written the
/// record of one of the members in that epoch or later, and below it this head's own marks are in the place of those
/// that were there, since it has started the mirrors below that member meanwhile.
bool marks_are_overwritten(const Vertex& mirror, const Epoch& since, const std::vector<MemberView>& views,
                           const std::vector<LeafFinding>& findings);

/// Whether a head other than `own` has served with a lower epoch than the journal has, from members that had not heard
/// of that, as an order allows it to: one of them has a record of it that follows from what the journal knows.
bool gone_on_elsewhere(const Vertex& mirror, const Record& known, const Id& own, const std::vector<MemberView>& views,
                       const std::vector<LeafFinding>& findings);

}  // namespace dst
