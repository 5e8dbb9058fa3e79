"""A scripted MQTT broker (5 and 3.1.1): the cheapest way to be hostile.

Each connection is given to `broker.script(session)`, a function of the scenario that sends and
reads packets by itself or hands over to `session.serve(...)`, which behaves like a broker that
takes publishes at QoS 1.  The script may be changed while the broker runs: it holds for
connections that are accepted from then on.
"""

import json
import socket
import struct
import threading
import time

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


class Gone(Exception):
    """The other side closed the connection."""


def length(number):
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + length(len(body)) + body


def text(word):
    raw = word.encode()
    return struct.pack(">H", len(raw)) + raw


class Session:
    """One connection to the fake broker."""

    def __init__(self, broker, sock):
        self.broker, self.sock, self.version, self.client_id = broker, sock, 5, ""
        self.username = None

    def read(self, size):
        data = b""
        while len(data) < size:
            part = self.sock.recv(size - len(data))
            if not part:
                raise Gone
            data += part
        return data

    def read_packet(self):
        """(type, flags, body) of the next packet."""
        head = self.read(1)[0]
        size = shift = 0
        while True:
            digit = self.read(1)[0]
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return head >> 4, head & 15, self.read(size)

    def read_connect(self):
        kind, _, body = self.read_packet()
        assert kind == CONNECT, kind
        self.version = body[6]
        at = 10
        if self.version == 5:
            at += 1 + body[10]
        size = struct.unpack_from(">H", body, at)[0]
        self.client_id = body[at + 2:at + 2 + size].decode()
        return self

    def send(self, data):
        self.sock.sendall(data)

    def send_slowly(self, data, interval=1.0):
        for byte in data:
            self.sock.sendall(bytes([byte]))
            self.broker.stopped.wait(interval)

    def connack_packet(self, code=0, properties=b""):
        tail = length(len(properties)) + properties if self.version == 5 else b""
        return packet(CONNACK, 0, bytes([0, code]) + tail)

    def connack(self, code=0, properties=b""):
        self.send(self.connack_packet(code, properties))

    def puback(self, message_id, code=0):
        tail = bytes([code]) if self.version == 5 and code else b""
        self.send(packet(PUBACK, 0, struct.pack(">H", message_id) + tail))

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def hold(self):
        """Says nothing more until the other side goes away."""
        while self.sock.recv(65536):
            pass

    def take_publish(self, flags, body):
        size = struct.unpack_from(">H", body)[0]
        topic, at, message_id = body[2:2 + size].decode(), 2 + size, 0
        if flags & 6:
            message_id = struct.unpack_from(">H", body, at)[0]
            at += 2
        if self.version == 5:
            at += 1 + body[at]
        return topic, body[at:], message_id

    def serve(self, judge=lambda topic, payload: 0):
        """Serves until the end.  `judge` says the reason code of a publish, or None to leave it
        without an answer; what is taken with success goes to broker.taken."""
        while True:
            kind, flags, body = self.read_packet()
            if kind == PUBLISH:
                topic, payload, message_id = self.take_publish(flags, body)
                code = judge(topic, payload)
                self.broker.note(topic, payload, code)
                if message_id and code is not None:
                    self.puback(message_id, code)
            elif kind == SUBSCRIBE:
                tail = b"\0\1" if self.version == 5 else b"\1"
                self.send(packet(SUBACK, 0, body[:2] + tail))
            elif kind == PINGREQ:
                self.send(packet(PINGRESP, 0, b""))
            elif kind == DISCONNECT:
                return


def accept_all(session):
    session.read_connect().connack()
    session.serve()


class FakeBroker:
    def __init__(self, script=accept_all, port=0, host="127.0.0.1"):
        self.script, self.stopped, self.lock = script, threading.Event(), threading.Lock()
        self.taken, self.seen = [], []  # (topic, payload) with success; (topic, payload, code)
        self.connects = []  # monotonic times
        self.errors = []
        self.sessions = []
        self.listener = socket.create_server((host, port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"mqtt://{host}:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.stopped.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connects.append(time.monotonic())
                session = Session(self, sock)
                self.sessions.append(session)
                arguments = session, self.script
            threading.Thread(target=self.run, args=arguments, daemon=True).start()

    def run(self, session, script):
        try:
            script(session)
        except (Gone, OSError):
            pass
        except Exception as error:  # a mistake of the scenario: shown by check()
            self.errors.append(error)
        finally:
            session.sock.close()

    def note(self, topic, payload, code):
        with self.lock:
            self.seen.append((topic, payload, code))
            if code is not None and code < 0x80:
                self.taken.append((topic, payload))

    def drop_all(self, script=None):
        """Cuts every connection; all later ones, and no earlier one, go to the new script."""
        with self.lock:
            sessions, self.sessions = self.sessions, []
            self.script = script or self.script
        for session in sessions:
            try:
                session.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def records(self, part="summary"):
        with self.lock:
            return [json.loads(p) for t, p in self.taken if f"/{part}/" in t]

    def check(self):
        assert not self.errors, self.errors

    def kill(self):
        self.stopped.set()
        self.listener.close()
        self.drop_all()
