"""Do all records fit their published JSON Schema, and does the reference consumer merge them?"""

import json
import signal
import subprocess
import sys

from harness import SOURCE, Client, Place, mqtt_source, skip, uplink, wait_until

try:
    import jsonschema
except ImportError:
    skip("python3-jsonschema is not installed")

START_MS = 1_700_000_000_000 // 60_000 * 60_000


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(lines=["log_type all"])
        collector = place.collector(centre)
        consumer = subprocess.Popen(
            [sys.executable, str(SOURCE / "scripts" / "isotherm-consumer"), "--broker", centre.url,
             "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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
        wait_until("records", lambda: len(collector.summaries()) > 60 and collector.alarms())
        wait_until("every window by count", lambda: len(collector.summaries("count:10")) == 30)
        written = agent.wait_drained()["ledger"]["records"]["written"]
        wait_until("every record", lambda: len(collector.ids()) >= written)
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
        # Windows of a silent device may close at any time: both sides see the same in the end.
        merged, expected = set(), collector.ids()
        while not expected <= merged:
            merged.add(json.loads(consumer.stdout.readline())["id"])
        wait_until("what the consumer saw", lambda: merged <= collector.ids())
        consumer.send_signal(signal.SIGINT)
        _, error = consumer.communicate(timeout=30)
        assert consumer.returncode == 0, error


main()
