#!/usr/bin/env python3
"""Members of a mirror that failed come back by themselves: they are brought up to date and are the same to the last byte."""
import os
import signal
import time

from harness import check, main, same_data, until

MIB = 64


def mirror(world):
    nodes = [world.netnode(f"node{n}", 7790 + n, {"disk0": world.disk(f"disk{n}.img", MIB)}) for n in (1, 2)]
    file = world.write("vol.yaml", "storage: vol\ntree:\n  mirror:\n    - netnode: 127.0.0.1:7791/disk0\n"
                                   "    - netnode: 127.0.0.1:7792/disk0\npolicy: {member_timeout: 1s}\n")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    return tgtd, nodes, file


def states(world):
    return [child["state"] for child in world.status("vol")["tree"]["children"]]


def back_in_sync(world, limit=30):
    until(lambda: states(world) == ["in_sync", "in_sync"], limit, "both members are in sync")


def both_are_the_same(world, tgtd):
    size = world.status("vol")["size_bytes"]
    tgtd.delete_lun()
    differ = same_data(world.path("disk1.img"), world.path("disk2.img"), size)
    check(differ is None, f"the media differ at {differ}")


def a_member_is_killed_under_load_and_comes_back(world):
    tgtd, nodes, _ = mirror(world)
    world.initiator("fill", tgtd.url(), "--seed", 1, "--flush")
    load = world.start_initiator("load", tgtd.url(), "--seconds", 14, "--request", "8KiB", "--depth", 16, name="load")
    for round_number in range(2):
        time.sleep(2)
        nodes[0].kill()
        until(lambda: states(world)[0] != "in_sync", 8, "the member is dropped")
        nodes[0] = world.start_netnode(f"again{round_number}", world.path("node1.yaml"), 7791)
        back_in_sync(world)
    check(load.process.wait(60) == 0, f"I/O did not carry on: {load.output()}")
    both_are_the_same(world, tgtd)


def a_member_is_killed_while_it_is_brought_up_to_date(world):
    tgtd, nodes, _ = mirror(world)
    nodes[1].kill()
    world.initiator("fill", tgtd.url(), "--seed", 2, "--flush")
    for round_number in range(3):
        node = world.start_netnode(f"again{round_number}", world.path("node2.yaml"), 7792)
        time.sleep(0.05 * round_number)
        node.kill()
    world.start_netnode("last", world.path("node2.yaml"), 7792)
    back_in_sync(world)
    world.initiator("verify", tgtd.url(), "--seed", 2)
    both_are_the_same(world, tgtd)


def a_member_that_hung_comes_back(world):
    """What it was sent before it was dropped does not appear later."""
    tgtd, nodes, _ = mirror(world)
    load = world.start_initiator("load", tgtd.url(), "--seconds", 10, "--request", "8KiB", "--depth", 16, name="load")
    time.sleep(2)
    nodes[1].signal(signal.SIGSTOP)
    until(lambda: states(world)[1] != "in_sync", 8, "the member is dropped")
    time.sleep(1)
    nodes[1].signal(signal.SIGCONT)
    back_in_sync(world)
    check(load.process.wait(60) == 0, f"I/O did not carry on: {load.output()}")
    both_are_the_same(world, tgtd)


def a_blank_disk_is_taken_in(world):
    tgtd, nodes, _ = mirror(world)
    world.initiator("fill", tgtd.url(), "--seed", 3, "--flush")
    nodes[0].kill()
    disk = world.path("disk1.img")
    size = os.path.getsize(disk)
    os.unlink(disk)
    with open(disk, "wb") as file:
        file.truncate(size)
    world.initiator("fill", tgtd.url(), "--seed", 4, "--flush")
    world.start_netnode("again", world.path("node1.yaml"), 7791)
    back_in_sync(world)
    nodes[1].kill()
    world.initiator("verify", tgtd.url(), "--seed", 4)
    world.start_netnode("other", world.path("node2.yaml"), 7792)
    back_in_sync(world)
    both_are_the_same(world, tgtd)


def the_head_dies_while_a_member_is_away(world):
    tgtd, nodes, file = mirror(world)
    nodes[1].kill()
    world.initiator("fill", tgtd.url(), "--seed", 5, "--flush")
    tgtd.kill()
    world.start_netnode("again", world.path("node2.yaml"), 7792)
    second = world.tgtd(name="second", port=3261)
    second.new_target()
    second.new_lun(file)
    back_in_sync(world)
    world.initiator("verify", second.url(), "--seed", 5)
    both_are_the_same(world, second)


main([a_member_is_killed_under_load_and_comes_back, a_member_is_killed_while_it_is_brought_up_to_date,
      a_member_that_hung_comes_back, a_blank_disk_is_taken_in, the_head_dies_while_a_member_is_away])
