#!/usr/bin/env python3
"""A seed is one run to the last step: alone, once more, and among others (docs/simulator.md).

usage: replay.py SIM FIRST LAST
"""
import re
import subprocess
import sys

END = re.compile(r"seed (\d+): \d+ requests, \d+ faults, \d+ steps\n")


def told(sim, *which):
    done = subprocess.run([sim, *which, "--trace"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(which)}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def stories(text):
    """By seed what a range printed of each, its last line with the steps included."""
    found = {}
    begin = 0
    for end in END.finditer(text):
        found[int(end[1])] = text[begin : end.end()]
        begin = end.end()
    return found


def difference(one, other):
    pairs = zip(one.splitlines(), other.splitlines())
    first = next((f"\n  {a}\n  {b}" for a, b in pairs if a != b), "one is longer than the other")
    return f"{one.count(chr(10))} and {other.count(chr(10))} lines, {first}"


def main():
    sim, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    among_others = stories(told(sim, "--seeds", f"{first}..{last}"))
    bad = 0
    for seed in range(first, last + 1):
        alone = told(sim, "--seed", str(seed))
        if seed not in stories(alone) or seed not in among_others:
            sys.exit(f"seed {seed}: no last line with its steps")
        for how, again in (("once more", told(sim, "--seed", str(seed))), ("among others", among_others[seed])):
            if again == alone:
                continue
            print(f"seed {seed}: another run {how}: {difference(alone, again)}")
            bad += 1
    print(f"{last - first + 1} seeds, {bad} differences")
    return 1 if bad else 0


sys.exit(main())
