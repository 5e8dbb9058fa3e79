"""Do names that fail, hang, lie, have 100 addresses or change hold nothing else up?

Row 36 of docs/faults.md.  One agent lives through all of it and is never restarted: its source has
a numeric address and always works, its uplink has a name that is answered for by
tests/support/fake_names.c.  ISOTHERM_STALL=long adds 100 addresses that swallow everything (50 s).
"""

import importlib
import os
import pathlib
import socket
import time

from fake_broker import FakeBroker, Gone
from harness import (ISOTHERM, Client, Feeder, Place, check_all_there, fault_sources, skip,
                     small_config, wait_closed, wait_until)

service = importlib.import_module("40-service-manager-is-told")
NAMES = pathlib.Path(ISOTHERM).with_name("libisotherm_fake_names.so")
RIGHT, OTHER = "127.0.0.1", "127.0.0.7"
IS_LONG = os.environ.get("ISOTHERM_STALL") == "long"


class Names:
    """The name server."""

    def __init__(self, place):
        self.path = place.path / "names"
        self.asked = place.path / "names.asked"
        self.environment = {"LD_PRELOAD": str(NAMES), "FAKE_NAMES_FILE": str(self.path),
                            "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}

    def answer(self, text):
        part = self.path.with_suffix(".new")
        part.write_text(text)
        part.rename(self.path)

    def questions(self):
        return self.asked.stat().st_size if self.asked.exists() else 0


class Plant:
    """An agent with a source that works and an uplink by name."""

    def __init__(self, place, names):
        self.names, self.site = names, place.broker()
        self.centre = FakeBroker()
        place.things.append(self.centre)
        self.manager = service.Manager(place.path / "notify")
        place.things.append(self.manager)
        config = small_config(fault_sources(self.site), self.centre)
        config["uplink"]["mqtt"]["broker"] = f"mqtt://centre.test:{self.centre.port}"
        self.agent = place.agent(config, environment={
            **names.environment, "NOTIFY_SOCKET": str(self.manager.path),
            "WATCHDOG_USEC": "400000"})
        wait_until("the source", lambda: self.agent.source()["connected"])
        client = Client(self.site).wait()
        place.things.append(client)
        self.feeder = Feeder(client)

    def uplink(self):
        return self.agent.status()["uplink"]

    def check_well(self, what):
        """Readings are taken and the watchdog is fed, though the uplink has trouble."""
        assert self.uplink()["state"] != "up", what
        before = self.agent.status()["ledger"]["readings"]["received"]
        start = time.monotonic()
        self.agent.wait_received(before + 20)
        self.manager.wait_for_more("WATCHDOG=1")
        self.agent.check_ledger()
        print(f"{what}: goes on, {time.monotonic() - start:.1f} s for 20 readings; "
              f"{self.uplink()['problem']}")

    def wait_problem(self, word, seconds=30):
        wait_until(word, lambda: word in self.uplink()["problem"], seconds)

    def lose(self):
        self.centre.drop_all()
        wait_until("the loss", lambda: self.uplink()["state"] != "up")

    def wait_up(self):
        wait_until("the uplink", lambda: self.uplink()["state"] == "up")
        before = len(self.centre.records())
        wait_until("records", lambda: len(self.centre.records()) > before)


def silent(session):
    session.hold()


def speaks_http(session):
    session.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    raise Gone


def check_failing_answers(plant):
    names = plant.names
    names.answer("fail")
    plant.wait_problem("name resolution")
    plant.check_well("the name server fails")
    names.answer("none")
    plant.wait_problem("cannot connect")
    plant.check_well("no such name")
    start, before = time.monotonic(), names.questions()
    plant.check_well("asked for again")
    asked, seconds = names.questions() - before, time.monotonic() - start
    assert asked <= 10 * seconds + 1, f"{asked} questions in {seconds:.1f} s, 100 ms apart at least"
    before = names.questions()  # the first one in the hole is the last
    names.answer("hole")
    wait_until("the question", lambda: names.questions() > before)
    plant.check_well("no answer")


def check_wrong_addresses(plant):
    plant.names.answer(OTHER)  # nobody there
    plant.wait_problem("refused")
    plant.check_well("a wrong address")
    plant.centre.script = speaks_http
    plant.names.answer(RIGHT)
    plant.wait_problem("closed the connection")
    plant.check_well("a server of another kind")
    plant.centre.script = silent
    plant.centre.drop_all()
    wait_until("a silent one", lambda: "silent" in plant.uplink()["problem"]
               or "did not answer" in plant.uplink()["problem"])
    plant.check_well("a server that says nothing")
    plant.centre.script = importlib.import_module("fake_broker").accept_all
    plant.centre.drop_all()
    plant.wait_up()


def check_many_addresses(plant):
    wrong = " ".join(f"127.0.1.{n}" for n in range(1, 101))
    plant.names.answer(wrong)
    plant.lose()
    plant.wait_problem("cannot connect")
    plant.check_well("100 wrong addresses")
    plant.names.answer(f"{wrong} {RIGHT}")
    plant.wait_up()
    print("100 wrong addresses and a right one: connected")


class Swallowing:
    """Addresses that swallow every SYN: the queue of connections is full."""

    def __init__(self, addresses, port):
        self.sockets = []
        for address in addresses:
            listener = socket.socket()
            listener.bind((address, port))
            listener.listen(0)
            self.sockets.append(listener)
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex((address, port))
                self.sockets.append(filler)

    def kill(self):
        for sock in self.sockets:
            sock.close()


def check_swallowing_addresses(place, plant):
    """Six of them get 5 s each, the others a moment: then the name is asked for again."""
    addresses = [f"127.0.2.{n}" for n in range(1, 101)]
    place.things.append(Swallowing(addresses, plant.centre.port))
    before = plant.names.questions()
    plant.names.answer(" ".join(addresses))
    plant.lose()
    wait_until("the try", lambda: plant.names.questions() > before)
    plant.check_well("100 addresses that swallow")
    start = time.monotonic()
    plant.names.answer(RIGHT)
    plant.wait_up()
    print(f"connected {time.monotonic() - start:.1f} s after the name was put right")


def check_change(place, plant):
    """The centre moves; the name follows."""
    moved = FakeBroker(port=plant.centre.port, host=OTHER)
    place.things.append(moved)
    moved.taken = plant.centre.taken  # one consumer behind both
    plant.names.answer(OTHER)
    plant.centre.kill()
    plant.centre = moved
    plant.wait_up()
    print("the centre moved: connected")


def main():
    if not NAMES.exists():
        skip(f"{NAMES} was not built")
    with Place() as place:
        names = Names(place)
        names.answer("fail")
        plant = Plant(place, names)
        check_failing_answers(plant)
        check_wrong_addresses(plant)
        check_many_addresses(plant)
        if IS_LONG:
            check_swallowing_addresses(place, plant)
        check_change(place, plant)
        agent, sent = plant.agent, plant.feeder.stop()
        agent.wait_received(sent)
        wait_closed(agent)
        agent.wait_drained()
        records = plant.centre.records()
        check_all_there(list({r["id"]: r for r in records}.values()), sent)
        agent.check_ledger()
        names.answer("hole")
        before = names.questions()
        plant.lose()
        wait_until("the question", lambda: names.questions() > before)
        start = time.monotonic()
        assert agent.terminate(10) == 0, agent.log()
        took = time.monotonic() - start
        print(f"SIGTERM while the name hung took {took:.2f} s")
        assert took < 10, took
        plant.centre.check()


main()
