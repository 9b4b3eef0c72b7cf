#!/usr/bin/env python3
"""The tidiness check, run as a test: layout, length of files, left-overs, clocks where there must be none, tests and
scripts that nobody runs.

usage: check_style.py SOURCE_FOLDER
"""
import os
import re
import subprocess
import sys

LINES_MAX = 500  # aim: 400
LEFT_OVERS = re.compile(r"\b((?:TODO|FIXME|XXX|HACK)\b|DISABLED_)")
# What the simulator runs has its time from the Loop alone: nothing there can tell that a clock was set.
CLOCKLESS = ("backend/block/", "backend/media/", "backend/start/", "backend/tree/", "netnode/session/", "netnode/wire/")
CLOCKS = re.compile(r"\b(system_clock|steady_clock|high_resolution_clock|clock_gettime|gettimeofday|localtime\w*|gmtime\w*"
                    r"|time\((nullptr|NULL|0)\))")


def sources(top):
    for folder in ("backend", "netnode", "config", "tests"):
        for path, _, names in os.walk(os.path.join(top, folder)):
            for name in sorted(names):
                yield os.path.join(path, name)


def main():
    top = os.path.abspath(sys.argv[1])
    problems = []
    code = [path for path in sources(top) if path.endswith((".h", ".cc", ".c"))]
    done = subprocess.run(["clang-format-14", "--dry-run", "-Werror", *code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line})
        problems += [f"{path}: layout differs from .clang-format" for path in wrong]
    for path in code:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        if len(lines) > LINES_MAX:
            problems.append(f"{path}: {len(lines)} lines: two subjects in one?")
        for number, line in enumerate(lines, 1):
            if LEFT_OVERS.search(line):
                problems.append(f"{path}:{number}: left-over: {line.strip()}")
            if os.path.relpath(path, top).startswith(CLOCKLESS) and CLOCKS.search(line):
                problems.append(f"{path}:{number}: a clock: {line.strip()}")
        if path.endswith(".h") and not any(line.startswith("#pragma once") for line in lines):
            problems.append(f"{path}: no #pragma once")
    listed = open(os.path.join(top, "tests/unit/CMakeLists.txt"), encoding="utf-8").read()
    for path in code:
        folder = os.path.dirname(os.path.relpath(path, os.path.join(top, "tests/unit")))
        if path.endswith("_test.cc") and "/tests/unit/" in path and f"dst_unit_tests({folder} " not in listed:
            problems.append(f"{path}: no CMake file names its folder")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
