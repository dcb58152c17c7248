#!/usr/bin/env python3
"""Audits that are stopped at any moment, again and again, and go on with --resume.

In the end each report has each host once, and no host was asked again that the reports had.
"""
import collections
import concurrent.futures
import contextlib
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as tree

import audit_pair
import labs
from audit_pair import MANY

DTD = "/usr/share/nmap/nmap.dtd"
HOSTS = {f"198.18.1.{octet}" for octet in range(256)}
SUFFIXES = ("nmap", "xml", "gnmap", "json")
ROUNDS = 60  # No scan has to be stopped more often.
SCAN = ("-n", "-Pn", "-sS", "-p1-20,22,80", "--max-rate", "3000", "--packet-trace")
PORTS = 22
Hosts = collections.Counter


HOST_OF = {"nmap": r"(?m)^Nmap scan report for (198\S+)$", "xml": r'<address addr="(198[^"]+)"',
           "gnmap": r"(?m)^Host: (198\S+) \(\)\tStatus: Up$",
           "json": r'(?m)^.*"ip":"(198[^"]+)"'}


def found(base: pathlib.Path, suffix: str) -> Hosts:
    """The hosts of a report, with how often it has them."""
    path = pathlib.Path(f"{base}.{suffix}")
    text = path.read_text(errors="replace") if path.exists() else ""
    return Hosts(re.findall(HOST_OF[suffix], text))


def whole(base: pathlib.Path, suffix: str) -> set[str]:
    """The hosts that a report certainly has: what follows the last of them is there as well."""
    text = pathlib.Path(f"{base}.{suffix}").read_text(errors="replace")
    text = text[:text.rfind("\n") + 1]
    parts = {"nmap": r"(?m)^(?=Nmap scan report for |# )", "json": r"(?m)^(?=\{)",
             "xml": r"(?=<host[ >]|<runstats|<!-- interrupted)",
             "gnmap": r"(?m)^(?=Host: \S+ \(\)\tStatus|# )"}[suffix]
    hosts = set()
    for part in re.split(parts, text)[:-1]:
        if part.startswith(("<!-- interrupted", "# Interrupted")) or '"interrupted"' in part:
            break
        hosts |= set(re.findall(HOST_OF[suffix], part))
    return hosts


def probed(trace: str) -> set[str]:
    return set(re.findall(r"(?m)^SENT .*TCP \S+ > (198\.18\.1\.\d+):", trace))


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="trawl-lab-test-")))
        self.pair = self.enterContext(audit_pair.Pair())

    def run_for(self, seconds: float, number: int, *words: str,
                base: pathlib.Path | None = None) -> tuple[int, str]:
        """Exit code and output of a program that is stopped by a signal, unless it was faster.

        The time begins when the reports `base` have a host.
        """
        with tempfile.TemporaryFile("w+", dir=self.folder, encoding="utf-8") as out:
            process = subprocess.Popen([*self.pair.within(), *words], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=subprocess.STDOUT, text=True)
            if base:
                labs.wait_until(lambda: process.poll() is not None or found(base, "xml"), "hosts")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            process.send_signal(number)
            process.wait(labs.PATIENCE)
            out.seek(0)
            return process.returncode, out.read()

    def check_ended(self, base: pathlib.Path, suffixes: tuple[str, ...]) -> None:
        for suffix in suffixes:
            self.assertEqual(found(base, suffix), Hosts(HOSTS), suffix)
            text = pathlib.Path(f"{base}.{suffix}").read_text()
            self.assertNotIn("not ended", text)
            self.assertNotIn("interrupted", text.lower())
            if suffix in ("nmap", "gnmap"):
                self.assertRegex(text.splitlines()[-1],
                                 r"^# Nmap done at .* -- 256 IP addresses \(256 hosts up\) ")
        xml = f"{base}.xml"
        done = labs.run(["xmllint", "--noout", "--dtdvalid", DTD, xml])
        self.assertEqual(done.returncode, 0, done.stderr[:600])
        root = tree.parse(xml).getroot()
        self.assertEqual(root.find("runstats/hosts").attrib,
                         {"up": "256", "down": "0", "total": "256"})
        self.assertEqual(root.find("runstats/finished").get("exit"), "success")
        for host in root.findall("host"):
            folded = sum(int(each.get("count")) for each in host.findall("ports/extraports"))
            self.assertEqual(folded + len(host.findall("ports/port")), PORTS)
            self.assertEqual({each.get("portid") for each in host.findall("ports/port")
                              if each.find("state").get("state") == "open"}, {"22", "80"})


class Kills(Case):
    """A scan of 256 hosts with four reports, stopped until it is done."""

    def stop(self, suffix: str, number: int) -> None:
        base = self.folder / f"{suffix}{number}"
        code, trace = self.run_for(random.uniform(0, 0.5), number, labs.TRAWL, *SCAN, "-oA",
                                   str(base), "-oJ", f"{base}.json", MANY, base=base)
        rounds = 0
        while code != 0:
            # It may not have begun.
            self.assertIn(code, (-number, 130), trace[-500:])
            rounds += 1
            self.assertLess(rounds, ROUNDS)
            if number == signal.SIGKILL:
                self.tear(base)
            had = set.intersection(*(whole(base, each) for each in SUFFIXES))
            code, trace = self.run_for(random.uniform(0.1, 0.8), number, labs.TRAWL, "--resume",
                                       f"{base}.{suffix}")
            self.assertEqual(probed(trace) & had, set())
        self.assertGreater(rounds, 0)
        self.check_ended(base, SUFFIXES)
        lines = [json.loads(line) for line in pathlib.Path(f"{base}.json").read_text().splitlines()]
        self.assertEqual([line["record"] for line in lines], ["start", *["host"] * 256, "run"])
        self.assertEqual((lines[-1]["hosts"], lines[-1]["exit"]), (256, "success"))

    @staticmethod
    def tear(base: pathlib.Path) -> None:
        """As a loss of power may: one report loses its end."""
        path = pathlib.Path(f"{base}.{random.choice(SUFFIXES)}")
        content = path.read_bytes()
        start = 2000  # The beginning was on its disk.
        if len(content) > start:
            path.write_bytes(content[:random.randint(max(start, len(content) - 3000),
                                                     len(content))])

    def test_each_host_is_told_of_once(self) -> None:
        for number in (signal.SIGKILL, signal.SIGINT):
            with self.subTest(signal=signal.Signals(number).name), \
                    concurrent.futures.ThreadPoolExecutor(2) as pool:
                for each in [pool.submit(self.stop, suffix, number) for suffix in SUFFIXES]:
                    each.result()

    def test_what_has_ended_is_left_alone(self) -> None:
        base = self.folder / "ended"
        done = self.pair.scan(*SCAN, "-oA", str(base), "198.18.1.1-3")
        self.assertEqual(done.returncode, 0, done.stderr)
        before = {path: path.read_bytes() for path in self.folder.iterdir()}
        code, trace = self.run_for(labs.PATIENCE, 0, labs.TRAWL, "--resume", f"{base}.gnmap")
        self.assertEqual((code, probed(trace)), (0, set()))
        self.assertIn("nothing is left to resume", trace)
        self.assertEqual({path: path.read_bytes() for path in self.folder.iterdir()}, before)

    def test_random_order_and_a_host_named_twice(self) -> None:
        base = self.folder / "random"
        words = [*SCAN, "--randomize-hosts", "-oA", str(base), MANY, "198.18.1.7"]
        code, trace = self.run_for(0.2, signal.SIGKILL, labs.TRAWL, *words, base=base)
        self.assertEqual(code, -9, trace)
        code, trace = self.run_for(labs.PATIENCE, 0, labs.TRAWL, "--resume", f"{base}.xml")
        self.assertEqual(code, 0, trace)
        want = Hosts(HOSTS)
        want["198.18.1.7"] = 2
        for suffix in SUFFIXES[:3]:
            self.assertEqual(found(base, suffix), want)


@unittest.skipUnless(shutil.which("nmap"), "needs nmap")
class Nmaps(Case):
    """Reports of Nmap's, which trawl goes on with."""

    def test_a_scan_of_nmaps_is_finished(self) -> None:
        for suffix in SUFFIXES[:3]:
            for number in (signal.SIGKILL, signal.SIGINT):
                with self.subTest(suffix=suffix, number=number):
                    self.go_on(self.folder / f"{suffix}{number}", suffix, number)

    def go_on(self, base: pathlib.Path, suffix: str, number: int) -> None:
        self.run_for(random.uniform(0, 0.8), number, "nmap", "-n", "-Pn", "-sS", "-p1-20,22,80",
                     "--max-rate", "2000", "--max-hostgroup", "16", "-oA", str(base), MANY,
                     base=base)
        before = {each: whole(base, each) for each in SUFFIXES[:3]}
        self.assertGreater(len(before[suffix]), 0)
        code, trace = self.run_for(labs.PATIENCE, 0, labs.TRAWL, "--resume", f"{base}.{suffix}")
        self.assertEqual(code, 0, trace[-500:])
        self.check_ended(base, SUFFIXES[:3])
        told = set(re.findall(r"(?m)^Nmap scan report for (\S+)$", trace))
        self.assertEqual(told & set.intersection(*before.values()), set())


@unittest.skipUnless(shutil.which("nmap"), "needs nmap")
class Refusals(unittest.TestCase):
    def test_they_are_nmaps(self) -> None:
        folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="trawl-lab-test-")))
        (folder / "junk").write_text("hello\nworld\n")
        start = "# Nmap 7.93 scan initiated Sun Nov 22 08:00:00 2026 as: nmap"
        (folder / "bogus").write_text(f"{start} -n --bogus 198.18.0.1-2\n" + "".join(
            f"Nmap scan report for 198.18.0.{octet}\nHost is up.\n\nPORT STATE SERVICE\n"
            "80/tcp open http\n\n" for octet in (1, 2)))
        for words in (["--resume", "none"], ["--resume", "junk"], ["--resume", "/"],
                      ["--resume", "bogus"], ["--resume"], ["--resume", "junk", "-v"],
                      ["198.18.0.1", "--resume", "junk"]):
            with self.subTest(words=words):
                ours = labs.run(["unshare", "-n", "bash", "-c", 'exec -a nmap "$0" "$@"',
                                 labs.TRAWL, *words], cwd=folder)
                theirs = labs.run(["unshare", "-n", "nmap", *words], cwd=folder)
                self.assertEqual(ours.returncode, theirs.returncode, ours.stderr)
                self.assertIn(theirs.stderr.splitlines()[0], ours.stderr)


if __name__ == "__main__":
    labs.main("xmllint")
