"""Do readings from MQTT, CoAP and a serial line all end in summaries at the centre?"""

import os
import pty
import shutil
import socket
import subprocess
import tty

from harness import RUN_S, Client, Place, free_port, mqtt_source, skip, uplink, wait_until


def coap_client():
    for name in ("coap-client-notls", "coap-client-openssl", "coap-client-gnutls", "coap-client"):
        if shutil.which(name):
            return name
    return skip("no coap-client")


def main():
    program = coap_client()
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = free_port(socket.SOCK_DGRAM)
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        agent = place.agent({
            "gateway": "line-7",
            "windows": [{"size": "1s"}],
            "lateness": "0s",
            "grace": "1s",
            "sources": [
                mqtt_source(site, [{"topic": "factory/+line/+device/temperature",
                                    "value": "/temp", "unit": "F"}]),
                {"coap": {"listen": f"coap://127.0.0.1:{port}", "path": "t/{device}"}},
                {"serial": {"port": os.ttyname(slave), "baud": 115200,
                            "line": "{device},{value}"}},
            ],
            "uplink": uplink(centre),
        })
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        client.publish_all([("factory/l1/oven-3/temperature", {"temp": 212})])
        run = subprocess.run([program, "-m", "post", "-e", "-4.5",
                              f"coap://127.0.0.1:{port}/t/cellar"], check=False,
                             timeout=RUN_S, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        os.write(master, b"cut,1\nA0,23.50\r\nA0,24.5\r\n")
        for device, total in (("l1/oven-3", "100"), ("cellar", "-4.5"), ("A0", "48")):
            # The two lines may fall on both sides of a second.
            wait_until(f"{device} at the centre", lambda d=device, t=total: sum(
                float(r["sum"]) for k, r in collector.final().items() if k[0] == d) == float(t))
        topics = {t for t, _, _ in collector.messages}
        assert "isotherm/line-7/summary/l1%2Foven-3" in topics, topics
        assert any(t == "isotherm/line-7/status" for t in topics)
        counts = [s["taken"] for s in agent.status()["sources"]]
        assert counts == [1, 1, 2], counts
        agent.check_ledger()
        assert agent.terminate() == 0
        wait_until("the death", lambda: any(
            t.endswith("/status") and r.get("online") is False for t, r, _ in collector.messages))


main()
