#!/usr/bin/env python3
"""Disks of netnodes that fail, fill up, hang or are slow under load: initiators see nothing of it while the other copy is good."""
import os
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


main([a_place_cannot_be_read, a_place_cannot_be_written, a_disk_is_full, a_disk_does_not_flush, a_disk_hangs,
      no_copy_can_be_read_or_written, the_file_system_of_a_sparse_disk_is_full], slow=[a_disk_is_slow])
