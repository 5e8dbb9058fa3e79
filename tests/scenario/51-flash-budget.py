"""Does what is really written stay near the daily budget, and do alarms come out at once all the
same?"""

import json
import subprocess
import time

from harness import Client, ISOTHERM, Place, fast, mqtt_source, uplink, wait_until

DEVICES = 20


def written_by_kernel(process):
    for line in open(f"/proc/{process.pid}/io", encoding="ascii"):
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    return 0


def flash(agent):
    return agent.status()["store"]["flash"]


def make(place, site, centre, **store):
    return place.agent({
        "gateway": "line-7", "windows": [{"size": "10s"}], "lateness": "0s", "grace": "0s",
        "store": store,
        "alarms": [{"name": "hot", "high": 50}],
        # QoS 0: nobody waits for an acknowledgement
        "sources": [mqtt_source(site, [{"topic": "f/+device", "qos": 0}], **fast())],
        "uplink": uplink(centre, **fast())}, name=f"agent-{len(place.things)}")


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        agent = make(place, site, centre, flash_per_day="20 MiB")
        agent.wait_connected()
        before = flash(agent)
        assert before["budget_per_day_bytes"] == 20 << 20 and not before["commit_every_fixed"]
        assert before["commit_every_ms"] >= 20000, before  # 16 KiB of this budget are a minute
        client = Client(site).wait()
        place.things.append(client)
        sent = 0
        for _ in range(20):
            client.publish_all([(f"f/d{d}", "20.5") for d in range(DEVICES)], qos=0)
            sent += DEVICES
        agent.wait_received(sent)
        commits = agent.status()["store"]["commits"]
        begin = time.monotonic()
        client.publish_all([("f/d1", "99")])
        wait_until("the alarm at the centre", lambda: collector.alarms(), 30)
        assert time.monotonic() - begin < 30, "the alarm waited for the interval"
        status = agent.status()
        assert status["store"]["commits"] > commits, status["store"]
        now = status["store"]["flash"]
        assert now["written_bytes"] > before["written_bytes"], now
        text = agent.run("status", "-c", str(agent.config_path)).stdout
        assert "flash" in text and "of 20.0" in text, text
        kernel = written_by_kernel(agent.process)
        if kernel > 0:  # not on a memory file system
            print(f"counted {now['written_bytes']}, kernel {kernel}")
        agent.check_ledger()
        assert agent.terminate() == 0

        # No limit: a second.  What was said wins.  A class has a budget.
        for store, every_ms, is_fixed in (({"storage": "ram"}, 1000, False),
                                          ({"commit_every": "300ms"}, 300, True),
                                          ({"storage": "ssd"}, 1000, False)):
            other = make(place, site, centre, **store)
            found = flash(other)
            assert (found["commit_every_ms"], found["commit_every_fixed"]) == (every_ms, is_fixed)
            assert other.terminate() == 0
        run = subprocess.run([ISOTHERM, "check", "--print", "schema"], capture_output=True,
                             text=True, check=True)
        assert "flash_per_day" in json.dumps(json.loads(run.stdout))


if __name__ == "__main__":
    main()
