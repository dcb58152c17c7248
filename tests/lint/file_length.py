#!/usr/bin/env python3
"""No source file is longer than 800 lines."""
import sys

import tree

LIMIT = 800
SUFFIXES = (".h", ".cc", ".py", ".sh", ".lua", ".c")


def main() -> int:
    problems = []
    for path in tree.files():
        if path.suffix in SUFFIXES:
            lines = (tree.ROOT / path).read_bytes().count(b"\n")
            if lines > LIMIT:
                problems.append(f"{path}: {lines} lines")
    return tree.report(problems, f"Split what is longer than {LIMIT} lines.")


sys.exit(main())
