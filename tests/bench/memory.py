"""Where the media of a benchmark lie."""
import contextlib
import os

import harness

MIB = 1 << 20


def memory_folder(world, gib=9):
    """A folder on an ext4 in memory."""
    image = world.disk("ext4.img", gib * 1024)
    folder = world.path("media")
    os.makedirs(folder)
    with contextlib.suppress(harness.Failure, OSError):
        _, loop, _ = harness.run("losetup", "--find", "--show", image)
        loop = loop.strip()
        world.at_end(lambda: harness.run("losetup", "--detach", loop))
        harness.run("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", loop)
        harness.run("mount", loop, folder)
        world.at_end(lambda: harness.run("umount", folder))
        return folder, "ext4 on a loop device in memory"
    return folder, "a plain folder in /dev/shm: no loop device can be had here"
