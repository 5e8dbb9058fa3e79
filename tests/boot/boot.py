"""Is the package a good service of a real Debian 12, started by the real systemd, power cuts included?

    scripts/test-boot           makes what this needs and calls it

A machine of its own boots; README's example runs there as the packaged service between a site
broker in the machine, a serial line (a USB adapter) and a centre outside.  Later the power is cut
under load, again and again; what a broker and CoAP senders outside know to be acknowledged must be
at the centre exactly once.

    ISOTHERM_CUTS    how many power cuts (default 3)
    ISOTHERM_SEED    of their moments and of what the disk loses
    ISOTHERM_ACCEL   how qemu runs (default tcg, which needs nothing; kvm is much faster)
"""

import fcntl
import json
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
for other in ("scenario", "crash", "package"):
    sys.path.insert(0, str(HERE.parent / other))

# pylint: disable=wrong-import-position
import kill_loop
from coap_sender import CoapSender
from harness import SOURCE, Broker, Client, Collector, wait_until
from kill_loop import COAP, PLAIN, TIMED, Centre, Publisher, Steady, check_devices
from machine import COAP_PORT, MQTT_PORT, Machine, finish_disk, run
from probes import ALLOWED, PROBES

SEED = int(os.environ.get("ISOTHERM_SEED", str(time.time_ns() % 1_000_000)))
CUTS = int(os.environ.get("ISOTHERM_CUTS", "3"))
CONFIGURATION = "/etc/isotherm/isotherm.yaml"
MOST_EXPOSED = 1.5
STOP_LIMIT_S = 3
SITE_OUTSIDE = 1884  # the site's broker while the power is cut: it must not lose what it promised


class Stand:
    """The machine with what stands around it, on a loopback that is nobody else's."""

    def __init__(self, architecture, template, package, path):
        self.architecture, self.package, self.path = architecture, package, path
        self.things = []  # as a Place has them
        self.machine = Machine(architecture, template, path,
                               os.environ.get("ISOTHERM_ACCEL", "tcg,thread=multi"))
        self.chance = random.Random(SEED)

    def broker(self, port):
        broker = Broker(self, port=port, lines=("user root",))
        self.things.append(broker)
        return broker

    def kill(self):
        for thing in [*reversed(self.things), self.machine]:
            thing.kill()

    def status(self):
        return json.loads(self.machine.ask("isotherm status --json"))

    def service(self, name):
        return self.machine.ask(f"systemctl show isotherm -P {name}").strip()

    def is_at_work(self):
        text = self.service("StatusText")
        return "of" in text and re.match(r"(\d+) of \1 sources connected", text) \
            and "uplink up" in text

    def said_of_itself(self):
        """Its births and the reasons of its deaths, as the centre got them."""
        return ["birth" if record["online"] else record["reason"]
                for topic, record, _ in list(self.centre.messages)
                if topic == "isotherm/line-7/status"]

    def install(self, package):
        self.machine.write("/tmp/isotherm.deb", package.read_bytes())
        return self.machine.ask("DEBIAN_FRONTEND=noninteractive apt-get -y "
                                "-o Dpkg::Options::=--force-confold install /tmp/isotherm.deb")

    def configure(self, configuration):
        self.machine.write(CONFIGURATION, configuration)
        self.machine.ask("isotherm check && systemctl restart isotherm")
        wait_until("the service to be at work", self.is_at_work, 60)


def boots(stand):
    seconds = stand.machine.boot()
    about = stand.machine.ask("systemctl --version | head -1; uname -r").split("\n")
    print(f"     {about[0]}, Linux {about[1]}, up after {seconds:.0f} s")


def installed_is_enabled_and_started(stand):
    """systemd has heard READY=1 when a service of Type=notify is active."""
    stand.install(stand.package)
    machine = stand.machine
    assert machine.ask("systemctl is-enabled isotherm").strip() == "enabled"
    wait_until("the service to start", lambda: stand.service("ActiveState") == "active")
    assert stand.service("Type") == "notify" and stand.service("NRestarts") == "0"
    assert "uplink" in stand.service("StatusText"), stand.service("StatusText")


def readme_example_serves(stand):
    centre = stand.broker(1883)  # centre.example is our loopback, seen from the machine
    stand.centre = Collector(centre)
    stand.things.append(stand.centre)
    machine = stand.machine
    machine.ask("systemctl enable --now mosquitto")
    example = re.search(r"```yaml\n(# isotherm.yaml\n.*?)```", (SOURCE / "README.md").read_text(),
                        re.S)[1]
    machine.write(CONFIGURATION, example)
    machine.ask("isotherm check && systemctl enable --now isotherm && systemctl restart isotherm")
    wait_until("all sources and the uplink", stand.is_at_work, 60)
    site = Client(type("Site", (), {"port": MQTT_PORT})).wait()
    stand.things.append(site)
    now_ms = int(time.time() * 1000) // 10000 * 10000
    site.publish_all([("factory/l1/oven-3/temperature",
                       {"temp": 20 + second % 10 / 10, "ts": now_ms + second * 1000})
                      for second in range(-60, 0)])
    # What comes before the first end of a line may be a half one.
    machine.line.sendall(b"half\r\npress-1,80.5\r\npress-1,81.5\n")
    wait_until("62 readings", lambda: stand.status()["ledger"]["readings"]["accepted"] == 62)
    found = wait_until("a summary of ten seconds", lambda: [
        record for record in stand.centre.summaries("10s", "l1/oven-3") if record["count"] == 10])
    assert (found[0]["avg"], found[0]["min"], found[0]["max"]) == (20.45, 20, 20.9), found[0]
    assert stand.status()["ledger"]["balanced"]
    wait_until("the status line", lambda: " 62 readings taken" in stand.service("StatusText"))
    said = machine.ask("systemctl status isotherm --no-pager")
    assert "active (running)" in said and "2 of 2 sources connected" in said, said
    print("     " + re.search(r"Status: (.*)", said)[0])


def sandbox_is_closed(stand):
    machine = stand.machine
    pid = stand.service("MainPID")
    facts = dict(re.findall(r"^(\w+):\s*(.*)$", machine.ask(f"cat /proc/{pid}/status"), re.M))
    uid = machine.ask("id -u isotherm").strip()
    assert facts["Uid"].split() == [uid] * 4 and uid != "0", facts["Uid"]
    assert {facts[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} \
        == {"0" * 16}, facts
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2"), facts
    dialout = machine.ask("getent group dialout").split(":")[2]
    assert dialout in facts["Groups"].split(), facts["Groups"]
    mounts = machine.ask(f"cat /proc/{pid}/mountinfo")
    assert re.search(r" / / ro", mounts) and re.search(r" /var/lib/isotherm rw", mounts), mounts
    assert stand.service("TasksMax") == "32"
    unit = machine.ask("cat /lib/systemd/system/isotherm.service")
    unit = re.sub(r"(?m)^(Type|WatchdogSec|Restart\w*|NotifyAccess|ExecStart)=.*\n", "", unit)
    unit = unit.replace("[Service]\n", "[Service]\nType=oneshot\nExecStart=/bin/sh /probe\n")
    machine.write("/run/systemd/system/probe.service", unit)
    # As root, whose file permissions would do, only the list of devices stands in the way.
    machine.write("/run/systemd/system/disk.service",
                  unit.replace("User=isotherm", "User=root").replace("Group=isotherm", "Group=disk"))
    machine.ask("systemctl daemon-reload")

    def attempt(name, command):
        machine.write("/probe", command)
        return machine.attempt(f"systemctl start {name}")[0] == 0
    assert attempt("probe", ALLOWED), machine.ask("journalctl -u probe --no-pager")
    for what, command in PROBES.items():
        assert not attempt("probe", command), f"the sandbox lets it {what}"
    assert attempt("disk", "head -c1 /dev/zero"), machine.ask("journalctl -u disk --no-pager")
    assert not attempt("disk", "head -c1 /dev/vda"), "the sandbox lets it read a disk"
    print(f"     {len(PROBES) + 1} attempts were refused")


def exposure_is_low(stand):
    said = stand.machine.ask("systemd-analyze security --no-pager isotherm | tail -1")
    exposure = float(re.search(r"isotherm.service: ([\d.]+)", said)[1])
    assert exposure <= MOST_EXPOSED, said
    print(f"     exposure {exposure}")


def wedged_agent_is_restarted(stand):
    before = stand.status()
    machine, pid = stand.machine, stand.service("MainPID")
    assert stand.service("WatchdogUSec") == "30s"
    machine.ask(f"kill -STOP {pid}")
    wait_until("the watchdog", lambda: stand.service("MainPID") not in (pid, "0"), 90)
    wait_until("the service to be at work", stand.is_at_work, 60)
    assert stand.service("NRestarts") == "1", stand.service("NRestarts")
    assert "Watchdog timeout" in machine.ask("journalctl -u isotherm --no-pager"), "no watchdog"
    accepted = [status["ledger"]["readings"]["accepted"] for status in (before, stand.status())]
    assert accepted[0] == accepted[1], f"counted {accepted[0]}, after the restart {accepted[1]}"


def killed_agent_is_restarted(stand):
    pid = stand.service("MainPID")
    stand.machine.ask(f"kill -KILL {pid}")
    wait_until("a new one", lambda: stand.service("MainPID") not in (pid, "0"), 60)
    wait_until("the service to be at work", stand.is_at_work, 60)


def wrong_configuration_is_not_tried_again(stand):
    machine = stand.machine
    good = machine.ask(f"cat {CONFIGURATION}")
    machine.write(CONFIGURATION, good + "latenes: 1s\n")
    machine.attempt("systemctl restart isotherm")
    wait_until("the failure", lambda: stand.service("ActiveState") == "failed")
    assert stand.service("ExecMainStatus") == "78", stand.service("ExecMainStatus")
    assert "latenes" in machine.ask("journalctl -u isotherm --no-pager -n 20")
    stand.configure(good)


def hangup_and_reload_change_nothing(stand):
    pid = stand.service("MainPID")
    assert stand.service("CanReload") == "no"  # better than one that says "done" and does nothing
    stand.machine.ask(f"kill -HUP {pid}")
    wait_until("a word about it", lambda: "takes effect at the next start" in
               stand.machine.ask("journalctl -u isotherm --no-pager -n 20"))
    assert stand.service("MainPID") == pid and stand.service("ActiveState") == "active"


def stop_is_quick_and_said(stand):
    machine = stand.machine
    wait_until("its birth", lambda: stand.said_of_itself()[-1] == "birth")
    already = len(stand.said_of_itself())
    took = int(machine.ask("a=$(date +%s%N); systemctl stop isotherm; b=$(date +%s%N); "
                           "echo $(((b - a) / 1000000))")) / 1000
    assert took < STOP_LIMIT_S, f"stopping took {took:.1f} s"
    assert stand.service("Result") == "success" and stand.service("ExecMainStatus") == "0"
    lines = [json.loads(line) for line in machine.ask(
        "journalctl -u isotherm --no-pager -o json _COMM=isotherm").splitlines()]
    assert not any(re.match(r"<\d>", str(line["MESSAGE"])) for line in lines), "levels in the text"
    levels = {line["PRIORITY"] for line in lines}
    assert len(levels) > 1, f"all lines have one priority: {levels}"
    machine.ask("systemctl start isotherm")
    wait_until("the next birth", lambda: "birth" in stand.said_of_itself()[already:])
    assert stand.said_of_itself()[already:] == ["stopped", "birth"], stand.said_of_itself()
    print(f"     stopped in {took:.1f} s; lines of priorities {', '.join(sorted(levels))}")


def repacked(stand):
    """The same package with a higher version."""
    folder = stand.path / "newer"
    run("dpkg-deb", "--raw-extract", stand.package, folder)
    control = folder / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", "Version: 9.0.0-1", control.read_text()))
    run("dpkg-deb", "--root-owner-group", "--build", folder, stand.path / "newer.deb")
    return stand.path / "newer.deb"


def upgrade_keeps_everything(stand):
    before, pid = stand.status(), stand.service("MainPID")
    stand.install(repacked(stand))
    assert "9.0.0-1" in stand.machine.ask("dpkg-query -W isotherm")
    assert stand.service("MainPID") not in (pid, "0"), "the old program goes on"
    wait_until("the service to be at work", stand.is_at_work, 60)
    after = stand.status()
    assert after["ledger"]["readings"]["accepted"] == before["ledger"]["readings"]["accepted"]
    assert "line-7" in stand.machine.ask(f"cat {CONFIGURATION}")


def comes_back_with_the_machine(stand):
    before = stand.status()["ledger"]["readings"]["accepted"]
    stand.machine.power_off()
    stand.machine.boot()
    wait_until("the service to be at work", stand.is_at_work, 60)
    assert stand.status()["ledger"]["readings"]["accepted"] == before
    log = stand.machine.ask("journalctl -b -1 -u isotherm --no-pager")
    assert "Deactivated successfully" in log, log


def cut_configuration():
    again = {"retry_min": "100ms", "retry_max": "500ms", "keepalive": "5s"}
    return json.dumps({
        "gateway": "line-7", "windows": [{"size": "10s"}], "lateness": "0s", "grace": "1h",
        "times": {"past": "0s"}, "limits": {"devices": 50},
        "store": {"path": "/var/lib/isotherm/cuts.db", "commit_every": "200ms"},
        "sources": [
            {"mqtt": {"broker": f"mqtt://10.0.2.2:{SITE_OUTSIDE}", "receive_maximum": 100,
                      "subscribe": [{"topic": "timed/+device", "value": "/v", "time": "/t"},
                                    {"topic": "plain/+device", "value": "/v"}], **again}},
            {"coap": {"listen": "coap://0.0.0.0", "path": "t/{device}"}}],
        "uplink": {"mqtt": {"broker": "mqtt://10.0.2.2", **again}}})


def acknowledged_readings_survive_power_cuts(stand):
    site = stand.broker(SITE_OUTSIDE)
    stand.configure(cut_configuration())  # with a store of its own; the last of the old one is out
    centre = Centre(next(thing for thing in stand.things if isinstance(thing, Broker)))
    client = Steady(site).wait()
    stand.things += [centre, client]
    kill_loop.RATE = 100  # an emulated machine is not to drown
    publisher = Publisher(client, SEED)
    senders = [CoapSender(COAP_PORT, name, SEED + i) for i, name in enumerate(COAP)]
    for thread in [publisher, *senders]:
        thread.start()
    for cut in range(CUTS):
        enough = stand.status()["ledger"]["readings"]["accepted"] + stand.chance.randint(200, 1000)
        wait_until("readings", lambda n=enough: stand.status()["ledger"]["readings"]["accepted"] >= n,
                   60)
        threading.Event().wait(stand.chance.uniform(0, 1))  # any moment between two commits
        lost, writes = stand.machine.cut_power(stand.chance)
        seconds = stand.machine.boot()
        wait_until("the service to be at work", stand.is_at_work, 60)
        store = stand.status()["store"]
        print(f"     cut {cut + 1}: {writes} writes, the last {lost} of them not flushed; up after "
              f"{seconds:.0f} s", flush=True)
        assert not stand.machine.ask("ls /var/lib/isotherm | grep -i damaged; true"), store
    publisher.stop()
    for sender in senders:
        sender.stop()
    sent, acknowledged = dict(publisher.sent), {s.name_on_path: s.acknowledged for s in senders}
    total = sum(sent.values()) + sum(acknowledged.values())
    wait_until(f"all {total} readings",
               lambda: stand.status()["ledger"]["readings"]["accepted"] >= total, 60)
    kill_loop.close_windows(stand, publisher, COAP_PORT)
    check_devices(centre, sent, acknowledged)
    wait_until("an empty outbox", lambda: stand.status()["ledger"]["records"]["waiting"] == 0)
    status = stand.status()
    ledger = status["ledger"]
    assert ledger["balanced"], ledger
    assert ledger["readings"]["accepted"] == total + len(TIMED + PLAIN + COAP), (ledger, total)
    refused = [source["refused"] for source in status["sources"]]
    assert all(set(reasons) <= {"duplicate"} for reasons in refused), refused
    centre.check_sequence(ledger["records"]["written"])
    assert client.connections == 1, "the publisher lost its connection: this proves nothing"
    print(f"     {total} readings acknowledged, all counted once; sent again and recognised: "
          f"{refused}; seed {SEED}")


def removal_and_purge_leave_nothing(stand):
    machine = stand.machine
    machine.ask("apt-get -y remove isotherm")
    assert stand.service("ActiveState") == "inactive"
    machine.ask(f"test ! -e /usr/bin/isotherm && test -e {CONFIGURATION} && "
                "test -e /var/lib/isotherm/isotherm.db")
    machine.ask("apt-get -y purge isotherm && test ! -e /var/lib/isotherm && "
                f"test ! -e {CONFIGURATION}")
    left = machine.ask("find /etc /lib/systemd /usr/lib /var/lib/systemd -name '*isotherm*'")
    assert not left.split(), left
    assert "not-found" in stand.service("LoadState"), stand.service("LoadState")
    stand.machine.power_off()


STEPS = {
    "amd64": (boots, installed_is_enabled_and_started, readme_example_serves, sandbox_is_closed,
              exposure_is_low, wedged_agent_is_restarted, killed_agent_is_restarted,
              wrong_configuration_is_not_tried_again, hangup_and_reload_change_nothing,
              stop_is_quick_and_said, upgrade_keeps_everything, comes_back_with_the_machine,
              acknowledged_readings_survive_power_cuts, removal_and_purge_leave_nothing),
    # Emulated on another kind of machine this takes long: that it boots and serves.
    "arm64": (boots, installed_is_enabled_and_started, readme_example_serves, exposure_is_low,
              comes_back_with_the_machine),
}


def raise_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS, up


def attempt(architecture, template, package):
    """Runs the steps up to the first that fails; returns how many passed."""
    passed = 0
    with tempfile.TemporaryDirectory(prefix="boot-", dir=template.parent) as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        finish_disk(architecture, template, path)
        stand = Stand(architecture, template, package, path)
        try:
            for step in STEPS[architecture]:
                print(f"{architecture}: {step.__name__.replace('_', ' ')}", flush=True)
                began = time.monotonic()
                step(stand)
                passed += 1
                print(f"     passed, {time.monotonic() - began:.0f} s", flush=True)
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
            print(f"     FAILED; seed {SEED}", flush=True)
            try:
                print(stand.machine.attempt("journalctl --no-pager -n 60; isotherm status", 60)[1])
            except (AssertionError, AttributeError, OSError):
                print(stand.machine.last_words())
        finally:
            stand.kill()
    return passed


def main():
    folder, architectures = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    raise_loopback()
    passed = failed = 0
    for architecture in architectures:
        package, = (folder / "dist").glob(f"isotherm_*_{architecture}.deb")
        good = attempt(architecture, folder / architecture, package)
        passed += good
        failed += len(STEPS[architecture]) - good
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
