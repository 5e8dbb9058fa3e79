"""Brokers by other people, each on a port of its own, with everything it writes in the place.

A class says what it needs (`missing()`), which versions of MQTT it speaks, and whether its sessions
outlive it.  RabbitMQ and ejabberd: apt-get install --no-install-recommends rabbitmq-server ejabberd.
aedes: npm install --prefix build/brokers aedes (or anywhere, with ISOTHERM_BROKERS naming the place).
"""

import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess

from harness import SOURCE, Broker, Process, free_port, wait_until

SBIN = os.environ["PATH"] + ":/usr/sbin:/sbin"


def program(name):
    return shutil.which(name, path=SBIN)


def lives(group):
    """Whether a process of that group is left; one that nobody waits for is not."""
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            state, _, of = pathlib.Path(stat).read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of) == group and state not in "ZX":
            return True
    return False


class Mosquitto(Broker):
    versions, keeps_sessions, login, source = ("5", "3.1.1"), True, {}, {}

    def __init__(self, place):
        super().__init__(place, persistent=True)

    @staticmethod
    def missing():
        return None


class OtherBroker(Process):
    keeps_sessions = False
    login = {}
    source = {}  # options that a source needs at this broker

    def __init__(self, place):
        name = type(self).__name__
        super().__init__(name, place.path / f"{name}.log")
        self.port = free_port()
        self.folder = place.path / name
        self.folder.mkdir()
        self.prepare()

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        self.launch(self.command(), env=self.environment(), cwd=self.folder,
                    start_new_session=True)

        def listens():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.log()[-3000:]}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(f"{self.name} to listen", listens, 60)

    def environment(self):
        return {"PATH": SBIN, "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, number):
        """All that it started: it leads a session of its own."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, number)
            self.process.wait()
            wait_until(f"all of {self.name} to end", lambda: not lives(self.process.pid), 60)


class RabbitMq(OtherBroker):
    versions = ("3.1.1",)  # 5 only since 3.13
    keeps_sessions = True
    source = {"repeats": "renumbered"}
    script = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    @classmethod
    def missing(cls):
        return None if os.path.exists(cls.script) else "rabbitmq-server is not installed"

    def prepare(self):
        self.epmd_port = free_port()
        (self.folder / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{free_port()}\n"
            f"mqtt.listeners.tcp.default = 127.0.0.1:{self.port}\n"
            "mqtt.allow_anonymous = true\n")

    def environment(self):
        folder = self.folder
        return {**super().environment(), "ERL_EPMD_PORT": str(self.epmd_port),
                "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_RELAXED_COMMAND_CHECK": "1",
                "RABBITMQ_DIST_PORT": str(free_port()),
                "RABBITMQ_NODENAME": f"broker{self.port}@localhost",
                "RABBITMQ_MNESIA_BASE": str(folder), "RABBITMQ_LOG_BASE": str(folder),
                "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins")}

    def command(self):
        return [self.script]

    def end(self, number):
        super().end(number)
        subprocess.run([program("epmd"), "-port", str(self.epmd_port), "-kill"],
                       env=self.environment(), capture_output=True, check=False)


class Ejabberd(OtherBroker):
    versions = ("5", "3.1.1")
    login = {"username": "site", "password": "any but none"}  # which it wants of a guest, too

    @staticmethod
    def missing():
        return None if program("ejabberdctl") and program("erl") else "ejabberd is not installed"

    def prepare(self):
        (self.folder / "ejabberd.yml").write_text(
            "hosts: [localhost]\nauth_method: anonymous\nanonymous_protocol: both\n"
            "allow_multiple_connections: true\n"
            "certfiles: []\n"
            f"listen:\n  - {{port: {self.port}, ip: '127.0.0.1', module: mod_mqtt, backlog: 100}}\n"
            "modules:\n  mod_mqtt: {max_queue: 50000, session_expiry: 1 hour}\n")

    def environment(self):
        libraries = pathlib.Path(sorted(glob.glob("/usr/lib/*/ejabberd-*/ebin"))[-1]).parents[1]
        return {**super().environment(), "ERL_LIBS": str(libraries),
                "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
                "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
                "EJABBERD_PID_PATH": str(self.folder / "ejabberd.pid"),
                "ERL_CRASH_DUMP": str(self.folder / "crash.dump")}

    def command(self):
        return [program("erl"), "-noshell", "-mnesia", "dir", f'"{self.folder}"', "-s", "ejabberd"]


class Aedes(OtherBroker):
    versions = ("3.1.1",)
    source = {"repeats": "unmarked"}
    script = pathlib.Path(__file__).with_name("aedes_broker.mjs")

    @staticmethod
    def modules():
        folder = pathlib.Path(os.environ.get("ISOTHERM_BROKERS", SOURCE / "build" / "brokers"))
        return folder / "node_modules"

    @classmethod
    def missing(cls):
        if not program("node"):
            return "node is not installed"
        return None if (cls.modules() / "aedes").exists() else "aedes is not installed"

    def prepare(self):
        pass

    def command(self):
        return [program("node"), str(self.script), str(self.modules()), str(self.port)]


ALL = (Mosquitto, RabbitMq, Ejabberd, Aedes)
