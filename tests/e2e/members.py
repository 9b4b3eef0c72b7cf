#!/usr/bin/env python3
"""A mirror that loses all its members: I/O is held until one is back. Members that fail one by one: returns.py."""
import json
import shutil
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
    check(held.process.wait(120) == 0, f"held I/O failed: {held.output()}")


def the_last_member_comes_back_as_another(world):
    """M10: its machine was off, so that unflushed writes may be lost: every initiator meets one unit attention."""
    tgtd, nodes, _ = mirror(world)
    load = world.start_initiator("load", tgtd.url(), "--seconds", 3600, "--request", "8KiB", "--depth", 4, name="load")
    time.sleep(1)
    nodes[1].kill()
    until(lambda: "member-dropped" in tgtd.output(), 6, "the other one is dropped")
    time.sleep(1)
    nodes[0].kill()
    shutil.rmtree(world.path("run-node1"))
    world.start_netnode("node1", world.path("node1.yaml"), 7791)
    until(lambda: "last-member-changed" in tgtd.output(), 15, "the last member is back")
    until(lambda: world.status("vol")["state"] == "degraded", 10, "the storage serves")
    time.sleep(1)
    check(load.terminate(60) == 0, f"I/O did not carry on: {load.output()}")
    found = json.loads(load.output().splitlines()[-1])
    check(found["send_again"] == 1, f"not one unit attention: {found}")
    tgtd.stop()


def a_dead_machine_is_replaced_at_another_address(world):
    """The refusal names the line to write into the file; with it the new machine's blank disk is filled."""
    tgtd, nodes, file = mirror(world)
    world.initiator("fill", tgtd.url(), "--seed", 4, "--flush")
    nodes[1].kill()
    until(lambda: "member-dropped" in tgtd.output(), 10, "the dead machine's member is dropped")
    tgtd.delete_lun()
    world.netnode("node3", 7793, {"disk0": world.disk("disk3.img", 32)})
    with open(file, encoding="utf-8") as old:
        text = old.read()
    moved = text.replace("netnode: 127.0.0.1:7792/disk0", "netnode: 127.0.0.1:7793/disk0")
    world.write("vol.yaml", moved)
    tgtd.new_lun(file)
    line = 'name: "127.0.0.1:7792/disk0"'
    until(lambda: line in world.status("vol")["tree"]["children"][1].get("reason", ""), 20, "the line to write is named")
    tgtd.delete_lun()
    world.write("vol.yaml", text.replace(
        "netnode: 127.0.0.1:7792/disk0", f"netnode: {{address: 127.0.0.1, port: 7793, export: disk0, {line}}}"))
    tgtd.new_lun(file)
    until(lambda: world.status("vol")["state"] == "healthy", 30, "the new machine's disk is in sync")
    nodes[0].kill()
    world.initiator("verify", tgtd.url(), "--seed", 4)


main([all_members_die_and_return, the_last_member_comes_back_as_another, a_dead_machine_is_replaced_at_another_address])
