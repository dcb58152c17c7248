#!/usr/bin/env python3
"""Operating systems drawn from the installed database: `trawl -O` and `nmap -O` look at the same
simulated hosts, and both say which entry each of them is.

    TRAWL_PERSONALITIES=40        so many hosts; TRAWL_ALL_PERSONALITIES=1 is 500
    SEED=1                        draws others
"""
import os
import pathlib
import sys
import tempfile
import unittest

import guardian
import labs

sys.path.insert(1, str(labs.ROOT / "bench/osfp"))
import personalities
from link_pair import LinkPair
from personalities import Answer, Entry, OsScan

SEED = int(os.environ.get("SEED", 1))
COUNT = 500 if os.environ.get("TRAWL_ALL_PERSONALITIES") else int(
    os.environ.get("TRAWL_PERSONALITIES", 40))
BAD_PATH = ("--loss-in", "0.01", "--loss-out", "0.01", "--rtt", "80-80")
LEAST, LEAST_BAD_PATH = 0.98, 0.95


def miss(program: str, address: str, entry: Entry, answer: Answer) -> str:
    best = f"{answer.matches[0].name} ({answer.best}%)" if answer.matches else "nothing"
    return (f"{program} {address}: line {entry.line} {entry.name}, but it says {best}; "
            f"{personalities.explain(answer.fingerprint, entry)}")


class Tally:
    """Which hosts a program names."""

    def __init__(self, program: str, hosts: dict[str, Entry], scan: OsScan) -> None:
        self.right: set[str] = set()
        self.misses: list[str] = []
        self.alone = 0
        for address, entry in hosts.items():
            answer = scan.answers.get(address, Answer())
            if personalities.is_right(answer, entry):
                self.right.add(address)
                self.alone += len(answer.matches) == 1
            else:
                self.misses.append(miss(program, address, entry, answer))
        print(f"{program}: {len(self.right)} of {len(hosts)} right ({self.alone} named alone) in "
              f"{scan.seconds:.1f} s; seed {SEED}", *self.misses, sep="\n  ", flush=True)


class PersonalitiesTest(unittest.TestCase):
    def compare(self, least: float, *path: str) -> None:
        hosts = personalities.draw(COUNT, SEED)
        pair = LinkPair(drops=False)
        spaces = f"{pair.tx} {pair.rx}"
        with (tempfile.TemporaryDirectory(prefix="trawl-os-test-") as folder,
              guardian.Guardian(["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
                                 "ip netns pids $n | xargs -r kill -KILL; done; true"],
                                ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
                                 "ip netns del $n; done"]),
              personalities.playing(hosts, pathlib.Path(folder), *path, seed=SEED,
                                    pair=pair) as stage):
            theirs = Tally("nmap", hosts, stage.scan("nmap", "-d"))
            ours = Tally("trawl", hosts, stage.scan(labs.TRAWL, "-d"))
        self.assertGreaterEqual(len(ours.right), least * len(hosts), f"seed {SEED}")
        self.assertGreaterEqual(len(ours.right), len(theirs.right), f"seed {SEED}")

    def test_names_what_was_drawn(self) -> None:
        self.compare(LEAST)

    def test_names_it_on_a_bad_path(self) -> None:
        self.compare(LEAST_BAD_PATH, *BAD_PATH)


if __name__ == "__main__":
    labs.main("nmap")
