#!/usr/bin/env python3
"""Links that are cut while a load runs: both ways, one way, with notice, in the middle of a frame; and that flap."""
import random
import time

from faults import Machine, Volume, gap_below
from harness import main, until
from proxy import Proxy

MEMBER_TIMEOUT_S = 1
GAP_S = MEMBER_TIMEOUT_S + 1


def cut_and_heal(world, how, heal=Machine.heal, numbers=(1,)):
    volume = Volume(world)
    volume.begin()
    for number in numbers:
        time.sleep(1)
        volume.loses(number, how)
        time.sleep(1)
        heal(volume.machines[number])
        volume.in_sync()
    gap_below(volume.end(), GAP_S, "a link was cut")
    volume.finish()


def both_ways(world):
    cut_and_heal(world, Machine.cut, numbers=(1, 0))


def only_towards_the_node(world):
    cut_and_heal(world, lambda machine: machine.cut(to_head=False))


def only_towards_the_head(world):
    """The node gets requests and its answers are lost: what it did before it was dropped is not taken for missing."""
    cut_and_heal(world, lambda machine: machine.cut(to_node=False))


def the_cable_is_out(world):
    cut_and_heal(world, Machine.unplug, Machine.plug)


def longer_than_a_session_lives(world):
    """The node gives the silent session up before the link is back."""
    volume = Volume(world)
    volume.begin(depth=8)
    volume.loses(1, Machine.cut)
    # TCP may give up first, when answers were under way.
    until(lambda: any(event in volume.machines[1].process.output() for event in ("session-timed-out", "session-lost")),
          25, "the node notices")
    volume.machines[1].heal()
    volume.in_sync()
    volume.end()
    volume.finish()


def a_link_flaps(world):
    """Cut and healed faster than anybody is dropped, and slower."""
    volume = Volume(world)
    volume.begin()
    times = random.Random(5)
    for _ in range(8):
        machine = times.choice(volume.machines)
        machine.cut(to_node=times.random() < 0.7, to_head=times.random() < 0.7)
        time.sleep(times.uniform(0.05, 1.5))
        machine.heal()
        time.sleep(times.uniform(0.05, 0.8))
    volume.in_sync()
    # TCP sends again after twice the time that it was cut, and a link may be cut again just before.
    gap_below(volume.end(), 4 * GAP_S, "a link flapped")
    volume.finish()


def in_the_middle_of_a_frame(world):
    """Every byte up to one passes, then nothing, in one direction; later the connection is reset there."""
    volume = Volume(world)
    proxy = Proxy(volume.machines[1].address, 7790)
    volume.tgtd.delete_lun()
    # The same medium behind another address: labels say which one it is.
    volume.file = world.write("proxied.yaml", "storage: vol\ntree:\n  mirror:\n"
                              f"    - netnode: {volume.machines[0].member}\n    - netnode: 127.0.0.1:{proxy.port}/disk0\n"
                              "policy: {member_timeout: 1s}\n")
    volume.tgtd.new_lun(volume.file, thin=True)
    volume.machines[1].member = f"127.0.0.1:{proxy.port}/disk0"
    volume.begin()
    for direction, more in (("to_node", 17), ("to_node", 70001), ("to_head", 60), ("to_head", 3000)):
        volume.loses(1, lambda _, d=direction, m=more: proxy.stall_after(d, m))
        proxy.reset()
        volume.in_sync()
    gap_below(volume.end(), GAP_S, "a connection stalled in the middle of a frame")
    for more in range(1, 120, 7):
        proxy.cut_after("to_node", more)
        time.sleep(0.05)
    volume.finish()
    proxy.close()


main([both_ways, only_towards_the_node, only_towards_the_head, the_cable_is_out, a_link_flaps, in_the_middle_of_a_frame],
     slow=[longer_than_a_session_lives])
