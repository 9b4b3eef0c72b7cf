#include "start/choose_record.h"

#include <algorithm>

#include "block/breaks.h"

namespace dst {
namespace {

std::string describe(const Record& record) {
    return "generation " + std::to_string(record.generation) + " (" + short_string(record.generation_id) + ")";
}

std::string list(const std::vector<std::string>& texts) {
    std::string joined;
    for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
    return joined;
}

struct Candidate {
    const Record* record;
    std::string from;
    std::string member;  ///< who stands for it
};

/// In sync by `record`, and seen with a record of another side of a split.
bool is_of_another_side(const RecordMember& member, const Record& record, const std::vector<MemberView>& views) {
    return std::any_of(views.begin(), views.end(), [&](const MemberView& view) {
        return view.number == member.number && view.reachable && view.record &&
               compare_descent(*view.record, record) == Descent::split;
    });
}

/// Who stands for a record of the journal: the first that it calls in sync.
std::string member_in_sync(const Record& record, const std::vector<MemberView>& views) {
    for (const RecordMember& member : record.members) {
        if (member.state == MemberState::in_sync && !is_of_another_side(member, record, views)) return member.name;
    }
    return {};
}

/// It cannot be used, and is not waited for: it can only be read, and may have lost what was never flushed; or it was
/// started with loss of data.
bool changed_and_unusable(const RecordMember& recorded, const MemberView& view, const Record& best,
                          const Record* journal) {
    MemberView seen = view;
    if (view.reads_only && view.incarnation != recorded.incarnation) {
        seen.reachable = true;
    } else if (view.reachable && !same_data(recorded.incarnation, view.incarnation)) {
        seen.incarnation = recorded.incarnation;
        // What this mirror wrote to it last may be among what was given up.
        if (seen.record) seen.record->revision = std::max(seen.record->revision, best.revision);
    } else {
        return false;
    }
    return check_member(recorded, seen, best, journal).empty();
}

/// The two sides of a split, of which one may be given up.
struct Sides {
    const Candidate* one = nullptr;
    const Candidate* other = nullptr;
};

/// `first` is split from another candidate. When all that a journal calls in sync have gone over to other sides, it is
/// between these: to give up any of them would leave the journal with nobody.
Sides find_sides(const std::vector<Candidate>& candidates, const Candidate& first, const Candidate& second,
                 bool first_has_nobody) {
    if (!first_has_nobody) return {&first, &second};
    for (const Candidate& one : candidates) {
        for (const Candidate& other : candidates) {
            if (&one == &first || &other == &first) continue;
            if (compare_descent(*one.record, *other.record) == Descent::split) return {&one, &other};
        }
    }
    return {&first, &second};
}

void tell_split(StartChoice& choice, const Sides& sides, const std::vector<MemberView>& views) {
    const Candidate& one = *sides.one;
    const Candidate& other = *sides.other;
    choice.verdict = Verdict::split;
    choice.reason = one.from + " has " + describe(*one.record) + " and " + other.from + " has " +
                    describe(*other.record) +
                    ", and neither follows from the other: both sides were written to without each other";
    const bool one_goes = somebody_stays(*other.record, views);
    const bool other_goes = somebody_stays(*one.record, views);
    if (one_goes || !other_goes) choice.one_side = one.member;
    if (other_goes || !one_goes) choice.other_side = other.member;
}

}  // namespace

bool somebody_stays(const Record& kept, const std::vector<MemberView>& views) {
    return std::any_of(kept.members.begin(), kept.members.end(), [&](const RecordMember& member) {
        return member.state == MemberState::in_sync && !is_of_another_side(member, kept, views);
    });
}

bool same_media(const RecordMember& recorded, const MemberView& view) {
    for (const RecordLeaf& leaf : recorded.leaves) {
        for (const RecordLeaf& now : view.leaves) {
            if (now.place == leaf.place && now.medium != leaf.medium) return false;
        }
    }
    return true;
}

std::string check_member(const RecordMember& recorded, const MemberView& view, const Record& best,
                         const Record* journal) {
    if (!view.reachable) return view.why_not.empty() ? "it cannot be reached" : view.why_not;
    if (!view.record) return "it has no record of the mirror";
    if (!on_lineage(best, view.record->generation_id)) return "its record is of another line";
    // The journal is written when all have acknowledged a start's record; their own records cannot know it yet.
    const RecordMember* const known = journal == nullptr ? nullptr : find_member(*journal, recorded.number);
    const std::uint64_t acknowledged = std::max(recorded.revision, known == nullptr ? 0 : known->revision);
    if (view.record->revision < acknowledged) return "it was put back from an older copy";
    if (!same_media(recorded, view)) return "a medium below was exchanged";
    if (!view.lossy && !same_data(recorded.incarnation, view.incarnation)) return "it was started with loss of data";
    return {};
}

const Record* newest_record(const std::vector<const Record*>& candidates) {
    const Record* best = nullptr;
    for (const Record* candidate : candidates) {
        if (best == nullptr) best = candidate;
        if (compare_descent(*candidate, *best) == Descent::split) continue;
        best = &newer_of(*best, *candidate);
    }
    return best;
}

StartChoice choose_record(const std::optional<Record>& journal, bool decides, const std::vector<MemberView>& views) {
    StartChoice choice;
    std::vector<Candidate> candidates;
    if (journal && decides) candidates.push_back({&*journal, "the journal", member_in_sync(*journal, views)});
    std::vector<std::string> unreachable;
    for (const MemberView& view : views) {
        if (view.reachable && view.record) {
            candidates.push_back({&*view.record, view.name, view.name});
        } else {
            unreachable.push_back(view.name + (view.why_not.empty() ? "" : " (" + view.why_not + ")"));
        }
    }
    if (candidates.empty()) {
        choice.reason = "no member with a record can be reached: " + list(unreachable);
        return choice;
    }
    // The newest may know both sides of what looks like a split between older ones.
    std::vector<const Record*> records;
    for (const Candidate& candidate : candidates) records.push_back(candidate.record);
    const Record* const newest = newest_record(records);
    const Candidate& best = *std::find_if(candidates.begin(), candidates.end(),
                                          [&](const Candidate& candidate) { return candidate.record == newest; });
    for (const Candidate& candidate : candidates) {
        // Newer than the newest is one of those that are split from what another one knows.
        const Descent descent = compare_descent(*candidate.record, *best.record);
        if (descent == Descent::split || descent == Descent::newer) {
            const bool is_journals = journal && decides && best.record == &*journal;
            const bool nobody = is_journals && !somebody_stays(*best.record, views);
            tell_split(choice, find_sides(candidates, best, candidate, nobody), views);
            return choice;
        }
    }
    choice.record = *best.record;
    choice.refused.resize(views.size());
    std::vector<std::string> missing;
    for (const RecordMember& recorded : choice.record.members) {
        if (recorded.state != MemberState::in_sync) continue;
        const auto view = std::find_if(views.begin(), views.end(), [&](const MemberView& each) {
            // Of one that is away, the name may be all that is known.
            return each.number == recorded.number ||
                   (each.number == 0 && !each.reachable && each.name == recorded.name);
        });
        const std::string why = view == views.end() ? "it cannot be reached, or is not in the file"
                                                    : check_member(recorded, *view, choice.record,
                                                                   journal && decides ? &*journal : nullptr);
        if (why.empty()) {
            choice.used |= bit(static_cast<std::size_t>(view - views.begin()));
        } else {
            missing.push_back(recorded.name + " (" + why + ")");
            if (view != views.end() && view->reachable) {
                choice.refused[static_cast<std::size_t>(view - views.begin())] = why;
            }
        }
    }
    const bool decided = decides && !broken(Rule::m5_one_is_enough);
    const bool enough = choice.used != 0 && (decided || missing.empty() || broken(Rule::m5_all_in_sync));
    if (enough) {
        choice.verdict = Verdict::use;
        return choice;
    }
    if (missing.empty()) {
        choice.reason =
            "all members that are in sync by the newest record that counts are given up, as ordered: give up "
            "the other side instead";
        return choice;
    }
    choice.reason = decides ? "no member in sync can be used: " + list(missing)
                            : "waits for " + list(missing) +
                                  ": in sync by the newest record that can be reached, and without the journal of the "
                                  "last head only all of these together are sure to hold what was written last";
    return choice;
}

IncarnationChoice choose_incarnations(const StartChoice& choice, const std::vector<MemberView>& views,
                                      const Record* journal) {
    IncarnationChoice result;
    std::vector<std::string> changed;
    bool all_there = true;
    for (const RecordMember& recorded : choice.record.members) {
        if (recorded.state != MemberState::in_sync) continue;
        bool there = false;
        for (std::size_t i = 0; i < views.size(); ++i) {
            if (views[i].number != recorded.number) continue;
            const bool used = (choice.used & bit(i)) != 0;
            there = used || changed_and_unusable(recorded, views[i], choice.record, journal);
            const bool same = views[i].incarnation == recorded.incarnation || broken(Rule::m5_unchanged);
            if (used && same) result.used |= bit(i);
        }
        if (!there) changed.push_back(recorded.name);
        all_there = all_there && there;
    }
    result.leave = true;
    if (result.used != 0) return result;
    if (!all_there) {
        result.wait = true;
        result.reason = "waits for " + list(changed) +
                        ": the members that are there have been off, or lost power, since the last head ended without "
                        "closing the storage; only writes that were never flushed are at stake";
        return result;
    }
    result.used = choice.used;
    result.all_changed = true;
    return result;
}

}  // namespace dst
