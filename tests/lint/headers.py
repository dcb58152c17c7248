#!/usr/bin/env python3
"""Every header compiles alone: one translation unit each, with the flags of its folder.

A source that includes its own header before anything else has shown that by being compiled.
"""
import pathlib
import re
import subprocess
import sys

import tree


def flags_for(header: pathlib.Path, commands: dict[pathlib.Path, dict]) -> list[str] | None:
    """Flags of its own .cc; else of the source with most of them in the nearest folder above."""
    own = commands.get(header.with_suffix(".cc"))
    if own:
        return tree.flags(own)
    for folder in header.parents:
        beside = [path for path in commands if path.is_relative_to(folder)]
        if beside:
            return max((tree.flags(commands[path]) for path in beside), key=len)
    return None


def is_shown(header: pathlib.Path, commands: dict[pathlib.Path, dict]) -> bool:
    source = header.with_suffix(".cc")
    if source not in commands:
        return False
    first = re.search(r'^\s*#.*', (tree.ROOT / source).read_text(encoding="utf-8"), re.MULTILINE)
    return bool(first) and first[0].strip() == f'#include "{header}"'


def main() -> int:
    build = pathlib.Path(sys.argv[1]).resolve()
    commands = tree.compile_commands(str(build))
    work = build / "lint-headers"
    work.mkdir(exist_ok=True)
    lines = [
        "rule header",
        "  command = cd $directory && $compile -fsyntax-only -MD -MF $out.d -MT $out $in"
        " && touch $out",
        "  depfile = $out.d",
        "  deps = gcc",
        "  description = $in",
    ]
    count = shown = 0
    for header in tree.code(".h"):
        if is_shown(header, commands):
            shown += 1
            continue
        words = flags_for(header, commands)
        if words is None:
            continue
        name = str(header).replace("/", "_")
        unit = work / f"{name}.cc"
        text = f'#include "{header}"\n'
        if not unit.exists() or unit.read_text() != text:
            unit.write_text(text)
        quoted = " ".join(f"'{word}'" for word in words + ["-I", str(tree.ROOT)])
        lines += [f"build {work}/{name}.ok: header {unit}", f"  directory = {build}",
                  "  compile = " + quoted.replace("$", "$$")]
        count += 1
    (work / "build.ninja").write_text("\n".join(lines) + "\n")
    done = subprocess.run(["nice", "-n19", "ninja", "-C", work, "-k", "0", "--quiet"],
                          stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout[-20000:])
        print("A header must include all that it uses.")
        return 1
    print(f"{count} headers, and {shown} that come first in their sources")
    return 0 if count else 1


sys.exit(main())
