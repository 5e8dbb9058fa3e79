"""Does a network that loses 30 % and 50 % of all packets of both connections cost or double nothing?

Row 37 of docs/faults.md, for TCP.  The scenario starts itself again in a network of its own, where
nftables drop packets by chance; it needs root or user namespaces, and the program nft.
ISOTHERM_BUDGET multiplies the number of readings.
"""

import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

from harness import (Client, Place, check_all_there, fast, skip, small_config, wait_closed,
                     wait_until)

LOSSY = "127.0.0.5"  # by this address the agent reaches both brokers; nobody else uses it
INSIDE = "ISOTHERM_INSIDE_OWN_NETWORK"
LEAST_LOST = 20  # packets
DEVICES, READINGS = 5, int(200 * float(os.environ.get("ISOTHERM_BUDGET", "1")))


def go_inside():
    """Starts this again in a network of its own, or ends with the reason why it cannot be done."""
    unshare = shutil.which("unshare", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if unshare is None or nft() is None:
        skip("no unshare or no nft: install util-linux and nftables")
    options = ["--net"] if os.geteuid() == 0 else ["--net", "--map-root-user"]
    if subprocess.run([unshare, *options, "true"], capture_output=True, check=False).returncode:
        skip("a network namespace of its own is not permitted here")
    os.environ[INSIDE] = "1"
    os.execv(unshare, [unshare, *options, sys.executable, *sys.argv])


def nft():
    return shutil.which("nft", path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def bring_loopback_up():
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack_from("h", fcntl.ioctl(sock, get_flags, request), 16)[0]
        fcntl.ioctl(sock, set_flags, struct.pack("16sh14x", b"lo", flags | up))


def try_again_sooner():
    """Where the kernel can, it waits for at most a second before it sends a packet again: the same
    happens in less time."""
    longest = pathlib.Path("/proc/sys/net/ipv4/tcp_rto_max_ms")
    if longest.exists():
        longest.write_text("1000\n")


class Loss:
    """The kernel drops so many of 100 packets, in both directions."""

    def __init__(self):
        run = subprocess.run([nft(), "-f", "-"], text=True, capture_output=True, check=False,
                             input="table ip lossy { chain in { type filter hook input priority 0; "
                                   "}; }\n")
        if run.returncode:
            skip(f"nftables cannot be used here: {run.stderr.strip()}")
        self.dropped = 0

    def set(self, percent):
        self.dropped += self.count()
        rules = ["flush chain ip lossy in"]
        if percent:
            rules += [f"add rule ip lossy in ip {side} {LOSSY} numgen random mod 100 < {percent} "
                      "counter drop" for side in ("saddr", "daddr")]
        subprocess.run([nft(), "-f", "-"], input="\n".join(rules) + "\n", text=True, check=True)

    def count(self):
        """Packets dropped since the last change."""
        listing = subprocess.run([nft(), "list", "chain", "ip", "lossy", "in"], text=True,
                                 capture_output=True, check=True).stdout.split()
        return sum(int(listing[i + 1]) for i, word in enumerate(listing) if word == "packets")


def lossy_url(broker):
    return f"mqtt://{LOSSY}:{broker.port}"


def feed(client, count, first):
    """One reading after the other, each of its own, so that the flow lasts as long as the loss."""
    for number in range(first, first + count):
        client.publish(f"f/d{number % DEVICES}", str(number % 90))
        threading.Event().wait(0.01)
    return first + count


def main():
    if INSIDE not in os.environ:
        go_inside()
    bring_loopback_up()
    try_again_sooner()
    loss = Loss()
    with Place() as place:
        site, centre = place.broker(), place.broker()
        for broker in (site, centre):
            broker.kill()
            text = broker.config.read_text()
            broker.config.write_text(f"{text}listener {broker.port} {LOSSY}\n")
            broker.start()
        collector = place.collector(centre)

        class Far:
            url = lossy_url(centre)
        sources = [{"mqtt": {"broker": lossy_url(site), "subscribe": [{"topic": "f/+device"}],
                             **fast()}}]
        agent = place.agent(small_config(sources, Far))
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        sent = 0
        for percent in (30, 50):
            loss.set(percent)
            start, before_sent = time.monotonic(), sent
            before = agent.status()["uplink"]["acknowledged"]
            sent = feed(client, READINGS, sent)
            while loss.count() <= LEAST_LOST:  # in few packets, since something stood still
                sent = feed(client, READINGS, sent)
            agent.wait_received(sent, 120)
            wait_until(f"records at {percent} %", lambda past=before:
                       agent.status()["uplink"]["acknowledged"] > past, 120)
            print(f"{percent} %: {sent - before_sent} readings in "
                  f"{time.monotonic() - start:.1f} s, {loss.count()} packets dropped")
        loss.set(0)
        wait_closed(agent)
        agent.wait_drained(60)
        wait_until("the last record", lambda: len({r["id"] for r in collector.summaries()})
                   >= agent.status()["ledger"]["records"]["written"])
        status = agent.status()
        repeats = sum(s["refused"].get("duplicate", 0) for s in status["sources"])
        records = collector.summaries()
        print(f"{sent} readings, {repeats} recognised as repeats, {len(records)} records, "
              f"{status['uplink']['losses']} losses of the uplink, {loss.dropped} packets dropped")
        assert status["ledger"]["readings"]["accepted"] == sent, status["ledger"]
        check_all_there(list({r["id"]: r for r in records}.values()), sent)
        agent.check_ledger()
        assert agent.terminate() == 0


main()
