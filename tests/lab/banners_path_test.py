#!/usr/bin/env python3
"""`trawl survey --banners` over a path with a narrow link: routers on it tell the server so, and
fragment what is ours.

scan -- 1500 -- host -- 576 -- middle -- 1500 -- far, where the servers are.
"""
import json
import pathlib
import socket
import tempfile
import unittest

import audit_pair
import guardian
import labs
import version_test

FAR = "198.19.9.9"
NARROW = "576"
PROBES = labs.ROOT / "data/service-probes"
MOST = 6000
PORT = 9001
QUESTION = b"GET / HTTP/1.1\r\nX: " + b"x" * 980 + b"\r\n\r\n"  # In one segment.
PAGE = b"HTTP/1.0 200 OK\r\nServer: Far/1\r\n\r\n" + bytes(n % 250 for n in range(8000))


class NarrowPath(unittest.TestCase):
    def setUp(self) -> None:
        self.pair = self.enterContext(audit_pair.Pair(serves=False))
        self.host = f"{self.pair.prefix}-host"
        middle, far = (f"{self.pair.prefix}-{name}" for name in ("middle", "far"))
        names = f"{middle} {far}"
        self.enterContext(guardian.Guardian(
            ["sh", "-c", f"for n in {names}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"]))
        for name in (middle, far):
            labs.must("ip", "netns", "add", name)
        for near, inner, outer, beyond, mtu in (
                (self.host, "narrow0", "narrow1", middle, NARROW),
                (middle, "wide0", "wide1", far, "1500")):
            labs.must("ip", "-n", near, "link", "add", inner, "mtu", mtu, "type", "veth", "peer",
                      "name", outer, "mtu", mtu, "netns", beyond)
            for name, interface in ((near, inner), (beyond, outer)):
                labs.must("ip", "-n", name, "link", "set", interface, "up")
        labs.must("ip", "-n", self.host, "route", "del", "198.19.0.0/16")
        for name, interface, address in ((self.host, "narrow0", "198.18.77.1/30"),
                                         (middle, "narrow1", "198.18.77.2/30"),
                                         (middle, "wide0", "198.18.77.5/30"),
                                         (far, "wide1", "198.18.77.6/30"), (far, "lo", FAR)):
            labs.must("ip", "-n", name, "link", "set", "lo", "up")
            labs.must("ip", "-n", name, "address", "add", address, "dev", interface)
        for name, network, way in ((self.host, FAR, "198.18.77.2"), (middle, FAR, "198.18.77.6"),
                                   (middle, "default", "198.18.77.1"),
                                   (far, "default", "198.18.77.5")):
            labs.must("ip", "-n", name, "route", "add", network, "via", way)
        labs.in_namespace(middle, lambda: pathlib.Path(
            "/proc/sys/net/ipv4/ip_forward").write_text("1"))
        self.far = far

    def errors_of_path(self, name: str) -> int:
        """How often its kernel was told that a packet is too big."""
        text = labs.in_namespace(name, lambda: pathlib.Path("/proc/net/snmp").read_text())
        names, values = (line.split() for line in text.splitlines() if line.startswith("Icmp:"))
        return int(values[names.index("InDestUnreachs")])

    def asks(self, client: socket.socket) -> None:
        """Takes the whole question, and answers by a page."""
        while len(self.asked) < len(QUESTION) and (more := client.recv(4096)):
            self.asked += more
        client.sendall(PAGE)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass

    def test_long_words_arrive_whole_both_ways(self) -> None:
        self.asked = b""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        found, question = folder / "found.jsonl", folder / "question"
        question.write_bytes(QUESTION)
        listening = labs.in_namespace(self.far, lambda: socket.create_server((FAR, PORT)))
        self.addCleanup(listening.close)
        players = self.enterContext(version_test.Players(self.pair, {}))
        players.serve(listening, self.asks)
        done = labs.run([*self.pair.within(), labs.TRAWL, "survey", "--link",
                         labs.AF_PACKET_LINK, "--allow-special", labs.NETWORK, "--rate", "100",
                         "--banners", "--banner-bytes", str(MOST), "--banner-payload",
                         f"{PORT}={question}", "--versiondb", str(PROBES), "--cooldown", "1s",
                         "-p", str(PORT), "-o", str(found), FAR])
        self.assertEqual(0, done.returncode, done.stderr)
        fact = next(line for line in map(json.loads, found.read_text("utf-8").splitlines())
                    if line.get("type") == "service")
        self.assertEqual(QUESTION, self.asked)
        self.assertEqual(("service", str(question), "http", "Far"),
                         tuple(fact.get(name) for name in ("class", "probe", "service",
                                                           "product")))
        self.assertEqual(PAGE[:MOST], fact["banner"].encode("latin-1"))
        self.assertGreater(self.errors_of_path(self.far), 0, "the path was wide enough")


if __name__ == "__main__":
    labs.main("nft")
