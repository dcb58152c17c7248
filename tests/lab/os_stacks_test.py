#!/usr/bin/env python3
"""`trawl -O` and `nmap -O` say the same of real stacks: the kernel under several settings, lwIP and
libslirp, with the database of the installed nmap; and of stacks that answer otherwise in each round.

Both send their own probes, so what a host measures or draws anew differs from run to run, of one
program as of the other: SP, ISR and GCD of SEQ (sequence numbers), TS (a clock whose rate is at the
limit of two classes), and of SCAN the time and the ports. All other tests are compared value by
value. Names and accuracies hang on SEQ too: where it is the same they have to be the same, and
otherwise each program's own have to be those of the fingerprint that it prints.
"""
import collections
import dataclasses
import re
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

import labs
import os_lab
import os_rounds
import os_stack
import osfp_analysis_test
from os_lab import CLOSED, OPEN
from os_stack import SEQ, Behaviour

TOOL = str(labs.BUILD / "tests/osfp/osfp_match")
DATABASE = "/usr/share/nmap/nmap-os-db"
RUNS = 4
STACKS = ["default", "no timestamps", "one clock", "bare", "no ECN", "TTL 255", "lwIP", "libslirp"]
TIMED = {("SEQ", "SP"), ("SEQ", "ISR"), ("SEQ", "GCD"), ("SEQ", "TS")}
BOTH = ("-p", f"{OPEN},{CLOSED}")
CASES = {
    "open and closed": BOTH,
    "the open port alone": ("-p", f"{OPEN}"),
    "the closed port alone": ("-p", f"{CLOSED}"),
    "promising hosts only": ("-p", f"{OPEN}", "--osscan-limit"),
    "insane": (*BOTH, "-T5"),
}
# Lines of the normal report: those that hang on names, of which the heads are the same, and others.
HEADS = re.compile(r"^(Device type|Running|OS CPE|OS details|Aggressive OS guesses)\b", re.MULTILINE)
WHOLE = re.compile(
    r"^(?:No exact OS matches for host|No OS matches for host|Too many fingerprints match|"
    r"Warning: OSScan results|Network Distance|IP ID Sequence Generation)\b.*$", re.MULTILINE)
ADVICE = re.compile(r"\(If you know what OS is running on it, .*\)\.$")


class Said:
    """What one run of a program says of one host."""

    def __init__(self, host: ElementTree.Element, text: str) -> None:
        self.matches = [(match.get("name"), match.get("accuracy")) for match in host.iter("osmatch")]
        self.ports = [(one.get("state"), one.get("proto")) for one in host.iter("portused")
                      if one.get("proto") == "tcp"]
        self.distance = [one.get("value") for one in host.iter("distance")]
        self.heads = HEADS.findall(text)
        self.lines = [ADVICE.sub("(advice).", line) for line in WHOLE.findall(text)]
        printed = host.find("os/osfingerprint")
        self.fingerprint = "" if printed is None else printed.get("fingerprint")
        self.tests = os_rounds.tests_of(self.fingerprint) if self.fingerprint else {}
        self.tests.pop("SCAN", None)

    def steady(self) -> dict[tuple[str, str], str]:
        return {(line, test): "varies" if (line, test) in TIMED else value
                for line, tests in self.tests.items() for test, value in tests.items()}

    def looked_up(self) -> list[tuple[str, str]]:
        """What fits its fingerprint, by our scorer."""
        done = subprocess.run([TOOL, DATABASE, "debug"], input=self.fingerprint, capture_output=True,
                              text=True, timeout=60, check=True)
        return [tuple(line.split("\t")[1:3]) for line in done.stdout.splitlines()
                if line.startswith("match\t")]


def differences(theirs: Said, ours: Said) -> list[str]:
    found = [f"{what}: nmap {there}, trawl {here}"
             for what in ("ports", "distance", "lines")
             if (there := getattr(theirs, what)) != (here := getattr(ours, what))]
    nmap, trawl = theirs.steady(), ours.steady()
    found += [f"{test}: nmap {nmap.get(test)}, trawl {trawl.get(test)}"
              for test in sorted(nmap.keys() | trawl.keys()) if nmap.get(test) != trawl.get(test)]
    if theirs.tests == ours.tests or not theirs.fingerprint:
        if theirs.matches != ours.matches:
            found.append(f"names: nmap {theirs.matches}, trawl {ours.matches}")
        if theirs.heads != ours.heads:
            found.append(f"lines: nmap {theirs.heads}, trawl {ours.heads}")
        return found
    for program, said in (("nmap", theirs), ("trawl", ours)):
        if said.matches != said.looked_up():
            found.append(f"names: {program} {said.matches}, of its fingerprint {said.looked_up()}")
    return found


def scan(network, program: str, options: tuple[str, ...]) -> dict[str, Said]:
    output = network.folder / "said.xml"
    done = labs.run(network.within(program, "-n", "-Pn", "-O", "-d", *options, "-oX", str(output),
                                   *network.hosts), 200)
    if done.returncode:
        raise AssertionError(f"{program}: code {done.returncode}: {done.stderr[-2000:]}")
    texts = {part.split("\n", 1)[0]: part
             for part in done.stdout.split("Nmap scan report for ")[1:]}
    return {host.find("address").get("addr"): Said(host, texts[host.find("address").get("addr")])
            for host in ElementTree.parse(output).getroot().iter("host")}


class RealStacks(unittest.TestCase):
    def compare(self, network: os_lab.Network, options: tuple[str, ...]) -> dict[str, list[str]]:
        """What differs in each of a few runs, by stack: a busy machine makes nmap miss an answer."""
        left = dict.fromkeys(network.hosts, [])
        for _ in range(RUNS):
            theirs, ours = scan(network, "nmap", options), scan(network, labs.TRAWL, options)
            left = {address: wrong for address in left
                    if (wrong := differences(theirs[address], ours[address]))}
            if not left:
                break
        return {network.hosts[address]: wrong for address, wrong in left.items()}

    def test_says_what_nmap_says(self) -> None:
        self.maxDiff = None
        with os_lab.Network(STACKS) as network:
            for name, options in CASES.items():
                with self.subTest(name):
                    self.assertEqual({}, self.compare(network, (*options, "--max-os-tries", "1")))


def counting(step: int) -> dict[str, int]:
    return {name: 100 + step * number for number, name in enumerate(SEQ)}


PLAIN = Behaviour()
FEW = Behaviour(window={name: 999 for name in SEQ}, silent=("T5", "T6", "T7", "U1"))
# What a stack does in its first, second, ... round.
ROUNDS = {
    "windows": [Behaviour(window={name: size for name in SEQ}) for size in (10, 10, 20, 30, 10)],
    "identifiers": [Behaviour(ids=counting(step)) for step in (1, 1, 2000, 1, 256)],
    "a window of a reset": [Behaviour(window={"T5": size}) for size in (1, 2, 3, 4, 5)],
    "TTLs": [Behaviour(ttl={"T5": ttl}) for ttl in (64, 64, 128, 255, 64)],
    "no ECN in two": [dataclasses.replace(PLAIN, silent=("E",) if number % 2 else ())
                      for number in range(5)],
    "T2 in three": [dataclasses.replace(PLAIN, silent=() if number in (1, 3, 4) else ("T2",))
                    for number in range(5)],
    "the third is best": [FEW, FEW, PLAIN, FEW, FEW],
}


class Rounds(unittest.TestCase):
    """Five rounds as one: what is printed of each line, and which names are told."""

    def test_are_told_as_nmap_tells_them(self) -> None:
        stacks = {name: dataclasses.replace(rounds[0]) for name, rounds in ROUNDS.items()}
        names = {id(stack): name for name, stack in stacks.items()}
        begun: collections.Counter = collections.Counter()
        answer = os_stack.answer

        def answer_by_round(how: Behaviour, ip: bytes) -> bytes | None:
            name = names[id(how)]
            if os_stack.probe_name(ip[9], ip[20:]) == "S1":
                begun[name] += 1
            return answer(ROUNDS[name][max(0, begun[name] - 1) % 5], ip)

        os_stack.answer = answer_by_round
        self.addCleanup(setattr, os_stack, "answer", answer)
        told = {}
        with osfp_analysis_test.Network(stacks) as network:
            network.hosts = {address: name for address, name in network.hosts.items()
                             if name in stacks}
            left = set(network.hosts)
            for _ in range(RUNS):
                for program in ("nmap", labs.TRAWL):
                    begun.clear()
                    told[program] = scan(network, program, (*BOTH, "--max-os-tries", "5"))
                left = {address for address in left
                        if self.printed(told["nmap"][address]) != self.printed(told[labs.TRAWL][address])}
                if not left:
                    break
        self.maxDiff = None
        self.assertEqual({network.hosts[address]: self.printed(told["nmap"][address]) for address in left},
                         {network.hosts[address]: self.printed(told[labs.TRAWL][address])
                          for address in left})

    @staticmethod
    def printed(said: Said) -> tuple:
        lines = re.findall(r"([A-Z][A-Z0-9]*)\(([^)]*)\)", said.fingerprint.replace("\nOS:", ""))
        seq = re.compile(r"(SP|ISR|GCD|TS)=[^%]*")
        return ([(name, seq.sub(r"\1", tests) if name == "SEQ" else tests) for name, tests in lines
                 if name != "SCAN"], [name for name, _ in said.matches[:1]], said.lines)


if __name__ == "__main__":
    labs.main("nmap", "cc", "slirp4netns")
