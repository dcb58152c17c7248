#!/usr/bin/env python3
"""clang-tidy 14 with .clang-tidy: names, and a few cheap checks, as errors.

Runs on every source of the compile database, one a core, and again only on what changed: the
dependencies are those the compiler found. Sources of tests/ and bench/ take longer than all others
together, and a few checks that hardly find anything a third of the time, so they have their turn in
`tests/run --full`, which sets TRAWL_TIDY_ALL.
"""
import os
import pathlib
import shutil
import subprocess
import sys

import tree


SLOW = ("bugprone-unused-raii", "bugprone-assert-side-effect", "bugprone-sizeof-expression",
        "bugprone-infinite-loop", "bugprone-suspicious-semicolon",
        "readability-container-size-empty")


def dependencies(build: pathlib.Path) -> dict[str, list[str]]:
    """Object file: the files it was made from, as ninja recorded them."""
    listed = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True,
                            text=True).stdout
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in listed.splitlines():
        if line.startswith("    "):
            current.append(line.strip())
        elif ": #deps " in line:
            current = found.setdefault(line.split(": #deps ")[0], [])
    return found


def main() -> int:
    tool = shutil.which("clang-tidy-14")
    if tool is None:
        print("clang-tidy-14 is not installed")
        return 77
    build = pathlib.Path(sys.argv[1]).resolve()
    work = build / "lint-tidy"
    work.mkdir(exist_ok=True)
    depends = dependencies(build)
    everything = "TRAWL_TIDY_ALL" in os.environ
    checks = "" if everything else " --checks=" + ",".join(f"-{check}" for check in SLOW)
    lines = [
        "rule tidy",
        # The flags are gcc's, whose -Wconversion leaves sign conversions out.
        f"  command = {tool} -p {build} --quiet{checks} --extra-arg=-Wno-unknown-warning-option"
        " --extra-arg=-Wno-sign-conversion $in 2>&1"
        " && touch $out",
        "  description = $in",
    ]
    count = 0
    for source, entry in sorted(tree.compile_commands(str(build)).items()):
        if not (tree.ROOT / source).exists():
            continue
        if str(source).startswith(("tests/", "bench/")) and not everything:
            continue
        inputs = [os.path.join(build, name) for name in depends.get(entry.get("output", ""), [])
                  if not name.startswith(("/usr", str(source)))]
        inputs = [name for name in inputs if os.path.exists(name)]
        out = work / (str(source).replace("/", "_") + ".ok")
        lines.append(f"build {out}: tidy {tree.ROOT / source} | {tree.ROOT}/.clang-tidy "
                     + " ".join(inputs))
        count += 1
    (work / "build.ninja").write_text("\n".join(lines) + "\n")
    done = subprocess.run(["nice", "-n19", "ninja", "-C", work, "-k", "0", "--quiet"],
                          stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        seen = set()  # A header's finding comes once for each source that includes it.
        for line in done.stdout.splitlines():
            if " generated." in line or line.startswith(("ninja: ", "FAILED: ", tool)):
                continue
            if ": error: " in line and line in seen:
                continue
            seen.add(line)
            print(line)
        print("The names and checks are those of .clang-tidy.")
        return 1
    print(f"{count} sources")
    return 0 if count else 1


sys.exit(main())
