"""Do the commands teach, agree with their exit codes, and name every error of a configuration?"""

import json
import subprocess

from harness import ISOTHERM, RUN_S, Client, Place, mqtt_source, uplink, wait_until

COMMANDS = ("run", "check", "status", "tail", "decode", "replay", "store", "version")


def isotherm(*arguments, stdin=None):
    return subprocess.run([ISOTHERM, *arguments], capture_output=True, text=True, timeout=RUN_S,
                          check=False, input=stdin)


def check_help():
    top = isotherm("--help")
    assert top.returncode == 0 and not top.stderr
    for command in COMMANDS:
        assert command in top.stdout, command
        run = isotherm(command, "--help")
        assert run.returncode == 0 and "Usage: isotherm " + command in run.stdout, run
        wrong = isotherm(command, "--no-such-option")
        assert wrong.returncode == 64 and "--no-such-option" in wrong.stderr, wrong
    assert isotherm().returncode == 64
    wrong = isotherm("rnu")
    assert wrong.returncode == 64 and 'did you mean "run"' in wrong.stderr, wrong
    wrong = isotherm("frobnicate")
    assert wrong.returncode == 64 and "--help" in wrong.stderr, wrong
    assert isotherm("version").stdout.startswith("isotherm ")
    assert json.loads(isotherm("version", "--json").stdout)["name"] == "isotherm"


def check_configuration(place):
    path = place.path / "bad.yaml"
    path.write_text("gateway: line-7\n"
                    "lateness: 30\n"
                    "windows: [{size: 10s}, {size: 15min, every: 7min}]\n"
                    "sources:\n"
                    "  - mqtt: {brokr: x, subscribe: [{topic: a/+b, value: /t, unit: X}]}\n"
                    "  - modem: {}\n"
                    "alarms: [{name: hot, devices: '*'}]\n")
    run = isotherm("check", str(path))
    assert run.returncode == 78, run
    for place_in_file in (":2:11:", ":3:", ":5:12:", ":6:5:", ":7:"):
        assert f"{path}{place_in_file}" in run.stdout, (place_in_file, run.stdout)
    assert 'did you mean "broker"' in run.stdout, run.stdout
    lines = [json.loads(line) for line in isotherm("check", "--json", str(path)).stdout.splitlines()]
    assert len(lines) >= 6 and all(line["line"] > 0 for line in lines), lines
    run = isotherm("run", "-c", str(path))
    assert run.returncode == 78 and "brokr" in run.stderr, run
    assert isotherm("check", str(place.path / "none.yaml")).returncode == 78
    assert isotherm("status", "--socket", str(place.path / "none.sock")).returncode == 69
    assert isotherm("tail", "--socket", str(place.path / "none.sock")).returncode == 69


def check_decode(agent):
    config = str(agent.config_path)
    good = agent.run("decode", "--json", "-c", config, "-a", "f/l1/oven/t",
                     '{"v":"21.5","t":"2026-01-01T00:00:00Z"}')
    assert good.returncode == 0, good
    assert json.loads(good.stdout)["device"] == "l1/oven"
    assert json.loads(good.stdout)["value"] == 21.5
    bad = agent.run("decode", "-c", config, "-a", "f/l1/oven/t", '{"v":}')
    assert bad.returncode == 1, bad
    bad = agent.run("decode", "-c", config, "-a", "f/l1/oven/t", '{"w":1}')
    assert bad.returncode == 1 and bad.stdout.rstrip().endswith("the value is missing"), bad
    assert agent.run("decode", "-c", config, "-a", "elsewhere", '{"v":1}').returncode == 1


def check_tail(place, agent, client):
    tail = subprocess.Popen([ISOTHERM, "tail", "--json", "-c", str(agent.config_path), "-n", "2",
                             "--device", "oven"], stdout=subprocess.PIPE, text=True)
    place.things.append(tail)

    def finished():
        client.publish_all([("f/l1/oven/t", '{"v":20}'), ("f/l1/other/t", '{"v":20}')])
        return tail.poll() is not None
    wait_until("tail to have its lines", finished)
    lines = [json.loads(line) for line in tail.stdout.read().splitlines()]
    assert len(lines) == 2 and all(line["device"] == "l1/oven" for line in lines), lines
    assert tail.returncode == 0
    text = agent.run("status", "-c", str(agent.config_path))
    assert text.returncode == 0 and "ledger   balanced" in text.stdout, text.stdout
    devices = {d["device"]: d for d in agent.devices()}
    assert devices.keys() == {"l1/oven", "l1/other"}, devices
    assert devices["l1/oven"]["last"] == 20


def check_replay(place):
    path = place.path / "recording.csv"
    path.write_text("when,what\n2026-01-01 00:00:00,1.5\n2026-01-01 00:30:00,2.5\n"
                    "2026-01-01 01:00:00,x\n2026-01-01 02:00:00,4\n")
    run = isotherm("replay", "-H", "1", "-l", "{time},{value}", "-d", "m", "-w", "1h", str(path))
    assert run.returncode == 0, run
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(r["count"], r["sum"]) for r in records] == [(2, "4"), (1, "4")], records
    assert "not_a_number 1" in run.stderr, run.stderr
    run = isotherm("replay", "-l", "{value};{time}", "-d", "m", str(path))
    assert run.returncode == 1 and "not one line was taken" in run.stderr, run
    assert isotherm("replay", str(place.path / "none")).returncode == 1
    assert isotherm("replay", str(place.path)).returncode == 1, "a folder is no recording"
    for wrong in (["-w", "0s"], ["-w", "1s/2s"], ["-l", "{other}"], ["-w", "1s"] * 9):
        run = isotherm("replay", "-d", "m", *wrong, str(path))
        assert run.returncode == 64 and "isotherm replay: " in run.stderr, (wrong, run)
    assert isotherm("tail", "-s", str(place.path / "none"), "-n", "5x").returncode == 64


def main():
    check_help()
    with Place() as place:
        check_configuration(place)
        site, centre = place.broker(), place.broker()
        agent = place.agent({
            "gateway": "line-7", "windows": [{"size": "1min"}],
            "sources": [mqtt_source(site, [{"topic": "f/+line/+device/t", "value": "/v"}])],
            "uplink": uplink(centre),
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        check_decode(agent)
        check_tail(place, agent, client)
        check_replay(place)


main()
