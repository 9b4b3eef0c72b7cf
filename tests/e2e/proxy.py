"""A TCP proxy that stops, or ends its connections, after an exact number of bytes. Not a test itself."""
import contextlib
import socket
import struct
import threading


class Proxy:
    """Listens on 127.0.0.1 and passes every connection on to one address. Directions: to_node, to_head."""

    def __init__(self, address, port):
        self.to = (address, port)
        self.lock = threading.Condition()
        self.left = {"to_node": None, "to_head": None}  # bytes that still pass; None: all
        self.then_cut = False
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                head, _ = self.listener.accept()
            except OSError:
                return
            try:
                node = socket.create_connection(self.to, 2)
            except OSError:
                head.close()
                continue
            for one in (head, node):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.pairs.append((head, node))
            threading.Thread(target=self.copy, args=(head, node, "to_node"), daemon=True).start()
            threading.Thread(target=self.copy, args=(node, head, "to_head"), daemon=True).start()

    def copy(self, source, sink, direction):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 18):
                self.forward(data, sink, direction)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def forward(self, data, sink, direction):
        while data:
            with self.lock:
                left = self.left[direction]
                size = len(data) if left is None else min(left, len(data))
                if left is not None:
                    self.left[direction] -= size
            sink.sendall(data[:size])
            data = data[size:]
            if data:
                with self.lock:
                    if self.then_cut:
                        self.pass_all()
                        raise OSError("cut")
                    while self.left[direction] == 0:
                        self.lock.wait()
                    if sink.fileno() < 0:
                        raise OSError("closed")

    def pass_all(self):
        self.left = {"to_node": None, "to_head": None}
        self.then_cut = False
        self.lock.notify_all()

    def stall_after(self, direction, count):
        """After `count` more bytes nothing passes in that direction; the connections stay."""
        with self.lock:
            self.left[direction] = count

    def cut_after(self, direction, count):
        """After `count` more bytes the connection that sends them ends, and everything passes again."""
        with self.lock:
            self.then_cut = True
            self.left[direction] = count

    def reset(self):
        """Resets all connections; new ones pass everything."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
            for pair in pairs:
                for one in pair:
                    with contextlib.suppress(OSError):
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        one.shutdown(socket.SHUT_RDWR)
                        one.close()
            self.pass_all()

    def close(self):
        self.listener.close()
        self.reset()
