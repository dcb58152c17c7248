#!/usr/bin/env python3
"""No unfinished work in the tree, and no path of one particular machine."""
import pathlib
import re
import sys

import tree

# This file has to name what it looks for.
EXEMPT = (pathlib.Path("tests/lint/words.py"),)
FORBIDDEN = {
    r"\b(TODO|FIXME|XXX|HACK|TBD)\b": "unfinished work belongs in an issue",
    r"(?i)\b(stub(bed)?|not (yet )?implemented|placeholder)\b": "the tree holds only what works",
    r"(?<![\w.])/(?:home|root|work|srv)/[\w.]": "a path of one machine",
}
BINARY = (".png", ".ico", ".pcap", ".gz", ".woff2")
# What servers said, in their words.
SPOKEN = (".jsonl",)


def main() -> int:
    problems = []
    for path in tree.files():
        if path in EXEMPT or path.suffix in BINARY + SPOKEN or "corpus" in path.parts:
            continue
        # What servers say is not ours.
        if path.suffix == ".jsonl" and "banners" in path.parts:
            continue
        try:
            text = (tree.ROOT / path).read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, why in FORBIDDEN.items():
                match = re.search(pattern, line)
                if match:
                    problems.append(f"{path}:{number}: '{match.group(0)}': {why}")
    return tree.report(problems, "")


sys.exit(main())
