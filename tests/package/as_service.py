#!/usr/bin/python3
"""Starts a command as systemd would start a unit, in a root directory, where no systemd runs:

  as_service.py ROOT UNIT [--device /dev/pts/3=/dev/ttyUSB0]... [--environment NAME=VALUE]...
                [-- COMMAND...]

Without a command it is the unit's ExecStart.  The unit file is read and each directive applied:
user and groups, the file system (mounts of its own), devices, capabilities, system calls, address
families.  What a plain machine does not allow (control groups, a user namespace) is left out and
listed on standard error; a directive that nobody has thought of here ends it.
"""

import argparse
import ctypes
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys

import seccomp

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUTS = 0x20000, 0x4000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1, 2, 4, 32, 4096, 16384, 1 << 18)
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
NAMESPACES = 0x7e020080  # every CLONE_NEW* flag
PLAIN_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

# Applied below, or without meaning for a single start.
APPLIED = set("""Type NotifyAccess ExecStart WatchdogSec Restart RestartSec RestartPreventExitStatus
    TimeoutStopSec User Group SupplementaryGroups UMask StateDirectory StateDirectoryMode
    ConfigurationDirectory ProtectSystem ProtectHome PrivateTmp PrivateMounts ProtectProc
    ProtectHostname ProtectKernelTunables ProtectControlGroups DeviceAllow NoNewPrivileges
    CapabilityBoundingSet AmbientCapabilities RestrictNamespaces RestrictRealtime RestrictSUIDSGID
    LockPersonality MemoryDenyWriteExecute SystemCallArchitectures SystemCallFilter
    SystemCallErrorNumber RestrictAddressFamilies""".split())
# Follow from the system calls and capabilities that are gone.
IMPLIED = {"ProtectClock", "ProtectKernelModules", "ProtectKernelLogs", "RemoveIPC"}
LEFT_OUT = {"PrivateUsers", "DevicePolicy", "TasksMax"}


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind, flags, data=None):
    check(LIBC.mount(str(source).encode(), str(target).encode(), kind and kind.encode(), flags,
                     data and data.encode()), f"mount {target}")


def read_unit(path):
    """{directive: [values]} of the [Service] section; an empty value begins anew, as in systemd."""
    unit, section = {}, ""
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and line[0] not in "#;":
            name, value = line.split("=", 1)
            unit.setdefault(name, []).append(value)
    unknown = set(unit) - APPLIED - IMPLIED - LEFT_OUT
    if unknown:
        sys.exit(f"as_service.py does not know {', '.join(sorted(unknown))}")
    left_out = sorted(set(unit) & LEFT_OUT)
    print(f"as_service.py: not applied here: {', '.join(left_out)}", file=sys.stderr)
    return unit


def identity(root, unit):
    users = {line.split(":")[0]: line.split(":")
             for line in (root / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0]: int(line.split(":")[2])
              for line in (root / "etc/group").read_text().splitlines()}
    uid = int(users[unit["User"][0]][2])
    extra = [groups[name] for value in unit["SupplementaryGroups"] for name in value.split()]
    return uid, groups[unit["Group"][0]], extra


def bind(source, target, *, read_only=False):
    mount(source, target, None, MS_BIND)
    if read_only:
        mount("none", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY)


def make_devices(root, devices):
    mount("tmpfs", root / "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k")
    for source, target in [(f"/dev/{name}", f"/dev/{name}") for name in PLAIN_DEVICES] + devices:
        place = root / target.lstrip("/")
        place.touch()
        bind(source, place)
    mount("none", root / "dev", None, MS_REMOUNT | MS_RDONLY | MS_NOSUID, "mode=755,size=64k")


def make_file_system(root, unit, uid, gid, devices):
    check(LIBC.unshare(CLONE_NEWNS | CLONE_NEWUTS), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    bind(root, root)
    os.chdir(root)  # what was opened before lies below the mount
    state = root / "var/lib" / unit["StateDirectory"][0]
    state.mkdir(exist_ok=True)
    os.chown(state, uid, gid)
    os.chmod(state, int(unit["StateDirectoryMode"][0], 8))
    bind(state, state)
    assert unit["ProtectSystem"] == ["strict"] and unit["ProtectHome"] == ["yes"]
    for name in ("tmp", "var/tmp"):
        mount("tmpfs", root / name, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    (root / "run/user").mkdir(exist_ok=True)
    for name in ("home", "root", "run/user"):
        mount("tmpfs", root / name, "tmpfs", MS_NOSUID | MS_RDONLY, "mode=000")
    mount("proc", root / "proc", "proc", MS_NOSUID | MS_NODEV, "hidepid=invisible")
    bind(root / "proc/sys", root / "proc/sys", read_only=True)
    bind("/sys", root / "sys", read_only=True)
    make_devices(root, devices)
    mount("none", root, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
    os.chroot(root)
    os.chdir("/")


def expand(name):
    """The system calls of a set such as @system-service."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name],
                            capture_output=True, text=True, check=True).stdout
    calls = set()
    for word in re.findall(r"^    ([@a-z0-9_-]+)$", listed, re.M):
        calls |= expand(word)
    return calls


def allowed_calls(unit):
    calls = set()
    for value in unit["SystemCallFilter"]:
        names = set().union(*(expand(name) for name in value.lstrip("~").split()))
        calls = calls - names if value.startswith("~") else calls | names
    return calls


def filter_of_calls(calls, error):
    chosen = seccomp.SyscallFilter(seccomp.ERRNO(error))
    for call in sorted(calls):
        try:
            chosen.add_rule(seccomp.ALLOW, call)
        except RuntimeError:
            pass  # not a call of this architecture
    return chosen


def filter_of_arguments(families):
    """What systemd refuses by argument; a filter of its own, since the stricter one counts."""
    denied = seccomp.SyscallFilter(seccomp.ALLOW)
    masked, equal = seccomp.MASKED_EQ, seccomp.EQ
    for family in set(range(46)) - {int(getattr(socket, name)) for name in families}:
        denied.add_rule(seccomp.ERRNO(97), "socket", seccomp.Arg(0, equal, family))
    write, execute = 2, 4
    denied.add_rule(seccomp.ERRNO(1), "mmap",
                    seccomp.Arg(2, masked, write | execute, write | execute))
    for call in ("mprotect", "pkey_mprotect"):
        denied.add_rule(seccomp.ERRNO(1), call, seccomp.Arg(2, masked, execute, execute))
    for call in ("unshare", "setns"):
        denied.add_rule(seccomp.ERRNO(1), call)
    for bit in range(32):
        if NAMESPACES >> bit & 1:
            denied.add_rule(seccomp.ERRNO(1), "clone", seccomp.Arg(0, masked, 1 << bit, 1 << bit))
    for policy in (1, 2, 6):  # FIFO, RR, DEADLINE
        denied.add_rule(seccomp.ERRNO(1), "sched_setscheduler", seccomp.Arg(1, equal, policy))
    denied.add_rule(seccomp.ERRNO(1), "personality", seccomp.Arg(0, seccomp.NE, 0))
    for bit in (0o4000, 0o2000):
        denied.add_rule(seccomp.ERRNO(1), "chmod", seccomp.Arg(1, masked, bit, bit))
        denied.add_rule(seccomp.ERRNO(1), "fchmod", seccomp.Arg(1, masked, bit, bit))
        denied.add_rule(seccomp.ERRNO(1), "fchmodat", seccomp.Arg(2, masked, bit, bit))
    return denied


def drop_privileges(uid, gid, extra):
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails beyond the last one
    os.setgroups(extra)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)  # and with it every capability
    check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("unit")
    parser.add_argument("--device", action="append", default=[])
    parser.add_argument("--environment", action="append", default=[])
    parser.add_argument("command", nargs="*")
    options = parser.parse_args()
    root = options.root.resolve()
    unit = read_unit(options.unit)
    uid, gid, extra = identity(root, unit)
    calls = filter_of_calls(allowed_calls(unit), 1)
    arguments = filter_of_arguments(unit["RestrictAddressFamilies"][0].split())
    devices = [tuple(device.split("=")) for device in options.device]
    make_file_system(root, unit, uid, gid, devices)
    about = os.fstat(2)
    state = "/var/lib/" + unit["StateDirectory"][0]
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8",
        "USER": unit["User"][0], "HOME": state, "STATE_DIRECTORY": state,
        "CONFIGURATION_DIRECTORY": "/etc/" + unit["ConfigurationDirectory"][0],
        "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}", "NOTIFY_SOCKET": "/run/systemd/notify",
        "WATCHDOG_USEC": str(int(unit["WatchdogSec"][0]) * 1000000),
        "WATCHDOG_PID": str(os.getpid()),
        **dict(each.split("=", 1) for each in options.environment)}
    os.umask(int(unit["UMask"][0], 8))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    drop_privileges(uid, gid, extra)
    command = options.command or unit["ExecStart"][0].split()
    arguments.load()  # first: the other one forbids to load more
    calls.load()
    os.execve(command[0], command, environment)


main()
