"""Does a clean stop end in order, so that nothing on the way can turn it into a lost connection?

The agent must not close its socket before the broker has read DISCONNECT and closed: what the broker
still sends would be answered with a reset, and a proxy that forwards resets loses DISCONNECT.  Only
the gentlest of several stops counts, since the agent waits for a moment only: a busy machine needs
more of them.
"""

import time

from fake_broker import PINGRESP, FakeBroker, Gone, packet
from harness import Place, fast, mqtt_source, uplink, wait_until

STOPS = 12
MORE = 5  # packets that the broker sends after DISCONNECT; after a reset the second would fail


def main():
    heard = []

    def serve_to_the_end(session):
        session.read_connect().connack()
        try:
            session.serve()  # until DISCONNECT
            for _ in range(MORE):
                session.send(packet(PINGRESP, 0, b""))
                time.sleep(0.01)
            heard.append("in order")
        except (Gone, OSError) as error:
            heard.append(repr(error))

    with Place() as place:
        site, centre = FakeBroker(), FakeBroker(serve_to_the_end)
        place.things += [site, centre]
        while "in order" not in heard:
            assert len(heard) < STOPS, heard
            agent = place.agent({
                "gateway": "line-7", "windows": [{"size": "1s"}],
                "sources": [mqtt_source(site, [{"topic": "f/+device"}], **fast())],
                "uplink": uplink(centre, **fast())})
            agent.wait_connected()
            before = len(heard)
            assert agent.terminate() == 0
            wait_until("the goodbye", lambda n=before: len(heard) > n)
        print(f"stops: {heard}")


main()
