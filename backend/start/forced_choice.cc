#include "start/forced_choice.h"

#include <algorithm>
#include <utility>

#include "block/assert.h"
#include "block/breaks.h"

namespace dst {
namespace {

/// The newest of the candidates; null: there is none, or two are split.
const Record* newest(const std::optional<Record>& journal, bool decides, const std::vector<MemberView>& views) {
    std::vector<const Record*> candidates;
    if (journal && decides) candidates.push_back(&*journal);
    for (const MemberView& view : views) {
        if (view.reachable && view.record) candidates.push_back(&*view.record);
    }
    const Record* const best = newest_record(candidates);
    for (const Record* candidate : candidates) {
        const Descent descent = compare_descent(*candidate, *best);
        if (descent == Descent::split || descent == Descent::newer) return nullptr;
    }
    return best;
}

/// What a forced start thinks of a member that it could use.
enum class Rank { in_sync, stale, mixture };

std::optional<Rank> rank_of(const Record& best, const Record* journal, const MemberView& view) {
    const RecordMember* const recorded = view.number == 0 ? nullptr : find_member(best, view.number);
    if (!view.reachable || !view.record || recorded == nullptr || !same_media(*recorded, view)) return std::nullopt;
    switch (recorded->state) {
        case MemberState::in_sync:
            return check_member(*recorded, view, best, journal).empty() ? Rank::in_sync : Rank::stale;
        case MemberState::dirty:
        case MemberState::detached: {
            // One that is marked was in sync meanwhile when it left with as much as that, or more. An order, which gave
            // it up as it was, leaves it nothing.
            const RecordMember* const own = find_member(*view.record, view.number);
            const bool marked = own != nullptr && own->state == MemberState::resyncing;
            const Id& left_with = recorded->last_generation;
            const bool promoted =
                !left_with.is_nil() && age_on(best, left_with) <= age_on(best, view.record->generation_id);
            return marked && !promoted ? Rank::mixture : Rank::stale;
        }
        case MemberState::resyncing: return Rank::mixture;
    }
    return std::nullopt;
}

/// The bit of the newest of those that have `rank`; 0: none has. Of two that are as new, one that is the same file as
/// `known` says: the other one may be an older copy.
std::uint32_t newest_of(const std::vector<std::optional<Rank>>& ranks, Rank rank, const Record& known,
                        const std::vector<MemberView>& views) {
    const auto is_same = [&known](const MemberView& view) {
        const RecordMember* const recorded = find_member(known, view.number);
        return recorded == nullptr || same_file(recorded->incarnation, view.incarnation);
    };
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < views.size(); ++i) {
        if (ranks[i] != rank) continue;
        const auto newer = [&views](std::size_t one, std::size_t than) {
            return newest_record({&*views[than].record, &*views[one].record}) == &*views[one].record;
        };
        const bool better =
            !best || newer(i, *best) || (!newer(*best, i) && is_same(views[i]) && !is_same(views[*best]));
        if (better) best = i;
    }
    return best ? bit(*best) : 0;
}

/// Those in sync that hold the same; when all of them may have lost something below, only one.
std::uint32_t those_in_sync(const std::vector<std::optional<Rank>>& ranks, const Record& known,
                            const std::vector<MemberView>& views) {
    std::uint32_t whole = 0;
    for (std::size_t i = 0; i < views.size(); ++i) {
        if (ranks[i] == Rank::in_sync && !views[i].lossy) whole |= bit(i);
    }
    return whole != 0 ? whole : newest_of(ranks, Rank::in_sync, known, views);
}

void join(std::string& names, const std::string& name) { names += (names.empty() ? "" : ", ") + name; }

std::string describe(const StartChoice& choice, const Record& best, Rank rank, const std::vector<MemberView>& views) {
    std::string used;
    std::uint64_t generation = 0;
    for (std::size_t i = 0; i < views.size(); ++i) {
        if ((choice.used & bit(i)) == 0) continue;
        join(used, views[i].name);
        generation = views[i].record->generation;
    }
    std::string others;
    for (const RecordMember& member : best.members) {
        if (member.state != MemberState::in_sync) continue;
        const auto is_used = [&](std::uint32_t number) {
            for (std::size_t i = 0; i < views.size(); ++i) {
                if (views[i].number == number && (choice.used & bit(i)) != 0) return true;
            }
            return false;
        };
        if (!is_used(member.number)) join(others, member.name);
    }
    const std::string lost = others.empty() ? "" : "; what only " + others + " holds is lost";
    switch (rank) {
        case Rank::in_sync: return "from " + used + ", in sync by the newest record that can be reached" + lost;
        case Rank::stale:
            return "from " + used + ", which is not in sync: it has generation " + std::to_string(generation) +
                   ", the newest that is known is " + std::to_string(best.generation) + lost;
        case Rank::mixture:
            return "from " + used + ", which was being resynchronised: its data are a mixture of old and new" + lost;
    }
    return {};
}

/// The generations that a member not in sync by `best` has all of, newest first.
std::vector<Id> line_of(const Record& best, const MemberView& view) {
    std::vector<Id> line = best.lineage;
    line.insert(line.begin(), best.generation_id);
    const RecordMember* const by_best = find_member(best, view.number);
    // A mixture has some of the newest, and all of none.
    if (by_best != nullptr && by_best->state == MemberState::resyncing) return best.lineage;
    const RecordMember* const by_its_own = find_member(*view.record, view.number);
    Id last = by_best == nullptr ? Id{} : by_best->last_generation;
    if (last.is_nil() && by_its_own != nullptr) {
        const bool in_sync = by_its_own->state == MemberState::in_sync;
        last = in_sync ? view.record->generation_id : by_its_own->last_generation;
    }
    line.erase(line.begin(), std::find(line.begin(), line.end(), last));
    return line;
}

/// A new generation that descends from the record's own; its id is the caller's to draw.
void renew(Record& record, std::uint64_t generation_max) {
    record.lineage.insert(record.lineage.begin(), record.generation_id);
    record.generation = std::max(record.generation, generation_max) + 1;
    record.generation_id = {};
}

/// What a member holds when it is given up: a later record is another head's, which has gone on (went_on()).
void now_known(RecordMember& member, const Id& generation, std::uint64_t revision) {
    remember_generation(member.may_have, {generation, revision, {}});
    // And an earlier one is an older copy.
    member.revision = std::max(member.revision, revision);
}

/// Owed everything: no generation is the last that the record knows of it (M7). One that was being resynchronised stays
/// marked as a mixture. `generation`, `revision`: of the record in which it stands as it was.
void leave_out(RecordMember& member, const Id& generation, std::uint64_t revision) {
    const bool in_sync = member.state == MemberState::in_sync;
    if (broken(Rule::m5_order_owes)) {
        if (in_sync) member.last_generation = generation;
        if (in_sync) member.state = MemberState::dirty;
        return;
    }
    // It may have acknowledged that write, too, or those that were under way when it left: no record says so.
    if (in_sync) {
        now_known(member, generation, revision);
    } else if (!member.last_generation.is_nil()) {
        now_known(member, member.last_generation, revision);
    }
    if (in_sync) member.state = MemberState::dirty;
    member.last_generation = {};
}

void leave_out(Record& record, const std::vector<std::uint32_t>& numbers) {
    for (RecordMember& member : record.members) {
        if (std::find(numbers.begin(), numbers.end(), member.number) == numbers.end()) continue;
        leave_out(member, record.generation_id, record.revision);
    }
}

/// Those in `choice.used`, and nobody else, are in sync by a record that follows from `best`.
void stand_alone(StartChoice& choice, const Record& best, const std::vector<MemberView>& views) {
    choice.verdict = Verdict::use;
    choice.refused.resize(views.size());
    choice.record = best;
    renew(choice.record, 0);
    choice.record.forced = true;
    for (RecordMember& member : choice.record.members) leave_out(member, best.generation_id, best.revision);
    for (std::size_t i = 0; i < views.size(); ++i) {
        RecordMember* const member = find_member(choice.record, views[i].number);
        if (member != nullptr && views[i].record) {
            now_known(*member, views[i].record->generation_id, views[i].record->revision);
        }
        if ((choice.used & bit(i)) != 0) member->state = MemberState::in_sync;
    }
}

}  // namespace

std::optional<StartChoice> force_choice(const std::optional<Record>& journal, bool decides,
                                        const std::vector<MemberView>& views, Cut cut) {
    const Record* const best = newest(journal, decides, views);
    if (best == nullptr) return std::nullopt;
    std::vector<std::optional<Rank>> ranks;
    for (const MemberView& view : views) {
        ranks.push_back(rank_of(*best, journal && decides ? &*journal : nullptr, view));
    }
    StartChoice choice;
    Rank rank = Rank::in_sync;
    choice.used = those_in_sync(ranks, *best, views);
    for (const Rank next : {Rank::stale, Rank::mixture}) {
        if (choice.used != 0) break;
        rank = next;
        choice.used = newest_of(ranks, rank, *best, views);
    }
    if (choice.used == 0) return std::nullopt;
    choice.stale = rank != Rank::in_sync;
    choice.reason = describe(choice, *best, rank, views);
    stand_alone(choice, *best, views);
    for (std::size_t i = 0; i < views.size(); ++i) {
        // Only one is.
        if ((choice.used & bit(i)) == 0 || rank == Rank::in_sync) continue;
        if (decides || cut == Cut::nothing) continue;
        choice.record.lineage = line_of(*best, views[i]);
    }
    return choice;
}

bool all_there_but(const std::optional<Record>& journal, bool decides, const std::vector<MemberView>& views,
                   std::uint32_t others) {
    const Record* const best = newest(journal, decides, views);
    if (best == nullptr) return false;
    return std::all_of(best->members.begin(), best->members.end(), [&](const RecordMember& member) {
        if (member.state != MemberState::in_sync) return true;
        const auto view = std::find_if(views.begin(), views.end(),
                                       [&](const MemberView& each) { return each.number == member.number; });
        if (view == views.end()) return false;
        const bool other = (others & bit(static_cast<std::size_t>(view - views.begin()))) != 0;
        return other || check_member(member, *view, *best, journal && decides ? &*journal : nullptr).empty();
    });
}

void forget_generation(Record& record, std::uint32_t number, const MayHave& coming) {
    RecordMember* const member = find_member(record, number);
    if (member == nullptr) return;
    const bool in_sync = member->state == MemberState::in_sync;
    if (in_sync && broken(Rule::m5_order_names)) return;
    if (!in_sync) leave_out(*member, {}, record.revision);
    remember_generation(member->may_have, coming);
}

namespace {

/// Members of which `notes` knows that they are owed everything, and what they may have all the same; also of one that
/// is in sync by the notes, and perhaps no more by the record.
void forget_as_noted(Record& record, const Record& notes) {
    for (const RecordMember& member : notes.members) {
        const bool in_sync = member.state == MemberState::in_sync;
        RecordMember* const mine = find_member(record, member.number);
        if (mine == nullptr || (!in_sync && !member.last_generation.is_nil())) continue;
        if (!in_sync) forget_generation(record, member.number, {});
        std::for_each(member.may_have.rbegin(), member.may_have.rend(), [&](const MayHave& one) {
            const bool own = mine->state == MemberState::in_sync && one.generation == record.generation_id;
            if (!own) remember_generation(mine->may_have, one);
        });
    }
}

}  // namespace

void take_notes(Record& chosen, const Record& journal) {
    // One that an attempt before has made.
    if (chosen.generation_id != journal.generation_id) return take_noted(chosen, journal);
    std::vector<Id> noted;
    for (const Id& id : journal.lineage) {
        if (!on_lineage(chosen, id)) noted.push_back(id);
    }
    chosen.lineage.insert(chosen.lineage.begin(), noted.begin(), noted.end());
    forget_as_noted(chosen, journal);
}

void note_generation(Record& record, const Id& coming) {
    if (!on_lineage(record, coming)) record.lineage.insert(record.lineage.begin(), coming);
}

void take_noted(Record& record, const Record& journal) {
    if (!on_lineage(record, journal.generation_id)) return;
    // The newest are first; what else is not there was too old to be kept.
    constexpr std::size_t noted_max = 16;
    std::vector<Id> noted;
    for (const Id& id : journal.lineage) {
        if (!on_lineage(record, id) && noted.size() < noted_max) noted.push_back(id);
    }
    // Behind the one that it follows from: no member that was dirty already has missed less.
    record.lineage.insert(record.lineage.begin() + 1, noted.begin(), noted.end());
    forget_as_noted(record, journal);
}

bool keep_apart(Record& chosen, const Record& known) {
    if (broken(Rule::m7_keep_apart)) return false;
    if (went_on(chosen, known)) {
        std::erase(chosen.lineage, known.generation_id);
        for (RecordMember& member : chosen.members) drop_generation(member.may_have, known.generation_id);
    }
    if (!went_on(known, chosen)) return false;
    renew(chosen, known.generation);
    return true;
}

StartChoice fresh_choice(const Record& known, std::uint32_t number, const std::vector<MemberView>& views) {
    StartChoice choice;
    for (std::size_t i = 0; i < views.size(); ++i) {
        if (views[i].number == number) choice.used = bit(i);
    }
    stand_alone(choice, known, views);
    return choice;
}

namespace {

bool is_in_sync(const Record& record, std::uint32_t number) {
    const RecordMember* const member = find_member(record, number);
    return member != nullptr && member->state == MemberState::in_sync;
}

/// What a member has of the journal's own side. A note may have raised the record's revision since; whatever this head
/// has written there itself is not taken for another one's (went_on()).
std::uint64_t acknowledged(const Record& journal, std::uint32_t number) {
    const RecordMember* const member = find_member(journal, number);
    return member == nullptr ? journal.revision : member->revision;
}

/// Members of the side of a record that is given up, and not there: what they hold of it goes, too. One that is in sync
/// by it and by `kept` as well may hold that, and is waited for, but for a journal that decides when others are there.
/// Of one that had left that side, the record knows which generations of it its own may be of.
void given_up_with(const Record& record, bool is_journal, const Record& kept, bool decides,
                   const std::vector<MemberView>& views, Discard& discard) {
    const auto there = [&](std::uint32_t number) {
        return std::any_of(views.begin(), views.end(), [number](const MemberView& view) {
            return view.number == number && view.reachable && view.record;
        });
    };
    const bool enough =
        decides && std::any_of(kept.members.begin(), kept.members.end(), [&](const RecordMember& member) {
            return member.state == MemberState::in_sync && !is_in_sync(record, member.number) && there(member.number);
        });
    for (const RecordMember& member : record.members) {
        const bool in_sync = member.state == MemberState::in_sync;
        if (there(member.number) || (is_in_sync(kept, member.number) && !(in_sync && enough))) continue;
        const auto may_have = [&](const Id& id, std::uint64_t revision) {
            discard.records.push_back({member.number, id, revision});
        };
        std::for_each(member.may_have.rbegin(), member.may_have.rend(), [&](const MayHave& one) {
            if (!on_lineage(kept, one.generation)) may_have(one.generation, one.revision);
        });
        if (in_sync) {
            discard.numbers.push_back(member.number);
            may_have(record.generation_id, is_journal ? acknowledged(record, member.number) : record.revision);
        } else if (!member.last_generation.is_nil() && !on_lineage(kept, member.last_generation)) {
            may_have(member.last_generation, record.revision);
        }
    }
}

}  // namespace

std::optional<Discard> discard_side(std::optional<Record>& journal, bool decides, std::vector<MemberView>& views,
                                    std::uint32_t number, bool journal_goes) {
    std::optional<Record> given_up;
    const bool counts = journal && decides;
    const RecordMember* const known = counts ? find_member(*journal, number) : nullptr;
    std::uint64_t revision = 0;
    if (known != nullptr && known->state == MemberState::in_sync) {
        given_up = *journal;
        revision = acknowledged(*journal, number);
    }
    for (const MemberView& view : views) {
        if (number == 0 || view.number != number || !view.reachable || !view.record) continue;
        given_up = *view.record;
        revision = view.record->revision;
    }
    if (!given_up) return std::nullopt;
    // The newest of what is split from it stays, and what is split from that goes with it.
    std::vector<const Record*> others;
    const auto consider = [&](const Record& record) {
        if (compare_descent(record, *given_up) == Descent::split) others.push_back(&record);
    };
    if (counts && !journal_goes) consider(*journal);
    for (const MemberView& view : views) {
        if (view.reachable && view.record) consider(*view.record);
    }
    if (others.empty()) return std::nullopt;
    // A journal of whose side nobody is left is no side that stays, when there is another one.
    const auto has_nobody = [&](const Record* record) { return !somebody_stays(*record, views); };
    if (!std::all_of(others.begin(), others.end(), has_nobody)) std::erase_if(others, has_nobody);
    const Record kept = *newest_record(others);
    const bool kept_decides = counts && !journal_goes && compare_descent(*journal, kept) != Descent::split;
    Discard discard;
    discard.numbers.push_back(number);
    discard.records.push_back({number, given_up->generation_id, revision});
    const auto goes = [&](const Record& record, bool is_journal) {
        if (compare_descent(record, kept) != Descent::split) return false;
        given_up_with(record, is_journal, kept, kept_decides, views, discard);
        discard.abandoned.push_back(record.generation_id);
        discard.abandoned.insert(discard.abandoned.end(), record.lineage.begin(), record.lineage.end());
        if (!record.ordered.is_nil()) discard.abandoned.push_back(record.ordered);
        discard.generation_max = std::max(discard.generation_max, record.generation);
        return true;
    };
    if (counts && goes(*journal, true)) {
        journal.reset();
        discard.journal = true;
    }
    for (MemberView& view : views) {
        if (!view.reachable || !view.record || !goes(*view.record, false)) continue;
        discard.names.push_back(view.name);
        discard.numbers.push_back(view.number);
        discard.records.push_back({view.number, view.record->generation_id, view.record->revision});
        view.record.reset();
        view.reachable = false;
        view.why_not = "its data are given up by 'dstctl resolve'";
    }
    if (journal) leave_out(*journal, discard.numbers);
    for (MemberView& view : views) {
        if (view.record) leave_out(*view.record, discard.numbers);
    }
    return discard;
}

void resolve_choice(StartChoice& choice, const Discard& discard) {
    DST_ASSERT(choice.verdict == Verdict::use);
    Record& record = choice.record;
    std::vector<Id> abandoned;
    for (const Id& id : discard.abandoned) {
        const bool listed = std::find(abandoned.begin(), abandoned.end(), id) != abandoned.end();
        if (!on_lineage(record, id) && !listed) abandoned.push_back(id);
    }
    renew(record, discard.generation_max);
    // Behind all others: whoever has one of them has less than those that left before.
    if (broken(Rule::m5_resolve_lineage)) abandoned.clear();
    record.lineage.insert(record.lineage.end(), abandoned.begin(), abandoned.end());
    for (const Discard::Known& known : discard.records) {
        RecordMember* const member = find_member(record, known.number);
        if (member != nullptr) now_known(*member, known.generation, known.revision);
    }
}

}  // namespace dst
