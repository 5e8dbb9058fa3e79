"""TCP and UDP proxies on loopback that do to the bytes what bad networks do.

Modes of the TCP proxy: "pass"; "hole" (connections stay, nothing is forwarded any more);
"trickle" (a byte at a time); `delay_s` holds every chunk back.  cut() ends connections in good
order, reset() with RST.  The UDP proxy loses, doubles and delays by chance from one seed.
"""

import random
import socket
import struct
import threading


class TcpProxy:
    def __init__(self, target_port):
        self.target_port, self.mode, self.delay_s, self.trickle_s = target_port, "pass", 0, 0.05
        self.stopped, self.lock, self.socks = threading.Event(), threading.Lock(), []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.stopped.is_set():
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target_port), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self.lock:
                self.socks += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(source, sink), daemon=True).start()

    def carry(self, source, sink):
        was_lost = False  # after a hole the rest makes no sense
        try:
            while data := source.recv(65536):
                if self.delay_s:
                    self.stopped.wait(self.delay_s)
                if self.mode == "hole" or was_lost:
                    was_lost = True
                elif self.mode == "trickle":
                    for byte in data:
                        sink.sendall(bytes([byte]))
                        self.stopped.wait(self.trickle_s)
                else:
                    sink.sendall(data)
        except OSError:
            pass
        if self.mode != "hole":
            for sock in (source, sink):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def end_all(self, linger):
        with self.lock:
            socks, self.socks = self.socks, []
        for sock in socks:
            try:
                if linger is not None:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    sock.close()
                else:
                    sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.end_all(None)

    def reset(self):
        self.end_all(struct.pack("ii", 1, 0))

    def kill(self):
        self.stopped.set()
        self.listener.close()
        self.cut()


class UdpProxy:
    """For one client at a time, which is enough."""

    def __init__(self, target_port, seed=1, loss=0.0, double=0.0, delay_s=0.0):
        self.target, self.loss, self.double, self.delay_s = ("127.0.0.1", target_port), loss, \
            double, delay_s
        self.random, self.client = random.Random(seed), None
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.near.bind(("127.0.0.1", 0))
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.bind(("127.0.0.1", 0))
        self.port = self.near.getsockname()[1]
        self.lost = self.doubled = 0
        threading.Thread(target=self.carry, args=(self.near, True), daemon=True).start()
        threading.Thread(target=self.carry, args=(self.far, False), daemon=True).start()

    def carry(self, source, is_outward):
        while True:
            try:
                data, address = source.recvfrom(65536)
            except OSError:
                return
            if is_outward:
                self.client = address
            copies = 1
            if self.random.random() < self.loss:
                copies, self.lost = 0, self.lost + 1
            elif self.random.random() < self.double:
                copies, self.doubled = 2, self.doubled + 1
            for _ in range(copies):
                wait = self.random.random() * self.delay_s
                threading.Timer(wait, self.forward, (is_outward, data)).start()

    def forward(self, is_outward, data):
        try:
            if is_outward:
                self.far.sendto(data, self.target)
            else:
                self.near.sendto(data, self.client)
        except OSError:
            pass

    def kill(self):
        self.near.close()
        self.far.close()
