"""What the tests of the packages share: where they are, and a clean root to install them in."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ISOTHERM_BUILD", SOURCE / "build/release"))
DIST = BUILD / "dist"
EPOCH = "1767225600"  # of every package made by the tests, so that they can be compared
ARCHITECTURES = ("amd64", "arm64", "armhf")
SKIPPED = 77


def run(*command, **options):
    """Runs it; a failure ends the test with what it had to say."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        print(done.stdout[-4000:], done.stderr[-4000:])
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}")
    return done.stdout


def need_root():
    if os.geteuid() != 0:
        print("skipped: only root can make a root directory and install into it")
        sys.exit(SKIPPED)


def package(architecture):
    found = sorted(DIST.glob(f"isotherm_*_{architecture}.deb"))
    assert len(found) == 1, f"{found} in {DIST}: package.made was to make one"
    return found[0]


def field(deb, name):
    return run("dpkg-deb", "--field", deb, name).strip()


def unpacked(architecture):
    """The files of a package in a folder of their own."""
    folder = BUILD / f"unpacked-{architecture}"
    shutil.rmtree(folder, ignore_errors=True)
    run("dpkg-deb", "--extract", package(architecture), folder)
    return folder


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def depends(deb):
    """[(package, version or "")] as the package says it."""
    return [(match[1], match[2] or "") for match in
            re.finditer(r"([a-z0-9.+-]+)(?: \(>= ([^)]+)\))?(?:, |$)", field(deb, "Depends"))]


def archive():
    return run(SOURCE / "scripts/sysroot", "--archive").strip()


def make_template(template, wanted):
    """A mirror that fails once is waited out."""
    for pause_s in (5, 20, 0):
        shutil.rmtree(template, ignore_errors=True)
        done = subprocess.run(
            ["mmdebstrap", "--variant=essential", "--mode=root", "--aptopt",
             'Acquire::Retries "3"', "--aptopt", 'APT::Install-Recommends "false"',
             f"--include={','.join(wanted)}", "bookworm", template,
             f"deb {archive()} bookworm main"], check=False)
        if done.returncode == 0:
            return
        time.sleep(pause_s)
    raise AssertionError("a bare Debian 12 could not be had")


def clean_root():
    """A minimal Debian 12 with what the package depends on, copied so that it may be spoiled."""
    wanted = sorted({name for name, _ in depends(package("amd64"))})
    template = BUILD / "root-template"
    stamp = template / ".stamp"
    if not stamp.exists() or stamp.read_text() != " ".join(wanted):
        make_template(template, wanted)
        stamp.write_text(" ".join(wanted))
    root = BUILD / "root"
    shutil.rmtree(root, ignore_errors=True)
    run("cp", "-a", "--reflink=auto", template, root)
    return root
