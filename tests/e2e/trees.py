#!/usr/bin/env python3
"""Every shape of tree: data is written and read back through iSCSI, then compared on the media themselves."""
import json

from harness import check, main, same_data


def flow(tree):
    """A tree of nested dicts and lists as YAML flow text."""
    return json.dumps(tree)


class Shape:
    """A storage over some tree, filled and checked."""

    def __init__(self, world, tree, name="vol", block=None):
        self.world, self.name = world, name
        self.file = world.write(f"{name}.yaml", f"storage: {name}\ntree: {flow(tree)}\n")
        self.media = {}  # netnode name -> path of its medium
        self.block = block

    def fill_and_verify(self, tgtd, seed=7):
        self.world.dstctl("init", self.file)
        tgtd.new_lun(self.file, block=self.block)
        self.world.initiator("fill", tgtd.url(), "--seed", seed, "--request", "192KiB", "--depth", 16, "--flush")
        self.world.initiator("verify", tgtd.url(), "--seed", seed, "--request", "1MiB")
        status = self.world.status(self.name)
        check(status["state"] == "healthy", f"state is {status['state']}: {status['reason']}")
        size = self.world.initiator("capacity", tgtd.url())["size_bytes"]
        check(size == status["size_bytes"], f"the LUN has {size} bytes, the storage {status['size_bytes']}")
        tgtd.delete_lun()
        self.check_media(status["tree"], 0, status["size_bytes"], seed)
        # A second start finds everything as it was left.
        tgtd.new_lun(self.file, block=self.block)
        self.world.initiator("verify", tgtd.url(), "--seed", seed)
        tgtd.delete_lun()
        return status

    def check_media(self, vertex, offset, length, seed):
        """The medium below each leaf holds [offset, offset + length) of the storage, from its own first byte."""
        if vertex["kind"] in ("disk", "netnode"):
            path = self.media.get(vertex["name"], vertex["name"])
            self.world.initiator("verify-file", path, "--seed", seed, "--offset", offset, "--length", length)
        elif vertex["kind"] == "mirror":
            for child in vertex["children"]:
                self.check_media(child, offset, length, seed)
        else:
            for child in vertex["children"]:
                part = min(length, child["size_bytes"])
                if part:
                    self.check_media(child, offset, part, seed)
                offset += part
                length -= part
            check(length == 0, f"the parts of {vertex['name']} are too small by {length} bytes")


def started(world):
    tgtd = world.tgtd()
    tgtd.new_target()
    return tgtd


def disks(world, *mib):
    return [{"disk": world.disk(f"disk{number}.img", size)} for number, size in enumerate(mib)]


def a_single_disk(world):
    Shape(world, disks(world, 40)[0]).fill_and_verify(started(world))


def linear_of_disks(world):
    Shape(world, {"linear": disks(world, 20, 33, 12)}).fill_and_verify(started(world))


def mirror_of_disks(world):
    parts = disks(world, 40, 40, 40)
    shape = Shape(world, {"mirror": parts})
    status = shape.fill_and_verify(started(world))
    for part in parts[1:]:
        differs = same_data(parts[0]["disk"], part["disk"], status["size_bytes"])
        check(differs is None, f"{part['disk']} differs from the first leg at byte {differs}")


def mirror_of_netnodes_and_a_disk(world):
    shape = Shape(world, {"mirror": [{"netnode": "127.0.0.1:7791/disk0"}, {"netnode": "localhost:7792/disk0"},
                                     {"disk": world.disk("local.img", 40)}]})
    for number, host in ((1, "127.0.0.1"), (2, "localhost")):
        shape.media[f"{host}:779{number}/disk0"] = world.disk(f"remote{number}.img", 40)
        world.netnode(f"node{number}", 7790 + number, {"disk0": world.path(f"remote{number}.img")})
    shape.fill_and_verify(started(world))


def mirror_of_linears(world):
    a, b, c, d = disks(world, 24, 24, 30, 18)
    Shape(world, {"mirror": [{"linear": [a, b]}, {"linear": [c, d]}]}).fill_and_verify(started(world))


def linear_of_mirrors(world):
    a, b, c, d = disks(world, 24, 24, 30, 30)
    Shape(world, {"linear": [{"mirror": [a, b]}, {"mirror": [c, d]}]}).fill_and_verify(started(world))


def three_levels(world):
    a, b, c, d, e, f = disks(world, 20, 20, 24, 24, 60, 60)
    tree = {"mirror": [{"linear": [{"mirror": [a, b]}, {"mirror": [c, d]}]}, {"linear": [e]}, f]}
    Shape(world, tree).fill_and_verify(started(world))


def four_kib_blocks(world):
    """A LUN of 4096-byte blocks; netnodes on both sides of a mirror."""
    shape = Shape(world, {"mirror": disks(world, 40, 40)}, block=4096)
    shape.fill_and_verify(started(world))


def a_tree_exported_and_mirrored(world):
    """One netnode exports a whole mirror; another head mirrors it with a disk of its own."""
    inner = {"mirror": disks(world, 48, 48)}
    own = {"DST_RUN_DIR": world.path("run-pool"), "DST_STATE_DIR": world.path("state-pool")}
    journal = world.path("pool.journal")
    pool = world.write("pool-storage.yaml", f"storage: pool\ntree: {flow(inner)}\njournal: {journal}\n")
    world.dstctl("init", pool, env=own)
    file = world.write("pool.yaml", f'listen: ["127.0.0.1:7791"]\nexports:\n  pool:\n    tree: {flow(inner)}\n'
                                    f"    journal: {journal}\n")
    world.start_netnode("pool", file, 7791)
    shape = Shape(world, {"mirror": [{"netnode": "127.0.0.1:7791/pool"}, {"disk": world.disk("local.img", 48)}]})
    shape.media["127.0.0.1:7791/pool"] = world.path("disk0.img")
    status = shape.fill_and_verify(started(world))
    differs = same_data(world.path("disk0.img"), world.path("disk1.img"), status["size_bytes"])
    check(differs is None, f"the inner mirror's legs differ at byte {differs}")


main([a_single_disk, linear_of_disks, mirror_of_disks, mirror_of_netnodes_and_a_disk, mirror_of_linears,
      linear_of_mirrors, three_levels, four_kib_blocks, a_tree_exported_and_mirrored])
