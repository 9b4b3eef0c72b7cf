"""How tgtd runs where DST's packages are installed, read from the files that are shipped."""
import os

import harness

PACKAGING = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "packaging")
TARGET = os.path.join(PACKAGING, "tgt", "dst-example.conf")
SERVICE = os.path.join(PACKAGING, "systemd", "tgt.service.d", "dst.conf")


def parameters():
    """The iSCSI parameters of the target file."""
    with open(TARGET, encoding="utf-8") as file:
        words = [line.split() for line in file if line.startswith("    ")]
    return {line[0]: line[1] for line in words if len(line) == 2 and line[0][0].isupper()}


def environment():
    """What the drop-in for tgtd's service puts into its environment."""
    with open(SERVICE, encoding="utf-8") as file:
        lines = [line.split("=", 1)[1] for line in file if line.startswith("Environment=")]
    harness.check(lines, f"{SERVICE} sets nothing in the environment")
    return dict(word.split("=", 1) for line in lines for word in line.split())
