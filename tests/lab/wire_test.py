#!/usr/bin/env python3
"""What leaves the scanner, as a capture at the far end of its link shows it."""
import ipaddress
import os
import struct
import unittest

import labs
import wire

PORTS = "80,443,8080-8081"
PORT_SET = (80, 443, 8080, 8081)
SOURCE_PORTS = ("50000-50063", range(50000, 50064))
# Targets and excludes that overlap in every way: inside, equal, around, over an edge, single,
# adjacent, twice, and apart.
TARGETS = ["198.18.4.0/24", "198.18.5.0/28", "198.18.6.0/25", "198.18.7.0/24", "198.18.8.0/28",
           "198.18.4.128/25", "198.18.9.1-198.18.9.40", "198.18.10-11.7,9", "198.18.12.5"]
EXCLUDES = ["198.18.4.64/26", "198.18.5.0/28", "198.18.6.0/24", "198.18.7.250-198.18.8.5",
            "198.18.9.20", "198.18.9.21-198.18.9.22", "198.18.11.0/24", "198.18.13.0/24",
            "198.18.7.16/28", "198.18.7.24-198.18.7.40"]
EXCLUDE_LINES = "# never\n198.18.4.3\n\n198.18.4.0/30  # and these\n198.18.7.0/29\n"

MSS_SACK_TIMESTAMP_SCALE = (b"\x02\x04\x05\xb4\x04\x02\x08\x0a", b"\x01\x03\x03\x07")
SYN = 0x02
RST = 0x04


def addresses(spec: str) -> set[str]:
    """The addresses of a prefix, a range, octet ranges or one address."""
    if "/" in spec:
        return {str(address) for address in ipaddress.ip_network(spec)}
    parts = spec.split("-")
    if len(parts) == 2 and parts[1].count(".") == 3:
        first, last = (int(ipaddress.ip_address(part)) for part in parts)
        return {str(ipaddress.ip_address(value)) for value in range(first, last + 1)}
    found = {""}
    for octet in spec.split("."):
        values = []
        for item in octet.split(","):
            low, _, high = item.partition("-")
            values += range(int(low), int(high or low) + 1)
        found = {f"{head}.{value}".lstrip(".") for head in found for value in values}
    return found


def union(specs: list[str]) -> set[str]:
    return set().union(*map(addresses, specs))


EXCLUDED = union(EXCLUDES) | {"198.18.4.3"} | union(["198.18.4.0/30", "198.18.7.0/29"])
ALLOWED = union(TARGETS) - EXCLUDED


class OnTheWire(unittest.TestCase):
    def survey_captured(self, link: str, *options: str) -> tuple[labs.Survey, list, list[str]]:
        """The survey, the frames from the scanner's MAC address and the dry run's lines."""
        with labs.Lab("--no-servers", "--rtt", "0", "--driver", "af_packet") as lab:
            never = lab.folder / "never.txt"
            never.write_text(EXCLUDE_LINES, encoding="utf-8")
            plan = ["-p", PORTS, *TARGETS, "--exclude-file", str(never), "--seed", "11",
                    *(word for exclude in EXCLUDES for word in ("--exclude", exclude))]
            with lab.capture(f"ether src {lab.mac('scan', 'scan0')}") as path:
                survey = lab.survey(*plan, "--rate", "5k", "--source-port", SOURCE_PORTS[0],
                                    *options, link=link)
            order = labs.must(labs.TRAWL, "survey", "--allow-special", labs.NETWORK, *plan,
                              "--dry-run").splitlines()
            self.macs = lab.mac("scan", "scan0"), lab.mac("sim", "sim0")
            self.assertEqual(0, survey.code, survey.stderr)
            return survey, [frame for _, frame in wire.frames(path)], order

    def check(self, link: str, *options: str, in_order: bool = True) -> None:
        survey, captured, order = self.survey_captured(link, *options)
        probes = []
        for frame in captured:
            kind = struct.unpack_from(">H", frame, 12)[0]
            if kind == 0x0806:
                # Only the gateway is asked for; every target is behind it.
                self.assertEqual("198.18.0.2", wire.Arp.parse(frame).target)
                continue
            probe = wire.Segment.parse(frame)  # Lengths and checksums.
            # The scanner's own kernel knows of no connection, and must not see what is answered.
            self.assertEqual(0, probe.flags & RST, (probe.target, probe.target_port))
            self.assertEqual(74, len(frame))
            self.check_looks(probe)
            probes.append((probe.target, probe.target_port))
        self.assertEqual(set(), {ip for ip, _ in probes} & EXCLUDED, "sent to the excluded")
        self.assertEqual(len(probes), len(set(probes)), "a target was probed twice")
        self.assertEqual({(ip, port) for ip in ALLOWED for port in PORT_SET}, set(probes))
        self.assertEqual(survey.counters["sent"], len(probes))
        sent = [f"{ip}:{port}" for ip, port in probes]
        if in_order:
            self.assertEqual(order[:20], sent[:20])
            self.assertTrue(order == sent, "the order is not that of --dry-run")
        self.assertEqual(sorted(order), sorted(sent))

    def check_looks(self, probe: wire.Segment) -> None:
        """A SYN like Linux makes on an Ethernet link."""
        self.assertEqual(self.macs, (probe.source_mac, probe.target_mac))
        self.assertEqual("198.18.0.1", probe.source)
        self.assertIn(probe.source_port, SOURCE_PORTS[1])
        self.assertEqual((64, True, SYN, 64240, 0, 0, b""),
                         (probe.ttl, probe.dont_fragment, probe.flags, probe.window, probe.urgent,
                          probe.acknowledgement, probe.payload))
        before, after = MSS_SACK_TIMESTAMP_SCALE
        self.assertEqual(20, len(probe.options))
        self.assertTrue(probe.options.startswith(before), probe.options.hex())
        self.assertTrue(probe.options.endswith(after), probe.options.hex())
        value, echo = struct.unpack_from(">II", probe.options, 8)
        self.assertNotEqual(0, value)
        self.assertEqual(0, echo)

    @unittest.skipUnless(labs.has_af_xdp(), "this kernel has no AF_XDP")
    def test_af_xdp(self) -> None:
        self.check(labs.AF_XDP_LINK)

    def test_af_packet(self) -> None:
        self.check(labs.AF_PACKET_LINK)

    @unittest.skipUnless({0, 1} <= os.sched_getaffinity(0), "needs CPUs 0 and 1")
    def test_two_cores_send_each_target_once(self) -> None:
        self.check(labs.AF_PACKET_LINK, "--lcores", "1,0")

    def test_two_senders_send_each_target_once(self) -> None:
        # On fewer than three CPUs some of the three threads take turns.
        cpus = sorted(os.sched_getaffinity(0))
        self.check(labs.AF_PACKET_LINK + ",qpairs=2", "--lcores",
                   ",".join(str(cpus[i % len(cpus)]) for i in range(3)), in_order=False)

    def test_source_ports_and_sequence_numbers_vary(self) -> None:
        _, captured, _ = self.survey_captured("scan0")
        segments = [wire.Segment.parse(frame) for frame in captured
                    if frame[12:14] == b"\x08\x00"]
        probes = [segment for segment in segments if segment.flags == SYN]
        self.assertGreater(len({probe.source_port for probe in probes}), 32)
        self.assertGreater(len({probe.sequence for probe in probes}), len(probes) - 5)


if __name__ == "__main__":
    labs.main("tcpdump")
