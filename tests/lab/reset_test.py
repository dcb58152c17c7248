#!/usr/bin/env python3
"""Open ports of a kernel are not left half open: each gets the reset that the SYN-ACK asks for, once,
over every driver and in both families."""
import collections
import socket
import time
import unittest

import labs
import wire

PORTS = range(2000, 2050)
LINKS = {"af_packet": "net_af_packet0,iface=near0,qdisc_bypass=1"}
if labs.has_af_xdp():
    LINKS["af_xdp"] = "near0"
PEERS = {socket.AF_INET: "198.18.100.2", socket.AF_INET6: "2001:db8::2"}
SYN, RST, SYN_ACK = 0x02, 0x04, 0x12


def flags_and_port(frame: bytes) -> tuple[int, int]:
    """Of a TCP segment: its flags, and its port that is not the scanner's."""
    tcp = frame[34:] if frame[12:14] == b"\x08\x00" else frame[54:]
    ports = int.from_bytes(tcp[:2], "big"), int.from_bytes(tcp[2:4], "big")
    return tcp[13], min(ports)


class HalfOpen(unittest.TestCase):
    """A lab whose scanner has near0, and its other side far0 with a kernel that listens."""

    def setUp(self) -> None:
        self.lab = labs.Lab("--no-servers", "--rtt", "0", "--driver", "af_packet")
        self.enterContext(self.lab)
        scan, sim = self.lab.namespace("scan"), self.lab.namespace("sim")
        labs.must("ip", "-n", scan, "link", "add", "near0", "type", "veth", "peer", "name", "far0",
                  "netns", sim)
        for name, interface, host in ((scan, "near0", 1), (sim, "far0", 2)):
            for group in (interface, "all"):
                labs.must("ip", "netns", "exec", name, "sh", "-c",
                          f"echo 0 > /proc/sys/net/ipv6/conf/{group}/disable_ipv6")
            labs.must("ip", "-n", name, "link", "set", interface, "up")
            labs.must("ip", "-n", name, "address", "add", f"198.18.100.{host}/24", "dev", interface)
            labs.must("ip", "-n", name, "-6", "address", "add", f"2001:db8::{host}/64", "dev",
                      interface, "nodad")
        for port in PORTS:
            listener = labs.in_namespace(sim, lambda port=port: socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True))
            self.addCleanup(listener.close)

    def half_open(self) -> int:
        return len(labs.must("ip", "netns", "exec", self.lab.namespace("sim"), "ss", "-Htan",
                             "state", "syn-recv").splitlines())

    def survey(self, link: str, family: int, *arguments: str
               ) -> tuple[labs.Survey, dict[int, collections.Counter]]:
        """Also how many segments of each kind crossed the wire for each port."""
        with self.lab.capture("tcp", "sim", "far0") as path:
            survey = self.lab.survey(PEERS[family], "-p", f"{PORTS[0]}-{PORTS[-1] + 50}",
                                     "--allow-special", "2001:db8::/32", "--rate", "1k",
                                     "--reset", *arguments, link=link)
            time.sleep(1.5)  # Servers repeat a SYN-ACK after a second.
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertEqual(set(PORTS), {port for _, port, _ in survey.found()})
        seen: dict[int, collections.Counter] = {}
        for _, frame in wire.frames(path):
            flags, port = flags_and_port(frame)
            seen.setdefault(flags, collections.Counter())[port] += 1
        return survey, seen

    def test_each_open_port_gets_one_reset_and_says_nothing_more(self) -> None:
        for family in PEERS:
            for driver, link in LINKS.items():
                with self.subTest(driver, family=family):
                    survey, seen = self.survey(link, family)
                    self.assertEqual(0, self.half_open())
                    once = collections.Counter(PORTS)
                    self.assertEqual(once, seen[SYN_ACK])
                    self.assertEqual(once, seen[RST])
                    counters = survey.counters["others"]
                    self.assertEqual(len(PORTS), counters["resets_sent"])
                    self.assertEqual(len(PORTS) + 50, counters["probes_sent"])

    # What the test above would see of handshakes that nobody ends.
    def test_without_resets_they_are_left_half_open(self) -> None:
        survey = self.lab.start(PEERS[socket.AF_INET], "-p", f"{PORTS[0]}-{PORTS[-1]}", "--rate", "1k", link=LINKS["af_packet"])
        survey.wait_for_lines(len(PORTS))
        self.assertEqual(len(PORTS), self.half_open())
        self.assertEqual(0, survey.wait().code)
        self.assertEqual(0, survey.counters["others"]["resets_sent"])


if __name__ == "__main__":
    labs.main("tcpdump", "ss")
