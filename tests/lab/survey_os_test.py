#!/usr/bin/env python3
"""`trawl survey --os`: hosts with an open port are asked for their systems, by packets of the polling
cores, over each of the three kinds of link. What nmap -O says of the same hosts is beside it."""
import collections
import json
import re
import unittest
import xml.etree.ElementTree as ElementTree

import labs
import pipeline_lab

SURVEY_PORTS, OS_PORTS = "61000-64999", "65000-65255"
CLOSED_PORT = 31337
SERVERS = "198.18.255.0/28"
PORTS = "22,80,443,6379"
TRIES = 3  # On a loaded machine a scanner may miss an answer.
# What may not leave: all but the survey's own, and OS detection's from its ports and identifiers.
STRANGE = (f"ip and src host {pipeline_lab.SCANNER} and not (tcp and src portrange {SURVEY_PORTS}) and not "
           f"((tcp or udp) and src portrange {OS_PORTS}) and not "
           "(icmp[icmptype] == icmp-echo and icmp[4:2] >= 65000 and icmp[4:2] <= 65255)")

def lines_of(survey: labs.Survey, kind: str) -> list[dict]:
    lines = map(json.loads, survey.output.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line.get("type") == kind]


def by_line(fingerprint: str) -> dict[str, str]:
    """What each line says. SEQ is left out: it differs from run to run."""
    lines = re.findall(r"([A-Z][A-Z0-9]+)\(([^)]*)\)", fingerprint)
    return {name: tests for name, tests in lines if name not in ("SCAN", "SEQ")}


def nmap_says(lab: labs.Lab, address: str, port: int) -> tuple[tuple[str, int], dict[str, str]]:
    """The best match, and the fingerprint."""
    done = labs.run([*lab.within(), "nmap", "-n", "-Pn", "-O", "-d", "--max-os-tries", "2", "-p",
                     f"{port},{CLOSED_PORT}", "-oX", "-", address], labs.PATIENCE * 2)
    root = ElementTree.fromstring(done.stdout)
    best = next(root.iter("osmatch"))
    fingerprint = next(root.iter("osfingerprint")).get("fingerprint").replace("\nOS:", "").replace("\n", "")
    return (best.get("name"), int(best.get("accuracy"))), by_line(fingerprint)


def count(capture, expression: str) -> int:
    read = labs.must("tcpdump", "-n", "-r", str(capture), expression)
    return len(read.splitlines())


class OneLink:
    """What holds for every kind of link."""
    kind: pipeline_lab.Kind

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(pipeline_lab.PipelineLab(cls.kind))
        cls.ports = collections.defaultdict(set)
        for server in pipeline_lab.real_servers("basic"):
            cls.ports[server.address] |= {port for port in server.listens if str(port) in PORTS.split(",")}
        cls.addresses = sorted(address for address, ports in cls.ports.items() if ports)

    def survey(self, *arguments: str) -> labs.Survey:
        return self.lab.pipeline("--rate", "2000", "--os", "-p", PORTS, *arguments, SERVERS)

    def test_each_host_is_told_once_and_nothing_strange_leaves(self) -> None:
        with self.lab.capture(f"src host {pipeline_lab.SCANNER}") as capture:
            survey = self.survey()
        self.assertEqual(0, survey.code, survey.stderr)
        told = lines_of(survey, "os")
        self.assertEqual(self.addresses, sorted(line["ip"] for line in told))
        for line in told:
            self.assertIn(line["port"], self.ports[line["ip"]])
            self.assertNotIn("trouble", line)
            self.assertRegex(line["fingerprint"], r"^SEQ\(.*OPS\(.*WIN\(.*T7\(.*U1\(.*IE\(R=Y")
        self.assertEqual(0, count(capture, STRANGE))
        # The probes of all, and of those an echo, a datagram and segments.
        for what in ("icmp", "udp", f"tcp and src portrange {OS_PORTS}"):
            for address in self.addresses:
                self.assertGreater(count(capture, f"dst host {address} and {what}"), 0, what)

    def test_hosts_wait_for_one_another(self) -> None:
        told = lines_of(self.survey("--os-hosts", "1", "--os-tries", "1"), "os")
        self.assertEqual(self.addresses, sorted(line["ip"] for line in told))

    def test_services_and_systems_are_told_together(self) -> None:
        survey = self.survey("--service", "--version-light")
        self.assertEqual(self.addresses, sorted(line["ip"] for line in lines_of(survey, "os")))
        asked = {(line["ip"], line["port"]) for line in lines_of(survey, "service")}
        self.assertEqual({(ip, port) for ip, ports in self.ports.items() for port in ports}, asked)


class AfXdp(OneLink, unittest.TestCase):
    kind = pipeline_lab.AF_XDP

    def test_systems_are_those_that_nmap_names(self) -> None:
        address = self.addresses[0]
        for left in reversed(range(TRIES)):
            line = next(line for line in lines_of(self.survey(), "os") if line["ip"] == address)
            best = line["systems"][0]
            ours = (best["name"], best["accuracy"]), by_line(line["fingerprint"])
            theirs = nmap_says(self.lab, address, line["port"])
            if ours == theirs or left == 0:
                self.assertEqual(theirs, ours, line)
                return

    def test_all_formats_have_a_place_for_it(self) -> None:
        folder = self.lab.folder
        self.lab.pipeline("--rate", "2000", "--os", "-p", PORTS, "-o", f"csv:{folder}/os.csv", "-o",
                          f"nmap-xml:{folder}/os.xml", SERVERS)
        rows = (folder / "os.csv").read_text(encoding="utf-8").splitlines()
        self.assertEqual(len(self.addresses), sum(",os," in row for row in rows[1:]))
        hosts = ElementTree.parse(folder / "os.xml").getroot()
        self.assertEqual(self.addresses, sorted(host.find("address").get("addr") for host in hosts.iter("host")
                                                if host.find("os") is not None))


class Tap(OneLink, unittest.TestCase):
    kind = pipeline_lab.TAP


class AfPacket(OneLink, unittest.TestCase):
    kind = pipeline_lab.AF_PACKET


if __name__ == "__main__":
    labs.main("tcpdump", "nmap")
