"""Measures the agent beside a bare libmosquitto subscriber that only counts, in the same run.

    bench.py ISOTHERM PUBLISHER SUBSCRIBER

ISOTHERM_BENCH_READINGS, ISOTHERM_BENCH_PACED_READINGS and ISOTHERM_BENCH_ROUNDS set the length,
ISOTHERM_BENCH_COALESCE the agent's coalescing.  The two take turns; what is printed are medians
and ranges over the rounds, and the ratio round by round.  docs/benchmark.md tells more.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
import harness  # noqa: E402

READINGS = int(os.environ.get("ISOTHERM_BENCH_READINGS", "200000"))
PACED_READINGS = int(os.environ.get("ISOTHERM_BENCH_PACED_READINGS", "10000"))
ROUNDS = int(os.environ.get("ISOTHERM_BENCH_ROUNDS", "5"))
COALESCE = os.environ.get("ISOTHERM_BENCH_COALESCE", "20ms")
DEVICES = 1000
CASES = (  # title, readings, QoS, readings a second (0: as fast as the broker takes them)
    ("burst, QoS 0", READINGS, 0, 0),
    ("burst, QoS 1", READINGS, 1, 0),
    ("1,000 a second, QoS 0", PACED_READINGS, 0, 1000),
    ("1,000 a second, QoS 1", PACED_READINGS, 1, 1000),
)


def cpu_seconds(pid):
    """CPU time of all threads of a process, from the scheduler's own count."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def memory_mb(pid):
    fields = dict(line.split(":", 1) for line in
                  pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    private = int(fields["Private_Clean"].split()[0]) + int(fields["Private_Dirty"].split()[0])
    return int(fields["Rss"].split()[0]) / 1024, private / 1024


def publish(publisher, port, case):
    _, readings, qos, rate = case
    subprocess.run([publisher, str(port), str(readings), str(DEVICES), str(qos), str(rate)],
                   check=True, timeout=600)


def measure_bare(broker, programs, case):
    _, readings, qos, _ = case
    child = subprocess.Popen([programs["subscriber"], str(broker.port), str(qos), str(readings)],
                             stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        cpu, began = cpu_seconds(child.pid), time.monotonic()
        publish(programs["publisher"], broker.port, case)
        assert child.stdout.readline() == "done\n"
        wall = time.monotonic() - began
        return cpu_seconds(child.pid) - cpu, wall, memory_mb(child.pid)
    finally:
        child.kill()
        child.wait()


def measure_agent(place, broker, programs, case):
    _, readings, qos, _ = case
    agent = place.agent({
        "gateway": "bench",
        "limits": {"devices": DEVICES},
        "windows": [{"size": "10s"}, {"size": "1min"}, {"size": "15min", "every": "1min"}],
        "lateness": "30s",
        "store": {"commit_every": "5s"},
        "log": {"level": "error"},
        "sources": [{"mqtt": {"broker": broker.url, "session": "0s", "coalesce": COALESCE,
                              "subscribe": [
            {"topic": "factory/+line/+device/temperature", "value": "/temp", "time": "/ts",
             "unit": "/unit", "qos": qos}]}}],
    })
    try:
        harness.wait_until("the source", lambda: agent.source()["connected"])
        pid = agent.process.pid
        cpu, began = cpu_seconds(pid), time.monotonic()
        publish(programs["publisher"], broker.port, case)
        agent.wait_received(readings, 120)
        wall = time.monotonic() - began
        used = cpu_seconds(pid) - cpu
        agent.check_ledger()
        return used, wall, memory_mb(pid)
    finally:
        agent.kill()


def shown(values, scale=1.0, form="{:.2f}"):
    texts = [form.format(v * scale) for v in (statistics.median(values), min(values), max(values))]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def report(case, rounds):
    title, readings, _, rate = case
    print(f"\n{title}: {readings} readings of {DEVICES} devices, {ROUNDS} rounds; median (range)")
    for name, index in (("bare subscriber", 0), ("isotherm", 1)):
        used = [r[index] for r in rounds]
        line = f"  {name:16} CPU us per reading {shown([u[0] for u in used], 1e6 / readings)}"
        if rate == 0:
            line += f"  readings/s {shown([readings / u[1] for u in used], 1, '{:.0f}')}"
        print(f"{line}  resident MB {shown([u[2][0] for u in used], 1, '{:.1f}')}"
              f"  private MB {shown([u[2][1] for u in used], 1, '{:.1f}')}")
    print(f"  ratio of CPU     {shown([r[1][0] / r[0][0] for r in rounds])}", flush=True)


def run(programs, case):
    with harness.Place() as place:
        broker = place.broker()
        rounds = []
        for _ in range(ROUNDS):
            bare = measure_bare(broker, programs, case)
            rounds.append((bare, measure_agent(place, broker, programs, case)))
    report(case, rounds)


def main():
    programs = dict(zip(("isotherm", "publisher", "subscriber"), sys.argv[1:4]))
    harness.ISOTHERM = programs["isotherm"]
    print(json.dumps({"cores": os.cpu_count(), "kernel": os.uname().release,
                      "coalesce": COALESCE}))
    for case in CASES:
        run(programs, case)


main()
