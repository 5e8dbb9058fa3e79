"""Does `isotherm store` tell a sound store from a damaged one, export exactly what the centre would
have got, and change nothing by looking?"""

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess

from harness import (ISOTHERM, PATIENCE, SOURCE, Client, Place, mqtt_source, small_config,
                     wait_closed, wait_until)

DEVICES, STEPS, MORE = 4, 60, 12
TIMEOUT_S = 60 * PATIENCE
START_MS = 1_700_000_000_000


def store(*arguments):
    return subprocess.run([ISOTHERM, "store", *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False)


def fill(place, site, centre):
    """An agent that was stopped while the centre was down, with records in its outbox."""
    config = small_config([mqtt_source(site, [{"topic": "f/+device", "value": "/v",
                                               "time": "/t"}])], centre,
                          times={"past": "0s"}, alarms=[{"name": "hot", "high": 50}])
    agent = place.agent(config)
    wait_until("the source", lambda: agent.source()["connected"])
    client = Client(site).wait()
    place.things.append(client)
    client.publish_all([(f"f/d{d}", f'{{"v":{d + step},"t":{START_MS + step * 500}}}')
                        for step in range(STEPS) for d in range(DEVICES)])
    agent.wait_received(STEPS * DEVICES)
    wait_until("records in the outbox",
               lambda: agent.status()["ledger"]["records"]["waiting"] > 3 * STEPS // 2)
    return agent


def digest(path):
    return {name: hashlib.sha256((path.parent / name).read_bytes()).hexdigest()
            for name in sorted(os.listdir(path.parent)) if name.startswith(path.name)
            and not name.endswith(".sock")}


def check_sound(path, config):
    before = digest(path)
    run = store("check", path)
    assert run.returncode == 0 and run.stdout.rstrip().endswith("sound"), run
    facts = json.loads(store("check", "--json", "-c", config).stdout)
    assert facts["sound"] and facts["problems"] == [] and facts["schema"] >= 1, facts
    assert facts["written"] == facts["acknowledged"] + facts["dropped"] + facts["alarms"] \
        + facts["summaries"], facts
    lines = [json.loads(line) for line in store("dump", "--json", path).stdout.splitlines()]
    assert sum(line["is"] == "record" for line in lines) == facts["alarms"] + facts["summaries"]
    assert sum(line["is"] == "journal" for line in lines) == facts["journal_entries"], facts
    assert "hot" in store("dump", "--lane", "alarms", path).stdout
    assert digest(path) == before, "looking changed something"
    return facts


def check_export(path, config, facts):
    run = store("export", path)
    assert run.returncode == 64 and "--gateway" in run.stderr, run
    run = store("export", "-c", config)
    assert run.returncode == 0, run
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(records) == facts["alarms"] + facts["summaries"] > 0
    some = [json.loads(line) for line in store("export", path, "-g", "line-7", "--device", "d1",
                                               "--lane", "summaries", "--from",
                                               "2023-11-14T22:13:25Z", "--to",
                                               "2023-11-14T22:13:35Z").stdout.splitlines()]
    wanted = [r for r in records if r["type"] == "summary" and r["device"] == "d1"
              and r["end"] > "2023-11-14T22:13:25Z" and r["start"] < "2023-11-14T22:13:35Z"]
    assert some == wanted and some, (len(some), len(wanted))
    rows = list(csv.DictReader(io.StringIO(store("export", "-c", config, "--format",
                                                 "csv").stdout)))
    assert [(row["id"], row["device"]) for row in rows] == [(r["id"], r["device"]) for r in records]
    consumer = subprocess.run(["/usr/bin/python3", SOURCE / "scripts/isotherm-consumer", "--input",
                               "-", "--json"], input=run.stdout, capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)
    assert consumer.stdout == run.stdout, consumer
    assert f"{len(records)} records, 0 duplicates" in consumer.stderr, consumer.stderr
    by_id = {r["id"]: r for r in records}
    for row in rows:
        record = by_id[row["id"]]
        if record["type"] == "summary":
            assert row["sum"] == record["sum"] and int(row["count"]) == record["count"], row
    return records


def check_running(agent, path):
    """Beside the agent a copy is looked at, which is whole while the agent goes on writing."""
    waiting = agent.status()["ledger"]["records"]["waiting"]
    run = store("check", path)
    assert run.returncode == 0 and run.stdout.rstrip().endswith("sound"), run
    assert str(agent.process.pid) in run.stderr, run
    run = store("export", "-c", agent.config_path)
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0 and len(records) >= waiting, (run.stderr, waiting)
    lines = [json.loads(line) for line in store("dump", "--json", path).stdout.splitlines()]
    assert sum(line["is"] == "record" for line in lines) >= waiting
    run = store("repair", "--yes", path)
    assert run.returncode == 69 and "stop it first" in run.stderr, run
    full = subprocess.run([ISOTHERM, "store", "check", path], capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False, env={**os.environ, "TMPDIR": "/nowhere"})
    assert full.returncode == 1 and "/nowhere" in full.stderr, full


def check_busy(place, agent, site, path):
    """Every look at a store that is being written is one of a whole store."""
    client = Client(site).wait()
    place.things.append(client)
    waiting = 0
    for step in range(MORE):
        client.publish_all([(f"f/d{d}", f'{{"v":{d},"t":{START_MS + (STEPS + step) * 500 + 250}}}')
                            for d in range(DEVICES)])
        run = store("check", "--json", path)
        facts = json.loads(run.stdout)
        assert run.returncode == 0 and facts["sound"], run
        assert facts["alarms"] + facts["summaries"] >= waiting, (facts, waiting)
        waiting = facts["alarms"] + facts["summaries"]
    leftover = [name for name in os.listdir(place.path) if name.startswith("isotherm-store-")]
    assert not leftover, leftover
    agent.check_ledger()


def settle(agent):
    """Lets nothing be left to happen: what the broker still had is taken and acknowledged, and all
    windows are closed.  What is said of an alarm is said after a commit of all before it, which
    the source hears of first."""
    wait_until("the source", lambda: agent.source()["connected"])
    agent.wait_received((STEPS + MORE) * DEVICES)
    wait_closed(agent)
    asked = agent.run("alarms", "ack", "d0/hot/H", "-c", str(agent.config_path))
    assert asked.returncode == 0, asked


def check_restarts(agent, path):
    """A start and an end at which nothing happens leave nothing behind."""
    before = json.loads(store("check", "--json", path).stdout)
    for _ in range(2):
        agent.start()
        assert agent.terminate() == 0
    after = json.loads(store("check", "--json", path).stdout)
    assert after["journal_entries"] == before["journal_entries"], (before, after)
    assert after["written"] == before["written"], (before, after)


def check_damaged(place, path):
    """A copy with a hole in it is called damaged; what is not ours is not touched."""
    copy = place.path / "copy.db"
    shutil.copy(path, copy)
    size = copy.stat().st_size
    with open(copy, "r+b") as file:
        file.seek(size // 4096 // 2 * 4096)
        file.write(b"\xa5" * 4096)
    run = store("check", copy)
    assert run.returncode == 1 and "DAMAGED" in run.stdout, run
    facts = json.loads(store("check", "--json", copy).stdout)
    assert not facts["sound"] and facts["problem_count"] > 0, facts
    other = place.path / "other.db"
    other.write_text("not a store\n" * 100)
    run = store("check", other)
    assert run.returncode == 1 and "not a store" in run.stderr, run
    assert store("check", place.path / "none.db").returncode == 1
    assert store("chekc", path).returncode == 64
    assert store("export", path, "-g", "g", "--from", "yesterday").returncode == 64


def check_repair(place, path, records):
    """Of a damaged page only what was on it is lost, and the agent goes on with the rest."""
    pages = path.stat().st_size // 4096
    known = {r["id"]: r for r in records}
    for page in (0, 1, 3, pages // 2):
        copy = place.path / f"damaged-{page}.db"
        shutil.copy(path, copy)
        (place.path / f"damaged-{page}.db.claim").touch()
        with open(copy, "r+b") as file:
            file.seek(page * 4096)
            file.write(bytes((7 * i + page) % 256 for i in range(4096)))
        broken = copy.read_bytes()
        run = store("repair", copy)
        assert run.returncode == 1 and "--yes" in run.stderr, run
        assert copy.read_bytes() == broken and not (place.path / f"{copy.name}.repaired").exists()
        run = store("repair", "--yes", "--json", copy)
        assert run.returncode == 0, run
        facts = json.loads(run.stdout)
        assert (place.path / f"{copy.name}.damaged-1").read_bytes() == broken
        assert facts["aside"].endswith(".damaged-1"), facts
        assert store("check", copy).returncode == 0, store("check", copy)
        saved = [json.loads(line) for line in store("export", copy, "-g", "line-7",
                                                    ).stdout.splitlines()]
        assert len(saved) == facts["saved_alarms"] + facts["saved_summaries"], facts
        if facts["same_epoch"]:
            assert facts["lost"] == len(records) - len(saved) < 120, facts  # one page holds so many at most
            assert all(known[r["id"]] == r for r in saved)
        else:
            assert len(saved) == len(records), facts
    assert "nothing to repair" in store("repair", path).stderr


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker(start=False)
        agent = fill(place, site, centre)
        path = place.path / "agent-2.db"
        os.environ["TMPDIR"] = str(place.path)
        check_running(agent, path)
        check_busy(place, agent, site, path)
        agent.kill()  # a WAL stays behind and is part of the store
        check_sound(path, agent.config_path)
        agent.start()
        settle(agent)
        assert agent.terminate() == 0
        facts = check_sound(path, agent.config_path)
        records = check_export(path, agent.config_path, facts)
        check_restarts(agent, path)
        check_damaged(place, path)
        check_repair(place, path, records)
        os.chmod(path, 0o400)
        assert store("check", path).returncode == 0
        os.chmod(path, 0o640)

        centre.start()
        collector = place.collector(centre)
        agent.start()
        agent.wait_drained()
        wait_until("the records at the centre", lambda: len(collector.all("summary")) +
                   len(collector.alarms()) >= len(records))
        sent = {r["id"]: r for r in collector.all("summary") + collector.alarms()}
        assert all(sent[r["id"]] == r for r in records), "the export is not what the centre got"
        agent.check_ledger()


if __name__ == "__main__":
    main()
