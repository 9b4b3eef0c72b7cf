#!/usr/bin/env python3
"""Refuses includes that the structure does not allow (docs/architecture.md).

usage: check_includes.py [--pure] --allow "folder;folder" FILE...
A quoted include must name an allowed folder ("block/request.h"; "config/spec.h" is folder "spec").
--pure: the files may not reach for sockets, files, threads, clocks or random devices either.
"""
import argparse
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
# Libraries that have one home each.
HOMES = {
    "yaml-cpp/": {"yaml"},
    "boost/asio": {"asio", "disk", "client", "head", "server", "ctl", "tgt"},
    "liburing": {"disk"},
    "blkid/": {"disk"},
    "CLI/": {"ctl", "server"},
    "libiscsi": set(),
}
IMPURE = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|atomic|fstream|filesystem|random|ctime|iostream|stop_token|"
    r"semaphore|coroutine|unistd\.h|fcntl\.h|time\.h|pthread\.h|signal\.h|sys/.*|netinet/.*|arpa/.*|netdb\.h|linux/.*|"
    r"boost/asio.*|spdlog/.*|liburing.*|blkid/.*)$")
IMPURE_CALL = re.compile(r"\b(steady_clock|system_clock|high_resolution_clock|random_device|co_await|co_return)\b")


def check(path, allowed, own, pure):
    errors = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            found = INCLUDE.match(line)
            if not found:
                if pure and IMPURE_CALL.search(line.split("//")[0]):
                    errors.append(f"{where}: clocks, random devices and coroutines stay out of the pure folders")
                continue
            quoted, name = found.group(1) == '"', found.group(2)
            if quoted:
                folder = name.split("/")[0]
                folder = "spec" if name == "config/spec.h" else folder
                if "/" not in name or folder not in allowed:
                    errors.append(f'{where}: "{name}" may not be included here (allowed: {", ".join(sorted(allowed))})')
            else:
                if pure and IMPURE.match(name):
                    errors.append(f"{where}: <{name}> may not be included in a pure folder")
                for prefix, homes in HOMES.items():
                    if name.startswith(prefix) and own not in homes:
                        errors.append(f"{where}: <{name}> belongs to {', '.join(sorted(homes)) or 'tests'}")
    return errors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pure", action="store_true")
    parser.add_argument("--allow", required=True)
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    allowed = [name for name in arguments.allow.split(";") if name]
    errors = []
    for path in arguments.files:
        errors += check(path, set(allowed), allowed[0], arguments.pure)
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


sys.exit(main())
