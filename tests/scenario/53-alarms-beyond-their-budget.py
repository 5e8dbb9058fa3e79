"""More alarms than the lane has room for: does the latest state arrive, and is every one counted?"""

import subprocess
import sys

from harness import PATIENCE, SOURCE, Client, Place, fast, mqtt_source, uplink, wait_until

ROUNDS, RULES = 400, {"flutter": "low", "grave": "high"}


def config(site, centre):
    return {
        "gateway": "line-7",
        "windows": [{"size": "1h"}],
        "store": {"commit_every": "200ms", "alarm_budget": "8KiB"},
        "sources": [mqtt_source(site, [{"topic": "f/+device"}], **fast())],
        "alarms": [{"name": name, "devices": f"{name}-*", "high": 90, "priority": priority}
                   for name, priority in RULES.items()],
        "uplink": uplink(centre, **fast(drain_jitter="0s", ledger_every="2s")),
    }


def make_alarms(client, agent):
    """Two devices flutter, a third now and then, and ends above its limit."""
    messages = []
    for number in range(ROUNDS):
        messages += [("f/flutter-1", "95"), ("f/flutter-2", "95"), ("f/flutter-1", "20"),
                     ("f/flutter-2", "20")]
        if number % 40 == 0:
            messages += [("f/grave-1", "99"), ("f/grave-1", "20")]
    messages += [("f/flutter-1", "96")]
    client.publish_all(messages)
    agent.wait_received(len(messages))
    return len(messages)


def merged_alarms(agent):
    return agent.status()["store"]["merged_alarms"]


def all_at_centre(collector, made):
    alarms = collector.alarms()
    return len({r["id"] for r in alarms}) + sum(
        r.get("merged", 0) for r in {r["id"]: r for r in alarms}.values()) == made


def check(collector, merged):
    alarms = sorted({r["id"]: r for r in collector.alarms()}.values(), key=lambda r: r["seq"])
    assert sum(r.get("merged", 0) for r in alarms) == merged, alarms
    by_device = {}
    for record in alarms:
        by_device.setdefault(record["device"], []).append(record)
    assert by_device["flutter-1"][-1]["to"] == "UNACK", by_device["flutter-1"]
    assert by_device["flutter-1"][-1]["value"] == 96, by_device["flutter-1"]
    assert by_device["flutter-2"][-1]["to"] == "NORM", by_device["flutter-2"]
    for name in ("flutter-1", "flutter-2"):
        assert by_device[name][0]["occurrence"] == 1 and "merged" not in by_device[name][0]
    grave = [(r["trigger"], r["occurrence"]) for r in by_device["grave-1"]]
    assert grave == [(trigger, number + 1) for number in range(ROUNDS // 40)
                     for trigger in ("RAISE", "CLEAR")], grave


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(lines=["log_type all"], start=False)
        agent = place.agent(config(site, centre))
        client = Client(site).wait()
        place.things.append(client)
        wait_until("the source", lambda: agent.source()["connected"])
        made = make_alarms(client, agent)
        wait_until("alarms to be merged", lambda: merged_alarms(agent) > made // 2)
        text = agent.run("status", "-c", str(agent.config_path)).stdout
        assert "events merged in the lane of alarms" in text, text
        agent.terminate()  # so that collector and consumer are there before the first record
        centre.start()
        collector = place.collector(centre)
        consumer = subprocess.Popen(
            [sys.executable, str(SOURCE / "scripts" / "isotherm-consumer"), "--broker", centre.url,
             "--gateway", "line-7", "--json", "--seconds", "3600"],
            stdout=open(place.path / "consumer.jsonl", "wb"), stderr=subprocess.PIPE, text=True)
        place.things.append(consumer)
        wait_until("the consumer to subscribe",
                   lambda: centre.log().count("Received SUBSCRIBE") >= 2)
        agent.start()
        wait_until("every alarm, or the count of it", lambda: all_at_centre(collector, made))
        agent.wait_drained()
        wait_until("every number", lambda: are_all_accounted(collector))
        agent.check_ledger()
        merged = merged_alarms(agent)
        assert agent.terminate() == 0
        check(collector, merged)
        assert are_all_accounted(collector)
        taken = place.path / "consumer.jsonl"
        wait_until("the consumer to have all of it", lambda: len(
            taken.read_bytes().splitlines()) >= len(records(collector)))
        consumer.terminate()
        error = consumer.communicate(timeout=60 * PATIENCE)[1]
        assert consumer.returncode == 0, error
        assert "0 gaps" in error, error
        print(f"{made} transitions, {merged} of them merged")


def are_all_accounted(collector):
    """All numbers that the last ledger speaks of, and nothing waits."""
    with collector.lock:
        ledgers = [r for t, r, _ in collector.messages if t == "isotherm/line-7/ledger"]
    if not ledgers or ledgers[-1]["records"]["waiting"] > 0:
        return False
    return accounted(collector) >= set(range(1, ledgers[-1]["next_seq"]))


def records(collector):
    """By number."""
    return {r["seq"]: r for part in ("alarm", "summary", "notice") for r in collector.all(part)}


def accounted(collector):
    numbers = set(records(collector))
    for notice in collector.all("notice"):
        assert notice["reason"] == "merged", notice
        for low, high in notice["ranges"]:
            numbers.update(range(low, high + 1))
    return numbers


main()
