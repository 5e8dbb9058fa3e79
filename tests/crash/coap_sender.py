"""A CoAP client that sends confirmable requests again and again until they are answered."""

import random
import socket
import struct
import threading

AGAIN_S = 0.08
CON, NON, ACK, RST = range(4)
CHANGED, UNAVAILABLE = 0x44, 0xA3


class CoapSender(threading.Thread):
    """Posts 1, 2, 3 ... up to `last` as device `name`, one at a time; `acknowledged` is its
    outside ledger."""

    def __init__(self, port, name, seed, last=None):
        super().__init__(daemon=True)
        self.port, self.name_on_path = port, name
        self.random = random.Random(seed)
        self.message_id = self.random.randrange(65536)
        self.acknowledged = 0  # values 1 to this were answered with success
        self.sent_again = 0
        self.problem = None
        self.last, self.stopping = last, threading.Event()

    def stop(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive(), f"{self.name_on_path} got no answer to its last request"
        assert self.problem is None, self.problem

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.connect(("127.0.0.1", self.port))
            wire.settimeout(AGAIN_S)
            while (not self.stopping.is_set() and self.problem is None
                   and self.acknowledged != self.last):
                self.post(wire, self.acknowledged + 1)

    def request(self, value, token):
        def option(delta, text):
            return bytes([delta << 4 | len(text)]) + text
        head = struct.pack("!BBH", 0x40 | CON << 4 | len(token), 2, self.message_id)
        return (head + token + option(11, b"t") + option(0, self.name_on_path.encode())
                + b"\xff" + str(value).encode())

    def post(self, wire, value):
        self.message_id = (self.message_id + 1) % 65536
        token = self.random.randbytes(4)
        packet = self.request(value, token)
        code = None
        while code is None and self.problem is None:
            try:
                wire.send(packet)
                code = self.await_answer(wire, token)
            except (ConnectionError, TimeoutError):
                self.stopping.wait(0.01)
            self.sent_again += code is None
        if code == CHANGED:
            self.acknowledged = value
            self.stopping.wait(0.005)
        elif code != UNAVAILABLE:
            self.problem = f"{self.name_on_path}: answered with {code:#x}"

    def await_answer(self, wire, token):
        """The code that answers the token; an empty ACK means that it follows."""
        while True:
            answer = wire.recv(2048)
            kind, code = answer[0] >> 4 & 3, answer[1]
            if kind == CON:
                wire.send(struct.pack("!BBH", 0x40 | ACK << 4, 0, *struct.unpack_from(
                    "!H", answer, 2)))
            if code != 0 and answer[4:4 + (answer[0] & 15)] == token:
                return code
