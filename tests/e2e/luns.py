#!/usr/bin/env python3
"""Many storages in one tgtd: load on all of them, LUNs that come and go, nothing that grows."""
import contextlib
import os
import time

from harness import Failure, check, main, until

STORAGES = 10
ROUNDS = int(os.environ.get("DST_E2E_ROUNDS", "100"))


def storages(world, count):
    for node in (1, 2):
        exports = {f"disk{n}": world.disk(f"node{node}-disk{n}.img", 24) for n in range(count)}
        world.netnode(f"node{node}", 7790 + node, exports)
    files = []
    for n in range(count):
        file = world.write(f"vol{n}.yaml", f"storage: vol{n}\ntree:\n  mirror:\n    - netnode: 127.0.0.1:7791/disk{n}\n"
                                           f"    - netnode: 127.0.0.1:7792/disk{n}\n")
        world.dstctl("init", file)
        files.append(file)
    return files


def delete_under_load(tgtd, tid, load, limit=20):
    """tgt refuses to remove a LUN while a command runs on it: tries between commands, then cuts the initiator off."""
    begin = time.monotonic()
    while tgtd.delete_lun(tid=tid, ok=None)[0] != 0:
        if time.monotonic() > begin + 0.2 and load.running():
            load.kill()
        if time.monotonic() > begin + limit:
            raise Failure("the LUN cannot be removed")
        time.sleep(0.002)


def ten_storages_under_load_at_once(world):
    files = storages(world, STORAGES)
    tgtd = world.tgtd()
    loads = []
    for n, file in enumerate(files):
        tgtd.new_target(tid=n + 1)
        tgtd.new_lun(file, tid=n + 1)
        loads.append(world.start_initiator("load", tgtd.url(tid=n + 1), "--seed", n, "--seconds", 10, "--request", "16KiB",
                                           name=f"load{n}"))
    for load in loads:
        status = load.process.wait(300)
        check(status == 0, f"{load.name}: status {status}: {load.output()}")
    for n in range(STORAGES):
        check(world.status(f"vol{n}")["state"] == "healthy", f"vol{n} is not healthy")
    tgtd.stop(tids=range(1, STORAGES + 1))


def several_luns_behind_one_target(world):
    files = storages(world, 3)
    tgtd = world.tgtd()
    tgtd.new_target()
    for n, file in enumerate(files):
        tgtd.new_lun(file, lun=n + 1)
        world.initiator("fill", tgtd.url(lun=n + 1), "--seed", 100 + n)
    for n in range(3):
        world.initiator("verify", tgtd.url(lun=n + 1), "--seed", 100 + n)
    status, _, error, seconds = tgtd.new_lun(files[0], lun=9, ok=None)
    check(status != 0 and seconds < 3.5, f"one storage was opened twice: {error}")
    tgtd.delete_lun(lun=2)
    world.initiator("verify", tgtd.url(lun=1), "--seed", 100)
    tgtd.stop()


def luns_come_and_go_while_others_work(world):
    """A LUN is removed and added again, over and over, with I/O on it and on others; nothing leaks."""
    files = storages(world, 4)
    tgtd = world.tgtd()
    for n, file in enumerate(files):
        tgtd.new_target(tid=n + 1)
        tgtd.new_lun(file, tid=n + 1)
    others = [world.start_initiator("load", tgtd.url(tid=n + 1), "--seed", n, "--seconds", 3600, "--request", "8KiB", "--depth", 4,
                                    name=f"other{n}") for n in (1, 2, 3)]
    seen = []
    for number in range(1, ROUNDS + 1):
        own = world.start_initiator("load", tgtd.url(), "--seed", number, "--seconds", 60, "--request", "8KiB", "--depth", 1,
                                    "--allow-errors", name=f"own{number}")
        until(lambda: "running" in own.output() or not own.running(), 10, f"round {number}: the LUN is under load")
        delete_under_load(tgtd, 1, own)
        own.kill()
        world.processes.remove(own)
        tgtd.new_lun(files[0])
        for other in others:
            check(other.running(), f"round {number}: {other.name} ended: {other.output()}")
        if number >= ROUNDS // 5:
            if number == ROUNDS:
                # A dying connection of the killed initiator may still hold a few.
                with contextlib.suppress(Failure):
                    until(lambda: tgtd.descriptors() <= seen[0][1] and tgtd.threads() <= seen[0][2], 3, "they are closed")
            seen.append((number, tgtd.descriptors(), tgtd.threads(), tgtd.resident_kib()))
    first, last = seen[0], seen[-1]
    half = len(seen) // 2
    early = sorted(row[3] for row in seen[:half])[half // 2]
    late = sorted(row[3] for row in seen[half:])[half // 2]
    print(f"     round {first[0]}: {first[1]} descriptors, {first[2]} threads; round {last[0]}: {last[1]}, {last[2]}; "
          f"resident, median of the first half {early} KiB, of the second {late} KiB", flush=True)
    check(last[1] <= first[1] + 3, f"descriptors grow: {first[1]} to {last[1]}")
    check(last[2] <= first[2] + 1, f"threads grow: {first[2]} to {last[2]}")
    check(late <= early + 2048 + early // 50, f"memory grows: {early} to {late} KiB")
    for other in others:
        other.kill()
    until(lambda: world.status("vol0")["state"] == "healthy", 10, "vol0 is healthy")
    tgtd.stop(tids=range(1, 5))
    leaks = [line for line in tgtd.output().splitlines() if "bs_dst" in line or "dst::" in line]
    check("LeakSanitizer" not in tgtd.output() or not leaks, "leaks in the module:\n" + "\n".join(leaks[:40]))
    check("ERROR: AddressSanitizer" not in tgtd.output(), "address errors:\n" + tgtd.output()[-4000:])


main([ten_storages_under_load_at_once, several_luns_behind_one_target, luns_come_and_go_while_others_work])
