#!/usr/bin/env python3
"""What an administrator orders when a storage does not start by itself: accepted loss of data, and a split resolved."""
import os

from harness import check, main, until

FIRST, SECOND = "127.0.0.1:7791/disk0", "127.0.0.1:7792/disk0"


def mirror(world):
    """A mirror of two netnodes, labelled; a tgtd with a target."""
    nodes = [world.netnode(f"node{n}", 7790 + n, {"disk0": world.disk(f"disk{n}.img", 32)}) for n in (1, 2)]
    file = storage_file(world, "vol.yaml")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    return tgtd, nodes, file


def storage_file(world, name, more=""):
    return world.write(name, f"storage: vol\ntree: {{mirror: [{{netnode: '{FIRST}'}}, {{netnode: '{SECOND}'}}]}}\n"
                             f"policy: {{member_timeout: 1s}}\n{more}")


def again(world, number):
    return world.start_netnode(f"node{number}", world.path(f"node{number}.yaml"), 7790 + number)


def fill(world, tgtd, seed):
    world.initiator("fill", tgtd.url(), "--seed", seed, "--flush")


def verify(world, tgtd, seed):
    world.initiator("verify", tgtd.url(), "--seed", seed)


def states(world):
    return [child["state"] for child in world.status("vol")["tree"]["children"]]


def the_journal_is_gone_and_one_node_too(world):
    """The order lies in a journal of its own until the LUN is added again, and counts once."""
    tgtd, nodes, file = mirror(world)
    tgtd.new_lun(file)
    fill(world, tgtd, 5)
    tgtd.delete_lun()
    journal = os.path.join(world.environment["DST_STATE_DIR"], "vol.journal")
    os.unlink(journal)
    nodes[1].kill()
    status, *_ = tgtd.new_lun(file, ok=None)
    check(status != 0, "it was opened although nobody knows whether the missing node has newer data")
    command = f"dstctl start {file} --accept-data-loss"
    shown = world.status("vol")
    check(command in shown["reason"], f"the way out is not named: {shown['reason']}")
    status, _, error = world.dstctl("start", file, "--accept-data-loss", ok=None)
    check(status == 64 and "--yes" in error, f"it did not ask: {status} {error}")
    check(tgtd.new_lun(file, ok=None)[0] != 0, "an order was left without a yes")
    _, output, _ = world.dstctl("start", file, "--accept-data-loss", "--yes")
    check(SECOND in output and "in sync" in output and journal in output, f"what is at stake is not shown:\n{output}")
    tgtd.new_lun(file)
    until(lambda: world.status("vol")["state"] == "degraded", 10, "it serves")
    check(states(world)[0] == "in_sync", f"{states(world)}")
    check("start-forced" in tgtd.output(), "no event")
    verify(world, tgtd, 5)
    fill(world, tgtd, 6)
    status, _, error = world.dstctl("start", file, "--accept-data-loss", "--yes", ok=None)
    check(status == 70 and "serves" in error, f"a storage that serves took an order: {status} {error}")
    tgtd.delete_lun()
    again(world, 2)
    tgtd.new_lun(file)
    # The second member is brought up to date soon.
    until(lambda: world.status("vol")["state"] in ("degraded", "healthy"), 10, "it serves")
    verify(world, tgtd, 6)
    returned = [line for line in tgtd.output().splitlines() if " member-returns " in line]
    check(all("owed=everything" in line for line in returned), f"the node that was given up counts for nothing: {returned}")
    until(lambda: world.status("vol")["state"] == "healthy", 20, "the second node is brought up to date")
    nodes[0].kill()
    verify(world, tgtd, 6)
    tgtd.stop()


def the_newer_copy_is_lost(world):
    """A LUN that holds I/O serves the older copy once it is ordered."""
    tgtd, nodes, file = mirror(world)
    tgtd.new_lun(file)
    fill(world, tgtd, 1)
    nodes[1].kill()
    fill(world, tgtd, 2)
    until(lambda: states(world)[1] in ("dirty", "unreachable"), 10, "the second node is dropped")
    tgtd.delete_lun()
    nodes[0].kill()
    again(world, 2)
    tgtd.new_lun(file)
    until(lambda: "--accept-data-loss" in world.status("vol")["reason"], 10, "the way out is named")
    check(world.status("vol")["state"] == "waiting", f"{world.status('vol')}")
    status, output, _ = world.dstctl("start", "vol", "--accept-data-loss", "--yes", ok=None)
    check(status == 1 and "now" in output, f"{status} {output}")
    until(lambda: world.status("vol")["state"] == "degraded", 10, "it serves")
    verify(world, tgtd, 1)
    tgtd.stop()


def a_split_is_resolved(world):
    """Two heads went on alone with one copy each; one side is given up."""
    tgtd, nodes, file = mirror(world)
    other = storage_file(world, "other.yaml", f"journal: {world.path('other.journal')}\n")
    tgtd.new_lun(file)
    nodes[1].kill()
    fill(world, tgtd, 2)
    tgtd.delete_lun()
    nodes[0].kill()
    again(world, 2)
    world.dstctl("start", other, "--accept-data-loss", "--yes")
    tgtd.new_lun(other)
    fill(world, tgtd, 3)
    tgtd.delete_lun()
    again(world, 1)
    status, *_ = tgtd.new_lun(file, ok=None)
    check(status != 0, "a split storage was opened")
    reason = world.status("vol")["reason"]
    for side in (FIRST, SECOND):
        check(f"dstctl resolve {file} --discard {side}" in reason, f"the way out is not named: {reason}")
    world.dstctl("resolve", file, "--discard", SECOND, "--yes")
    tgtd.new_lun(file)
    until(lambda: world.status("vol")["state"] in ("degraded", "healthy"), 10, "it serves")
    verify(world, tgtd, 2)
    # What was given up is brought up to date from the other one.
    until(lambda: states(world) == ["in_sync", "in_sync"], 15, "both are in sync")
    tgtd.stop()


def two_mirrors_are_split(world):
    """Both mirrors of a linear: one order for each, which lie in the journal together until both are there."""
    nodes = [world.netnode(f"node{n}", 7790 + n, {f"disk{d}": world.disk(f"n{n}d{d}.img", 16) for d in (0, 1)})
             for n in (1, 2)]
    members = [[f"127.0.0.1:779{n}/disk{d}" for n in (1, 2)] for d in (0, 1)]
    pairs = [f"{{mirror: [{{netnode: '{one}'}}, {{netnode: '{other}'}}]}}" for one, other in members]
    file, other = (world.write(name, f"storage: vol\ntree: {{linear: [{', '.join(pairs)}]}}\n"
                                     f"policy: {{member_timeout: 1s}}\n{more}")
                   for name, more in (("vol.yaml", ""), ("other.yaml", f"journal: {world.path('other.journal')}\n")))
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    nodes[1].kill()
    fill(world, tgtd, 2)
    tgtd.delete_lun()
    nodes[0].kill()
    again(world, 2)
    world.dstctl("start", other, "--accept-data-loss", "--yes")
    tgtd.new_lun(other)
    fill(world, tgtd, 3)
    tgtd.delete_lun()
    again(world, 1)
    named = []
    for _ in members:
        check(tgtd.new_lun(file, ok=None)[0] != 0, "a split storage was opened")
        reason = world.status("vol")["reason"]
        side = next((pair[1] for pair in members if f"--discard {pair[1]}'" in reason), None)
        check(side is not None and side not in named, f"the way out is not named: {reason}")
        named.append(side)
        world.dstctl("resolve", file, "--discard", side, "--yes")
    tgtd.new_lun(file)
    until(lambda: world.status("vol")["state"] in ("degraded", "healthy"), 10, "it serves")
    verify(world, tgtd, 2)
    until(lambda: world.status("vol")["state"] == "healthy", 15, "all are in sync")
    tgtd.stop()


def what_was_given_up_goes_on(world):
    """Another head starts on the copy that was given up, without an order: that is not overwritten."""
    tgtd, nodes, file = mirror(world)
    other = storage_file(world, "other.yaml", f"journal: {world.path('other.journal')}\n")
    tgtd.new_lun(file)
    nodes[1].kill()
    fill(world, tgtd, 1)
    tgtd.delete_lun()
    nodes[0].kill()
    node2 = again(world, 2)
    world.dstctl("start", file, "--accept-data-loss", "--yes")
    tgtd.new_lun(file)
    fill(world, tgtd, 2)
    tgtd.delete_lun()
    node2.kill()
    again(world, 1)
    tgtd.new_lun(other)
    fill(world, tgtd, 3)
    tgtd.delete_lun()
    again(world, 2)
    check(tgtd.new_lun(other, ok=None)[0] != 0, "one of two copies that were written to was taken for the older one")
    reason = world.status("vol")["reason"]
    check(f"dstctl resolve {other} --discard {SECOND}" in reason, f"the way out is not named: {reason}")
    world.dstctl("resolve", other, "--discard", SECOND, "--yes")
    tgtd.new_lun(other)
    until(lambda: world.status("vol")["state"] == "healthy", 20, "both are in sync")
    verify(world, tgtd, 3)
    tgtd.stop()


main([the_journal_is_gone_and_one_node_too, the_newer_copy_is_lost, a_split_is_resolved, two_mirrors_are_split,
      what_was_given_up_goes_on])
