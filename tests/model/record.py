"""Records and how they stand to each other (media/record.h), and who can be used (start/choose_record.h, M7)."""

from dataclasses import dataclass, replace
from functools import cached_property

from breaks import broken

IN_SYNC, DIRTY, RESYNCING = "in sync", "dirty", "resyncing"


@dataclass(frozen=True)
class Given:
    """A generation that a member's own record may be of; it is known up to that revision, to the head of that mark."""

    generation: int
    revision: int
    by: tuple = None  # None: whoever writes the record that says so
    ordered: bool = False  # an order was about to make it: it may be the only one in sync by that


@dataclass(frozen=True)
class Standing:
    """What a record says of one member."""

    state: str = IN_SYNC
    revision: int = 0  # of the record, last acknowledged by it
    last: int = None  # not in sync: the last generation that it is known to have; None: it is owed everything
    may_have: tuple = ()  # Given: generations that its own record may be of

    def given(self, generation):
        return next((one for one in self.may_have if one.generation == generation), None)

    def among_others(self, what):
        """What it may have, with that."""
        known = self.given(what.generation)
        if known is not None:
            newer = known if known.revision >= what.revision else what
            what = replace(newer, ordered=known.ordered or what.ordered)
        return (what,) + tuple(one for one in self.may_have if one is not known)


@dataclass(frozen=True)
class Record:
    generation: int
    id: int
    lineage: tuple  # ids before its own, newest first
    revision: int
    mark: tuple  # epoch and head that wrote it
    standings: tuple  # one per member
    ordered: int = None  # the last generation of its line that an order made

    @cached_property
    def in_sync(self):
        return frozenset(number for number, standing in enumerate(self.standings) if standing.state == IN_SYNC)

    def has(self, generation):
        return generation == self.id or generation in self.lineage

    def age(self, generation):
        """How far back on its line."""
        line = (self.id,) + self.lineage
        return line.index(generation) if generation in line else len(line)

    def renewed(self, own_id, generation_max=0):
        """A new generation that descends from this one."""
        generation = max(self.generation, generation_max) + 1
        return replace(self, generation=generation, id=own_id, lineage=(self.id,) + self.lineage)

    def with_standing(self, number, **what):
        standings = list(self.standings)
        standings[number] = replace(standings[number], **what)
        return replace(self, standings=tuple(standings))

    def now_known(self, number, generation, revision):
        """What a member holds when it is given up: a later record is another head's, which has gone on."""
        standing = self.standings[number]
        record = self.may_come(number, Given(generation, revision))
        if broken("one_revision"):
            return record.with_standing(number, revision=max(standing.revision, revision))
        return record

    def may_come(self, number, what):
        """What a member may hold besides, as a note of a coming generation says."""
        return self.with_standing(number, may_have=self.standings[number].among_others(what))

    def signed(self, mark):
        """As that head writes it."""
        return replace(self.with_signs(mark), mark=mark)

    def with_signs(self, mark):
        """What is given up in it is so by that head. Who wrote it before knew what it had written itself."""

        def sign(one):
            by = one.by or mark
            return replace(one, by=(max(by[0], self.mark[0]), by[1]) if by[1] == self.mark[1] else by)

        record = self
        for number, standing in enumerate(self.standings):
            record = record.with_standing(number, may_have=tuple(map(sign, standing.may_have)))
        return record

    def left_out(self, number, generation, revision):
        """Owed everything. `generation`, `revision`: of the record in which it stands as it was."""
        standing = self.standings[number]
        if broken("order_owes_nothing"):
            return self.with_standing(number, state=DIRTY, last=standing.last or generation)
        record = self
        if standing.state == IN_SYNC:
            record = record.now_known(number, generation, revision).with_standing(number, state=DIRTY)
        elif standing.last is not None:
            record = record.now_known(number, standing.last, revision)
        return record.with_standing(number, last=None)


def went_on(record, found):
    """The generation of `found` was given up in `record`'s line, and somebody has written the record since."""

    def later(ours):
        given = ours.given(found.id)
        ordered = given is not None and given.ordered and not broken("left_by_itself")
        given_up = ours.state != IN_SYNC and ours.last is None
        if given is None or not (given_up or ordered):
            return False
        # What was under way to it when it was given up.
        (by, head), writer = given.by or record.mark, record.mark
        if broken("last_writer") or head == writer[1]:
            by, head = writer
        known = ours.revision if broken("one_revision") else given.revision
        return found.revision > known and (head != found.mark[1] or by < found.mark[0])

    return not broken("no_went_on") and any(
        theirs.state == IN_SYNC and later(ours)
        for ours, theirs in zip(record.standings, found.standings)
    )


def compare(first, second):
    """`first` is the same as, newer or older than `second`, or they are split."""
    if first.id == second.id:
        return "same"
    first_descends = second.id in first.lineage and not went_on(first, second)
    second_descends = first.id in second.lineage and not went_on(second, first)
    if first_descends and second_descends:
        if first.generation == second.generation:
            return "split"
        first_descends = first.generation > second.generation
        second_descends = not first_descends
    if first_descends:
        return "newer"
    return "older" if second_descends else "split"


def newest(candidates):
    """Of a split, one side's."""
    best = candidates[0]
    for candidate in candidates:
        descent = compare(candidate, best)
        if descent == "newer" or (descent == "same" and candidate.revision > best.revision):
            best = candidate
    return best


def is_split(best, candidates):
    return any(compare(candidate, best) in ("split", "newer") for candidate in candidates)


def is_usable(best, journal, number, found):
    """Whether a member that is in sync by `best` can be used; `journal`: None when it does not decide."""
    known = best.standings[number].revision
    if journal is not None:
        known = max(known, journal.standings[number].revision)
    return best.has(found.id) and found.revision >= known


@dataclass
class Choice:
    verdict: str  # use, wait or split
    record: Record = None
    used: frozenset = frozenset()
    ordered: bool = False  # an order makes a new generation
    mixture: bool = False  # and says that what it starts from may be half copied
    sides: tuple = ()  # split: two members, or None for the journal


def choose(journal, decides, views):
    """M5 step 2. `views`: the record of each member that is reached."""
    journal = journal if decides else None
    candidates = ([(None, journal)] if journal is not None else []) + sorted(views.items())
    if not candidates:
        return Choice("wait")
    best = newest([record for _, record in candidates])
    for number, candidate in candidates:
        if compare(candidate, best) in ("split", "newer"):
            member = next(one for one, record in candidates if record is best)
            return Choice("split", sides=(member, number))
    used = frozenset(
        number for number in best.in_sync if number in views and is_usable(best, journal, number, views[number])
    )
    enough = used and (decides or used == best.in_sync or broken("any_member"))
    return Choice("use" if enough else "wait", best, used)


def judge_return(mine, number, found):
    """M7, of a member that is not in sync: split, everything (is owed to it), or known (what it lacks)."""
    if not mine.has(found.id) or went_on(mine, found):
        return "split"
    standing = mine.standings[number]
    if found.revision < standing.revision or standing.last is None or not mine.has(standing.last):
        return "everything"
    return "known" if mine.age(found.id) <= mine.age(standing.last) else "everything"
