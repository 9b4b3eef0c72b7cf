#!/usr/bin/env python3
"""Members of a mirror that failed come back by themselves: they are brought up to date and are the same to the last byte."""
import os
import time

from faults import Machine, Volume, gap_below, nothing_was_sent_again
from harness import check, main, until

MEMBER_TIMEOUT_S = 1
# One region takes 4 s: whoever looks sees the resync.
SLOW_RESYNC = "{member_timeout: 1s, resync: {rate: 4MiB/s}}"


def a_member_is_killed_under_load_and_comes_back(world):
    volume = Volume(world)
    for number in (0, 1, 0):
        volume.begin()
        time.sleep(1)
        volume.loses(number, Machine.kill)
        time.sleep(1)
        volume.machines[number].start()
        volume.in_sync()
        gap_below(volume.end(), 1.0, "a netnode was killed")
    volume.finish()


def a_member_is_killed_while_it_is_brought_up_to_date(world):
    volume = Volume(world, mib=48, policy=SLOW_RESYNC)
    volume.begin(depth=16)
    volume.loses(1, Machine.kill)
    for pause in (0.0, 0.1, 0.3, 0.9):
        volume.machines[1].start()
        until(lambda: volume.states()[1] == "resyncing", 30, "a resync begins")
        time.sleep(pause)
        interrupted = volume.count("resync-stopped", 1)
        volume.machines[1].kill()
        until(lambda: volume.count("resync-stopped", 1) > interrupted, 10, "the resync is broken off")
    # At moments that nobody chose: before it is taken back, while it is marked, or later.
    for pause in (0.0, 0.2, 0.6, 1.2):
        volume.machines[1].start()
        time.sleep(pause)
        volume.machines[1].kill()
    volume.machines[1].start()
    volume.in_sync()
    gap_below(volume.end(), MEMBER_TIMEOUT_S + 1, "a netnode was killed during a resync")
    volume.finish()


def the_other_member_is_killed_during_a_resync(world):
    """The only member that has all is lost for a moment: nothing is served from the one that lacks something."""
    volume = Volume(world, mib=48, policy=SLOW_RESYNC)
    volume.begin("--allow-errors", depth=16)
    volume.loses(1, Machine.kill)
    time.sleep(0.5)
    volume.machines[1].start()
    until(lambda: volume.states()[1] == "resyncing", 10, "the member returns")
    volume.machines[0].kill()
    until(lambda: volume.status()["state"] == "held", 10, "the storage is held")
    time.sleep(1.5)
    check(volume.status()["state"] == "held", f"it is served from the one that lacks something: {volume.status()}")
    volume.machines[0].start()
    volume.in_sync()
    nothing_was_sent_again(volume.end())
    volume.finish()


def a_member_that_hung_comes_back(world):
    """What it was sent before it was dropped does not appear later."""
    volume = Volume(world)
    volume.begin()
    for number in (1, 0):
        time.sleep(1)
        volume.loses(number, Machine.freeze)
        time.sleep(2)
        volume.machines[number].thaw()
        volume.in_sync()
    gap_below(volume.end(), MEMBER_TIMEOUT_S + 1, "a netnode hung")
    volume.finish()


def a_member_hangs_with_the_timeout_that_nobody_chose(world):
    """member_timeout is 8 s."""
    volume = Volume(world, policy="{replace: blank}")
    for number in (1, 0):
        volume.begin()
        time.sleep(1)
        volume.loses(number, Machine.freeze, limit=12)
        time.sleep(1)
        volume.machines[number].thaw()
        volume.in_sync()
        counted = volume.end()
        print(f"     longest pause: {max(gap['seconds'] for gap in counted['gaps']):.2f} s", flush=True)
        gap_below(counted, 9, "a netnode hung")
    volume.finish()


def a_member_hangs_for_a_moment_only(world):
    """Shorter than member_timeout: it stays."""
    volume = Volume(world, policy="{member_timeout: 4s}")
    volume.begin()
    time.sleep(1)
    frozen = time.monotonic()
    volume.machines[0].freeze()
    time.sleep(1.5)
    volume.machines[0].thaw()
    frozen = time.monotonic() - frozen
    time.sleep(1)
    check("member-dropped" not in volume.tgtd.output(), "it was dropped")
    gap_below(volume.end(), frozen + 1, f"a netnode hung for {frozen:.1f} s")
    volume.finish()


def a_blank_disk_is_taken_in(world):
    volume = Volume(world)
    volume.begin()
    disk = volume.machines[0].disk
    volume.loses(0, Machine.kill)
    size = os.path.getsize(disk)
    os.unlink(disk)
    with open(disk, "wb") as file:
        file.truncate(size)
    volume.machines[0].start()
    volume.in_sync()
    volume.end()
    volume.machines[1].kill()
    world.initiator("check", volume.tgtd.url(), "--record", volume.record)
    volume.machines[1].start()
    volume.finish()


def the_head_dies_while_a_member_is_away(world):
    volume = Volume(world)
    volume.begin()
    volume.loses(1, Machine.kill)
    time.sleep(1)
    volume.tgtd.kill()
    volume.machines[1].start()
    volume.start_head()
    volume.end()
    volume.finish()


def a_member_that_comes_after_the_start_has_missed_nothing(world):
    """It is in use again without having left: the set in sync, and so the generation, stay as they are."""
    volume = Volume(world)
    volume.begin()
    time.sleep(1)
    volume.end()
    volume.tgtd.delete_lun()
    volume.machines[1].kill()
    volume.tgtd.new_lun(volume.file, thin=True)
    until(lambda: volume.states() == ["in_sync", "unreachable"], 5, "it serves without the second member")
    generation = volume.status()["age"]["generation"]
    time.sleep(5)
    volume.machines[1].start()
    volume.in_sync(8)
    now = volume.status()["age"]["generation"]
    check(now == generation, f"generation {now}, it was {generation}")
    volume.machines[0].kill()
    world.initiator("check", volume.tgtd.url(), "--record", volume.record)
    volume.machines[0].start()
    volume.finish()


main([a_member_is_killed_under_load_and_comes_back, a_member_is_killed_while_it_is_brought_up_to_date,
      the_other_member_is_killed_during_a_resync, a_member_that_hung_comes_back, a_member_hangs_for_a_moment_only,
      a_blank_disk_is_taken_in, the_head_dies_while_a_member_is_away,
      a_member_that_comes_after_the_start_has_missed_nothing],
     slow=[a_member_hangs_with_the_timeout_that_nobody_chose])
