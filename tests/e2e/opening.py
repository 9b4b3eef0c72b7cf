#!/usr/bin/env python3
"""What tgtd does when a storage cannot be opened: it says why, within 3 seconds, and everything else carries on."""
import contextlib
import json
import os
import socket
import subprocess
import threading
import time

from faulty_file import FaultyFile
from harness import Process, check, main, until

OPEN_LIMIT = 3.3  # 3 s, and the time tgtadm itself takes


def with_a_bystander(world):
    """A tgtd with one LUN that must not be disturbed, under load."""
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_target(tid=2)
    other = world.write("other.yaml", f"storage: other\ntree: {{disk: {world.disk('other.img', 24)}}}\n")
    world.dstctl("init", other)
    tgtd.new_lun(other, tid=2)
    load = world.start_initiator("load", tgtd.url(tid=2), "--seconds", 3600, "--request", "4KiB", "--depth", 2, name="bystander")
    return tgtd, load


def refused(world, tgtd, load, file, storage, *words, block=None):
    """The LUN is refused in time; the reason is in tgtd's log and in dstctl status; the bystander works on."""
    before = len(tgtd.output())
    status, _, error, seconds = tgtd.new_lun(file, ok=None, block=block)
    check(status != 0, f"{file} was opened")
    check(seconds < OPEN_LIMIT, f"it took {seconds:.1f} s to refuse {file}")
    log = tgtd.output()[before:]
    for word in words:
        check(word in log, f"tgtd's log does not say '{word}':\n{log}{error}")
    if storage:
        code, output, _ = world.dstctl("status", storage, ok=None)
        check(code == 2, f"dstctl status {storage}: exit status {code}")
        for word in words:
            check(word in output, f"dstctl status does not say '{word}':\n{output}")
        shown = world.status(storage)
        check(shown["state"] == "failed" and shown["reason"], f"status --json: {shown}")
    check(load.running(), f"the other LUN was disturbed: {load.output()}")


def a_broken_file(world):
    tgtd, load = with_a_bystander(world)
    broken = world.write("broken.yaml", "storage: vol\ntree:\n  mirrow:\n    - disk: relative\npolcy: {}\n")
    refused(world, tgtd, load, broken, None, "broken.yaml:3:", "mirrow", "broken.yaml:5:", "polcy")
    refused(world, tgtd, load, world.path("missing.yaml"), None, "missing.yaml")


def media_that_are_not_ours(world):
    tgtd, load = with_a_bystander(world)
    disk = world.disk("a.img", 24)
    file = world.write("vol.yaml", f"storage: vol\ntree: {{disk: {disk}}}\n")
    refused(world, tgtd, load, file, "vol", "a.img", "dstctl init")
    foreign = world.write("foreign.yaml", f"storage: foreign\ntree: {{disk: {disk}}}\n")
    world.dstctl("init", foreign)
    refused(world, tgtd, load, file, "vol", "a.img", "foreign")
    missing = world.write("gone.yaml", f"storage: gone\ntree: {{disk: {world.path('gone.img')}}}\n")
    refused(world, tgtd, load, missing, "gone", "gone.img")


def a_medium_that_is_too_small(world):
    tgtd, load = with_a_bystander(world)
    tiny = world.write("tiny.yaml", f"storage: tiny\ntree: {{disk: {world.disk('tiny.img', 0.03)}}}\n")
    code, _, error = world.dstctl("init", tiny, ok=None)
    check(code != 0 and "too few" in error, f"init took a tiny medium: {error}")
    refused(world, tgtd, load, tiny, "tiny", "tiny.img", "too few")
    shrunk = world.write("shrunk.yaml", f"storage: shrunk\ntree: {{disk: {world.disk('shrunk.img', 24)}}}\n")
    world.dstctl("init", shrunk)
    with open(world.path("shrunk.img"), "r+b") as image:
        label = os.path.getsize(image.name) - 65536
        image.seek(label)
        area = image.read()
        image.truncate(16 << 20)
        image.seek((16 << 20) - 65536)
        image.write(area)
    refused(world, tgtd, load, shrunk, "shrunk", "shrunk.img", "small")


def swapped_parts(world):
    tgtd, load = with_a_bystander(world)
    a, b = world.disk("a.img", 24), world.disk("b.img", 24)
    file = world.write("vol.yaml", f"storage: vol\ntree: {{linear: [{{disk: {a}}}, {{disk: {b}}}]}}\n")
    world.dstctl("init", file)
    world.write("vol.yaml", f"storage: vol\ntree: {{linear: [{{disk: {b}}}, {{disk: {a}}}]}}\n")
    refused(world, tgtd, load, file, "vol", "swapped", "a.img", "b.img")


def smaller_blocks_than_the_storage(world):
    """A loop device with 4096-byte sectors makes a storage of 4096-byte blocks, which a LUN of 512 cannot serve."""
    tgtd, load = with_a_bystander(world)
    device = subprocess.run(["losetup", "--find", "--show", "--sector-size", "4096", world.disk("loop.img", 32)],
                            check=True, capture_output=True, text=True).stdout.strip()
    try:
        file = world.write("vol.yaml", f"storage: vol\ntree: {{disk: {device}}}\n")
        world.dstctl("init", file)
        refused(world, tgtd, load, file, "vol", "4096", block=512)
        tgtd.new_lun(file, block=4096)
        world.initiator("fill", tgtd.url(), "--request", "64KiB")
        world.initiator("verify", tgtd.url(), "--request", "64KiB")
        tgtd.delete_lun()
    finally:
        load.kill()
        tgtd.stop(tids=(1, 2))
        subprocess.run(["losetup", "--detach", device], check=False)


def netnodes_that_are_not_there(world):
    """Without a journal the open fails; with one the LUN comes up, holds I/O, and works once they are there."""
    tgtd, load = with_a_bystander(world)
    for number in (1, 2):
        world.disk(f"disk{number}.img", 24)
    file = world.write("vol.yaml", "storage: vol\ntree: {mirror: [{netnode: '127.0.0.1:7791/disk0'}, {netnode: '127.0.0.1:7792/disk0'}]}\n")
    refused(world, tgtd, load, file, "vol", "127.0.0.1:7791/disk0")
    nodes = [world.netnode(f"node{n}", 7790 + n, {"disk0": world.path(f"disk{n}.img")}) for n in (1, 2)]
    world.dstctl("init", file)
    tgtd.new_lun(file)
    world.initiator("fill", tgtd.url(), "--seed", 3, "--length", "4MiB")
    tgtd.delete_lun()
    for node in nodes:
        node.terminate()
    *_, seconds = tgtd.new_lun(file)
    check(seconds < OPEN_LIMIT, f"it took {seconds:.1f} s to come up without its netnodes")
    shown = world.status("vol")
    check(shown["state"] == "waiting" and "7791" in shown["reason"], f"status: {shown}")
    check(shown["size_bytes"] > 16 << 20, f"the size is not known: {shown}")
    held = world.start_initiator("verify", tgtd.url(), "--seed", 3, "--length", "4MiB", name="held")
    time.sleep(2)
    check(held.running(), f"the read was not held: {held.output()}")
    for n in (1, 2):
        world.start_netnode(f"again{n}", world.path(f"node{n}.yaml"), 7790 + n)
    check(held.process.wait(90) == 0, f"held reads failed: {held.output()}")
    until(lambda: world.status("vol")["state"] == "healthy", 10, "the storage is healthy again")
    check(load.running(), f"the other LUN was disturbed: {load.output()}")


def names_that_resolve_slowly(world):
    """A name server that never answers holds nobody up."""
    tgtd, load = with_a_bystander(world)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    stop = threading.Event()
    resolv = world.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
    subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"], check=True)
    try:
        file = world.write("vol.yaml", "storage: vol\ntree: {mirror: [{netnode: 'slow1.example:7791/disk0'}, {netnode: 'slow2.example:7792/disk0'}]}\n")
        refused(world, tgtd, load, file, "vol", "slow1.example")
        refused(world, tgtd, load, file, "vol", "slow1.example")
        begin = time.monotonic()
        load.kill()
        tgtd.stop(tids=(1, 2))
        check(world.fair(begin, time.monotonic()) < 8, "tgtd does not end while a name is looked up")
    finally:
        stop.set()
        subprocess.run(["umount", "/etc/resolv.conf"], check=False)
        server.close()


def a_storage_file_on_a_file_system_that_hangs(world):
    """Whether failed opens can still be mended is looked at once a minute; nobody waits for that."""
    hanging = FaultyFile(world.path("fuse"), world.disk("real.img", 1))
    world.at_end(hanging.close)
    left = os.path.join(world.environment["DST_RUN_DIR"], "lost.failed")
    with open(left, "w", encoding="utf-8") as file:
        file.write(json.dumps({"storage": "lost", "time": "2026-01-02T03:04:05.678Z", "reason": "a mistake",
                               "head": "tgtd[999999999]", "file": hanging.path}) + "\n")
    os.utime(left, (0, 0))
    hanging.hangs = True
    world.processes.append(Process("reader", ["cat", hanging.path], world.path("reader.log")))  # then everything hangs
    tgtd, load = with_a_bystander(world)

    def looks():
        threads = f"/proc/{tgtd.pid}/task"
        for thread in os.listdir(threads):
            with contextlib.suppress(OSError), open(f"{threads}/{thread}/wchan", encoding="ascii") as file:
                where = file.read()
                if "fuse" in where or where == "request_wait_answer":
                    return True
        return False
    until(looks, 10, "a thread of tgtd asks the file system that hangs")
    status = load.terminate()
    check(status == 0, f"the load ended with {status}: {load.output()}")
    check(world.status("other")["state"] == "healthy", "the storage does not answer")
    check(os.path.exists(left), "it was taken away before it was known that nobody mends it")
    hanging.clear()
    until(lambda: not os.path.exists(left), 10, "what its head, which has ended, left is taken away")
    tgtd.delete_lun(tid=2)


main([a_broken_file, media_that_are_not_ours, a_medium_that_is_too_small, swapped_parts, smaller_blocks_than_the_storage,
      netnodes_that_are_not_there, names_that_resolve_slowly, a_storage_file_on_a_file_system_that_hangs])
