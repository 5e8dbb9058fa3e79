"""Are silent peers, swallowed SYNs and dead name servers noticed, survived and never waited for?"""

import datetime
import pathlib
import socket
import time

from fault_proxy import TcpProxy
from harness import (ISOTHERM, Client, Feeder, Place, Process, check_all_there, fast,
                     small_config, wait_closed, wait_until)

KEEPALIVE_S = 5
SLOW = pathlib.Path(ISOTHERM).with_name("libisotherm_slow_calls.so")


def fault_sources(url):
    return [{"mqtt": {"broker": url, "subscribe": [{"topic": "f/+device"}], **fast()}}]


def logged_at(agent, words, since=0.0):
    """When the agent said so first, by its own clock: who looks at it may be late."""
    for line in agent.log().splitlines():
        if words in line:
            at = datetime.datetime.fromisoformat(line.split()[0]).timestamp()
            if at >= since:
                return at
    return None


def come_again(agent, proxy, end):
    """Ends the connections through the proxy and waits for the next one."""
    def count():
        return agent.log().count(f"connected to 127.0.0.1:{proxy.port} as")
    before = count()
    end()
    wait_until("another connection", lambda: count() > before)
    agent.wait_connected()


class SynHole:
    """A port whose queue of connections is full, so that the kernel drops every SYN."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)

    def kill(self):
        for sock in [self.listener, *self.fillers]:
            sock.close()


def check_silent_peers(place):
    """The connection stays but nothing comes: noticed within two keepalives, on both sides."""
    site, centre = place.broker(), place.broker()
    near, far = TcpProxy(site.port), TcpProxy(centre.port)
    place.things += [near, far]
    collector = place.collector(centre)
    agent = place.agent(small_config(fault_sources(near.url), far))
    agent.wait_connected()
    client = Client(site).wait()
    place.things.append(client)
    feeder = Feeder(client)
    wait_until("records", lambda: collector.summaries())
    for proxy, what, part in ((far, "uplink", "uplink[mqtt]"), (near, "source", "mqtt[0]")):
        start = time.time()
        proxy.mode = "hole"
        took = wait_until(f"the {what} to be given up", lambda p=part, s=start: logged_at(
            agent, f"{p}: not connected", s), 3 * KEEPALIVE_S) - start
        print(f"silent {what}: noticed after {took:.1f} s at a keepalive of {KEEPALIVE_S} s")
        assert took <= 2 * KEEPALIVE_S + 5, took
        proxy.mode = "pass"
        come_again(agent, proxy, proxy.cut)
    for proxy in (far, near):
        come_again(agent, proxy, proxy.reset)
        proxy.mode, proxy.trickle_s = "trickle", 0.0005
        come_again(agent, proxy, proxy.cut)
        proxy.mode = "pass"
    sent = feeder.stop() + 1
    client.publish_all([("f/last", "20")])  # behind all others, also those that come again
    wait_until("the last reading", lambda: collector.summaries(device="last"))
    wait_closed(agent)
    agent.wait_drained(30)
    wait_until("the last record", lambda: len({r["id"] for r in collector.summaries()})
               >= agent.status()["ledger"]["records"]["written"])
    unique = list({r["id"]: r for r in collector.summaries()}.values())
    received = agent.status()["ledger"]["readings"]["accepted"]
    again = received - sent  # what the site's broker sent again after a hole
    assert again >= 0
    check_all_there(unique, received)
    agent.check_ledger()
    assert agent.terminate() == 0


def wait_trying(agent):
    """Until no try has ended for longer than the longest pause: then one is running."""
    seen = [agent.status()["uplink"]["losses"], time.monotonic()]

    def is_trying():
        asked_at = time.monotonic()
        losses = agent.status()["uplink"]["losses"]
        if losses != seen[0]:
            seen[:] = [losses, time.monotonic()]
        return asked_at - seen[1] > 1.0
    wait_until("a try to connect to hang", is_trying, 15)


def check_stop(agent, what):
    wait_trying(agent)
    start = time.monotonic()
    assert Process.terminate(agent) == 0, agent.log()
    took = time.monotonic() - start
    assert took < 10, (what, took)
    print(f"{what}: SIGTERM took {took:.2f} s")


def check_swallowed_syn(place):
    site, hole = place.broker(), SynHole()
    place.things.append(hole)
    agent = place.agent(small_config(fault_sources(site.url), hole))
    client = Client(site).wait()
    place.things.append(client)
    wait_until("the source", lambda: agent.source()["connected"])
    client.publish_all([("f/d1", "20")])
    wait_until("a record", lambda: agent.status()["ledger"]["records"]["waiting"] > 0)
    wait_until("the try to end", lambda: "no answer" in agent.status()["uplink"]["problem"], 15)
    took = logged_at(agent, "no answer") - logged_at(agent, " runs, version")
    print(f"swallowed SYN: the try ended after {took:.1f} s")
    assert 3 < took < 20, "the SYN was not swallowed, or waited for too long"
    agent.check_ledger()
    check_stop(agent, "swallowed SYN")


def check_dead_names(place):
    """Names are not answered for: the source goes on, the status answers, the uplink comes."""
    if not SLOW.exists():
        print(f"not checked: {SLOW} was not built")
        return
    site, centre = place.broker(), place.broker()
    flag = place.path / "names-are-slow"
    environment = {"LD_PRELOAD": str(SLOW), "SLOW_NAMES_FILE": str(flag), "SLOW_LIMIT_S": "600",
                   "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
    config = small_config(fault_sources(site.url), centre)
    config["uplink"]["mqtt"]["broker"] = f"mqtt://localhost:{centre.port}"
    agent = place.agent(config, environment=environment)
    agent.wait_connected()
    client = Client(site).wait()
    place.things.append(client)
    flag.touch()
    centre.kill()
    wait_until("the loss", lambda: agent.status()["uplink"]["state"] != "up")
    sent = 0
    longest = 0.0
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        client.publish_all([(f"f/d{sent % 3}", "20")])
        sent += 1
        start = time.monotonic()
        assert agent.status()["uplink"]["state"] != "up"
        longest = max(longest, time.monotonic() - start)
    agent.wait_received(sent)
    print(f"dead names: {sent} readings, the slowest status took {longest:.2f} s")
    assert longest < 10, "it waited for the name"
    centre.start()
    collector = place.collector(centre)
    flag.unlink()
    agent.wait_connected()
    wait_closed(agent)
    agent.wait_drained(20)
    wait_until("all", lambda: sum(r["count"] for r in collector.final().values()) == sent)
    agent.check_ledger()
    flag.touch()
    centre.kill()
    wait_until("the loss", lambda: agent.status()["uplink"]["state"] != "up")
    client.publish_all([("f/d1", "20")])  # the loop has begun to look the name up meanwhile
    agent.wait_received(sent + 1)
    check_stop(agent, "dead names")


def main():
    for check in (check_silent_peers, check_swallowed_syn, check_dead_names):
        with Place() as place:
            check(place)


main()
