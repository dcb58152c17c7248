#!/usr/bin/env python3
"""Neighbours: a gateway that is silent, targets on the link, and questions for our own address."""
import select
import time
import unittest

import labs
import wire

DEVICE = 4
SOURCE, GATEWAY = "198.18.0.9", "198.18.0.10"
BROADCAST = b"\xff" * 6
ARP = 0x0806


class Wire(unittest.TestCase):
    """A pair of namespaces; the scanner's interface has no address, so its kernel answers nothing.
    """

    def setUp(self) -> None:
        self.lab = labs.Lab("--no-servers", "--rtt", "0", "--driver", "af_packet")
        self.enterContext(self.lab)
        scan, sim = self.lab.namespace("scan"), self.lab.namespace("sim")
        labs.must("ip", "-n", scan, "link", "add", "near0", "type", "veth", "peer", "name", "far0",
                  "netns", sim)
        labs.must("ip", "-n", scan, "link", "set", "near0", "up")
        labs.must("ip", "-n", sim, "link", "set", "far0", "up")
        self.far = labs.raw_socket(sim, "far0", ARP)
        self.addCleanup(self.far.close)
        self.mac = bytes.fromhex(self.lab.mac("sim", "far0").replace(":", ""))
        self.near_mac = bytes.fromhex(self.lab.mac("scan", "near0").replace(":", ""))

    def read_arp(self, seconds: float, wanted) -> wire.Arp | None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.far], [], [], left)[0]:
                frame = wire.Arp.parse(self.far.recv(2048))
                if wanted(frame):
                    return frame
        return None

    def start(self, runtime: str = "4s") -> labs.Survey:
        return self.lab.start("198.19.0.0/16", "-p", "80", "--rate", "10", "--source-ip", SOURCE,
                              "--gateway", GATEWAY, "--max-runtime", runtime, link="near0")

    def test_silent_gateway_is_an_error(self) -> None:
        survey = self.start("60s").wait()
        self.assertEqual(DEVICE, survey.code, survey.stderr)
        self.assertIn(GATEWAY, survey.stderr)
        self.assertIn("ARP", survey.stderr)
        self.assertEqual(0, survey.counters["sent"])

    def test_the_gateway_is_asked_and_our_address_answered(self) -> None:
        survey = self.start()
        asked = self.read_arp(10, lambda arp: arp.operation == 1 and arp.target == GATEWAY)
        self.assertIsNotNone(asked, "nobody asked for the gateway")
        self.assertEqual((SOURCE, self.near_mac), (asked.source, asked.source_mac))
        self.far.send(wire.arp(2, self.mac, GATEWAY, asked.source_mac, SOURCE, asked.source_mac))
        self.far.send(wire.arp(1, self.mac, GATEWAY, bytes(6), SOURCE, BROADCAST))
        answer = self.read_arp(10, lambda arp: arp.operation == 2)
        self.assertIsNotNone(answer, "our own address was not answered")
        self.assertEqual((SOURCE, self.near_mac, GATEWAY, self.mac),
                         (answer.source, answer.source_mac, answer.target, answer.target_mac))
        self.far.send(wire.arp(1, self.mac, GATEWAY, bytes(6), "198.18.0.77", BROADCAST))
        self.assertIsNone(self.read_arp(0.5, lambda arp: arp.operation == 2),
                          "an address that is not ours was answered")
        survey.wait()
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertGreater(survey.counters["sent"], 0)


class OnLinkTargets(unittest.TestCase):
    def test_they_are_resolved_alongside_the_others(self) -> None:
        """A kernel with two addresses on the link is found open and closed, an absent one is not
        probed, and targets behind the gateway come in meanwhile."""
        with labs.Lab("--no-servers", "--rtt", "0", "--driver", "af_packet") as lab:
            scan, sim = lab.namespace("scan"), lab.namespace("sim")
            labs.must("ip", "-n", scan, "link", "add", "near0", "type", "veth", "peer", "name",
                      "far0", "netns", sim)
            labs.must("ip", "-n", scan, "address", "add", "198.18.40.1/24", "dev", "near0")
            for address in ("198.18.40.2", "198.18.40.3"):
                labs.must("ip", "-n", sim, "address", "add", f"{address}/24", "dev", "far0")
            for name, interface in ((scan, "near0"), (sim, "far0")):
                labs.must("ip", "-n", name, "link", "set", interface, "up")
            survey = lab.survey("198.18.40.2-198.18.40.9", "-p", "80", "--rate", "1k", "--states",
                                "all", link="near0")
            self.assertEqual(0, survey.code, survey.stderr)
            self.assertEqual({("198.18.40.2", 80, "closed"), ("198.18.40.3", 80, "closed")},
                             set(survey.found()))
            self.assertEqual((2, 6), (survey.counters["sent"], survey.counters["no_neighbour"]))


if __name__ == "__main__":
    labs.main()
