"""The model's world: members and heads that die, lose each other and come back, and an administrator.

Each step is one thing that can happen; a head may die within it, between any two of its writes. Rule names (M2, M5...)
are those of docs/mirror.md.
"""

from dataclasses import dataclass, field

import service
import start
from breaks import broken
from orders import LOSS, RESOLVE
from promise import Finding, Promise
from record import Record, Standing


class Ended(Exception):
    """What a head was about ends here: it died, or was fenced."""


@dataclass
class Member:
    """A medium: what it promised, who served on it last, its record, what it holds, and who is owed everything.
    What is half copied no label tells; the promise alone looks at it."""

    promised: tuple
    served: tuple
    record: Record
    up: bool = True
    held: frozenset = frozenset()
    owes: frozenset = frozenset()
    half_copied: bool = False

    def label(self):
        """What a start peeks at, and compares when it promises (M6)."""
        return (self.promised, self.served, self.record)


@dataclass
class Journal:
    established: int = None  # epoch; None: it claims nothing
    tried: int = 0
    record: Record = None
    order: tuple = None  # LOSS or RESOLVE, and the member that is given up
    served_order: int = None  # the generation that an order made, of what was served last
    stood_on: frozenset = frozenset()  # the orders of what was served last; nobody looks at it but the promise


@dataclass
class Head:
    number: int
    id: int  # one per journal
    journal: Journal = field(default_factory=Journal)
    unserved: set = field(default_factory=set)  # generations that its orders made, and no start served
    granted: bool = False  # the administrator has given an order, and no start has been established since

    def __post_init__(self):
        self.crash()

    def crash(self):
        self.void = False  # the journal is of the side that resolve gives up
        self.end()

    def end(self):
        self.state = "off"  # off, registering, serving
        self.waits_for = ""  # what the administrator reads: wait, split
        self.choice = self.record = self.submitted = self.epoch = self.target = None
        self.registered, self.joined, self.failed = set(), set(), set()
        self.sure = False  # the journal decides
        self.seen, self.saw, self.known = {}, [], {}
        self.session = None

    def mark(self):
        return (self.epoch, self.id)


class World:
    def __init__(self, members, random):
        self.random = random
        self.heads = [Head(0, 0), Head(1, 1)]
        self.links = {(head, member): True for head in (0, 1) for member in range(members)}
        self.promise = Promise()
        self.last_id = 1  # of heads and generations
        self.starts_served = 0
        self.story = []
        # Orders excuse losses: half of the walks do without.
        self.ordering = random.random() < 0.5
        first = Record(1, 1, (), 1, (1, 0), tuple(Standing(revision=1) for _ in range(members)))
        self.members = [Member((1, 0), (1, 0), first) for _ in range(members)]
        self.heads[0].journal = Journal(1, 1, first)

    def say(self, *what):
        self.story.append(" ".join(map(str, what)))

    def new_id(self):
        self.last_id += 1
        return self.last_id

    def shuffled(self, numbers):
        return self.random.sample(sorted(numbers), len(numbers))

    def may_die(self, head, chance, when):
        if self.random.random() < chance:
            self.say(head.number, "crash", when)
            head.crash()
            raise Ended

    def fenced(self, head):
        self.say(head.number, "fenced")
        head.crash()
        raise Ended

    def connected(self, head, number):
        return self.members[number].up and self.links[head.number, number]

    def reachable(self, head):
        return [number for number in range(len(self.members)) if self.connected(head, number)]

    def reaches(self, head, number):
        """A request reaches the member, and is accepted; or the head is fenced (M6)."""
        if self.random.random() < 0.01:
            self.links[head.number, number] = False
            self.say("link", (head.number, number), "lost")
        if not self.connected(head, number):
            return False
        if self.members[number].promised != head.mark() and not broken("no_fence"):
            self.fenced(head)
        return True

    # --- One step.

    def step(self):
        try:
            self.try_step(self.random.choice(self.heads), self.random.random())
        except Ended:
            pass

    def try_step(self, head, dice):
        if dice < 0.12:
            number = self.random.randrange(len(self.members))
            self.members[number].up = not self.members[number].up
            self.say("member", number, "up" if self.members[number].up else "down")
        elif dice < 0.26:
            link = (head.number, self.random.randrange(len(self.members)))
            self.links[link] = not self.links[link]
            self.say("link", link, self.links[link])
        elif dice < 0.30 and head.state != "off":
            head.crash()
            self.say(head.number, "crash")
        elif dice < 0.31 and head.state == "off":
            self.lose_journal(head)
        elif dice < (0.55 if head.waits_for else 0.33) and head.state == "off" and self.ordering:
            self.order_something(head)
        elif head.state == "off":
            start.begin(self, head)
        elif head.state == "registering":
            start.register(self, head)
        elif dice < 0.65:
            service.write(self, head)
        elif dice < 0.85:
            service.read(self, head)
        else:
            service.look_around(self, head)

    def lose_journal(self, head):
        self.say(head.number, "loses its journal")
        head.crash()
        head.journal, head.granted, head.id = Journal(), False, self.new_id()
        head.unserved.clear()

    def order_something(self, head):
        """Mostly what a head that waits, or found a split, asks for; sometimes anything, or nothing any more."""
        dice = self.random.random()
        if dice < 0.1:
            head.journal.order, head.granted = None, False
            self.say(head.number, "its order is taken back")
        elif head.waits_for == "split" or dice < 0.15:
            self.order(head, (RESOLVE, self.random.randrange(len(self.members))))
        elif head.waits_for == "wait" or dice < 0.2:
            self.order(head, (LOSS, None))

    def order(self, head, order):
        head.journal.order, head.granted, head.void = order, True, False
        self.say(head.number, "is ordered", *order)

    # --- The end of a walk.

    def heal(self):
        """Everything is mended: the storage must serve, with all members, and read what was acknowledged."""
        for member in self.members:
            member.up = True
        for head in self.heads:
            head.crash()
        head = self.heads[self.random.randrange(2)]
        self.say("all is mended, for head", head.number)
        for _ in range(400):
            for link in self.links:
                self.links[link] = True
            try:
                if head.state == "serving" and len(head.joined) == len(self.members):
                    return service.read_all(self, head)
                self.heal_step(head)
            except Ended:
                pass
        raise Finding("never serves with all members after everything is mended")

    def heal_step(self, head):
        if head.waits_for and self.ordering and self.random.random() < 0.5:
            what = RESOLVE if head.waits_for == "split" else LOSS
            head.crash()
            if self.random.random() < 0.02:
                self.lose_journal(head)  # the last resort
            self.order(head, (what, self.random.randrange(len(self.members))))
        if head.state == "off":
            start.begin(self, head)
        elif head.state == "registering":
            start.register(self, head)
        else:
            service.look_around(self, head)
