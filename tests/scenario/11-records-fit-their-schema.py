"""Do all records fit their published JSON Schema, and does the reference consumer merge them?"""

import json
import signal
import subprocess
import sys

from harness import RUN_S, SOURCE, Client, Place, mqtt_source, skip, uplink, wait_closed, wait_until

try:
    import jsonschema
except ImportError:
    skip("python3-jsonschema is not installed")

START_MS = 1_700_000_000_000 // 60_000 * 60_000


class Consumer:
    """The reference consumer; what it says goes into files, so that it never waits for a reader."""

    def __init__(self, place, broker):
        self.printed, self.said = place.path / "consumer.out", place.path / "consumer.err"
        with open(self.printed, "wb") as out, open(self.said, "wb") as error:
            self.process = subprocess.Popen(
                [sys.executable, str(SOURCE / "scripts" / "isotherm-consumer"), "--broker",
                 broker.url, "--json"], stdout=out, stderr=error)
        place.things.append(self.process)

    def ids(self):
        """Of the whole lines."""
        lines = self.printed.read_text().split("\n")[:-1]
        return [json.loads(line)["id"] for line in lines]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(RUN_S) == 0, self.said.read_text()


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(lines=["log_type all"])
        collector = place.collector(centre)
        consumer = Consumer(place, centre)
        wait_until("the consumer to subscribe",
                   lambda: centre.log().count("Received SUBSCRIBE") >= 2)
        agent = place.agent({
            "gateway": "line-7",
            "windows": [{"size": "10s"}, {"size": "1min", "every": "10s"}, {"count": 10}],
            "lateness": "0s", "grace": "1s", "times": {"past": "0s"}, "expected_every": "1s",
            "sources": [mqtt_source(site, [{"topic": "f/+device", "value": "/v", "time": "/t"}])],
            "alarms": [{"name": "high", "devices": "*", "high": 50}],
            "uplink": uplink(centre, ledger_every="1s"),
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        client.publish_all([("f/d1", f'{{"v":{(i * 7) % 61 - 5}.25,"t":{START_MS + i * 1000}}}')
                            for i in range(300)])
        agent.wait_received(300)
        wait_closed(agent)
        written = agent.wait_drained()["ledger"]["records"]["written"]
        assert len(collector.ids()) == written
        assert len(collector.summaries()) > 60 and collector.alarms()
        summary = json.loads((SOURCE / "docs" / "summary.schema.json").read_text())
        alarm = json.loads((SOURCE / "docs" / "alarm.schema.json").read_text())
        for record in collector.summaries():
            jsonschema.validate(record, summary)
        for record in collector.alarms():
            jsonschema.validate(record, alarm)
        ledger = json.loads((SOURCE / "docs" / "ledger.schema.json").read_text())
        ledgers = wait_until("a ledger", lambda: [
            r for t, r, _ in list(collector.messages) if t == "isotherm/line-7/ledger"])
        for message in ledgers:
            jsonschema.validate(message, ledger)
        counted = collector.summaries("count:10")
        assert len(counted) == 30 and all(r["count"] == 10 for r in counted), counted
        wait_until("what the consumer saw", lambda: len(consumer.ids()) >= written)
        seen = consumer.ids()
        assert len(seen) == written and set(seen) == collector.ids()
        consumer.end()


main()
