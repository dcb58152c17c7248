#!/usr/bin/env python3
"""What an audit looks at: ports per host, random hosts, scopes, links of IPv6, targets by pipe.

Packets are judged by what comes to the other end of the link.
"""
import contextlib
import fcntl
import os
import pathlib
import re
import select
import struct
import subprocess
import tempfile
import threading
import unittest

import audit_compare
import audit_pair
import labs

PEER = "nmap"
OTHER = "198.18.1.7"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000


def syns(frames: list[audit_pair.Frame]) -> set[tuple[str, int]]:
    """Addresses and ports that SYN probes went to."""
    found = set()
    for frame in frames:
        probe = re.match(r"TCP \S+ > (\S+):(\d+) S ", frame.text)
        if frame.sent and not frame.kernels and probe:
            found.add((probe[1], int(probe[2])))
    return found


def reached(frames: list[audit_pair.Frame]) -> set[str]:
    """Addresses that anything went to, ARP among it."""
    found = set()
    for frame in frames:
        to = re.match(r"(?:ARP who-has (\S+)|\S+ \S+ > ([\d.]+))", frame.text)
        if frame.sent and to:
            found.add(to[1] or to[2])
    return found


def open_tun() -> int:
    """tun7 of this namespace; packets without a header of their own."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"tun7", IFF_TUN | IFF_NO_PI))
    return fd


class Cable:
    """Carries packets between two tun devices until it is closed."""

    def __init__(self, left: int, right: int) -> None:
        self._ends = {left: right, right: left}
        self._wake, self._woken = os.pipe()
        self.packets = 0
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.write(self._woken, b"x")
        self._thread.join()
        for fd in (*self._ends, self._wake, self._woken):
            os.close(fd)

    def _carry(self) -> None:
        while True:
            ready, _, _ = select.select([*self._ends, self._wake], [], [])
            if self._wake in ready:
                return
            for end in ready:
                with contextlib.suppress(OSError):
                    os.write(self._ends[end], os.read(end, 65536))
                    self.packets += 1


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="trawl-lab-test-")))
        self.pair = self.enterContext(audit_pair.Pair())

    def found(self, *words: str, config: str = "") -> tuple[dict, set, str]:
        """Ports by host, what was sent, and what was said."""
        path = self.folder / "found.xml"
        before: tuple[str, ...] = ()
        if config:
            file = self.folder / "trawl.conf"
            file.write_text(config, encoding="utf-8")
            before = ("env", f"TRAWL_CONFIG={file}")
        with self.pair.tap() as tap:
            done = self.pair.scan(*words, "-oX", str(path), before=before)
            frames = tap.frames()
        self.assertEqual(done.returncode, 0, done.stderr)
        hosts = {name.split()[1]: {number: port.state for (_, number), port in host.ports.items()}
                 for name, host in audit_compare.read(str(path)).hosts.items()}
        return hosts, {(frame.text, frame) for frame in frames}, done.stderr


class OwnPorts(Case):
    """host:port, in lists and on the command line."""

    LINES = ("198.18.1.7:22\n198.18.1.8:T:80,U:53\n# of the first host again\n198.18.1.7:23,80\n"
             "198.18.1.9\n")
    WANTED = {"198.18.1.7": {22: "open", 23: "closed", 80: "open"},
              "198.18.1.8": {80: "open"}, "198.18.1.9": {443: "closed"}}

    def test_each_host_gets_its_ports_and_no_other(self) -> None:
        file = self.folder / "targets"
        file.write_text(self.LINES, encoding="utf-8")
        for kind in ("-sS", "-sT"):
            with self.subTest(kind=kind):
                hosts, frames, said = self.found("-Pn", kind, "-p443", "-iL", str(file))
                self.assertEqual(hosts, self.WANTED, said)
                self.assertEqual(syns([frame for _, frame in frames]),
                                 {(host, port) for host, ports in self.WANTED.items()
                                  for port in ports})

    def test_udp_ports_get_their_payloads(self) -> None:
        hosts, _, said = self.found("-Pn", "-sU", "-p9", "198.18.1.8:53,54", "198.18.1.9")
        self.assertEqual(hosts, {"198.18.1.8": {53: "open", 54: "closed"},
                                 "198.18.1.9": {9: "closed"}}, said)

    def test_a_host_may_have_the_only_ports_of_a_raw_scan(self) -> None:
        hosts, _, said = self.found("-Pn", "-sT", "-sU", "-p", "T:80", "198.18.1.8:U:53",
                                    "198.18.1.9")
        self.assertEqual(hosts, {"198.18.1.8": {53: "open"}, "198.18.1.9": {80: "open"}}, said)

    def test_it_is_what_nmap_says_of_those_ports(self) -> None:
        hosts, _, _ = self.found("-sS", "--reason", f"{OTHER}:20-25,80", "198.18.1.8:1-3")
        for host, ports in ((OTHER, "20-25,80"), ("198.18.1.8", "1-3")):
            path = self.folder / "peer.xml"
            labs.must(*self.pair.within(), PEER, "-n", "-sS", "-p", ports, "-oX", str(path), host)
            peer = audit_compare.read(str(path)).hosts[f"ipv4 {host}"]
            self.assertEqual(hosts[host],
                             {number: port.state for (_, number), port in peer.ports.items()})

    def test_bad_ports_are_told_of_and_nothing_is_sent_there(self) -> None:
        hosts, frames, said = self.found("-Pn", "-sS", "198.18.1.7:nosuchport", "198.18.1.8:22")
        self.assertEqual(hosts, {"198.18.1.8": {22: "open"}})
        self.assertIn("198.18.1.7:nosuchport is left out: Found no matches for the service mask 'nosuchport'", said)
        self.assertNotIn("198.18.1.7", reached([frame for _, frame in frames]))

    def test_ipv6(self) -> None:
        hosts, _, said = self.found("-6", "-sS", f"[{audit_pair.HOST6}]:22,23")
        self.assertEqual(hosts, {audit_pair.HOST6: {22: "open", 23: "closed"}}, said)


class Scopes(Case):
    """Nothing leaves for whom the scope or a list of trawl.conf forbids."""

    def test_nothing_leaves_for_those_outside(self) -> None:
        for words in (["-sS", "-p22"], ["-sT", "-p22"], ["-sn"], ["-sU", "-p53"],
                      ["-sn", "--send-ip"], ["-sS", "-p22", "-Pn", "--traceroute"]):
            with self.subTest(words=words):
                hosts, frames, said = self.found(
                    *words, "--scope", "198.18.1.4/30,198.18.0.1", "198.18.1.0-9", "198.18.0.3")
                self.assertEqual(set(hosts), {f"198.18.1.{n}" for n in range(4, 8)})
                self.assertLessEqual(reached([frame for _, frame in frames]),
                                     {*hosts, "198.18.0.1"})
                self.assertIn("7 targets were left alone: outside of the scope.", said)

    def test_lists_of_the_machine_hold(self) -> None:
        blocked = self.folder / "blocked"
        blocked.write_text("198.18.1.5\n", encoding="utf-8")
        hosts, frames, said = self.found(
            "-sS", "-Pn", "-p22", "198.18.1.0/28",
            config=f"opt-out = {blocked}\naudit-scope = 198.18.1.0/29\nmax-rate = 5k\n")
        self.assertEqual(set(hosts), {f"198.18.1.{n}" for n in (0, 1, 2, 3, 4, 6, 7)})
        self.assertNotIn("198.18.1.5", reached([frame for _, frame in frames]))
        self.assertIn("1 target was left alone: blocked by a list of trawl.conf.", said)

    def test_nobody_outside_is_a_way(self) -> None:
        for words in (["--proxies", "socks5://198.18.2.1:1080"], ["-b", "198.18.2.1"],
                      ["-sI", "198.18.2.1"], ["--ip-options", "L 198.18.2.1"]):
            with self.subTest(words=words), self.pair.tap() as tap:
                done = self.pair.scan("-Pn", "-p22", "--scope", "198.18.1.0/24", *words, OTHER)
                self.assertEqual(done.returncode, 1)
                self.assertIn("scope", done.stderr)
                self.assertEqual(reached(tap.frames()), set())

    def test_random_hosts_are_of_the_scope(self) -> None:
        hosts, frames, _ = self.found("-sS", "-Pn", "-p22", "-iR", "20", "--scope",
                                      "198.18.1.0/27")
        self.assertEqual(len(hosts), 20)
        self.assertTrue(all(ports == {22: "open"} for ports in hosts.values()))
        self.assertEqual({host for host, _ in syns([frame for _, frame in frames])}, set(hosts))
        refused = self.pair.scan("-sS", "-iR", "20", "-p22")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--scope", refused.stderr)


class Links(Case):
    def test_a_zone_says_which_link(self) -> None:
        """The same address on two links is two hosts."""
        scan, host = f"{self.pair.prefix}-scan", f"{self.pair.prefix}-host"
        self.pair.ip("scan", f"link add scan1 type veth peer name host1 netns {host}")
        for name, link in ((scan, "scan1"), (host, "host1")):
            labs.must("ip", "-n", name, "link", "set", link, "up")
        labs.must("ip", "-n", host, "-6", "addr", "add", "fe80::77/64", "dev", "host1", "nodad")
        labs.wait_until(lambda: "tentative" not in self.pair.ip("scan", "-6 addr show dev scan1")
                        and "fe80" in self.pair.ip("scan", "-6 addr show dev scan1"), "an address")
        for kind in ("-sS", "-sT"):
            with self.subTest(kind=kind):
                hosts, _, said = self.found("-6", kind, "-p22,23", "fe80::77%scan1",
                                            "fe80::77%scan0", "fe80::77%nolink")
                self.assertEqual(hosts, {"fe80::77": {22: "open", 23: "closed"}})
                self.assertIn('Failed to resolve "fe80::77%nolink".', said)

    def test_a_tun_link_carries_every_raw_technique(self) -> None:
        """Packets without an Ethernet header, from one namespace to the other."""
        ends = []
        for side, own, peer in (("scan", "198.18.4.1", "198.18.4.2"),
                                ("host", "198.18.4.2", "198.18.4.1")):
            ends.append(labs.in_namespace(f"{self.pair.prefix}-{side}", open_tun))
            self.pair.ip(side, f"addr add {own} peer {peer} dev tun7")
            self.pair.ip(side, "link set tun7 up")
        cable = self.enterContext(contextlib.closing(Cable(*ends)))
        for words, open_state in ((["-sS"], "open"), (["-sA"], "unfiltered"),
                                  (["-sF"], "open|filtered"), (["-sT"], "open")):
            with self.subTest(words=words):
                hosts, _, said = self.found(*words, "-p22,23", "198.18.4.2")
                closed = "unfiltered" if words == ["-sA"] else "closed"
                self.assertEqual(hosts, {"198.18.4.2": {22: open_state, 23: closed}}, said)
        hosts, _, said = self.found("-sU", "-p53,54", "198.18.4.2")
        self.assertEqual(hosts, {"198.18.4.2": {53: "open", 54: "closed"}}, said)
        hosts, _, said = self.found("-sn", "-PE", "--traceroute", "198.18.4.2")
        self.assertEqual(set(hosts), {"198.18.4.2"}, said)
        self.assertGreater(cable.packets, 10)

    def test_hosts_of_a_pipe_are_done_while_it_is_open(self) -> None:
        reader, writer = os.pipe()
        path = self.folder / "found.gnmap"
        process = subprocess.Popen(
            [*self.pair.within(), labs.TRAWL, "-n", "-sS", "-p22", "-oG", str(path), "-iL", "-"],
            stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.close(reader)
        try:
            for host in ("198.18.1.7", "198.18.1.8"):
                os.write(writer, f"{host}\n".encode())
                line = f"Host: {host} ()\tPorts"
                labs.wait_until(lambda line=line: path.exists() and line in
                                path.read_text(encoding="utf-8"), host)
                self.assertIsNone(process.poll())
        finally:
            os.close(writer)
            done = audit_pair.finish(process)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 IP addresses (2 hosts up)", done.stdout)


if __name__ == "__main__":
    labs.main("nmap", "unshare")
