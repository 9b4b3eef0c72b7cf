"""A start (M5, M6) and the orders that it carries out: start/starter*.cc."""

from dataclasses import replace

import orders
from breaks import broken
from orders import LOSS, RESOLVE
from promise import Finding
from record import IN_SYNC, choose, compare, newest
from service import Known, given

# More than a head can have written without an answer before it died.
REVISION_STEP = 16


def decides(world, head):
    """M5 step 2: no other head has served since."""
    if head.journal.established is None:
        return False
    if broken("journal_always"):
        return True
    members = [world.members[number] for number in world.reachable(head)]
    if any(gone_on_elsewhere(head, member) for member in members):
        return False
    return all(by == head.id or epoch < head.journal.established for epoch, by in (one.served for one in members))


def ignores_order(head, found):
    """The head has served what an order made, and `found` does not know of that: it is what that order gave up, from
    before it, or gone on with since. Marks do not tell: the order was for those that were there, and the others may
    have higher ones."""
    by = head.journal.served_order
    return by is not None and found.ordered != by and not found.has(by) and not broken("order_left")


def holds_order(head, chosen, views):
    """What the order gave up is waited beside, while some member may hold what it made."""
    known = head.journal.record
    return (
        known is not None
        and ignores_order(head, chosen)
        and any(number not in views or not ignores_order(head, views[number]) for number in known.in_sync)
    )


def gone_on_elsewhere(head, member):
    """One with a lower epoch, from members that had not heard of this one's."""
    others = member.served[1] != head.id and member.record.mark[1] != head.id
    return others and not broken("lower_epoch") and compare(member.record, head.journal.record) == "newer"


def begin(world, head):
    """From the peek to the first write of the journal."""
    head.end()
    if head.granted and head.journal.order is None:
        raise Finding(f"head {head.number} has forgotten an order that it did not carry out")
    views = {number: world.members[number].record for number in world.reachable(head)}
    if not views:
        return
    head.saw = [(number, world.members[number].held) for number in views]
    head.choice, views = choose_as_ordered(world, head, views)
    if head.choice is None:
        return
    half_copied = [number for number in head.choice.used if world.members[number].half_copied]
    if half_copied and not head.choice.mixture:
        raise Finding(f"head {head.number} starts from {half_copied}, half copied, and does not say so")
    claim(world, head, views)
    head.seen = {number: world.members[number].label() for number in head.choice.used}
    head.state = "registering"
    how = ("by its journal" if head.sure else "by the members") + (", as ordered" if head.choice.ordered else "")
    world.say(head.number, "begins epoch", head.epoch, "generation", head.record.id, set(head.choice.used), how)
    world.may_die(head, 0.03, "after the first write of the journal")


def choose_as_ordered(world, head, views):
    """The choice, or None: the start waits; and what counts of `views`."""
    known, order, discard = head.journal.record, head.journal.order or (None, None), None
    claims = decides(world, head)
    head.void = head.void and order[0] == RESOLVE
    if order[0] == RESOLVE:
        found = orders.discard_side(known, claims, views, order[1], head.void)
        if found is not None:
            discard, of_journal, views = found
            known = of_journal if claims else known
            if discard.journal and not head.void and not broken("void_forgotten"):
                head.void = True  # the start begins again, without the journal's claim
                return None, views
    head.sure = claims and not head.void and known is not None
    choice = choose(known, head.sure, views)
    gone = discard is not None and head.journal.served_order in discard.abandoned
    if choice.verdict == "use" and not head.sure and not gone and holds_order(head, choice.record, views):
        choice.verdict = "wait"
    if choice.verdict == "split":
        found_split(world, head, choice, known, views)
        return None, views
    if choice.verdict == "wait":
        head.waits_for = "wait"
        return loss_accepted(world, head, known, views), views
    if head.sure:
        choice.record = orders.take_notes(choice.record, known)
    if known is not None:
        # Whichever line the start goes on with: who knows what the other one had must see that this is later.
        choice.record = replace(choice.record, revision=max(choice.record.revision, known.revision))
    if discard is not None:
        choice.record = draw(head, orders.resolved(choice.record, discard, world.new_id()))
        choice.ordered = True
    elif not head.sure and known is not None:
        choice.record = orders.keep_apart(choice.record, known, world.new_id())
    return choice, views


def found_split(world, head, choice, known, views):
    world.say(head.number, "finds a split between", *choice.sides)
    for record in views.values():
        own = record.mark[1] == head.id and record.id in head.unserved
        if head.sure and own and compare(record, known) == "split":
            raise Finding(f"head {head.number} finds a split, and one side is what only its own attempt has left")
    head.waits_for, head.split_sides = "split", choice.sides
    if head.journal.order is not None and head.journal.order[0] == LOSS:
        head.journal.order, head.granted = None, False


def loss_accepted(world, head, known, views):
    """The start that was ordered, of a storage that waits; None: it goes on waiting."""
    if head.journal.order is None or head.journal.order[0] != LOSS:
        return None
    choice = orders.force(known, head.sure, views, world.new_id())
    if choice is None:
        return None
    if known is not None and not head.sure:
        choice.record = orders.keep_apart(choice.record, known, world.new_id())
    choice.record = draw(head, choice.record)
    return choice


def draw(head, record):
    return orders.take_noted(record, head.journal.record) if head.journal.record is not None else record


def claim(world, head, views):
    """M5 step 5, with the note of what an order is about to make; and the record as the start writes it."""
    members, journal, choice = world.members, head.journal, head.choice
    reachable = world.reachable(head)
    seen = [members[number].promised[0] for number in reachable] + [members[number].served[0] for number in reachable]
    head.epoch = journal.tried = max(seen + [journal.tried, journal.established or 0]) + 1
    revision = max([choice.record.revision] + [record.revision for record in views.values()]) + REVISION_STEP
    record = replace(choice.record, revision=revision).signed(head.mark())
    for number in choice.used:
        record = record.with_standing(number, revision=views[number].revision)
    head.record = head.submitted = record
    if choice.ordered and head.sure:
        head.unserved.add(record.id)
    if (choice.ordered or resolved_before(journal, record)) and not broken("order_not_noted"):
        noted = noted_line(journal.record, head.sure, choice, views)
        if noted is not None:
            noted = orders.note(noted, record, choice.used, views).with_signs(head.mark())
            if not head.sure and noted.mark[1] == head.id:
                noted = replace(noted, revision=max(noted.revision, record.revision))
            journal.record = noted
    if not head.sure and not broken("claim_kept"):
        journal.established = None
    if broken("order_taken_early"):
        journal.order = None


def resolved_before(journal, record):
    """An attempt before has written that record to members: no split is left to be found."""
    if journal.order is None or journal.order[0] != RESOLVE:
        return False
    standing = record.standings[journal.order[1]]
    return standing.state != IN_SYNC and standing.last is None


def noted_line(known, sure, choice, views):
    """The record in which the coming generation is noted."""
    if known is None and sure:
        return None
    of_it = known is not None and choice.record.has(known.id)
    if of_it or sure:
        return known
    return newest(list(views.values()))


def register(world, head):
    """One promise, or when all have promised the rest of the start."""
    todo = sorted(head.choice.used - head.registered)
    if broken("epoch_only_first") and head.registered:
        todo = []
    if not todo:
        return establish(world, head)
    number = world.random.choice(todo)
    member = world.members[number]
    if not world.connected(head, number):
        return give_up(world, head, "lost", number)
    higher = member.promised[0] < head.epoch or broken("no_fence")
    as_seen = member.label() == head.seen[number] or broken("no_cas")
    if not higher or not as_seen:
        return give_up(world, head, "moved on at", number)
    member.promised = head.mark()
    head.registered.add(number)
    return world.say(head.number, "registers at", number)


def give_up(world, head, *why):
    world.say(head.number, "start given up:", *why)
    head.end()


def establish(world, head):
    """M5 steps 7 and 8: record, served mark, journal."""
    members, used = world.members, head.choice.used
    if not broken("no_record_at_start"):
        ordered = orders_of(world, head)
        owes = frozenset().union(*(members[number].owes for number in used))
        for number in world.shuffled(used):
            if not world.reaches(head, number):
                return give_up(world, head, number, "is lost")
            member = members[number]
            member.record, member.held, member.owes = head.record, member.held | ordered, owes
            member.half_copied = False  # if it was, that was accepted
            world.may_die(head, 0.15 if head.choice.ordered else 0.05, "in the records of a start")
    if not broken("no_served_mark"):
        for number in world.shuffled(used):
            if not world.reaches(head, number):
                return give_up(world, head, number, "is lost")
            members[number].served = head.mark()
            world.may_die(head, 0.05, "in the marks of a start")
    journal = head.journal
    journal.established = head.epoch
    journal.served_order = head.record.ordered
    journal.record = head.record
    for number in used:
        journal.record = journal.record.with_standing(number, revision=head.record.revision)
    if not broken("order_stays"):
        journal.order = None
    return serve(world, head)


def orders_of(world, head):
    """The orders that what is served stands on, with the one that is carried out."""
    used = [world.members[number] for number in head.choice.used]
    held = [member.held for member in used if member.promised == head.mark() or broken("no_fence")]
    if not held:
        return frozenset()
    ordered = world.promise.orders_in(frozenset().union(*held))
    if not head.choice.ordered:
        return ordered
    if not head.granted:
        raise Finding(f"head {head.number} gives up data, and was not ordered to")
    return ordered | {world.promise.order(held)}


def serve(world, head):
    granted, head.granted = head.granted, False
    head.unserved.discard(head.record.id)
    if not head.sure:
        head.unserved.clear()  # what is noted counts as long as the journal decides
    head.state, head.joined, head.failed = "serving", set(head.choice.used), set()
    head.session = world.promise.new_session()
    for number, standing in enumerate(head.record.standings):
        own = (given(head.record),) if standing.state == IN_SYNC else ()
        head.known[number] = Known(head.record.id, own + standing.may_have)
        if number in head.joined:
            head.known[number].took(head.record)
    held = world.members[min(head.joined)].held
    if not granted:
        world.promise.check_side(head.journal.stood_on, held, f"head {head.number} starts from {head.joined}")
    head.journal.stood_on = world.promise.orders_in(held)
    world.starts_served += 1
    world.say(head.number, "serves with", head.joined)
    for number in head.joined:
        held = world.members[number].held
        world.promise.check_read(held, f"head {head.number} starts from {number}")
        for other, lost in head.saw:
            world.promise.check_kept(lost, held, f"head {head.number} starts from {number}, and has seen {other}")
