"""A machine of its own: qemu with Debian's kernel, a disk whose power can be cut, a shell."""

import base64
import itertools
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = {
    "amd64": ("qemu-system-x86_64", "-machine", "q35", "-cpu", "max"),
    "arm64": ("qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57"),
}
# The check of the timer fails where the emulated machine gets no time to run.
KERNEL = {"amd64": "console=ttyS0 no_timer_check", "arm64": "console=ttyAMA0"}
MQTT_PORT, COAP_PORT = 11883, 15683  # on our loopback; they lead to 1883 and 5683 of the machine
SECTOR = 512
FLUSH, FUA, DISCARD = 1, 2, 4
MOST_SAID = 60000  # in one command
CUT_PATIENCE_S = 30


class Log:
    """What was written to the disk since the machine started, in order (qemu's blklogwrites)."""

    def __init__(self, path):
        self.path = path

    def entries(self):
        """(place on the disk, flags, bytes); what qemu had not finished is left out."""
        with open(self.path, "rb") as log:
            size = os.fstat(log.fileno()).st_size
            log.seek(SECTOR)
            while log.tell() < size:
                # Nothing is all zeros but the hole of a write that qemu had only begun.
                head = log.read(SECTOR)
                if not any(head):
                    continue
                sector, sectors, flags = (int.from_bytes(head[at:at + 8], "little")
                                          for at in (0, 8, 16))
                data = b"" if flags & DISCARD else log.read(sectors * SECTOR)
                if len(data) == (0 if flags & DISCARD else sectors * SECTOR):
                    yield sector * SECTOR, flags, data

    def unflushed(self):
        """How many writes there are after the last flush, and how many in all."""
        writes = since = 0
        for _, flags, data in self.entries():
            writes += data != b""
            since = 0 if flags & (FLUSH | FUA) else since + (data != b"")
        return since, writes

    def apply(self, disk_path, chance=None):
        """Writes it to the disk.  With `chance` the power was cut: what came before the last flush
        is there; of each later write all, the beginning, or nothing."""
        last_flush = max((number for number, (_, flags, _) in enumerate(self.entries())
                          if flags & (FLUSH | FUA)), default=-1)
        with open(disk_path, "r+b") as disk:
            for number, (place, _, data) in enumerate(self.entries()):
                if chance is not None and number > last_flush:
                    sectors = len(data) // SECTOR
                    data = data[:SECTOR * chance.choice([0, sectors, chance.randint(0, sectors)])]
                disk.seek(place)
                disk.write(data)


class Machine:
    def __init__(self, architecture, template, place, accelerator="tcg,thread=multi"):
        self.architecture, self.template, self.place = architecture, template, place
        self.accelerator = accelerator
        self.disk, self.live = place / "disk.raw", place / "live.qcow2"
        self.log, self.console = Log(place / "writes.log"), place / "console.log"
        self.wires = pathlib.Path(tempfile.mkdtemp(prefix="boot-"))  # a socket's path is short
        self.process = self.control = self.line = None
        self.tokens = itertools.count()
        self.heard = b""
        run("cp", "--sparse=always", "--reflink=auto", template / "disk.raw", self.disk)

    def command(self, init):
        forward = f"hostfwd=tcp:127.0.0.1:{MQTT_PORT}-:1883,hostfwd=udp:127.0.0.1:{COAP_PORT}-:5683"
        return [
            *PROGRAMS[self.architecture], "-accel", self.accelerator, "-m", "512", "-smp", "2",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", self.template / "vmlinuz", "-initrd", self.template / "initrd",
            "-append", f"{KERNEL[self.architecture]} panic=1 init={init}",
            "-serial", f"file:{self.console}",
            "-netdev", f"user,id=net,{forward}", "-device", "virtio-net-pci,netdev=net,romfile=",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=control,path={self.wires}/control,server=on,wait=off",
            "-device", "virtserialport,chardev=control,name=control",
            "-device", "qemu-xhci",
            "-chardev", f"socket,id=line,path={self.wires}/line,server=on,wait=off",
            "-device", "usb-serial,chardev=line",
            "-blockdev", f"qcow2,node-name=live,file.driver=file,file.filename={self.live}",
            "-blockdev", f"blklogwrites,node-name=disk,file=live,log.driver=file,"
                         f"log.filename={self.log.path}",
            "-device", "virtio-blk-pci,drive=disk"]

    def start(self, init="/sbin/init"):
        """The disk itself is not written to: a layer above it is, and the log."""
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", self.disk, "-F", "raw", self.live)
        self.log.path.write_bytes(b"")
        with open(self.place / "qemu.log", "wb") as said:
            self.process = subprocess.Popen(self.command(init), stdout=said, stderr=said,
                                            stdin=subprocess.DEVNULL)

    def boot(self):
        """Starts and waits until the system has come up in good health."""
        began = time.monotonic()
        self.start()
        self.control, self.line = self.connect("control"), self.connect("line")
        state = self.ask("systemctl is-system-running --wait; true", seconds=600).strip()
        assert state == "running", f"{state}:\n{self.ask('systemctl --failed')}"
        return time.monotonic() - began

    def connect(self, name):
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, (self.place / "qemu.log").read_text()
            wire = socket.socket(socket.AF_UNIX)
            try:
                wire.connect(str(self.wires / name))
                return wire
            except OSError:
                wire.close()
                assert time.monotonic() < deadline, f"qemu does not offer {name}"
                time.sleep(0.1)

    def attempt(self, command, seconds=300):
        """Runs a shell command as root in the machine; returns its exit status and output."""
        token = f"answer-{next(self.tokens)}"
        text = base64.b64encode(command.encode()).decode()
        self.control.sendall(f'sh -c "$(echo {text} | base64 -d)" </dev/null 2>&1; '
                             f'echo "{token} $?"\n'.encode())
        deadline = time.monotonic() + seconds
        while not (found := re.search(rf"{token} (\d+)\n".encode(), self.heard)):
            assert self.process.poll() is None, f"the machine went off\n{self.last_words()}"
            left = deadline - time.monotonic()
            assert left > 0, f"no answer to {command[:200]!r} in {seconds} s: {self.last_words()}"
            if select.select([self.control], [], [], min(left, 1))[0]:
                self.heard += self.control.recv(65536)
        output, self.heard = self.heard[:found.start()], self.heard[found.end():]
        return int(found[1]), output.decode(errors="replace")

    def ask(self, command, seconds=300):
        """The same, for a command that must succeed; returns its output."""
        status, output = self.attempt(command, seconds)
        assert status == 0, f"{command[:200]!r} ended with {status}:\n{output}"
        return output

    def write(self, path, content):
        if isinstance(content, str):
            content = content.encode()
        text = base64.b64encode(content).decode()
        self.ask(f": >{path}.base64")
        for at in range(0, len(text), MOST_SAID):
            self.ask(f"printf %s {text[at:at + MOST_SAID]} >>{path}.base64")
        self.ask(f"base64 -d <{path}.base64 >{path}; rm {path}.base64")

    def last_words(self):
        return self.console.read_text(errors="replace")[-3000:] if self.console.exists() else ""

    def wait_off(self, seconds=300):
        self.process.wait(seconds)
        self.log.apply(self.disk)
        self.hang_up()

    def power_off(self):
        """In order, as by its button."""
        self.control.sendall(b"systemctl poweroff\n")
        self.wait_off()

    def cut_power(self, chance):
        """At once, if it can be while the disk has something to lose.  Returns how many writes
        nobody had waited for, and how many there were since the start."""
        deadline = time.monotonic() + CUT_PATIENCE_S
        while True:
            self.freeze()
            unflushed, writes = self.log.unflushed()
            if unflushed or time.monotonic() > deadline:
                break
            self.process.send_signal(signal.SIGCONT)
            time.sleep(chance.uniform(0, 0.1))
        self.process.kill()
        self.process.wait()
        self.hang_up()
        self.log.apply(self.disk, chance)
        return unflushed, writes

    def freeze(self):
        """Stops qemu between two system calls: what it had begun to write is written."""
        self.process.send_signal(signal.SIGSTOP)
        states = pathlib.Path(f"/proc/{self.process.pid}/task")
        deadline = time.monotonic() + 60
        while any(") T " not in (task / "stat").read_text() for task in states.iterdir()):
            assert time.monotonic() < deadline, "qemu does not stop"
            time.sleep(0.001)

    def hang_up(self):
        for wire in (self.control, self.line):
            if wire is not None:
                wire.close()
        self.heard = b""

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.wires, ignore_errors=True)


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def finish_disk(architecture, template, place):
    """Lets a disk that was only unpacked install its packages: they cannot run here."""
    if not (template / "unfinished").exists():
        return
    print(f"{architecture}: the disk installs its packages, emulated; once ...", flush=True)
    machine = Machine(architecture, template, place)
    try:
        machine.start("/finish")
        machine.wait_off(3600)
        assert "the disk is finished" in machine.last_words(), machine.last_words()
        run("cp", "--sparse=always", machine.disk, template / "disk.raw")
        (template / "unfinished").unlink()
    finally:
        machine.kill()
