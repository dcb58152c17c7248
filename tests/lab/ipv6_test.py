#!/usr/bin/env python3
"""IPv6: a kernel at the other end of a pair of interfaces, found through neighbour discovery."""
import ipaddress
import json
import select
import socket
import threading
import time
import unittest

import labs
import wire

IPV6 = 0x86dd
OURS, PEER, PEER2 = "2001:db8::1", "2001:db8::2", "2001:db8::3"
UNOWNED = "2001:db8::77"  # On the link, of no kernel.
ABSENT, FAR = "2001:db8::9", "2001:db8:9::5"
SOLICITATION, ADVERTISEMENT = 135, 136
SILENCE = ("table ip6 lab { chain output { type filter hook output priority 0; "
           "meta l4proto icmpv6 drop; }; }")
LINKS = {"af_xdp": "near0", "af_packet": "net_af_packet0,iface=near0,qdisc_bypass=1"}


class Packet:
    """The fields of an IPv6 frame that the tests look at."""

    def __init__(self, frame: bytes) -> None:
        self.source_mac = frame[6:12]
        self.next_header, self.hop_limit = frame[20], frame[21]
        self.source, self.target = (str(ipaddress.ip_address(frame[at:at + 16]))
                                    for at in (22, 38))
        self.type = frame[54] if self.next_header == 58 else None
        about = frame[62:78]
        discovery = self.type in (SOLICITATION, ADVERTISEMENT)
        self.about = str(ipaddress.ip_address(about)) if discovery else None


class Watch:
    """All IPv6 frames that arrive at an interface, while the block lasts."""

    def __init__(self, namespace: str, interface: str) -> None:
        self.socket = labs.raw_socket(namespace, interface, IPV6)
        self.frames: list[bytes] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        while not self._over.is_set():
            if select.select([self.socket], [], [], 0.1)[0]:
                self.frames.append(self.socket.recv(2048))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self._over.set()
        self._thread.join()
        self.socket.close()

    def packets(self) -> list[Packet]:
        return [Packet(frame) for frame in self.frames if len(frame) >= 78]


class Kernel(unittest.TestCase):
    """One lab for all: its scanner has near0, 2001:db8::1/64; its other side far0 with two hosts'
    addresses on the link and one behind it."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = labs.Lab("--no-servers", "--rtt", "0", "--driver", "af_packet")
        cls.enterClassContext(cls.lab)
        scan, sim = cls.lab.namespace("scan"), cls.lab.namespace("sim")
        labs.must("ip", "-n", scan, "link", "add", "near0", "type", "veth", "peer", "name", "far0",
                  "netns", sim)
        for name, interface in ((scan, "near0"), (sim, "far0"), (sim, "lo")):
            labs.must("ip", "netns", "exec", name, "sh", "-c",
                      f"echo 0 > /proc/sys/net/ipv6/conf/{interface}/disable_ipv6")
            labs.must("ip", "-n", name, "link", "set", interface, "up")
        labs.must("ip", "netns", "exec", sim, "sh", "-c",
                  "echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
        for name, interface, address in ((scan, "near0", OURS), (sim, "far0", PEER),
                                         (sim, "far0", PEER2)):
            labs.must("ip", "-n", name, "-6", "address", "add", f"{address}/64", "dev", interface,
                      "nodad")
        labs.must("ip", "-n", sim, "-6", "address", "add", f"{FAR}/128", "dev", "lo", "nodad")
        # The kernel beside the scanner asks and answers too; let neighbour discovery be ours alone.
        labs.must("ip", "netns", "exec", scan, "nft", SILENCE)
        cls.near_mac = bytes.fromhex(cls.lab.mac("scan", "near0").replace(":", ""))
        cls.listener = labs.in_namespace(sim, lambda: socket.create_server(
            ("::", 80), family=socket.AF_INET6, backlog=64))
        cls.addClassCleanup(cls.listener.close)

    def watch(self) -> Watch:
        return Watch(self.lab.namespace("sim"), "far0")

    def survey(self, *arguments: str, link: str = "near0") -> labs.Survey:
        # The peer has to ask for us anew each time.
        labs.must("ip", "-n", self.lab.namespace("sim"), "neigh", "flush", "dev", "far0")
        survey = self.lab.survey("--allow-special", "2001:db8::/32", "--rate", "1k", "--states",
                                 "all", *arguments, link=link)
        self.assertEqual(0, survey.code, survey.stderr)
        return survey

    def test_ports_of_neighbours_are_found_through_every_driver(self) -> None:
        for driver, link in LINKS.items():
            if driver == "af_xdp" and not labs.has_af_xdp():
                continue
            with self.subTest(driver), self.watch() as watch:
                survey = self.survey(f"{PEER}-{ABSENT}", "-p", "80,443", "--source-ip", OURS,
                                     *(() if link == "near0" else ("--gateway", PEER)), link=link)
                self.assertEqual({(PEER, 80, "open"), (PEER, 443, "closed"), (PEER2, 80, "open"),
                                  (PEER2, 443, "closed")}, set(survey.found()))
            own = [p for p in watch.packets() if p.source_mac == self.near_mac]
            if link == "near0":
                asked = {p.about for p in own if p.type == SOLICITATION}
                self.assertLessEqual({PEER, PEER2, ABSENT}, asked)
                self.assertEqual((4, 12), (survey.counters["sent"],
                                           survey.counters["no_neighbour"]))

    def test_echo_is_answered(self) -> None:
        survey = self.survey(f"{PEER}-{PEER2}", "--probe", "icmp-echo", "--ttl", "9")
        lines = map(json.loads, survey.output.read_text(encoding="utf-8").splitlines())
        self.assertEqual({(PEER, "up"), (PEER2, "up")},
                         {(line["ip"], line["state"]) for line in lines})

    def test_closed_udp_port_is_told_by_an_error(self) -> None:
        survey = self.survey(PEER, "--probe", "udp", "-p", "9999")
        self.assertEqual([(PEER, 9999, "closed")], survey.found())

    def test_hosts_behind_the_gateway_are_reached_through_it(self) -> None:
        survey = self.survey(FAR, "-p", "80", "--gateway", PEER)
        self.assertEqual([(FAR, 80, "open")], survey.found())

    def test_a_64_is_sent_no_more_than_its_rate(self) -> None:
        network = "2001:db8:9::"
        with self.watch() as watch:
            survey = self.survey(f"{network}/118", "-p", "80", "--gateway", PEER, "--retries",
                                 "none", "--per-network-rate", "20", "--max-runtime", "3s")
        self.assertIn(survey.counters["sent"], range(57, 62))
        probes = [p for p in map(Packet, watch.frames) if p.target.startswith(network) and
                  p.source_mac == self.near_mac and p.next_header == 6]
        self.assertGreaterEqual(len(probes), survey.counters["sent"])
        self.assertGreater(survey.counters["others"]["probes_limited"], 30)
        self.assertEqual(20, survey.metadata["per_network_rate_pps"])

    def test_a_capture_has_the_frames_of_replies(self) -> None:
        path = self.lab.folder / "replies6.pcap"
        survey = self.survey(f"{PEER}-{PEER2}", "-p", "80,443", "-o", str(path))
        packets = [Packet(frame) for _, frame in wire.frames(path)]
        self.assertEqual({(PEER, OURS, 6), (PEER2, OURS, 6)},
                         {(p.source, p.target, p.next_header) for p in packets})
        # A peer that was not reset says it again.
        self.assertGreaterEqual(len(packets), 4)
        self.assertEqual(len(packets), survey.counters["replies"])

    def test_our_own_address_is_advertised_to_who_asks(self) -> None:
        """Nobody is asked, so the peer learns of us only what its own question tells it. For an
        address that the kernel has, it answers by itself."""
        with self.watch() as watch:
            survey = self.survey(FAR, "-p", "80", "--gateway-mac", self.lab.mac("sim", "far0"),
                                 "--source-ip", UNOWNED)
        self.assertEqual([(FAR, 80, "open")], survey.found())
        own = [p for p in watch.packets() if p.source_mac == self.near_mac]
        self.assertNotIn(SOLICITATION, {packet.type for packet in own})
        advertised = [p for p in own if p.type == ADVERTISEMENT and p.about == UNOWNED]
        self.assertTrue(advertised)
        self.assertTrue(all(p.hop_limit == 255 for p in advertised))

    def test_blocked_address_is_on_the_wire_in_no_way(self) -> None:
        with self.watch() as watch:
            survey = self.survey(f"{PEER}-{PEER2}", "-p", "80", "--exclude", PEER2)
        self.assertEqual([(PEER, 80, "open")], survey.found())
        own = [p for p in watch.packets() if p.source_mac == self.near_mac]
        self.assertIn(PEER, {packet.target for packet in own})
        self.assertNotIn(PEER2, {packet.target for packet in own})
        self.assertNotIn(PEER2, {packet.about for packet in own})


if __name__ == "__main__":
    labs.main()
