#!/usr/bin/env python3
"""A serving head meets another medium in the place of its own: it is told apart, never read and never written."""
import os
import shutil
import signal
import threading
import time

from harness import check, main, until

NODES = (7791, 7792)


def start(world, tree, policy="{member_timeout: 1s}", mib=16):
    """A served storage with data of seed 5 on it; returns tgtd and its file."""
    file = world.write("vol.yaml", f"storage: vol\ntree:\n{tree}policy: {policy}\n")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    world.initiator("fill", tgtd.url(), "--seed", 5, "--flush")
    return tgtd, file


def netnodes(world, mib=16):
    return [world.netnode(f"node{n}", port, {"disk0": world.disk(f"disk{n}.img", mib)}) for n, port in enumerate(NODES, 1)]


def pair(kind):
    return f"  {kind}:\n" + "".join(f"    - netnode: 127.0.0.1:{port}/disk0\n" for port in NODES)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def states(world):
    return {child["name"]: child["state"] for child in world.status("vol")["tree"]["children"]}


def swapped_exports_of_a_linear(world):
    """The two disks of one netnode are exchanged by a reload while a linear over them serves."""
    disks = [world.disk(f"disk{n}.img", 16) for n in (1, 2)]
    node = world.netnode("node", 7791, {"a": disks[0], "b": disks[1]})
    tgtd, _ = start(world, "  linear:\n    - netnode: 127.0.0.1:7791/a\n    - netnode: 127.0.0.1:7791/b\n")
    before = [content(disk) for disk in disks]
    good = content(world.path("node.yaml")).decode()
    world.write("node.yaml", good.replace("disk1", "disk3").replace("disk2", "disk1").replace("disk3", "disk2"))
    node.signal(signal.SIGHUP)
    until(lambda: "medium-refused" in tgtd.output() or "refused" in str(world.status("vol")["tree"]), 20,
          "the exchanged media are refused")
    held = world.start_initiator("verify", tgtd.url(), "--seed", 5, name="held")
    time.sleep(3)
    check(held.running(), f"I/O was answered from exchanged media: {held.output()}")
    world.write("node.yaml", good)
    node.signal(signal.SIGHUP)
    check(held.process.wait(180) == 0, f"not served when they were put back: {held.output()}")
    check([content(disk) for disk in disks] == before, "the media were written to while they were exchanged")


def a_blank_disk_in_a_members_place(world):
    """A netnode comes back with a blank disk: the mirror goes on without it and does not take it for its member."""
    nodes = netnodes(world)
    tgtd, _ = start(world, pair("mirror"), "{member_timeout: 1s, replace: never}")
    nodes[0].kill()
    os.remove(world.path("disk1.img"))
    blank = world.disk("disk1.img", 16)
    world.start_netnode("again", world.path("node1.yaml"), 7791)
    until(lambda: "medium-refused" in tgtd.output(), 40, "the blank medium is refused")
    check("without a label" in tgtd.output(), f"the log does not say why: {tgtd.output()}")
    world.initiator("fill", tgtd.url(), "--seed", 6, "--flush")
    world.initiator("verify", tgtd.url(), "--seed", 6)
    check(list(states(world).values()).count("in_sync") == 1, f"members: {states(world)}")
    check(not any(content(blank)), "the blank medium was written to")


def a_blank_disk_is_filled_while_nothing_is_sent(world):
    """A member that is away has missed nothing while nothing is sent; with a blank disk in its place it leaves all the same."""
    nodes = netnodes(world)
    tgtd, _ = start(world, pair("mirror"))
    time.sleep(8)  # after 5 s without a write the maps are cleared, which a member that is away would miss
    nodes[0].kill()
    os.remove(world.path("disk1.img"))
    world.disk("disk1.img", 16)
    time.sleep(2)
    check("member-dropped" not in tgtd.output(), "it left although it missed nothing")
    world.start_netnode("again", world.path("node1.yaml"), 7791)
    until(lambda: "member-in-sync" in tgtd.output(), 60, "the blank disk is filled")
    check(set(states(world).values()) == {"in_sync"}, f"members: {states(world)}")
    nodes[1].kill()
    world.initiator("verify", tgtd.url(), "--seed", 5)


def a_last_member_comes_back_as_another_disk(world):
    """The last member's disk is exchanged for a blank one: I/O is held until the right one is back."""
    nodes = netnodes(world)
    tgtd, _ = start(world, pair("mirror"))
    nodes[0].kill()
    world.initiator("fill", tgtd.url(), "--seed", 7, "--flush")
    nodes[1].kill()
    os.rename(world.path("disk2.img"), world.path("right.img"))
    blank = world.disk("disk2.img", 16)
    node = world.start_netnode("blank", world.path("node2.yaml"), 7792)
    held = world.start_initiator("verify", tgtd.url(), "--seed", 7, name="held")
    until(lambda: "medium-refused" in tgtd.output(), 40, "the blank medium is refused")
    time.sleep(1)
    check(held.running(), f"I/O was answered from a blank disk: {held.output()}")
    check(world.status("vol")["state"] == "held", f"status: {world.status('vol')}")
    check(not any(content(blank)), "the blank medium was written to")
    os.replace(world.path("right.img"), world.path("disk2.img"))
    check(held.process.wait(180) == 0, f"not served when it was put back: {held.output()}")
    check(node.running(), "the netnode ended")


def in_sync(world):
    until(lambda: set(states(world).values()) == {"in_sync"}, 60, "all are in sync")


def exchange(world, tgtd, lost, log, disk):
    """The disk of one member of two is exchanged by renames while all runs: for a wrong one, for a blank one, for the wrong
    one again, and for the right one. lost(path) makes the mirror lose the member; the path is another name of what it uses."""
    right = world.path("right.img")
    shutil.copyfile(disk, right)
    wrong = content(world.path("disk2.img"))
    for seed, put_there in ((6, "blank"), (7, "right")):
        used = world.path(f"used{seed}.img")
        os.link(disk, used)
        with open(world.path("wrong.img"), "wb") as file:
            file.write(wrong)
        os.rename(world.path("wrong.img"), disk)
        world.initiator("verify", tgtd.url(), "--seed", seed - 1)
        check(set(states(world).values()) == {"in_sync"}, f"a disk in use was left: {states(world)}")
        refused = tgtd.output().count(" member-refused ")
        dropped = tgtd.output().count(" member-dropped ")
        lost(used)
        world.initiator("fill", tgtd.url(), "--seed", seed, "--flush")
        until(lambda: tgtd.output().count(" member-dropped ") > dropped, 20, "the member is dropped")
        until(lambda: tgtd.output().count(" member-refused ") > refused, 60, "the wrong medium is refused")
        check(content(disk) == wrong, "the wrong medium was written to")
        if put_there == "blank":
            os.rename(world.disk("blank.img", 16), disk)
        else:
            os.rename(right, disk)
        in_sync(world)
        check(log().count(" medium-replaced ") >= 1, f"not told: {log()}")
        world.initiator("verify", tgtd.url(), "--seed", seed)
    tgtd.delete_lun()
    data = os.path.getsize(disk) - (1 << 20)
    check(content(disk)[:data] == content(world.path("disk2.img"))[:data], "the two disks hold the same")


def a_netnodes_disk_is_exchanged_while_all_runs(world):
    """Nothing is restarted: the netnode sees what its path names as soon as nobody uses what it has open."""
    nodes = netnodes(world)
    tgtd, _ = start(world, pair("mirror"))

    def lost(_):
        nodes[0].signal(signal.SIGSTOP)
        threading.Timer(4, lambda: nodes[0].signal(signal.SIGCONT)).start()
    exchange(world, tgtd, lost, nodes[0].output, world.path("disk1.img"))
    check(nodes[0].running(), "the netnode ended")


def a_local_disk_is_exchanged_while_all_runs(world):
    """The LUN stays: the head sees what the path names as soon as the mirror does not use what it has open."""
    disk = world.disk("disk1.img", 16)
    world.netnode("node2", 7792, {"disk0": world.disk("disk2.img", 16)})
    tgtd, _ = start(world, f"  mirror:\n    - disk: {disk}\n    - netnode: 127.0.0.1:7792/disk0\n")
    exchange(world, tgtd, lambda used: os.truncate(used, 1 << 20), tgtd.output, disk)


def disks_are_exchanged_while_their_storage_is_closed(world):
    """The netnodes run on: `init`, and the next start, find what their paths name by then."""
    netnodes(world)
    for n in (1, 2):
        os.rename(world.disk("larger.img", 32), world.path(f"disk{n}.img"))
    tgtd, file = start(world, pair("mirror"))
    check(world.status("vol")["size_bytes"] > 16 << 20, f"init took what was there before: {world.status('vol')}")
    tgtd.delete_lun()
    os.rename(world.disk("blank.img", 32), world.path("disk1.img"))
    tgtd.new_lun(file)
    in_sync(world)
    check("was blank" in tgtd.output(), f"not taken in as a blank disk: {tgtd.output()}")
    world.initiator("verify", tgtd.url(), "--seed", 5)


def a_local_disk_shrinks_and_grows(world):
    """A local member is cut to half and grown again: what was cut is gone, so it is not read any more."""
    disk = world.disk("local.img", 16)
    netnodes(world)
    tgtd, _ = start(world, f"  mirror:\n    - disk: {disk}\n    - netnode: 127.0.0.1:7791/disk0\n")
    os.truncate(disk, 8 << 20)
    world.initiator("verify", tgtd.url(), "--seed", 5)
    until(lambda: "disk-gone" in tgtd.output(), 20, "the loss is noticed")
    os.truncate(disk, 16 << 20)
    until(lambda: "medium-refused" in tgtd.output(), 40, "it is not taken back")
    world.initiator("verify", tgtd.url(), "--seed", 5)
    check(list(states(world).values()).count("in_sync") == 1, f"members: {states(world)}")


def a_local_disk_is_another_one_at_the_next_start(world):
    """The file of a local member is a copy of the other one's disk, of another place: the start names both."""
    disks = [world.disk(f"disk{n}.img", 16) for n in (1, 2)]
    tgtd, file = start(world, "".join(["  linear:\n", *(f"    - disk: {disk}\n" for disk in disks)]))
    tgtd.delete_lun()
    shutil.copyfile(disks[0], world.path("copy.img"))
    os.replace(disks[1], disks[0])
    os.replace(world.path("copy.img"), disks[1])
    status, _, _, seconds = tgtd.new_lun(file, ok=None)
    check(status != 0 and seconds < 4, f"it came up with exchanged disks: {status} after {seconds} s")
    _, shown, _ = world.dstctl("status", "vol", ok=None)
    check("swapped" in shown or ("disk1.img" in shown and "disk2.img" in shown), f"the reason names neither: {shown}")


def a_members_older_copy_is_not_served(world):
    """A member's disk is put back from a copy that is one start old, in the same file: the other one's data count."""
    disks = [world.disk(f"disk{n}.img", 16) for n in (1, 2)]
    tgtd, file = start(world, "".join(["  mirror:\n", *(f"    - disk: {disk}\n" for disk in disks)]))
    tgtd.delete_lun()
    before = content(disks[0])
    tgtd.new_lun(file)
    world.initiator("fill", tgtd.url(), "--seed", 6, "--flush")
    tgtd.delete_lun()
    with open(disks[0], "r+b") as disk:
        disk.write(before)
    tgtd.new_lun(file)
    world.initiator("verify", tgtd.url(), "--seed", 6)
    check("older copy" in tgtd.output(), "the log says why it is not used")
    until(lambda: list(states(world).values()).count("in_sync") == 2, 15, "it is brought up to date")
    tgtd.delete_lun()
    data = min(len(before), len(content(disks[1]))) - (1 << 20)
    check(content(disks[0])[:data] == content(disks[1])[:data], "the two disks hold the same")


main([swapped_exports_of_a_linear, a_blank_disk_in_a_members_place, a_blank_disk_is_filled_while_nothing_is_sent,
      a_last_member_comes_back_as_another_disk, a_netnodes_disk_is_exchanged_while_all_runs,
      a_local_disk_is_exchanged_while_all_runs, disks_are_exchanged_while_their_storage_is_closed,
      a_local_disk_shrinks_and_grows, a_local_disk_is_another_one_at_the_next_start, a_members_older_copy_is_not_served])
