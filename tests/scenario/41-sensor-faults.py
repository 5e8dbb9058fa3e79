"""Do refused values of a known device raise its sensor's alarm, and leave all else alone?"""

import json
import time

from harness import Client, Place, mqtt_source, uplink, wait_until


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        agent = place.agent({
            "gateway": "line-7", "windows": [{"size": "1s"}], "lateness": "0s", "grace": "0s",
            "sources": [mqtt_source(site, [
                {"topic": "j/+device", "value": "/t", "quality": "/status", "time": "/at"},
                {"topic": "p/+device", "value": ""}])],
            "alarms": [
                {"name": "temp", "devices": "oven-*", "high": 250},
                {"name": "probe", "devices": "*", "sensor_fault": True, "valid_low": -50,
                 "valid_high": 400, "ds18b20": True}],
            "uplink": uplink(centre),
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)

        def alarms(alarm):
            return [r for r in collector.alarms() if r["alarm_id"] == alarm]

        def say(device, *payloads):
            client.publish_all([(f"p/{device}", str(one)) for one in payloads])

        faults = {  # what each says twice after a good value, and how it is counted
            "nan": (["nan", "NaN"], "no_value", "no value"),
            "word": (["fault", "Err"], "not_a_number", "no number"),
            "power-on": ([85.0, -127], "range", "range"),
            "wide": ([900, 1e9], "range", "range"),
            "cold": ([-273.2, -400], "impossible", "below absolute zero"),
        }
        for device, (payloads, reason, _) in faults.items():
            say(f"oven-{device}", 260, *payloads)
        wait_until("each fault", lambda: all(
            alarms(f"oven-{device}/probe/sensor_fault") for device in faults))
        for device, (_, _, words) in faults.items():
            raised = alarms(f"oven-{device}/probe/sensor_fault")[0]
            assert raised["trigger"] == "RAISE" and raised["quality"] == "bad", raised
            assert words in raised["reason"], raised
            assert raised["value"] == {"power-on": -127, "cold": -400}.get(device), raised
            hot = alarms(f"oven-{device}/temp/H")
            assert [r["trigger"] for r in hot] == ["RAISE"] and hot[0]["quality"] == "good", hot

        # A process alarm of a sensor that is at fault keeps its state, and says what it is worth.
        done = agent.run("alarms", "ack", "oven-nan/temp/H", "-c", str(agent.config_path))
        assert done.returncode == 0, done.stderr
        wait_until("what became of it", lambda: len(alarms("oven-nan/temp/H")) == 2)
        assert alarms("oven-nan/temp/H")[1]["quality"] == "uncertain"
        listed = agent.run("alarms", "--json", "-c", str(agent.config_path)).stdout.splitlines()
        views = {one["alarm_id"]: one for one in map(json.loads, listed)}
        assert views["oven-nan/probe/sensor_fault"]["quality"] == "bad"
        assert views["oven-nan/temp/H"]["quality"] == "uncertain"

        # The device says so itself; what it says of long ago says nothing of now.
        def tell(*messages):
            client.publish_all([("j/oven-status", json.dumps(one)) for one in messages])

        say("oven-status", 100)
        tell({"t": 100, "status": "open", "at": "2026-01-01T00:00:00Z"},
             {"t": 100, "status": "open", "at": "2026-01-01T00:00:01Z"})
        wait_until("both are counted", lambda:
                   agent.status()["sources"][0]["refused"].get("quality") == 2)
        assert not alarms("oven-status/probe/sensor_fault")
        tell({"t": 100, "status": "open", "at": time.time()}, {"status": "short", "at": time.time()})
        wait_until("the fault", lambda: alarms("oven-status/probe/sensor_fault"))
        assert "the device says" in alarms("oven-status/probe/sensor_fault")[0]["reason"]
        refused = agent.status()["sources"][0]["refused"]
        assert refused == {"no_value": 2, "not_a_number": 2, "range": 4, "impossible": 2,
                           "quality": 4}, refused

        # Killed with the fault standing: it goes on standing, and the good values end it in time.
        agent.wait_drained()
        before = len(collector.alarms())
        agent.kill()
        agent.start()
        agent.wait_connected()
        assert agent.status()["alarms_active"] == 2 * len(faults) + 1
        agent.wait_drained()
        assert len(collector.alarms()) == before
        say("oven-nan", 20)
        wait_until("the process alarm follows at once",
                   lambda: alarms("oven-nan/temp/H")[-1]["trigger"] == "CLEAR")
        assert len(alarms("oven-nan/probe/sensor_fault")) == 1  # sixty good seconds are asked for
        agent.wait_drained()
        agent.check_ledger()


main()
