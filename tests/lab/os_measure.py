#!/usr/bin/env python3
"""Measures the stacks of os_lab.py and prints their entries for data/os-db.

    TRAWL_BUILD=build tests/lab/os_measure.py [ROUNDS [STACK...]]

The sixteen probes are nmap's, taken off the wire; what the answers say is for osfp_analyse. Values
that vary become alternatives, those of counters and clocks ranges. Stacks that name the same entry
are put together in it.
"""
import sys

import labs
import os_lab

ANALYSE = str(labs.BUILD / "tests/osfp/osfp_analyse")
ORDER = ("SEQ", "OPS", "WIN", "ECN", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "U1", "IE")
# Measured numbers that are random within bounds: by how much more they are let vary.
SPREAD = {"SP": 8, "ISR": 6}
HOPS = 4  # By how much a distance may be wrong.
# By family: vendor, name, generation, type of device, CPE.
CLASSES = {"Linux": ("Linux | Linux | 6.X | general purpose", "cpe:/o:linux:linux_kernel:6"),
           "lwIP": ("lwIP | lwIP | 2.X | specialized", "cpe:/a:lwip_project:lwip:2.1"),
           "libslirp": ("QEMU | libslirp | 4.X | bridge", "cpe:/a:libslirp_project:libslirp:4.7")}


def expression(test: str, values: set[str]) -> str:
    if test in SPREAD:
        numbers = [int(value, 16) for value in values]
        return f"{max(0, min(numbers) - SPREAD[test]):X}-{max(numbers) + SPREAD[test]:X}"
    if test == "GCD":  # Small multiples are what chance makes of 1.
        return "1-6" if max(int(value, 16) for value in values) <= 6 else "|".join(sorted(values))
    if test == "T":
        numbers = [int(value, 16) for value in values]
        return f"{min(numbers) - HOPS:X}-{min(255, max(numbers) + HOPS):X}"
    return "|".join(sorted(values))


def entry(name: str, rounds: list[dict[str, dict[str, str]]]) -> str:
    """The text of an entry for what several rounds measured."""
    family, cpe = CLASSES[name.split()[0]]
    lines = [f"Fingerprint {name}", f"Class {family}", f"CPE {cpe}"]
    for line in ORDER:
        seen: dict[str, set[str]] = {}
        for one in rounds:
            for test, value in one.get(line, {}).items():
                seen.setdefault(test, set()).add(value)
        if "TG" not in seen and "T" in seen:  # The guess, where the distance is unknown.
            seen["TG"] = {next(f"{top:X}" for top in (32, 64, 128, 255) if int(value, 16) <= top)
                          for value in seen["T"]}
        if "TG" in seen:  # No answer told the distance: the link is direct, so that both are one.
            seen.setdefault("T", set(seen["TG"]))
        if seen:
            lines.append(f"{line}({'%'.join(f'{test}={expression(test, seen[test])}' for test in seen)})")
    return "\n".join(lines) + "\n"


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    measured: dict[str, list] = {}
    with os_lab.Network(sys.argv[2:] or None) as network:
        for _ in range(count):
            for name, one in network.nmap_rounds()[0].items():
                measured.setdefault(os_lab.STACKS[name].entry, []).append(one.analyse(ANALYSE).lines)
    print("\n".join(entry(name, rounds) for name, rounds in measured.items()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
