"""Does the agent learn what is usual, keep it over SIGKILL, apply a model, and say why?"""

import json
import subprocess
import sys

from harness import PATIENCE, SOURCE, Client, Place, mqtt_source, uplink, wait_until

HOUR_MS = 3_600_000
START_MS = 1_700_006_400_000 // (24 * HOUR_MS) * 24 * HOUR_MS
DAYS = 10


def usual(hour, half):
    """60 from 8 to 18 h, an hour ahead of UTC; 20 otherwise; half a degree to either side."""
    return (60 if 8 <= (hour + 1) % 24 < 18 else 20) + (0.5 if half else -0.5)


class Plant:
    def __init__(self, place, site):
        self.client = Client(site).wait()
        self.sent = 0
        place.things.append(self.client)

    def send(self, device, hour, value, minute=0):
        self.send_all([(device, hour, value, minute)])

    def send_all(self, readings):
        self.client.publish_all([
            (f"f/{device}", json.dumps({"v": value, "t": START_MS + hour * HOUR_MS + minute * 60000}))
            for device, hour, value, minute in readings])
        self.sent += len(readings)


def make_config(place, site, centre, alarms):
    return {"gateway": "line-7", "windows": [{"size": "1h"}], "lateness": "0s", "grace": "1h",
            "times": {"past": "0s"}, "habit": {"utc_offset": 1}, "alarms": alarms,
            "store": {"path": str(place.path / "agent.db"), "commit_every": "100ms"},
            "sources": [mqtt_source(site, [{"topic": "f/+device", "value": "/v", "time": "/t"}],
                                    retry_min="200ms", retry_max="1s")],
            "uplink": uplink(centre)}


def learn(place, collector):
    """The model that the summaries at the centre give."""
    history, model = place.path / "history.jsonl", place.path / "model.json"
    history.write_text("".join(json.dumps(r) + "\n" for r in collector.summaries("1h")))
    subprocess.run([sys.executable, str(SOURCE / "scripts/isotherm-learn"), str(history), "-o",
                    str(model), "--utc-offset", "1"], check=True, timeout=60 * PATIENCE)
    return model


def raised(collector, name):
    return [r for r in collector.alarms() if r["alarm"] == name and r["trigger"] == "RAISE"]


def check_model_is_checked(place, agent, config, model):
    """What is wrong with a model is said with its place, and nothing starts."""
    text = model.read_text()
    model.write_text(text.replace('"hours": [', '"hours": [[[1, 1, 1]],', 1))
    agent.config_path.write_text(json.dumps(config))
    result = agent.run("check", "-c", str(agent.config_path))
    assert result.returncode == 78, result
    assert f"{model}:4:" in result.stdout and "rising order" in result.stdout, result.stdout
    model.write_text(text)
    result = agent.run("check", "-c", str(agent.config_path))
    assert result.returncode == 0, result


def main():
    with Place() as place:
        site, centre = place.broker(persistent=True), place.broker()
        collector = place.collector(centre)
        odd = {"name": "odd", "devices": "oven-*", "unusual": {"deviations": 5}}
        agent = place.agent(make_config(place, site, centre, [odd]))
        agent.wait_connected()
        plant = Plant(place, site)
        plant.send_all([(device, hour, usual(hour, half), 30 * half)
                        for hour in range(24 * DAYS) for half in (0, 1)
                        for device in ("oven-1", "lamp")])
        agent.process.kill()
        agent.process.wait()
        agent.start()
        agent.wait_connected()
        noon, night = 24 * DAYS + 11, 24 * (DAYS + 1)
        plant.send("oven-1", noon, 60.9)
        plant.send("lamp", noon, 99)
        plant.send("oven-1", noon, 70, minute=1)
        wait_until("the alarm", lambda: raised(collector, "odd"))
        plant.send("oven-1", noon, 60.5, minute=2)
        plant.send("oven-1", night, 60.5)
        wait_until("the second alarm", lambda: len(raised(collector, "odd")) >= 2)
        first, second = raised(collector, "odd")
        assert (first["device"], first["value"], first["kind"]) == ("oven-1", 70, "unusual"), first
        assert first["reason"] == "70 is 20 deviations above the usual 60 \u00b1 0.5 at 12 h", first
        assert first["limit"] == 62.5 and first["occurrence"] == 1, first
        assert second["reason"].endswith("above the usual 20 \u00b1 0.5 at 1 h"), second
        agent.wait_drained()
        agent.check_ledger()

        model = learn(place, collector)
        assert agent.terminate() == 0
        config = make_config(place, site, centre,
                             [odd, {"name": "known", "model": str(model), "deadband": "0.5"}])
        check_model_is_checked(place, agent, config, model)
        agent.start()
        agent.wait_connected()
        plant.send("lamp", night, 40, minute=1)
        wait_until("the model's alarm", lambda: raised(collector, "known"))
        [known] = raised(collector, "known")
        assert (known["device"], known["kind"]) == ("lamp", "unusual"), known
        assert known["reason"] == "40 is 20 above the usual 20 (17 to 23) at 1 h", known
        assert known["limit"] == 23, known
        assert agent.terminate() == 0


main()
