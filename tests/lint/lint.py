"""Checks one rule over the whole tree:  lint.py RULE SOURCE_DIR BUILD_DIR

Prints every place that breaks the rule and exits 1 when there is one.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", '-DISOTHERM_VERSION="0"',
         "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wvla",
         "-Wmissing-prototypes", "-Werror", "-Iagent", "-Idrivers"]

# Which of our headers a folder may include, by the longest matching prefix.
LAYERS = {
    "agent/base/": ("base/",),
    "agent/alarm/": ("base/", "alarm/"),
    "agent/stream/": ("base/", "alarm/", "stream/"),
    "agent/store/": ("base/", "alarm/alarm_event.h", "store/", "stream/record.h", "stream/summary.h"),
    "agent/uplink/": ("base/", "alarm/alarm_event.h", "uplink/", "store/store.h", "stream/record.h", "stream/summary.h"),
    "agent/action/": ("base/", "action/"),
    "drivers/": ("base/", "stream/reading.h", "intake.h", ""),  # "": a header beside it
    "agent/": ("base/", "alarm/", "stream/", "store/", "uplink/", "action/", "driver.h", "",
               "mapping.h", "decode_json.h"),
}

# Files that may allocate, all of them in open functions only (CONTRIBUTING.md, memory).
MAY_ALLOCATE = re.compile(
    r"agent/(announcer|base/(loop|mqtt_client\w*|mqtt_reply)|alarm/(alarm_engine|learned|model)|"
    r"stream/\w+|store/(store|batch|database|reader|merge)\w*|uplink/\w+|action/(action|output)|agent|"
    r"alarm_(front|remote)|board_find|flow|repeat|control|control_client|command\w*|config\w*)\.c$|"
    r"drivers/(coap_server|coap_exchange|registry)\.c$")

FILE_LINES, HEADER_LINES, FUNCTION_LINES = 600, 200, 60


def tracked(*endings, folders=("agent", "drivers", "tests")):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--",
                             *folders], capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if name.endswith(endings) and os.path.exists(name)]


def product(*endings):
    return tracked(*endings, folders=("agent", "drivers"))


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for problems in pool.map(function, items) for problem in problems]


def check_format():
    def one(name):
        run = subprocess.run(["clang-format", "--dry-run", "--Werror", name], capture_output=True,
                             text=True, check=False)
        return [] if run.returncode == 0 else [f"{name}: run clang-format -i on it"]
    return in_parallel(one, tracked(".c", ".h"))


def check_headers():
    def one(name):
        run = subprocess.run(["gcc", *FLAGS, "-fsyntax-only", "-x", "c", name],
                             capture_output=True, text=True, check=False)
        return [] if run.returncode == 0 else [f"{name}: does not stand alone\n{run.stderr}"]
    return in_parallel(one, product(".h"))


def include_is_allowed(name, include):
    prefix = max((p for p in LAYERS if name.startswith(p)), key=len)
    for allowed in LAYERS[prefix]:
        if allowed == "":
            folder = os.path.dirname(name)
            if "/" not in include and os.path.exists(os.path.join(folder, include)):
                return True
        elif include == allowed or (allowed.endswith("/") and include.startswith(allowed)):
            return True
    return False


def check_layers():
    problems = []
    for name in product(".c", ".h"):
        with open(name, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                found = re.match(r'#include "([^"]+)"', line)
                if found and not include_is_allowed(name, found[1]):
                    problems.append(f'{name}:{number}: may not include "{found[1]}"')
    return problems


def function_sizes(lines):
    """(first line, length) of every function: bodies open and close in column 0."""
    start = 0
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            yield start, number - start - 1
            start = 0


def check_sizes():
    problems = []
    for name in tracked(".c", ".h"):
        with open(name, encoding="utf-8") as file:
            lines = file.read().split("\n")
        limit = HEADER_LINES if name.endswith(".h") else FILE_LINES
        if len(lines) > limit:
            problems.append(f"{name}: {len(lines)} lines, at most {limit}")
        for start, length in function_sizes(lines):
            if length > FUNCTION_LINES:
                problems.append(f"{name}:{start}: a function of {length} lines, at most "
                                f"{FUNCTION_LINES}")
    return problems


def compile_and(inspect, names):
    def one(name):
        with tempfile.TemporaryDirectory() as folder:
            target = os.path.join(folder, "object.o")
            packages = ["libmosquitto", "libcoap-3-notls", "libcjson", "sqlite3", "yaml-0.1",
                        "libuv", "libxxhash"]
            extra = subprocess.run(["pkg-config", "--cflags", *packages], capture_output=True,
                                   text=True, check=True).stdout.split()
            subprocess.run(["gcc", *FLAGS, "-O1", "-fPIE", *extra, "-c", name, "-o", target],
                           check=True)
            return inspect(name, target)
    return in_parallel(one, names)


def check_globals():
    def inspect(name, target):
        table = subprocess.run(["objdump", "-t", target], capture_output=True, text=True,
                               check=True).stdout
        return [f"{name}: mutable {line.split()[-1]}" for line in table.splitlines()
                if re.search(r" O \.(data|bss)(\.(?!rel\.ro)\S+)?\s", line) or "*COM*" in line]
    return compile_and(inspect, product(".c"))


def check_allocation():
    def inspect(name, target):
        if MAY_ALLOCATE.search(name):
            return []
        table = subprocess.run(["nm", "-u", target], capture_output=True, text=True,
                               check=True).stdout.split()
        taken = {"malloc", "calloc", "realloc", "free", "strdup", "strndup", "asprintf", "getline",
                 "fopen", "reallocarray", "posix_memalign", "aligned_alloc"} & set(table)
        return [f"{name}: allocates: {', '.join(sorted(taken))}"] if taken else []
    return compile_and(inspect, product(".c"))


def check_words():
    """Words that have no place in the tree, and words of design.md section 9 used for others."""
    wrong = [
        (r"\b(TODO|FIXME|XXX|HACK)\b", "left over"),
        (r"(?<![\w.])/(home|root|work|farm)/\w", "a path of one machine"),
        (r"\b(bucket|spool|northbound|southbound|rollup|datapoint|hysteresis)\b",
         "another word stands in docs/design.md for it"),
    ]
    problems = []
    for name in tracked(".c", ".h", ".py", ".md", ".txt", ".yaml", ".json",
                        folders=("agent", "drivers", "tests", "docs", "config", "README.md",
                                 "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "boards")):
        if name == "tests/lint/lint.py":
            continue
        with open(name, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                for pattern, why in wrong:
                    if re.search(pattern, line, re.IGNORECASE):
                        problems.append(f"{name}:{number}: {why}: {line.strip()[:100]}")
    return problems


def check_tidy(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        names = sorted({entry["file"] for entry in json.load(file)})
    root = os.getcwd()
    names = [n for n in names if os.path.relpath(n, root).startswith(("agent/", "drivers/"))]

    def one(name):
        run = subprocess.run(["clang-tidy", "--quiet", "-p", build, name], capture_output=True,
                             text=True, check=False)
        return [] if run.returncode == 0 else [run.stdout]
    return in_parallel(one, names)


def main():
    rule, source, build = sys.argv[1:4]
    os.chdir(source)
    problems = check_tidy(build) if rule == "tidy" else globals()["check_" + rule]()
    for problem in problems:
        print(problem)
    print(f"lint.{rule}: {len(problems)} problem(s)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
