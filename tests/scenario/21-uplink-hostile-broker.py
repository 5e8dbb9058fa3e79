"""Does a broker that refuses, stalls, lies or sends rubbish harm nothing but the connection?"""

import time

from fake_broker import CONNACK, PUBACK, PUBLISH, FakeBroker, packet
from harness import (Client, Feeder, Place, check_all_there, fault_sources, small_config,
                     wait_closed, wait_until)

MALFORMED = {
    "connect from a broker": b"\x10\x0c\0\4MQTT\5\2\0\5\0\0",
    "second connack": packet(CONNACK, 0, b"\0\0\0"),
    "remaining length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "publish at qos 3": packet(PUBLISH, 6, b"\0\1t\0\1\0x"),
    "publish, topic longer than packet": packet(PUBLISH, 0, b"\xff\xfft"),
    "publish, topic not utf-8": packet(PUBLISH, 0, b"\0\2\xc3\x28\0x"),
    "publish, topic empty": packet(PUBLISH, 0, b"\0\0\0x"),
    "publish, wildcard in topic": packet(PUBLISH, 0, b"\0\1#\0x"),
    "publish at qos 1 without id": packet(PUBLISH, 2, b"\0\1t"),
    "puback, short": packet(PUBACK, 0, b"\0"),
    "puback of nothing": packet(PUBACK, 0, b"\x7f\xff"),
    "puback, wrong flags": packet(PUBACK, 7, b"\0\1"),
    "pubrec of nothing": packet(5, 0, b"\0\7"),
    "pubrel, wrong flags": packet(6, 0, b"\0\7"),
    "pubcomp of nothing": packet(7, 0, b"\0\7"),
    "subscribe from a broker": packet(8, 2, b"\0\1\0\0\1t\0"),
    "suback, empty": packet(9, 0, b""),
    "unsubscribe from a broker": packet(10, 2, b"\0\1\0\0\1t"),
    "unsuback, short": packet(11, 0, b"\0"),
    "pingreq from a broker": packet(12, 0, b"") + packet(12, 0, b"x"),
    "pingresp with a body": packet(13, 0, b"xx"),
    "disconnect, unknown reason": packet(14, 0, b"\xee\0"),
    "auth without a method": packet(15, 0, b"\x18\0"),
    "reserved packet type": b"\0\0",
    "property twice": packet(PUBLISH, 0, b"\0\1t\x04\x01\0\x01\0x"),
    "property length beyond packet": packet(PUBLISH, 0, b"\0\1t\x7f"),
}


def once(first):
    """A script whose first connection goes to `first` and the others to an honest judge, and what
    that judge took."""
    rest, taken = [first], []

    def judge(topic, _):
        if "/summary/" in topic:
            taken.append(topic)
        return 0

    def script(session):
        if rest:
            rest.pop()(session, judge)
        else:
            session.read_connect().connack()
            session.serve(judge)
    return script, taken


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def misbehave(agent, centre, what, first, seconds=10):
    """One connection goes wrong; the next one is good and things go on."""
    script, taken = once(first)
    start = time.monotonic()
    centre.drop_all(script)
    wait_until(f"{what}: records afterwards", lambda: taken, seconds)
    assert agent.process.poll() is None, what
    agent.status()
    took = time.monotonic() - start
    if took > 5:
        print(f"{what}: records again after {took:.1f} s")
    return took


def refuse(code):
    def first(session, _):
        session.read_connect().connack(code)
        session.hold()
    return first


def send_rubbish(data):
    def first(session, judge):
        session.read_connect().connack()
        session.send(data)
        session.serve(judge)  # some of it may be ignored, none may be fatal
    return first


def never_answer(session, _):
    session.read_connect()
    session.hold()


def answer_slowly(session, _):
    session.read_connect()
    user_property = b"\x26\0\1k\0\xc8" + b"v" * 200
    session.send_slowly(session.connack_packet(0, user_property), 1.0)
    session.hold()


def send_giant(session, _):
    session.read_connect().connack()
    session.send(b"\x30\xff\xff\xff\x7f\0\1t")
    session.send_slowly(b"x" * 100, 0.1)
    session.hold()


def main():
    with Place() as place:
        site, centre = place.broker(), FakeBroker()
        place.things.append(centre)
        agent = place.agent(small_config(fault_sources(site), centre))
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        feeder = Feeder(client)
        wait_until("records", lambda: centre.records())

        for code in (0x86, 0x87, 0x88, 0x89, 0x8a, 0x9c, 0x9d, 0x9f):
            misbehave(agent, centre, f"CONNACK {code:#x}", refuse(code))
        for what, data in MALFORMED.items():
            misbehave(agent, centre, what, send_rubbish(data), 20)
        before_kib = rss_kib(agent.process.pid)
        misbehave(agent, centre, "a PUBLISH of 268 MB", send_giant)
        assert rss_kib(agent.process.pid) < before_kib + 20 * 1024, "the giant was believed"
        assert "longer than" in agent.log()
        for what, script in (("no CONNACK", never_answer), ("a byte a second", answer_slowly)):
            took = misbehave(agent, centre, what, script, 40)
            assert took < 30, (what, took)  # the bound that is promised

        sent = feeder.stop()
        agent.wait_received(sent)
        wait_closed(agent)
        agent.wait_drained(20)
        records = centre.records()
        unique = {r["id"]: r for r in records}
        print(f"{sent} readings, {len(records)} records, {len(records) - len(unique)} came again "
              "with the same id after a loss")
        check_all_there(list(unique.values()), sent)
        agent.check_ledger()
        assert agent.terminate() == 0
        centre.check()


main()
