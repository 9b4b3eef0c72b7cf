#!/usr/bin/env python3
"""A mirror whose members fail under load: I/O carries on with those that are left, and nothing is lost."""
import json
import shutil
import signal
import time

from harness import check, main, until


def mirror(world, policy="{member_timeout: 1s}"):
    nodes = [world.netnode(f"node{n}", 7790 + n, {"disk0": world.disk(f"disk{n}.img", 32)}) for n in (1, 2)]
    file = world.write("vol.yaml", "storage: vol\ntree:\n  mirror:\n    - netnode: 127.0.0.1:7791/disk0\n"
                                   f"    - netnode: 127.0.0.1:7792/disk0\npolicy: {policy}\n")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    return tgtd, nodes, file


def loses_one(world, number, how):
    tgtd, nodes, file = mirror(world)
    load = world.start_initiator("load", tgtd.url(), "--seconds", 8, "--request", "8KiB", "--depth", 8, name="load")
    time.sleep(2)
    how(nodes[number])
    until(lambda: world.status("vol")["state"] == "degraded", 6, "the storage is degraded")
    check(load.process.wait(60) == 0, f"I/O did not carry on: {load.output()}")
    states = {child["name"]: child["state"] for child in world.status("vol")["tree"]["children"]}
    check(list(states.values()).count("in_sync") == 1, f"members: {states}")
    # What the survivor holds is what a new start serves, from that member alone.
    world.initiator("fill", tgtd.url(), "--seed", 77, "--flush")
    tgtd.delete_lun()
    tgtd.new_lun(file)
    world.initiator("verify", tgtd.url(), "--seed", 77)
    return tgtd, nodes, file


def a_member_is_killed(world):
    loses_one(world, 0, lambda node: node.kill())


def a_member_hangs(world):
    """A stopped netnode is dropped when it holds a request beyond member_timeout."""
    loses_one(world, 1, lambda node: node.signal(signal.SIGSTOP))


def a_stale_member_is_not_served(world):
    """The member that missed writes comes back while the other is away: the storage waits, it does not serve old data."""
    _, nodes, file = loses_one(world, 0, lambda node: node.kill())
    tgtd = world.processes[2]
    tgtd.delete_lun()
    nodes[1].terminate()
    world.start_netnode("stale", world.path("node1.yaml"), 7791)
    tgtd.new_lun(file)
    time.sleep(2)
    shown = world.status("vol")
    check(shown["state"] == "waiting" and "7792" in shown["reason"], f"status: {shown}")
    world.start_netnode("good", world.path("node2.yaml"), 7792)
    world.initiator("verify", tgtd.url(), "--seed", 77)


def all_members_die_and_return(world):
    """With no member left I/O is held, and completes when one returns."""
    tgtd, nodes, _ = mirror(world)
    world.initiator("fill", tgtd.url(), "--seed", 4, "--flush")
    for node in nodes:
        node.kill()
    held = world.start_initiator("verify", tgtd.url(), "--seed", 4, name="held")
    until(lambda: world.status("vol")["state"] == "held", 10, "the storage is held")
    check(held.running(), f"I/O was not held: {held.output()}")
    for n in (1, 2):
        world.start_netnode(f"again{n}", world.path(f"node{n}.yaml"), 7790 + n)
    check(held.process.wait(40) == 0, f"held I/O failed: {held.output()}")


def the_last_member_comes_back_as_another(world):
    """M10: its machine was off, so that unflushed writes may be lost: every initiator meets one unit attention."""
    tgtd, nodes, _ = mirror(world)
    load = world.start_initiator("load", tgtd.url(), "--seconds", 12, "--request", "8KiB", "--depth", 4, name="load")
    time.sleep(1)
    nodes[1].kill()
    until(lambda: "member-dropped" in tgtd.output(), 6, "the other one is dropped")
    time.sleep(1)
    nodes[0].kill()
    shutil.rmtree(world.path("run-node1"))
    world.start_netnode("node1", world.path("node1.yaml"), 7791)
    until(lambda: "last-member-changed" in tgtd.output(), 15, "the last member is back")
    check(load.process.wait(60) == 0, f"I/O did not carry on: {load.output()}")
    found = json.loads(load.output().splitlines()[-1])
    check(found["send_again"] == 1, f"not one unit attention: {found}")
    tgtd.stop()


main([a_member_is_killed, a_member_hangs, a_stale_member_is_not_served, all_members_die_and_return, the_last_member_comes_back_as_another])
