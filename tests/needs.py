#!/usr/bin/env python3
"""Names what has to be built for the tests of some suites: needs.py BUILD_DIR SUITE...

Prints ninja's targets, one a line; exits 1 when Meson knows no test of these suites.
"""
import json
import pathlib
import subprocess
import sys


def introspect(build: pathlib.Path, what: str) -> list[dict]:
    return json.loads(subprocess.check_output(["meson", "introspect", str(build), f"--{what}"]))


def main() -> int:
    build = pathlib.Path(sys.argv[1]).resolve()
    suites = set(sys.argv[2:])
    files = {target["id"]: target["filename"] for target in introspect(build, "targets")}
    wanted = {file for test in introspect(build, "tests")
              if suites & {suite.split(":")[-1] for suite in test["suite"]}
              for needed in test["depends"] for file in files.get(needed, [])}
    for file in sorted(wanted):
        print(pathlib.Path(file).relative_to(build))
    return 0 if wanted else 1


sys.exit(main())
