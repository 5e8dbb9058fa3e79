"""After an outage: do live records pass the history, alarms both, at the rate, and all is told?"""

import json
import subprocess
import sys

from harness import (SOURCE, Client, Place, check_sequence, fast, mqtt_source, uplink,
                     wait_until)

HISTORY, RATE, LIVE = 400, 40, 60
START_MS = 1_700_000_000_000


def record_per_reading(site, centre):
    """Windows of one reading: so what is published is known one by one."""
    return {
        "gateway": "line-7",
        "windows": [{"count": 1}],
        "times": {"past": "0s"},
        "store": {"commit_every": "100ms"},
        "sources": [mqtt_source(site, [{"topic": "f/+device", "value": "/v", "time": "/t"}],
                                **fast())],
        "alarms": [{"name": "hot", "devices": "*", "high": 90}],
        "uplink": uplink(centre, **fast(rate=RATE, drain_jitter="200ms", ledger_every="2s")),
    }


def reading(device, number, value=20):
    return f"f/{device}", json.dumps({"v": value, "t": START_MS + number * 1000})


def drive_live(client, collector, agent):
    """One live reading after the other, each awaited; how much history was left at each.  In the
    middle one that raises an alarm."""
    left, estimates = [], []
    for number in range(LIVE):
        client.publish_all([reading("live", number, 99 if number == LIVE // 2 else 20)])
        wait_until(f"live record {number}", lambda n=number: len(
            collector.summaries(device="live")) > n)
        left.append(HISTORY - len(collector.summaries(device="past")))
        if number % 10 == 0:
            estimates.append(agent.status()["uplink"])
        if left[-1] < HISTORY // 5:
            break
    return left, estimates


def check_status(agent, estimates):
    known = [e for e in estimates if e["drain_ms"] is not None]
    assert known, estimates
    for estimate in known:
        assert estimate["drain_basis"] in ("measured", "configured"), estimate
        least_ms = 1000 * estimate["history"] / RATE
        assert 0.5 * least_ms <= estimate["drain_ms"] <= 20 * least_ms + 10000, estimate
    assert known[-1]["history"] < known[0]["history"], known
    assert known[-1]["drain_ms"] < known[0]["drain_ms"], known
    text = agent.run("status", "-c", str(agent.config_path)).stdout
    assert "from before the connection" in text, text


def check_records(collector):
    past = collector.summaries(device="past")
    assert len({r["id"] for r in past}) == HISTORY
    assert all(r.get("replayed") is True for r in past), "not marked"
    assert {r["start_ms"] for r in past} == {START_MS + n * 1000 for n in range(HISTORY)}
    assert not any("replayed" in r for r in collector.summaries(device="live"))
    check_sequence(collector.all("summary") + collector.alarms())


def check_ledger(collector, consumer):
    with collector.lock:
        ledgers = [r for t, r, _ in collector.messages if t == "isotherm/line-7/ledger"]
    last = ledgers[-1]
    distinct = len({r["id"] for r in collector.all("summary") + collector.alarms()})
    assert last["records"]["written"] == distinct, (last, distinct)
    assert last["balanced"] and last["next_seq"] == distinct + 1, last
    assert last["readings"] == {k: sum(s[k] for s in last["sources"]) for k in last["readings"]}
    output, error = consumer.communicate(timeout=30)
    assert consumer.returncode == 0, (output, error)
    assert f"written {distinct}, " in error and "missing []" in error, error


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(lines=["log_type all"], start=False)
        agent = place.agent(record_per_reading(site, centre))
        client = Client(site).wait()
        place.things.append(client)
        wait_until("the source", lambda: agent.source()["connected"])
        client.publish_all([reading("past", number) for number in range(HISTORY)])
        down = wait_until("the history to be stored", lambda: (
            lambda s: s if s["uplink"]["waiting"] == HISTORY else None)(agent.status()))
        assert down["uplink"]["drain_ms"] is None and down["uplink"]["history"] == HISTORY, down

        agent.terminate()  # so that collector and consumer are there before the first record
        centre.start()
        collector = place.collector(centre)
        consumer = subprocess.Popen(
            [sys.executable, str(SOURCE / "scripts" / "isotherm-consumer"), "--broker", centre.url,
             "--gateway", "line-7", "--ledger", "--seconds", "3600"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_until("the consumer to subscribe", 
                   lambda: centre.log().count("Received SUBSCRIBE") >= 2)
        agent.start()
        wait_until("history to move", lambda: collector.summaries(device="past"))
        left, estimates = drive_live(client, collector, agent)
        assert len(left) > 3 and left[2] > HISTORY // 2, f"live records had to wait: {left}"
        alarm = wait_until("the alarm", collector.alarms)[0]
        check_status(agent, estimates)
        agent.wait_drained()
        status = agent.status()["uplink"]
        assert status["history"] == 0 and status["drain_ms"] == 0, status
        agent.check_ledger()
        assert agent.terminate() == 0
        check_records(collector)
        assert alarm["device"] == "live"
        consumer.terminate()
        check_ledger(collector, consumer)
        print(f"{len(left)} live records while {HISTORY} waited, {left[-1]} left at the last")


main()
