#!/usr/bin/env python3
"""Every test that docs/peer-defects.md names exists."""
import re
import sys

import tree

PAGE = "docs/peer-defects.md"


def main() -> int:
    problems, known = [], 0
    for number, line in enumerate((tree.ROOT / PAGE).read_text().splitlines(), 1):
        for file, name in re.findall(r"`(tests/[\w/]+\.\w+): (\w+)`", line):
            known += 1
            path = tree.ROOT / file
            if not path.is_file() or not re.search(rf"\b{name}\b", path.read_text()):
                problems.append(f"{PAGE}:{number}: {file} has no {name}")
    if known == 0:
        problems.append(f"{PAGE}: names no test")
    return tree.report(problems, "")


sys.exit(main())
