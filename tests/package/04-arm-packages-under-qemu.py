"""Do the programs of the ARM packages run: commands, and whole scenarios with real counterparts?

They run under qemu-user with the libraries of the sysroot; that these are enough for the package's
Depends is checked as well.
"""

import os
import re
import subprocess
import sys

from packages import BUILD, SOURCE, depends, package, run, unpacked

EMULATORS = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}
SCENARIOS = ("01-windows-recorded-machine", "04-sources-mqtt-coap-serial")
SKIPPED = 77


def check_depends(architecture, sysroot):
    """Each package exists for the architecture, in a version that is new enough."""
    listed = (sysroot / "usr/share/isotherm-sysroot/libraries").read_text()
    versions = {line.split()[1]: line.split()[2] for line in listed.splitlines()}
    for name, least in depends(package(architecture)):
        if name in ("adduser", "init-system-helpers"):  # of no architecture
            continue
        assert name in versions, f"{name} is not to be had for {architecture}"
        if least:
            run("dpkg", "--compare-versions", versions[name], "ge", least)


def make_wrapper(architecture, sysroot):
    folder = unpacked(architecture)
    wrapper = BUILD / f"isotherm-{architecture}"
    wrapper.write_text("#!/bin/sh\n"
                       f'exec {EMULATORS[architecture]} -L {sysroot} {folder}/usr/bin/isotherm "$@"\n')
    wrapper.chmod(0o755)
    return folder, wrapper


def run_scenario(name, wrapper):
    done = subprocess.run([sys.executable, SOURCE / f"tests/scenario/{name}.py"], text=True,
                          capture_output=True, check=False,
                          env={**os.environ, "ISOTHERM": str(wrapper)})
    if done.returncode == SKIPPED:
        print(f"  {name}: {done.stdout.strip()}")
        return
    assert done.returncode == 0, f"{name}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    print(f"  {name}: passed")


def main():
    for architecture in EMULATORS:
        sysroot = SOURCE / f"build/sysroot-{architecture}"
        folder, wrapper = make_wrapper(architecture, sysroot)
        check_depends(architecture, sysroot)
        version = run(wrapper, "version").splitlines()[0]
        assert re.fullmatch(r"isotherm \d+\.\d+\.\d+", version), version
        assert "good" in run(wrapper, "check", folder / "etc/isotherm/isotherm.yaml")
        print(f"{architecture}: {version}", flush=True)
        for name in SCENARIOS:
            run_scenario(name, wrapper)


main()
