"""What was promised to the initiator. The world tells it what happens; it looks at no record.

What a member holds is a set of events: writes, and orders that were carried out on it.
"""

from dataclasses import dataclass


class Finding(Exception):
    """A promise was broken."""


@dataclass(frozen=True)
class Write:
    orders: frozenset  # that the head which wrote it stood on
    session: int


@dataclass(frozen=True)
class Order:
    kept: frozenset  # what all members that were used held
    doubtful: frozenset  # what only some of them held: it may stay or go
    session: int  # the one that it begins


class Promise:
    def __init__(self):
        self.last_event = 0
        self.last_session = 0
        self.acknowledged = {}  # event: Write
        self.orders = {}  # event: Order

    def new_event(self):
        self.last_event += 1
        return self.last_event

    def new_session(self):
        self.last_session += 1
        return self.last_session

    def orders_in(self, held):
        return frozenset(event for event in held if event in self.orders)

    def acknowledge(self, event, held, session):
        self.acknowledged[event] = Write(self.orders_in(held), session)

    def order(self, held):
        """An order is carried out on members that hold that."""
        event = self.new_event()
        kept = frozenset.intersection(*held)
        self.orders[event] = Order(kept, frozenset().union(*held) - kept, self.new_session())
        return event

    def unacknowledged(self, held):
        return frozenset(event for event in held if event not in self.acknowledged and event not in self.orders)

    def given_up(self, event, held):
        """By an order that `held` stands on. Writes of sessions that began after it are another side's."""
        write = self.acknowledged[event]
        return any(
            order not in write.orders
            and event not in self.orders[order].kept
            and write.session < self.orders[order].session
            for order in self.orders_in(held)
        )

    def of_another_side(self, event, held):
        """Between the two lies an order that only one of them has heard of."""
        write = self.acknowledged[event]
        orders = self.orders_in(held)
        if write.orders - orders:
            return True
        return any(event not in self.orders[order].kept for order in orders - write.orders)

    def check_read(self, held, where):
        for event in self.acknowledged:
            if event not in held and not self.of_another_side(event, held):
                raise Finding(f"{where}: write {event} was acknowledged, and is not there")
            doubtful = any(event in self.orders[order].doubtful for order in self.orders_in(held))
            if event in held and self.given_up(event, held) and not doubtful:
                raise Finding(f"{where}: write {event} was given up, and is there again")

    def check_side(self, before, held, where):
        """A head serves, and remembers the orders that it served from before, its own or not: not from what has heard
        neither of them nor of one that was given elsewhere since, when that lacks what was acknowledged."""
        now = self.orders_in(held)
        lost = any(
            write.orders <= before and write.orders - now and event not in held
            for event, write in self.acknowledged.items()
        )
        if lost and not now - before:
            raise Finding(f"{where}: what its own order made is left for what that gave up, and nobody said so")

    def check_kept(self, lost, held, where):
        """`lost` is overwritten, or left alone by a start that has seen it; `held` is what is gone on with."""
        for event in lost:
            if event in self.acknowledged and event not in held and not self.given_up(event, held):
                raise Finding(f"{where}: write {event} was acknowledged, and nobody gave it up")
