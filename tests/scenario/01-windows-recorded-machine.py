"""Do the recorded machine temperatures, sent by an ordinary client, arrive as exact hours?"""

import csv
import datetime
import json
from fractions import Fraction

from harness import Client, Place, mqtt_source, shared_data, uplink, wait_closed


def micro(text):
    """Millionths, rounded half away from zero."""
    value = Fraction(text) * 1_000_000
    whole = (abs(value) * 2 + 1) // 2
    return int(whole) if value >= 0 else -int(whole)


def main():
    with open(shared_data("nab/machine_temperature_system_failure.csv"), encoding="ascii") as file:
        rows = [(row["timestamp"], row["value"]) for row in csv.DictReader(file)]
    assert len(rows) == 22695
    hours = {}
    for stamp, value in rows:
        when = datetime.datetime.fromisoformat(stamp).replace(tzinfo=datetime.timezone.utc)
        hour_ms = int(when.timestamp()) // 3600 * 3600 * 1000
        hours.setdefault(hour_ms, []).append(micro(value))

    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        agent = place.agent({
            "gateway": "press-line",
            "windows": [{"size": "1h"}],
            "times": {"past": "0s"},
            "grace": "2s",
            "sources": [mqtt_source(site, [{"topic": "plant/+machine/temperature",
                                            "value": "/temp", "time": "/ts"}])],
            "uplink": uplink(centre),
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        client.publish_all([("plant/press-1/temperature",
                             f'{{"temp":{value},"ts":"{stamp}"}}') for stamp, value in rows])
        agent.wait_received(len(rows), 120)
        wait_closed(agent, 60)
        status = agent.wait_drained()
        finals = {key[2]: record for key, record in collector.final("1h").items()}
        assert finals.keys() == hours.keys()
        for hour_ms, values in hours.items():
            record = finals[hour_ms]
            assert record["device"] == "press-1"
            assert record["count"] == len(values), (hour_ms, record, len(values))
            assert Fraction(record["sum"]) == Fraction(sum(values), 1_000_000)
            assert Fraction(record["sumsq"]) == Fraction(sum(v * v for v in values), 10**12)
            assert micro(str(json.loads(json.dumps(record["min"])))) == min(values)
            assert micro(str(record["max"])) == max(values)
            mean = micro(str(Fraction(sum(values), len(values)) / 1_000_000))
            assert micro(repr(record["avg"])) == mean, (record["avg"], mean)
        taken = sum(record["count"] for record in finals.values())
        ledger = agent.check_ledger()
        assert taken + ledger["readings"]["late"] == len(rows)
        assert ledger["readings"]["late"] == 0  # an hour holds the step of the clock
        assert status["windows"][0]["missed"] == 0
        print(f"{len(rows)} rows, {len(hours)} hours, all equal")


main()
