"""Rules that can be left out on purpose, as block/breaks.h has them for the simulator."""

from pathlib import Path

BREAKS = {
    "ack_before_record": "M2: a write is acknowledged before the record without the lost member is durable",
    "any_member": "M5: one member is enough although the journal does not decide",
    "journal_always": "M5: a journal decides although another head has served since",
    "lower_epoch": "M5: nobody looks whether another head has gone on with a lower epoch",
    "order_left": "orders: a head leaves what an order made, and it has served, for what that order gave up",
    "claim_kept": "M5: a journal that did not decide keeps its claim",
    "no_served_mark": "M5: no served mark is written",
    "no_record_at_start": "M5: the record is not written again at a start",
    "no_cas": "M6: a promise does not look whether the label and the record are as they were peeked",
    "no_fence": "M6: lower epochs are not refused",
    "epoch_only_first": "M6: only one of the members used is promised",
    "add_journal_first": "M8: a promotion is in the journal before the members have it",
    "joiner_first": "M8: the new member has the promotion before the old ones",
    "no_pending": "M8: the coming generation is not noted before the promotion",
    "pending_names_nobody": "M8: the note of a coming generation does not say which members may have it",
    "degrade_uncommitted": "M2: a promotion that not all old members hold is built upon",
    "readd_without_copy": "M8: a member is promoted without what it missed",
    "mark_members_first": "M8: the record names the generation of one that an order gave up before it has its mark",
    "owed_map_only": "M7: a member that is owed everything gets only what its owed map says",
    "mixture_by_newest": "orders: only the newest record tells whether a member is half copied",
    "order_same_generation": "orders: a start with loss of data stands on the generation that it found",
    "order_owes_nothing": "orders: members that are given up keep the generation that they were known to have",
    "order_not_noted": "orders: the coming generation is not noted in the journal",
    "note_not_in_sync": "orders: of a member that is in sync nobody notes that it may have the coming generation",
    "order_taken_early": "orders: an order goes with the first write of the journal, not with the last",
    "order_stays": "orders: an order stays in the journal when its start is established",
    "order_descends_from_all": "orders: a start from a member that is not in sync descends from what it has not",
    "no_went_on": "orders: nobody looks whether another head went on in what was given up",
    "no_keep_apart": "orders: a start from the one line hides who went on in the line that the journal remembers",
    "void_forgotten": "orders: the journal decides although it is of the side that resolve gives up",
    "resolve_one_member": "orders: resolve gives up one member, and not the others of its side",
    "one_revision": "orders: one revision is kept for all generations that a member may have, the highest",
    "raised_revision": "orders: of the journal's own side that is given up the revision counts that a note has raised",
    "last_writer": "orders: who gave a member up is taken to be the head that wrote the record last",
    "left_by_itself": "orders: of a member that left by itself nobody looks whether it went on with what an order made",
    "resolve_not_lineage": "orders: the generations that resolve gave up are not in the lineage",
}

# The same rules in the simulator: `sim --break NAME` (block/breaks.h).
SWITCHES = {
    "ack_before_record": "m2-record-before-ack",
    "degrade_uncommitted": "m2-addition-first",
    "any_member": "m5-all-in-sync",
    "journal_always": "m5-journal-decides",
    "lower_epoch": "m5-lower-epoch",
    "order_left": "m5-order-left",
    "claim_kept": "m5-claim-erased",
    "no_served_mark": "m5-served-mark",
    "no_record_at_start": "m5-record-at-start",
    "no_cas": "m6-compare-and-set",
    "no_fence": "m6-fence",
    "add_journal_first": "m8-journal-last",
    "joiner_first": "m8-old-members-first",
    "no_pending": "m8-note-coming",
    "pending_names_nobody": "m8-note-names",
    "readd_without_copy": "m8-copy",
    "mark_members_first": "m8-given-up-first",
    "owed_map_only": "m7-everything",
    "order_same_generation": "m5-order-generation",
    "order_owes_nothing": "m5-order-owes",
    "order_not_noted": "m5-order-noted",
    "note_not_in_sync": "m5-order-names",
    "order_taken_early": "m5-order-kept",
    "order_stays": "m5-order-once",
    "no_went_on": "m7-went-on",
    "no_keep_apart": "m7-keep-apart",
    "one_revision": "m7-each-revision",
    "last_writer": "m7-who-gave-up",
    "left_by_itself": "m7-left-by-itself",
    "resolve_not_lineage": "m5-resolve-lineage",
}

# Those that it cannot leave out, and why.
NO_SWITCH = {
    "epoch_only_first": "a medium takes nothing of an epoch that it was not promised to",
    "order_descends_from_all": "no walk is known that needs it; a unit test does",
    "void_forgotten": "no walk is known that needs it; a unit test does",
    "mixture_by_newest": "no walk is known that needs it; a unit test does",
    "resolve_one_member": "the split stays, and the administrator gives up the next member",
    # What raises it gives up the journal's claim with the same write, and with a claim again the journal has the record
    # of a start that all members in sync have acknowledged. A head that goes on with all of these raises theirs by more
    # than another one does within one generation. Only of a mirror below that a start leaves alone the journal keeps
    # what was raised, so that the code has the rule; a unit test has the records.
    "raised_revision": "what is raised decides nothing before all members in sync have it",
}

assert BREAKS.keys() == SWITCHES.keys() | NO_SWITCH.keys()

# Not looked for by --every-break.
UNSEEN = {
    "degrade_uncommitted",  # the one walk that is known has been made by hand
    "no_keep_apart",  # one walk in 13000
    "order_descends_from_all",  # no walk is known that needs it, in 13000
    "void_forgotten",  # nor for this one
    "mixture_by_newest",  # nor for this one, in 80000
    "raised_revision",  # nor for this one, since a journal that decides no more is no side of a split
    "mark_members_first",  # one walk in 40000
    "one_revision",  # one walk in 15000
    "last_writer",  # one walk in 100000
    "pending_names_nobody",  # one walk in 200000
    "left_by_itself",  # one walk in 300000
    "lower_epoch",  # one walk in 200000
}

LEFT_OUT = set()  # of BREAKS


def unknown_switches():
    """Of SWITCHES, those that the simulator does not have."""
    known = (Path(__file__).resolve().parents[2] / "backend/block/breaks.cc").read_text()
    return [name for name in SWITCHES.values() if f'"{name}"' not in known]


def broken(rule):
    assert rule in BREAKS
    return rule in LEFT_OUT
