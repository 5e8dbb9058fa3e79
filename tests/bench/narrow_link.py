"""A narrow link on loopback: packets of at most 1400 bytes leave one after the other at a given
rate, each with the 40 bytes of its IP and TCP headers, and arrive a little later.

What does not fit waits before it, in the proxy's receive buffer (made small) and in the sender's
own socket, as before a modem: whoever sends far ahead waits long.
"""

import collections
import socket
import threading
import time

HEADERS, PACKET, BUFFER = 40, 1400, 4096


class NarrowLink:
    """Connects 127.0.0.1:port to the target, with `bits` a second each way."""

    def __init__(self, target_port, bits, delay_s=0.0):
        self.target_port, self.rate, self.delay_s = target_port, bits / 8, delay_s
        self.bytes_up = 0
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(8)
        self.port = self.listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            far.connect(("127.0.0.1", self.target_port))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            threading.Thread(target=self.carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, False), daemon=True).start()

    def carry(self, source, sink, is_up):
        """Takes a packet, is busy with it for as long as the line needs, and hands it on."""
        under_way, news = collections.deque(), threading.Condition()
        threading.Thread(target=self.arrive, args=(under_way, news, sink), daemon=True).start()
        free_at = time.monotonic()
        try:
            while data := source.recv(PACKET):
                free_at = max(free_at, time.monotonic()) + (len(data) + HEADERS) / self.rate
                time.sleep(max(0.0, free_at - time.monotonic()))
                if is_up:
                    self.bytes_up += len(data) + HEADERS
                with news:
                    under_way.append((free_at + self.delay_s, data))
                    news.notify()
        except OSError:
            pass
        with news:
            under_way.append((0.0, b""))
            news.notify()

    def arrive(self, under_way, news, sink):
        while True:
            with news:
                while not under_way:
                    news.wait()
                at, data = under_way.popleft()
            time.sleep(max(0.0, at - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
            except OSError:
                return

    def kill(self):
        self.listener.close()
