"""Over UDP that loses, doubles and reorders: is each confirmable reading answered and counted once?"""

import random
import socket
import struct
import time

from fault_proxy import UdpProxy
from harness import (PATIENCE, Place, check_sequence, fast, free_port, uplink, wait_closed,
                     wait_until)

READINGS = 40


def message(kind, message_id, path, payload):
    out = bytes([0x44 | kind << 4, 2]) + struct.pack(">HI", message_id, message_id)
    last = 0
    for level in path:
        raw = level.encode()
        out += bytes([(11 - last) << 4 | len(raw)]) + raw
        last = 11
    return out + b"\xff" + payload


def post(sock, message_id, path, payload):
    """A confirmable POST with RFC 7252's repeats, only faster; returns the code of the answer."""
    data = message(0, message_id, path, payload)
    deadline = time.monotonic() + 20 * PATIENCE
    sock.settimeout(0.2)
    while time.monotonic() < deadline:
        sock.send(data)
        try:
            while True:
                answer = sock.recv(2048)
                kind, code, answered = answer[0] >> 4 & 3, answer[1], answer[2:4]
                token = answer[4:4 + (answer[0] & 15)]
                if kind == 0:  # a separate answer: it wants an acknowledgement
                    sock.send(bytes([0x60, 0]) + answered)
                if code and token == struct.pack(">I", message_id):
                    return code
        except socket.timeout:
            pass
    return None


def check(place, loss):
    centre = place.broker()
    collector = place.collector(centre)
    port = free_port(socket.SOCK_DGRAM)
    proxy = UdpProxy(port, seed=37, loss=loss, double=0.2, delay_s=0.05)
    place.things.append(proxy)
    agent = place.agent({
        "gateway": "line-7", "windows": [{"size": "1s"}], "grace": "0s", "lateness": "0s",
        "store": {"commit_every": "50ms"},
        "sources": [{"coap": {"listen": f"coap://127.0.0.1:{port}", "path": "t/{device}"}}],
        "uplink": uplink(centre, **fast()),
    })
    agent.wait_connected()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", proxy.port))
    first = random.Random(int(loss * 100)).randrange(1, 60000)
    answers = [post(sock, (first + i) & 0xffff, ("t", f"d{i % 4}"), b"21.5")
               for i in range(READINGS)]
    assert all(code == 0x44 for code in answers), answers
    wait_closed(agent)
    agent.wait_drained(20)
    counts = agent.check_ledger()["readings"]
    wait_until("all records", lambda: sum(
        r["count"] for r in collector.final().values()) >= counts["accepted"])
    assert counts["accepted"] == READINGS, counts
    check_sequence(collector.summaries())
    print(f"{loss:.0%} lost each way: {READINGS} readings once each; {proxy.lost} datagrams lost, "
          f"{proxy.doubled} doubled")
    # Each way at least READINGS came through, which takes so many losses and doubles.
    assert proxy.lost > READINGS * loss / 2 and proxy.doubled > 10, "the network was too good"
    assert agent.terminate() == 0


def main():
    for loss in (0.3, 0.5):
        with Place() as place:
            check(place, loss)


main()
