"""Does every broker that is installed carry readings in and records out, none lost, none doubled?

Row 45 of docs/faults.md: mosquitto, RabbitMQ, ejabberd, aedes, each with every version of MQTT it
speaks.  One broker is both the site's and the centre's; the agent is killed in the middle, and the
broker is stopped and started.  Those that are not installed are named; other_brokers.py says how to
install them.  ISOTHERM_BROKER=RabbitMq takes one alone.
"""

import os
import threading

import other_brokers
from fault_proxy import TcpProxy
from harness import (Client, Place, check_all_there, fast, small_config, wait_closed, wait_until)

DEVICES, READINGS, CUTS = 5, 100, 5


class Run:
    """One broker, with one version of MQTT."""

    def __init__(self, place, kind, version):
        self.place, self.version = place, version
        self.broker = kind(place)
        place.things.append(self.broker)
        if self.broker.process is None:
            self.broker.start()
        self.collector = place.collector(self.broker, version=version, **kind.login)
        options = fast(version=version)
        if kind.login:
            secret = place.path / "password"
            secret.write_text(kind.login["password"] + "\n")
            secret.chmod(0o600)
            options.update(username=kind.login["username"], password_file=str(secret))
        self.line = TcpProxy(self.broker.port)
        place.things.append(self.line)
        config = small_config(
            [{"mqtt": {"broker": self.line.url, "subscribe": [{"topic": "f/+device"}],
                       **options, **kind.source}}], self.broker)
        config["uplink"]["mqtt"].update(options)
        self.agent = place.agent(config)
        self.client = Client(self.broker, version=version, **kind.login).wait()
        place.things.append(self.client)
        self.sent = 0

    def statuses(self):
        """What was said under <prefix>/status: (online, reason)."""
        with self.collector.lock:
            return [(r["online"], r.get("reason")) for t, r, _ in self.collector.messages
                    if t.endswith("/status") and r]

    def feed(self, count):
        self.client.publish_all([(f"f/d{n % DEVICES}", f"{n % 90}.{n:04d}")
                                 for n in range(self.sent, self.sent + count)])
        self.sent += count

    def count_received(self):
        return self.agent.status()["ledger"]["readings"]["received"]

    def cut_in_the_middle(self):
        """The line breaks again and again while readings come in: some acknowledgements are lost
        with it, and their messages come again."""
        for _ in range(CUTS):
            feeding = threading.Thread(target=self.feed, args=(READINGS,))
            before = self.count_received()
            feeding.start()
            wait_until("some readings", lambda past=before: self.count_received() > past)
            self.line.cut()
            feeding.join()
        self.agent.wait_received(self.sent)

    def kill_in_the_middle(self):
        """Killed while readings come in: what was not committed comes again."""
        feeding = threading.Thread(target=self.feed, args=(READINGS,))
        before = self.count_received()
        feeding.start()
        wait_until("some readings", lambda: self.count_received() > before)
        self.agent.kill()
        feeding.join()
        self.feed(READINGS)  # while nobody is there
        wait_until("the will", lambda: (False, "lost") in self.statuses())
        self.agent.start()
        self.agent.wait_received(self.sent)

    def settle(self):
        """Everything has arrived: what is written is at the centre."""
        wait_closed(self.agent)
        self.agent.wait_drained()
        wait_until("every record", lambda: len({r["id"] for r in self.collector.summaries()})
                   >= self.agent.status()["ledger"]["records"]["written"])

    def restart_broker(self):
        """With nothing under way, since not every broker keeps sessions and messages."""
        self.settle()
        online = self.statuses().count((True, None))
        self.broker.stop()
        wait_until("the loss", lambda: self.agent.status()["uplink"]["state"] != "up"
                   and not self.agent.source()["connected"])
        self.collector.subscribed.clear()
        self.client.connected.clear()
        self.broker.start()
        self.client.wait()
        wait_until("the collector", self.collector.subscribed.is_set)
        self.agent.wait_connected()
        wait_until("the subscription", lambda: self.agent.source()["connected"])
        if self.broker.keeps_sessions:
            wait_until("a birth", lambda: self.statuses().count((True, None)) > online)

    def check(self):
        self.settle()
        status = self.agent.status()
        repeats = sum(s["refused"].get("duplicate", 0) for s in status["sources"])
        records = self.collector.summaries()
        unique = list({r["id"]: r for r in records}.values())
        assert status["ledger"]["readings"]["accepted"] == self.sent, status["ledger"]
        assert status["ledger"]["readings"]["refused"] == repeats, status["sources"]
        check_all_there(unique, self.sent)
        self.agent.check_ledger()
        assert self.agent.terminate() == 0
        wait_until("the good-bye", lambda: (False, "stopped") in self.statuses())
        print(f"{self.broker.name}, MQTT {self.version}: {self.sent} readings, {repeats} of them "
              f"sent again, {len(unique)} records, {len(records) - len(unique)} came twice",
              flush=True)


def go_through(kind, version):
    with Place() as place:
        run = Run(place, kind, version)
        run.agent.wait_connected()
        run.feed(READINGS)
        run.agent.wait_received(run.sent)
        run.cut_in_the_middle()
        run.kill_in_the_middle()
        run.restart_broker()
        run.feed(READINGS)
        run.agent.wait_received(run.sent)
        run.check()


def main():
    wanted = os.environ.get("ISOTHERM_BROKER")
    for kind in other_brokers.ALL:
        if wanted and kind.__name__ != wanted:
            continue
        if kind.missing():
            print(f"{kind.__name__}: skipped: {kind.missing()}")
            continue
        for version in kind.versions:
            go_through(kind, version)


main()
