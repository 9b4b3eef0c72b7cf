#!/usr/bin/env python3
"""Where netnodes may be: other loopback addresses, IPv6, names, and names that stop resolving or change."""
import contextlib
import os
import subprocess
import time

from faults import SIZES
from harness import check, main, same_data, until

PORT = 7791


def start(world, members, listen, policy="{member_timeout: 1s}"):
    """A mirror of netnodes that listen at `listen`, named by `members` in the storage file; the load runs."""
    nodes = [start_node(world, number, address) for number, address in enumerate(listen, 1)]
    file = world.write("vol.yaml", "storage: vol\ntree:\n  mirror:\n" +
                       "".join(f"    - netnode: {member}\n" for member in members) + f"policy: {policy}\n")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target(bind=False)
    tgtd.new_lun(file, thin=True)
    tgtd.bind()
    load = world.start_initiator("load", tgtd.url(), "--seconds", 3600, "--depth", 16, "--mix", "all", "--sizes", SIZES,
                                 "--start", "zeroes", "--record", world.path("record"), name="load")
    until(lambda: "running" in load.output(), 10, "the load runs")
    return tgtd, nodes, load


def start_node(world, number, address):
    name = f"node{number}"
    disk = world.path(f"disk{number}.img")
    if not os.path.exists(disk):
        world.disk(f"disk{number}.img", 32)
    file = world.write(f"{name}.yaml", f'listen: ["{address}"]\nexports:\n  disk0:\n    disk: {disk}\n')
    node = world.start_netnode(name, file, 0, wait=False)
    until(lambda: "listening" in node.output() or not node.running(), 10, f"{name} listens")
    check(node.running(), f"{name} does not start: {node.output()}")
    return node


def states(world):
    return [child["state"] for child in world.status("vol")["tree"]["children"]]


def restart_under_load(world, tgtd, nodes, load, number, address):
    nodes[number - 1].kill()
    until(lambda: "member-dropped" in tgtd.output(), 10, "the member is dropped")
    nodes[number - 1] = start_node(world, number, address)
    until(lambda: states(world) == ["in_sync", "in_sync"], 30, "both are in sync")
    finish(world, tgtd, load)


def finish(world, tgtd, load):
    check(load.terminate(60) == 0, f"the load: {load.output()}")
    size = world.status("vol")["size_bytes"]
    tgtd.delete_lun()
    differ = same_data(world.path("disk1.img"), world.path("disk2.img"), size)
    check(differ is None, f"the media differ at byte {differ}")
    tgtd.stop()


def other_loopback_addresses(world):
    """The same port on two addresses of this machine."""
    listen = [f"127.0.0.2:{PORT}", f"127.9.8.7:{PORT}"]
    tgtd, nodes, load = start(world, [f"{address}/disk0" for address in listen], listen)
    restart_under_load(world, tgtd, nodes, load, 2, listen[1])


def ipv6(world):
    listen = [f"[::1]:{PORT}", f"[::]:{PORT + 1}"]
    tgtd, nodes, load = start(world, [f"'[::1]:{PORT}/disk0'", f"'[::1]:{PORT + 1}/disk0'"], listen)
    shown = [child["name"] for child in world.status("vol")["tree"]["children"]]
    restart_under_load(world, tgtd, nodes, load, 1, listen[0])
    check(shown == [f"[::1]:{PORT}/disk0", f"[::1]:{PORT + 1}/disk0"], f"{shown}")


@contextlib.contextmanager
def hosts(world, text):
    """A private /etc/hosts, and no name server that answers."""
    world.write("hosts", text)
    world.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    places = {"/etc/hosts": world.path("hosts"), "/etc/resolv.conf": world.path("resolv.conf")}
    for place, own in places.items():
        subprocess.run(["mount", "--bind", own, place], check=True)
    try:
        yield
    finally:
        for place in places:
            subprocess.run(["umount", place], check=False)


def names(world):
    """One that stops resolving keeps its connection; one that moved is found at its new address."""
    with hosts(world, "127.0.0.1 localhost\n127.0.0.2 one.example\n127.0.0.3 two.example\n"):
        listen = [f"127.0.0.2:{PORT}", f"127.0.0.3:{PORT}"]
        tgtd, nodes, load = start(world, [f"one.example:{PORT}/disk0", f"two.example:{PORT}/disk0"], listen)
        world.write("hosts", "127.0.0.1 localhost\n127.0.0.2 one.example\n")
        time.sleep(2)
        check(states(world) == ["in_sync", "in_sync"], f"a name that is not needed now was missed: {states(world)}")
        nodes[1].kill()
        until(lambda: "member-dropped" in tgtd.output(), 10, "the member is dropped")
        nodes[1] = start_node(world, 2, f"127.0.0.4:{PORT}")
        until(lambda: "two.example" in world.status("vol")["tree"]["children"][1].get("reason", "") or
              "cannot find" in tgtd.output() or "resolve" in tgtd.output(), 10, "the name is said not to resolve")
        time.sleep(1)
        check(states(world)[0] == "in_sync", f"{states(world)}")
        world.write("hosts", "127.0.0.1 localhost\n127.0.0.2 one.example\n127.0.0.4 two.example\n")
        until(lambda: states(world) == ["in_sync", "in_sync"], 30, "it is found at its new address")
        finish(world, tgtd, load)


main([other_loopback_addresses, ipv6, names])
