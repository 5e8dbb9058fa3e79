"""When the broker dies between PUBLISH and PUBACK, is each record taken, with the same id?"""

import random

from fake_broker import FakeBroker
from harness import (Client, Feeder, Place, check_all_there, content, fault_sources,
                     small_config, wait_closed, wait_until)

DEATHS = 12


def main():
    with Place() as place:
        site, centre, chance = place.broker(), FakeBroker(), random.Random(22)
        place.things.append(centre)
        deaths = 0

        def script(session):
            nonlocal deaths
            session.read_connect().connack()
            left = chance.randrange(1, 12)

            def judge(topic, payload):
                nonlocal left, deaths
                left -= "/summary/" in topic
                if left <= 0 and deaths < DEATHS:  # it was taken, but the answer never comes
                    deaths += 1
                    centre.note(topic, payload, 0)
                    session.reset() if deaths % 2 else session.sock.shutdown(2)
                    return None
                return 0
            session.serve(judge)
        centre.script = script
        agent = place.agent(small_config(fault_sources(site), centre))
        client = Client(site).wait()
        place.things.append(client)
        agent.wait_connected()
        feeder = Feeder(client)
        wait_until("the deaths", lambda: deaths >= DEATHS, 60)
        sent = feeder.stop()
        agent.wait_received(sent)
        wait_closed(agent)
        agent.wait_drained(20)
        records = centre.records()
        by_id = {r["id"]: r for r in records}
        assert all(content(by_id[r["id"]]) == content(r) for r in records), "one id, two contents"
        assert len(records) - len(by_id) >= DEATHS, "nothing came again: the test tests nothing"
        check_all_there(list(by_id.values()), sent)
        agent.check_ledger()
        assert agent.terminate() == 0
        centre.check()


main()
