"""Do two builds in different folders, times, languages and umasks give the same packages?"""

import os
import pathlib
import shutil
import subprocess
import tempfile

from packages import ARCHITECTURES, BUILD, EPOCH, SOURCE, digest, package, run


def copy_sources(folder):
    """The files of the project, younger than the others, and without their history."""
    listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        for name in filter(None, listed.stdout.split("\0")):
            if (SOURCE / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(SOURCE / name, folder / name)
    else:
        shutil.copytree(SOURCE, folder, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("build", "dist", ".git"))
    (folder / "build").mkdir()
    for architecture in ARCHITECTURES:  # a build environment is part of what makes a build
        (folder / f"build/sysroot-{architecture}").symlink_to(
            SOURCE / f"build/sysroot-{architecture}")


def explain(first, second):
    """What differs, for whoever has to mend it."""
    for name in ("first", "second"):
        shutil.rmtree(BUILD / name, ignore_errors=True)
    run("dpkg-deb", "-R", first, BUILD / "first")
    run("dpkg-deb", "-R", second, BUILD / "second")
    return subprocess.run(["diff", "-rq", BUILD / "first", BUILD / "second"], capture_output=True,
                          text=True, check=False).stdout


def main():
    with tempfile.TemporaryDirectory(prefix="another-place-") as name:
        folder = pathlib.Path(name) / "deeper" / "isotherm"
        folder.mkdir(parents=True)
        copy_sources(folder)
        os.umask(0o077)
        run(folder / "scripts/package",
            env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "TZ": "Asia/Tokyo", "HOME": "/nowhere",
                 "USER": "somebody", "ISOTHERM_DIST": str(folder / "result")})
        for architecture in ARCHITECTURES:
            first = package(architecture)
            second = folder / "result" / first.name
            assert digest(first) == digest(second), explain(first, second)
            for ending in (".debug", ".spdx.json"):
                assert digest(first.with_suffix(ending)) == digest(second.with_suffix(ending)), ending
            print(f"{first.name}: {digest(first)} twice")


main()
