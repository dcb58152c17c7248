"""What the lint tests share: the files of the tree and the compile database."""
import json
import os
import pathlib
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("base", "dataplane", "service", "osfp", "nse", "control", "bench", "tests")


def files() -> list[pathlib.Path]:
    """Every file of the tree that is not ignored, relative to its root."""
    try:
        listed = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True, text=True).stdout.split("\0")
        names = [name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):  # A release archive has no repository.
        names = []
        for folder, folders, found in os.walk(ROOT):
            folders[:] = [f for f in folders if not f.startswith((".git", "build", "__pycache__"))]
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in found]
    paths = [pathlib.Path(name) for name in sorted(set(names))]
    return [path for path in paths if (ROOT / path).is_file()]


def code(*suffixes: str) -> list[pathlib.Path]:
    """C++ files of the code folders with one of the suffixes."""
    return [f for f in files() if f.parts[0] in CODE_FOLDERS and f.suffix in suffixes]


def compile_commands(build: str) -> dict[pathlib.Path, dict]:
    """The compile database by source file, relative to the root; one entry a file."""
    entries = {}
    for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.is_relative_to(ROOT):
            entries.setdefault(path.relative_to(ROOT), entry)
    return entries


def flags(entry: dict) -> list[str]:
    """The compiler and its flags of a database entry, without input and outputs."""
    words = shlex.split(entry["command"])
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    kept = []
    skip = 0
    for word in words:
        if skip:
            skip -= 1
        elif word in ("-o", "-MF", "-MQ", "-MT"):
            skip = 1
        elif word not in ("-c", "-MD", "-MMD", entry["file"]):
            kept.append(word)
    return kept


def report(problems: list[str], rule: str) -> int:
    """Prints the problems; the exit code of the lint test."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems. {rule}")
    return 1 if problems else 0
