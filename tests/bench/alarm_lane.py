"""How long an alarm takes to the centre while a million records wait and the link is narrow.

    alarm_lane.py ISOTHERM

A store is filled with ISOTHERM_BENCH_BACKLOG records; then the agent drains it through a link of
ISOTHERM_BENCH_BITS bits a second and ISOTHERM_BENCH_DELAY_MS of delay each way, and readings cross
a limit ISOTHERM_BENCH_CROSSINGS times at random moments.  Measured is from the publish of the
reading at the source's broker to the arrival of the alarm at the centre's.  One line of JSON; the
exit status is 1 when the 99th percentile is above ISOTHERM_BENCH_P99_MS, if that is given, or when
history stood still.  docs/benchmark.md tells more.
"""

import json
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
import harness  # noqa: E402
from narrow_link import NarrowLink  # noqa: E402

BACKLOG = int(os.environ.get("ISOTHERM_BENCH_BACKLOG", "1000000"))
BITS = int(os.environ.get("ISOTHERM_BENCH_BITS", "50000"))
DELAY_MS = int(os.environ.get("ISOTHERM_BENCH_DELAY_MS", "0"))
CROSSINGS = int(os.environ.get("ISOTHERM_BENCH_CROSSINGS", "200"))
PAUSE_S = float(os.environ.get("ISOTHERM_BENCH_PAUSE_S", "1"))  # on average, between two
P99_MS = os.environ.get("ISOTHERM_BENCH_P99_MS")
UPLINK = json.loads(os.environ.get("ISOTHERM_BENCH_UPLINK", "{}"))  # more options
DEVICES, LIMIT = 100, 90
START_MS = 1_700_000_000_000


def config(place, sources, uplink):
    return {
        "gateway": "bench",
        "limits": {"devices": DEVICES + 1},
        "windows": [{"count": 1}],
        "times": {"past": "0s"},
        "store": {"path": str(place.path / "store.db"), "budget": "2GiB"},
        "alarms": [{"name": "hot", "devices": "hot", "high": LIMIT}],
        "log": {"level": "error"},
        "sources": sources,
        **({"uplink": uplink} if uplink else {}),
    }


def fill(place):
    """A record for each line of a recording."""
    recording = place.path / "recording.csv"
    with open(recording, "w", encoding="ascii") as file:
        file.writelines(f"press-{n % DEVICES},{START_MS + n * 10},{20 + n % 70 / 8}\n"
                        for n in range(BACKLOG))
    began = time.monotonic()
    agent = place.agent(config(place, [{"replay": {
        "path": str(recording), "line": "{device},{time},{value}"}}], None))
    agent.wait_received(BACKLOG, 600)
    harness.wait_until("the backlog to be committed", lambda: (
        lambda r: r["waiting"] >= BACKLOG and r["not_yet_committed"] == 0)(
            agent.status()["ledger"]["records"]), 600)
    assert agent.terminate() == 0
    return time.monotonic() - began


class Centre(harness.Client):
    """Notes when each alarm came, by the value that raised or cleared it, and counts history."""

    def __init__(self, broker):
        self.arrived, self.history, self.subscribed = {}, 0, threading.Event()
        super().__init__(broker)
        self.wait()
        self.client.subscribe("isotherm/#", 1)
        assert self.subscribed.wait(30)

    def on_subscribe(self, *_):
        self.subscribed.set()

    def on_message(self, client, userdata, message):
        now = time.monotonic()
        if "/alarm/" in message.topic:
            record = json.loads(message.payload)
            self.arrived.setdefault(round(record["value"], 3), now)
        elif message.payload.endswith(b'"replayed":true}'):
            self.history += 1


def cross(client):
    """Over the limit and back at random moments; when each reading was published."""
    chance, sent = random.Random(1), {}
    for number in range(CROSSINGS):
        time.sleep(chance.expovariate(1 / PAUSE_S))
        value = round((LIMIT + 1 if number % 2 == 0 else 20) + number / 1000, 3)
        sent[value] = time.monotonic()
        client.publish("f/hot", json.dumps({"v": value, "t": int(time.time() * 1000)}))
    return sent


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def measure(place, site, centre_broker):
    link = NarrowLink(centre_broker.port, BITS, DELAY_MS / 1000)
    place.things.append(link)
    centre = Centre(centre_broker)
    place.things.append(centre)
    agent = place.agent(config(
        place, [harness.mqtt_source(site, [{"topic": "f/+device", "value": "/v", "time": "/t"}])],
        {"mqtt": {"broker": link.url, "drain_jitter": "0s", **UPLINK}}))
    client = harness.Client(site).wait()
    place.things.append(client)
    harness.wait_until("the source", lambda: agent.source()["connected"])
    harness.wait_until("history to move", lambda: centre.history >= 20)
    began, history, up = time.monotonic(), centre.history, link.bytes_up
    sent = cross(client)
    seconds = time.monotonic() - began
    history, up = centre.history - history, link.bytes_up - up
    harness.wait_until("every alarm", lambda: len(centre.arrived) >= len(sent))
    waits = [1000 * (centre.arrived[value] - at) for value, at in sent.items()]
    status = agent.status()
    agent.check_ledger()
    return waits, {"history_per_s": round(history / seconds, 2),
                   "history_left": status["uplink"]["history"],
                   "longest_commit_ms": status["store"]["longest_commit_ms"],
                   "link_used_percent": round(800 * up / seconds / BITS)}


def main():
    harness.ISOTHERM = sys.argv[1]
    with harness.Place() as place:
        fill_s = fill(place)
        site, centre = place.broker(), place.broker(lines=["max_inflight_messages 20"])
        waits, rest = measure(place, site, centre)
    result = {"backlog": BACKLOG, "bits_per_s": BITS, "delay_ms": DELAY_MS,
              "crossings": len(waits),
              **{f"p{p}_ms": round(percentile(waits, p)) for p in (50, 90, 99)},
              "max_ms": round(max(waits)), **rest, "fill_s": round(fill_s)}
    print(json.dumps(result), flush=True)
    is_slow = P99_MS is not None and result["p99_ms"] > int(P99_MS)
    sys.exit(1 if is_slow or result["history_per_s"] <= 0 else 0)


main()
