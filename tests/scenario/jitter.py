"""A busy machine, on purpose: with ISOTHERM_JITTER_MS=N every scenario is held up at random.

Up to N ms pass after a wait has come true, before what a client sends, before what the collector
hears is known, and the agent stands still for as long, again and again.  A scenario that passes
only when nothing is slow fails here within a few runs.  Off unless asked for.
"""

import os
import random
import signal
import threading
import time

MOST_S = int(os.environ.get("ISOTHERM_JITTER_MS", "0")) / 1000
SHARE = 0.25  # of the places where something could be slow
BREAK_S = 0.5  # between two delays of one thread, so that a thousand messages take no hour
last = threading.local()


def delay():
    """Now and then, nothing happens for a while."""
    if MOST_S == 0 or time.monotonic() - getattr(last, "delay", 0) < BREAK_S:
        return
    if random.random() < SHARE:
        threading.Event().wait(random.uniform(0, MOST_S))
        last.delay = time.monotonic()


def halt_again_and_again(process):
    """The process stands still now and then until it ends."""
    if MOST_S == 0:
        return

    def run():
        while process.poll() is None:
            threading.Event().wait(random.uniform(0, 4 * MOST_S))
            if process.poll() is None and not getattr(process, "held", False):
                process.send_signal(signal.SIGSTOP)
                threading.Event().wait(random.uniform(0, MOST_S))
                if process.poll() is None and not getattr(process, "held", False):
                    process.send_signal(signal.SIGCONT)

    threading.Thread(target=run, daemon=True).start()
