"""Do the recipes for OpenWrt, Buildroot and Yocto say what this project understands?

Their build systems are not at hand: stand-ins for what they include evaluate the recipes, the
options they give configure a real cross build, their start scripts run under BusyBox with real
agents, and every source is compiled against musl.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import kconfiglib

from packages import BUILD, SOURCE, run

sys.path.insert(0, str(SOURCE / "tests/scenario"))
from harness import PATIENCE, wait_until  # pylint: disable=wrong-import-position

OPENWRT = SOURCE / "packaging/openwrt/isotherm"
BUILDROOT = SOURCE / "packaging/buildroot"
YOCTO = SOURCE / "packaging/yocto/meta-isotherm/recipes-isotherm/isotherm"
TOOLCHAIN = SOURCE / "toolchains/arm64.cmake"
# Headers that come with a library, as musl's compiler must not see those of glibc.
HEADERS = ("mosquitto.h", "mosquitto_broker.h", "mosquitto_plugin.h", "mqtt_protocol.h",
           "sqlite3.h", "yaml.h", "uv.h", "uv", "cjson", "xxhash.h", "coap3", "linux",
           "asm-generic", "modbus", "x86_64-linux-gnu/asm")
# What pkg-config calls it, and its names in OpenWrt's feed (None: not used there, or by variant),
# Buildroot and Yocto.
LIBRARIES = {
    "libmosquitto": (None, "mosquitto", "mosquitto"),
    "libcjson": ("cJSON", "cjson", "cjson"),
    "sqlite3": ("libsqlite3", "sqlite", "sqlite3"),
    "yaml-0.1": ("libyaml", "libyaml", "libyaml"),
    "libuv": ("libuv", "libuv", "libuv"),
    "libxxhash": ("libxxhash", "xxhash", "xxhash"),
    "libcoap-3-notls": (None, "libcoap", "libcoap"),
}

OPENWRT_PACKAGE = """
INSTALL_DIR := install -d -m0755
INSTALL_BIN := install -m0755
INSTALL_CONF := install -m0600
CP := cp -fpR
PKG_BUILD_DIR := $(WORK)/build
PKG_INSTALL_DIR := $(WORK)/install
define BuildPackage
prepare: ; $$(call Build/Prepare)
options: ; @echo $$(CMAKE_OPTIONS)
ipk: ; $$(call Package/$(1)/install,$$(WORK)/ipk)
endef
"""


def configure(folder, source, options):
    """Every option of a recipe must be one that this project has."""
    run("cmake", "-S", source, "-B", folder, "-G", "Ninja", "--toolchain", TOOLCHAIN,
               "-DCMAKE_INSTALL_PREFIX=/usr", *options)
    known = set(re.findall(r"^(ISOTHERM_\w+):", (folder / "CMakeCache.txt").read_text(), re.M))
    given = {re.match(r"-D(\w+)=", option)[1] for option in options
             if option.startswith("-DISOTHERM")}
    real = {name for name in known if re.search(rf"\b{name}\b", run(
        "grep", "-rhoE", r"ISOTHERM_\w+", SOURCE / "CMakeLists.txt",
        SOURCE / "packaging/CMakeLists.txt", SOURCE / "agent", SOURCE / "drivers",
        "--include=CMakeLists.txt")) or name.startswith("ISOTHERM_DRIVER_")}
    assert given <= real, f"not options of this project: {given - real}"


def check_openwrt(work):
    top = work / "openwrt"
    (top / "include").mkdir(parents=True)
    (top / "rules.mk").write_text("INCLUDE_DIR := $(TOPDIR)/include\n")
    (top / "include/package.mk").write_text(OPENWRT_PACKAGE)
    (top / "include/cmake.mk").write_text("")

    def make(target, *more):
        return run("make", "-s", "-C", OPENWRT, target, f"TOPDIR={top}", f"WORK={top}",
                   "CONFIG_PACKAGE_isotherm_tls=y", *more)
    make("prepare")
    options = make("options").split()
    assert "-DISOTHERM_TLS=ON" in options, options
    configure(top / "cmake", top / "build", options)
    run("cmake", "--build", top / "cmake")
    run("cmake", "--install", top / "cmake", env={**os.environ, "DESTDIR": str(top / "install")})
    make("ipk")
    found = {str(path.relative_to(top / "ipk")) for path in (top / "ipk").rglob("*")
             if path.is_file()}
    assert {"usr/bin/isotherm", "etc/isotherm/isotherm.yaml", "etc/init.d/isotherm",
            "usr/share/isotherm/boards/generic/board.yaml"} <= found, found
    native = next(iter(BUILD.glob("isotherm")))
    assert "good" in run(native, "check", top / "ipk/etc/isotherm/isotherm.yaml")


def buildroot_options(work, *settings):
    makefile = work / "buildroot.mk"
    makefile.write_text(f"include {BUILDROOT}/external.mk\n"
                        "all: ; @echo $(ISOTHERM_CONF_OPTS); echo $(ISOTHERM_DEPENDENCIES)\n")
    options, depends = run("make", "-s", "-f", makefile, f"BR2_EXTERNAL_ISOTHERM_PATH={BUILDROOT}",
                           *settings).strip().split("\n")
    return options.split(), depends.split()


def check_buildroot(work):
    options, depends = buildroot_options(work, "BR2_PACKAGE_ISOTHERM_TLS=y",
                                         "BR2_PACKAGE_ISOTHERM_COAP=y", "BR2_INIT_SYSTEMD=y")
    assert {"openssl", "libcoap", "mosquitto"} <= set(depends), depends
    configure(work / "buildroot-full", SOURCE, options)
    options, depends = buildroot_options(work)
    assert "libcoap" not in depends and "-DISOTHERM_TLS=OFF" in options, (options, depends)
    configure(work / "buildroot-least", SOURCE, options)
    kconfig = work / "Config.in"
    names = ("TOOLCHAIN_HAS_THREADS", "USE_MMU", "STATIC_LIBS", "PACKAGE_CJSON", "PACKAGE_LIBUV",
             "PACKAGE_LIBYAML", "PACKAGE_MOSQUITTO", "PACKAGE_SQLITE", "PACKAGE_XXHASH",
             "PACKAGE_OPENSSL", "PACKAGE_LIBCOAP")
    kconfig.write_text("".join(f"config BR2_{name}\n\tbool\n" for name in names)
                       + f'source "{BUILDROOT}/package/isotherm/Config.in"\n')
    os.environ["BR2_EXTERNAL_ISOTHERM_PATH"] = str(BUILDROOT)
    menu = kconfiglib.Kconfig(str(kconfig), warn_to_stderr=False)
    assert "BR2_PACKAGE_ISOTHERM_COAP" in menu.syms
    undefined = [warning for warning in menu.warnings if "undefined" in warning]
    assert not undefined, undefined


def check_yocto(work):
    recipe = next(YOCTO.glob("isotherm_*.bb"))
    text = recipe.read_text()
    version = re.search(r"VERSION (\d+\.\d+\.\d+)", (SOURCE / "CMakeLists.txt").read_text())[1]
    assert recipe.name == f"isotherm_{version}.bb", f"the version is {version}"
    assert f"PKG_VERSION:={version}\n" in (OPENWRT / "Makefile").read_text()
    assert f"ISOTHERM_VERSION = {version}\n" in \
        (BUILDROOT / "package/isotherm/isotherm.mk").read_text()
    licence = hashlib.md5((SOURCE / "LICENSE").read_bytes()).hexdigest()
    assert f"md5={licence}" in text, f"LIC_FILES_CHKSUM: LICENSE is {licence}"
    options = re.findall(r"-D\w+=[^\s,\"\\]+", text)
    values = {option.split("=")[0]: option for option in options}  # the last one: OFF
    configure(work / "yocto", SOURCE, [option.replace("${systemd_system_unitdir}",
                                                      "/usr/lib/systemd/system")
                                       for option in values.values()])


def check_libraries(work):
    """Each library that the build asks for has its name in each recipe, and no other is there."""
    asked = set(re.findall(
        r"pkg_(?:check_modules|search_module)\(\w+ REQUIRED IMPORTED_TARGET(?: GLOBAL)? ([\w.-]+)",
        "\n".join((SOURCE / folder / "CMakeLists.txt").read_text() for folder in (".", "drivers"))))
    assert asked == set(LIBRARIES), f"the table LIBRARIES and the build: {asked ^ set(LIBRARIES)}"
    feed = re.search(r"DEPENDS:=((?:.*\\\n)*.*)", (OPENWRT / "Makefile").read_text())[1]
    found = set(re.findall(r"\+(?:!?PACKAGE_\w+:)?([\w-]+)", feed)) - {"libpthread"}
    assert found == {"libmosquitto-ssl", "libmosquitto-nossl"} | {
        names[0] for names in LIBRARIES.values() if names[0]}, found
    menu = (BUILDROOT / "package/isotherm/Config.in").read_text()
    _, depends = buildroot_options(work, "BR2_PACKAGE_ISOTHERM_TLS=y",
                                   "BR2_PACKAGE_ISOTHERM_COAP=y")
    want = {names[1] for names in LIBRARIES.values()}
    assert set(depends) - {"host-pkgconf", "openssl"} == want, depends
    selected = {name.lower() for name in re.findall(r"select BR2_PACKAGE_(\w+)", menu)}
    assert selected - {"openssl"} == want, selected
    recipe = next(YOCTO.glob("isotherm_*.bb")).read_text()
    found = set(re.search(r'^DEPENDS = "(.*)"', recipe, re.M)[1].split())
    found |= {re.search(r"PACKAGECONFIG\[coap\] = .*,(\w+)\"", recipe)[1]}
    assert found == {names[2] for names in LIBRARIES.values()}, found


PROCD = """
procd_open_instance() { echo open; }
procd_close_instance() { echo close; }
procd_set_param() {
  case "$1" in
  command | user | group | no_new_privs | respawn | stderr | term_timeout | file) ;;
  *) echo "procd knows no $1" >&2; exit 1 ;;
  esac
  printf '%s\\n' "$*"
}
logger() { :; }
"""


def moved(script, folder, *more):
    """The script with its files below `folder` and an ordinary user's name."""
    text = script.read_text()
    for old, new in (("/usr/bin/isotherm", str(BUILD / "isotherm")), *more,
                     ("isotherm:isotherm", "nobody:nogroup"), ("chgrp isotherm", "chgrp nogroup"),
                     ("chown isotherm", "chown nobody")):
        text = text.replace(old, new)
    path = folder / script.name
    path.write_text(text)
    return path


def settle(folder, script):
    """Puts the configuration of the feed below `folder`, as it is installed: for root alone."""
    etc = folder / "etc"
    (etc / "conf.d").mkdir(parents=True)
    text = (OPENWRT / "files/isotherm.yaml").read_text().replace("/etc/isotherm/", f"{etc}/")
    (etc / "isotherm.yaml").write_text(text)
    (etc / "isotherm.yaml").chmod(0o600)
    return moved(script, folder, ("/etc/isotherm", str(etc)), ("/run/isotherm", f"{folder}/run"))


def answers(folder):
    done = subprocess.run([BUILD / "isotherm", "status", "--json", "-c",
                           folder / "etc/isotherm.yaml"], capture_output=True, text=True,
                          check=False)
    return json.loads(done.stdout)["pid"] if done.returncode == 0 else None


def check_procd(work):
    """What the init script tells procd starts an agent, as the user that it names."""
    folder = work / "procd"
    script = settle(folder, OPENWRT / "files/isotherm.init")

    def start():
        return subprocess.run(["busybox", "sh", "-c", f"{PROCD} . {script}; start_service"],
                              capture_output=True, text=True, check=False)
    done = start()
    assert done.returncode == 0 and done.stderr == "", done
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("open", "close"), lines
    told = dict(line.split(" ", 1) for line in lines[1:-1])
    assert (told["user"], told["group"], told["respawn"]) == ("isotherm", "isotherm", "3600 5 0")
    with subprocess.Popen(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                           "--no-new-privs", *told["command"].split()],
                          stderr=subprocess.PIPE, text=True) as agent:
        try:
            wait_until("the agent to answer", lambda: answers(folder) or agent.poll() is not None)
            assert agent.poll() is None, agent.stderr.read()
        finally:
            agent.terminate()
        assert agent.wait(60 * PATIENCE) == 0
    with open(folder / "etc/isotherm.yaml", "a", encoding="utf-8") as configuration:
        configuration.write("latenes: 1s\n")
    done = start()
    assert done.returncode != 0 and "open" not in done.stdout, "started with a wrong configuration"


def check_sysv(work):
    """BusyBox's own tools start, restart and stop it; no two run at once."""
    folder = work / "sysv"
    script = settle(folder, BUILDROOT / "package/isotherm/S99isotherm")
    (folder / "etc/state").mkdir()
    shutil.chown(folder / "etc/state", "nobody", "nogroup")
    shutil.chown(folder / "etc/isotherm.yaml", "nobody")
    tools = folder / "bin"
    tools.mkdir()
    for name in ("cat", "chown", "kill", "mkfifo", "rm", "sh", "sleep", "start-stop-daemon"):
        (tools / name).symlink_to(shutil.which("busybox"))
    (tools / "logger").write_text(f"#!/bin/sh\nexec cat >>{folder}/syslog\n")
    (tools / "logger").chmod(0o755)

    def order(word):
        return run(shutil.which("busybox"), "sh", script, word, env={"PATH": str(tools)},
                   stdin=subprocess.DEVNULL)
    try:
        assert order("start").endswith("OK\n")
        first = wait_until("the agent to answer", lambda: answers(folder))
        assert "already" in order("start") and answers(folder) == first
        assert order("restart").count("OK\n") == 2
        second = wait_until("another one", lambda: answers(folder))
        assert second != first
        assert order("stop").endswith("OK\n") and answers(folder) is None
        assert not pathlib.Path(f"/proc/{second}").exists(), "stop does not wait for its end"
        assert "does not run" in order("stop")
    finally:
        if (left := answers(folder)) is not None:
            os.kill(left, signal.SIGKILL)
    syslog = folder / "syslog"  # written by what reads the pipe, when it comes to it
    wait_until("two ends in the log", lambda: syslog.read_text().count("agent: stopped") == 2)
    assert "lock" not in syslog.read_text()


def check_scripts(work):
    for script in (OPENWRT / "files/isotherm.init", BUILDROOT / "package/isotherm/S99isotherm"):
        run("busybox", "sh", "-n", script)
    if os.geteuid() != 0:
        print("not root: the scripts, which change users, are only read")
        return
    work.chmod(0o755)
    check_procd(work)
    check_sysv(work)


def check_musl(work):
    include = work / "include"
    include.mkdir()
    for name in HEADERS:
        source = pathlib.Path("/usr/include", name)
        if source.is_dir():
            shutil.copytree(source, include / source.name)
        elif source.exists():
            shutil.copy(source, include)
    sources = [path for folder in ("agent", "drivers") for path in (SOURCE / folder).rglob("*.c")]

    def compile_one(path):
        done = subprocess.run(
            ["musl-gcc", "-std=c17", "-fsyntax-only", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64",
             '-DISOTHERM_VERSION="0"', "-Wall", "-Wextra", "-Wconversion", "-Werror",
             f"-I{SOURCE}/agent", f"-I{SOURCE}/drivers", f"-I{include}", path],
            capture_output=True, text=True, check=False)
        return f"{path}: {done.stderr[:600]}" if done.returncode else None
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        problems = [problem for problem in pool.map(compile_one, sources) if problem]
    assert not problems, "\n".join(problems)
    print(f"{len(sources)} sources compile against musl")


def main():
    with tempfile.TemporaryDirectory(prefix="recipes-") as folder:
        work = pathlib.Path(folder)
        check_libraries(work)
        for step in (check_scripts, check_openwrt, check_buildroot, check_yocto, check_musl):
            print(step.__name__, flush=True)
            step(work)


main()
