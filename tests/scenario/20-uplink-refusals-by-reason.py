"""Is a refused record kept, and does one that is always refused not stop the others?"""

import itertools
import json
import time

from fake_broker import FakeBroker
from harness import (Client, Feeder, Place, check_all_there, fault_sources, small_config,
                     wait_closed, wait_until)


def main():
    with Place() as place:
        site, centre = place.broker(), FakeBroker()
        place.things.append(centre)
        reasons = iter([0x80, 0x87, 0x97, 0x99, 0x83])
        refused_once, tries, poison_is_refused = set(), [], True

        def judge(topic, payload):
            if topic.endswith("/summary/poison") and poison_is_refused:
                tries.append(time.monotonic())
                return 0x99
            if "/summary/" not in topic:
                return 0
            record = json.loads(payload)["id"]
            if record in refused_once:  # only the poison is refused until it is parked
                return 0
            refused_once.add(record)
            return next(reasons, 0)

        def script(session):
            session.read_connect().connack()
            session.serve(judge)
        centre.script = script
        config = small_config(fault_sources(site), centre)
        config["uplink"]["mqtt"]["keepalive"] = "1min"  # another connection would be another try
        agent = place.agent(config)
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        client.publish_all([("f/poison", "1")])
        feeder = Feeder(client)
        wait_until("the record to be parked", lambda: agent.status()["uplink"]["parked"] == 1, 60)
        passed = len(centre.records())
        wait_until("the queue to go on", lambda: len(centre.records()) > passed + 20)
        sent = feeder.stop()
        agent.wait_received(sent + 1)
        wait_closed(agent)
        status = wait_until("all but the poison to be taken", lambda: (
            lambda s: s if s["ledger"]["records"]["waiting"] == 1 else None)(agent.status()), 30)
        assert status["uplink"]["refused"] >= 5 + 3, status["uplink"]
        assert status["uplink"]["state"] == "up" and status["ledger"]["balanced"], status
        assert "was refused 3 times" in agent.log()
        assert len(tries) >= 3, tries
        assert all(later - earlier > 59 for earlier, later in itertools.pairwise(tries[2:])), \
            "the poison was tried in a tight loop"

        poison_is_refused = False
        centre.drop_all()  # another connection is another try
        agent.wait_drained(20)
        check_all_there(centre.records(), sent + 1)
        agent.check_ledger()
        assert agent.terminate() == 0
        centre.check()


main()
