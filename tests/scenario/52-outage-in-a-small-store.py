"""A long outage and a store too small for it: does every hour of every device stay exact, is every
number accounted for, and does the disk keep its budget, also when the agent is killed on the way?"""

import json
import threading
import time
from collections import defaultdict
from decimal import Decimal

from harness import Client, Place, fast, mqtt_source, uplink, wait_until

DEVICES, HOURS, EVERY_S, PART = 4, 24, 10, 2000
BUDGET = 1664 * 1024
START_MS = 1_700_000_000_000 // 3_600_000 * 3_600_000


def readings():
    for number in range(HOURS * 3600 // EVERY_S):
        for device in range(DEVICES):
            micro = 20_000_000 + (number * 7919 + device * 104729) % 4_000_000 // 1000 * 1000
            yield f"d{device}", START_MS + number * EVERY_S * 1000 + device * 100, micro


def file_sizes(store):
    sizes = {}
    for path in store.parent.glob(store.name + "*"):
        try:
            sizes[path.name] = path.stat().st_size
        except FileNotFoundError:
            pass
    return sizes


class Scales(threading.Thread):
    """Weighs the store's files all the time.  One file is seen after the other, so only sizes that
    were the same twice in a row are taken for those of one moment."""

    def __init__(self, store):
        super().__init__(daemon=True)
        self.store, self.most, self.is_done = store, 0, False

    def run(self):
        while not self.is_done:
            sizes = file_sizes(self.store)
            if sizes == file_sizes(self.store):
                self.most = max(self.most, sum(sizes.values()))
            time.sleep(0.1)


def hours_of(rows):
    """Count, sum, minimum and maximum per device and hour."""
    hours = defaultdict(lambda: [0, Decimal(0), None, None])
    for device, start_ms, count, total, least, most in rows:
        hour = hours[device, start_ms // 3_600_000]
        hour[0] += count
        hour[1] += total
        hour[2] = least if hour[2] is None else min(hour[2], least)
        hour[3] = most if hour[3] is None else max(hour[3], most)
    return dict(hours)


def expected_hours():
    return hours_of((device, at_ms, 1, Decimal(micro) / 1_000_000, Decimal(micro) / 1_000_000,
                     Decimal(micro) / 1_000_000) for device, at_ms, micro in readings())


def received_hours(collector, window):
    newest = {}
    for record in collector.summaries(window):
        key = record["device"], record["start_ms"], record["end_ms"]
        if key not in newest or record["revision"] > newest[key]["revision"]:
            newest[key] = record
    assert all(r["end_ms"] - r["start_ms"] <= 3_600_000 for r in newest.values())
    return hours_of((r["device"], r["start_ms"], r["count"], Decimal(r["sum"]),
                     Decimal(str(r["min"])), Decimal(str(r["max"]))) for r in newest.values())


def check_numbers(collector, written):
    """Every number is a record, or named by one notice."""
    kinds = ("summary", "alarm", "notice")
    came = {r["seq"] for kind in kinds for r in collector.all(kind)}
    named = set()
    for notice in {r["seq"]: r for r in collector.all("notice")}.values():
        assert notice["reason"] == "merged", notice
        for low, high in notice["ranges"]:
            span = set(range(low, high + 1))
            assert not span & named and not span & came, notice
            named |= span
    assert came | named == set(range(1, written + 1)), (len(came), len(named), written)
    return len(named)


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(start=False)
        store = place.path / "small" / "store.db"
        agent = place.agent({
            "gateway": "line-7",
            "windows": [{"size": "10s"}, {"size": "1min"}, {"size": "15min", "every": "1min"}],
            "lateness": "5s", "grace": "1s", "times": {"past": "0s"},
            "limits": {"devices": DEVICES},
            "store": {"path": str(store), "budget": f"{BUDGET // 1024} KiB", "batch": "32 KiB",
                      "commit_every": "200ms"},
            "sources": [mqtt_source(site, [{"topic": "f/+device", "value": "/v", "time": "/t"}],
                                    **fast())],
            "uplink": uplink(centre, **fast()),
        })
        scales = Scales(store)
        scales.start()
        wait_until("the source", lambda: agent.source()["connected"])
        client = Client(site).wait()
        place.things.append(client)
        messages = [(f"f/{device}", json.dumps({"v": micro / 1e6, "t": at_ms}))
                    for device, at_ms, micro in readings()]
        for begin in range(0, len(messages), PART):
            client.publish_all(messages[begin:begin + PART])
            if begin // PART % 5 == 2:
                agent.kill()
                agent.start()
        agent.wait_received(len(messages), seconds=120)
        with agent.held():
            centre.start()
            collector = place.collector(centre)
        agent.wait_connected()
        agent.wait_drained(seconds=120)
        ledger = agent.check_ledger()
        agent.terminate()
        written = ledger["records"]["written"]
        assert ledger["records"]["merged"] > 1000 and ledger["records"]["dropped"] == 0, ledger
        scales.is_done = True
        scales.join()
        assert scales.most <= BUDGET, (scales.most, BUDGET)
        named = check_numbers(collector, max(
            r["seq"] for kind in ("summary", "notice") for r in collector.all(kind)))
        wanted, got = expected_hours(), received_hours(collector, "10s")
        open_hours = {key for key in wanted if wanted[key] != got.get(key)}
        last = START_MS // 3_600_000 + HOURS - 1
        assert all(hour == last for _, hour in open_hours), sorted(open_hours)[:5]
        print(f"{len(messages)} readings, {written} records, {named} named as merged, at most "
              f"{scales.most} of {BUDGET} bytes")


main()
