"""Does every kind of bad input get a counted verdict, a log line, and never a value of 0?"""

import os
import pty
import tty

from harness import Client, Place, mqtt_source, uplink, wait_until

BAD = [
    ("f/d1/t", b"", "length"),
    ("f/d1/t", b"x" * 5000, "length"),
    ("f/d1/t", b"{", "syntax"),
    ("f/d1/t", b'{"v":1}trailing', "syntax"),
    ("f/d1/t", b'{"v":1,"v":2}', "syntax"),
    ("f/d1/t", b"[" * 1000, "syntax"),
    ("f/d1/t", b'{"v":01}', "syntax"),
    ("f/d1/t", b'{"w":1}', "field"),
    ("f/d1/t", b'{"v":true}', "not_a_number"),
    ("f/d1/t", b'{"v":"fault"}', "not_a_number"),
    ("f/d1/t", b'{"v":-273.2}', "impossible"),
    ("f/d1/t", b'{"v":null}', "no_value"),
    ("f/d1/t", b'{"v":"nan"}', "no_value"),
    ("f/d1/t", b'{"v":1e999}', "range"),
    ("f/d1/t", b'{"v":1000000}', "range"),
    ("f/d1/t", b'{"v":1,"t":4102444800}', "time"),
    ("f/d1/t", b'{"v":1,"t":0}', "time"),
    ("f/d1/t", b'{"v":1,"t":-5}', "time"),
    ("f/d2/t", b'{"v":1}', "device_limit"),
    ("f/" + "x" * 100 + "/t", b'{"v":1}', "length"),
]


def main():
    master, slave = pty.openpty()
    tty.setraw(slave)
    with Place() as place:
        site, centre = place.broker(lines=["message_size_limit 0"]), place.broker()
        collector = place.collector(centre)
        agent = place.agent({
            "gateway": "line-7",
            "limits": {"devices": 1},
            "windows": [{"size": "1s"}],
            "grace": "1s", "lateness": "0s",
            "sources": [
                mqtt_source(site, [{"topic": "f/+device/t", "value": "/v", "time": "/t"},
                                   {"topic": "g/+device/t", "value": "/v"}]),
                {"serial": {"port": os.ttyname(slave), "line": "WIMTA,{value},C",
                            "checksum": "xor", "id": "mast"}},
            ],
            "uplink": uplink(centre),
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        client.publish_all([("g/d1/t", b'{"v":7}')])
        agent.wait_received(1)
        expected = {}
        for topic, payload, reason in BAD:
            payload = payload.replace(b'{"v":1}', b'{"v":1,"t":"2026-01-01T00:00:00Z"}') \
                if reason == "device_limit" else payload
            if reason in ("device_limit", "length") and topic != "f/d1/t":
                topic = "g" + topic[1:]
                payload = b'{"v":1}'
            if reason not in ("time",) and topic == "f/d1/t":
                topic = "g/d1/t"
            client.publish_all([(topic, payload)])
            expected[reason] = expected.get(reason, 0) + 1
        agent.wait_received(1 + len(BAD))
        source = agent.source(0)
        assert source["refused"] == expected, (source["refused"], expected)
        assert source["taken"] == 1

        os.write(master, b"noise\n$WIMTA,23.5,C*1A\nWIMTA,23.5,C*1F\n$WIMTA,23.5,C*1F\n")
        wait_until("the serial verdicts", lambda: agent.source(1)["received"] >= 3)
        refused = agent.source(1)["refused"]
        assert refused.get("checksum") == 1 and refused.get("frame") == 1, refused
        assert refused.get("device_limit") == 1, refused  # good, but the table holds one device

        wait_until("a summary", lambda: collector.final())
        for record in collector.final().values():
            assert record["min"] == 7 and record["max"] == 7, record
        log = agent.log()
        for words in ("empty or too long", "not in the configured form", "a field is missing",
                      "no number", "below absolute zero", "it has no value", "allowed range",
                      "not believed", "table is full", "broken frame", "checksum"):
            assert any("refused, " in line and words in line for line in log.splitlines()), words
        assert log.count("not in the configured form") == 1, "once per reason and minute"
        agent.check_ledger()


main()
