"""Writes entries of data/os-db: what the kernel of this machine answers with several settings.

    measure_os_db.py TRAWL [ROUNDS]     as root; prints entries, and touches namespaces of its own

Each stack is asked ROUNDS times (20). Values that differ become ranges where they are numbers that
were measured, and alternatives otherwise.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import linux_stacks

# Statistics of six numbers: wider than what was seen, since more rounds see more.
SPREAD = {"SP": 8, "ISR": 8}
HOPS = 5  # A distance that was guessed may be wrong by as much.
# Where no database says anything: every round is taken.
NOTHING = "MatchPoints\nT1(DF=1)\n\nFingerprint none\nClass none | none || none\nT1(DF=N%T=FF)\n"


def rounds(lab: linux_stacks.LinuxStacks, trawl: str, times: int) -> dict[str, list[str]]:
    found = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "nmap-os-db").write_text(NOTHING, encoding="ascii")
        for _ in range(times):
            done = subprocess.run(
                [*lab.within(), trawl, "-n", "-O", "--max-os-tries", "1", "--datadir", folder, "-p",
                 f"{linux_stacks.OPEN},{linux_stacks.CLOSED}", "-oJ", "-", *lab.addresses],
                capture_output=True, text=True, timeout=60, check=True)
            for record in map(json.loads, done.stdout.splitlines()):
                if record["record"] == "host":
                    found[record["ip"]].append(record["os"]["fingerprint"])
    return found


def values_of(fingerprints: list[str]) -> dict[str, dict[str, set[str]]]:
    lines: dict[str, dict[str, set[str]]] = collections.defaultdict(lambda: collections.defaultdict(set))
    for name, tests in re.findall(r"^(\w+)\((.*)\)$", "\n".join(fingerprints), re.MULTILINE):
        for test in filter(None, tests.split("%") if name != "SCAN" else ()):
            what, _, value = test.partition("=")
            lines[name][what].add(value)
    return lines


def expression(what: str, values: set[str]) -> str:
    if what == "T":
        (initial,) = {int(value, 16) for value in values}
        return f"T={initial - HOPS:X}-{min(initial + HOPS, 255):X}%TG={initial:X}"
    if what in SPREAD:
        numbers = [int(value, 16) for value in values]
        return f"{what}={max(min(numbers) - SPREAD[what], 0):X}-{max(numbers) + SPREAD[what]:X}"
    if what == "GCD":
        return f"GCD=1-{max(6, *(int(value, 16) for value in values)):X}"
    return f"{what}={'|'.join(sorted(values))}"


def entry(stack: linux_stacks.Stack, fingerprints: list[str]) -> str:
    generation = linux_stacks.kernel()[1]
    text = (f"Fingerprint {linux_stacks.entry_name(stack)}\n"
            f"Class Linux | Linux | {generation} | general purpose\n"
            f"CPE cpe:/o:linux:linux_kernel:{generation.split('.', maxsplit=1)[0]} auto\n")
    for name, tests in values_of(fingerprints).items():
        # Whether it says U or a rate depends on what else the host does.
        told = [expression(what, values) for what, values in tests.items()
                if not (name == "SEQ" and what == "TS" and len(values) > 2)]
        text += f"{name}({'%'.join(told)})\n"
    return text


def main() -> None:
    with linux_stacks.LinuxStacks() as lab:
        found = rounds(lab, sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20)
        print("\n".join(entry(stack, found[address]) for address, stack in lab.addresses.items()))


if __name__ == "__main__":
    main()
