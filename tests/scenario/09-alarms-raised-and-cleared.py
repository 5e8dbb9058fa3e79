"""Do limits raise and clear once, with deadband and on-delay, on a topic of their own?"""

from harness import Client, Place, mqtt_source, uplink, wait_until


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        agent = place.agent({
            "gateway": "line-7", "windows": [{"size": "1min"}],
            "sources": [mqtt_source(site, [{"topic": "f/+line/+device", "value": ""}])],
            "alarms": [{"name": "hot", "devices": "oven-*", "high": 250, "deadband": 5},
                       {"name": "slow", "devices": "oven-1", "high": 300, "on_delay": "1s"},
                       {"name": "cold", "devices": "freezer", "low": -15, "deadband": "0.5"}],
            "uplink": uplink(centre),
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)

        def send(device, value):
            client.publish_all([(f"f/l1/{device}", str(value))])

        for value in (249.999, 250, 251, 249, 246, 245, 251, 244.999, 244.9):
            send("oven-1", value)
        wait_until("raise and clear", lambda: len(collector.alarms()) >= 2)
        send("lamp", 900)
        send("freezer", -14.9)
        send("freezer", -15)
        send("freezer", -14.5)
        send("freezer", -14.4)
        wait_until("four records", lambda: len(collector.alarms()) >= 4)
        found = [(r["alarm"], r["device"], r["from"], r["to"], r["occurrence"], r["value"])
                 for r in collector.alarms()]
        assert found == [("hot", "l1/oven-1", "NORM", "UNACK", 1, 250),
                         ("hot", "l1/oven-1", "UNACK", "NORM", 1, 244.999),
                         ("cold", "l1/freezer", "NORM", "UNACK", 1, -15),
                         ("cold", "l1/freezer", "UNACK", "NORM", 1, -14.4)], found
        send("oven-1", 310)
        wait_until("the delayed alarm", lambda: any(r["alarm"] == "slow"
                                                    for r in collector.alarms()))
        assert [r["occurrence"] for r in collector.alarms() if r["alarm"] == "hot"] == [1, 1, 2]
        topics = {t for t, r, _ in collector.messages if isinstance(r, dict) and "alarm" in r}
        assert topics == {"isotherm/line-7/alarm/l1%2Foven-1",
                          "isotherm/line-7/alarm/l1%2Ffreezer"}, topics
        assert agent.status()["alarms_active"] == 2
        agent.wait_drained()
        agent.check_ledger()


main()
