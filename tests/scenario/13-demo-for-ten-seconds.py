"""The demo shows devices of all three sources, ends by itself or by a signal, and leaves nothing."""

import os
import pathlib
import signal
import subprocess
import sys

from harness import ISOTHERM, RUN_S, SOURCE, Place, wait_until


def demo(folder, *options):
    return subprocess.Popen([sys.executable, str(SOURCE / "scripts" / "demo.py"), *options,
                             ISOTHERM], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env={**os.environ, "TMPDIR": str(folder)})


def processes_of(folder):
    """Command lines that name the folder; the brokers' and the agent's do."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def check_nothing_left(folder):
    assert not processes_of(folder), processes_of(folder)
    assert not list(folder.iterdir()), list(folder.iterdir())


with Place() as place:
    os.chmod(place.path, 0o755)
    folder = place.path / "tmp"
    folder.mkdir()

    run = demo(folder, "--seconds", "12", "--plain")
    wait_until("the brokers and the agent", lambda: len(processes_of(folder)) >= 3)
    output, _ = run.communicate(timeout=RUN_S)
    assert run.returncode == 0, output
    assert "from coap, mqtt, serial; agent exit code 0" in output, output
    assert "22 devices arrived" in output and "ledger balanced" in output, output
    assert "Traceback" not in output, output
    too_long = [line for line in output.splitlines() if len(line) > 80]
    assert not too_long, too_long
    check_nothing_left(folder)

    for number in (signal.SIGINT, signal.SIGTERM):
        run = demo(folder, "--plain")
        wait_until("the agent", lambda: any(" run -c " in p for p in processes_of(folder)))
        run.send_signal(number)
        output, _ = run.communicate(timeout=RUN_S)
        assert run.returncode in (0, 1) and "Traceback" not in output, output
        check_nothing_left(folder)
