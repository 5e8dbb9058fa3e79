"""Does the outbox survive SIGKILL, and does SIGTERM lose nothing?"""

from harness import Client, Place, check_sequence, mqtt_source, uplink, wait_until

START_MS = 1_700_000_000_000 // 3_600_000 * 3_600_000


def main():
    with Place() as place:
        site, centre = place.broker(persistent=True), place.broker(start=False)
        agent = place.agent({
            "gateway": "line-7",
            "windows": [{"size": "10s"}, {"size": "1h"}],
            "lateness": "0s",
            "grace": "1h",
            "times": {"past": "0s"},
            "store": {"path": str(place.path / "agent.db"), "commit_every": "100ms"},
            "sources": [mqtt_source(site, [{"topic": "f/+device/t", "value": "/v",
                                            "time": "/t"}], retry_min="200ms", retry_max="1s")],
            "uplink": {"mqtt": {"broker": centre.url, "retry_min": "200ms", "retry_max": "1s"}},
        })
        wait_until("the source", lambda: agent.source()["connected"])
        client = Client(site).wait()
        place.things.append(client)
        total = 0

        def send(first, count):
            nonlocal total
            client.publish_all([("f/d1/t", f'{{"v":{i % 100},"t":{START_MS + i * 1000}}}')
                                for i in range(first, first + count)])
            total += count

        send(0, 200)
        agent.wait_received(200)
        wait_until("the records to be committed",
                   lambda: agent.status()["ledger"]["records"]["waiting"] >= 19)
        agent.process.kill()
        agent.process.wait()
        agent.start()
        waiting = agent.status()["ledger"]["records"]["waiting"]
        assert waiting >= 19, f"the outbox did not survive: {waiting}"

        # What the agent had not acknowledged comes again from the broker; now a soft stop.
        wait_until("the source", lambda: agent.source()["connected"])
        send(200, 205)
        agent.wait_received(405)
        assert agent.terminate() == 0
        centre.start()
        collector = place.collector(centre)
        agent.start()
        agent.wait_connected()
        send(405, 3600 - 405 + 1)  # the last one closes the hour
        agent.wait_received(3601)
        agent.wait_drained()
        hour = collector.final("1h")[("d1", "1h", START_MS)]
        assert hour["count"] == 3600, f"lost or doubled over the stop: {hour['count']}"
        assert hour["sum"] == str(sum(i % 100 for i in range(3600))), hour["sum"]
        tens = [r for key, r in collector.final("10s").items() if key[2] < START_MS + 3_600_000]
        assert len(tens) == 360 and all(r["count"] == 10 for r in tens)
        check_sequence(collector.summaries())
        agent.check_ledger()
        assert agent.terminate() == 0
        check_farewell(place, centre, collector)


def check_farewell(place, centre, collector):
    """The broker must take the agent for stopped, and not publish its will."""
    probe = Client(centre).wait()
    place.things.append(probe)
    probe.publish_all([("isotherm/probe", "1")])
    wait_until("the probe", lambda: any(t == "isotherm/probe" for t, _, _ in collector.messages))
    with collector.lock:
        states = [r for t, r, _ in collector.messages if t == "isotherm/line-7/status"]
    assert not states[-1]["online"] and states[-1]["reason"] == "stopped", states


main()
