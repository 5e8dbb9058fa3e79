"""Do 1,000 devices in shuffled order within the lateness give the same bytes as in order?"""

import os
import random

from harness import Client, Place, mqtt_source, uplink, wait_until

DEVICES, STEPS, STEP_MS, LATENESS_S = 1000, 30, 1000, 10
START_MS = 1_700_000_000_000 // 60_000 * 60_000


def readings():
    for step in range(STEPS):
        for device in range(DEVICES):
            yield device, START_MS + step * STEP_MS, (device * 7919 + step * 104729) % 100_000


def shuffled(seed):
    """Each reading up to the lateness later than its place in order."""
    numbers = random.Random(seed)
    late = [(time_ms + numbers.randrange(LATENESS_S * 1000), device, time_ms, value)
            for device, time_ms, value in readings()]
    return [(d, t, v) for _, d, t, v in sorted(late)]


def collect(place, order, gateway):
    site, centre = place.broker(), place.broker()
    collector = place.collector(centre)
    agent = place.agent({
        "gateway": gateway,
        "limits": {"devices": DEVICES},
        "windows": [{"size": "10s"}, {"size": "1min"}, {"size": "15min", "every": "1min"}],
        "lateness": f"{LATENESS_S}s",
        "grace": "1h",
        "times": {"past": "0s"},
        "sources": [mqtt_source(site, [{"topic": "f/+device", "value": "/v", "time": "/t"}])],
        "uplink": {"mqtt": {"broker": centre.url, "in_flight": 100}},
    })
    agent.wait_connected()
    client = Client(site).wait()
    place.things.append(client)
    client.publish_all([(f"f/d{d}", f'{{"v":{v / 1000:.3f},"t":{t}}}') for d, t, v in order])
    # One reading an hour later moves every watermark, so that all windows close.
    client.publish_all([(f"f/d{d}", f'{{"v":0,"t":{START_MS + 3_600_000}}}')
                        for d in range(DEVICES)])
    agent.wait_received(DEVICES * (STEPS + 1), 120)
    agent.wait_drained(120)
    expected = DEVICES * (STEPS * STEP_MS // 10_000 + 1 + 15)
    wait_until("all windows", lambda: len(collector.final()) >= expected, 60)
    status = agent.status()
    assert status["ledger"]["readings"]["late"] == 0
    assert all(w["missed"] == 0 and w["revisions"] == 0 for w in status["windows"]), status
    agent.check_ledger()
    resident = status["resident_bytes"]
    agent.terminate()
    results = {}
    for key, record in collector.final().items():
        for name in ("id", "gateway", "epoch", "seq", "created", "created_ms", "clock"):
            record.pop(name, None)
        results[key] = record
    return results, resident


def main():
    seed = int(os.environ.get("ISOTHERM_SEED", "0")) or random.randrange(1 << 32)
    print(f"ISOTHERM_SEED={seed}")
    with Place() as place:
        ordered, resident = collect(place, list(readings()), "gw")
        mixed, _ = collect(place, shuffled(seed), "gw")
        assert len(ordered) == len(mixed)
        for key, record in ordered.items():
            assert mixed[key] == record, (key, record, mixed[key])
        assert sum(r["count"] for k, r in ordered.items() if k[1] == "10s") == DEVICES * STEPS
        print(f"{len(ordered)} windows equal; resident {resident / 1e6:.1f} MB")


main()
