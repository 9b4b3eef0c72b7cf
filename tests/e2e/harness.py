"""What the end-to-end tests share: a private world of namespaces with real netnodes, a real tgtd and a real initiator.

A test script calls main(tests). It runs itself again inside private mount, network and process namespaces, so that
nothing on the machine is disturbed and everything ends with it: the built module is mounted where tgtd looks for
modules, /run is empty, and all ports are free.

Environment: DST_BUILD (the build folder; default build/ beside the sources), DST_E2E_KEEP=1 keeps the work folder,
DST_E2E_FULL=1 runs the slow tests too.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DST_BUILD", os.path.join(SOURCE, "build"))
MODULE_FOLDER = "/usr/lib/tgt/backing-store"
TARGET = "iqn.2026-11.example.dst:vol"


# Limits of waiting are for a machine with nothing else to do; a slow or busy one is given more. How long something may
# take by promise is checked with World.fair().
PATIENCE = 6


class Failure(Exception):
    """A test's finding."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def run(*command, limit=60, ok=(0,), env=None, cwd=None):
    """Runs a command and returns (status, stdout, stderr); fails when the status is none of `ok` (None: any)."""
    process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, env=env,
                             cwd=cwd)
    if ok is not None and process.returncode not in ok:
        raise Failure(f"{' '.join(command)}: status {process.returncode}\n{process.stdout}{process.stderr}")
    return process.returncode, process.stdout, process.stderr


def until(condition, limit, what):
    """Waits for condition() to be true: for PATIENCE times `limit` seconds."""
    end = time.monotonic() + PATIENCE * limit
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise Failure(f"not within {PATIENCE * limit} s: {what}")


class Process:
    """A started program with its output in a file."""

    def __init__(self, name, command, log, env=None):
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env)
        self.pid = self.process.pid

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(PATIENCE * 10)

    def terminate(self, limit=10):
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.process.wait(PATIENCE * limit)

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def resident_kib(self):
        return self.status_kib("VmRSS")

    def most_resident_kib(self):
        """The most since it was started."""
        return self.status_kib("VmHWM")

    def status_kib(self, key):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(f"{key}:"):
                    return int(line.split()[1])
        return 0


class Pulse(Process):
    """Wakes up all the time and writes down when that came late: then the machine had no time for anybody."""

    EVERY_S = 0.005
    LATE_S = 0.002
    PROGRAM = f"""
import time
while True:
    due = time.monotonic() + {EVERY_S}
    time.sleep({EVERY_S})
    now = time.monotonic()
    if now > due + {LATE_S}:
        print(due, now, flush=True)
"""

    def __init__(self, log):
        super().__init__("pulse", [sys.executable, "-S", "-c", self.PROGRAM], log)

    def stalled(self, begin, end):
        """For how many seconds between two moments (time.monotonic()) nobody could count on the machine."""
        total = 0.0
        for line in self.output().split("\n")[:-1]:  # the last one may be half a line
            due, now = map(float, line.split())
            total += max(0.0, min(now, end) - max(due, begin))
        return total


class Tgtd(Process):
    """A private tgtd with a control port and an iSCSI portal on loopback; `env` on top of the world's environment."""

    def __init__(self, world, name="tgtd", port=3260, control=5, env=None):
        self.world = world
        self.control = str(control)
        self.port = port
        self.targets = 0
        os.makedirs("/run/tgtd", exist_ok=True)
        environment = {**os.environ, **world.environment, **(env or {})}
        environment.update(sanitizer())
        super().__init__(name, ["/usr/sbin/tgtd", "-f", "-C", self.control, "--iscsi", f"portal=127.0.0.1:{port}"],
                         os.path.join(world.folder, f"{name}.log"), environment)
        until(lambda: self.admin("--lld", "iscsi", "--op", "show", "--mode", "sys", ok=None)[0] == 0 or not self.running(),
              10, "tgtd answers")
        check(self.running(), f"tgtd does not start:\n{self.output()}")

    def admin(self, *arguments, ok=(0,), limit=30):
        return run("/usr/sbin/tgtadm", "-C", self.control, *arguments, ok=ok, limit=limit)

    def new_target(self, tid=1, name=None, bind=True):
        name = name or (TARGET if tid == 1 else f"{TARGET}{tid}")
        self.admin("--lld", "iscsi", "--op", "new", "--mode", "target", "--tid", str(tid), "-T", name)
        if bind:
            self.bind(tid)
        return name

    def bind(self, tid=1):
        """Lets every initiator in."""
        self.admin("--lld", "iscsi", "--op", "bind", "--mode", "target", "--tid", str(tid), "-I", "ALL")

    def new_lun(self, path, tid=1, lun=1, bstype="dst", block=None, thin=False, ok=(0,)):
        """Adds a LUN; returns (status, stdout, stderr, fair seconds)."""
        arguments = ["--lld", "iscsi", "--op", "new", "--mode", "logicalunit", "--tid", str(tid), "--lun", str(lun),
                     "--bstype", bstype, "-b", path]
        if block:
            arguments += ["--blocksize", str(block)]
        begin = time.monotonic()
        result = self.admin(*arguments, ok=ok)
        seconds = self.world.fair(begin, time.monotonic())
        if thin and result[0] == 0:
            self.admin("--lld", "iscsi", "--op", "update", "--mode", "logicalunit", "--tid", str(tid), "--lun", str(lun),
                       "--params", "thin_provisioning=1")
        return (*result, seconds)

    def delete_lun(self, tid=1, lun=1, ok=(0,)):
        return self.admin("--lld", "iscsi", "--op", "delete", "--mode", "logicalunit", "--tid", str(tid), "--lun",
                          str(lun), ok=ok)

    def url(self, tid=1, lun=1):
        name = TARGET if tid == 1 else f"{TARGET}{tid}"
        return f"iscsi://127.0.0.1:{self.port}/{name}/{lun}"

    def stop(self, tids=(1,)):
        """Removes the targets and ends tgtd cleanly (it ignores SIGTERM while there are targets). tgt refuses as long as
        commands are under way, so that nobody is let in any more and sessions are closed first."""
        for tid in tids:
            target = ["--lld", "iscsi", "--tid", str(tid)]
            self.admin(*target, "--op", "unbind", "--mode", "target", "-I", "ALL", ok=None)
            _, shown, _ = self.admin(*target, "--op", "show", "--mode", "conn", ok=None)
            for session in re.findall(r"Session: (\d+)", shown):
                self.admin(*target, "--op", "delete", "--mode", "conn", "--sid", session, "--cid", "0", ok=None)
            delete = [*target, "--op", "delete", "--force", "--mode", "target"]
            until(lambda delete=delete: "active" not in self.admin(*delete, ok=None)[2], 40, "the target can be removed")
        self.admin("--op", "delete", "--mode", "system", ok=None)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"tgtd does not end\n{self.output()[-2000:]}") from None


class World:
    """One test's folder, processes and commands."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {"DST_RUN_DIR": os.path.join(folder, "run"), "DST_STATE_DIR": os.path.join(folder, "state")}
        self.processes = []
        self.endings = []
        for path in self.environment.values():
            os.makedirs(path)
        self.pulse = Pulse(self.path("pulse.log"))

    def fair(self, begin, end):
        """How long that was without what a busy machine adds: several processes wait for their turn one after the other."""
        return max(0.0, end - begin - 4 * self.pulse.stalled(begin, end))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def disk(self, name, mib):
        """A sparse file to be a medium."""
        with open(self.path(name), "wb") as file:
            file.truncate(int(mib * 1048576))
        return self.path(name)

    def tgtd(self, **options):
        tgtd = Tgtd(self, **options)
        self.processes.append(tgtd)
        return tgtd

    def netnode(self, name, port, exports, extra="", wait=True):
        """Starts dst-netnode with exports {name: path of its disk} (or ready YAML text in `extra`)."""
        text = f'listen: ["127.0.0.1:{port}"]\nexports:\n'
        for export, disk in exports.items():
            text += f"  {export}:\n    disk: {disk}\n"
        return self.start_netnode(name, self.write(f"{name}.yaml", text + extra), port, wait)

    def start_netnode(self, name, file, port, wait=True):
        # Each netnode is a machine of its own: a run folder of its own holds its incarnations.
        own = {"DST_RUN_DIR": self.path(f"run-{name}"), "DST_STATE_DIR": self.path(f"state-{name}")}
        for path in own.values():
            os.makedirs(path, exist_ok=True)
        process = Process(name, [os.path.join(BUILD, "netnode", "dst-netnode"), file], self.path(f"{name}.log"),
                          dict(os.environ, **own))
        self.processes.append(process)
        if wait:
            until(lambda: listening(port) or not process.running(), 10, f"{name} listens on {port}")
            check(process.running(), f"{name} does not start:\n{process.output()}")
        return process

    def dstctl(self, *arguments, ok=(0,), limit=60, env=None):
        return run(os.path.join(BUILD, "backend", "dstctl"), *arguments, ok=ok, limit=limit,
                   env={**os.environ, **self.environment, **(env or {})})

    def initiator(self, *arguments, ok=(0,), limit=300):
        """dst-initiator; returns its line of JSON."""
        _, output, _ = run(os.path.join(BUILD, "tests", "dst-initiator"), *[str(a) for a in arguments], ok=ok, limit=limit)
        return json.loads(output) if output.strip() else {}

    def start_initiator(self, *arguments, name="initiator"):
        process = Process(name, [os.path.join(BUILD, "tests", "dst-initiator"), *[str(a) for a in arguments]],
                          self.path(f"{name}.log"))
        self.processes.append(process)
        return process

    def status(self, storage, env=None):
        _, output, _ = self.dstctl("status", storage, "--json", ok=None, env=env)
        return json.loads(output)

    def at_end(self, what):
        """Calls what() when the test is over and its processes are gone; the last one first."""
        self.endings.append(what)

    def end(self):
        for process in [*self.processes, self.pulse]:
            with contextlib.suppress(Exception):
                process.kill()
        for ending in reversed(self.endings):
            with contextlib.suppress(Exception):
                ending()


def listening(port):
    """True when something listens on the TCP port."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in table.readlines()[1:])


def sanitizer():
    """What tgtd needs to load a module that was built with the address sanitizer: the sanitizer itself, first."""
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
        options = dict(line.rstrip("\n").split("=", 1) for line in cache if "=" in line)
    if "address" not in options.get("DST_SANITIZE:STRING", ""):
        return {}
    compiler = next(value for name, value in options.items() if name.startswith("CMAKE_CXX_COMPILER:"))
    # clang's has the undefined behaviour's in it.
    runtimes = ("libclang_rt.asan-x86_64.so",) if "clang" in compiler else ("libasan.so", "libubsan.so")
    paths = [subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
             for name in (*runtimes, "libstdc++.so")]
    # tgtd itself leaks by design; what matters are frames of the module, which a test looks for in the log.
    return {"LD_PRELOAD": ":".join(os.path.realpath(path) for path in paths),
            "ASAN_OPTIONS": "detect_leaks=1:exitcode=0:quarantine_size_mb=4:detect_odr_violation=0"}


def same_data(first, second, length, first_at=0, second_at=0):
    """Compares `length` bytes of two files; returns the first differing offset or None."""
    with open(first, "rb") as a, open(second, "rb") as b:
        a.seek(first_at)
        b.seek(second_at)
        done = 0
        while done < length:
            size = min(1 << 20, length - done)
            x, y = a.read(size), b.read(size)
            if x != y or len(x) != size:
                return done + next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), 0)
            done += size
    return None


def enter():
    """Runs this script again in private namespaces; returns inside them."""
    if os.environ.get("DST_E2E_INSIDE") == "1":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", MODULE_FOLDER], check=True)
        os.symlink(os.path.join(BUILD, "backend", "bs_dst.so"), os.path.join(MODULE_FOLDER, "bs_dst.so"))
        return
    os.makedirs(MODULE_FOLDER, exist_ok=True)
    environment = dict(os.environ, DST_E2E_INSIDE="1")
    # Where the root is no mount point (a chroot), its propagation cannot be changed.
    ordinary = subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    propagation = [] if ordinary else ["--propagation", "unchanged"]
    os.execvpe("unshare", ["unshare", "--mount", *propagation, "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--", sys.executable,
                           *sys.argv], environment)


def one(test):
    """Runs one test in a folder of its own; returns its problem or None."""
    # Media on a RAM-backed file system where there is one: fast, and nothing is left behind.
    folder = tempfile.mkdtemp(prefix="dst-e2e-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    world = World(folder)
    try:
        test(world)
        return None
    except Exception as error:  # pylint: disable=broad-except
        text = str(error) if isinstance(error, Failure) else traceback.format_exc()
        for process in {process.log: process for process in world.processes}.values():
            tail = process.output()[-3000:]
            text += f"\n--- {process.name} ({'running' if process.running() else process.process.returncode})\n{tail}"
        return text
    finally:
        world.end()
        if os.environ.get("DST_E2E_KEEP") != "1":
            shutil.rmtree(folder, ignore_errors=True)


def main(tests, slow=()):
    """Runs all tests (the slow ones with DST_E2E_FULL=1), or those named on the command line; exit status 1 when one
    failed."""
    if os.geteuid() != 0:
        sys.exit("the end-to-end tests need root (namespaces, mounts)")
    enter()
    wanted = sys.argv[1:]
    failed = 0
    if wanted or os.environ.get("DST_E2E_FULL") == "1":
        tests = [*tests, *slow]
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begin = time.monotonic()
        problem = one(test)
        failed += problem is not None
        print(f"{'FAIL' if problem else 'ok  '} {test.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
        if problem:
            print(problem, flush=True)
    sys.exit(1 if failed else 0)
