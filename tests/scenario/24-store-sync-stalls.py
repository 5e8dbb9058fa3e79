"""While fsync stalls: is nothing lost or acknowledged early, and do status and alarms go on?

ISOTHERM_STALL_S sets how long it stalls (default 6).
"""

import os
import pathlib
import struct
import subprocess
import threading
import time

from fake_broker import (PINGREQ, PINGRESP, PUBACK, PUBLISH, SUBACK, SUBSCRIBE, FakeBroker, packet,
                         text)
from harness import (ISOTHERM, Place, content, fast, mqtt_source, skip, small_config,
                     wait_closed, wait_until)

STALL_S = float(os.environ.get("ISOTHERM_STALL_S", "6"))
SLOW = pathlib.Path(ISOTHERM).with_name("libisotherm_slow_calls.so")


class SiteBroker(FakeBroker):
    """Sends readings at QoS 1 and notes when each was acknowledged."""

    def __init__(self):
        super().__init__(self.serve_readings)
        self.acknowledged, self.subscribed, self.session, self.sent = [], threading.Event(), None, 0

    def serve_readings(self, session):
        session.read_connect().connack()
        self.session = session
        while True:
            kind, _, body = session.read_packet()
            if kind == SUBSCRIBE:
                session.send(packet(SUBACK, 0, body[:2] + b"\0\1"))
                self.subscribed.set()
            elif kind == PUBACK:
                self.acknowledged.append(struct.unpack_from(">H", body)[0])
            elif kind == PINGREQ:
                session.send(packet(PINGRESP, 0, b""))

    def publish(self, topic, value):
        self.sent += 1
        body = text(topic) + struct.pack(">H", self.sent) + b"\0" + value.encode()
        self.session.send(packet(PUBLISH, 2, body))


class Tail:
    """`isotherm tail`, and what it has shown."""

    def __init__(self, agent):
        self.process = subprocess.Popen(
            [ISOTHERM, "tail", "-c", str(agent.config_path), "--json"], stdout=subprocess.PIPE,
            text=True)
        self.shown = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.shown.append(line)

    def kill(self):
        self.process.kill()
        self.process.wait()


def start_tail(place, agent, site):
    """A reading after the other until the tail shows one and all are acknowledged."""
    tail = Tail(agent)
    place.things.append(tail)

    def shows():
        site.publish("f/d0", "20")
        return tail.shown
    wait_until("the tail to show a reading", shows)
    wait_until("the acknowledgements", lambda: len(site.acknowledged) == site.sent)
    return tail


def main():
    if not SLOW.exists():
        skip(f"{SLOW} was not built")
    with Place() as place:
        site, centre = SiteBroker(), place.broker()
        place.things.append(site)
        flag = place.path / "disk-is-slow"
        config = small_config([mqtt_source(site, [{"topic": "f/+device"}], **fast(keepalive="1min"))],
                              centre, alarms=[{"name": "hot", "devices": "*", "high": 50}])
        collector = place.collector(centre)
        agent = place.agent(config, environment={
            "LD_PRELOAD": str(SLOW), "SLOW_SYNC_FILE": str(flag), "SLOW_LIMIT_S": "600",
            "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
        agent.wait_connected()
        assert site.subscribed.wait(20)
        tail = start_tail(place, agent, site)
        acknowledged = site.sent
        flag.touch()
        stalled_at = time.monotonic()
        site.publish("f/d0", "21")  # it is in the commit that stalls
        wait_until("the stall to be seen",
                   lambda: "a commit takes longer" in agent.log(), 10)
        print(f"stall in the log {time.monotonic() - stalled_at:.1f} s after it began")
        site.publish("f/hot", "99")
        wait_until("the alarm in the log", lambda: "hot raised on hot" in agent.log(), 5)
        print(f"alarm in the log {time.monotonic() - stalled_at:.1f} s after the stall began")
        wait_until("the alarm in tail", lambda: any("hot" in line and "alarm" in line
                                                    for line in tail.shown), 5)
        longest = 0.0
        while longest == 0 or time.monotonic() - stalled_at < STALL_S:
            if site.sent - acknowledged < 200:  # the agent's receive maximum is 250
                site.publish(f"f/d{site.sent % 3}", "22")
            start = time.monotonic()
            status = agent.status()  # an answer at all: the disk gives none before the flag goes
            longest = max(longest, time.monotonic() - start)
            assert status["ledger"]["balanced"], status
            assert len(site.acknowledged) == acknowledged, "acknowledged before the commit"
            assert not collector.alarms(), "sent before the commit"

        flag.unlink()
        freed_at = time.monotonic()
        wait_until("every acknowledgement", lambda: len(site.acknowledged) == site.sent, 10)
        assert sorted(site.acknowledged) == list(range(1, site.sent + 1))
        wait_until("the alarm at the centre", lambda: collector.alarms(), 10)
        print(agent.log()) if os.environ.get("SHOW") else None
        print(f"alarm at the centre {time.monotonic() - freed_at:.1f} s after the stall, "
              f"{site.sent} readings, slowest status {longest:.2f} s")
        wait_closed(agent)
        agent.wait_drained(20)
        assert agent.status()["ledger"]["readings"]["accepted"] == site.sent
        wait_until("all summaries", lambda: sum(
            r["count"] for r in collector.final().values()) == site.sent)
        check_records(collector, site.sent)
        agent.check_ledger()
        assert agent.terminate() == 0
        site.check()


def check_records(collector, sent):
    with collector.lock:
        records = [r for t, r, _ in collector.messages if "/summary/" in t or "/alarm/" in t]
    summaries = [r for r in records if "window" in r]
    by_id = {r["id"]: r for r in records}  # what came again after a lost acknowledgement
    assert all(content(by_id[r["id"]]) == content(r) for r in records), "one id, two contents"
    assert len(summaries) < len(records), "no alarm"
    best = {}
    for record in summaries:
        best[(record["device"], record["start_ms"])] = record
    assert sum(r["count"] for r in best.values()) == sent


main()
