#!/usr/bin/env python3
"""A tree that one machine exports and another one mirrors: it reports the loss of its last node, and holds nothing."""
import time

from harness import PATIENCE, check, main, until


def exported_tree(world, tree):
    """A mirror of an exported `tree` over the disk of a third machine, and a disk of this one."""
    leaf = world.netnode("leaf", 7791, {"disk0": world.disk("far.img", 40)})
    journal = world.path("pool.journal")
    pool = world.write("pool-storage.yaml", f"storage: pool\ntree: {tree}\njournal: {journal}\n")
    world.dstctl("init", pool, env={"DST_RUN_DIR": world.path("run-pool"), "DST_STATE_DIR": world.path("state-pool")})
    exporter = world.start_netnode("pool", world.write(
        "pool.yaml", f'listen: ["127.0.0.1:7792"]\nexports:\n  pool:\n    tree: {tree}\n    journal: {journal}\n'), 7792)
    file = world.write("vol.yaml", "storage: vol\ntree:\n  mirror:\n    - netnode: 127.0.0.1:7792/pool\n"
                                   f"    - disk: {world.disk('near.img', 32)}\n"
                                   "policy: {member_timeout: 60s}\n")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    return tgtd, leaf, exporter, file


def member_states(world):
    return [child["state"] for child in world.status("vol")["tree"]["children"]]


def loses_its_last_node(world, tree):
    tgtd, leaf, exporter, file = exported_tree(world, tree)
    world.initiator("fill", tgtd.url(), "--seed", 5, "--flush")
    load = world.start_initiator("load", tgtd.url(), "--seconds", 30, "--request", "8KiB", "--depth", 8, name="load")
    time.sleep(2)
    check(load.running() and member_states(world) == ["in_sync", "in_sync"], f"before: {member_states(world)}")
    leaf.kill()
    # Before on_loss.hold of the inner tree, 20 s, and member_timeout of the outer one, 60 s.
    until(lambda: world.status("vol")["state"] == "degraded" and member_states(world)[0] == "dirty", 18 / PATIENCE,
          "the outer storage goes on with its other member")
    check(load.terminate(60) == 0, f"I/O did not carry on: {load.output()}")
    check(member_states(world)[1] == "in_sync", f"members: {member_states(world)}")
    check(exporter.running(), f"the exporter ended: {exporter.output()}")
    # What the survivor holds is what a new start serves.
    world.initiator("fill", tgtd.url(), "--seed", 6, "--flush")
    world.initiator("verify", tgtd.url(), "--seed", 6)
    tgtd.delete_lun()
    tgtd.new_lun(file)
    world.initiator("verify", tgtd.url(), "--seed", 6)


def a_tree_of_one_node(world):
    loses_its_last_node(world, '{netnode: "127.0.0.1:7791/disk0"}')


def a_mirror_of_one_node(world):
    loses_its_last_node(world, '{mirror: [{netnode: "127.0.0.1:7791/disk0"}]}')


def it_serves_again_when_its_node_is_back(world):
    """No outer write missed it: the exported tree is taken up again as it was."""
    tgtd, leaf, _, file = exported_tree(world, '{netnode: "127.0.0.1:7791/disk0"}')
    world.initiator("fill", tgtd.url(), "--seed", 8, "--flush")
    tgtd.delete_lun()
    leaf.kill()
    time.sleep(1)
    world.start_netnode("leaf-again", world.path("leaf.yaml"), 7791)
    tgtd.new_lun(file)
    until(lambda: world.status("vol")["state"] == "healthy", 20, "the outer storage is healthy")
    world.initiator("verify", tgtd.url(), "--seed", 8)


main([a_tree_of_one_node, a_mirror_of_one_node, it_serves_again_when_its_node_is_back])
