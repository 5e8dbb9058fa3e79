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
            wait_until("the capture to run", lambda: captures(tshark, sniffer, capture, site))
            run_agent(place, site, centre, coap)
        finally:
            sniffer.terminate()
            said = sniffer.communicate(timeout=240)[1]
        if " dropped" in said:
            skip(f"the machine was too busy to capture everything: {said.strip()}")
        decode = ["-d", f"tcp.port=={site.port},mqtt", "-d", f"tcp.port=={centre.port},mqtt",
                  "-d", f"udp.port=={coap},coap"]

        def show(what, *options):
            run = subprocess.run([tshark, "-r", str(capture), *decode, "-Y", what, *options],
                                 capture_output=True, text=True, check=True)
            return run.stdout.splitlines()
        packets = show("mqtt", "-T", "fields", "-e", "mqtt.msgtype")  # several in a frame
        mqtt, coap_count = len(",".join(packets).split(",")), len(show("coap"))
        assert mqtt > 600 and coap_count >= 20, (mqtt, coap_count)
        bad = show("_ws.malformed || (_ws.expert.severity == 8388608 && (mqtt || coap))")
        assert not bad, "\n".join(bad)
        print(f"{mqtt} packets of MQTT and {coap_count} of CoAP, none malformed")


def captures(tshark, sniffer, capture, site):
    """Whether the capture has a frame of a connection that is made for it: tshark says that it
    captures before it does."""
    if sniffer.poll() is not None:
        skip("tshark cannot capture here")
    socket.create_connection(("127.0.0.1", site.port)).close()
    return subprocess.run([tshark, "-r", str(capture)], capture_output=True, check=False).stdout


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
    sock.settimeout(60)
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
