#!/usr/bin/env python3
"""Random walks over the mirror's membership rules (M1, M2, M5 to M8) and orders: two heads, some members, one register.

A serving head never reads what lacks an acknowledged write, unless an order gave that up; nothing is overwritten that
nobody gave up; and after each walk everything is mended and a head must serve again, with all members. With --break a
rule is left out, and a walk must be found that breaks the promise.
"""

import argparse
import random
import sys

from breaks import BREAKS, LEFT_OUT, UNSEEN, unknown_switches
from promise import Finding
from world import World


def walk(seed, arguments):
    """Empty, or what was found and how it came to it; and how many starts served."""
    world = World(arguments.members, random.Random(seed))
    try:
        for _ in range(arguments.steps):
            world.step()
        world.heal()
    except Finding as finding:
        return [f"seed {seed}: {finding}"] + world.story[-arguments.story:], world
    return [], world


def is_missed(arguments, rule):
    """With two members, then with three and longer walks: some orders matter only then."""
    for arguments.members, arguments.steps in ((2, 60), (3, 120)):
        if walks(arguments, rule)[0]:
            return True
    return False


def walks(arguments, left_out):
    """The first finding, and the number of starts that served, and of orders carried out."""
    LEFT_OUT.clear()
    LEFT_OUT.update([left_out] if left_out else [])
    served, ordered = 0, 0
    seeds = arguments.seed or range(arguments.first, arguments.first + arguments.walks)
    for seed in seeds:
        found, world = walk(seed, arguments)
        served += world.starts_served
        ordered += len(world.promise.orders)
        if found:
            return found, served, ordered
    return [], served, ordered


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walks", type=int, default=20000)
    parser.add_argument("--first", type=int, default=0, help="the first walk's seed")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--story", type=int, default=45, help="how many of the last steps are told")
    parser.add_argument("--break", dest="left_out", choices=sorted(BREAKS), default="")
    parser.add_argument("--every-break", action="store_true", help="each rule is left out in turn, and must be missed")
    parser.add_argument("--seed", type=int, nargs="+", help="only these walks")
    arguments = parser.parse_args()
    if arguments.every_break:
        not_missed = [rule for rule in sorted(BREAKS.keys() - UNSEEN) if not is_missed(arguments, rule)]
        print(f"{len(BREAKS) - len(UNSEEN)} rules left out, not found: {' '.join(not_missed) or 'none'}")
        unknown = unknown_switches()
        if unknown:
            print(f"the simulator has no switch {' '.join(unknown)}")
        return 1 if not_missed or unknown else 0
    found, served, ordered = walks(arguments, arguments.left_out)
    if found:
        print("\n".join(found))
        return 1
    print(f"no finding, {served} starts served, {ordered} orders carried out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
