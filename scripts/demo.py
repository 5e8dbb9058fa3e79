"""The show behind scripts/demo: a small factory on loopback, the agent, and a live table."""

import argparse
import json
import math
import os
import pathlib
import pty
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty

import paho.mqtt.client as mqtt

MQTT_DEVICES = [("press-hall", f"press-{n}") for n in range(1, 7)] \
    + [("bakery", f"oven-{n}") for n in range(1, 7)]
COAP_DEVICES = [f"cellar-{n}" for n in range(1, 5)]
SERIAL_DEVICES = [f"A{n}" for n in range(6)]
LEAST_SECONDS = 10  # sooner not every device need have a finished window
MORE_SECONDS = 60  # for a busy machine, on which it takes longer
CONFIG = """\
gateway: demo-gateway
store:   {{path: {folder}/isotherm.db, budget: 16 MiB, commit_every: 500ms}}
limits:  {{devices: 100}}
windows: [{{size: 5s}}, {{size: 1min, every: 10s}}]
lateness: 1s
grace: 1s
sources:
  - mqtt:
      broker: "mqtt://127.0.0.1:{site}"
      subscribe:
        - {{topic: "factory/+line/+device/temperature", value: /temp, unit: C}}
  - coap:   {{listen: "coap://127.0.0.1:{coap}", path: "t/{{device}}"}}
  - serial: {{port: {port}, baud: 115200, line: "{{device}},{{value}}"}}
alarms:
  - {{name: hot, devices: "oven-*", high: 230, deadband: 5}}
uplink:
  mqtt: {{broker: "mqtt://127.0.0.1:{centre}"}}
"""


def free_port(kind=socket.SOCK_STREAM):
    """None of those that the kernel gives to whoever connects."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def program(*names):
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        if found:
            return found
    sys.exit(f"demo: the program {names[0]} is not installed")


def temperature(name, seconds):
    """A made-up but plausible course, different for each device."""
    number = random.Random(name)
    middle = {"oven": 225, "press": 60, "cellar": 8}.get(name.split("-")[0], 22)
    swing = middle * 0.04 + 0.5
    period = 8 + number.random() * 20
    wave = math.sin(2 * math.pi * (seconds / period + number.random()))
    return middle + swing * wave + random.uniform(-0.2, 0.2)


# A row is 78 characters wide, so that a terminal of 80 columns holds it.
ROW = "{:6} {:18} | {} | {}"
CELLS = "{:>{}} {:>6} {:>6} {:>6}"
COUNT_WIDTHS = {"5s": 2, "1min/10s": 3}
RECENT = 5


def thinned(rows, room):
    """The rows that fit, evenly from all of them."""
    if len(rows) <= room:
        return rows
    return [rows[i * len(rows) // room] for i in range(room)]


class Show:
    def __init__(self, isotherm, seconds, plain, stop):
        self.isotherm, self.seconds, self.plain, self.stop = isotherm, seconds, plain, stop
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="isotherm-demo-"))
        os.chmod(self.folder, 0o755)
        self.children, self.lock = [], threading.Lock()
        self.records, self.latest, self.alarms, self.recent = 0, {}, 0, []
        self.began, self.centre = time.monotonic(), 0

    def launch(self, command, **options):
        # In sessions of their own: Ctrl-C is for this program, which stops them in order.
        with open(self.folder / f"log-{len(self.children)}", "wb") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True,
                                     **options)
        self.children.append(child)
        return child

    def broker(self):
        port = free_port()
        path = self.folder / f"broker-{port}.conf"
        path.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        child = self.launch([program("mosquitto"), "-c", str(path)], stdin=subprocess.DEVNULL)
        while child.poll() is None and not self.stop.is_set():
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            self.stop.wait(0.05)
        sys.exit(0 if self.stop.is_set() else "demo: the broker does not start")

    def elapsed(self):
        return time.monotonic() - self.began

    def publish_mqtt(self, site):
        """One mosquitto_pub per device, fed a line a second."""
        publishers = []
        for line, device in MQTT_DEVICES:
            publishers.append((device, self.launch(
                [program("mosquitto_pub"), "-h", "127.0.0.1", "-p", str(site), "-q", "1", "-l",
                 "-t", f"factory/{line}/{device}/temperature"], stdin=subprocess.PIPE)))
        while not self.stop.wait(1):
            for device, child in publishers:
                text = json.dumps({"temp": round(temperature(device, self.elapsed()), 2)})
                try:
                    child.stdin.write(text.encode() + b"\n")
                    child.stdin.flush()
                except OSError:
                    return

    def post_coap(self, port):
        client = program("coap-client-notls", "coap-client-openssl", "coap-client")
        while not self.stop.wait(1):
            for device in COAP_DEVICES:
                value = f"{temperature(device, self.elapsed()):.2f}"
                subprocess.run([client, "-m", "post", "-e", value, "-B", "2",
                                f"coap://127.0.0.1:{port}/t/{device}"], check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def feed_serial(self, master):
        while not self.stop.wait(0.5):
            for device in SERIAL_DEVICES:
                line = f"{device},{temperature(device, self.elapsed()):.2f}\r\n"
                os.write(master, line.encode())

    def on_message(self, client, userdata, message):
        if not message.payload:
            return
        record = json.loads(message.payload)
        with self.lock:
            if "alarm" in record:
                self.alarms += 1
            elif "window" in record:
                self.latest[record["device"], record["window"]] = record
            else:
                return
            self.records += 1
            self.recent = [(message.topic, record), *self.recent[:4]]

    def listen(self, centre):
        client = mqtt.Client(client_id="demo-centre", protocol=mqtt.MQTTv5)
        client.on_message = self.on_message
        client.on_connect = lambda c, *_: c.subscribe("isotherm/#", qos=1)
        client.connect("127.0.0.1", centre)
        client.loop_start()
        return client

    def status(self):
        run = subprocess.run([self.isotherm, "status", "--json", "-c",
                              str(self.folder / "isotherm.yaml")], capture_output=True, text=True,
                             check=False)
        return json.loads(run.stdout) if run.returncode == 0 else None

    def rows(self):
        groups = [("mqtt", f"{line}/{device}") for line, device in MQTT_DEVICES] \
            + [("coap", device) for device in COAP_DEVICES] \
            + [("serial", device) for device in SERIAL_DEVICES]
        for source, device in groups:
            yield source, device, self.latest.get((device, "5s")), \
                self.latest.get((device, "1min/10s"))

    def heading(self):
        ends = f"{self.seconds:.0f} s in all" if self.seconds else "Ctrl-C ends it"
        titles = [CELLS.format("n", w, "avg", "min", "max") for w in COUNT_WIDTHS.values()]
        names = ROW.format("source", "device", *titles)
        spans = ROW.format("", "", "5 s".ljust(len(titles[0])), "1 min, every 10 s")
        return [f"Isotherm demo   {self.elapsed():4.0f} s   {ends}",
                f"look for yourself: mosquitto_sub -p {self.centre} -t 'isotherm/#' -v",
                "", spans, names, "-" * len(names)]

    def body(self, room):
        rows = list(self.rows())
        for source, device, *records in thinned(rows, room):
            cells = [CELLS.format(r["count"], w, *(f"{r[k]:.2f}" for k in ("avg", "min", "max")))
                     if r else " " * (w + 21) for r, w in zip(records, COUNT_WIDTHS.values())]
            yield ROW.format(source, device, *cells)
        if room < len(rows):
            yield f"... and {len(rows) - room} more; a taller window shows them"

    def arrivals(self):
        yield f"arrived at the central broker: {self.records} records, {self.alarms} of them alarms"
        for topic, record in self.recent:
            what = f"{record['alarm']} {record['from']} -> {record['to']} at {record['value']}" \
                if "alarm" in record else \
                f"{record['window']} from {record['start'][11:19]}, count {record['count']}"
            yield f"  .../{topic.split('/', 2)[-1]}  seq {record['seq']}  {what}"[:78]

    def table(self, status, height):
        head = self.heading()
        foot = []
        if status:
            readings, records = status["ledger"]["readings"], status["ledger"]["records"]
            balance = "balanced" if status["ledger"]["balanced"] else "NOT BALANCED"
            foot = [f"agent: {status['resident_bytes'] / 1e6:.1f} MB, readings "
                    f"{readings['received']}, refused {readings['refused']}, waiting "
                    f"{records['waiting']}, ledger {balance}"]
        with self.lock:
            room = height - len(head) - 2
            rows = len(list(self.rows()))
            if room >= rows + RECENT + 3:
                return [*head, *self.body(rows), "", *self.arrivals(), "", *foot]
            return [*head, *self.body(rows if room > rows else max(1, room - 2)),
                    *list(self.arrivals())[:1], *foot]

    def draw(self, last=False):
        height = shutil.get_terminal_size((80, 60)).lines if not self.plain else 1000
        lines = self.table(self.status(), height)
        if self.plain:
            print("\n".join(lines), end="\n\n", flush=True)
        else:
            print("\x1b[H" + "\n".join(line + "\x1b[K" for line in lines) + "\x1b[J",
                  end="\n" if last else "", flush=True)

    def run(self):
        site, centre, coap = self.broker(), self.broker(), free_port(socket.SOCK_DGRAM)
        self.centre = centre
        master, slave = pty.openpty()
        tty.setraw(slave)
        config = self.folder / "isotherm.yaml"
        config.write_text(CONFIG.format(folder=self.folder, site=site, centre=centre, coap=coap,
                                        port=os.ttyname(slave)))
        central = self.listen(centre)
        agent = self.launch([self.isotherm, "run", "-c", str(config)], stdin=subprocess.DEVNULL)
        agent_log = self.folder / f"log-{len(self.children) - 1}"
        for work in ((self.publish_mqtt, site), (self.post_coap, coap),
                     (self.feed_serial, master)):
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()
        if not self.plain:
            print("\x1b[2J", end="")
        pace = 5 if self.plain else 1
        if self.plain:
            print("the first summaries come after about 7 s ...", flush=True)
        while not self.seconds or self.elapsed() < self.seconds:
            if agent.poll() is not None:
                print(agent_log.read_text(), file=sys.stderr)
                return 1
            if not self.plain or self.records:
                self.draw()
            rest = self.seconds - self.elapsed() if self.seconds else pace
            if self.stop.wait(max(0.0, min(pace, rest))):
                break
        return self.finish(agent, central)

    def is_complete(self):
        return all(short for _, _, short, _ in self.rows())

    def finish(self, agent, central):
        while LEAST_SECONDS <= self.seconds and not self.is_complete() \
                and self.elapsed() < self.seconds + MORE_SECONDS:
            if agent.poll() is not None or self.stop.wait(0.1):
                break
        status = self.status()
        self.draw(last=True)
        interrupted = self.stop.is_set()
        self.stop.set()
        agent.send_signal(signal.SIGTERM)
        code = agent.wait(60)
        central.loop_stop()
        seen = {source for source, _, short, _ in self.rows() if short}
        devices = {device for _, device, short, _ in self.rows() if short}
        print(f"\n{len(devices)} devices arrived at the centre, from "
              f"{', '.join(sorted(seen)) or 'no source'}; agent exit code {code}")
        good = code == 0 and status and status["ledger"]["balanced"]
        if not interrupted and self.seconds >= LEAST_SECONDS:
            good = good and self.is_complete()
        return 0 if good else 1

    def close(self):
        self.stop.set()
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("isotherm")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    show = Show(os.path.abspath(options.isotherm), options.seconds,
                options.plain or not sys.stdout.isatty(), stop)
    try:
        return show.run()
    finally:
        show.close()


if __name__ == "__main__":
    sys.exit(main())
