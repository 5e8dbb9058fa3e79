"""Does the package install into a bare Debian 12 and run README's example as its hardened service?

The service is started as its unit says by as_service.py, in a network of its own: a site broker,
a serial line and the centre of README's example, all real.
"""

import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import tty

from packages import BUILD, SOURCE, clean_root, need_root, package, run
from probes import ALLOWED, DEVICES_SHOWN, IN_DIALOUT, PROBES

sys.path.insert(0, str(SOURCE / "tests/scenario"))
import paho.mqtt.client as mqtt  # pylint: disable=wrong-import-position
from harness import PATIENCE, wait_until  # pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent
STATE, CONFIGURATION = "var/lib/isotherm", "etc/isotherm/isotherm.yaml"


def enter_network():
    """A network with nothing but a loopback of its own, so that README's ports are free."""
    if os.environ.get("ISOTHERM_OWN_NETWORK") != "1":
        clean_root()  # while the archive can still be reached
        os.environ["ISOTHERM_OWN_NETWORK"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, __file__])
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS, up


class Manager:
    """What systemd is to a service: a socket that hears how it is."""

    def __init__(self, root):
        path = root / "run/systemd/notify"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o777)
        self.heard = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.heard.append(self.socket.recv(4096).decode())

    def has(self, line):
        return any(line in message.split("\n") for message in self.heard)

    def forget(self):
        self.heard.clear()


class Service:
    """The installed agent, started as its unit says."""

    def __init__(self, root, *devices):
        self.root, self.manager = root, Manager(root)
        self.log_path = BUILD / "service.log"
        arguments = [f"--device={device}" for device in devices]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, HERE / "as_service.py", *arguments, root,
                 root / "lib/systemd/system/isotherm.service"], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL)

    def wait(self, what, condition, seconds=60):
        def holds():
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended: {self.log()}")
            return condition()
        try:
            return wait_until(what, holds, seconds)
        except AssertionError:
            print(self.log(), self.manager.heard[-1:])
            if self.process.poll() is None:
                print(self.ask("status", "--json"))
            raise

    def log(self):
        return self.log_path.read_text(errors="replace")

    def facts(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return dict(re.findall(r"^(\w+):\s*(.*)$", status, re.M))

    def ask(self, *arguments):
        return run("chroot", self.root, "isotherm", *arguments)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60 * PATIENCE) == 0, self.log()
        wait_until("STOPPING=1", lambda: self.manager.has("STOPPING=1"))


def install(root):
    shutil.copy(package("amd64"), root / "tmp/isotherm.deb")
    return run("chroot", root, "dpkg", "--install", "/tmp/isotherm.deb")


def check_installation(root):
    passwd = re.search(r"^isotherm:.*$", (root / "etc/passwd").read_text(), re.M)[0].split(":")
    assert passwd[5:] == ["/" + STATE, "/usr/sbin/nologin"], passwd
    assert re.search(r"^dialout:.*\bisotherm\b", (root / "etc/group").read_text(), re.M)
    state = (root / STATE).stat()
    assert (state.st_uid, state.st_mode & 0o777) == (int(passwd[2]), 0o750), state
    wanted = root / "etc/systemd/system/multi-user.target.wants/isotherm.service"
    assert wanted.is_symlink(), "the service is not enabled"
    assert "good" in run("chroot", root, "isotherm", "check")
    assert (root / "usr/share/isotherm/boards/generic/board.yaml").exists()


def check_default_configuration(root):
    """It starts and is well without any broker."""
    service = Service(root)
    service.wait("READY=1", lambda: service.manager.has("READY=1"))
    service.wait("WATCHDOG=1", lambda: service.manager.has("WATCHDOG=1"))
    status = json.loads(service.ask("status", "--json"))
    assert status["uplink"]["state"] in ("connecting", "down") and status["ledger"]["balanced"]
    service.stop()


def configure_example(root):
    """README's example; a mistake in conf.d is named with its file first."""
    example = re.search(r"```yaml\n(# isotherm.yaml\n.*?)```", (SOURCE / "README.md").read_text(),
                        re.S)[1]
    (root / CONFIGURATION).write_text(example)
    drop_in = root / "etc/isotherm/conf.d/50-site.yaml"
    drop_in.write_text("latenes: 1s\n")
    said = subprocess.run(["chroot", root, "isotherm", "check"], capture_output=True, text=True,
                          check=False)
    assert said.returncode == 78, said
    assert re.search(r"conf\.d/50-site\.yaml:1:1: error: .*lateness", said.stdout), said
    drop_in.write_text("store: {commit_every: 500ms}\n")
    assert "good: gateway line-7, 2 sources, 3 windows, 1 alarm" in \
        run("chroot", root, "isotherm", "check")
    with open(root / "etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.write("127.0.0.2 centre.example\n")


def start_broker(address):
    configuration = BUILD / f"broker-{address}.conf"
    configuration.write_text(f"listener 1883 {address}\nallow_anonymous true\n")
    broker = subprocess.Popen(["mosquitto", "-c", configuration], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex((address, 1883)) == 0
    wait_until("the broker to listen", listens)
    return broker


def connect(address, on_message=None):
    client = mqtt.Client(protocol=mqtt.MQTTv5)
    client.on_message = on_message
    client.connect(address)
    client.loop_start()
    return client


def subscribe(client, topic):
    """Returns when the broker will send what is published from now on."""
    answered = threading.Event()
    client.on_subscribe = lambda *_: answered.set()
    client.subscribe(topic, qos=1)
    assert answered.wait(20 * PATIENCE), "the broker does not answer a subscription"


def make_serial_line(root):
    """A pseudo terminal that belongs to the group of serial lines, as a real one does."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    group = int(re.search(r"^dialout:[^:]*:(\d+)", (root / "etc/group").read_text(), re.M)[1])
    name = os.ttyname(theirs)
    os.chown(name, 0, group)
    os.chmod(name, 0o660)
    return ours, f"{name}=/dev/ttyUSB0"


def check_identity(service, root):
    facts = service.facts()
    uid = str((root / STATE).stat().st_uid)
    assert set(facts["Uid"].split()) == {uid} != {"0"}, facts["Uid"]
    assert (facts["CapEff"], facts["CapPrm"], facts["CapBnd"]) == ("0" * 16,) * 3, facts
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2"), facts
    assert facts["Groups"].split() != [], "dialout is missing"


def check_example(root):
    brokers = [start_broker("127.0.0.1"), start_broker("127.0.0.2")]
    summaries = []

    def on_message(client, userdata, message):
        if "/summary/" in message.topic:
            summaries.append(json.loads(message.payload))
    centre = connect("127.0.0.2", on_message)
    subscribe(centre, "isotherm/line-7/#")
    line, device = make_serial_line(root)
    service = Service(root, device)
    service.wait("READY=1", lambda: service.manager.has("READY=1"))
    service.wait("all to be connected", lambda: any(
        "2 of 2 sources connected" in message and "uplink up" in message
        for message in service.manager.heard))
    check_identity(service, root)
    site = connect("127.0.0.1")
    now_ms = int(time.time() * 1000) // 10000 * 10000
    for second in range(-60, 0):  # a minute of readings, one a second, up to now
        reading = json.dumps({"temp": 20 + second % 10 / 10, "ts": now_ms + second * 1000})
        site.publish("factory/l1/oven-3/temperature", reading, qos=1).wait_for_publish(60)
    # What comes before the first end of a line may be a half one.
    os.write(line, b"half\r\npress-1,80.5\r\npress-1,81.5\n")
    service.wait("62 readings", lambda: json.loads(service.ask("status", "--json"))
                 ["ledger"]["readings"]["accepted"] == 62)
    found = service.wait("a summary of ten seconds", lambda: next(
        (record for record in summaries if (record["device"], record["window"], record["count"])
         == ("l1/oven-3", "10s", 10)), None))
    assert (found["avg"], found["min"], found["max"], found["sum"]) == (20.45, 20, 20.9, "204.5")
    service.manager.forget()
    service.wait("the watchdog", lambda: service.manager.has("WATCHDOG=1"))
    status = json.loads(service.ask("status", "--json"))
    assert status["ledger"]["balanced"], status
    assert re.search(r"^<[3-7]>", service.log(), re.M), "log lines for the journal lack priorities"
    service.stop()
    print(f"{len(summaries)} summaries at the centre; stopped with {service.manager.heard[-1]!r}")
    for broker in brokers:
        broker.kill()


def check_sandbox(root):
    def attempt(command):
        return subprocess.run(
            [sys.executable, HERE / "as_service.py", root,
             root / "lib/systemd/system/isotherm.service", "--", "/bin/sh", "-c", command],
            capture_output=True, text=True, check=False)
    done = attempt(f"{ALLOWED} && {IN_DIALOUT}")
    assert done.returncode == 0, done.stderr
    for what, command in {**PROBES, **DEVICES_SHOWN}.items():
        done = attempt(command)
        assert done.returncode > 0, f"the sandbox lets it {what}: {done}"
    print(f"{len(PROBES) + len(DEVICES_SHOWN)} attempts were refused")


def check_life_of_package(root):
    install(root)  # an upgrade keeps what was configured
    assert "line-7" in (root / CONFIGURATION).read_text()
    assert (root / STATE / "isotherm.db").exists()
    run("chroot", root, "dpkg", "--remove", "isotherm")
    assert not (root / "usr/bin/isotherm").exists()
    assert (root / CONFIGURATION).exists() and (root / STATE / "isotherm.db").exists()
    run("chroot", root, "dpkg", "--purge", "isotherm")
    assert not (root / "etc/isotherm/isotherm.yaml").exists() and not (root / STATE).exists()
    left = [path for path in (root / "etc").rglob("*isotherm*") if path.name != "50-site.yaml"
            and path.name != "isotherm"]
    assert not left, left


def main():
    need_root()
    enter_network()
    root = BUILD / "root"
    install(root)
    for step in (check_installation, check_default_configuration, configure_example, check_example,
                 check_sandbox, check_life_of_package):
        print(step.__name__, flush=True)
        step(root)
    shutil.rmtree(root)


main()
