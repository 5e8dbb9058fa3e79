"""Is the smallest useful agent small enough on every architecture, does it work, and does it say what
it lacks?

  05-small-builds.py --table    builds every variant for every architecture and prints the sizes
"""

import json
import os
import subprocess
import sys

from packages import ARCHITECTURES, BUILD, SOURCE, run

LIMIT_BYTES = 300_000  # stripped, libraries apart
STRIP = {"amd64": "strip", "arm64": "aarch64-linux-gnu-strip", "armhf": "arm-linux-gnueabihf-strip"}
EMULATOR = {"amd64": "", "arm64": "qemu-aarch64", "armhf": "qemu-arm"}
TOOLCHAIN = {  # how it is built
    "packaged": ("-DCMAKE_BUILD_TYPE=RelWithDebInfo",),
    "clang": ("-DCMAKE_BUILD_TYPE=MinSizeRel", "-DISOTHERM_CLANG=ON"),
    "gcc with lld": ("-DCMAKE_BUILD_TYPE=MinSizeRel", "-DISOTHERM_LLD=/usr/bin/ld.lld-16"),
    "gcc": ("-DCMAKE_BUILD_TYPE=MinSizeRel",),
}


def left_out_by_preset():
    """The options that are OFF in CMakePresets.json, so that the preset itself is what is measured."""
    presets = json.loads((SOURCE / "CMakePresets.json").read_text())["configurePresets"]
    values = next(each for each in presets if each["name"] == "small-board")["cacheVariables"]
    return {key for key, value in values.items() if value == "OFF" and key != "ISOTHERM_TESTS"}


OPTIONS = left_out_by_preset()
VARIANTS = {  # the toolchain, and what is OFF
    "as packaged": ("packaged", set()),
    "everything, made for size": ("clang", set()),
    **{f"without `{option}`": ("clang", {option}) for option in sorted(OPTIONS)},
    "preset `small`: without all of these": ("clang", OPTIONS),
    "the same, gcc with lld": ("gcc with lld", OPTIONS),
    "the same, gcc with GNU ld": ("gcc", OPTIONS),
}
TESTED = "preset `small`: without all of these"

# Keys of parts that the small build has not, and what is said of each.
REFUSED = {
    "sources:\n  - coap: {listen: 127.0.0.1:5683}\n": 'source "coap" is not compiled',
    "uplink: {mqtt: {broker: 'mqtts://centre.example'}}\n": "asks for TLS (mqtts://), which is not compiled",
    "uplink: {mqtt: {broker: 'mqtt://centre.example', commands: {topic: a}}}\n":
        "commands: not compiled into this program (ISOTHERM_ALARM_COMMANDS was OFF)",
    "uplink: {mqtt: {broker: 'mqtt://centre.example', alarm_states: true}}\n":
        "alarm_states: is not compiled",
    "actions: [{name: horn, file: /tmp/horn}]\n":
        "actions: not compiled into this program (ISOTHERM_ACTIONS was OFF)",
    "alarms: [{name: odd, unusual: {}}]\n":
        "unusual: not compiled into this program (ISOTHERM_LEARNED was OFF)",
    "alarms: [{name: odd, model: /tmp/model}]\n":
        "model: not compiled into this program (ISOTHERM_LEARNED was OFF)",
    "habit: {memory: 7d}\n": "habit: not compiled into this program (ISOTHERM_LEARNED was OFF)",
    "board: raspberry-pi-4\n": "board: not compiled into this program (ISOTHERM_BOARDS was OFF)",
    "sources: [{serial: {port: rs485-1, line: '{value}'}}]\n": 'port: "rs485-1" is no path',
}
LEFT_OUT = {"coap", "replay", "template", "tls", "alarm_commands", "actions", "boards", "learned",
            "tools"}


def build(variant, architecture):
    """The program, stripped."""
    toolchain, off = VARIANTS[variant]
    folder = BUILD / f"small-{toolchain.replace(' ', '-')}-{architecture}"
    run("cmake", "-S", SOURCE, "-B", folder, "-G", "Ninja", "--toolchain",
        SOURCE / f"toolchains/{architecture}.cmake", "-DISOTHERM_TESTS=OFF", *TOOLCHAIN[toolchain],
        *(f"-D{option}={'OFF' if option in off else 'ON'}" for option in sorted(OPTIONS)))
    run("cmake", "--build", folder, "--target", "isotherm")
    run(STRIP[architecture], "--strip-unneeded", "--remove-section=.comment", "-o",
        folder / "stripped", folder / "isotherm")
    return folder / "stripped"


def print_table():
    """File, and of it code with constants, and data that are written or relocated."""
    print("| build | " + " | ".join(ARCHITECTURES) + " |\n| --- |" + " --- |" * len(ARCHITECTURES))
    for variant in VARIANTS:
        cells = []
        for architecture in ARCHITECTURES:
            program = build(variant, architecture)
            text, data = run("size", program).splitlines()[1].split()[:2]
            cells.append(f"{program.stat().st_size / 1000:.0f} "
                         f"({int(text) / 1000:.0f} + {int(data) / 1000:.0f})")
        print(f"| {variant} | " + " | ".join(cells) + " |", flush=True)


def make_wrapper(program, architecture):
    """Runs the program here, under qemu-user where it is not of this machine."""
    if not EMULATOR[architecture]:
        return program
    wrapper = program.with_name("isotherm-emulated")
    sysroot = SOURCE / f"build/sysroot-{architecture}"
    wrapper.write_text(f'#!/bin/sh\nexec {EMULATOR[architecture]} -L {sysroot} {program} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def check_hardening(program):
    """Small is no excuse."""
    header, dynamic = run("readelf", "-h", program), run("readelf", "-dW", program)
    assert "DYN" in header and "BIND_NOW" in dynamic, header + dynamic
    assert "GNU_RELRO" in run("readelf", "-lW", program)
    symbols = run("readelf", "--dyn-syms", "-W", program)
    assert "__stack_chk_fail" in symbols and "_chk@" in symbols, symbols
    assert "libcoap" not in dynamic and "libcrypto" not in dynamic, dynamic


def check_refusals(program):
    """What was left out is known by name, and nothing is left out silently."""
    parts = json.loads(run(program, "version", "--json"))["parts"]
    assert {name for name, is_there in parts.items() if not is_there} == LEFT_OUT, parts
    configuration = BUILD / "small.yaml"
    for text, refusal in REFUSED.items():
        configuration.write_text("gateway: small\n" + text)
        said = subprocess.run([program, "check", configuration], capture_output=True, text=True,
                              check=False)
        assert said.returncode == 78 and refusal in said.stdout, f"{text}: {said}"
    for command in (["plan"], ["check", "--print", "schema"]):
        said = subprocess.run([program, *command], capture_output=True, text=True, check=False)
        assert said.returncode == 64 and "not compiled" in said.stderr, said


def check_scenario(name, program):
    print(run(sys.executable, SOURCE / f"tests/scenario/{name}.py",
              env={**os.environ, "ISOTHERM": str(program)}), end="", flush=True)


def main():
    if sys.argv[1:] == ["--table"]:
        print_table()
        return
    sizes = {}
    for architecture in ARCHITECTURES:
        program = build(TESTED, architecture)
        sizes[architecture] = program.stat().st_size
        print(f"{architecture}: {sizes[architecture]} bytes", flush=True)
        check_hardening(program)
        wrapper = make_wrapper(program, architecture)
        check_refusals(wrapper)
        check_scenario("15-example-of-the-readme", wrapper)
        if architecture == "amd64":
            check_scenario("02-uplink-central-broker-stopped", wrapper)
    for architecture, size in sizes.items():
        assert size < LIMIT_BYTES, f"{architecture}: {size} bytes, at most {LIMIT_BYTES}"


main()
