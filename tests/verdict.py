"""Counts the verdicts of test runs and shows again what failed, so that the end of a log tells all.

    tests/verdict.py FAILED_BUILDS JUNIT_FILE...

A test that is skipped said why (no ../shared/data, a tool or a right that is missing); it is
neither passed nor failed.
"""

import pathlib
import sys
import xml.etree.ElementTree as xml

LINES_SHOWN = 40


def outcome(case):
    if case.get("status") == "run":
        return "passed"
    skipped = case.find("skipped")
    if skipped is not None and skipped.get("message", "").startswith("SKIP_"):
        return "skipped"
    return "failed"


def output(case):
    return (case.findtext("system-out") or "").splitlines()


def show(build, case, kind):
    if kind == "skipped":
        said = [line for line in output(case) if line.startswith("skipped")]
        print(f"-- {build}: {case.get('name')} was skipped: {(said or ['no reason given'])[-1]}")
    elif kind == "failed":
        print(f"-- {build}: {case.get('name')} failed; the end of what it said:")
        print("\n".join(output(case)[-LINES_SHOWN:]))


def main():
    counts = {"passed": 0, "failed": int(sys.argv[1]), "skipped": 0}
    if counts["failed"]:
        print(f"-- {counts['failed']} builds failed: see \"the build ... failed\" above")
    found = []
    for name in sys.argv[2:]:
        path = pathlib.Path(name)
        cases = list(xml.parse(path).iter("testcase")) if path.exists() else []
        if not cases:
            print(f"-- {path.parent.name}: the tests did not run to their end")
            counts["failed"] += 1
        found += [(outcome(case), path.parent.name, case) for case in cases]
    for kind, build, case in sorted(found, key=lambda f: f[0] != "skipped"):
        counts[kind] += 1
        show(build, case, kind)
    if counts["skipped"]:
        print(f"{counts['skipped']} skipped, each with its reason above")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    sys.exit(counts["failed"] != 0)


main()
