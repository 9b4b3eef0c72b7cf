#!/usr/bin/env python3
"""Runs bench_engine on storages made for it: mirrors of two sparse files, of this machine or behind two netnodes.

usage: engine.py [--folder FOLDER] [--seconds N] [--rounds N] [--gib N] [COST...]

COST is one of
  steady           random 4 KiB writes, mirror of two files of 64 GiB, with the intent map, all of it set, and without it
  disks            the same with the map set from the beginning, and without it
  steady-netnodes  as steady, behind two netnodes on this machine
  netnodes         as disks, behind two netnodes on this machine
  large            opening, memory and status of a mirror of two files of 16 TiB
  unclean          opening the same when its head was killed in the middle of random writes
  memory           the same with writes of 1 MiB, for a mirror of two files of 1 GiB
All of them when none is named. --gib: a size other than 64 GiB for the first four, at most 256. The files are sparse and
lie in FOLDER (default: a new one in /dev/shm), which is to be in memory; those of the first four on an ext4 there, on a
loop device, when that can be had (as root). DST_BUILD is the build folder (default: build/ beside the sources); only one
with -DDST_BREAKS=ON can leave the intent map out.
"""
import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DST_BUILD", os.path.join(SOURCE, "build"))
sys.path.insert(0, os.path.join(SOURCE, "tests/e2e"))

from memory import mount_ext4  # noqa: E402  pylint: disable=wrong-import-position


def write_file(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def sparse(path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


class World:
    """One storage in a folder of its own, and what it needs."""

    def __init__(self, folder, name, on_ext4):
        self.undo = contextlib.ExitStack()
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        if on_ext4:
            image = sparse(os.path.join(folder, name + ".ext4"), 12 << 30)
            self.undo.callback(os.unlink, image)
            if not mount_ext4(image, self.folder, self.undo.callback):
                print("on a plain folder: no loop device can be had here")
        os.makedirs(os.path.join(self.folder, "state"))
        self.name = name
        self.env = dict(os.environ, DST_RUN_DIR=os.path.join(self.folder, "run"),
                        DST_STATE_DIR=os.path.join(self.folder, "state"))
        self.nodes = []

    def disks(self, size):
        return [f"disk: {sparse(os.path.join(self.folder, f'{i}.img'), size)}" for i in range(2)]

    def netnodes(self, size):
        members = []
        for i in range(2):
            disk = sparse(os.path.join(self.folder, f"{i}.img"), size)
            port = 17790 + i
            file = write_file(os.path.join(self.folder, f"node{i}.yaml"),
                              f'listen: ["127.0.0.1:{port}"]\nexports:\n  disk:\n    disk: {disk}\n')
            with open(os.path.join(self.folder, f"node{i}.log"), "wb") as log:
                self.nodes.append(subprocess.Popen([os.path.join(BUILD, "netnode/dst-netnode"), file], env=self.env,
                                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log))
            members.append(f"netnode: 127.0.0.1:{port}/disk")
        time.sleep(1)
        return members

    def storage(self, members):
        lines = "".join(f"    - {member}\n" for member in members)
        file = write_file(os.path.join(self.folder, "storage.yaml"), f"storage: {self.name}\ntree:\n  mirror:\n{lines}")
        subprocess.run([os.path.join(BUILD, "backend/dstctl"), "init", file], env=self.env, check=True,
                       stdout=subprocess.DEVNULL)
        return file

    def bench(self, *arguments):
        with open(os.path.join(self.folder, "bench.log"), "ab") as log:
            subprocess.run([os.path.join(BUILD, "tests/bench/bench_engine"), *arguments], env=self.env, check=True,
                           stderr=log)

    def killed_under_load(self, file, seconds):
        with open(os.path.join(self.folder, "bench.log"), "ab") as log:
            head = subprocess.Popen([os.path.join(BUILD, "tests/bench/bench_engine"), "--seconds", "600", file, "load"],
                                    env=self.env, stdout=log, stderr=log)
        time.sleep(seconds)
        if head.poll() is not None:
            sys.exit(f"engine.py: the head ended by itself, see {self.folder}/bench.log")
        head.kill()
        head.wait()

    def end(self):
        with self.undo:
            for node in self.nodes:
                node.terminate()
            for node in self.nodes:
                node.wait()
            for i in range(2):
                os.unlink(os.path.join(self.folder, f"{i}.img"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder")
    parser.add_argument("--seconds", default="60")
    parser.add_argument("--rounds", default="4")
    parser.add_argument("--gib", type=int, default=64)
    parser.add_argument("cost", nargs="*", metavar="COST")
    options = parser.parse_args()
    if not 1 <= options.gib <= 256:
        parser.error("--gib: 1 to 256 is what the ext4 has room for")
    folder = options.folder or tempfile.mkdtemp(prefix="dst-bench-", dir="/dev/shm")
    rounds = ["--seconds", options.seconds, "--rounds", options.rounds]
    for cost in options.cost or ["steady", "disks", "steady-netnodes", "netnodes", "large", "unclean", "memory"]:
        print(f"== {cost}", flush=True)
        world = World(folder, cost, cost in ("steady", "disks", "steady-netnodes", "netnodes"))
        try:
            if cost == "steady":
                world.bench("--seconds", "120", world.storage(world.disks(options.gib << 30)), "steady")
            elif cost == "steady-netnodes":
                world.bench("--seconds", "120", world.storage(world.netnodes(options.gib << 30)), "steady")
            elif cost == "disks":
                world.bench(*rounds, world.storage(world.disks(options.gib << 30)), "writes")
            elif cost == "netnodes":
                world.bench(*rounds, world.storage(world.netnodes(options.gib << 30)), "writes")
            elif cost == "large":
                world.bench("--rounds", "5", "--seconds", "20", world.storage(world.disks(16 << 40)), "start")
            elif cost == "unclean":
                file = world.storage(world.disks(16 << 40))
                for _ in range(int(options.rounds)):
                    world.killed_under_load(file, 10)
                    world.bench("--rounds", "1", "--seconds", "5", file, "start")
            elif cost == "memory":
                world.bench("--bytes", "1048576", "--places-per-mib", "1", "--rounds", "1", "--seconds", "10",
                            world.storage(world.disks(1 << 30)), "start")
            else:
                sys.exit(f"engine.py: no cost {cost}")
        finally:
            world.end()
    if not options.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
