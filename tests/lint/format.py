#!/usr/bin/env python3
"""clang-format 14 would change nothing."""
import re
import shutil
import subprocess
import sys

import tree


def main() -> int:
    tool = shutil.which("clang-format-14")
    if tool is None:
        print("clang-format-14 is not installed")
        return 77
    sources = tree.code(".h", ".cc")
    done = subprocess.run([tool, "--dry-run", "-Werror", *sources], cwd=tree.ROOT,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        found = re.findall(r"^(.+?:\d+):\d+: error: ", done.stderr, re.MULTILINE)
        return tree.report(sorted(set(found)) or [done.stderr], "Run clang-format-14 -i.")
    print(f"{len(sources)} files")
    return 0


sys.exit(main())
