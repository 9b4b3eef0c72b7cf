#!/usr/bin/env python3
"""Random walks over the mirror's membership rules (M1, M2, M5, M6, M7): two heads, some members, one register.

A serving head never reads a value older than the newest acknowledged one, and after each walk everything is mended and
a head must serve again. With --break a rule is left out, and a walk must be found that breaks the promise.
"""

import argparse
import random
import sys

from world import Finding, World

BREAKS = {
    "ack_before_record": "M2: a write is acknowledged before the record without the lost member is durable",
    "any_member": "M5: one member is enough although the journal does not decide",
    "journal_always": "M5: a journal decides although another head has served since",
    "claim_kept": "M5: a journal that did not decide keeps its claim",
    "no_served_mark": "M5: no served mark is written",
    "no_record_at_start": "M5: the record is not written again at a start",
    "no_cas": "M6: a promise does not look whether the label and the record are as they were peeked",
    "no_fence": "M6: lower epochs are not refused",
    "epoch_only_first": "M6: only one of the members used is promised",
    "add_journal_first": "M8: a promotion is in the journal before the members have it",
    "joiner_first": "M8: the new member has the promotion before the old ones",
    "no_pending": "M8: the coming generation is not noted before the promotion",
    "degrade_uncommitted": "M2: a promotion that not all old members hold is built upon",
    "readd_without_copy": "M8: a member is promoted without what it missed",
}

# No walk is known that needs these.
UNSEEN = {"degrade_uncommitted"}


def walk(seed, arguments, left_out):
    """Empty, or what was found and how it came to it; and how many starts served."""
    world = World(arguments.members, random.Random(seed), left_out)
    try:
        for _ in range(arguments.steps):
            world.step()
        world.heal()
    except Finding as finding:
        return [f"seed {seed}: {finding}"] + world.story[-45:], world.starts_served
    return [], world.starts_served


def is_missed(arguments, rule):
    """With two members, then with three and longer walks: some orders matter only then."""
    for arguments.members, arguments.steps in ((2, 60), (3, 120)):
        if walks(arguments, rule)[0]:
            return True
    return False


def walks(arguments, left_out):
    """The first finding, and the number of starts that served."""
    served = 0
    seeds = range(arguments.walks) if arguments.seed is None else [arguments.seed]
    for seed in seeds:
        found, starts = walk(seed, arguments, left_out)
        served += starts
        if found:
            return found, served
    return [], served


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walks", type=int, default=20000)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--break", dest="left_out", choices=sorted(BREAKS), default="")
    parser.add_argument("--every-break", action="store_true", help="each rule is left out in turn, and must be missed")
    parser.add_argument("--seed", type=int, help="only this walk")
    arguments = parser.parse_args()
    if arguments.every_break:
        not_missed = [rule for rule in sorted(BREAKS.keys() - UNSEEN) if not is_missed(arguments, rule)]
        print(f"{len(BREAKS) - len(UNSEEN)} rules left out, not found: {' '.join(not_missed) or 'none'}")
        return 1 if not_missed else 0
    found, served = walks(arguments, arguments.left_out)
    if found:
        print("\n".join(found))
        return 1
    print(f"no finding, {served} starts served")
    return 0


if __name__ == "__main__":
    sys.exit(main())
