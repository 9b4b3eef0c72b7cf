#!/usr/bin/env python3
"""A netnode that answers late stays a member and is not read from, until it is as quick as the others again (M9)."""
import os
import re
import signal
import time

from harness import BUILD, Process, check, listening, main, run, until

LATE_MS = 10
FIRST, SECOND, RELAY = 7791, 7782, 7792


def relayed_mirror(world):
    """A mirror of two netnodes, the second one behind a relay that can make its answers late; filled."""
    for number, port in enumerate((FIRST, SECOND), 1):
        world.netnode(f"node{number}", port, {"disk0": world.disk(f"disk{number}.img", 24)})
    relay = Process("relay", [os.path.join(BUILD, "tests", "bench", "bench_late_relay"), str(RELAY), str(SECOND), "--delay-ms",
                              str(LATE_MS)], world.path("relay.log"))
    world.processes.append(relay)
    until(lambda: listening(RELAY), 10, "the relay listens")
    file = world.write("vol.yaml", f"storage: vol\ntree: {{mirror: [{{netnode: '127.0.0.1:{FIRST}/disk0'}}, "
                                   f"{{netnode: '127.0.0.1:{RELAY}/disk0'}}]}}\n")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    world.initiator("fill", tgtd.url(), "--seed", 5, "--flush")
    return tgtd, relay


def sent_bytes(port):
    """What a netnode has sent on the connections that it has now."""
    _, shown, _ = run("ss", "-Htin", f"sport = :{port}")
    return sum(int(count) for count in re.findall(r"bytes_sent:(\d+)", shown))


def share_of_the_second():
    """How much of what is read within half a second comes from the second netnode."""
    before = [sent_bytes(port) for port in (FIRST, SECOND)]
    time.sleep(0.5)
    first, second = (sent_bytes(port) - was for port, was in zip((FIRST, SECOND), before))
    return second / max(1, first + second)


def told(tgtd, event):
    return [line for line in tgtd.output().splitlines() if f" {event} " in line and f"member=127.0.0.1:{RELAY}/disk0 " in line]


def a_late_netnode_is_not_read_from(world):
    tgtd, relay = relayed_mirror(world)
    load = world.start_initiator("load", tgtd.url(), "--seconds", 3600, "--mix", "read=1", "--request", "16KiB", "--depth", 8,
                                 "--seed", 5, "--start", "filled", name="load")
    until(lambda: share_of_the_second() > 0.1, 30, "both are read from")
    relay.signal(signal.SIGUSR1)
    until(lambda: told(tgtd, "member-slow"), 30, "the member is said to be slow")
    until(lambda: share_of_the_second() < 0.02, 30, "it is not read from")
    late_ms = int(told(tgtd, "member-slow")[-1].split("answers_in_ms=")[1].split()[0])
    check(late_ms >= 3, f"it is not said how late it answers: {told(tgtd, 'member-slow')}")
    quick = len(told(tgtd, "member-quick"))
    relay.signal(signal.SIGUSR1)
    until(lambda: len(told(tgtd, "member-quick")) > quick, 30, "the member is said to be quick again")
    until(lambda: share_of_the_second() > 0.1, 30, "both are read from again")
    check(load.terminate(60) == 0, f"the load: {load.output()}")
    check("member-dropped" not in tgtd.output(), "it was dropped")
    check(world.status("vol")["state"] == "healthy", f"{world.status('vol')}")
    tgtd.stop()


main([a_late_netnode_is_not_read_from])
