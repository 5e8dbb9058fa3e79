"""Is everything as ever when a signal interrupts the agent, and its tools, a thousand times a second?

Row 80 of docs/faults.md.
"""

import os
import pathlib
import pty
import tty

from harness import (ISOTHERM, Client, Place, check_sequence, fast, mqtt_source, skip,
                     small_config, wait_closed, wait_until)

STORM = pathlib.Path(ISOTHERM).with_name("libisotherm_signal_storm.so")
MESSAGES, LINES = 400, 200


def is_interrupted(pid):
    """Whether the agent has a handler for SIGALRM: whether the library was loaded at all."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "SigCgt":
            return bool(int(value, 16) >> 13 & 1)
    return False


def main():
    if not STORM.exists():
        skip(f"{STORM} was not built")
    master, slave = pty.openpty()
    tty.setraw(slave)
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        told, program = place.path / "told", place.path / "tell"
        program.write_text(f"#!/bin/sh\nsleep 0.2; echo told > {told}\n")
        program.chmod(0o755)
        sources = [mqtt_source(site, [{"topic": "f/+device"}], **fast()),
                   {"serial": {"port": os.ttyname(slave), "line": "{device},{value}",
                               "skip_first": False}}]
        config = small_config(sources, centre, alarms=[
            {"name": "hot", "devices": "d0", "high": 50}], actions=[
                {"name": "tell", "alarms": "*", "run": str(program)}])
        agent = place.agent(config, environment={
            "LD_PRELOAD": str(STORM), "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
        agent.wait_connected()
        assert is_interrupted(agent.process.pid)
        client = Client(site).wait()
        place.things.append(client)
        client.publish_all([(f"f/d{i % 5}", str(i % 40)) for i in range(MESSAGES)])
        for i in range(LINES):
            os.write(master, f"s{i % 3},{i % 40}\r\n".encode())
        agent.wait_received(MESSAGES + LINES)
        client.publish_all([("f/d0", "60")])
        wait_until("the alarm", collector.alarms)
        wait_until("the action", told.exists)
        wait_closed(agent)
        agent.wait_drained()
        ledger = agent.check_ledger()["readings"]
        assert ledger["accepted"] == ledger["received"] == MESSAGES + LINES + 1, ledger
        assert agent.log().count("mqtt[0]: connected to") == 1, agent.log()
        check_sequence(collector.summaries() + collector.alarms())
        assert sum(r["count"] for r in collector.final().values()) == MESSAGES + LINES + 1
        assert [r["trigger"] for r in collector.alarms()] == ["RAISE"]

        restarted = agent.process.pid
        agent.kill()
        agent.start()
        assert agent.process.pid != restarted and is_interrupted(agent.process.pid)
        agent.check_ledger()
        assert agent.terminate() == 0, agent.log()
        check = agent.run("store", "check", "-c", str(agent.config_path))
        assert check.returncode == 0, check.stderr


main()
