"""Is the smallest useful agent small enough, and does it work and say what it lacks?

  05-small-builds.py --table    builds every variant for every architecture and prints the sizes
"""

import os
import subprocess
import sys

from packages import ARCHITECTURES, BUILD, SOURCE, run

LIMIT_BYTES = 450_000  # stripped, libraries apart; the aim is 300_000 (docs/packages.md)
OFF = {"CoAP": "-DISOTHERM_DRIVER_COAP=OFF", "TLS": "-DISOTHERM_TLS=OFF"}
REST = ("-DISOTHERM_TOOLS=OFF", "-DISOTHERM_DRIVER_MODBUS=OFF", "-DISOTHERM_DRIVER_REPLAY=OFF",
        "-DISOTHERM_DRIVER_TEMPLATE=OFF")
SMALL = ("-DCMAKE_BUILD_TYPE=MinSizeRel",)
VARIANTS = {
    "as packaged": ("-DCMAKE_BUILD_TYPE=RelWithDebInfo",),
    "everything, made for size": SMALL,
    "without CoAP": (*SMALL, OFF["CoAP"]),
    "without CoAP and TLS": (*SMALL, *OFF.values()),
    "preset `small`": (*SMALL, *OFF.values(), *REST),
}
STRIP = {"amd64": "strip", "arm64": "aarch64-linux-gnu-strip", "armhf": "arm-linux-gnueabihf-strip"}


def build(variant, architecture):
    """The program, stripped."""
    number = list(VARIANTS).index(variant)
    folder = BUILD / f"variant-{number}-{architecture}"
    run("cmake", "-S", SOURCE, "-B", folder, "-G", "Ninja", "--toolchain",
        SOURCE / f"toolchains/{architecture}.cmake", "-DISOTHERM_TESTS=OFF", *VARIANTS[variant])
    run("cmake", "--build", folder, "--target", "isotherm")
    run(STRIP[architecture], "--strip-unneeded", "--remove-section=.comment", "-o",
        folder / "stripped", folder / "isotherm")
    return folder / "stripped"


def print_table():
    print("| build | " + " | ".join(ARCHITECTURES) + " |\n| --- |" + " --- |" * len(ARCHITECTURES))
    for variant in VARIANTS:
        sizes = [build(variant, each).stat().st_size for each in ARCHITECTURES]
        print(f"| {variant} | " + " | ".join(f"{size / 1000:.0f} kB" for size in sizes) + " |")


def check_refusals(program):
    """What was left out is known by name, and TLS is never left out silently."""
    configuration = BUILD / "small.yaml"
    configuration.write_text("sources:\n  - coap: {listen: 127.0.0.1:5683}\n"
                             "uplink: {mqtt: {broker: 'mqtts://centre.example'}}\n")
    said = subprocess.run([program, "check", configuration], capture_output=True, text=True,
                          check=False)
    assert said.returncode == 78, said
    assert 'source "coap" is not compiled' in said.stdout, said.stdout
    said_plan = subprocess.run([program, "plan"], capture_output=True, text=True, check=False)
    assert said_plan.returncode == 64 and "not compiled" in said_plan.stderr, said_plan
    assert "TLS" in said.stdout and "not compiled" in said.stdout.split("broker", 1)[1], said.stdout


def main():
    if sys.argv[1:] == ["--table"]:
        print_table()
        return
    for architecture in ARCHITECTURES:
        program = build("preset `small`", architecture)
        size = program.stat().st_size
        print(f"{architecture}: {size} bytes")
        assert size < LIMIT_BYTES, f"{size} bytes, at most {LIMIT_BYTES}"
        if architecture == "amd64":
            needed = run("readelf", "-d", program)
            assert "libcoap" not in needed and "libcrypto" not in needed, needed
            check_refusals(program)
            print(run(sys.executable, SOURCE / "tests/scenario/02-uplink-central-broker-stopped.py",
                      env={**os.environ, "ISOTHERM": str(program)}))


main()
