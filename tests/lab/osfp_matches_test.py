#!/usr/bin/env python3
"""Our matches beside nmap's: nmap looks hosts up in its own database and in random ones, and what it
names for each is compared with what osfp_match makes of the fingerprint that nmap prints.
"""
import os
import pathlib
import re
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

import labs
import os_databases
import os_rounds
import os_stack
from osfp_analysis_test import Network

TOOL = str(labs.BUILD / "tests/osfp/osfp_match")
SEED = int(os.environ.get("SEED", 1))
INSTALLED = pathlib.Path("/usr/share/nmap")
TEXTS = ("Device type", "Running", "OS CPE", "OS details")
# Kinds of names and classes, parts of tests that are wrong, entries.
RANDOM = [(3, [0, 0, 0.2], 60), (3, [0, 0.1, 0.2], 90), (30, [0, 0.02, 0.1], 150), (4, [0.02, 0.05, 0.1], 250),
          (6, [0.06, 0.1, 0.15, 0.2], 150), (40, [0.03, 0.08], 250)]

Said = dict[str, object]  # "matches", and each of TEXTS.


def look_up(network: Network, folder: pathlib.Path, option: str,
            addresses: list[str]) -> dict[str, tuple[str, Said]]:
    """The fingerprint of each host, and what nmap finds for it in the database of a folder. With -d
    nmap prints every fingerprint; without, the text may be empty."""
    xml, normal = network.folder / "out.xml", network.folder / "out.nmap"
    done = labs.run(network.within(
        "nmap", "--datadir", str(folder), "-n", "-Pn", "-O", "--osscan-guess", option, "-p",
        f"{os_stack.OPEN},{os_stack.CLOSED}", "--max-os-tries", "1", "-oX", str(xml), "-oN", str(normal),
        *addresses), 120)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    texts = {}
    for block in normal.read_text().split("\nNmap scan report for ")[1:]:
        found = dict.fromkeys(TEXTS, "")
        for line in block.splitlines():
            name, divider, rest = line.partition(": ")
            name = name.replace(" (JUST GUESSING)", "").replace("Aggressive OS guesses", "OS details")
            if divider and name in found:
                found[name] = rest
        texts[re.split(r"[\s(]", block)[0]] = found
    hosts = {}
    for host in ElementTree.parse(xml).getroot().iter("host"):
        address, fingerprint = host.find("address").get("addr"), host.find("os/osfingerprint")
        matches = [(one.get("name"), one.get("accuracy"), one.get("line"),
                    [(kind.get("type"), kind.get("vendor"), kind.get("osfamily"), kind.get("osgen", ""),
                      *(cpe.text for cpe in kind.iter("cpe"))) for kind in one.iter("osclass")])
                   for one in host.iter("osmatch")]
        printed = "" if fingerprint is None else fingerprint.get("fingerprint")
        hosts[address] = printed, {"matches": matches, **texts[address]}
    return hosts


def without_parts(running: str) -> str:
    """Leaves out, as nmap does, generations that are a part of those before: 4.X behind 2.4.X."""
    families = []
    for family in running.split(", "):
        words, percent = re.fullmatch(r"(.*?)((?: \(\d+%\))?)", family).groups()
        name, space, generations = words.rpartition(" ")
        kept = ""
        for generation in generations.split("|"):
            if generation not in kept:
                kept += "|" * bool(kept) + generation
        families.append(name + space + kept + percent)
    return ", ".join(families)


def ours(database: pathlib.Path, fingerprint: str, option: str) -> Said:
    done = subprocess.run([TOOL, str(database), "debug" if option == "-d" else "plain"],
                          input=fingerprint, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode or done.stderr:
        raise AssertionError(done.stderr)
    said: Said = {"matches": []}
    for line in done.stdout.splitlines():
        kind, *words = line.split("\t")
        if kind == "match":
            said["matches"].append((*words, []))
        elif kind == "class":
            said["matches"][-1][3].append(tuple(words))
        else:
            said[kind] = without_parts(words[0]) if kind == "Running" else words[0]
    return said


class MatchesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.maxDiff = 4000
        self.kinds: dict[str, int] = {}
        self.compared = 0

    def compare(self, database: pathlib.Path, option: str, fingerprint: str, theirs: Said) -> None:
        self.compared += 1
        kind = ("none" if not theirs["OS details"] else
                "guesses" if theirs["OS details"].endswith("%)") else "perfect")
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        with self.subTest(seed=SEED, database=database.parent.name, option=option):
            self.assertEqual(ours(database, fingerprint, option), theirs, fingerprint)

    def make_folder(self, network: Network, number: int, tests: list[os_databases.Tests]) -> pathlib.Path:
        folder = network.folder / f"random-{number}"
        folder.mkdir()
        for file in INSTALLED.glob("nmap-*"):
            if file.name != "nmap-os-db":
                (folder / file.name).symlink_to(file)
        kinds, strays, entries = RANDOM[number]
        made = os_databases.Maker(SEED + number, tests, kinds, strays).make(entries, number == 0)
        (folder / "nmap-os-db").write_text(made)
        return folder

    def test_names_what_nmap_names(self) -> None:
        with Network() as network:
            # All kernels, and some of the made-up stacks.
            addresses = [*network.hosts][:5] + [*network.hosts][5::4]
            hosts = look_up(network, INSTALLED, "-d", addresses)
            for fingerprint, theirs in hosts.values():
                self.compare(INSTALLED / "nmap-os-db", "-d", fingerprint, theirs)
            tests = [os_rounds.tests_of(fingerprint) for fingerprint, _ in hosts.values()]
            for number in range(len(RANDOM)):
                folder = self.make_folder(network, number, tests)
                hosts = look_up(network, folder, "-d", addresses)
                for fingerprint, theirs in hosts.values():
                    self.compare(folder / "nmap-os-db", "-d", fingerprint, theirs)
                if number == 0:  # Other matches are named without -d, which is for fingerprints.
                    plain = look_up(network, folder, "-v", addresses)
                    for address, (_, theirs) in plain.items():
                        self.compare(folder / "nmap-os-db", "-v", hosts[address][0], theirs)
        print(f"{self.compared} lookups compared: {self.kinds}; seed {SEED}")
        for kind in ("none", "guesses", "perfect"):
            self.assertIn(kind, self.kinds)


if __name__ == "__main__":
    labs.main("nmap")
