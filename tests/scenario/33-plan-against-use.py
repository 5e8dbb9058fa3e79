"""Does a run use what `isotherm plan` said: never more, and at most 15 % less?"""

import json
import subprocess
import sys
import time

import harness
from harness import Client, Place, mqtt_source, uplink, wait_until

# Never below: what was planned is enough.  At most 15 % above: it is worth knowing.
MOST = 1.15
DAY_MS = 86400000
EVERY_MS = 10000
MANY = 1000
WINDOWS = [{"size": "10s"}, {"size": "1min"}, {"size": "5min", "every": "1min"}]
HEAD_BYTES = 8  # of an MQTT PUBLISH at QoS 1: type, length, topic's length, id, properties


def is_sanitized(program):
    return "san.so" in subprocess.run(["ldd", program], capture_output=True, text=True,
                                      check=False).stdout


def compare(what, planned, used):
    print(f"  {what}: planned {planned:,.0f}, used {used:,.0f}, {planned / used * 100 - 100:+.1f} %")
    assert used <= planned, f"{what}: used {used}, planned only {planned}"
    assert planned <= MOST * used, f"{what}: planned {planned}, used only {used}"


def memory_of(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key))


def publish(client, devices, start_ms, rounds, pace):
    """Every device's reading each ten seconds of event time, as fast as the agent takes them."""
    for i in range(rounds):
        now = start_ms + i * EVERY_MS
        client.publish_all([
            (f"hall/device-{d:05d}",
             f'{{"v":{20 + (d * 7919 + i * 104729) % 9999 / 1000:.3f},"t":{now + d % 5000}}}')
            for d in range(devices)])
        pace(devices * (i + 1))


def compare_uplink(plan, messages, start_ms, rounds):
    """The windows that end in the middle of the run, where all kinds are there."""
    first, last = start_ms + 60000, start_ms + (rounds - 3) * EVERY_MS
    first -= first % 60000
    last -= last % 60000
    records = size = payload = 0
    summaries = {r["id"]: (t, r) for t, r in messages if "/summary/" in t}  # some may come twice
    for topic, record in summaries.values():
        if not first < record["end_ms"] <= last:
            continue
        json_size = len(json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode())
        records += 1
        payload += json_size
        size += json_size + len(topic) + HEAD_BYTES
    scale = DAY_MS / (last - first)
    planned = plan["uplink"]
    compare("records a day", planned["records_per_day"], records * scale)
    compare("JSON bytes a day", planned["payload_bytes_per_day"], payload * scale)
    compare("uplink bytes a day", planned["bytes_per_day"], size * scale)


def wait_taken(agent, count):
    """Until the centre has what was made, as it would have between two commits by the clock."""
    agent.wait_received(count, 100)

    def all_taken():
        status = agent.status()
        made = status["ledger"]["records"]["written"]
        return status if status["uplink"]["acknowledged"] >= made else None
    return wait_until("the centre to have all", all_taken, 60)


def compare_flash(name, devices, rounds, config, **store):
    """Commits go by the number of readings here, so that the pace of the machine does not matter.
    There are enough of them for the WAL to be written back so often that once more or less, at the
    first or the last of them, makes little difference."""
    print(f"{devices} devices, flash, {name}")
    with Place() as place:
        site, centre = place.broker(), place.broker()
        start_ms = int(time.time() * 1000) - rounds * EVERY_MS
        agent = place.agent({
            "gateway": "line-7", "limits": {"devices": devices}, "lateness": "20s", "grace": "1h",
            "store": {"budget": "8 MiB", "commit_every": "10min", **store}, "expected_every": "10s",
            "sources": [mqtt_source(site, [{"topic": "+x/+device", "value": "/v", "time": "/t"}],
                                    receive_maximum=100)],
            "uplink": uplink(centre, in_flight=100, ledger_every="0s"), **config})
        plan = json.loads(agent.run("plan", "--json", "--id", "17", str(agent.config_path)).stdout)
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        at = []

        def note(count):
            status = wait_taken(agent, count)
            at.append((status["store"]["flash"]["written_bytes"], status["store"]["commits"]))
        publish(client, devices, start_ms, rounds, note)
        assert agent.status()["store"]["flash"]["wal_percent"] == plan["flash"]["wal_percent"]
        first, last = at[rounds // 4], at[-1]
        scale = DAY_MS / EVERY_MS / (rounds - 1 - rounds // 4)
        flash = plan["flash"]
        print(f"  commits a day: planned {flash['commits_per_day']:,}, "
              f"made {(last[1] - first[1]) * scale:,.0f}")
        compare("flash bytes a day", flash["bytes_per_day"], (last[0] - first[0]) * scale)


def run(devices, rounds, has_memory):
    print(f"{devices} devices")
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        start_ms = int(time.time() * 1000) - rounds * EVERY_MS
        start_ms -= start_ms % 60000
        agent = place.agent({
            "gateway": "line-7", "limits": {"devices": devices},
            "windows": WINDOWS,
            "lateness": "20s", "grace": "1h", "expected_every": "10s",
            "sources": [mqtt_source(site, [{"topic": "+x/+device", "value": "/v", "time": "/t"}])],
            "uplink": uplink(centre, in_flight=100, ledger_every="0s")})
        plan = json.loads(agent.run("plan", "--json", "--id", "17", str(agent.config_path)).stdout)
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        publish(client, devices, start_ms, rounds, lambda n: agent.wait_received(n, 100))
        agent.wait_drained(100 if devices <= MANY else 400)
        if has_memory:
            pid = agent.process.pid
            compare("memory", plan["memory"]["resident_bytes"], memory_of(pid, "VmHWM"))
            compare("anonymous memory", plan["memory"]["anonymous_bytes"],
                    memory_of(pid, "RssAnon"))
        acknowledged = agent.status()["uplink"]["acknowledged"]
        wait_until("the records", lambda: len(collector.all("summary")) >= acknowledged,
                   60 if devices <= MANY else 300)
        with collector.lock:
            messages = [(t, r) for t, r, _ in collector.messages]
        compare_uplink(plan, messages, start_ms, rounds)
        agent.check_ledger()


def main():
    has_memory = not is_sanitized(harness.ISOTHERM)
    if not has_memory:
        print("skipped: memory, since this is a build with sanitizers; the rest is compared")
    sizes = [int(n) for n in sys.argv[1:]] or ([100, 1000] if has_memory else [100])
    minute = {"windows": [{"size": "1min"}]}
    compare_flash("a window of 1 min", 100, 120, minute, flash_per_day="0 B")
    if has_memory:
        # Long enough for whole states to be journalled, which the plan shares out over all commits.
        compare_flash("learned alarms", 300, 120,
                      {**minute, "alarms": [{"name": "odd", "unusual": {}}]}, flash_per_day="0 B")
        # A budget that binds: a long WAL, of which several have to be written back.
        compare_flash("a budget that binds", 100, 200, minute, flash_per_day="1 MiB")
    for devices in sizes:
        run(devices, 24 if devices <= 100 else 15, has_memory)


main()
