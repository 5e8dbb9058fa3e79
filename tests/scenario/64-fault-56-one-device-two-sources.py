"""Is a device that two sources report counted whole, and said to come from both?

Row 56 of docs/faults.md.
"""

from harness import Client, Place, fast, mqtt_source, small_config, wait_closed, wait_until


def main():
    with Place() as place:
        broker = place.broker()
        collector = place.collector(broker)
        sources = [mqtt_source(broker, [{"topic": f"{hall}/+device"}], name=hall, **fast())
                   for hall in ("north", "south")]
        config = small_config(sources, broker)
        config["uplink"]["mqtt"]["ledger_every"] = "1s"
        agent = place.agent(config)
        agent.wait_connected()
        client = Client(broker).wait()
        place.things.append(client)

        sent = []

        def send(hall, device, value):
            client.publish_all([(f"{hall}/{device}", str(value))])
            sent.append(device)
            agent.wait_received(len(sent))

        for hall in ("north", "south"):  # each its own device, and one that both have
            for _ in range(5):
                send(hall, f"only-{hall}", 20)
        conflicts = [s["conflicts"] for s in agent.status()["sources"]]
        assert conflicts == [0, 0], conflicts
        for value in (10, 10, 30, 30, 10):
            send("north" if value == 10 else "south", "both", value)
        conflicts = [s["conflicts"] for s in agent.status()["sources"]]
        assert conflicts == [1, 1], conflicts  # each time the source changed
        assert "device both comes from north as well" in agent.log(), agent.log()
        text = agent.run("status", "-c", str(agent.config_path)).stdout
        assert text.count("conflicts: 1") == 2, text

        wait_closed(agent)
        agent.wait_drained()

        def both():
            records = collector.final().values()
            return [r for r in records if r["device"] == "both"]
        wait_until("all five", lambda: sum(r["count"] for r in both()) == 5)
        assert {r["min"] for r in both()} | {r["max"] for r in both()} <= {10, 30}, both()

        def ledgers():
            with collector.lock:
                return [r for t, r, _ in collector.messages if t == "isotherm/line-7/ledger"]
        wait_until("the ledger", lambda: ledgers() and ledgers()[-1]["conflicts"] == 2)
        agent.check_ledger()
        assert agent.terminate() == 0


main()
