"""A head that serves: requests (M1, M9), changes of the record (M2), members that come back (M7, M8)."""

from dataclasses import dataclass, replace

from breaks import broken
from record import DIRTY, IN_SYNC, RESYNCING, Given, Standing, is_usable, judge_return


@dataclass
class Known:
    """What a serving head knows of a member's record."""

    generation: int
    may_have: tuple
    revision: int = 0

    def took(self, record):
        self.generation, self.revision = record.id, record.revision
        self.may_have = (given(record),)


def given(record):
    return Given(record.id, record.revision, record.mark)


def in_use(head):
    return (head.record.in_sync & head.joined) - head.failed


def write(world, head):
    event, done, held = world.promise.new_event(), set(), frozenset()
    for number in world.shuffled(in_use(head)):
        if world.reaches(head, number):
            member = world.members[number]
            member.held = held = member.held | {event}
            done.add(number)
        world.may_die(head, 0.03, f"in the middle of write {event}")
    if not done:
        return world.say(head.number, "holds write", event)
    head.failed |= head.record.in_sync - done
    if broken("ack_before_record"):
        world.promise.acknowledge(event, held, head.session)
    if (head.failed or head.submitted is not head.record) and not change(world, head):
        return world.say(head.number, "does not acknowledge", event)
    world.promise.acknowledge(event, held, head.session)
    return world.say(head.number, "acknowledges", event)


def read(world, head):
    for number in world.shuffled(in_use(head)):
        if world.reaches(head, number):
            return world.promise.check_read(world.members[number].held, f"head {head.number} reads from {number}")
    return None


def read_all(world, head):
    for number in in_use(head):
        world.promise.check_read(world.members[number].held, f"head {head.number} reads from {number} at last")


# --- A change of the record (M2, M8).


def next_record(world, head, joiner, marked):
    """The newest record that was given away, one further."""
    record = replace(head.submitted, revision=head.submitted.revision + 1)
    if joiner is not None or head.failed or head.submitted is not head.record:
        record = record.renewed(world.new_id())
    for number, known in head.known.items():
        standing = record.standings[number]
        state, last, revision = standing.state, known.generation, known.revision
        if number in head.failed:
            state, revision = DIRTY, max(standing.revision, revision)
        elif number in head.record.in_sync or number == joiner:
            state, last = IN_SYNC, None
        elif number == marked:
            state = RESYNCING
            # One that an order gave up, and that has not its mark yet, another head may start alone: it is known by that.
            given_up = standing.state != IN_SYNC and standing.last is None and not broken("mark_members_first")
            last, revision = (None, standing.revision) if given_up else (record.id, record.revision)
        elif number == head.target:
            state = RESYNCING
        elif state == IN_SYNC:
            state, revision = RESYNCING, standing.revision  # an addition that was given up
        else:
            continue
        named = record.id if state == IN_SYNC else last
        may_have = tuple(one for one in known.may_have if one.generation != named)
        record = record.with_standing(number, state=state, last=last, revision=revision, may_have=may_have)
    return record


def change(world, head, joiner=None, marked=None):
    """True when a record without those that failed is durable, and with the one that joins, or is marked as resyncing:
    journal, members in sync, that one; of an addition the journal has only the note before (M8). Of one that an order
    gave up a second record says that it has its mark."""
    while True:
        record = next_record(world, head, joiner, marked)
        kept = record
        if joiner is not None and not broken("add_journal_first"):
            kept, record = head.submitted, replace(record, revision=record.revision + 1)
            lineage = kept.lineage if broken("no_pending") else (record.id,) + kept.lineage
            kept = replace(kept, lineage=lineage, revision=kept.revision + 1)
            for number in in_use(head) | {joiner}:
                if not broken("pending_names_nobody"):
                    kept = kept.may_come(number, given(record))
        head.submitted = record
        head.journal.record = kept
        world.may_die(head, 0.05, f"after the journal of generation {record.id}")
        old = in_use(head)
        late = [one for one in (joiner, marked) if one is not None]
        order = late + world.shuffled(old) if broken("joiner_first") else world.shuffled(old) + late
        lost = spread(world, head, record, order, 0.05 if joiner is None else 0.15)
        if lost is None:
            break
        if lost in old and old == {lost}:
            return False
        if lost == joiner or (joiner is not None and broken("degrade_uncommitted")):
            head.record = record  # all old members hold the addition: it stands
            head.joined.add(joiner)
        if lost != marked:
            head.failed.add(lost)
        joiner, marked, head.target = None, None, None
    head.record = head.submitted = record
    if joiner is not None:
        head.joined.add(joiner)
        head.journal.record = record
    head.failed &= record.in_sync
    world.say(head.number, "has generation", record.id, "revision", record.revision, set(record.in_sync))
    if marked is not None and record.standings[marked].last is None:
        return change(world, head)
    return True


def spread(world, head, record, numbers, chance):
    """The member that could not be reached; None: all have the record."""
    for number in numbers:
        known = head.known[number]
        if not world.reaches(head, number):
            return number
        known.may_have = Standing(may_have=known.may_have).among_others(given(record))
        world.members[number].record = record
        known.took(record)
        world.may_die(head, chance, f"in the records of generation {record.id}")
    return None


# --- Members come back (M7, M8) or late.


def look_around(world, head):
    if head.failed or head.submitted is not head.record:
        return change(world, head) if any(world.connected(head, number) for number in in_use(head)) else None
    for number in world.shuffled(world.reachable(head)):
        if number in in_use(head):
            continue
        member = world.members[number]
        if member.promised[0] > head.epoch:
            world.fenced(head)
        if number in head.record.in_sync:
            return take_in(world, head, number)
        if come_back(world, head, number):
            return None
    return None


def take_in(world, head, number):
    """It is in sync by the record, and was not there at the start: it has missed nothing so far."""
    member = world.members[number]
    fits = is_usable(head.record, None, number, member.record)
    if not fits or world.promise.unacknowledged(member.held):
        if any(world.connected(head, one) for one in in_use(head)):
            head.failed.add(number)
        return
    member.promised = head.mark()
    world.may_die(head, 0.03, "after a late promise")
    member.served = head.mark()
    member.record = head.record
    head.known[number].took(head.record)
    head.joined.add(number)
    for one in in_use(head):
        revision = max(head.record.standings[one].revision, head.known[one].revision)
        head.record = head.record.with_standing(one, revision=revision)
    head.submitted = head.journal.record = head.record
    world.say(head.number, "takes in", number)


def come_back(world, head, number):
    """False: it is split, and nothing is touched."""
    member = world.members[number]
    judged = judge_return(head.record, number, member.record)
    world.say(head.number, "finds at", number, judged)
    if judged == "split":
        head.waits_for, head.split_sides = "split", (number,)
        return False
    sources = in_use(head)
    if judged == "everything":
        for one in world.shuffled(sources):
            if not world.reaches(head, one):
                return True
            world.members[one].owes |= {number}
            world.may_die(head, 0.03, "while it notes what a member is owed")
    known = Standing(may_have=head.known[number].may_have).given(member.record.id)
    ordered = known is not None and known.ordered
    found = Given(member.record.id, member.record.revision, head.mark(), ordered)
    member.promised = head.mark()
    world.may_die(head, 0.03, "after the promise of a member that returns")
    member.served = head.mark()
    head.known[number].may_have, head.target = (found,), number
    if not change(world, head, marked=number) or head.target is None:
        head.target = None
        return True
    if copy(world, head, number):
        change(world, head, joiner=number)
    head.target = None
    return True


def copy(world, head, number):
    """In two halves. What nobody knows that it holds stays there, unless it is owed everything."""
    if broken("readd_without_copy"):
        return True
    target = world.members[number]
    source = next((one for one in world.shuffled(in_use(head)) if world.reaches(head, one)), None)
    if source is None or not world.reaches(head, number):
        return False
    source = world.members[source]
    wanted = source.held
    if number not in source.owes or broken("owed_map_only"):
        wanted |= target.held - world.promise.unacknowledged(target.held)
    world.promise.check_kept(target.held, source.held, f"head {head.number} copies to {number}")
    half = frozenset(event for event in wanted if world.random.random() < 0.5)
    target.held = half | (target.held & wanted)
    target.half_copied = True
    world.may_die(head, 0.05, f"in the middle of the copy to {number}")
    if not world.reaches(head, number):
        return False
    target.held, target.half_copied = wanted, False
    for one in in_use(head):
        world.members[one].owes -= {number}
    target.owes = source.owes - {number}
    world.say(head.number, "copies to", number)
    return True
