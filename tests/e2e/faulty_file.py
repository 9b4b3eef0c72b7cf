"""A file system with one file, "disk", that fails on demand. Not a test itself.

A FUSE server that speaks the kernel's protocol (linux/fuse.h) by itself; the bytes lie in an ordinary file.
"""
import ctypes
import errno
import os
import struct
import threading
import time

LOOKUP, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT = 1, 3, 4, 14, 15, 16, 17, 18, 20, 25, 26
FORGET, BATCH_FORGET, DESTROY = 2, 42, 38
ROOT, DISK = 1, 2
MAX_BYTES = 1 << 20
libc = ctypes.CDLL(None, use_errno=True)


class FaultyFile:
    """`path` behaves as `backing` but for the faults; faults can be set and taken away at any time."""

    def __init__(self, folder, backing):
        self.path = os.path.join(folder, "disk")
        self.folder = folder
        self.backing = os.open(backing, os.O_RDWR)
        self.syncs = 0  # that were asked for, by writes that are durable at once, too
        self.clear()
        os.makedirs(folder, exist_ok=True)
        self.device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,max_read={MAX_BYTES}".encode()
        if libc.mount(b"faulty", folder.encode(), b"fuse", 0, options) != 0:
            raise OSError(ctypes.get_errno(), "cannot mount FUSE")
        threading.Thread(target=self.serve, daemon=True).start()

    def clear(self):
        """Everything works."""
        self.read_error = None   # (first byte, byte after the last), errno EIO
        self.write_error = None  # the same
        self.sync_error = False
        self.full = False        # writes fail with ENOSPC
        self.delay_s = 0.0
        self.hangs = False

    def close(self):
        self.clear()
        libc.umount2(self.folder.encode(), 2)
        os.close(self.backing)

    def serve(self):
        while True:
            try:
                request = os.read(self.device, MAX_BYTES + 4096)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return  # unmounted
            _, operation, unique, node = struct.unpack_from("<IIQQ", request)
            if operation in (FORGET, BATCH_FORGET):
                continue
            try:
                payload, status = self.answer(operation, node, request[40:]), 0
            except OSError as error:
                payload, status = b"", -error.errno
            try:
                os.writev(self.device, [struct.pack("<IiQ", 16 + len(payload), status, unique), payload])
            except OSError:
                if operation == DESTROY:
                    return

    def attributes(self, node):
        found = os.fstat(self.backing)
        mode, size = (0o100600, found.st_size) if node == DISK else (0o40755, 0)
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, found.st_blocks if node == DISK else 0, 0, 0, 0, 0, 0, 0, mode, 1,
                           0, 0, 0, 4096, 0)

    def fails(self, where, offset, size):
        return where is not None and offset < where[1] and offset + size > where[0]

    def answer(self, operation, node, body):
        if operation == INIT:
            major, minor, readahead, flags = struct.unpack_from("<IIII", body)
            flags &= 1 << 0 | 1 << 5 | 1 << 15 | 1 << 22  # asynchronous reads, big writes, asynchronous direct I/O, max_pages
            return struct.pack("<IIIIHHIIHHI28x", major, min(minor, 31), readahead, flags, 64, 48, MAX_BYTES, 1,
                               MAX_BYTES // 4096, 0, 0)
        if operation == LOOKUP:
            if body.rstrip(b"\0") != b"disk":
                raise OSError(errno.ENOENT, "")
            return struct.pack("<QQQQII", DISK, 0, 0, 0, 0, 0) + self.attributes(DISK)
        if operation in (GETATTR, SETATTR):
            return struct.pack("<QII", 0, 0, 0) + self.attributes(node)
        if operation == OPEN:
            return struct.pack("<QII", 0, 1, 0)  # direct I/O: every request comes here
        if operation in (READ, WRITE, FSYNC):
            return self.transfer(operation, body)
        if operation == STATFS:
            return struct.pack("<QQQQQIIII24x", 1 << 20, 1 << 19, 1 << 19, 2, 0, 4096, 255, 4096, 0)
        if operation in (RELEASE, FLUSH, DESTROY):
            return b""
        raise OSError(errno.ENOSYS, "")

    def transfer(self, operation, body):
        while self.hangs:
            time.sleep(0.01)
        if self.delay_s:
            time.sleep(self.delay_s)
        if operation == FSYNC:
            self.syncs += 1
            if self.sync_error:
                raise OSError(errno.EIO, "")
            os.fdatasync(self.backing)
            return b""
        _, offset, size = struct.unpack_from("<QQI", body)
        if operation == READ:
            if self.fails(self.read_error, offset, size):
                raise OSError(errno.EIO, "")
            return os.pread(self.backing, size, offset)
        if self.full:
            raise OSError(errno.ENOSPC, "")
        if self.fails(self.write_error, offset, size):
            raise OSError(errno.EIO, "")
        written = os.pwrite(self.backing, body[40:40 + size], offset)
        if struct.unpack_from("<I", body, 32)[0] & os.O_DSYNC:
            self.syncs += 1
            os.fdatasync(self.backing)
        return struct.pack("<II", written, 0)
