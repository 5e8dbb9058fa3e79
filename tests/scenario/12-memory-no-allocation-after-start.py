"""Does our own code allocate nothing after the start, under load and over reconnects?"""

import os

from harness import Client, Place, mqtt_source, uplink, wait_until


def main():
    guarded = os.environ["ISOTHERM"] + "-guarded"
    assert os.path.exists(guarded), guarded
    import harness
    harness.ISOTHERM = guarded
    with Place() as place:
        site, centre = place.broker(), place.broker()
        agent = place.agent({
            "gateway": "line-7", "limits": {"devices": 50},
            "windows": [{"size": "1s"}, {"size": "10s", "every": "1s"}, {"count": 10}],
            "grace": "1s", "lateness": "0s",
            "sources": [mqtt_source(site, [{"topic": "f/+device", "value": "/v"}],
                                    retry_min="100ms", retry_max="300ms")],
            "alarms": [{"name": "high", "devices": "*", "high": 50}],
            "uplink": {"mqtt": {"broker": centre.url, "retry_min": "100ms",
                                "retry_max": "300ms"}},
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)

        def load(first):
            client.publish_all([(f"f/d{i % 60}", f'{{"v":{i % 70}}}')
                                for i in range(first, first + 1000)])
        load(0)
        agent.wait_received(1000)
        client.publish_all([("f/d1", "{"), ("f/d1", "x" * 9000)])
        wait_until("records", lambda: agent.status()["uplink"]["acknowledged"] > 10)
        centre.kill()
        site.kill()
        client.connected.clear()  # there is nobody to connect to yet
        wait_until("the losses", lambda: agent.status()["uplink"]["state"] != "up"
                   and not agent.source()["connected"])
        centre.start()
        site.start()
        agent.wait_connected()
        client.wait()
        load(1000)
        agent.wait_received(2000)
        agent.devices()
        agent.check_ledger()
        assert agent.terminate() == 0, agent.log()
        assert "allocation after start" not in agent.log(), agent.log()


main()
