"""Does every window arrive, none twice by id, when the central broker stops under load?"""

import itertools
import threading
import time

from harness import Client, Place, check_sequence, mqtt_source, uplink, wait_closed, wait_until

DEVICES, STEP_MS = 50, 1000


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(persistent=True)
        collector = place.collector(centre)
        agent = place.agent({
            "gateway": "line-7",
            "windows": [{"size": "10s"}, {"size": "1min"}],
            "lateness": "5s",
            "grace": "1s",
            "times": {"past": "0s"},
            "sources": [mqtt_source(site, [{"topic": "f/+device/t", "value": "/v",
                                            "time": "/t"}])],
            "uplink": {"mqtt": {"broker": centre.url, "retry_min": "200ms", "retry_max": "1s"}},
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)

        # Event time runs faster than the clock: windows close all the time.
        sent = itertools.count()
        stop = threading.Event()

        def load():
            start_ms = 1_700_000_000_000
            while not stop.is_set():
                step = next(sent)
                infos = [client.publish(f"f/d{d}/t", f'{{"v":{d}.{step % 10},'
                                        f'"t":{start_ms + step * STEP_MS}}}')
                         for d in range(DEVICES)]
                infos[-1].wait_for_publish(30)
        loader = threading.Thread(target=load)
        loader.start()
        try:
            wait_until("the first summaries", lambda: len(collector.summaries()) > 20)
            centre.stop()
            wait_until("the uplink to notice",
                       lambda: agent.status()["uplink"]["state"] != "up")
            before = agent.status()["ledger"]["records"]["waiting"]
            wait_until("records to pile up", lambda: agent.status()["ledger"]["records"]["waiting"]
                       > before + 300, 60)
            centre.start()
            wait_until("the uplink to be back", lambda: agent.status()["uplink"]["state"] == "up")
            after = time.monotonic()
        finally:
            stop.set()
            loader.join()
        total = next(sent) * DEVICES
        agent.wait_received(total, 60)
        wait_closed(agent, 60)
        agent.wait_drained(120)
        assert sum(r["count"] for r in collector.final("10s").values()) == total
        assert sum(r["count"] for r in collector.final("1min").values()) == total
        check_sequence(collector.summaries())
        agent.check_ledger()
        print(f"{total} readings, {len(collector.summaries())} records, "
              f"drained {time.monotonic() - after:.1f} s after the broker was back")


main()
