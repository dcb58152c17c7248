#!/usr/bin/env python3
"""`trawl -O` and `nmap -O` through what stands before real hosts: a SYN proxy, limits of ICMP errors
and of resets, and rules that drop.
"""
import pathlib
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import labs
import linux_stacks
from linux_stacks import CLOSED, OPEN, Stack
from os_hostile_test import differences, tests_of


def table(hook: str, *rules: str) -> str:
    return (f"add table ip f; add chain ip f c {{ type filter hook {hook} priority 0; }}; "
            + "; ".join(f"add rule ip f c {rule}" for rule in rules))


# What both say of them is the same in each run.
STEADY = (
    Stack("as it comes"),
    Stack("SYN proxy", rules=table(
        "input", f"tcp dport {OPEN} ct state invalid,untracked synproxy mss 1460 wscale 7 "
        "timestamp sack-perm", "ct state invalid drop") + "; add chain ip f r { type filter hook "
        f"prerouting priority raw; }}; add rule ip f r tcp dport {OPEN} tcp flags syn notrack"),
    Stack("drops what is no SYN", rules=table(
        "input", f"tcp dport {OPEN} ct state invalid,new tcp flags & (fin|syn|rst|ack) != syn drop")),
    Stack("drops all but the open port", rules=table(
        "input", f"tcp dport != {OPEN} drop", "meta l4proto { icmp, udp } drop")),
    Stack("refuses closed ports with errors", rules=table(
        "input", f"tcp dport != {OPEN} reject with icmp type port-unreachable")),
)
# Which of their answers come depends on when probes arrive.
LIMITED = (
    Stack("as it comes"),
    Stack("an ICMP message a second", rules=table(
        "output", "ip protocol icmp limit rate over 1/second burst 1 packets drop")),
    Stack("two resets a second", rules=table(
        "output", "tcp flags & rst == rst limit rate over 2/second burst 1 packets drop")),
    Stack("an ICMP error a second", {"icmp_ratelimit": 1000}),
)
TRIES = 3  # On a loaded machine either may miss an answer.


def scan(lab: linux_stacks.LinuxStacks, program: str) -> dict[str, ElementTree.Element]:
    with tempfile.TemporaryDirectory() as folder:
        said = pathlib.Path(folder) / "said.xml"
        done = subprocess.run(
            [*lab.within(), program, "-n", "-Pn", "-O", "-d", "-p", f"{OPEN},{CLOSED}",
             "--max-os-tries", "1", "-oX", str(said), *lab.addresses],
            capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise AssertionError(f"{program}: {done.stderr[-2000:]}")
        return {host.find("address").get("addr"): host
                for host in ElementTree.parse(said).getroot().iter("host")}


def without_distance(tests: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """TTLs as they are told with and without the answer that tells how far a host is."""
    return {line: {"T" if test == "TG" else test: value for test, value in values.items()}
            for line, values in tests.items()}


class Firewalls(unittest.TestCase):
    def test_says_what_nmap_says_of_hosts_behind_firewalls(self) -> None:
        with linux_stacks.LinuxStacks(STEADY) as lab:
            left = set(lab.addresses)
            for _ in range(TRIES):
                theirs, ours = scan(lab, "nmap"), scan(lab, labs.TRAWL)
                wrong = {address: differences(theirs[address], ours[address]) for address in left}
                left = {address for address in left if wrong[address]}
                if not left:
                    break
            self.maxDiff = None
            self.assertEqual({}, {lab.addresses[address].name: wrong[address] for address in left})
            plain, proxied, *_ = (tests_of(ours[address]) for address in lab.addresses)
            self.assertNotEqual(plain["OPS"], proxied["OPS"])  # The proxy answered.

    def test_concludes_nothing_wrong_from_answers_that_are_held_back(self) -> None:
        with linux_stacks.LinuxStacks(LIMITED) as lab:
            ours = scan(lab, labs.TRAWL)
        free, *limited = (without_distance(tests_of(ours[address])) for address in lab.addresses)
        for stack, tests in zip(LIMITED[1:], limited, strict=True):
            for line in ("ECN", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "U1", "IE", "OPS", "WIN"):
                with self.subTest(stack.name, line=line):
                    self.assertIn(tests.get(line), (free[line], {"R": "N"}))


if __name__ == "__main__":
    labs.main("nmap", "nft")
