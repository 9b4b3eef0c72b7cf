"""Machines that fail, for the tests: a mirror whose netnodes each run on a "machine" (a network namespace with a link of
its own), under a load that remembers what it wrote. Not a test itself."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

from harness import BUILD, Failure, Process, check, run, same_data, until

PORT = 7790
SIZES = "512,4KiB,16KiB,64KiB"


def netns(name, *command):
    return ["nsenter", f"--net=/run/netns/{name}", *command]


class Machine:
    """A netnode with one disk behind a link that can be cut. Its address is 10.77.NUMBER.2, the head's side is .1."""

    def __init__(self, world, number, mib=64, disk=None):
        self.world = world
        self.name = f"node{number}"
        self.address = f"10.77.{number}.2"
        self.member = f"{self.address}:{PORT}/disk0"
        self.near, self.far = f"near{number}", f"far{number}"
        self.disk = disk or world.disk(f"disk{number}.img", mib)
        self.process = None
        self.starts = 0
        self.file = world.write(f"{self.name}.yaml", f'listen: ["{self.address}:{PORT}"]\nexports:\n  disk0:\n    disk: {self.disk}\n')
        run("ip", "netns", "add", self.name)
        world.at_end(lambda: run("ip", "netns", "delete", self.name, ok=None))
        run("ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
        world.at_end(lambda: run("ip", "link", "delete", self.near, ok=None))
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "address", "add", f"{self.address}/24", "dev", self.far)
        self.inside("ip", "link", "set", self.far, "up")
        run("ip", "address", "add", f"10.77.{number}.1/24", "dev", self.near)
        run("ip", "link", "set", self.near, "up")
        self.number = number

    def inside(self, *command):
        return run(*netns(self.name, *command))

    def start(self, wait=True):
        """dst-netnode, on the machine's own namespace and folders."""
        self.starts += 1
        own = {"DST_RUN_DIR": self.world.path(f"run-{self.name}"), "DST_STATE_DIR": self.world.path(f"state-{self.name}")}
        for path in own.values():
            os.makedirs(path, exist_ok=True)
        self.process = Process(self.name, netns(self.name, os.path.join(BUILD, "netnode", "dst-netnode"), self.file),
                               self.world.path(f"{self.name}.log"), dict(os.environ, **own))
        self.world.processes.append(self.process)
        if wait:
            until(lambda: self.listens() or not self.process.running(), 10, f"{self.name} listens")
            check(self.process.running(), f"{self.name} does not start:\n{self.process.output()}")
        return self

    def listens(self):
        with contextlib.suppress(OSError):
            with open(f"/proc/{self.process.pid}/net/tcp", encoding="ascii") as table:
                return any(line.split()[1].endswith(f":{PORT:04X}") and line.split()[3] == "0A"
                           for line in table.readlines()[1:])
        return False

    def kill(self):
        self.process.kill()

    def running(self):
        return self.process is not None and self.process.running()

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def power_off(self):
        """Unlike kill(), nobody can prove afterwards that nothing was lost."""
        self.kill()
        shutil.rmtree(self.world.path(f"run-{self.name}"), ignore_errors=True)

    def cut(self, to_node=True, to_head=True):
        """Packets of these directions are lost on the way: their sender knows a neighbour that is not there."""
        nobody = "02:00:00:00:00:99"
        if to_node:
            run("ip", "neigh", "replace", self.address, "lladdr", nobody, "dev", self.near, "nud", "permanent")
        if to_head:
            self.inside("ip", "neigh", "replace", f"10.77.{self.number}.1", "lladdr", nobody, "dev", self.far, "nud", "permanent")

    def heal(self):
        run("ip", "neigh", "delete", self.address, "dev", self.near, ok=None)
        run(*netns(self.name, "ip", "neigh", "delete", f"10.77.{self.number}.1", "dev", self.far), ok=None)

    def unplug(self):
        """Both ends notice that the cable is out."""
        run("ip", "link", "set", self.near, "down")

    def plug(self):
        run("ip", "link", "set", self.near, "up")


class Volume:
    """A mirror of Machines (or `mirrors` of them, one after the other) behind tgtd, and the load on it."""

    def __init__(self, world, members=2, mib=64, policy="{member_timeout: 1s}", more="", disks=None, mirrors=1,
                 region="16MiB"):
        self.world = world
        self.region = region
        self.machines = [Machine(world, n, mib, (disks or {}).get(n)).start() for n in range(1, mirrors * members + 1)]
        self.mirrors = [self.machines[n * members:(n + 1) * members] for n in range(mirrors)]
        self.file = self.storage_file("vol.yaml", policy, more)
        world.dstctl("init", self.file)
        self.record = world.path("record")
        self.loads = 0
        self.load = None
        self.heads = 0
        self.env = None
        self.port = 3260
        self.tgtd = None
        self.start_head()

    def storage_file(self, name, policy, more=""):
        mirrors = [f"{{mirror: {{region: {self.region}, members: [{', '.join('{netnode: %r}' % one.member for one in mirror)}]}}}}"
                   for mirror in self.mirrors]
        tree = mirrors[0] if len(mirrors) == 1 else f"{{linear: [{', '.join(mirrors)}]}}"
        return self.world.write(name, f"storage: vol\ntree: {tree}\npolicy: {policy}\n{more}")

    def start_head(self, ok=(0,), elsewhere=False):
        """tgtd with the LUN; nobody is let in before it is there. `elsewhere`: on a machine of its own, which has no
        journal yet; status() asks that one from now on."""
        self.heads += 1
        if elsewhere:
            self.env = {"DST_RUN_DIR": self.world.path(f"run-head{self.heads}"),
                        "DST_STATE_DIR": self.world.path(f"state-head{self.heads}")}
            for path in self.env.values():
                os.makedirs(path)
            self.port += 1
        self.tgtd = self.world.tgtd(name=f"tgtd{self.heads}", port=self.port, control=self.port - 3255, env=self.env)
        self.tgtd.new_target(bind=False)
        # A head without a journal gives a start up that takes longer than an open may: it is asked for again.
        for _ in range(20 if elsewhere and ok is not None else 1):
            result = self.tgtd.new_lun(self.file, thin=True, ok=None)
            if ok is None or result[0] in ok:
                break
        check(ok is None or result[0] in ok, f"the LUN is refused: {result}")
        self.tgtd.bind()
        return result

    def status(self):
        return self.world.status("vol", env=self.env)

    def mirror_status(self):
        """Of each mirror, in the order of self.mirrors."""
        tree = self.status()["tree"]
        return [tree] if len(self.mirrors) == 1 else tree["children"]

    def states(self):
        return [child["state"] for mirror in self.mirror_status() for child in mirror["children"]]

    def count(self, event, number=None):
        """How often the head's log has an event, about one of the machines."""
        about = "" if number is None else f"member={self.machines[number].member} "
        return sum(f" {event} " in line and about in f"{line} " for line in self.tgtd.output().splitlines())

    def begin(self, *more, seconds=3600, depth=32):
        """Starts the load; what it writes is remembered in the record over all loads of this volume."""
        self.loads += 1
        self.load = self.world.start_initiator(
            "load", self.tgtd.url(), "--seconds", seconds, "--depth", depth, "--mix", "all", "--sizes", SIZES, "--areas", "hot",
            *(() if "--start" in more else ("--start", "zeroes")), "--record", self.record, *more, name=f"load{self.loads}")
        until(lambda: "running" in self.load.output() or not self.load.running(), 10, "the load runs")
        check(self.load.running(), f"the load ended: {self.load.output()}")

    def end(self, limit=60, ok=(0,)):
        """Ends the load, which reads everything once more; returns what it counted. The longest gap, gap_s_max, is without
        what a busy machine adds (World.fair)."""
        check(self.load.running(), f"the load ended by itself: {self.load.output()}")
        status = self.load.terminate(limit)
        check(status in ok, f"the load ended with status {status}: {self.load.output()}")
        counted = json.loads(self.load.output().splitlines()[-1])
        if counted["gaps"]:
            counted["gap_s_max"] = max(self.world.fair(gap["at"], gap["at"] + gap["seconds"]) for gap in counted["gaps"])
        return counted

    def loses(self, number, how, limit=8):
        """Calls how(machine) and waits until the mirror goes on without it."""
        before = self.count("member-dropped", number)
        how(self.machines[number])
        until(lambda: self.count("member-dropped", number) > before, limit, f"{self.machines[number].name} is dropped")

    def answered(self, kind, limit=20):
        """Waits until a command of the load got this answer."""
        until(lambda: f"first answer {kind}\n" in self.load.output(), limit, f"a command ends with {kind}")

    def in_sync(self, limit=40):
        until(lambda: set(self.states()) == {"in_sync"}, limit, "all members are in sync")

    def finish(self):
        """In sync, everything acknowledged is there, and the media are the same to the last byte of the data area."""
        self.in_sync()
        self.world.initiator("check", self.tgtd.url(), "--record", self.record)
        sizes = [mirror["size_bytes"] for mirror in self.mirror_status()]
        self.tgtd.delete_lun()
        if len(self.mirrors) == 1:
            self.world.initiator("check-file", self.machines[0].disk, "--record", self.record)
        for mirror, size in zip(self.mirrors, sizes):
            for machine in mirror[1:]:
                differ = same_data(mirror[0].disk, machine.disk, size)
                check(differ is None, f"the media of {mirror[0].name} and {machine.name} differ at byte {differ}")
        self.tgtd.stop()


def without_the_loss(counted):
    """The answers that were not GOOD, but for what may be when the last node was killed: in the middle of a flush it
    cannot say that nothing was lost. Then there is one unit attention, and flushes that were under way, or that were to
    be sent again, end in an error (M10)."""
    answers = dict(counted["answers"])
    changed = answers.pop("unit_attention_2900", 0)
    flushes = answers.pop("error_3_0c00", 0)
    check(changed <= 1 and flushes <= 4 * changed, f"{counted['answers']}")
    return answers


def nothing_was_sent_again(counted):
    check(not without_the_loss(counted), f"{counted['answers']}")


def gap_below(counted, limit, what):
    check(counted["gap_s_max"] < limit, f"{what}: {counted['gap_s_max']} s without a command that ended; {counted['gaps']}")
