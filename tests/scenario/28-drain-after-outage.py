"""After an outage: do live records pass the history, alarms both, at the rate, and all is told?"""

import json
import sys

from harness import (SOURCE, Client, Place, Process, check_sequence, fast, mqtt_source, uplink,
                     wait_until)

HISTORY, RATE = 400, 40
LIVE, FIRST, HOT = 200, 4, 2  # live readings at most, those that come at once, the hot one
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
        "uplink": uplink(centre, **fast(  # another connection would make history of live records
            keepalive="1min", rate=RATE, drain_jitter="200ms", ledger_every="2s")),
    }


def reading(device, number, value=20):
    return f"f/{device}", json.dumps({"v": value, "t": START_MS + number * 1000})


def count_left(collector, is_wanted, number=0):
    """How much history had not come yet when the record of that number came."""
    with collector.lock:
        records = [r for t, r, _ in collector.messages if "/summary/" in t or "/alarm/" in t]
    wanted = [at for at, record in enumerate(records) if is_wanted(record)]
    return HISTORY - sum(r["device"] == "past" for r in records[:wanted[number]])


def is_live(record):
    return record["device"] == "live" and "window" in record


def drive_live(client, collector, agent):
    """Some live readings at once, one of which raises an alarm, then one after the other, each
    awaited; how much history was left at each, and the states of the uplink meanwhile."""
    looks = [agent.status()["uplink"]]
    client.publish_all([reading("live", number, 99 if number == HOT else 20)
                        for number in range(FIRST)])
    text = agent.run("status", "-c", str(agent.config_path)).stdout
    assert "from before the connection" in text, text
    left = []
    for number in range(LIVE):
        if number >= FIRST:
            client.publish_all([reading("live", number)])
        wait_until(f"live record {number}", lambda n=number: len(
            collector.summaries(device="live")) > n)
        left.append(count_left(collector, is_live, number))
        looks.append(agent.status()["uplink"])
        if number >= FIRST and left[-1] < HISTORY // 5:
            break
    return left, looks


def check_looks(looks):
    """How long the rest will take is told, and gets less."""
    for look in looks:
        if look["history"] == 0:
            continue
        assert look["drain_basis"] in ("measured", "configured"), look
        least_ms = 1000 * look["history"] / RATE
        assert 0.5 * least_ms <= look["drain_ms"] <= 20 * least_ms + 10000, look
    assert looks[-1]["history"] < looks[0]["history"], looks
    assert looks[-1]["drain_ms"] < looks[0]["drain_ms"], looks


def check_records(collector):
    past = collector.summaries(device="past")
    assert len({r["id"] for r in past}) == HISTORY
    assert all(r.get("replayed") is True for r in past), "not marked"
    assert {r["start_ms"] for r in past} == {START_MS + n * 1000 for n in range(HISTORY)}
    assert not any("replayed" in r for r in collector.summaries(device="live"))
    check_sequence(collector.all("summary") + collector.alarms())


def check_ledger(collector, consumer):
    distinct = len({r["id"] for r in collector.all("summary") + collector.alarms()})

    def last_ledger():
        with collector.lock:
            ledgers = [r for t, r, _ in collector.messages if t == "isotherm/line-7/ledger"]
        return ledgers[-1] if ledgers[-1]["records"]["written"] == distinct else None
    last = wait_until(f"a ledger of {distinct} records", last_ledger)
    assert last["balanced"] and last["next_seq"] == distinct + 1, last
    assert last["readings"] == {k: sum(s[k] for s in last["sources"]) for k in last["readings"]}
    wait_until("the consumer to have it all", lambda: any(
        f"written {distinct}, " in line and "missing []" in line
        for line in consumer.log().splitlines()))
    assert consumer.terminate() == 0, consumer.log()
    assert "missing []" in consumer.log().splitlines()[-2], consumer.log()


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(start=False)
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
        consumer = Process("consumer", place.path / "consumer.log")
        place.things.append(consumer)
        consumer.launch([sys.executable, str(SOURCE / "scripts" / "isotherm-consumer"), "--broker",
                         centre.url, "--gateway", "line-7", "--ledger", "--seconds", "3600"])
        wait_until("the consumer to subscribe", lambda: "subscribed" in consumer.log())
        agent.start()
        wait_until("history to move", lambda: collector.summaries(device="past"))
        left, looks = drive_live(client, collector, agent)
        assert left[FIRST - 1] > HISTORY // 5, f"live records had to wait: {left}"
        wait_until("the alarm", collector.alarms)
        assert count_left(collector, lambda r: "alarm_id" in r) > HISTORY // 5, "the alarm waited"
        check_looks(looks)
        agent.wait_drained()
        status = agent.status()["uplink"]
        assert status["history"] == 0 and status["drain_ms"] == 0, status
        agent.check_ledger()
        assert agent.terminate() == 0
        check_records(collector)
        assert {r["device"] for r in collector.alarms()} == {"live"}
        check_ledger(collector, consumer)
        print(f"{len(left)} live records while {HISTORY} waited, {left[-1]} left at the last")


main()
