"""Does the reference consumer see a gap, books that do not balance, and a sequence gone back?"""

import json
import subprocess
import sys
import threading

from harness import PATIENCE, SOURCE, Client, Place, wait_until

EPOCH = "00c0ffee00c0ffee"


def summary(seq, count=1, **more):
    return "summary/d1", {
        "schema": 1, "type": "summary", "id": f"gw-1/{EPOCH}/{seq}", "gateway": "gw-1",
        "epoch": EPOCH, "seq": seq, "device": "d1", "revision": 1, "window": "1s",
        "start": "2026-11-21T00:00:00Z", "start_ms": seq * 1000, "end_ms": seq * 1000 + 1000,
        "count": count, "provisional": False, **more}


def ledger(next_seq, waiting=0, dropped=0, **more):
    counts = {"received": 5, "accepted": 3, "late": 1, "refused": 1}
    written = next_seq - 1
    return "ledger", {
        "schema": 1, "type": "ledger", "gateway": "gw-1", "epoch": EPOCH, "next_seq": next_seq,
        "balanced": True, "readings": counts, "sources": [{"name": "mqtt[0]", **counts}],
        "records": {"written": written, "waiting": waiting, "dropped": dropped,
                    "acknowledged": written - waiting - dropped, "not_yet_committed": 2}, **more}


def damage(seq, ranges, **more):
    return "notice/store", {
        "schema": 1, "type": "notice", "id": f"gw-1/{EPOCH}/{seq}", "gateway": "gw-1",
        "epoch": EPOCH, "seq": seq, "reason": "damaged", "start": "2026-11-21T00:00:00Z",
        "end": "2026-11-21T01:00:00Z", "start_ms": 1795219200000, "end_ms": 1795222800000,
        "records": sum(last - first + 1 for first, last in ranges), "covered": 0, "readings": 0,
        "ranges": ranges, "created": None, "clock": "unset", **more}


def birth(next_seq):
    return "status", {"schema": 1, "online": True, "gateway": "gw-1", "epoch": EPOCH,
                      "next_seq": next_seq}


class Run:
    """The consumer, fed by hand; what it says is read line by line."""

    def __init__(self, place, centre):
        self.sender = Client(centre).wait()
        place.things.append(self.sender)
        self.child = subprocess.Popen(
            [sys.executable, str(SOURCE / "scripts" / "isotherm-consumer"), "--broker", centre.url,
             "--ledger"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        place.things.append(self.child)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.expect("subscribed")

    def read(self):
        for line in self.child.stderr:
            self.lines.append(line)

    def expect(self, *words):
        """Waits for a line with all these words, and forgets those before it."""
        def found():
            return next((i + 1 for i, line in enumerate(self.lines)
                         if all(word in line for word in words)), None)
        try:
            del self.lines[:wait_until(words, found)]
        except AssertionError:
            raise AssertionError(f"not said: {words}; said: {self.lines}") from None

    def send(self, *messages, retain=False):
        for part, body in messages:
            self.sender.publish(f"isotherm/gw-1/{part}", json.dumps(body), retain=retain)

    def end(self, code):
        self.child.terminate()
        assert self.child.wait(30 * PATIENCE) == code, self.lines
        self.reader.join()


def check_missing(run):
    run.send(birth(4), *(summary(n) for n in (1, 2, 3)), ledger(4))
    run.expect("gw-1/" + EPOCH, "balanced", "written 3", "seen 3 distinct", "missing []")
    run.send(summary(6), ledger(8, waiting=3))  # 4, 5 and 7 may be among the waiting
    run.expect("waiting 3", "missing []")
    run.send(ledger(8, waiting=1, dropped=1))
    run.expect("waiting 1", "dropped 1", "missing [4..5, 7]")
    run.send(*(summary(n, replayed=True) for n in (4, 5, 7)), ledger(8))
    run.expect("seen 7 distinct", "missing []")
    run.send(summary(3, replayed=True), ledger(8))  # the same again, marked: a duplicate
    run.expect("seen 7 distinct", "missing []")
    assert not any("one number" in line for line in run.lines), run.lines


def check_unbalanced(run):
    run.send(ledger(8, balanced=False))
    run.expect("own books do not balance")
    _, wrong = ledger(8)
    wrong["sources"][0]["accepted"] = 2
    run.send(("ledger", wrong))
    run.expect("readings accepted: sources and total differ")
    _, wrong = ledger(8)
    wrong["records"]["acknowledged"] -= 1
    run.send(("ledger", wrong))
    run.expect("records do not add up")
    run.send(("ledger", {"schema": 1, "type": "ledger", "gateway": "gw-1"}))
    run.expect("not understood")


def check_damage(run):
    """What damage took is named, and what had been sent before it is still taken."""
    run.send(*(summary(n) for n in (1, 2)), ledger(3))
    run.expect("seen 2 distinct")
    run.send(damage(8, [[2, 7]], lost=3, journal=2, aside="store.db.damaged-1"))
    run.expect("3 records from 2026-11-21T00:00:00Z", "damaged", "2 journal entries",
               "store.db.damaged-1")
    run.send(ledger(9, dropped=3))
    run.expect("seen 3 distinct", "missing []")
    run.send(summary(4), summary(6), ledger(9, dropped=3))  # they were on their way
    run.expect("seen 5 distinct", "missing []")
    run.send(summary(6), ledger(9, dropped=3))
    run.expect("seen 5 distinct", "missing []")
    run.send(damage(9, [], lost=12, journal=0, former_epoch="9f27c1d06be4a358", former_seq=918299))
    run.expect("12 records", "epoch 9f27c1d06be4a358", "918299")


def check_gone_back(run):
    run.send(birth(8), ledger(8))  # nothing wrong
    run.expect("seen 7 distinct")
    run.send(birth(6))
    run.expect("sequence went back", "goes on at 6", "7 was seen")
    run.send(summary(6, 2), ledger(7))
    run.expect("seen 6 distinct", "missing []")
    run.send(summary(6, 3))
    run.expect("one number, two records", f"gw-1/{EPOCH}/6")


def main():
    with Place() as place:
        centre = place.broker()
        run = Run(place, centre)
        check_missing(run)
        run.end(0)
        run = Run(place, centre)
        check_damage(run)
        run.end(0)
        run = Run(place, centre)
        run.send(*(summary(n) for n in range(1, 8)), ledger(8))
        check_unbalanced(run)
        check_gone_back(run)
        run.end(1)
        print("every word was said")


main()
