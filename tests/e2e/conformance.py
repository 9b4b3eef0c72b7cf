#!/usr/bin/env python3
"""libiscsi's iscsi-test-cu on a mirror of two netnodes, against the same on tgt's own rdwr.

Each test runs in its own process with a time limit. No test may do worse on DST than on rdwr, and the tests of
MUST_PASS have to pass. rdwr's results are kept in the build folder, per version of tgt.

ONE_TO_ONE are run with one logical block per physical block: with eight, as media have by default, the test expects the
first descriptor to begin behind the LBA it asked for, which SBC-3 5.7 does not allow (rdwr fails it too). The others
are run with eight, since some are skipped with one.

usage: conformance.py [--again] [TEST...]     (names as iscsi-test-cu --list prints them; --again: rdwr too)
"""
import json
import os
import subprocess
import sys

from harness import BUILD, Failure, check, main, run

LIMIT = 60
RANK = {"passed": 2, "skipped": 1, "failed": 0, "hung": 0}
MUST_PASS = [f"ALL.CompareAndWrite.{name}" for name in
             ("Simple", "DpoFua", "Miscompare", "Unwritten", "InvalidDataOutSize")]
MUST_PASS += ["ALL.GetLBAStatus.Simple", "ALL.GetLBAStatus.BeyondEol", "ALL.GetLBAStatus.UnmapSingle",
              "ALL.Unmap.ZeroBlocks"]
ONE_TO_ONE = ["ALL.GetLBAStatus.UnmapSingle"]
NAMED = [name for name in sys.argv[1:] if name.startswith("ALL.")]
AGAIN = "--again" in sys.argv
sys.argv = sys.argv[:1]


def names():
    """Every test once: the family ALL holds all of them."""
    _, output, error = run("iscsi-test-cu", "--list", ok=None)
    found = [line.strip() for line in (output + error).splitlines()]
    return NAMED or [line for line in found if line.startswith("ALL.") and line.count(".") == 2]


def one(name, url):
    """Runs one test; returns (result, output)."""
    command = ["iscsi-test-cu", "--dataloss", "--normal", f"--test={name}", url]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired as hung:
        return "hung", str(hung.stdout)
    output = done.stdout + done.stderr
    if done.returncode != 0 or "asserts" not in output:
        return "failed", output
    return ("skipped" if "[SKIPPED]" in output else "passed"), output


def blocks_per_physical(tgtd, exponent):
    tgtd.admin("--lld", "iscsi", "--op", "update", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "--params",
               f"lbppbe={exponent}")


def results(tgtd, label):
    found = {}
    for name in names():
        if name in ONE_TO_ONE:
            blocks_per_physical(tgtd, 0)
        found[name] = one(name, tgtd.url())
        if name in ONE_TO_ONE:
            blocks_per_physical(tgtd, 3)
        check(tgtd.running(), f"tgtd ({label}) ended in {name}")
    count = {kind: sum(1 for result, _ in found.values() if result == kind) for kind in RANK}
    print(f"     {label}: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped, "
          f"{count['hung']} hung", flush=True)
    return found


def reference(world):
    """rdwr's results, from the cache when this tgt was measured before."""
    _, version, _ = run("dpkg-query", "-W", "-f", "${Version}", "tgt")
    cache = os.path.join(BUILD, f"conformance-rdwr-{version.replace(':', '_')}.json")
    if not NAMED and not AGAIN and os.path.exists(cache):
        with open(cache, encoding="utf-8") as file:
            return json.load(file)
    tgtd = world.tgtd(name="tgtd-rdwr")
    tgtd.new_target()
    tgtd.new_lun(world.disk("rdwr.img", 200), bstype="rdwr", thin=True)
    found = {name: result for name, (result, _) in results(tgtd, "rdwr").items()}
    tgtd.kill()
    if not NAMED:
        with open(cache, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
    return found


def no_test_does_worse_than_on_rdwr(world):
    expected = reference(world)
    for number in (1, 2):
        world.netnode(f"node{number}", 7790 + number, {"disk0": world.disk(f"disk{number}.img", 210)})
    storage = world.write("vol.yaml", "storage: vol\ntree:\n  mirror:\n    - netnode: 127.0.0.1:7791/disk0\n"
                                      "    - netnode: 127.0.0.1:7792/disk0\n")
    world.dstctl("init", storage)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(storage, thin=True)
    found = results(tgtd, "dst")
    worse = []
    for name, (result, output) in found.items():
        must = name in MUST_PASS and result != "passed"
        if must or RANK[result] < RANK[expected[name]]:
            worse.append(f"{name}: {result}, rdwr: {expected[name]}\n{output[-1500:]}")
    check(world.status("vol")["state"] == "healthy", "the storage is not healthy after the tests")
    tgtd.stop()
    if worse:
        raise Failure("\n".join(worse))


main([no_test_does_worse_than_on_rdwr])
