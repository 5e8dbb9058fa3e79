"""Does an independent dissector find nothing malformed in a whole run over MQTT and CoAP?"""

import os
import shutil
import socket
import subprocess

from harness import (Client, Place, fault_sources, free_port, skip, small_config,
                     wait_closed, wait_until)


def main():
    tshark = shutil.which("tshark")
    if tshark is None:
        skip("tshark is not installed")
    if os.geteuid() != 0:
        skip("capturing on loopback needs root")
    with Place() as place:
        site, centre = place.broker(), place.broker()
        coap = free_port(socket.SOCK_DGRAM)
        capture = place.path / "run.pcapng"
        sniffer = subprocess.Popen([tshark, "-q", "-i", "lo", "-B", "32", "-w", str(capture), "-f",
                                    f"port {site.port} or port {centre.port} or port {coap}"],
                                   stderr=subprocess.PIPE, text=True)
        try:
            line = sniffer.stderr.readline()
            while "Capturing" not in line:
                if not line:
                    skip("tshark cannot capture here")
                line = sniffer.stderr.readline()
            run_agent(place, site, centre, coap)
        finally:
            sniffer.terminate()
            said = sniffer.communicate(timeout=60)[1]
        if " dropped" in said:
            skip(f"the machine was too busy to capture everything: {said.strip()}")
        decode = ["-d", f"tcp.port=={site.port},mqtt", "-d", f"tcp.port=={centre.port},mqtt",
                  "-d", f"udp.port=={coap},coap"]

        def show(what):
            run = subprocess.run([tshark, "-r", str(capture), *decode, "-Y", what],
                                 capture_output=True, text=True, check=True)
            return run.stdout.splitlines()
        mqtt, coap_count = len(show("mqtt")), len(show("coap"))
        assert mqtt > 100 and coap_count > 10, (mqtt, coap_count)
        bad = "_ws.malformed || (_ws.expert.severity == 8388608 && (mqtt || coap))"
        assert not show(bad), "\n".join(show(bad))
        print(f"{mqtt} frames of MQTT and {coap_count} of CoAP, none malformed")


def run_agent(place, site, centre, coap):
    collector = place.collector(centre)
    sources = [*fault_sources(site),
               {"coap": {"listen": f"coap://127.0.0.1:{coap}", "path": "t/{device}"}}]
    agent = place.agent(small_config(sources, centre, alarms=[
        {"name": "hot", "devices": "*", "high": 50}]))
    agent.wait_connected()
    client = Client(site).wait()
    place.things.append(client)
    client.publish_all([(f"f/d{i % 9}", str(i % 60)) for i in range(200)])
    client.publish_all([("f/d1", "{")])
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", coap))
    sock.settimeout(5)
    for i in range(10):
        sock.send(b"\x40\x02" + bytes([0, i]) + b"\xb1t\x02d1\xff20")
        assert sock.recv(2048)
    agent.wait_received(211)
    centre.kill()
    wait_until("the loss", lambda: agent.status()["uplink"]["state"] != "up")
    centre.start()
    agent.wait_connected()
    wait_closed(agent)
    agent.wait_drained(20)
    assert agent.status()["ledger"]["readings"]["accepted"] == 210
    agent.check_ledger()
    assert agent.terminate() == 0
    if len(collector.final()) > 0:
        ids = {r["id"]: r for r in collector.summaries()}
        assert len(ids) > 0


main()
