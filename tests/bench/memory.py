"""Where the media of a benchmark lie."""
import contextlib
import os

import harness

MIB = 1 << 20


def mount_ext4(image, folder, at_end):
    """An ext4 in the file `image`, empty, mounted at `folder`; `at_end` is told what undoes that. False: it cannot be."""
    with contextlib.suppress(harness.Failure, OSError):
        _, loop, _ = harness.run("losetup", "--find", "--show", image)
        loop = loop.strip()
        at_end(lambda: harness.run("losetup", "--detach", loop))
        harness.run("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", loop)
        harness.run("mount", loop, folder)
        at_end(lambda: harness.run("umount", folder))
        return True
    return False


def memory_folder(world, gib=9):
    """A folder on an ext4 in memory."""
    folder = world.path("media")
    os.makedirs(folder)
    if mount_ext4(world.disk("ext4.img", gib * 1024), folder, world.at_end):
        return folder, "ext4 on a loop device in memory"
    return folder, "a plain folder in /dev/shm: no loop device can be had here"
