#!/usr/bin/env python3
"""Counts the tests of one meson run: summary.py LOG.json CONSOLE.log EXIT_CODE [AGAIN.json]
Names those that failed:              summary.py --failed LOG.json

AGAIN is the log of a second run of those that failed, alone: a test that passes there counts as
passed, but its first output is shown all the same, and it is named as unsteady.

Shows the output of what failed and the reason of what was skipped; the last line is three numbers:
passed, failed, skipped. A GoogleTest program and a Python unittest count by their cases, any other
test as one.
"""
import json
import operator
import pathlib
import re
import sys

SHOWN = 12000  # Characters of a failed test's output.
OK = re.compile(r"^\[       OK \] ", re.MULTILINE)
FAILED = re.compile(r"^\[  FAILED  \] .* \(\d+ ms\)$", re.MULTILINE)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\S+) \(\d+ ms\)$", re.MULTILINE)
SKIP_REASON = re.compile(r": Skipped\n(.+)\n\s*\[  SKIPPED \] (\S+) ")

# unittest, with verbosity 2; a case with a docstring has a line for it.
RAN = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
VERDICT = re.compile(r"^(?:OK|FAILED)(?: \((.+)\))?$", re.MULTILINE)
CASE_SKIPPED = re.compile(r"^(\w+) \(([\w.]+)\)(?:\n.*)? \.\.\. skipped (['\"])(.*)\3$", re.MULTILINE)


def show(result: dict) -> None:
    text = "\n".join(result.get(part, "").rstrip() for part in ("stdout", "stderr")).strip()
    # Of a GoogleTest program only the failures matter.
    text = re.sub(r"^\[ RUN      \] (\S+)\n\[       OK \] \1 .*\n", "", text, flags=re.MULTILINE)
    if len(text) > SHOWN:
        text = "[...]\n" + text[-SHOWN:]
    print(f"--- {result['name']}: {result['result']}, exit code {result['returncode']}, "
          f"{result['duration']:.1f} s")
    print(text)
    print(f"--- end of {result['name']}")


def gtest_cases(text: str) -> tuple[int, int, list[str]]:
    """Passed, failed, and a line for each that was skipped."""
    reasons = {name: why for why, name in SKIP_REASON.findall(text)}
    skipped = [f"{name}: {reasons.get(name, 'no reason given')}" for name in SKIPPED.findall(text)]
    return len(OK.findall(text)), len(FAILED.findall(text)), skipped


def unittest_cases(text: str) -> tuple[int, int, list[str]]:
    """The same of the standard error of a Python unittest."""
    ran, verdict = RAN.search(text), None
    if ran:
        verdict = VERDICT.search(text, ran.end())
    if not verdict:
        return 0, 0, []
    numbers = dict(pair.split("=") for pair in (verdict.group(1) or "").split(", ") if pair)
    failed = sum(int(numbers.get(key, 0)) for key in ("failures", "errors", "unexpected successes"))
    found = CASE_SKIPPED.findall(text)
    skipped = [f"{where}: {why}" for _, where, _, why in found]
    skipped += ["a case: no reason given"] * (int(numbers.get("skipped", 0)) - len(found))
    # A class that is skipped as a whole did not run as a case.
    not_run = sum(name in ("setUpClass", "setUpModule") for name, *_ in found)
    return max(int(ran.group(1)) - failed - (len(skipped) - not_run), 0), failed, skipped


def count(result: dict) -> tuple[int, int, int]:
    outcome = result["result"]
    if outcome == "SKIP":
        lines = [line for line in result.get("stdout", "").splitlines() if line.strip()]
        print(f"      skipped {result['name']}: {lines[-1].strip() if lines else 'no reason given'}")
        return 0, 0, 1
    passed, failed, skipped = map(operator.add, gtest_cases(result.get("stdout", "")),
                                  unittest_cases(result.get("stderr", "")))
    for line in skipped:
        print(f"      skipped {line}")
    if outcome not in ("OK", "EXPECTEDFAIL"):
        show(result)
        return passed, max(failed, 1), len(skipped)
    return (passed, 0, len(skipped)) if passed or skipped else (1, 0, 0)


def results(log: pathlib.Path) -> list[dict]:
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text(errors="replace").splitlines()]


def failed(result: dict) -> bool:
    return result["result"] not in ("OK", "EXPECTEDFAIL", "SKIP")


def count_all(first: list[dict], again: list[dict]) -> list[int]:
    mended = {result["name"]: result for result in again if not failed(result)}
    total = [0, 0, 0]
    for result in first:
        if failed(result) and result["name"] in mended:
            print(f"      unsteady {result['name']}: failed beside others, passed alone")
            show(result)
            result = mended[result["name"]]
        total = list(map(operator.add, total, count(result)))
    return total


def main() -> int:
    if sys.argv[1] == "--failed":
        print(*(result["name"].rpartition(" / ")[2]
                for result in results(pathlib.Path(sys.argv[2])) if failed(result)))
        return 0
    log, console, code = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    first = results(log)
    again = results(pathlib.Path(sys.argv[4])) if len(sys.argv) > 4 else []
    total = count_all(first, again)
    if code != 0 and total[1] == 0 and not any(map(failed, first)):
        # The run itself broke: a target that does not build, or a killed harness.
        print(console.read_text(errors="replace")[-SHOWN:])
        total[1] = 1
    print(*total)
    return 0


sys.exit(main())
