#!/usr/bin/env python3
"""Counts the tests of one meson run: summary.py LOG.json CONSOLE.log EXIT_CODE

Shows the output of what failed and the reason of what was skipped; the last line is three numbers:
passed, failed, skipped. A GoogleTest program counts by its cases, any other test as one.
"""
import json
import pathlib
import re
import sys

SHOWN = 12000  # Characters of a failed test's output.
OK = re.compile(r"^\[       OK \] ", re.MULTILINE)
FAILED = re.compile(r"^\[  FAILED  \] .* \(\d+ ms\)$", re.MULTILINE)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\S+) \(\d+ ms\)$", re.MULTILINE)
SKIP_REASON = re.compile(r": Skipped\n(.+)\n\s*\[  SKIPPED \] (\S+) ")


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


def count(result: dict) -> tuple[int, int, int]:
    text = result.get("stdout", "")
    outcome = result["result"]
    if outcome == "SKIP":
        lines = [line for line in text.splitlines() if line.strip()]
        print(f"      skipped {result['name']}: {lines[-1].strip() if lines else 'no reason given'}")
        return 0, 0, 1
    passed, failed = len(OK.findall(text)), len(FAILED.findall(text))
    skipped = SKIPPED.findall(text)
    reasons = {name: why for why, name in SKIP_REASON.findall(text)}
    for name in skipped:
        print(f"      skipped {name}: {reasons.get(name, 'no reason given')}")
    succeeded = outcome in ("OK", "EXPECTEDFAIL")
    if not succeeded:
        show(result)
        return passed, max(failed, 1), len(skipped)
    return (passed, 0, len(skipped)) if passed or skipped else (1, 0, 0)


def main() -> int:
    log, console, code = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    total = [0, 0, 0]
    if log.exists():
        for line in log.read_text(errors="replace").splitlines():
            total = [a + b for a, b in zip(total, count(json.loads(line)))]
    if code != 0 and total[1] == 0:
        # The run itself broke: a target that does not build, or a killed harness.
        print(console.read_text(errors="replace")[-SHOWN:])
        total[1] = 1
    print(*total)
    return 0


sys.exit(main())
