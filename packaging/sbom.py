#!/usr/bin/python3
"""Writes the bill of materials of a program as SPDX 2.3 JSON: what it is linked with, down to the
last library, and from which Debian package each comes.

  sbom.py --program FILE --version V --architecture ARCH [--sysroot DIR] --compiler NAME >FILE

With a sysroot the packages are those that scripts/sysroot wrote down, otherwise those that are
installed on this machine.  The time is SOURCE_DATE_EPOCH; the same program gives the same bytes.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

# By source package; what is not named here says NOASSERTION.
LICENCES = {
    "cjson": "MIT", "glibc": "LGPL-2.1-or-later", "libcoap3": "BSD-2-Clause",
    "libuv1": "MIT", "libyaml": "MIT", "mosquitto": "EPL-2.0 OR BSD-3-Clause",
    "openssl": "Apache-2.0", "sqlite3": "blessing", "xxhash": "BSD-2-Clause",
}


def needed(path):
    dynamic = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True,
                             check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)


class Sysroot:
    """Libraries as scripts/sysroot wrote them down."""

    def __init__(self, root):
        self.root, self.by_name = root, {}
        listed = root / "usr/share/isotherm-sysroot/libraries"
        for line in listed.read_text().splitlines():
            path, package, version, source = line.split()
            self.by_name.setdefault(pathlib.PurePath(path).name, (path, package, version, source))

    def find(self, soname):
        if soname not in self.by_name:
            sys.exit(f"{soname} is in no package of the sysroot {self.root}")
        path, *about = self.by_name[soname]
        return str(self.root) + path, *about


class Machine:
    """Libraries as they are installed here."""

    def find(self, soname):
        listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True,
                                check=True).stdout
        path = re.search(rf"^\s*{re.escape(soname)} .*=> (\S+)$", listed, re.M)[1]
        real = os.path.realpath(path).removeprefix("/usr")
        for name in (real, "/usr" + real):  # the database may know either
            owner = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True,
                                   check=False).stdout.split(":")[0]
            if owner:
                break
        about = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${source:Package}\n",
                                owner], capture_output=True, text=True, check=True).stdout
        return path, *about.splitlines()[0].split()


def walk(program, libraries):
    """{package: (version, source, {packages it needs})}, and what the program itself needs."""
    packages, seen, direct = {}, {}, set()

    def visit(path, package):
        for soname in needed(path):
            found = seen.get(soname)
            if found is None:
                found = seen[soname] = libraries.find(soname)
                packages.setdefault(found[1], (found[2], found[3], set()))
                visit(found[0], found[1])
            if package is None:
                direct.add(found[1])
            elif package != found[1]:
                packages[package][2].add(found[1])
    visit(program, None)
    return packages, direct


def reference(name):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def describe_library(name, version, source, architecture):
    licence = LICENCES.get(source, "NOASSERTION")
    return {
        "SPDXID": reference(name), "name": name, "versionInfo": version,
        "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": licence,
        "copyrightText": "NOASSERTION", "primaryPackagePurpose": "LIBRARY",
        "sourceInfo": f"built from the Debian source package {source}",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}"
                                f"?arch={architecture}&distro=debian-12"}],
    }


def describe_program(options, digest):
    return {
        "SPDXID": "SPDXRef-isotherm", "name": "isotherm", "versionInfo": options.version,
        "supplier": "Organization: The Isotherm authors",
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION",
        "comment": f"usr/bin/isotherm for {options.architecture}, SHA-256 {digest}, "
                   f"compiled with {options.compiler}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("program", "version", "architecture", "compiler"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--sysroot", default="")
    options = parser.parse_args()
    digest = hashlib.sha256(pathlib.Path(options.program).read_bytes()).hexdigest()
    libraries = Sysroot(pathlib.Path(options.sysroot)) if options.sysroot else Machine()
    packages, direct = walk(options.program, libraries)
    created = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]),
                                              datetime.timezone.utc)
    links = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-isotherm")]
    links += [("SPDXRef-isotherm", "DYNAMIC_LINK", reference(name)) for name in sorted(direct)]
    links += [(reference(name), "DEPENDS_ON", reference(other))
              for name in sorted(packages) for other in sorted(packages[name][2])]
    json.dump({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"isotherm-{options.version}-{options.architecture}",
        "documentNamespace": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": [f"Tool: isotherm-sbom-{options.version}"]},
        "packages": [describe_program(options, digest)] + [
            describe_library(name, *packages[name][:2], options.architecture)
            for name in sorted(packages)],
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in links],
    }, sys.stdout, indent=1)
    print()


main()
