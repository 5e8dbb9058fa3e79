"""Does the agent do all of its work for 1,000 devices in 32 MiB of memory?

Row 18 of docs/faults.md.  Twice: with RLIMIT_DATA (heap, stacks and all other writable memory of
its own), and in a memory cgroup, page cache included, without swap, where one may be made (root).
Sanitizers need more than the agent itself, so it runs in builds without.  RLIMIT_AS is not used: it
counts the stacks of idle threads and reserved addresses that never become memory.
"""

import os
import pathlib
import subprocess

import harness
from harness import Client, Place, check_sequence, fast, mqtt_source, skip, uplink, wait_closed, \
    wait_until

LIMIT_BYTES, DEVICES, ROUNDS = 32 << 20, 1000, 10
STACK_BYTES = 1 << 20  # of each thread; glibc would take 8 MiB, of which they use next to nothing


def is_sanitized(program):
    return "san.so" in subprocess.run(["ldd", program], capture_output=True, text=True,
                                      check=False).stdout


class Limits:
    """RLIMIT_DATA, and with it what the stacks of threads take."""
    name = "RLIMIT_DATA"
    enter = f"ulimit -s {STACK_BYTES >> 10} && ulimit -d {LIMIT_BYTES >> 10}"

    def kill(self):
        pass

    def report(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return f"VmData {lines['VmData'].strip()}, VmHWM {lines['VmHWM'].strip()}"


class Cgroup:
    """A memory cgroup of version 1 or 2."""
    roots = (("memory", {"memory.limit_in_bytes": LIMIT_BYTES,
                         "memory.memsw.limit_in_bytes": LIMIT_BYTES}, "memory.max_usage_in_bytes"),
             ("", {"memory.max": LIMIT_BYTES, "memory.swap.max": 0}, "memory.peak"))
    name = "memory cgroup"

    def __init__(self):
        for root, limits, self.peak in self.roots:
            self.path = pathlib.Path("/sys/fs/cgroup") / root / f"isotherm-{os.getpid()}"
            try:
                self.path.mkdir()
            except OSError:
                continue
            if all(self.set(name, value) for name, value in limits.items()):
                self.enter = f"echo $$ > {self.path}/cgroup.procs"
                return
            self.kill()
        raise OSError("no memory cgroup can be made here")

    def set(self, name, value):
        try:
            (self.path / name).write_text(str(value))
            return True
        except OSError:
            return "sw" in name and not (self.path / name).exists()

    def report(self, _):
        peak = self.path / self.peak
        return f"peak {int(peak.read_text()) / 1024:.0f} kB" if peak.exists() else "peak unknown"

    def kill(self):
        wait_until("the cgroup to be empty", self.remove)

    def remove(self):
        try:
            self.path.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True


class LimitedAgent(harness.Agent):
    """Enters its limits by a shell, which becomes the agent."""

    def __init__(self, place, config, limit):
        self.limit = limit
        super().__init__(place, config)

    def launch(self, command, **options):
        super().launch(["/bin/sh", "-c", f'{self.limit.enter} && exec "$@"', "sh", *command],
                       **options)


def run(limit):
    with Place() as place:
        place.things.append(limit)
        site, centre = place.broker(), place.broker(persistent=True)
        collector = place.collector(centre)
        agent = LimitedAgent(place, {
            "gateway": "line-7", "limits": {"devices": DEVICES},
            "windows": [{"size": "1s"}, {"size": "1min", "every": "10s"}], "grace": "0s",
            "lateness": "0s", "store": {"commit_every": "500ms"},
            "sources": [mqtt_source(site, [{"topic": "f/+device"}], **fast())],
            "alarms": [{"name": "hot", "devices": "*", "high": 90, "deadband": 1}],
            "uplink": uplink(centre, **fast()),
        }, limit)
        place.things.append(agent)
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        sent = 0
        for number in range(ROUNDS):
            if number == ROUNDS // 2:  # half of it waits in the store, and drains
                centre.stop()
                wait_until("the loss", lambda: agent.status()["uplink"]["state"] != "up")
            client.publish_all([(f"f/device-{d:05d}",
                                 str(95 if d == number else 20 + d % 50)) for d in range(DEVICES)])
            sent += DEVICES
            agent.wait_received(sent)
        assert len(agent.devices()) == DEVICES
        wait_until("a record that waits", lambda: agent.status()["uplink"]["waiting"] > 0)
        centre.start()
        agent.wait_connected()
        wait_closed(agent, 60)
        agent.wait_drained(120)

        def count():
            return sum(r["count"] for r in collector.final("1s").values())
        wait_until("every reading", lambda: count() == sent, 60)
        wait_until("the alarms", lambda: len({a["id"] for a in collector.alarms()}) >= ROUNDS)
        check_sequence(collector.all("summary") + collector.alarms())
        agent.check_ledger()
        print(f"{limit.name} of {LIMIT_BYTES >> 20} MiB: {DEVICES} devices, {sent} readings, "
              f"{limit.report(agent.process.pid)}", flush=True)
        assert agent.terminate() == 0


def main():
    if is_sanitized(harness.ISOTHERM):
        skip("a build with sanitizers needs more memory than the agent; run in the release build")
    run(Limits())
    try:
        cgroup = Cgroup()
    except OSError as error:
        print(f"memory cgroup: skipped: {error}")
        return
    run(cgroup)


main()
