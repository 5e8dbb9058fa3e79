"""Do alarms of every kind, floods and groups reach the centre, and do they survive SIGKILL?"""

import json
import pathlib

from harness import SOURCE, Client, Place, mqtt_source, uplink, wait_until

try:
    import jsonschema
except ImportError:
    jsonschema = None


def ids(records):
    return [(r["alarm_id"], r["trigger"], r["to"], r["occurrence"]) for r in records]


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        agent = place.agent({
            "gateway": "line-7", "windows": [{"size": "1s"}], "lateness": "0s", "grace": "0s",
            "sources": [mqtt_source(site, [{"topic": "f/+line/+device", "value": ""}])],
            "alarms": [
                {"name": "temp", "devices": "oven-*", "high_high": 300, "high": 250,
                 "deadband": 5, "priority": "high"},
                {"name": "gone", "devices": "l1/heater", "no_data": "1s"},
                {"name": "mean", "devices": "bath", "of": "average", "high": 60},
                {"name": "many", "devices": "room-*", "high": 30, "group": "hall",
                 "acknowledge": True},
                {"name": "broken", "devices": "probe", "sensor_fault": True, "valid_high": 400}],
            "uplink": uplink(centre),
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)

        def send(device, value):
            client.publish_all([(f"f/l1/{device}", str(value))])

        def has(*expected):
            return all(e in ids(collector.alarms()) for e in expected)

        send("oven-1", 310)
        wait_until("both limits", lambda: has(("l1/oven-1/temp/HH", "RAISE", "UNACK", 1),
                                              ("l1/oven-1/temp/H", "RAISE", "UNACK", 1)))
        inner = [r for r in collector.alarms() if r["alarm_id"] == "l1/oven-1/temp/H"][0]
        assert not inner["annunciate"] and inner["cause"] == "l1/oven-1/temp/HH", inner
        wait_until("a device that never spoke",
                   lambda: has(("l1/heater/gone/no_data", "RAISE", "UNACK", 1)))
        send("bath", 70)
        wait_until("a window's mean", lambda: has(("l1/bath/mean/H", "RAISE", "UNACK", 1)))
        send("probe", 900)
        send("probe", 900)
        wait_until("a sensor at fault",
                   lambda: has(("l1/probe/broken/sensor_fault", "RAISE", "UNACK", 1)))

        for number in range(30):
            send(f"room-{number}", 35)
        wait_until("every one of them", lambda: sum(r["alarm"] == "many"
                                                    for r in collector.alarms()) == 30)
        wait_until("the flood", lambda: any(r["kind"] == "flood" for r in collector.alarms()))
        rooms = [r for r in collector.alarms() if r["alarm"] == "many"]
        assert [r["alarm_id"] for r in rooms if r.get("first_out")] == ["l1/room-0/many/H"], rooms
        assert all(r["cause"] == "l1/room-0/many/H" for r in rooms[1:])
        assert not rooms[-1]["annunciate"] and rooms[-1]["in_flood"]

        agent.wait_drained()
        before = ids(collector.alarms())
        status = agent.status()["alarms"]
        assert status["in_flood"] and status["floods"]["count"] == 1, status
        agent.kill()
        agent.start()
        agent.wait_connected()
        after = agent.status()["alarms"]
        assert after["floods"]["count"] == 1
        for key in ("active", "states", "annunciations", "held_back"):
            assert after[key] == status[key], (key, status[key], after[key])
        send("oven-1", 260)
        send("room-0", 20)
        wait_until("what comes next", lambda: has(("l1/oven-1/temp/HH", "CLEAR", "NORM", 1),
                                                  ("l1/room-0/many/H", "CLEAR", "RTNUN", 1)))
        found = ids(collector.alarms())
        assert found[:len(before)] == before
        news = [one for one in found[len(before):] if not one[0].endswith("/flood")]
        assert sorted(news) == [("l1/oven-1/temp/HH", "CLEAR", "NORM", 1),
                                ("l1/room-0/many/H", "CLEAR", "RTNUN", 1)], news
        if jsonschema is not None:
            schema = json.loads((pathlib.Path(SOURCE) / "docs/alarm.schema.json").read_text())
            for record in collector.alarms():
                jsonschema.validate(record, schema)
        text = agent.run("status", "-c", str(agent.config_path)).stdout
        assert "FLOOD" in text and "RTNUN 1" in text, text
        agent.wait_drained()
        agent.check_ledger()


main()
