"""What every scenario needs: brokers, the agent, a collector at the centre, and waiting.

Nothing here sleeps for a fixed time: everything waits for a condition, with a deadline after
which the scenario fails and shows what the agent had logged.
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import jitter

ISOTHERM = os.environ.get("ISOTHERM", "build/dev/isotherm")
SOURCE = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("ISOTHERM_SHARED", SOURCE.parent / "shared"))
SKIPPED = 77
MARKER = "marker-of-the-collector"
MARKER_S = 5
PATIENCE = 4  # a wait that succeeds costs nothing, and a busy machine is no fault
RUN_S = 60 * PATIENCE  # for a program that ends by itself


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def shared_data(name):
    """A file of ../shared/data, or the end of the scenario with a clear word."""
    path = SHARED / "data" / name
    if not path.exists():
        skip(f"no {name}: the folder ../shared/data is not there")
    return path


taken_ports = []  # as long as this process lives


def free_port(kind=socket.SOCK_STREAM):
    """A port that nobody has, that the kernel gives to nobody by itself, and that no other scenario
    takes: a broker that is started late must still find it free."""
    for _ in range(1000):
        port = random.randrange(12000, 32000)
        name = socket.socket(socket.AF_UNIX)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                name.bind(f"\0isotherm-port-{port}")
                probe.bind(("127.0.0.1", port))
                taken_ports.append(name)
                return port
            except OSError:
                name.close()
    raise AssertionError("no free port")


def wait_until(what, condition, seconds=30.0):
    """Waits for condition() to be true; returns its value."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            jitter.delay()
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        threading.Event().wait(0.02)


class Place:
    """A temporary folder with everything that was started in it; ends it all on leaving."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="isotherm-"))
        self.things = []
        self.collectors = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for thing in reversed(self.things):
            if kind is not None and hasattr(thing, "log_path") and thing.log_path.exists():
                print(f"--- {thing.log_path.name}")
                print(thing.log_path.read_text(errors="replace")[-6000:])
            thing.kill()
        shutil.rmtree(self.path, ignore_errors=True)

    def begin(self, thing, start):
        """Known before it starts, so that a start that fails is shown and ended too."""
        self.things.append(thing)
        if start:
            thing.start()
        return thing

    def broker(self, start=True, **options):
        return self.begin(Broker(self, start=False, **options), start)

    def agent(self, config, start=True, **options):
        return self.begin(Agent(self, config, start=False, **options), start)

    def collector(self, broker, **options):
        collector = Collector(broker, **options)
        self.things.append(collector)
        self.collectors.append(collector)
        return collector

    def catch_up(self):
        for collector in self.collectors:
            collector.catch_up()


class Process:
    is_halted = False  # under jitter.py

    def __init__(self, name, log_path):
        self.name, self.log_path, self.process = name, log_path, None

    def launch(self, command, **options):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, **options)
        if self.is_halted:
            jitter.halt_again_and_again(self.process)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def terminate(self, seconds=20):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds * PATIENCE)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


class Broker(Process):
    """A real mosquitto on a port of its own; keeps its port over restarts."""

    def __init__(self, place, persistent=False, lines=(), port=None, start=True):
        self.port = port or free_port()
        number = len(place.things)
        super().__init__("mosquitto", place.path / f"broker-{number}.log")
        self.config = place.path / f"broker-{number}.conf"
        text = [f"listener {self.port} 127.0.0.1", "max_queued_messages 0",
                "max_inflight_messages 0"]
        if not any(line.startswith("allow_anonymous") for line in lines):
            text.append("allow_anonymous true")
        if persistent:
            folder = place.path / f"broker-{number}"
            folder.mkdir()
            os.chmod(folder, 0o777)
            text += ["persistence true", f"persistence_location {folder}/", "user root"]
        self.config.write_text("\n".join([*text, *lines]) + "\n")
        os.chmod(place.path, 0o755)
        if start:
            self.start()

    def stop(self):
        """An orderly stop: with persistence, sessions and messages survive.  A broker that listens
        but has not yet begun its loop forgets the signal, so that it comes again."""
        def has_ended():
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            return self.process.poll() is not None
        wait_until("the broker to end", has_ended)

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.launch([program, "-c", str(self.config)])

        def listens():
            if self.process.poll() is not None:
                raise AssertionError(f"mosquitto ended: {self.log()}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until("the broker to listen", listens)


class Agent(Process):
    """The real binary with a configuration written for it (YAML text or a dict, as JSON)."""

    is_halted = True

    def __init__(self, place, config, start=True, environment=None, name="agent"):
        number = len(place.things)
        super().__init__("isotherm", place.path / f"{name}-{number}.log")
        self.place = place
        self.environment = {"LSAN_OPTIONS": f"suppressions={SOURCE}/tests/support/lsan.txt",
                            **os.environ, **(environment or {})}
        self.config_path = place.path / f"{name}-{number}.yaml"
        if not isinstance(config, str):
            config.setdefault("store", {}).setdefault("path",
                                                      str(place.path / f"{name}-{number}.db"))
            config = json.dumps(config)  # JSON is YAML
        self.config_path.write_text(config)
        if start:
            self.start()

    def start(self, wait=True):
        self.launch([ISOTHERM, "run", "-c", str(self.config_path)], env=self.environment)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        def is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the agent ended with {self.process.returncode}")
            return self.status(quiet=True) is not None
        wait_until("the agent to answer", is_ready)

    def terminate(self, seconds=20):
        code = super().terminate(seconds)
        self.place.catch_up()
        return code

    @contextlib.contextmanager
    def held(self):
        """The agent stands still: for what must be there before it sends its next record."""
        self.process.held = True  # jitter.py keeps its hands off
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.held = False
            self.process.send_signal(signal.SIGCONT)

    def run(self, *arguments, **options):
        return subprocess.run([ISOTHERM, *arguments], capture_output=True, text=True,
                              timeout=RUN_S, check=False, env=self.environment, **options)

    def status(self, quiet=False):
        run = self.run("status", "--json", "-c", str(self.config_path))
        if run.returncode != 0:
            if quiet:
                return None
            raise AssertionError(f"no status: {run.stderr}")
        return json.loads(run.stdout)

    def devices(self):
        run = self.run("status", "--devices", "--json", "-c", str(self.config_path))
        assert run.returncode == 0, run.stderr
        return [json.loads(line) for line in run.stdout.splitlines()]

    def source(self, index=0):
        return self.status()["sources"][index]

    def wait_connected(self):
        wait_until("sources and uplink to be connected", lambda: (
            lambda s: all(x["connected"] or x["ended"] for x in s["sources"])
            and (s["uplink"] is None or s["uplink"]["state"] == "up"))(self.status()))

    def wait_received(self, count, seconds=60):
        """Waits until `count` readings came in, not counting what was recognised as a repeat."""
        def received():
            status = self.status()
            repeats = sum(s["refused"].get("duplicate", 0) for s in status["sources"])
            return status if status["ledger"]["readings"]["received"] - repeats >= count else None
        return wait_until(f"{count} readings", received, seconds)

    def wait_drained(self, seconds=60):
        """Waits until the outbox is empty and the collectors have what came out of it; returns the
        status."""
        def drained():
            status = self.status()
            records = status["ledger"]["records"]
            if records["waiting"] == 0 and records["not_yet_committed"] == 0:
                return status
            return None
        status = wait_until("an empty outbox", drained, seconds)
        self.place.catch_up()
        return status

    def check_ledger(self):
        status = self.status()
        ledger = status["ledger"]
        readings, records = ledger["readings"], ledger["records"]
        assert ledger["balanced"], ledger
        assert readings["received"] == readings["accepted"] + readings["late"] \
            + readings["refused"], readings
        assert records["written"] == records["acknowledged"] + records["waiting"] \
            + records["merged"] + records["dropped"], records
        return ledger


class Client:
    """An ordinary MQTT client, of version 5 where nothing else is said."""

    def __init__(self, broker, client_id="", clean=True, version="5", **options):
        if version == "5":
            self.client = mqtt.Client(client_id=client_id, protocol=mqtt.MQTTv5)
        else:
            self.client = mqtt.Client(client_id=client_id, clean_session=clean)
        self.client.max_inflight_messages_set(1000)
        self.client.max_queued_messages_set(0)
        self.connected = threading.Event()
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_message
        self.client.on_subscribe = self.on_subscribe  # before the loop: the answer may come at once
        if "username" in options:
            self.client.username_pw_set(options["username"], options["password"])
        self.client.reconnect_delay_set(1, 2)
        if version == "5":
            properties = Properties(PacketTypes.CONNECT)
            if not clean:  # what comes while we are away waits at the broker
                properties.SessionExpiryInterval = 3600
            self.client.connect_async("127.0.0.1", broker.port, keepalive=30, clean_start=clean,
                                      properties=properties)
        else:
            self.client.connect_async("127.0.0.1", broker.port, keepalive=30)
        self.client.loop_start()

    def on_connect(self, client, userdata, flags, reason, properties=None):
        self.connected.set()

    def on_message(self, client, userdata, message):
        pass

    def on_subscribe(self, *_):
        pass

    def wait(self):
        assert self.connected.wait(20 * PATIENCE), "the client could not connect"
        return self

    def publish(self, topic, payload, qos=1, retain=False):
        jitter.delay()
        if not isinstance(payload, (str, bytes)):
            payload = json.dumps(payload)
        return self.client.publish(topic, payload, qos=qos, retain=retain)

    def publish_all(self, messages, qos=1, seconds=120):
        """Publishes (topic, payload) pairs and waits until the broker has them all."""
        infos = [self.publish(topic, payload, qos) for topic, payload in messages]
        for info in infos:
            info.wait_for_publish(seconds)
            assert info.is_published(), "the broker did not take a message"

    def kill(self):
        self.client.loop_stop()
        self.client.disconnect()


class Collector(Client):
    """Collects at the central broker everything that agents publish."""

    def __init__(self, broker, topic="isotherm/#", **options):
        self.topic = topic
        self.broker = broker
        self.markers_sent, self.marker_seen = 0, 0
        self.lock = threading.Lock()
        self.repeats = 0
        self.messages = []  # (topic, record as dict, retained)
        self.subscribed = threading.Event()
        super().__init__(broker, client_id=f"collector-{os.getpid()}-{broker.port}", clean=False,
                         **options)
        self.wait()
        assert self.subscribed.wait(20 * PATIENCE), "the collector could not subscribe"

    def on_connect(self, client, userdata, flags, reason, properties=None):
        super().on_connect(client, userdata, flags, reason, properties)
        client.subscribe(self.topic, qos=1)

    def on_subscribe(self, *_):
        self.subscribed.set()

    def catch_up(self):
        """Waits until it has all that its broker has taken so far: a message of its own comes back
        behind them."""
        is_there = isinstance(self.broker, Broker) and self.broker.process.poll() is None
        if not is_there or "#" not in self.topic:
            return
        self.markers_sent += 1
        number = self.markers_sent
        due = 0

        def has_caught_up():
            nonlocal due
            if time.monotonic() >= due:  # again: one that came before a new subscription is gone
                due = time.monotonic() + MARKER_S
                self.client.publish(self.topic.replace("#", MARKER), str(number), qos=1)
            return self.marker_seen >= number
        wait_until("the collector to catch up", has_caught_up)

    def on_message(self, client, userdata, message):
        jitter.delay()
        text = message.payload.decode("utf-8", "replace")
        if message.topic.endswith(MARKER):
            self.marker_seen = max(self.marker_seen, int(text))
            return
        try:
            record = json.loads(text) if text else None
        except ValueError:
            record = text
        if message.dup:
            self.repeats += 1  # by the broker, not by the agent
            if isinstance(record, dict) and any(r == record for _, r, _ in self.messages[-2000:]):
                return
        with self.lock:
            self.messages.append((message.topic, record, message.retain))

    def all(self, part):
        with self.lock:
            return [r for t, r, _ in self.messages if f"/{part}/" in t and isinstance(r, dict)]

    def summaries(self, window=None, device=None):
        return [r for r in self.all("summary")
                if (window is None or r["window"] == window)
                and (device is None or r["device"] == device)]

    def alarms(self):
        return self.all("alarm")

    def ids(self):
        return {r["id"] for r in self.summaries() + self.alarms()}

    def final(self, window=None):
        """The highest revision of each window, by (device, window, start)."""
        best = {}
        for record in self.summaries(window):
            key = (record["device"], record["window"], record["start_ms"])
            if key not in best or record["revision"] > best[key]["revision"]:
                best[key] = record
        return best


def mqtt_source(broker, subscribe, **options):
    return {"mqtt": {"broker": broker.url, "subscribe": subscribe, **options}}


def uplink(broker, **options):
    return {"mqtt": {"broker": broker.url, **options}}


def content(record):
    """What all copies of a record have in common: all but the mark of a replay."""
    return {name: value for name, value in record.items() if name != "replayed"}


def check_sequence(records):
    """No hole in the sequence of any epoch, and one content per id: a record whose acknowledgement
    was lost comes again under its id (QoS 1), and dropping known ids leaves each once."""
    by_id = {}
    for record in records:
        known = by_id.setdefault(record["id"], record)
        assert content(known) == content(record), "one id, two contents"
    repeats = len(records) - len(by_id)
    assert repeats <= 100, f"{repeats} records came again: more than can be in flight"
    by_epoch = {}
    for record in records:
        by_epoch.setdefault((record["gateway"], record["epoch"]), set()).add(record["seq"])
    for epoch, found in by_epoch.items():
        assert found == set(range(1, max(found) + 1)), f"holes in the sequence of {epoch}"


def fast(**more):
    """Options of an MQTT connection that notices and retries soon."""
    return {"keepalive": "5s", "retry_min": "100ms", "retry_max": "500ms", **more}


def small_config(sources, centre, **more):
    """A second's windows of what comes from `sources`, to `centre` (anything with a url)."""
    return {"gateway": "line-7", "windows": [{"size": "1s"}], "grace": "0s", "lateness": "0s",
            "store": {"commit_every": "200ms"}, "sources": sources,
            "uplink": uplink(centre, **fast()), **more}


def fault_sources(broker):
    return [mqtt_source(broker, [{"topic": "f/+device"}], **fast())]


class Feeder:
    """Publishes one reading after the other at QoS 1, until stopped, and knows how many."""

    def __init__(self, client, devices=5, pause=0.02):
        self.client, self.devices, self.sent, self.pause = client, devices, 0, pause
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(self.pause):
            number = self.sent
            self.client.publish(f"f/d{number % self.devices}", str(number % 90))
            self.sent += 1

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return self.sent


def check_all_there(records, sent):
    """Every reading in exactly one record's final revision, and no id twice."""
    check_sequence(records)
    best = {}
    for record in records:
        key = (record["device"], record["window"], record["start_ms"])
        if key not in best or record["revision"] > best[key]["revision"]:
            best[key] = record
    total = sum(record["count"] for record in best.values())
    assert total == sent, (total, sent)


def wait_closed(agent, seconds=20):
    wait_until("all windows to close",
               lambda: all(w["open"] == 0 for w in agent.status()["windows"]), seconds)
