"""On a board that boots in 1970: do readings from before the clock was set get their right times?

Rows 19 and 21 of docs/faults.md.  The clock is preloaded (tests/support/fake_wall.c).
"""

import pathlib
import time

from harness import (ISOTHERM, Client, Place, check_sequence, fast, mqtt_source, skip,
                     small_config, wait_until)

CLOCK = pathlib.Path(ISOTHERM).with_name("libisotherm_fake_wall.so")
READINGS, SLACK_MS = 30, 100


def now_ms():
    return int(time.time() * 1000)


class Board:
    """An agent whose clock is not set as long as a file is there."""

    def __init__(self, place, **uplink_options):
        self.site, self.centre = place.broker(), place.broker()
        self.collector = place.collector(self.centre)
        self.unset = place.path / "clock-is-not-set"
        self.unset.touch()
        config = small_config(
            [mqtt_source(self.site, [{"topic": "f/+device"},
                                     {"topic": "own/+device", "value": "/v", "time": "/t"}],
                         **fast())],
            self.centre, alarms=[{"name": "hot", "devices": "hot", "high": 50}])
        config["uplink"]["mqtt"].update(uplink_options)
        self.agent = place.agent(config, environment={
            "LD_PRELOAD": str(CLOCK), "FAKE_WALL_FILE": str(self.unset),
            "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
        self.agent.wait_connected()
        assert self.agent.status()["clock"] == "unset", self.agent.status()
        self.client = Client(self.site).wait()
        place.things.append(self.client)

    def send(self, device):
        """Readings without a time; returns between when they were taken."""
        accepted = self.agent.status()["ledger"]["readings"]["accepted"]
        since = now_ms()
        self.client.publish_all([(f"f/{device}", str(value)) for value in range(READINGS)])
        self.agent.wait_received(accepted + READINGS)
        return since, now_ms()

    def records_of(self, device):
        return list(record for key, record in self.collector.final().items() if key[0] == device)

    def wait_for(self, device):
        wait_until(f"all of {device}", lambda: sum(
            record["count"] for record in self.records_of(device)) == READINGS)
        return self.records_of(device)


def check_placed(records, since, until):
    for record in records:
        assert record["clock"] in ("held", "trusted") and "boot" not in record, record
        assert record["end_ms"] - record["start_ms"] == 1000, record
        for name in ("first_ms", "last_ms", "min_ms", "max_ms"):
            assert since - SLACK_MS <= record[name] <= until + SLACK_MS, (since, until, record)
            assert record["start_ms"] <= record[name] < record["end_ms"], record


def check_clock_set_late(place):
    board = Board(place)
    agent, collector = board.agent, board.collector
    early = board.send("early")
    board.client.publish_all([("f/hot", "60")])
    wait_until("the alarm", collector.alarms)
    alarm = collector.alarms()[0]
    assert alarm["clock"] == "unset" and alarm["mono_ms"] > 0 and alarm["boot"] > 0, alarm
    assert alarm["time"] is alarm["event_time"] is alarm["event_ms"] is None, alarm
    wait_until("summaries to wait", lambda: agent.status()["uplink"].get("waits_for_clock"))

    agent.kill()  # the boot goes on, and with it the wait
    agent.start()
    agent.wait_connected()
    again = board.send("again")
    wait_until("summaries to wait", lambda: agent.status()["uplink"].get("waits_for_clock"))
    assert collector.summaries() == [], "of unknown times, and the clock may yet be set"

    board.unset.unlink()
    check_placed(board.wait_for("early"), *early)
    check_placed(board.wait_for("again"), *again)
    late = board.send("late")
    check_placed(board.wait_for("late"), *late)
    assert all(record["start_ms"] % 1000 == 0 for record in board.records_of("late"))
    agent.wait_drained()
    assert "waits_for_clock" not in agent.status()["uplink"]
    check_sequence(collector.summaries() + collector.alarms())
    agent.check_ledger()
    assert agent.terminate() == 0


def check_clock_never_set(place):
    board = Board(place, clock_wait="0s")
    board.send("lost")
    for record in board.wait_for("lost"):
        assert record["clock"] == "unset" and record["boot"] > 0, record
        assert record["start"] is record["end"] is record["created"] is None, record
        assert 0 <= record["start_ms"] <= time.monotonic() * 1000, record
    moment = now_ms() // 1000 * 1000 - 3000  # a device's own time is true all the same
    board.client.publish_all([("own/clock", {"v": 1, "t": moment}),
                              ("own/clock", {"v": 2, "t": moment + 2000})])
    wait_until("its window", lambda: board.records_of("clock"))
    assert board.records_of("clock")[0]["start_ms"] == moment, board.records_of("clock")
    assert board.agent.terminate() == 0


def main():
    if not CLOCK.exists():
        skip(f"{CLOCK} was not built")
    for check in (check_clock_set_late, check_clock_never_set):
        with Place() as place:
            check(place)


main()
