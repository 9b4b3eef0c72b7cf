#!/usr/bin/env python3
"""The last node of a storage goes away under load and comes back (M10): I/O is held, answered "send again", or fails in the end."""
import time

from faults import Machine, Volume, gap_below, nothing_was_sent_again, without_the_loss
from harness import check, main, until


def alone(world, policy):
    """One member is off and dropped, the other is the last one; the load runs."""
    volume = Volume(world, policy=policy)
    volume.begin("--allow-errors")
    volume.loses(0, Machine.kill)
    time.sleep(0.5)
    return volume


def away_for(volume, seconds):
    """The last one is killed and comes back; returns what the load counted meanwhile, and for how long it was away."""
    begin = time.monotonic()
    volume.machines[1].kill()
    until(lambda: volume.status()["state"] == "held", 10, "the storage is held")
    time.sleep(seconds)
    volume.machines[1].start()
    away = time.monotonic() - begin
    until(lambda: volume.status()["state"] == "degraded", 20, "the storage serves")
    time.sleep(1)
    counted = volume.end()
    volume.machines[0].start()
    return counted, away


def ten_seconds(world):
    """Shorter than hold: nothing fails, and nothing is even sent again."""
    volume = alone(world, "{member_timeout: 1s}")
    counted, away = away_for(volume, 10)
    nothing_was_sent_again(counted)
    # The head tries to connect again at least every 5 s.
    gap_below(counted, away + 6, f"the last node was away for {away:.1f} s")
    volume.finish()


def longer_than_hold_and_give_up(world):
    """Commands end in NOT READY after hold, and fail after give_up. When the node is back everything works."""
    volume = alone(world, "{member_timeout: 1s, on_loss: {hold: 2s, give_up: 5s}}")
    counted, _ = away_for(volume, 7)
    check(counted["answers"].get("not_ready_0401", 0) >= 32, f"nothing was sent again: {counted['answers']}")
    check(counted["errors"] > 32, f"nothing failed: {counted['answers']}")
    for event in ("storage-held", "storage-gave-up", "storage-resumed"):
        check(volume.count(event) == 1, f"{event} was told {volume.count(event)} times")
    volume.finish()


def forty_seconds(world):
    """The defaults: hold 20 s, give up after 120 s."""
    volume = alone(world, "{member_timeout: 1s}")
    counted, _ = away_for(volume, 40)
    answers = without_the_loss(counted)
    check(set(answers) == {"not_ready_0401"}, f"{counted['answers']}")
    check(counted["answers"].get("not_ready_0401", 0) >= 32, f"nothing was sent again: {counted['answers']}")
    volume.finish()


def two_hundred_seconds(world):
    volume = alone(world, "{member_timeout: 1s}")
    counted, _ = away_for(volume, 200)
    check(counted["errors"] > 32, f"nothing failed: {counted['answers']}")
    volume.finish()


def both_at_once(world):
    """Nobody is dropped for what all missed: both are in sync when they are back."""
    volume = Volume(world)
    volume.begin("--allow-errors")
    time.sleep(0.5)
    for machine in volume.machines:
        machine.kill()
    time.sleep(3)
    for machine in volume.machines:
        machine.start()
    volume.in_sync(10)
    time.sleep(0.5)
    counted = volume.end()
    nothing_was_sent_again(counted)
    volume.finish()


def both_hang(world):
    """Nobody says that they are lost; yet the storage is shown as held, and gives up, as if they were."""
    volume = Volume(world, policy="{member_timeout: 3s, on_loss: {hold: 4s, give_up: 8s}}")
    volume.begin("--allow-errors")
    time.sleep(1)
    begin = time.monotonic()
    for machine in volume.machines:
        machine.freeze()
    for state, limit in (("held", 6), ("failed", 12)):
        until(lambda: volume.status()["state"] == state, limit, f"the storage is {state}")
        took = world.fair(begin, time.monotonic())
        check(took < limit, f"{state} is shown after {took:.1f} s")
        check("hang" in volume.status()["reason"] or state == "failed", f"the reason: {volume.status()['reason']}")
    for machine in volume.machines:
        machine.thaw()
    until(lambda: volume.count("storage-resumed") > 0, 20, "it goes on")
    volume.in_sync()
    volume.end()
    volume.finish()


main([ten_seconds, longer_than_hold_and_give_up, both_at_once, both_hang], slow=[forty_seconds, two_hundred_seconds])
