#!/usr/bin/env python3
"""Idle scans: nmap's findings beside trawl's by zombies of every kind, and what the target sees."""
import contextlib
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator

import audit_compare
import idle_lab
import labs

DTD = "/usr/share/nmap/nmap.dtd"
PEER = "nmap"
PORTS = "1-30,53,80,111,443,3000,8080,8443"
TARGET, SHUT, MANY = idle_lab.TARGETS
# tcpdump's lines of IP packets from the scanner's address, or to it.
OWN = re.compile(r" 198\.18\.0\.2(\.\d+)? > |> 198\.18\.0\.2(\.\d+)?: ")
# What an idle scan finds.
COMPARED = {"hosts", "status", "ports", "state", "reason", "service", "listing", "exit"}


class IdleCase(unittest.TestCase):
    """The lab is made once for all tests of a class."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(idle_lab.IdleLab())
        cls.folder = pathlib.Path(cls.enterClassContext(
            tempfile.TemporaryDirectory(prefix="trawl-lab-test-")))

    def scan(self, program: str, zombie: str, *words: str) -> tuple[
            subprocess.CompletedProcess, pathlib.Path, float]:
        """The run, its XML report, and how long it took."""
        xml = self.folder / f"{pathlib.Path(program).name}.xml"
        began = time.monotonic()
        done = labs.run([*self.lab.within(), program, "-n", "-sI", zombie, "-oX", str(xml), *words])
        took = time.monotonic() - began
        checked = labs.run(["xmllint", "--noout", "--dtdvalid", DTD, str(xml)])
        self.assertEqual(checked.returncode, 0, checked.stderr[:600])
        return done, xml, took

    def states(self, xml: pathlib.Path, host: str) -> dict[int, tuple[str, str]]:
        ports = audit_compare.read(str(xml)).hosts[f"ipv4 {host}"].ports
        return {number: (port.state, port.reason) for (_, number), port in ports.items()}

    def expected(self, host: str, ports: range | list[int]) -> dict[int, tuple[str, str]]:
        return {port: ("open", "ipid-change") if port in idle_lab.TARGETS[host]
                and port not in idle_lab.DROPPED else ("closed|filtered", "no-ipid-change")
                for port in ports}

    @contextlib.contextmanager
    def capture(self) -> Iterator[pathlib.Path]:
        """What passes the target's interface while the block lasts, one line a packet."""
        path = self.folder / "seen.txt"
        with open(path, "w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [*self.lab.within("target"), "tcpdump", "-n", "-l", "-B", "8192", "-i", "target0"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True)
            try:
                for line in process.stderr:
                    if "listening on" in line:
                        break
                yield path
                time.sleep(0.3)
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=labs.PATIENCE)


class BesideNmap(IdleCase):
    def test_finds_what_nmap_finds(self) -> None:
        for zombie in ("198.18.0.20", "198.18.0.21", "198.18.0.28"):
            with self.subTest(numbers=idle_lab.ZOMBIES[zombie].kind,
                              step=idle_lab.ZOMBIES[zombie].step):
                ours, our_xml, our_time = self.scan(labs.TRAWL, zombie, "-Pn", "-p", PORTS, TARGET)
                self.assertEqual(ours.returncode, 0, ours.stderr)
                self.assertEqual(self.states(our_xml, TARGET), self.expected(
                    TARGET, audit_compare.numbers(PORTS)))
                # A busy machine makes nmap err; that is not what is tested.
                for _ in range(3):
                    _, peers_xml, peers_time = self.scan(PEER, zombie, "-Pn", "-p", PORTS, TARGET)
                    found = audit_compare.differences(
                        audit_compare.read(str(our_xml)), audit_compare.read(str(peers_xml)),
                        set(audit_compare.ASPECTS) - COMPARED)
                    if not found:
                        break
                self.assertEqual([str(each) for each in found], [])
                print(f"{zombie}: trawl {our_time:.2f} s, nmap {peers_time:.2f} s", file=sys.stderr)

    def test_says_what_nmap_says_of_its_zombie(self) -> None:
        outputs = [self.scan(program, "198.18.0.21", "-Pn", "-p22", "-oN", "-", TARGET)[0].stdout
                   for program in (labs.TRAWL, PEER)]
        lines = [[line for line in output.splitlines() if "zombie" in line and "#" not in line]
                 for output in outputs]
        self.assertEqual(lines[0], ["Idle scan using zombie 198.18.0.21 (198.18.0.21:80); Class: "
                                    "Broken little-endian incremental"])
        self.assertEqual(lines[0], lines[1])

    def test_refuses_the_zombies_that_nmap_refuses(self) -> None:
        for zombie in ("198.18.0.22", "198.18.0.23", "198.18.0.24", "198.18.0.25", "198.18.0.26",
                       idle_lab.ABSENT):
            with self.subTest(zombie=zombie):
                said = []
                for program in (labs.TRAWL, PEER):
                    done, xml, _ = self.scan(program, zombie, "-Pn", "-p22", TARGET)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertEqual(audit_compare.read(str(xml)).exit, "error")
                    said.append([line for line in (done.stdout + done.stderr).splitlines()
                                 if line == "QUITTING!" or "ombie" in line
                                 and not line.startswith("Idle scan using")])
                self.assertEqual(said[0], said[1])
                self.assertEqual(len(said[0]), 2, said)

    def test_refuses_what_leaps_or_is_busy(self) -> None:
        for zombie in ("198.18.0.27", "198.18.0.33"):
            done, _, _ = self.scan(labs.TRAWL, zombie, "-Pn", "-p22", TARGET)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("cannot be used because IP ID sequence class is: ", done.stderr)

    def test_options_are_refused_in_nmaps_words(self) -> None:
        for words in (("-Pn", "-sI", "198.18.0.20:abc"), ("-Pn", "-sI", "198.18.0.20:0"),
                      ("-Pn", "-sI", "198.18.0.20", "-sS"), ("-sn", "-sI", "198.18.0.20"),
                      ("-Pn", "-f", "-sI", "198.18.0.20"),
                      ("-Pn", "--unprivileged", "-sI", "198.18.0.20")):
            with self.subTest(words=words):
                done = [labs.run([*self.lab.within(), program, "-n", *words, TARGET])
                        for program in (labs.TRAWL, PEER)]
                self.assertEqual([each.returncode for each in done], [1, 1], done[0].stderr)
                said = [each.stderr.split("\nQUITTING!")[0].splitlines()[-1] for each in done]
                self.assertEqual(said[0].split(" (CAP_NET_RAW)")[0].rstrip("."),
                                 said[1].rstrip("."))

    def test_the_port_is_the_one_nmap_takes(self) -> None:
        for words in (("-Pn",), (), ("-PS22",), ("-PA25",), ("-PE",)):
            with self.subTest(words=words):
                said = []
                for program in (labs.TRAWL, PEER):
                    done, _, _ = self.scan(program, "198.18.0.20", *words, "-p22", TARGET)
                    said.append((next(line for line in done.stdout.splitlines()
                                      if line.startswith("Idle scan using")),
                                 "WARNING: Many people use -Pn" in done.stderr))
                self.assertEqual(said[0], said[1])


class Alone(IdleCase):
    def test_other_traffic_and_loss_are_seen_through(self) -> None:
        for zombie in ("198.18.0.29", "198.18.0.30", "198.18.0.31"):
            with self.subTest(zombie=idle_lab.ZOMBIES[zombie]):
                done, xml, took = self.scan(labs.TRAWL, zombie, "-Pn", "-p", PORTS, TARGET)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.states(xml, TARGET), self.expected(
                    TARGET, audit_compare.numbers(PORTS)))
                print(f"{zombie}: {took:.2f} s", file=sys.stderr)

    def test_hosts_wait_for_each_other(self) -> None:
        done, xml, took = self.scan(labs.TRAWL, "198.18.0.20", "-Pn", "-p1-100", SHUT, MANY, TARGET)
        self.assertEqual(done.returncode, 0, done.stderr)
        for host in (SHUT, MANY, TARGET):
            self.assertEqual(self.states(xml, host), self.expected(host, range(1, 101)), host)
        # Said once, before the first of them.
        self.assertEqual(done.stdout.count("Idle scan using zombie"), 1)
        print(f"300 ports, 100 open: {took:.2f} s", file=sys.stderr)

    def test_the_target_never_hears_of_the_scanner(self) -> None:
        with self.capture() as seen:
            done, _, _ = self.scan(labs.TRAWL, "198.18.0.20", "-Pn", "-p", PORTS, TARGET)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = seen.read_text(encoding="utf-8").splitlines()
        self.assertEqual([line for line in lines if OWN.search(line)], [])
        syns = [line for line in lines if "Flags [S]," in line]
        self.assertGreater(len(syns), 37)
        self.assertEqual([line for line in syns if " IP 198.18.0.20." not in line], [])

    def test_discovery_is_all_that_comes_from_the_scanner(self) -> None:
        with self.capture() as seen:
            done, _, _ = self.scan(labs.TRAWL, "198.18.0.20", "--disable-arp-ping", "-PE", "-p22",
                                   TARGET)
        self.assertEqual(done.returncode, 0, done.stderr)
        own = [line for line in seen.read_text(encoding="utf-8").splitlines()
               if OWN.search(line)]
        self.assertTrue(own)
        self.assertEqual([line for line in own if "ICMP echo re" not in line], [])

    def test_who_cannot_be_scanned_is_left_out(self) -> None:
        done, xml, _ = self.scan(labs.TRAWL, "198.18.0.20", "-Pn", "-p22", "127.0.0.1",
                                 "198.18.0.20", TARGET)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Skipping Idle Scan against 127.0.0.1 -- you can't idle scan your own "
                      "machine (localhost).", done.stderr)
        self.assertIn("Skipping Idle Scan against 198.18.0.20 -- it is the zombie.", done.stderr)
        self.assertEqual(self.states(xml, "127.0.0.1"), {})
        self.assertEqual(self.states(xml, "198.18.0.20"), {})
        self.assertEqual(self.states(xml, TARGET), {22: ("open", "ipid-change")})

    def test_a_time_limit_and_a_rate_are_kept(self) -> None:
        done, _, took = self.scan(labs.TRAWL, "198.18.0.20", "-Pn", "-p1-1000", "--max-rate",
                                  "50", "--host-timeout", "3s", TARGET)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("due to host timeout", done.stdout)
        self.assertLess(took, 20)


if __name__ == "__main__":
    labs.main("nmap", "xmllint", "tcpdump", "nft")
