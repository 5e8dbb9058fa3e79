"""Recorded data of 2013 is refused by default, and everything says what to set; then it is taken."""

import json

from harness import Place, mqtt_source, wait_until

OLD = '{"temp":21.5,"ts":"2013-12-02 21:15:00"}'
SUBSCRIBE = [{"topic": "plant/+device", "value": "/temp", "time": "/ts"}]


def decode(agent, payload):
    return agent.run("decode", "-c", str(agent.config_path), "-a", "plant/press", payload)


with Place() as place:
    site, nowhere = place.broker(), place.broker(start=False)
    config = {"windows": [{"size": "1h"}], "sources": [mqtt_source(site, SUBSCRIBE)],
              "uplink": {"mqtt": {"broker": nowhere.url}}}
    client = place.collector(site, topic="none")
    strict = place.agent({**config, "gateway": "strict"})
    open_minded = place.agent({**config, "gateway": "open", "times": {"past": 0}})
    for agent in (strict, open_minded):
        wait_until("the source", lambda a=agent: a.source()["connected"])
    client.publish_all([("plant/press", OLD)])

    strict.wait_received(1)
    assert strict.source()["refused"] == {"time": 1}, strict.source()
    assert "2013-12-02T21:15:00Z, older than times.past allows" in strict.log(), strict.log()
    assert "times: {past: 0}" in strict.log(), strict.log()
    open_minded.wait_received(1)
    assert open_minded.source()["taken"] == 1, open_minded.source()

    refused = decode(strict, OLD)
    assert refused.returncode == 1 and "beyond times.past" in refused.stdout, refused
    assert decode(open_minded, OLD).returncode == 0
    ahead = decode(open_minded, json.dumps({"temp": 1, "ts": "2199-01-01T00:00:00Z"}))
    assert ahead.returncode == 1 and "beyond times.future" in ahead.stdout, ahead
    unaddressed = strict.run("decode", "-c", str(strict.config_path), OLD)
    assert "--address" in unaddressed.stdout, unaddressed

    # An uplink that is down is said in the log, not only in the status.
    wait_until("a word on the uplink", lambda: "what is due waits in the store" in strict.log())
    for agent in (strict, open_minded):
        agent.check_ledger()
        assert agent.terminate() == 0
