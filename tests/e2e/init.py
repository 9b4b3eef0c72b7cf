#!/usr/bin/env python3
"""dstctl init: labels blank media, and refuses those that hold something, here and behind a netnode."""
import os
import struct
import subprocess

from harness import check, main, until, same_data


def storage(world, tree, name="vol", journal=None):
    line = f"journal: {journal}\n" if journal else ""
    return world.write(f"{name}.yaml", f"storage: {name}\ntree: {tree}\n{line}")


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


def refused(world, file, path, *words):
    """init refuses, says why, and changes not one byte."""
    before = bytes_of(path)
    code, _, error = world.dstctl("init", file, ok=None)
    check(code != 0, f"init took {path}")
    for word in words:
        check(word in error, f"init does not say '{word}': {error}")
    check(bytes_of(path) == before, f"init was refused and changed {path}")


def with_contents(world):
    """Media by what is on them: (path, words of the refusal)."""
    def made(name, *command, **options):
        path = world.disk(f"{name}.img", 64)
        subprocess.run([*command, path], check=True, capture_output=True, **options)
        return path
    yield made("ext4", "mkfs.ext4", "-q", "-F"), ["ext4"]
    yield made("swap", "mkswap"), ["swap"]
    yield made("gpt", "sfdisk", "--label", "gpt", input=b",,L\n"), ["GPT"]
    yield made("mbr", "sfdisk", "--label", "dos", input=b",,L\n"), ["DOS"]
    lvm = world.disk("lvm.img", 64)
    with open(lvm, "r+b") as file:  # an LVM2 physical volume label, in the second sector
        sector = bytearray(512)
        sector[0:8] = b"LABELONE"
        sector[8:16] = (1).to_bytes(8, "little")
        sector[20:24] = (32).to_bytes(4, "little")
        sector[24:32] = b"LVM2 001"
        sector[32:64] = b"0123456789abcdefghijklmnopqrstuv"
        sector[16:20] = lvm_crc(sector[20:]).to_bytes(4, "little")
        file.seek(512)
        file.write(sector)
    yield lvm, ["LVM"]
    for version, offset in (("1.0", (64 << 20) - 8192), ("1.2", 4096)):
        member = world.disk(f"md{version}.img", 64)
        with open(member, "r+b") as file:
            file.seek(offset)
            file.write(md_superblock(offset))
        yield member, ["md array"]


def md_superblock(offset):
    """The superblock, version 1, of an md array without members' roles; `offset` says where it lies."""
    block = bytearray(256)
    struct.pack_into("<II", block, 0, 0xa92b4efc, 1)
    block[16:32] = b"0123456789abcdef"
    struct.pack_into("<IIQ", block, 72, 1, 0, 2048)  # level, layout, size
    struct.pack_into("<Q", block, 144, offset // 512)
    total = sum(struct.unpack("<64I", block))
    struct.pack_into("<I", block, 216, (total & 0xffffffff) + (total >> 32) & 0xffffffff)
    return block


def known(path):
    """What libblkid, and who looks for the second GPT alone, find on a medium."""
    found = subprocess.run(["blkid", "-p", path], capture_output=True, text=True, check=False).stdout
    with open(path, "rb") as file:
        file.seek(-512, os.SEEK_END)
        return found + ("second GPT" if file.read(8) == b"EFI PART" else "")


def lvm_crc(data):
    """LVM2's label checksum: CRC-32 without the last inversion, from its own start value."""
    crc = 0xf597a6cf
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xedb88320 if crc & 1 else 0)
    return crc


def media_that_hold_something_are_refused(world):
    blank = world.disk("blank.img", 64)
    for number, (path, words) in enumerate(with_contents(world)):
        file = storage(world, f"{{mirror: [{{disk: {blank}}}, {{disk: {path}}}]}}", f"vol{number}")
        refused(world, file, path, path, "--force", *words)
        check(known(path), f"the test's medium {path} carries nothing")
        world.dstctl("init", file, "--force")
        check(not known(path), f"after init --force {path} still carries {known(path)}")
        world.dstctl("init", file, "--force")
        subprocess.run(["truncate", "-s", "0", blank], check=True)
        subprocess.run(["truncate", "-s", "64M", blank], check=True)


def a_filesystem_behind_a_netnode_is_refused(world):
    path = world.disk("remote.img", 64)
    subprocess.run(["mkfs.ext4", "-q", "-F", path], check=True)
    world.netnode("node1", 7791, {"disk0": path})
    file = storage(world, "{netnode: '127.0.0.1:7791/disk0'}")
    refused(world, file, path, "127.0.0.1:7791/disk0", "ext4", "--force")
    world.dstctl("init", file, "--force")
    check(not known(path), f"after init --force {path} still carries {known(path)}")


def data_that_nobody_knows_are_refused(world):
    """Here and behind a netnode: libblkid finds nothing, and the disk is not blank."""
    here, there = world.disk("here.img", 64), world.disk("there.img", 64)
    for path, offset in ((here, 4096), (there, (64 << 20) - 65536 - 512)):
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(b"a page of a data base")
        check(not known(path), f"libblkid knows {path}")
    world.netnode("node1", 7791, {"disk0": there})
    for number, (tree, path) in enumerate(((f"{{disk: {here}}}", here), ("{netnode: '127.0.0.1:7791/disk0'}", there))):
        file = storage(world, tree, f"vol{number}")
        refused(world, file, path, "holds data that are not known", "--force destroys them")
        world.dstctl("init", file, "--force")


def one_disk_under_two_names_is_refused(world):
    path = world.disk("remote.img", 64)
    world.netnode("node1", 7791, {"disk0": path})
    file = storage(world, "{mirror: [{netnode: '127.0.0.1:7791/disk0'}, {netnode: 'localhost:7791/disk0'}]}")
    refused(world, file, path, "127.0.0.1:7791/disk0 and localhost:7791/disk0 are the same disk", "nothing was changed")


def a_mounted_image_is_refused(world):
    path = world.disk("mounted.img", 64)
    subprocess.run(["mkfs.ext4", "-q", "-F", path], check=True)
    device = subprocess.run(["losetup", "--find", "--show", path], check=True, capture_output=True, text=True).stdout.strip()
    folder = world.path("mnt")
    os.mkdir(folder)
    file = storage(world, f"{{disk: {path}}}")
    try:
        subprocess.run(["mount", device, folder], check=True)
        code, _, error = world.dstctl("init", file, "--force", ok=None)
        check(code != 0, f"init took an image that is mounted: {error}")
        for word in (path, device, folder):
            check(word in error, f"init does not say '{word}': {error}")
        subprocess.run(["umount", folder], check=True)
        world.dstctl("init", file, "--force")
    finally:
        subprocess.run(["umount", folder], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["losetup", "--detach", device], check=False)


def another_storages_label_is_refused(world):
    path = world.disk("disk.img", 64)
    world.dstctl("init", storage(world, f"{{disk: {path}}}", "first"))
    refused(world, storage(world, f"{{disk: {path}}}", "second"), path, "first", "--force")
    # The own one too: its data would be lost.
    refused(world, world.path("first.yaml"), path, "first", "--force")


def a_served_storage_is_not_labelled_again(world):
    file = storage(world, f"{{disk: {world.disk('disk.img', 64)}}}")
    world.dstctl("init", file)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    world.initiator("fill", tgtd.url(), "--seed", 2)
    code, _, error = world.dstctl("init", file, "--force", ok=None)
    check(code != 0, f"init labelled a storage that is being served: {error}")
    check("storage vol is being served by tgtd[" in error, f"init does not say that it is being served: {error}")
    world.initiator("verify", tgtd.url(), "--seed", 2)


def adopted_data_are_kept(world):
    """--adopt: a disk that holds data, with room at its end, becomes a mirror member and keeps them."""
    old, new = world.disk("old.img", 64), world.disk("new.img", 64)
    world.initiator("fill-file", old, "--seed", 8, "--length", "48MiB")
    file = storage(world, f"{{mirror: [{{disk: {old}}}, {{disk: {new}}}]}}")
    with open(old, "r+b") as disk:
        disk.seek((64 << 20) - 65536 - 4096)
        disk.write(b"the end of a file system")
    code, _, error = world.dstctl("init", file, "--adopt", old, ok=None)
    check(code != 0 and "holds data there" in error and "Shrink" in error, f"init cut off the end of a disk: {error}")
    with open(old, "r+b") as disk:
        disk.seek((64 << 20) - 65536 - 4096)
        disk.write(bytes(4096))
    _, output, _ = world.dstctl("init", file, "--adopt", old)
    check(f"Of {old} the first " in output and "must have been shrunk before" in output, f"what is cut off: {output}")
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file)
    world.initiator("verify", tgtd.url(), "--seed", 8, "--length", "48MiB")
    until(lambda: {child["state"] for child in world.status("vol")["tree"]["children"]} == {"in_sync"}, 20, "both in sync")
    brought = [line for line in tgtd.output().splitlines() if " member-returns " in line]
    check(len(brought) == 1 and f"member={new} " in brought[0] and "owed=everything" in brought[0],
          f"only the new one is brought up to date, with all: {brought}")
    differ = same_data(old, new, 48 << 20)
    check(differ is None, f"the media differ at byte {differ}")


def a_file_that_is_no_journal_is_left_alone(world):
    precious = world.write("precious.txt", "my precious text\n" * 100000)
    disk = world.disk("disk.img", 64)
    file = storage(world, f"{{disk: {disk}}}", journal=precious)
    refused(world, file, precious, precious, "is not a journal")
    before = bytes_of(precious)
    code, _, _ = world.dstctl("init", file, "--force", ok=None)
    check(code != 0 and bytes_of(precious) == before, "init --force took a file that is no journal")
    world.dstctl("init", storage(world, f"{{disk: {disk}}}"))
    storage(world, f"{{disk: {disk}}}", journal=precious)
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file, ok=None)
    check(bytes_of(precious) == before, "the open of a storage changed a file that is no journal")


def another_storages_journal_is_refused(world):
    journal = world.path("shared.journal")
    one, other = world.disk("one.img", 64), world.disk("other.img", 64)
    world.dstctl("init", storage(world, f"{{disk: {one}}}", "first", journal))
    file = storage(world, f"{{disk: {other}}}", "second", journal)
    refused(world, file, journal, journal, "'first'", "--force-journal")
    refused(world, file, other, "nothing was changed")
    tgtd = world.tgtd()
    tgtd.new_target()
    tgtd.new_lun(file, ok=None)
    check("is of the storage 'first'" in tgtd.output(), f"tgtd does not name the journal's storage: {tgtd.output()}")
    code, _, error = world.dstctl("init", file, "--force", ok=None)
    check(code != 0, f"init --force took another storage's journal: {error}")
    world.dstctl("init", file, "--force-journal")


def a_refused_init_makes_no_journal(world):
    journal = world.path("new.journal")
    file = storage(world, f"{{disk: {world.path('nosuch.img')}}}", journal=journal)
    code, _, error = world.dstctl("init", file, ok=None)
    check(code != 0, "init took a disk that is not there")
    check(error.count("(not found)") <= 1, f"the reason is said twice: {error}")
    check(not os.path.exists(journal), "a refused init left a journal")


main([media_that_hold_something_are_refused, a_filesystem_behind_a_netnode_is_refused,
      data_that_nobody_knows_are_refused, one_disk_under_two_names_is_refused, a_mounted_image_is_refused,
      another_storages_label_is_refused,
      a_served_storage_is_not_labelled_again, adopted_data_are_kept, a_file_that_is_no_journal_is_left_alone,
      another_storages_journal_is_refused, a_refused_init_makes_no_journal])
