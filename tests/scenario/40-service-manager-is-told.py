"""Does a service manager hear when the agent is ready and stops, and a watchdog when it is well?

A loop that stands still feeds no watchdog, and neither does a commit that never ends;
ISOTHERM_STALL=long waits the two minutes that the latter takes (by default only that a short stall
is forgiven).
"""

import contextlib
import os
import pathlib
import signal
import socket
import time

from harness import (ISOTHERM, PATIENCE, Client, Place, mqtt_source, skip, small_config,
                     wait_until)

IS_LONG = os.environ.get("ISOTHERM_STALL") == "long"
QUIET_S = 2.0  # ten times as long as between two messages
SLOW = pathlib.Path(ISOTHERM).with_name("libisotherm_slow_calls.so")


class Manager:
    """The socket at which the agent reports.  The kernel keeps 10 messages or so and drops more:
    what is said once only must not come when nobody has listened for a while."""

    def __init__(self, path):
        self.path, self.heard = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))

    def lines(self):
        """Everything heard so far."""
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.heard

    def count(self, line):
        return self.lines().count(line)

    def is_quiet(self, line):
        """Whether it is not said for a while."""
        before, until = self.count(line), time.monotonic() + QUIET_S
        wait_until("some time", lambda: time.monotonic() > until)
        return self.count(line) == before

    def wait_for_more(self, line, seconds=60):
        before = self.count(line)
        wait_until(line, lambda: self.count(line) > before, seconds)

    def kill(self):
        self.socket.close()


@contextlib.contextmanager
def stopped(agent):
    with agent.held():
        wait_until("the stop", lambda: "T (stopped)" in pathlib.Path(
            f"/proc/{agent.process.pid}/status").read_text())
        yield


def check_loop(agent, manager):
    """Stopped from outside, the loop says nothing; going on, it is well at once."""
    with stopped(agent):
        assert manager.is_quiet("WATCHDOG=1"), "fed by something else than the loop"
    manager.wait_for_more("WATCHDOG=1")


def check_stall(agent, manager, flag, client):
    flag.touch()
    client.publish("f/d1", "20")
    wait_until("the stall", lambda: "a commit takes longer" in agent.log())
    manager.wait_for_more("WATCHDOG=1")
    if IS_LONG:
        manager.wait_for_more("STATUS=store makes no progress", 240)
        assert manager.is_quiet("WATCHDOG=1"), "fed while the store is stuck"
        assert "store makes no progress; the watchdog is not fed" in agent.log(), agent.log()
    flag.unlink()
    manager.wait_for_more("WATCHDOG=1")


def main():
    if not SLOW.exists():
        skip(f"{SLOW} was not built")
    with Place() as place:
        manager = Manager(place.path / "notify")
        place.things.append(manager)
        broker = place.broker()
        flag = place.path / "disk-is-slow"
        agent = place.agent(
            small_config([mqtt_source(broker, [{"topic": "f/+device"}])], broker),
            environment={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "800000",
                         "LD_PRELOAD": str(SLOW), "SLOW_SYNC_FILE": str(flag),
                         "SLOW_LIMIT_S": "300",
                         "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
        wait_until("READY=1", lambda: manager.count("READY=1") == 1)
        agent.wait_connected()
        wait_until("its status", lambda: any(
            line.startswith("STATUS=1 of 1 sources connected") and line.endswith("uplink up")
            for line in manager.lines()))
        check_loop(agent, manager)
        client = Client(broker).wait()
        place.things.append(client)
        check_stall(agent, manager, flag, client)
        agent.wait_received(1)
        agent.check_ledger()
        with stopped(agent):
            manager.lines()  # room for its last words
            agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(20 * PATIENCE) == 0
        assert manager.count("STOPPING=1") == 1 and manager.count("READY=1") == 1, manager.heard


if __name__ == "__main__":
    main()
