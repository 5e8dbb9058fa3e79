"""Are storms of bad input, local clients and signals bounded, and is a stop under load clean?"""

import os
import pathlib
import signal
import socket
import time

from harness import (Client, Feeder, Place, Process, check_all_there, fast, mqtt_source,
                     small_config, wait_closed, wait_until)

SECRET = "never-to-be-seen-9f2c"


def check_log_storm(agent, client):
    """Thousands of bad messages of each kind: a few lines."""
    before = agent.status()["ledger"]["readings"]["refused"]
    lines = len(agent.log().splitlines())
    storm = [(f"f/d{i % 7}", ("x", "{", "1e999", "y" * 5000, "\x1b[2J%n%s")[i % 5])
             for i in range(3000)]
    client.publish_all(storm)
    wait_until("the refusals", lambda: agent.status()["ledger"]["readings"]["refused"]
               >= before + len(storm))
    added = agent.log().splitlines()[lines:]
    assert 1 <= len(added) <= 20, added
    assert not any("\x1b" in line for line in added), added
    print(f"{len(storm)} bad messages: {len(added)} log lines")


def check_control_socket(agent, path):
    """Half requests, rubbish and many connections at once: status answers to others."""
    assert pathlib.Path(path).stat().st_mode & 0o007 == 0, "the socket is open to everybody"
    descriptors = f"/proc/{agent.process.pid}/fd"
    before = len(os.listdir(descriptors))
    held = []
    for i in range(200):
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        try:
            sock.connect(path)
            sock.send((b"sta", b"\0" * 4096, b"{" * 4096, b"")[i % 4])
        except OSError:
            pass
        held.append(sock)
    assert len(os.listdir(descriptors)) < before + 64, "every connection is taken"
    for sock in held:
        sock.close()
    wait_until("the status to answer", lambda: agent.status(quiet=True))
    for _ in range(500):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.setblocking(False)
            try:
                sock.connect(path)
            except OSError:
                pass
    wait_until("the status to answer", lambda: agent.status(quiet=True))
    wait_until("descriptors to be as before", lambda: len(os.listdir(descriptors)) <= before + 1)


def check_hangup(agent):
    """A broken configuration and SIGHUP: the agent goes on with what it has, and says so."""
    good = agent.config_path.read_text()
    agent.config_path.write_text("gateway: [broken")
    agent.process.send_signal(signal.SIGHUP)
    wait_until("a word about SIGHUP", lambda: "SIGHUP" in agent.log())
    agent.config_path.write_text(good)
    assert agent.status()["gateway"] == "line-7"


def check_secrets(agent, place):
    process = pathlib.Path("/proc", str(agent.process.pid))
    seen = [agent.log(), (process / "cmdline").read_text(), (process / "environ").read_text(),
            str(agent.status()), agent.run("check", str(agent.config_path)).stdout,
            agent.run("plan", str(agent.config_path)).stdout]
    for path in place.path.glob("*.db*"):
        if path.is_file():
            seen.append(path.read_bytes().decode("latin-1"))
    assert not any(SECRET in text for text in seen)


def count_deaths(collector):
    with collector.lock:
        return sum(isinstance(r, dict) and r.get("online") is False
                   for t, r, _ in collector.messages if t.endswith("/status"))


def check_stop_under_load(agent, collector):
    agent.wait_connected()
    before = agent.status()["ledger"]["readings"]["accepted"]
    wait_until("load", lambda: agent.status()["ledger"]["readings"]["accepted"] > before + 200)
    deaths = count_deaths(collector)
    start = time.monotonic()
    assert Process.terminate(agent) == 0, agent.log()
    took = time.monotonic() - start
    print(f"SIGTERM under load: {took:.2f} s")
    assert took < 10, took
    wait_until("the death", lambda: count_deaths(collector) > deaths)


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(persistent=True)
        collector = place.collector(centre)
        password = place.path / "password"
        password.write_text(SECRET + "\n")
        password.chmod(0o600)
        control = str(place.path / "control.sock")
        sources = [mqtt_source(site, [{"topic": "f/+device"}], username="u",
                               password_file=str(password), **fast())]
        config = small_config(sources, centre, control={"socket": control})
        agent = place.agent(config)
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        check_log_storm(agent, client)
        check_control_socket(agent, control)
        check_hangup(agent)
        check_secrets(agent, place)

        feeder = Feeder(client, pause=0.001)
        for _ in range(3):
            check_stop_under_load(agent, collector)
            agent.start()
        sent = feeder.stop()
        wait_until("every reading", lambda: agent.status()["ledger"]["readings"]["accepted"]
                   >= sent, 60)
        wait_closed(agent)
        agent.wait_drained(60)
        wait_until("the last record", lambda: sum(
            r["count"] for r in collector.final().values()) >= sent)
        check_all_there(collector.summaries(), sent)
        agent.check_ledger()
        assert agent.terminate() == 0


main()
