"""Is a missing broker, port or directory tried again, and a store that is not ours refused?"""

import os
import sqlite3

from harness import RUN_S, Client, Place, free_port, mqtt_source, wait_until


class Nowhere:
    def __init__(self):
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"


def base(place, site, centre, **more):
    return {
        "gateway": "line-7", "windows": [{"size": "1s"}], "grace": "1s", "lateness": "0s",
        "sources": [mqtt_source(site, [{"topic": "f/+device", "value": ""}],
                                retry_min="100ms", retry_max="500ms"),
                    {"serial": {"port": str(place.path / "tty"), "line": "{device},{value}"}}],
        "uplink": {"mqtt": {"broker": centre.url, "retry_min": "100ms", "retry_max": "500ms"}},
        **more,
    }


def check_comes_later(place):
    site, centre = Nowhere(), Nowhere()
    agent = place.agent(base(place, site, centre))
    for part in ("mqtt[0]", "serial[0]", "uplink[mqtt]"):
        wait_until(f"a clear line of {part}", lambda p=part: f"{p}: not connected" in agent.log())
    assert str(place.path / "tty") in agent.log()
    site, centre = place.broker(port=site.port), place.broker(port=centre.port)
    collector = place.collector(centre)
    master, slave = os.openpty()
    os.symlink(os.ttyname(slave), place.path / "tty")
    agent.wait_connected()
    client = Client(site).wait()
    place.things.append(client)
    client.publish_all([("f/d1", "20.5")])
    wait_until("the summary", lambda: collector.final())
    os.close(master)
    assert agent.terminate() == 0


def expect_refusal(place, path, word):
    agent = place.agent(base(place, Nowhere(), Nowhere(), store={"path": str(path)}), start=False)
    agent.start(wait=False)
    assert agent.process.wait(RUN_S) == 1, agent.log()
    assert word in agent.log(), agent.log()


def check_store_refusals(place):
    foreign = place.path / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("create table t(x)")
    connection.commit()
    connection.close()
    before = foreign.read_bytes()
    expect_refusal(place, foreign, "foreign.db")
    assert foreign.read_bytes() == before, "a file that is not ours was touched"
    text = place.path / "notes.txt"
    text.write_text("these are my notes, do not lose them\n" * 100)
    before = text.read_bytes()
    expect_refusal(place, text, "notes.txt")
    assert text.read_bytes() == before
    folder = place.path / "folder.db"
    folder.mkdir()
    expect_refusal(place, folder, "folder.db")


def check_second_agent(place):
    first = place.agent(base(place, Nowhere(), Nowhere(),
                             store={"path": str(place.path / "one.db")}))
    second = place.agent(base(place, Nowhere(), Nowhere(),
                              store={"path": str(place.path / "one.db")}), start=False)
    second.start(wait=False)
    assert second.process.wait(RUN_S) == 1, second.log()
    assert first.status()["gateway"] == "line-7"


def check_counts_and_socket_folder(place):
    """The folder of the socket may come later; a start that fails loses nothing."""
    recording = place.path / "recording.csv"
    recording.write_text("20.5\nx\n")
    config = {
        "gateway": "line-7", "store": {"path": str(place.path / "counts.db")},
        "sources": [{"replay": {"path": str(recording), "line": "{value}", "id": "d"}}],
    }
    agent = place.agent(config)
    agent.wait_received(2)
    assert agent.terminate() == 0
    recording.write_text("")
    (place.path / "file").write_text("")
    broken = place.agent({**config, "control": {"socket": str(place.path / "file" / "s")}},
                         start=False)
    broken.start(wait=False)
    assert broken.process.wait(RUN_S) == 1, broken.log()
    folder = place.path / "later"
    agent = place.agent({**config, "control": {"socket": str(folder / "s")}}, start=False)
    agent.start(wait=False)
    wait_until("a clear line", lambda: str(folder) in agent.log() and "trying again" in agent.log())
    folder.mkdir()
    wait_until("the agent to answer", lambda: agent.status(quiet=True))
    readings = agent.check_ledger()["readings"]
    assert readings["received"] == 2 and readings["refused"] == 1, readings


def main():
    with Place() as place:
        check_comes_later(place)
        check_store_refusals(place)
        check_second_agent(place)
        check_counts_and_socket_folder(place)


main()
