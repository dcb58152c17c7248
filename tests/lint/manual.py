#!/usr/bin/env python3
"""The manual pages are well formed, and name every option the commands know and no other.

manual.py TRAWL SIMNET: the two binaries, whose --help is asked.
"""
import os
import re
import shutil
import subprocess
import sys

import tree

# Page: the --help texts whose options it describes; "simnet" are those `lab` passes on.
PAGES = {
    "trawl.1": [["trawl"]],
    "trawl-scan.1": [["trawl", "scan"]],
    "trawl-survey.1": [["trawl", "survey"]],
    "trawl-resume.1": [["trawl", "resume"]],
    "trawl-blocklist.1": [["trawl", "blocklist", command] for command in ("check", "show")],
    "trawl-probing-txt.1": [["trawl", "probing-txt"]],
    "trawl-nic.1": [["trawl", "nic", command] for command in ("list", "doctor")],
    "trawl.conf.5": [],
    "trawl-lab.1": [["trawl", "lab", command] for command in
                    ("up", "down", "status", "truth", "exec", "servers")]
                   + [["simnet", "truth"], ["simnet", "config"]],
}
# What trawl-simnet knows and the lab sets by itself, and what belongs to other commands.
OWN_OF_SIMNET = {"--gateway", "--forward", "--uplink-address", "--server"}
IN_PAGE = re.compile(r"\bFl Fl ([a-z][a-z-]*)")


def help_options(command: list[str]) -> set[str]:
    text = subprocess.run([*command, "--help"], check=True, capture_output=True, text=True).stdout
    # Options start their line, before two blanks; "-h,--help" has a short name before it.
    found = set()
    for line in text.splitlines():
        head = re.split(r"\s{2,}", line.strip())[0]
        if line.startswith(" ") and head.startswith("-"):
            found.update(re.findall(r"--[a-z][a-z-]*", head))
    return found


def main() -> int:
    binaries = {"trawl": sys.argv[1], "simnet": sys.argv[2]}
    problems = []
    for page, commands in PAGES.items():
        path = tree.ROOT / "docs" / page
        described = {f"--{name}" for name in IN_PAGE.findall(path.read_text())}
        known = set()
        for name, *words in commands:
            known |= help_options([binaries[name], *words]) - (
                OWN_OF_SIMNET if name == "simnet" else set())
        if page == "trawl.1":
            known |= {"--help", "--version"}
        problems += [f"docs/{page}: {option} is missing" for option in sorted(known - described)]
        problems += [f"docs/{page}: there is no {option}" for option in sorted(described - known)]
        if shutil.which("groff"):
          
            rendered = subprocess.run(
                ["groff", "-ww", "-mandoc", "-Tutf8", path], capture_output=True, text=True,
                env=os.environ | {"LC_ALL": "C.UTF-8"})
            problems += [line for line in rendered.stderr.splitlines() if line]
    return tree.report(problems, "")


sys.exit(main())
