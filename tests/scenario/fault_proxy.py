"""TCP and UDP proxies on loopback that do to the bytes what bad networks do.

Modes of the TCP proxy: "pass"; "hole" (connections stay, nothing is forwarded any more);
"trickle" (a byte at a time); `delay_s` holds every chunk back.  cut() ends connections in good
order, reset() with RST.  The UDP proxy loses and doubles a fixed share of the datagrams of each
direction, which ones and how late by chance from one seed.
"""

import random
import socket
import struct
import threading


class TcpProxy:
    def __init__(self, target_port):
        self.target_port, self.mode, self.delay_s, self.trickle_s = target_port, "pass", 0, 0.05
        self.stopped, self.lock, self.socks = threading.Event(), threading.Lock(), []
        self.broken = set()  # sockets that were reset
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
                    self.trickle(data, sink)
                else:
                    sink.sendall(data)
        except OSError:
            pass
        if self.mode != "hole" and source not in self.broken:
            for sock in (source, sink):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def trickle(self, data, sink):
        """A byte at a time as long as the mode lasts, then the rest."""
        while data and self.mode == "trickle":
            sink.sendall(data[:1])
            data = data[1:]
            self.stopped.wait(self.trickle_s)
        sink.sendall(data)

    def take_all(self):
        socks, self.socks = self.socks, []
        return socks

    def cut(self):
        with self.lock:
            socks = self.take_all()
        for sock in socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def reset(self):
        with self.lock:
            socks = self.take_all()
            self.broken.update(socks)
        for sock in socks:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RD)  # wakes its thread: the close would wait for that
            except OSError:
                pass
            sock.close()

    def kill(self):
        self.stopped.set()
        self.listener.close()
        self.cut()


class Deck:
    """What happens to each datagram of one direction: of twenty in a row exactly these shares are
    lost and doubled."""

    def __init__(self, seed, loss, double):
        self.random, self.cards = random.Random(seed), []
        lost, doubled = round(20 * loss), round(20 * double)
        self.full = [0] * lost + [2] * doubled + [1] * (20 - lost - doubled)

    def draw(self):
        """How many copies arrive."""
        if not self.cards:
            self.cards = self.random.sample(self.full, len(self.full))
        return self.cards.pop()


class UdpProxy:
    """For one client at a time, which is enough."""

    def __init__(self, target_port, seed=1, loss=0.0, double=0.0, delay_s=0.0):
        self.target, self.client, self.delay_s = ("127.0.0.1", target_port), None, delay_s
        self.lock = threading.Lock()
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.near.bind(("127.0.0.1", 0))
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.bind(("127.0.0.1", 0))
        self.port = self.near.getsockname()[1]
        self.lost = self.doubled = 0
        for source, is_outward in ((self.near, True), (self.far, False)):
            deck = Deck(seed + is_outward, loss, double)
            threading.Thread(target=self.carry, args=(source, is_outward, deck),
                             daemon=True).start()

    def carry(self, source, is_outward, deck):
        while True:
            try:
                data, address = source.recvfrom(65536)
            except OSError:
                return
            if is_outward:
                self.client = address
            copies = deck.draw()
            with self.lock:
                self.lost += copies == 0
                self.doubled += copies == 2
            for _ in range(copies):
                wait = deck.random.random() * self.delay_s
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
