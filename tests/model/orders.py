"""What an administrator may order when M5 does not decide (start/forced_choice.h): functions on records alone."""

from dataclasses import dataclass, field, replace

from breaks import broken
from record import DIRTY, IN_SYNC, RESYNCING, Choice, Given, compare, is_split, is_usable, newest, went_on

LOSS, RESOLVE = "accept-data-loss", "resolve"


def line_of(best, number, found):
    """The generations that a member not in sync by `best` has all of."""
    standing, its_own = best.standings[number], found.standings[number]
    if standing.state == RESYNCING:
        return best.lineage
    last = standing.last
    if last is None:
        last = found.id if its_own.state == IN_SYNC else its_own.last
    line = (best.id,) + best.lineage
    return line[line.index(last) :] if last in line else ()


def rank_of(best, journal, number, found):
    """Of a member that a start with loss of data could use: the worst is one that a resync has left half done."""
    standing = best.standings[number]
    if standing.state == IN_SYNC:
        return IN_SYNC if is_usable(best, journal, number, found) else DIRTY
    # Marked, and `best` has not heard of it; unless it was in sync meanwhile: it left with as much as that, or more.
    marked = found.standings[number].state == RESYNCING and not broken("mixture_by_newest")
    promoted = standing.last is not None and best.age(standing.last) <= best.age(found.id)
    return RESYNCING if marked and not promoted else standing.state


def force(journal, decides, views, new_id):
    """A start with loss of data: the newest record, and who can be used; None: nobody can, or two are split."""
    journal = journal if decides else None
    candidates = ([journal] if journal is not None else []) + list(views.values())
    if not candidates:
        return None
    best = newest(candidates)
    if is_split(best, candidates):
        return None
    ranks = {IN_SYNC: [], DIRTY: [], RESYNCING: []}
    for number, found in views.items():
        ranks[rank_of(best, journal, number, found)].append(number)
    rank = next((rank for rank in (IN_SYNC, DIRTY, RESYNCING) if ranks[rank]), None)
    if rank is None:
        return None
    used = ranks[rank]
    if rank != IN_SYNC:
        of_newest = newest([views[number] for number in used])
        used = [next(number for number in used if views[number] is of_newest)]
    record = best if broken("order_same_generation") else best.renewed(new_id)
    record = replace(record, ordered=record.id)
    for number in range(len(record.standings)):
        record = record.left_out(number, best.id, best.revision)
        if number in views:
            record = record.now_known(number, views[number].id, views[number].revision)
    for number in used:
        record = record.with_standing(number, state=IN_SYNC, last=None)
    if rank != IN_SYNC and not decides and not broken("order_descends_from_all"):
        record = replace(record, lineage=line_of(best, used[0], views[used[0]]))
    return Choice("use", record, frozenset(used), ordered=True, mixture=rank == RESYNCING)


def keep_apart(chosen, known, new_id):
    """`known` is of a journal that does not decide, and of a line in which somebody has gone on."""
    if broken("no_keep_apart"):
        return chosen
    if went_on(chosen, known):
        lineage = tuple(one for one in chosen.lineage if one != known.id)
        standings = tuple(
            replace(standing, may_have=tuple(one for one in standing.may_have if one.generation != known.id))
            for standing in chosen.standings
        )
        chosen = replace(chosen, lineage=lineage, standings=standings)
    if not went_on(known, chosen):
        return chosen
    return chosen.renewed(new_id, known.generation)


# --- Notes: a generation that members may have when an attempt ends is remembered in the journal's line.


def forget(record, number, coming=None):
    """Nothing tells any more what a member that is not in sync has: it is owed everything."""
    in_sync = record.standings[number].state == IN_SYNC
    if in_sync and broken("note_not_in_sync"):
        return record
    if not in_sync:
        record = record.left_out(number, None, record.revision)
    return record.may_come(number, coming) if coming is not None else record


def note(noted, coming, used, views):
    """The journal's record, before members get the one that is `coming`."""
    if not noted.has(coming.id):
        noted = replace(noted, lineage=(coming.id,) + noted.lineage)
    for number in used:
        # Of a generation that it has already, another head may go on to the same revision.
        known = views[number].revision if views[number].id == coming.id else coming.revision
        noted = forget(noted, number, Given(coming.id, known, coming.mark, True))
        if number not in noted.in_sync:
            noted = noted.may_come(number, Given(views[number].id, views[number].revision, coming.mark))
    return noted


def forget_as_noted(record, notes):
    for number, standing in enumerate(notes.standings):
        if standing.state != IN_SYNC and standing.last is None:
            record = forget(record, number)
        if standing.state == IN_SYNC or standing.last is None:
            for coming in standing.may_have[::-1]:
                record = record.may_come(number, coming)
    return record


def take_notes(chosen, journal):
    """Into the record that is chosen, from the journal that decides."""
    if chosen.id != journal.id:
        # One that an attempt before has made.
        return take_noted(chosen, journal)
    noted = tuple(one for one in journal.lineage if not chosen.has(one))
    return forget_as_noted(replace(chosen, lineage=noted + chosen.lineage), journal)


def take_noted(record, journal):
    """Of attempts before, into the record that an order makes."""
    if not record.has(journal.id):
        return record
    noted = tuple(one for one in journal.lineage if not record.has(one))
    return forget_as_noted(replace(record, lineage=record.lineage[:1] + noted + record.lineage[1:]), journal)


# --- A split, of which one side is given up.


@dataclass
class Discard:
    numbers: list  # of members that are given up
    records: list  # (member, generation, revision): what each of them has
    abandoned: list = field(default_factory=list)  # generations of that side
    generation_max: int = 0
    journal: bool = False  # its record was of that side


def acknowledged(record, number):
    """Of a record of the journal, which may have been raised by a note since: what the member has of it. Whatever the
    head has written there itself since is not taken for another head's (went_on())."""
    return record.revision if broken("raised_revision") else record.standings[number].revision


def given_up_with(record, kept, decides, views, discard):
    """Members of the side that are not there."""
    others = kept.in_sync - record.in_sync
    enough = decides and any(number in views for number in others)
    for number, standing in enumerate(record.standings):
        in_sync = standing.state == IN_SYNC
        if number in views or (number in kept.in_sync and not (in_sync and enough)):
            continue
        may_have = [(one.generation, one.revision) for one in standing.may_have[::-1] if not kept.has(one.generation)]
        if in_sync:
            discard.numbers.append(number)
            is_journal = all(record is not found for found in views.values())
            may_have.append((record.id, acknowledged(record, number) if is_journal else record.revision))
        elif standing.last is not None and not kept.has(standing.last):
            may_have.append((standing.last, record.revision))
        discard.records += [(number, *one) for one in may_have]


def somebody_stays(kept, views):
    """Whether a record calls somebody in sync who has not gone over to another side."""
    return any(number not in views or compare(views[number], kept) != "split" for number in kept.in_sync)


def discard_side(journal, decides, views, number, journal_goes):
    """What counts no more, and journal and views without that; None: the member is not part of a split."""
    journal = journal if decides else None
    given_up = journal if journal is not None and number in journal.in_sync else None
    given_up = views.get(number, given_up)
    if given_up is None:
        return None
    stays = [journal] if journal is not None and not journal_goes else []
    others = [one for one in stays + list(views.values()) if compare(one, given_up) == "split"]
    with_members = [one for one in others if somebody_stays(one, views)]
    others = with_members or others
    if not others:
        return None
    kept = newest(others)
    decides = bool(stays) and compare(journal, kept) != "split"
    revision = given_up.revision if number in views else acknowledged(given_up, number)
    discard = Discard([number], [(number, given_up.id, revision)])

    def goes(record):
        if compare(record, kept) != "split":
            return False
        given_up_with(record, kept, decides, views, discard)
        discard.abandoned += (record.id,) + record.lineage
        if record.ordered is not None:
            discard.abandoned.append(record.ordered)
        discard.generation_max = max(discard.generation_max, record.generation)
        return True

    if journal is not None and goes(journal):
        journal, discard.journal = None, True
    left = {}
    for one, record in views.items():
        if (one == number or not broken("resolve_one_member")) and goes(record):
            discard.numbers.append(one)
            discard.records.append((one, record.id, record.revision))
        else:
            left[one] = record
    for one in discard.numbers:
        journal = journal and journal.left_out(one, journal.id, journal.revision)
        left = {at: record.left_out(one, record.id, record.revision) for at, record in left.items()}
    return discard, journal, left


def resolved(record, discard, new_id):
    """The record that was chosen of what is left, as the new generation of the side that stays."""
    abandoned = tuple(dict.fromkeys(one for one in discard.abandoned if not record.has(one)))
    record = record.renewed(new_id, discard.generation_max)
    record = replace(record, ordered=record.id)
    if not broken("resolve_not_lineage"):
        record = replace(record, lineage=record.lineage + abandoned)
    for number, generation, revision in discard.records:
        record = record.now_known(number, generation, revision)
    return record
