"""Does the configuration in README.md work as written, but for ports and paths: readings over MQTT
and a serial line to summaries at the centre, and a limit alarm after its delay?"""

import os
import pathlib
import pty
import re
import time
import tty

from harness import Client, Place, wait_until

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
READINGS = 60


def example(changes):
    text = re.search(r"```yaml\n(# isotherm.yaml\n.*?)```", README.read_text(), re.DOTALL)[1]
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old} stands {text.count(old)} times in {text}"
        text = text.replace(old, new)
    return text


def main():
    master, slave = pty.openpty()
    tty.setraw(slave)
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        agent = place.agent(example({
            "/var/lib/isotherm/isotherm.db": str(place.path / "isotherm.db"),
            "mqtt://127.0.0.1:1883": site.url,
            "mqtt://centre.example:1883": centre.url,
            "/dev/ttyUSB0": os.ttyname(slave)}))
        assert "good" in agent.run("check", str(agent.config_path)).stdout
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)

        now_ms = int(time.time() * 1000) // 10000 * 10000
        client.publish_all([
            ("factory/l1/oven-3/temperature",
             {"temp": 20 + second % 10 / 10, "ts": now_ms - (READINGS - second) * 1000})
            for second in range(READINGS)])
        os.write(master, b"half\r\npress-1,80.5\r\npress-1,81.5\r\n")
        agent.wait_received(READINGS + 2)
        # Too hot: called after ten seconds of it, without another reading.
        client.publish_all([("factory/l1/oven-4/temperature", {"temp": 260, "ts": now_ms})])
        wait_until("the alarm", lambda: collector.alarms(), 90)
        found = collector.alarms()[0]
        assert (found["alarm"], found["device"], found["value"]) == ("hot", "l1/oven-4", 260), found
        wait_until("a whole window of ten seconds", lambda: any(
            (r["device"], r["count"], r["sum"]) == ("l1/oven-3", 10, "204.5")
            for r in collector.summaries(window="10s")))
        agent.wait_drained()
        agent.check_ledger()
        assert [s["taken"] for s in agent.status()["sources"]] == [READINGS + 1, 2]
        assert "uplink" in agent.run("status", "-c", str(agent.config_path)).stdout


main()
