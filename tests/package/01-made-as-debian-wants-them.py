"""Does scripts/package make three packages that lintian, dpkg-shlibdeps and systemd find right?"""

import json
import os
import re
import shutil
import subprocess
import tempfile

from packages import (ARCHITECTURES, BUILD, DIST, EPOCH, SOURCE, depends, field, package, run,
                      unpacked)

MACHINES = {"amd64": "X86-64", "arm64": "AArch64", "armhf": "ARM"}
EXPOSURE = 15  # ten times the level


def check_fields():
    for architecture in ARCHITECTURES:
        deb = package(architecture)
        assert field(deb, "Architecture") == architecture
        header = run("readelf", "-h", unpacked(architecture) / "usr/bin/isotherm")
        assert re.search(rf"Machine: .*{MACHINES[architecture]}", header), header
        if architecture == "armhf":
            assert "hard-float" in header, header
    assert len({field(package(a), "Depends") for a in ARCHITECTURES}) == 1, "Depends differ"


def check_dependencies():
    """The list made by hand against the one that Debian's tool finds for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/debian")
        shutil.copy(unpacked("amd64") / "usr/bin/isotherm", f"{folder}/isotherm")
        with open(f"{folder}/debian/control", "w", encoding="utf-8") as control:
            control.write("Source: isotherm\n\nPackage: isotherm\nArchitecture: any\n")
        found = run("dpkg-shlibdeps", "-O", "isotherm", cwd=folder).strip()
    ours = {entry for entry in depends(package("amd64"))
            if entry[0] not in ("adduser", "init-system-helpers")}
    theirs = {(match[1], match[2] or "") for match in
              re.finditer(r"([a-z0-9.+-]+)(?: \(>= ([^)]+)\))?(?:, |$)",
                          found.removeprefix("shlibs:Depends="))}
    assert ours == theirs, f"packaging/debian/libraries.txt says {ours - theirs}, " \
                           f"dpkg-shlibdeps {theirs - ours}"


def check_lintian():
    found = run("lintian", "--allow-root", "--fail-on", "error", *map(package, ARCHITECTURES))
    rest = [line for line in found.splitlines() if line[:2] in ("E:", "W:")]
    assert not rest, rest


def check_unit():
    unit = unpacked("amd64") / "lib/systemd/system/isotherm.service"
    run("systemd-analyze", "security", "--offline=true", "--no-pager",
        f"--threshold={EXPOSURE}", unit)
    weak = BUILD / "weak.service"  # the threshold itself must be able to say no
    weak.write_text("[Service]\nExecStart=/bin/true\n")
    assert subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                           f"--threshold={EXPOSURE}", weak], capture_output=True,
                          check=False).returncode != 0
    copy = BUILD / "isotherm.service"  # the program is not installed on this machine
    copy.write_text(unit.read_text().replace("ExecStart=/usr/bin/isotherm",
                                             f"ExecStart={unit.parents[3]}/usr/bin/isotherm"))
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True,
                          text=True, check=False)
    complaints = [line for line in (said.stdout + said.stderr).splitlines()
                  if "isotherm" in line]
    assert not complaints, complaints


def check_bill():
    for architecture in ARCHITECTURES:
        bill = json.loads((unpacked(architecture) /
                           "usr/share/doc/isotherm/isotherm.spdx.json").read_text())
        names = {entry["SPDXID"]: entry["name"] for entry in bill["packages"]}
        linked = {names[link["relatedSpdxElement"]] for link in bill["relationships"]
                  if link["relationshipType"] == "DYNAMIC_LINK"}
        listed = {name for name, _ in depends(package(architecture))}
        assert linked == listed - {"adduser", "init-system-helpers"}, (linked, listed)
        assert "libssl3" in names.values(), "what the libraries need is missing"
        purls = [ref["referenceLocator"] for entry in bill["packages"]
                 for ref in entry.get("externalRefs", [])]
        assert len(purls) == len(names) - 1
        assert all(f"arch={architecture}" in purl for purl in purls)


def check_manual_and_completion():
    root = unpacked("amd64")
    manual = run("man", "--warnings", "-l", root / "usr/share/man/man1/isotherm.1.gz",
                 env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
    assert "isotherm run" in manual
    script = f"""
        PATH={root}/usr/bin:$PATH
        . {root}/usr/share/bash-completion/completions/isotherm
        complete_words() {{
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _isotherm; echo "${{COMPREPLY[*]}}"
        }}
        complete_words isotherm stat
        complete_words isotherm tail --re
        complete_words isotherm run --log-level w
        complete_words isotherm check /etc/ho
        complete_words isotherm plan --board mox
        complete_words isotherm board siemens
        complete_words isotherm alarms un"""
    words = run("bash", "-c", script).split("\n")
    assert words[:7] == ["status", "--readings --records", "warn", "", "moxa-uc",
                         "siemens-iot2050-advanced siemens-iot2050-basic", "unshelve"], words


def main():
    shutil.rmtree(DIST, ignore_errors=True)
    print(run(SOURCE / "scripts/package",
              env={**os.environ, "ISOTHERM_DIST": str(DIST), "SOURCE_DATE_EPOCH": EPOCH})[-600:])
    for step in (check_fields, check_dependencies, check_lintian, check_unit, check_bill,
                 check_manual_and_completion):
        print(step.__name__)
        step()


main()
