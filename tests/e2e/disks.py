#!/usr/bin/env python3
"""Disks that fail, fill up, hang or are slow under load: initiators see nothing of it while the other copy is good."""
import json
import os
import signal
import time

from faults import Volume, gap_below
from faulty_file import FaultyFile
from harness import check, main, run, until

MIB = 1 << 20
GAP_S = 2


def with_faults(world, numbers=(2,), policy="{member_timeout: 1s}"):
    """A mirror in which the disks of these machines fail on demand; returns it and them."""
    files = {}
    for number in numbers:
        files[number] = FaultyFile(world.path(f"fuse{number}"), world.disk(f"real{number}.img", 64))
        world.at_end(files[number].close)
    volume = Volume(world, policy=policy, disks={number: file.path for number, file in files.items()})
    volume.in_sync()  # nobody knows what is on such a disk, so that the second member begins with a resync
    volume.begin()
    time.sleep(0.5)
    return volume, files


def drops(world, set_fault, *words):
    """The member with the fault is dropped, says why, and is back when its disk works again."""
    volume, files = with_faults(world)
    begin = time.monotonic()
    volume.loses(1, lambda _: set_fault(files[2]))
    for word in words:
        until(lambda word=word: word in volume.tgtd.output() + volume.machines[1].process.output(), 10, f"'{word}' in a log")
    time.sleep(1.5)
    check(volume.states()[0] == "in_sync", f"members: {volume.states()}")
    tries = volume.count("resync-stopped")
    seconds = time.monotonic() - begin
    check(tries <= 4 + seconds / 10, f"within {seconds:.1f} s it was taken back and given up {tries} times")
    files[2].clear()
    volume.in_sync()
    gap_below(volume.end(), GAP_S, "a disk failed")
    volume.finish()


def a_place_cannot_be_read(world):
    volume, files = with_faults(world, policy="{member_timeout: 8s}")  # nobody is to be dropped
    files[2].read_error = (0, 32 * MIB)
    until(lambda: "member-read-error" in volume.tgtd.output(), 10, "the event")
    time.sleep(1)
    check(volume.states() == ["in_sync", "in_sync"], f"members: {volume.states()}")
    check("disk-error" in volume.machines[1].process.output(), "the netnode does not say it")
    files[2].clear()
    gap_below(volume.end(), GAP_S, "a place could not be read")
    volume.finish()


def a_place_cannot_be_written(world):
    def fault(file):
        file.write_error = (0, 32 * MIB)
    drops(world, fault, "disk-error", "resync-stopped")


def a_disk_is_full(world):
    def fault(file):
        file.full = True
    drops(world, fault, "disk-error", "full")


def a_disk_does_not_flush(world):
    def fault(file):
        file.sync_error = True
    drops(world, fault, "disk-flush-failed")


def a_disk_does_not_flush_what_it_is_to_write_through(world):
    """A device that knows no such write: the kernel writes and flushes, and tells of a flush that failed only once."""
    file = FaultyFile(world.path("fuse"), world.disk("real.img", 64))
    world.at_end(file.close)
    _, device, _ = run("losetup", "--find", "--show", "--direct-io=on", file.path)
    device = device.strip()
    world.at_end(lambda: run("losetup", "--detach", device, ok=None))
    storage = world.write("vol.yaml", f"storage: vol\ntree: {{disk: {device}}}\npolicy: {{write_cache: off}}\n")
    world.dstctl("init", storage, "--force")
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(storage)
    world.initiator("fill", tgtd.url(), "--length", "64KiB", "--request", "4KiB")
    check("disk-flush-failed" not in tgtd.output(), f"nothing failed yet: {tgtd.output()}")
    file.sync_error = True
    world.initiator("fill", tgtd.url(), "--length", "4KiB", "--request", "4KiB", ok=None)
    until(lambda: "disk-flush-failed" in tgtd.output(), 10, "the disk is taken down as one that may have forgotten")
    file.clear()
    until(lambda: world.status("vol")["state"] == "healthy", 20, "the disk is back")
    world.initiator("verify", tgtd.url(), "--length", "64KiB", "--request", "4KiB")
    # When it is the write that fails, the disk stays up, and can be read.
    file.write_error = (0, 64 * MIB)
    filled = world.initiator("fill", tgtd.url(), "--length", "4KiB", "--request", "4KiB", ok=None)
    check(filled["mistakes"] == 1, f"a write succeeded: {filled}")
    time.sleep(1)
    check(tgtd.output().count("disk-flush-failed") == 1, f"taken for a flush: {tgtd.output()}")
    world.initiator("verify", tgtd.url(), "--length", "64KiB", "--request", "4KiB")
    tgtd.stop()


def a_disk_hangs(world):
    def fault(file):
        file.hangs = True
    drops(world, fault)


def a_disk_is_slow(world):
    """It answers within member_timeout, and stays."""
    volume, files = with_faults(world, policy="{member_timeout: 8s}")
    files[2].delay_s = 0.02
    time.sleep(4)
    check("member-dropped" not in volume.tgtd.output(), "it was dropped")
    files[2].clear()
    volume.end(120)
    volume.finish()


def a_disk_that_hangs_is_taken_out_of_a_netnode(world):
    """Others are taken up meanwhile."""
    hanging = FaultyFile(world.path("fuse"), world.disk("real.img", 64))
    world.at_end(hanging.close)
    node = world.netnode("node", 7791, {"hanging": hanging.path})
    mirror = f"{{mirror: [{{disk: {world.disk('near.img', 64)}}}, {{netnode: 127.0.0.1:7791/hanging}}]}}"
    file = world.write("vol.yaml", f"storage: vol\ntree: {mirror}\npolicy: {{member_timeout: 1s}}\n")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    until(lambda: world.status("vol")["state"] == "healthy", 60, "both are in sync")
    load = world.start_initiator("load", tgtd.url(), "--seconds", 60, "--depth", 8, name="load")
    time.sleep(1)
    hanging.hangs = True
    until(lambda: "member-dropped" in tgtd.output(), 20, "the disk hangs")
    world.write("node.yaml", f'listen: ["127.0.0.1:7791"]\nexports:\n  fresh:\n    disk: {world.disk("new.img", 64)}\n')
    node.signal(signal.SIGHUP)
    until(lambda: "node/fresh" in node.output() or "new.img" in node.output(), 15, "the new export")
    fresh = world.write("fresh.yaml", "storage: fresh\ntree: {netnode: 127.0.0.1:7791/fresh}\n")
    world.dstctl("init", fresh)
    hanging.clear()
    check(load.terminate(60) == 0, f"I/O did not carry on: {load.output()}")


def turning_off_the_write_cache(world):
    """MODE SELECT is answered when what was acknowledged before is durable; what is written then is durable at once."""
    file = FaultyFile(world.path("fuse"), world.disk("real.img", 64))
    world.at_end(file.close)
    vol = world.write("vol.yaml", f"storage: vol\ntree: {{disk: {file.path}}}\n")
    world.dstctl("init", vol)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(vol)

    def syncs_of(*what):
        before = file.syncs
        world.initiator(*what)
        return file.syncs - before

    fill = ("fill", tgtd.url(), "--length", "1MiB", "--request", "64KiB", "--depth", 1)
    for how in ((), ("--six",)):
        off, on = (("write-cache", tgtd.url(), "--to", to, *how) for to in ("off", "on"))
        check(syncs_of(*fill) == 0, "a write is made durable that nobody asked that of")
        check(syncs_of(*off) > 0, "what was written before may be lost")
        check(syncs_of(*fill) >= 16, "a write may be lost although the cache is off")
        check(syncs_of(*on) == 0, "turning it on made something durable")
        check(syncs_of(*fill) == 0, "the cache is not on again")
    file.sync_error = True
    shown = world.initiator(*off, ok=(1,))
    check("sense 03 asc/q 0c00" in shown["answer"] and shown["write_cache"], f"a flush failed, and the answer is {shown}")
    check("disk-flush-failed" in tgtd.output(), "the disk's error is not told")
    file.clear()
    until(lambda: world.initiator(*fill, "--flush", ok=(0, 1)).get("mistakes") == 0, 20, "a flush succeeds again")
    check(not world.initiator(*off)["write_cache"], "the cache is not off")
    check(syncs_of(*fill) >= 16, "a write may be lost although the cache is off")


def no_copy_can_be_read_or_written(world):
    """Initiators are told. Nobody is dropped for what everybody failed, and what was acknowledged is there afterwards."""
    volume, files = with_faults(world, numbers=(1, 2))
    volume.end()
    volume.begin("--allow-errors")
    for file in files.values():
        file.read_error = file.write_error = (16 * MIB, 24 * MIB)
    volume.answered("error_3_1100")  # MEDIUM ERROR
    time.sleep(1)
    for file in files.values():
        file.clear()
    time.sleep(0.5)
    volume.end()
    volume.finish()


def the_file_system_of_a_sparse_disk_is_full(world):
    """A real one: a sparse file on a file system with too little room, which is made larger later."""
    folder = world.path("small")
    os.makedirs(folder)
    run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder)
    world.at_end(lambda: run("umount", "-l", folder, ok=None))
    disk = world.disk("small/disk2.img", 64)
    volume = Volume(world, disks={2: disk})
    volume.begin()
    until(lambda: volume.count("member-dropped", 1) > 0, 20, "the member is dropped")
    log = volume.machines[1].process.output()
    check("disk-error" in log and "full" in log, f"the netnode does not say that the file system is full:\n{log}")
    until(lambda: "no space" in volume.status()["tree"]["children"][1].get("reason", ""), 10, "the status says it")
    run("mount", "-o", "remount,size=100m", folder)
    volume.in_sync()
    gap_below(volume.end(), GAP_S, "a disk was full")
    volume.finish()


def a_disk_of_the_head_hangs(world):
    """The mirror goes on with the other disk, and tgtd is not held up when the LUN is removed, although the kernel lets
    the storage's thread end only when the disk has answered a flush."""
    hanging, good = (FaultyFile(world.path(f"fuse-{name}"), world.disk(f"{name}.img", 64)) for name in ("hanging", "good"))
    for disk in (hanging, good):
        world.at_end(disk.close)
    file = world.write("vol.yaml", f"storage: vol\ntree: {{mirror: [{{disk: {hanging.path}}}, {{disk: {good.path}}}]}}\n"
                                   "policy: {member_timeout: 1s}\n")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file, thin=True)
    until(lambda: world.status("vol")["state"] == "healthy", 20, "the members are in sync")
    good.delay_s = 0.01  # reads go to the other one
    # No writes: FUSE lets them wait, and the thread that submits them, for a flush.
    loads = [world.start_initiator("load", tgtd.url(), "--seconds", 3600, "--depth", 4, "--mix", f"{kind}=1", name=f"load-{kind}")
             for kind in ("read", "flush")]
    until(lambda: all("running" in load.output() for load in loads), 10, "the loads run")
    hanging.hangs = True
    until(lambda: " member-dropped " in tgtd.output(), 8, "the mirror goes on without it")
    good.clear()
    for load in loads:
        check(load.terminate(60) == 0, f"the load failed: {load.output()}")
        gaps = json.loads(load.output().splitlines()[-1])["gaps"]
        longest = max((world.fair(gap["at"], gap["at"] + gap["seconds"]) for gap in gaps), default=0)
        check(longest < GAP_S, f"a disk of the head hung: {longest:.1f} s without a command that ended")
    begin = time.monotonic()
    tgtd.delete_lun()
    tgtd.admin("--lld", "iscsi", "--op", "show", "--mode", "target")
    seconds = world.fair(begin, time.monotonic())
    check(seconds < 3, f"tgtd was held up for {seconds:.1f} s")
    check("disk-close-hangs" in tgtd.output(), "the kernel held nothing when the disk was closed")
    hanging.clear()
    until(lambda: tgtd.new_lun(file, thin=True, ok=None)[0] == 0, 10, "the LUN can be added again")
    until(lambda: world.status("vol")["state"] == "healthy", 20, "the members are in sync")
    tgtd.stop()


main([a_place_cannot_be_read, a_place_cannot_be_written, a_disk_is_full, a_disk_does_not_flush,
      a_disk_does_not_flush_what_it_is_to_write_through, a_disk_hangs,
      a_disk_of_the_head_hangs, a_disk_that_hangs_is_taken_out_of_a_netnode, turning_off_the_write_cache,
      no_copy_can_be_read_or_written, the_file_system_of_a_sparse_disk_is_full], slow=[a_disk_is_slow])
