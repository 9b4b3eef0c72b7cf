#!/usr/bin/env python3
"""Heads that die, and two heads for one storage: nothing acknowledged is lost, and nobody serves old data."""
import os
import signal
import time

from faults import Machine, Volume
from harness import BUILD, check, main, run, until


def journal_of(world, env=None):
    return os.path.join((env or world.environment)["DST_STATE_DIR"], "vol.journal")


def tgtd_is_killed_again_and_again(world):
    volume = Volume(world)
    volume.begin()
    for pause in (1.5, 0.3, 0.05, 1):
        time.sleep(pause)
        volume.tgtd.kill()
        volume.start_head()
    time.sleep(1)
    counted = volume.end()
    check(counted["reopened"] > 0, f"the load saw nothing of it: {counted}")
    volume.finish()


def tgtd_and_a_netnode_are_killed_together(world):
    """The journal knows that both were in sync; either of them is enough, and the other one is brought up to date."""
    volume = Volume(world)
    volume.begin()
    for number in (0, 1):
        time.sleep(1)
        volume.machines[number].kill()
        volume.tgtd.kill()
        volume.start_head()
        until(lambda: volume.status()["state"] == "degraded", 10, "it serves with one member")
        time.sleep(0.5)
        volume.machines[number].start()
        volume.in_sync()
    volume.end()
    volume.finish()


def without_its_journal_a_storage_waits_for_all_members(world):
    volume = Volume(world)
    volume.begin()
    time.sleep(1)
    volume.end()
    volume.tgtd.kill()
    os.unlink(journal_of(world))
    volume.machines[0].kill()
    status, *_ = volume.start_head(ok=None)
    check(status != 0, "it serves although the missing member may have newer data")
    reason = volume.status()["reason"]
    check(volume.machines[0].member in reason and "journal" in reason, f"the reason does not say why: {reason}")
    volume.machines[0].start()
    volume.tgtd.new_lun(volume.file, thin=True)
    volume.finish()


def old_data_are_not_served(world):
    """A is off; what is written goes to B; B goes off and A comes back: nothing is served until B is there again."""
    volume = Volume(world)
    volume.begin()
    volume.loses(0, Machine.kill)
    time.sleep(1)
    volume.end()
    volume.machines[1].kill()
    volume.machines[0].start()
    held = world.start_initiator("check", volume.tgtd.url(), "--record", volume.record, name="held")
    time.sleep(3)
    check(held.running(), f"something was read from the one that lacks it: {held.output()}")
    until(lambda: volume.status()["state"] == "held", 10, "the storage is held")
    held.kill()
    # The same with a new head.
    volume.tgtd.kill()
    volume.start_head()
    until(lambda: volume.status()["state"] == "waiting" and volume.machines[1].member in volume.status()["reason"], 10,
          "the new head waits for the one that has all")
    held = world.start_initiator("check", volume.tgtd.url(), "--record", volume.record, name="held2")
    time.sleep(2)
    check(held.running(), f"something was read from the one that lacks it: {held.output()}")
    volume.machines[1].start()
    check(held.process.wait(90) == 0, f"what was written is not there: {held.output()}")
    volume.finish()


def second_head(world, volume, env):
    tgtd = world.tgtd(name="second", port=3261, control=6, env=env)
    tgtd.new_target()
    return tgtd, lambda: tgtd.new_lun(volume.file, thin=True, ok=None)


def one_journal_has_one_owner(world):
    """Two tgtd with the same state directory, which is what two on one machine have."""
    volume = Volume(world)
    volume.begin()
    for directories in ({}, {"DST_RUN_DIR": world.path("run-second")}):
        for path in directories.values():
            os.makedirs(path)
        second, open_it = second_head(world, volume, directories)
        status, *_, seconds = open_it()
        check(status != 0 and seconds < 3.3, f"status {status} after {seconds} s")
        _, text, _ = world.dstctl("status", "vol", env={**world.environment, **directories}, ok=None)
        wanted = f"tgtd[{volume.tgtd.pid}]"
        check(wanted in second.output(), f"the log does not say who has it ({wanted}):\n{second.output()}")
        check(not directories or wanted in text, f"the status does not say who has it ({wanted}):\n{text}")
        second.stop()
    volume.end()
    volume.finish()


def another_machine_asks_before_it_takes_over(world):
    volume = Volume(world, policy="{member_timeout: 8s}")  # nobody is to be dropped
    volume.begin("--allow-errors", "--reopen", 0)
    env = {"DST_RUN_DIR": world.path("run-second"), "DST_STATE_DIR": world.path("state-second")}
    for path in env.values():
        os.makedirs(path)
    second, open_it = second_head(world, volume, env)
    status, *_, seconds = open_it()
    check(status != 0 and seconds < 3.3, f"a second head opened it: status {status} after {seconds} s")
    _, text, _ = world.dstctl("status", "vol", env=env, ok=None)
    check(f"dstctl start {volume.file} --takeover" in text, f"the way out is not named:\n{text}")
    _, shown, refusal = world.dstctl("start", volume.file, "--takeover", env=env, ok=None)
    who = f"tgtd[{volume.tgtd.pid}] on "
    for place, said in (("the log", second.output()), ("the status", text), ("dstctl start", shown + refusal)):
        check(who in said, f"{place} does not say who the other head is ({who}):\n{said}")
    time.sleep(1)
    check(volume.load.running() and volume.status()["state"] == "healthy", "the first head was disturbed")
    world.dstctl("start", volume.file, "--takeover", "--yes", env=env)
    check(open_it()[0] == 0, f"it was not taken over:\n{second.output()[-2000:]}")
    until(lambda: world.status("vol", env=env)["state"] == "healthy", 10, "the second head serves")
    until(lambda: volume.status()["state"] == "fenced", 10, "the first head is fenced")
    check(volume.count("storage-fenced") == 1, "no event")
    check(volume.count("member-away") == 0, "its members are said to be away, and it is itself that is out")
    volume.load.terminate(60)
    # All that the first one acknowledged is there, and it serves nothing any more.
    world.initiator("check", second.url(), "--record", volume.record)
    command = [os.path.join(BUILD, "tests", "dst-initiator"), "fill", volume.tgtd.url(), "--length", "4KiB", "--request", "4KiB"]
    check(run(*command, ok=None)[0] != 0, "the first head took a write")
    first, volume.tgtd = volume.tgtd, second
    volume.begin()
    time.sleep(1)
    volume.end()
    volume.status = lambda: world.status("vol", env=env)
    volume.finish()
    first.stop()


def a_head_that_slept_is_fenced(world):
    """A machine hangs with writes under way; another one takes over. What it still sends when it wakes up is refused."""
    volume = Volume(world, policy="{member_timeout: 1s, takeover: auto}")
    for _ in range(3):
        volume.begin()
        time.sleep(0.7)
        asleep = volume.tgtd
        asleep.signal(signal.SIGSTOP)
        volume.load.kill()
        volume.start_head(elsewhere=True)
        volume.begin()
        time.sleep(0.7)
        asleep.signal(signal.SIGCONT)
        until(lambda: "storage-fenced" in asleep.output(), 10, "the one that slept is fenced")
        time.sleep(0.5)
        volume.end()
        asleep.stop()
    volume.finish()


def a_head_that_slept_drops_nobody(world):
    """It hangs for longer than member_timeout, and than its sessions live: that is not its members' fault."""
    volume = Volume(world)
    volume.begin()
    for pause in (0.5, 1.5, 4, 23):
        time.sleep(1)
        volume.tgtd.signal(signal.SIGSTOP)
        time.sleep(pause)
        volume.tgtd.signal(signal.SIGCONT)
    time.sleep(3)
    check("member-dropped" not in volume.tgtd.output(), "a member was dropped")
    volume.end()
    volume.finish()


main([tgtd_is_killed_again_and_again, tgtd_and_a_netnode_are_killed_together,
      without_its_journal_a_storage_waits_for_all_members, old_data_are_not_served, one_journal_has_one_owner,
      another_machine_asks_before_it_takes_over, a_head_that_slept_is_fenced], slow=[a_head_that_slept_drops_nobody])
