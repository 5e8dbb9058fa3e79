"""Do the recipes for OpenWrt, Buildroot and Yocto say what this project understands?

Their build systems are not at hand: stand-ins for what they include evaluate the recipes, the
options they give configure a real cross build, and every source is compiled against musl.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import kconfiglib

from packages import BUILD, SOURCE, run

OPENWRT = SOURCE / "packaging/openwrt/isotherm"
BUILDROOT = SOURCE / "packaging/buildroot"
YOCTO = SOURCE / "packaging/yocto/meta-isotherm/recipes-isotherm/isotherm"
TOOLCHAIN = SOURCE / "toolchains/arm64.cmake"
# Headers that come with a library, as musl's compiler must not see those of glibc.
HEADERS = ("mosquitto.h", "mosquitto_broker.h", "mosquitto_plugin.h", "mqtt_protocol.h",
           "sqlite3.h", "yaml.h", "uv.h", "uv", "cjson", "xxhash.h", "coap3", "linux",
           "asm-generic", "modbus", "x86_64-linux-gnu/asm")

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


def check_scripts():
    for script in (OPENWRT / "files/isotherm.init", BUILDROOT / "package/isotherm/S99isotherm"):
        run("sh", "-n", script)


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
        check_scripts()
        for step in (check_openwrt, check_buildroot, check_yocto, check_musl):
            print(step.__name__, flush=True)
            step(work)


main()
