#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "start/choose_record.h"

/// What an administrator may decide when M5 does not (docs/mirror.md, "Orders"). Pure functions: the caller draws the
/// new generation's id, and the mirror's new medium id, that the changed records lack.
namespace dst {

/// What a new generation does not descend from, so that who goes on from there is the other side of a split.
enum class Cut {
    what_may_go_on,  ///< generations that no member used has, where another head may have those that do
    nothing,         ///< the data are kept elsewhere
};

/// `start --accept-data-loss` for one mirror that waits: the newest record that can be reached, with the members in
/// sync that can be used; with none, with the newest of the others; one that was being resynchronised only when nothing
/// else is there. Those are all that is in sync, in a new generation that descends from that record; the others are
/// owed everything. But where the journal does not decide, another head may go on from what is not there: from a member
/// not in sync the new generation descends from the last one that it has all of, and a later one is the other side of a
/// split. `reason` says from what it starts and what is lost. Nothing: no member can be used, or two are split.
std::optional<StartChoice> force_choice(const std::optional<Record>& journal, bool decides,
                                        const std::vector<MemberView>& views, Cut cut = Cut::what_may_go_on);

/// Whether all members that the newest record calls in sync can be used, but for those in `others`, a bit per view.
bool all_there_but(const std::optional<Record>& journal, bool decides, const std::vector<MemberView>& views,
                   std::uint32_t others);

/// A generation that a forced start or a resolved split is about to give to members: it stays in the line that
/// `record`, the journal's, remembers, should the attempt end before all have it.
void note_generation(Record& record, const Id& coming);
/// With such a generation on it, nothing tells any more whether member `number`, if it is not in sync, was an older
/// copy: should the attempt end, it is owed everything. It may have `coming`: what another head goes on with from there
/// is the other side of a split (went_on()).
void forget_generation(Record& record, std::uint32_t number, const MayHave& coming);
/// What the journal, which decides, has noted, for the record that is chosen: of one generation a member's may be
/// later, or of one that was noted.
void take_notes(Record& chosen, const Record& journal);
/// Of such attempts before: who has one of their generations follows from `record`'s line, and is owed everything.
void take_noted(Record& record, const Record& journal);

/// `known` is of a journal that does not decide: that somebody has gone on in what the other's line gave up
/// (went_on()), nothing else tells once this head has written `chosen`. From then on neither follows from the other.
/// True: `chosen` is a new generation, whose id is the caller's to draw.
bool keep_apart(Record& chosen, const Record& known);

/// For a mirror whose data are kept above it, and none of whose members in sync by `known`, its newest record, has them
/// any more: member `number` alone is in sync, whatever it holds, in a new generation; the others are owed everything.
/// `reason` is empty.
StartChoice fresh_choice(const Record& known, std::uint32_t number, const std::vector<MemberView>& views);

/// What `resolve --discard` takes out of a split.
struct Discard {
    std::vector<std::string> names;      ///< of members that were reached: that one, and others of the same side
    std::vector<std::uint32_t> numbers;  ///< of those, and the member's own
    std::vector<Id> abandoned;           ///< the generation ids of that side
    struct Known {
        std::uint32_t number = 0;
        Id generation;
        std::uint64_t revision = 0;
    };
    std::vector<Known> records;        ///< which of them each of the members has
    std::uint64_t generation_max = 0;  ///< of that side
    bool journal = false;              ///< the journal's record was of that side
};

/// The record of member `number`, and those that go with it, count for nothing: they are taken from `views` and
/// `journal`. Nothing: that member is not part of a split (then nothing is changed). `journal_goes`: it is of a side
/// that is given up, in this mirror or in another one; it tells who else is of that side, and what stays it does not.
std::optional<Discard> discard_side(std::optional<Record>& journal, bool decides, std::vector<MemberView>& views,
                                    std::uint32_t number, bool journal_goes = false);

/// After choose_record() on what discard_side() left: a new generation, which the discarded side's belong to as
/// abandoned ones, so that its members are owed everything when they are seen again.
void resolve_choice(StartChoice& choice, const Discard& discard);

}  // namespace dst
