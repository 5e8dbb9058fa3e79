"""Does a TLS handshake that stalls end in time, hold nothing else up, and not delay a stop?

Row 35 of docs/faults.md.  Three listeners at once: one takes the connection and says nothing, one
sends its answer a byte a second, one sends half a record and then nothing.  ISOTHERM_STALL=long
takes the longest time there is, 30 s, instead of the shortest.
"""

import importlib
import os
import socket
import time

from fake_broker import FakeBroker
from fault_proxy import TcpProxy
from harness import Client, Feeder, Place, fast, free_port, mqtt_source, small_config, \
    wait_closed, wait_until

tls = importlib.import_module("10-tls-and-passwords")
IS_LONG = os.environ.get("ISOTHERM_STALL") == "long"
KEEPALIVE, LIMIT_S = ("60s", 30) if IS_LONG else ("5s", 5)  # the keepalive, 30 s at most
HALF_A_RECORD = b"\x16\x03\x03\x10\x00\x02\x00\x00\x76\x03\x03"  # a ServerHello announced


def say_nothing(session):
    session.hold()


def say_half(session):
    session.send(HALF_A_RECORD)
    session.hold()


class Listeners:
    def __init__(self, place):
        self.authority = tls.certificate(place.path, "authority")
        self.broker = place.broker(lines=self.tls_lines(place))
        self.mute = FakeBroker(say_nothing, port=free_port())  # which another broker gets later
        self.half = FakeBroker(say_half)
        self.slow = TcpProxy(self.broker.port)
        self.slow.mode, self.slow.trickle_s = "trickle", 1.0
        place.things += [self.mute, self.half, self.slow]

    def tls_lines(self, place):
        key, cert = tls.certificate(place.path, "server", self.authority)
        for path in (key, cert, self.authority[1]):
            path.chmod(0o644)
        return [f"certfile {cert}", f"keyfile {key}"]

    def options(self, peer):
        return {**fast(keepalive=KEEPALIVE), "broker": f"mqtts://127.0.0.1:{peer.port}",
                "ca_file": str(self.authority[1])}

    def source(self, peer, name):
        return {"mqtt": {"name": name, "subscribe": [{"topic": "s/+device"}],
                         **self.options(peer)}}


def first_timeouts(agent, start):
    """For each stalled connection, when its try was given up."""
    parts = {"mute", "slow", "half", "uplink"}
    took = {}

    def all_given_up():
        for line in agent.log().splitlines():
            for part in parts - set(took):
                if f" {part}" in line and ("did not answer" in line or "is silent" in line):
                    took[part] = time.monotonic() - start
        return parts == set(took)
    wait_until("every try to be given up", all_given_up, 2 * LIMIT_S)
    return took


def wait_free(port):
    """A listener that was closed takes one more connection when it is waiting for one already."""
    def is_free():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0
    wait_until("the port to be free", is_free)


def check_stall(place):
    site, listeners = place.broker(), Listeners(place)
    config = small_config([mqtt_source(site, [{"topic": "f/+device"}], **fast())], site)
    config["sources"] += [listeners.source(listeners.mute, "mute"),
                          listeners.source(listeners.slow, "slow"),
                          listeners.source(listeners.half, "half")]
    config["uplink"]["mqtt"].update(listeners.options(listeners.mute))
    start = time.monotonic()
    agent = place.agent(config)
    wait_until("the good source", lambda: agent.source()["connected"])
    client = Client(site).wait()
    place.things.append(client)
    feeder = Feeder(client)
    took = first_timeouts(agent, start)
    for part, seconds in sorted(took.items()):
        print(f"{part}: given up after {seconds:.1f} s")
        assert seconds >= LIMIT_S - 1, "it did not stall"
        assert seconds <= LIMIT_S + 25, "too late, even for a busy machine"
    before = agent.status()["ledger"]["readings"]["received"]
    agent.wait_received(before + 50)
    assert agent.source()["connected"]

    start = time.monotonic()  # tries are under way all the time: the pauses are short
    assert agent.terminate(10) == 0, agent.log()
    took_s = time.monotonic() - start
    print(f"SIGTERM during the handshakes took {took_s:.2f} s")
    assert took_s < 10, took_s
    agent.start()

    # The right one answers at last: found without a restart.
    port = listeners.mute.port
    listeners.mute.kill()
    wait_free(port)
    centre = place.broker(port=port, lines=listeners.tls_lines(place))
    assert centre.port == port
    wait_until("the uplink", lambda: agent.status()["uplink"]["state"] == "up", 2 * LIMIT_S)
    sent = feeder.stop()
    agent.wait_received(sent)
    wait_closed(agent)
    agent.wait_drained()
    agent.check_ledger()
    assert agent.status()["ledger"]["readings"]["accepted"] == sent
    assert agent.terminate() == 0


def main():
    with Place() as place:
        check_stall(place)


if __name__ == "__main__":
    main()
