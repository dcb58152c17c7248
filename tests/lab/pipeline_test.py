#!/usr/bin/env python3
"""One NIC for the survey, the service tier and everybody else, over each of the three kinds of link.

TRAWL_PIPELINE_BITS: targets of the survey at full rate, as a power of two from 16 to 20."""
import ipaddress
import os
import subprocess
import time
import unittest

import labs
import pipeline_lab
import wire

BITS = int(os.environ.get("TRAWL_PIPELINE_BITS", "18"))
PORT_BITS = 3
PORTS = "22,80,443,6379,8001-8004"
POPULATION = ("--rtt", "1", "--live", "0.1", "--open", "22=0.02,80=0.02,443=0.01,6379=0.01")
SERVERS = "198.18.255.0/28"
FEW = "198.18.252.0/22"
SSH, SSH_TARGETS = "22", "198.18.240.0/20"  # Names itself at once.
TAKEN_PORT = 62000
LAST_STEPS = 1.0  # Seconds: what a survey has to do when its link is closed.
LISTENER = f"""
import socket, time
kept = socket.create_server(("", {TAKEN_PORT}))
print("ready", flush=True)
time.sleep(1000)
"""


def network_of(bits: int) -> str:
    """So many addresses, the real servers' among them."""
    return str(ipaddress.ip_network(f"198.18.255.0/{32 - bits}", strict=False))


class OneLink:
    """What holds for every kind of link."""
    kind: pipeline_lab.Kind
    changes: set[str]  # In the kernel, while a survey runs.
    left_by_kill: set[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(pipeline_lab.PipelineLab(cls.kind, *POPULATION))
        cls.servers = pipeline_lab.real_servers("basic")

    def begin(self, *arguments: str, **options) -> labs.Survey:
        survey = self.lab.begin(*arguments, **options)
        labs.wait_until(lambda: self.changes <= set(self.lab.traces()), f"sign of {self.changes}")
        return survey

    def truth(self, network: str, ports: str = PORTS) -> set[tuple[str, int, str]]:
        inside = ipaddress.ip_network(network)
        return {found for found in self.lab.truth(ports)
                if ipaddress.ip_address(found[0]) in inside}

    def expect_identified(self, survey: labs.Survey, only: int | None = None) -> None:
        """The servers; `only` is the port of the one that was asked."""
        facts = pipeline_lab.facts(survey)
        for server in self.servers:
            for port, (service, product) in server.listens.items():
                if only not in (None, port):
                    continue
                fact = facts.get((server.address, port), {})
                self.assertEqual((service, product), (fact.get("service"), fact.get("product")),
                                 f"{server.name} on {port}: {fact}")

    def expect_all_found_once(self, survey: labs.Survey, network: str, ports: str = PORTS) -> None:
        found = pipeline_lab.open_ports(survey)
        self.assertEqual(sorted(self.truth(network, ports)), sorted(found))
        self.assertEqual({where[:2] for where in found}, set(pipeline_lab.facts(survey)))

    def test_survey_services_and_bystanders_share_it(self) -> None:
        network = network_of(BITS - PORT_BITS)
        with self.lab.capture(pipeline_lab.KERNEL_RESETS) as capture:
            survey = self.begin("--rate", "max", "--service", "--version-light", "-p", PORTS,
                                network)
            with pipeline_lab.Bystander(self.lab, self.kind) as bystander:
                survey.wait()
                ended = time.time()
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertEqual("", bystander.trouble)
        self.assertGreater(bystander.rounds, 0, "the survey was over too soon")
        self.expect_all_found_once(survey, network)
        self.expect_identified(survey)
        # Servers repeat their SYN-ACKs for a minute; once the survey is over they are the system's.
        resets = [frame for frame in wire.frames(capture) if frame[0] < ended - LAST_STEPS]
        self.assertEqual([], resets, "resets of the system on the wire")
        self.assertEqual({}, self.lab.traces())

    def test_what_a_killed_survey_left_goes_with_the_next_command(self) -> None:
        survey = self.begin("--service", "--rate", "100", "-p", PORTS, FEW)
        survey.process.kill()
        survey.process.communicate()
        self.assertEqual(self.left_by_kill, set(self.lab.traces()))
        after = self.lab.pipeline("--rate", "max", "-p", PORTS, FEW)
        self.assertEqual(0, after.code, after.stderr)
        self.assertEqual(self.truth(FEW), set(after.found()))
        self.assertEqual({}, self.lab.traces())

    def test_interface_down_and_up(self) -> None:
        self.down_and_up("--service", "--version-light")

    def down_and_up(self, *options: str) -> None:
        checkpoint = self.lab.folder / f"checkpoint{options[0]}"
        survey = self.begin(*options, "--rate", "2000", "--checkpoint", str(checkpoint), "-p", SSH,
                            SSH_TARGETS)
        survey.wait_for_lines(2)
        self.lab.ip("link", "set", "scan0", "down")
        survey.wait()
        self.lab.bring_up()
        self.assertEqual(4, survey.code, survey.stderr)
        self.assertIn("went down", survey.stderr)
        self.assertEqual({}, self.lab.traces())
        done = labs.run([*self.lab.within(), labs.TRAWL, "resume", "-q", str(checkpoint)])
        self.assertEqual(0, done.returncode, done.stderr)
        self.expect_all_found_once(survey, SSH_TARGETS, SSH)
        self.expect_identified(survey, only=int(SSH))

    def test_another_program_has_a_port_of_the_range(self) -> None:
        process = subprocess.Popen([*self.lab.within(), "python3", "-c", LISTENER],
                                   stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual("ready\n", process.stdout.readline())
            survey = self.lab.pipeline("-p", PORTS, SERVERS)
        finally:
            process.kill()
            process.communicate()
        self.assertEqual(4, survey.code, survey.stderr)
        self.assertIn(f"TCP port {TAKEN_PORT} is used by another program", survey.stderr)
        self.assertEqual({}, self.lab.traces())


class OneInterface(OneLink):
    """It is the kernel's as well."""

    def test_interface_down_and_up_while_the_dataplane_talks(self) -> None:
        self.down_and_up("--banners")


class AfXdp(OneInterface, unittest.TestCase):
    kind = pipeline_lab.AF_XDP
    changes = {"xdp", "reserved"}
    left_by_kill = changes


class Tap(OneLink, unittest.TestCase):
    kind = pipeline_lab.TAP
    changes = {"xdp", "tap", "reserved"}
    left_by_kill = {"xdp", "reserved"}  # The TAP goes with the process.

    def test_small_frames(self) -> None:
        """Over the other links the kernel's sockets have the interface's own MTU."""
        def set_mtu(size: str) -> None:
            self.lab.ip("link", "set", "scan0", "mtu", size)
            labs.must("ip", "-n", self.lab.namespace("sim"), "link", "set", "sim0", "mtu", size)
        set_mtu("576")
        try:
            survey = self.lab.pipeline("--service", "--version-light", "-p", PORTS, SERVERS)
        finally:
            set_mtu("1500")
        self.assertEqual(0, survey.code, survey.stderr)
        self.expect_identified(survey)


class AfPacket(OneInterface, unittest.TestCase):
    kind = pipeline_lab.AF_PACKET
    changes = {"firewall", "reserved"}
    left_by_kill = changes


if __name__ == "__main__":
    labs.main("tcpdump", "curl", "ssh", "nft")
