"""The model's world: members and heads that die, lose each other and come back, and one register that they keep.

Each step is one thing that can happen; a crash falls between any two. Rule names (M2, M5...) are those of docs/mirror.md.
"""

from dataclasses import dataclass, field


class Finding(Exception):
    """A promise was broken."""


@dataclass(frozen=True)
class Record:
    """Who is in sync. `lineage`: ids of the generations up to this one, its own first."""

    generation: int
    generation_id: int
    in_sync: frozenset
    lineage: tuple


@dataclass
class Member:
    """A medium: what it promised, who served on it last, its record, and the register's value."""

    up: bool = True
    promised: tuple = (0, None)
    served: tuple = (0, None)
    record: Record = None
    value: int = 0

    def label(self):
        """What a start peeks at, and compares when it promises (M6)."""
        return (self.promised, self.served, self.record)


@dataclass
class Head:
    number: int
    tried: int = 0
    journal: tuple = None  # (established epoch, record), or lost
    state: str = "off"  # off, registering, serving
    record: Record = None
    epoch: int = None
    registered: set = field(default_factory=set)
    needed: set = None
    seen: dict = field(default_factory=dict)

    def reset(self):
        self.state, self.record, self.epoch = "off", None, None
        self.registered, self.needed = set(), None

    def mark(self):
        return (self.epoch, self.number)


class World:
    def __init__(self, members, random, left_out):
        self.random = random
        self.left_out = left_out  # the rule that is left out, or ""
        self.members = [Member() for _ in range(members)]
        self.heads = [Head(0), Head(1)]
        self.links = {(head, member): True for head in (0, 1) for member in range(members)}
        self.acknowledged = 0
        self.next_value = 1
        self.last_generation_id = 1
        self.starts_served = 0
        self.story = []
        first = Record(1, 1, frozenset(range(members)), (1,))
        for member in self.members:
            member.record = first
            member.promised = member.served = (1, 0)
        self.heads[0].journal = (1, first)

    def breaks(self, rule):
        return self.left_out == rule

    def say(self, *what):
        self.story.append(" ".join(map(str, what)))

    def dies(self, head, chance, when):
        """The head may die here."""
        if self.random.random() >= chance:
            return False
        head.reset()
        self.say(head.number, "crash", when)
        return True

    def connected(self, head, number):
        return self.members[number].up and self.links[head.number, number]

    def reachable(self, head):
        return [number for number in range(len(self.members)) if self.connected(head, number)]

    def accepts(self, head, number):
        """A request reaches the member: accepted, fenced (False), or None: it is not reached (M6)."""
        if not self.connected(head, number):
            return None
        return self.breaks("no_fence") or self.members[number].promised == head.mark()

    def fenced(self, head):
        head.reset()
        self.say(head.number, "fenced")

    def next_record(self, record, in_sync):
        self.last_generation_id += 1
        own = self.last_generation_id
        return Record(record.generation + 1, own, frozenset(in_sync), (own,) + record.lineage)

    # --- One step.

    def step(self):
        dice = self.random.random()
        head = self.random.choice(self.heads)
        if dice < 0.12:
            number = self.random.randrange(len(self.members))
            self.members[number].up = not self.members[number].up
            self.say("member", number, "up" if self.members[number].up else "down")
        elif dice < 0.26:
            link = (head.number, self.random.randrange(len(self.members)))
            self.links[link] = not self.links[link]
            self.say("link", link, self.links[link])
        elif dice < 0.30 and head.state != "off":
            head.reset()
            self.say(head.number, "crash")
        elif dice < 0.31:
            if head.state == "off":
                head.journal = None
            self.say(head.number, "journal lost if off")
        elif head.state == "off":
            self.begin(head)
        elif head.state == "registering":
            self.register(head)
        elif dice < 0.7:
            self.write(head)
        elif dice < 0.9:
            self.read(head)
        else:
            self.rejoin(head)

    def heal(self):
        """Everything is mended: the storage must serve, and read what was acknowledged."""
        for member in self.members:
            member.up = True
        for link in self.links:
            self.links[link] = True
        for head in self.heads:
            head.reset()
        head = self.heads[0]
        for _ in range(200):
            if head.state == "off":
                self.begin(head)
            elif head.state == "registering":
                self.register(head)
            else:
                break
        if head.state != "serving":
            raise Finding("never serves again after everything is healed")
        self.read(head)

    # --- A start (M5, M6).

    def decides(self, head):
        """M5 step 2: no other head has served since."""
        if head.journal is None:
            return False
        if self.breaks("journal_always"):
            return True
        served = [self.members[number].served for number in self.reachable(head)]
        return all(epoch <= head.journal[0] or by == head.number for epoch, by in served)

    def choose(self, head, records):
        """The record to stand on, and who must be there: None for any one of its members."""
        decides = self.decides(head)
        best, needed = None, None
        if decides:
            own = head.journal[1]
            descends = [record for record in records if own.generation_id in record.lineage]
            best = max(
                [own] + descends, key=lambda record: (record.generation_id != own.generation_id, record.generation)
            )
        elif records:
            best = max(records, key=lambda record: record.generation)
            needed = best.in_sync
        if self.breaks("any_member") and best is not None:
            needed = None
            if records:
                best = max(records, key=lambda record: record.generation)
        return decides, best, needed

    def begin(self, head):
        reachable = self.reachable(head)
        records = [self.members[number].record for number in reachable if self.members[number].record]
        decides, best, needed = self.choose(head, records)
        if best is None:
            return
        use = [
            number
            for number in reachable
            if number in best.in_sync
            and self.members[number].record
            and self.members[number].record.generation_id in best.lineage
        ]
        if not use or (needed is not None and not needed <= set(use)):
            return  # it waits
        highest = max([self.members[number].promised[0] for number in reachable] + [head.journal[0] if head.journal else 0])
        # M5 step 5: a claim that does not decide is given up before anything is promised.
        if not decides and not self.breaks("claim_kept"):
            head.journal = None
        head.epoch = head.tried = max(highest, head.tried) + 1
        head.record = best
        head.registered = set()
        head.needed = set(use)
        head.seen = {number: self.members[number].label() for number in use}
        head.state = "registering"
        self.say(head.number, "begins epoch", head.epoch, "generation", best.generation, set(best.in_sync), decides)

    def register(self, head):
        """One promise, or when all have promised the rest of the start."""
        todo = sorted(head.needed - head.registered)
        if self.breaks("epoch_only_first") and head.registered:
            todo = []
        if not todo:
            return self.establish(head)
        number = self.random.choice(todo)
        member = self.members[number]
        if not self.connected(head, number):
            head.reset()
            self.say(head.number, "start given up: lost", number)
            return None
        higher = member.promised[0] < head.epoch or self.breaks("no_fence")
        as_seen = member.label() == head.seen[number] or self.breaks("no_cas")
        if not higher or not as_seen:
            head.reset()
            self.say(head.number, "start given up: moved on at", number)
            return None
        member.promised = head.mark()
        head.registered.add(number)
        self.say(head.number, "registers at", number)
        return None

    def establish(self, head):
        """M5 steps 7 and 8: record, served mark, journal."""
        for rule, write in (("no_record_at_start", self.write_record), ("no_served_mark", self.write_mark)):
            if self.breaks(rule):
                continue
            for number in sorted(head.needed):
                if not self.accepts(head, number):
                    head.reset()
                    self.say(head.number, "start given up at", number)
                    return
                write(head, self.members[number])
                if self.dies(head, 0.05, "in the start"):
                    return
        head.journal = (head.epoch, head.record)
        head.state = "serving"
        self.starts_served += 1
        self.say(head.number, "serves with", head.needed)

    @staticmethod
    def write_record(head, member):
        member.record = head.record

    @staticmethod
    def write_mark(head, member):
        member.served = head.mark()

    # --- Service (M1, M2, M9).

    def write(self, head):
        value = self.next_value
        self.next_value += 1
        lost, done = set(), 0
        for number in self.random.sample(sorted(head.record.in_sync), len(head.record.in_sync)):
            accepted = self.accepts(head, number)
            if accepted is None:
                lost.add(number)
            elif not accepted:
                return self.fenced(head)
            else:
                self.members[number].value = value
                done += 1
            if self.dies(head, 0.04, f"in the middle of write {value}"):
                return None
        if not done:
            return self.say(head.number, "holds write", value)
        if lost:
            if self.breaks("ack_before_record"):
                self.acknowledged = max(self.acknowledged, value)
            if not self.degrade(head, lost):
                return None
        self.acknowledged = max(self.acknowledged, value)
        return self.say(head.number, "acknowledges", value)

    def read(self, head):
        for number in self.random.sample(sorted(head.record.in_sync), len(head.record.in_sync)):
            accepted = self.accepts(head, number)
            if accepted is False:
                return self.fenced(head)
            if not accepted:
                continue
            value = self.members[number].value
            if value < self.acknowledged:
                raise Finding(f"head {head.number} reads {value} from {number}, acknowledged is {self.acknowledged}")
            return None
        return None

    def degrade(self, head, lost):
        """M2: a record without `lost`, in the journal first. True when it is durable."""
        in_sync = head.record.in_sync - lost
        if not in_sync:
            return False
        record = self.next_record(head.record, in_sync)
        head.journal = (head.epoch, record)
        if self.dies(head, 0.1, f"after the journal of generation {record.generation}"):
            return False
        for number in sorted(in_sync):
            accepted = self.accepts(head, number)
            if accepted is None:
                head.record = record
                return self.degrade(head, {number})
            if not accepted:
                self.fenced(head)
                return False
            self.members[number].record = record
            if self.dies(head, 0.05, f"in the record of generation {record.generation}"):
                return False
        head.record = record
        self.say(head.number, "degrades to generation", record.generation, set(in_sync))
        return True

    # --- A member comes back (M7, M8).

    def rejoin(self, head):
        for number in self.reachable(head):
            member = self.members[number]
            if number in head.record.in_sync:
                if member.promised[0] < head.epoch:
                    member.promised = member.served = head.mark()
                    self.say(head.number, "registers late at", number)
                continue
            if member.promised[0] > head.epoch:
                return self.fenced(head)
            if member.record and member.record.generation_id not in head.record.lineage:
                self.say(head.number, "split at", number)
                continue
            member.promised = member.served = head.mark()
            sources = [other for other in head.record.in_sync if self.accepts(head, other)]
            if not sources:
                return None
            if not self.breaks("readd_without_copy"):
                member.value = self.members[sources[0]].value
            return self.promote(head, number)
        return None

    def promote(self, head, joiner):
        """M8: the coming generation is noted in the journal; old members, the new one, the journal last."""
        record = self.next_record(head.record, head.record.in_sync | {joiner})
        old = head.record
        if not self.breaks("no_pending"):
            lineage = (old.generation_id, record.generation_id) + old.lineage[1:]
            old = head.record = Record(old.generation + 1, old.generation_id, old.in_sync, lineage)
            head.journal = (head.epoch, old)
        if self.breaks("add_journal_first"):
            head.journal = (head.epoch, record)
        if self.dies(head, 0.1, "before the records of a promotion"):
            return
        order = sorted(old.in_sync) + [joiner]
        if self.breaks("joiner_first"):
            order = [joiner] + sorted(old.in_sync)
        for number in order:
            accepted = self.accepts(head, number)
            if accepted is None:
                # When all old members hold the addition it stands; else it is abandoned.
                if number == joiner or self.breaks("degrade_uncommitted"):
                    head.record = record
                self.degrade(head, {number})
                return
            if not accepted:
                self.fenced(head)
                return
            self.members[number].record = record
            if self.dies(head, 0.05, "in the record of a promotion"):
                return
        head.record = record
        head.journal = (head.epoch, record)
        self.say(head.number, "promoted", joiner, "generation", record.generation)
