#!/usr/bin/env python3
"""OS detection of an audit: the same answers as `nmap -O` of kernels with several sysctls, and what
it does with exclusions, timeouts, interruptions, and ports that are forwarded to another machine.
"""
import contextlib
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree as ElementTree

import guardian
import labs
import os_rounds

SCANNER = "198.18.8.1"
KERNELS = {
    "default": {},
    "no timestamps": {"tcp_timestamps": 0},
    "no scaling, no SACK": {"tcp_window_scaling": 0, "tcp_sack": 0},
    "TTL 128, no ECN": {"ip_default_ttl": 128, "tcp_ecn": 0},
    "one clock": {"tcp_timestamps": 2, "ip_default_ttl": 255},
    "drops datagrams": {},
}
ADDRESSES = {f"198.18.8.{10 + number}": name for number, name in enumerate(KERNELS)}
FIRST, SECOND = list(ADDRESSES)[:2]
OPEN, FORWARDED, CLOSED = 80, 8080, 81
PORTS = f"{OPEN},{CLOSED}"
OS_PORTS = range(65100, 65536)  # The source ports that OS probes alone have.
TRIES = 3  # On a loaded machine a scanner may lose an answer.
# Of two runs: how initial sequence numbers and the clocks of connections grow is random in Linux.
VARYING = {("SEQ", "SP"), ("SEQ", "GCD"), ("SEQ", "ISR"), ("SEQ", "TS")}


class Network:
    """A bridge with the scanner on it, each kernel in a namespace of its own, and one more behind
    the first of them, which serves its forwarded port. Use in a with statement."""

    def __init__(self) -> None:
        self.prefix = f"trawl-ao{os.getpid()}-"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trawl-audit-os-"))
        self.kernels = [f"k{number}" for number in range(len(KERNELS))]
        names = ["scan", "behind", *self.kernels]
        spaces = " ".join(self.prefix + name for name in names)
        self._names = names
        self._guardian = guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"],
            ["rm", "-rf", str(self.folder)])
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "Network":
        self._guardian.__enter__()
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for made in self._sockets:
            made.close()
        self._guardian.__exit__()

    def ip(self, name: str, line: str) -> None:
        labs.must("ip", "-n", self.prefix + name, *line.split())

    def within(self, name: str, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.prefix + name, *command]

    def serve(self, name: str, port: int) -> None:
        self._sockets.append(labs.in_namespace(
            self.prefix + name, lambda: socket.create_server(("0.0.0.0", port))))

    def _make(self) -> None:
        for name in self._names:
            labs.must("ip", "netns", "add", self.prefix + name)
            self.ip(name, "link set lo up")
        self.ip("scan", "link add scan0 type bridge")
        self.ip("scan", "link set scan0 up")
        self.ip("scan", f"address add {SCANNER}/24 dev scan0")
        for name, address, settings in zip(self.kernels, ADDRESSES, KERNELS.values()):
            self.ip("scan", f"link add {name} type veth peer name host0 netns {self.prefix}{name}")
            self.ip("scan", f"link set {name} master scan0 up")
            self.ip(name, "link set host0 up")
            self.ip(name, f"address add {address}/24 dev host0")
            self.sysctl(name, {"icmp_ratelimit": 0, **settings})
            self.serve(name, OPEN)
        # Nothing tells how far it is.
        last = self.kernels[-1]
        labs.must(*self.within(last, "nft", "add table ip drops"))
        labs.must(*self.within(last, "nft", "add chain ip drops in { type filter hook input "
                               "priority 0; }"))
        labs.must(*self.within(last, "nft", "add rule ip drops in ip protocol udp drop"))
        self._forward()

    def _forward(self) -> None:
        self.ip("k0", f"link add back0 type veth peer name host0 netns {self.prefix}behind")
        for name, link, address in (("k0", "back0", "198.19.0.1"), ("behind", "host0", "198.19.0.2")):
            self.ip(name, f"address add {address}/24 dev {link}")
            self.ip(name, f"link set {link} up")
        self.ip("behind", "route add default via 198.19.0.1")
        self.sysctl("k0", {"ip_forward": 1})
        self.sysctl("behind", {"ip_default_ttl": 128, "tcp_timestamps": 0})
        self.serve("behind", FORWARDED)
        labs.must(*self.within("k0", "nft", "add table ip nat"))
        labs.must(*self.within("k0", "nft", "add chain ip nat pre { type nat hook prerouting "
                               "priority -100; }"))
        labs.must(*self.within("k0", "nft", f"add rule ip nat pre tcp dport {FORWARDED} dnat to "
                               "198.19.0.2"))

    def sysctl(self, name: str, settings: dict) -> None:
        for key, value in settings.items():
            labs.must(*self.within(name, "sysctl", "-q", f"net.ipv4.{key}={value}"))

    def scan(self, program: str, *arguments: str, timeout: float = 240) -> ElementTree.Element:
        """The root of the XML report."""
        output = self.folder / "report.xml"
        done = labs.run(self.within("scan", program, "-n", "-oX", str(output), *arguments), timeout)
        if done.returncode:
            raise AssertionError(f"{program} {arguments}: {done.stderr}")
        return ElementTree.parse(output).getroot()

    @contextlib.contextmanager
    def watched(self, name: str):
        """The source ports of TCP segments that reach a kernel meanwhile; 0 for other IPv4 packets."""
        link = labs.raw_socket(self.prefix + name, "host0", 3)
        link.settimeout(0.1)
        came: list[int] = []
        is_over = threading.Event()

        def read() -> None:
            while not is_over.is_set():
                with contextlib.suppress(TimeoutError):
                    frame, address = link.recvfrom(256)
                    if address[2] != 4 and frame[12:14] == b"\x08\0":  # Not PACKET_OUTGOING.
                        came.append(struct.unpack("!H", frame[34:36])[0] if frame[23] == 6 else 0)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield came
        finally:
            time.sleep(0.2)
            is_over.set()
            thread.join()
            link.close()


def hosts_of(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {host.find("address").get("addr"): host for host in root.iter("host")}


def facts_of(host: ElementTree.Element) -> dict:
    """What a report says of a host's system that does not vary from one run to the next."""
    tests = os_rounds.tests_of(host.find("os/osfingerprint").get("fingerprint"))
    used = {(port.get("state"), port.get("proto")): port.get("portid")
            for port in host.findall("os/portused") if port.get("proto") == "tcp"}
    return {"tests": {(line, test): value for line, values in tests.items()
                      for test, value in values.items() if (line, test) not in VARYING},
            "ports": used, "distance": host.find("distance").get("value"), "ip ids": host.find("ipidsequence").get("class"),
            "difficulty": host.find("tcpsequence").get("difficulty"),
            "order": [child.tag for child in host if child.tag not in
                      ("uptime", "times", "hostscript")]}


def matches_of(host: ElementTree.Element) -> dict[str, int]:
    return {match.get("name"): int(match.get("accuracy")) for match in host.findall("os/osmatch")}


class AuditOs(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.network = cls.enterClassContext(Network())

    def compare(self, ours: ElementTree.Element, theirs: ElementTree.Element) -> list[str]:
        mine, other = facts_of(ours), facts_of(theirs)
        found = [f"{key}: {mine[key]} is not {other[key]}" for key in ("ports", "distance", "ip ids",
                                                                     "difficulty", "order")
                 if mine[key] != other[key]]
        self.assertGreater(len(other["tests"]), 60)
        tests = mine["tests"].keys() | other["tests"].keys()
        found += [f"{test}: {mine['tests'].get(test)} is not {other['tests'].get(test)}"
                  for test in sorted(tests) if mine["tests"].get(test) != other["tests"].get(test)]
        mine, other = matches_of(ours), matches_of(theirs)
        # SP and ISR are 50 of 4,055 points: what varies in them moves an entry by two at most, and
        # may move the last ones in or out.
        best = max(other.values(), default=0)
        for name in mine.keys() | other.keys():
            pair = mine.get(name), other.get(name)
            if None in pair:
                is_last = (pair[0] or pair[1]) <= max(min(mine.values(), default=0),
                                                      min(other.values(), default=0)) + 1
                if not is_last or (pair[0] or pair[1]) == best:
                    found.append(f"{name}: {pair}")
            elif abs(pair[0] - pair[1]) > 2:
                found.append(f"{name}: {pair}")
        return found

    def test_kernels_are_what_nmap_says(self) -> None:
        left = set(ADDRESSES)
        problems: dict[str, list[str]] = {}
        for _ in range(TRIES):
            words = ("-O", "-d", "--max-os-tries", "1", "-p", PORTS, *sorted(left))
            theirs = hosts_of(self.network.scan("nmap", *words))
            ours = hosts_of(self.network.scan(labs.TRAWL, *words))
            self.assertEqual(ours.keys(), left)
            problems = {ADDRESSES[address]: self.compare(ours[address], theirs[address])
                        for address in left}
            left = {address for address in left if problems[ADDRESSES[address]]}
            if not left:
                return
        self.fail("\n".join(f"{name}: {line}" for name, lines in problems.items()
                            for line in lines))

    def test_without_an_open_or_a_closed_port(self) -> None:
        for ports in (str(OPEN), str(CLOSED)):
            words = ("-O", "--max-os-tries", "1", "-p", ports, SECOND)
            theirs = hosts_of(self.network.scan("nmap", *words))[SECOND]
            ours = hosts_of(self.network.scan(labs.TRAWL, *words))[SECOND]
            def told(host: ElementTree.Element) -> list[str]:
                return [port.get("state") + port.get("proto") for port in host.iter("portused")]
            self.assertEqual(told(ours), told(theirs))
            self.assertEqual(bool(matches_of(ours)), bool(matches_of(theirs)))
            self.assertIsNone(ours.find("os/osfingerprint"))

    def test_hosts_without_both_ports_are_left_out_where_that_is_asked(self) -> None:
        with self.network.watched("k1") as came:
            root = self.network.scan(labs.TRAWL, "-O", "--osscan-limit", "-p", str(OPEN), SECOND)
        self.assertIsNone(hosts_of(root)[SECOND].find("os/osmatch"))
        self.assertTrue(came)
        self.assertFalse([port for port in came if port in OS_PORTS])

    def test_who_is_excluded_is_sent_nothing(self) -> None:
        with self.network.watched("k1") as came:
            root = self.network.scan(labs.TRAWL, "-O", "--max-os-tries", "1", "-p", PORTS,
                                     "--exclude", SECOND, FIRST, SECOND)
        self.assertEqual(set(hosts_of(root)), {FIRST})
        self.assertEqual(came, [])

    def test_a_forwarded_port_is_told_to_be_on_another_machine(self) -> None:
        output = self.network.folder / "ports.nmap"
        done = labs.run(self.network.within(
            "scan", labs.TRAWL, "-n", "-O", "--os-per-port", "--max-os-tries", "1", "-oN",
            str(output), "-p", f"{PORTS},{FORWARDED}", FIRST), 240)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = output.read_text()
        self.assertIn("TTL 127, not 64", text)
        line = next(line for line in text.splitlines() if "TTL 127" in line)
        self.assertIn(str(FORWARDED), line)

    def test_a_host_that_takes_too_long_is_left(self) -> None:
        root = self.network.scan(labs.TRAWL, "-O", "-p", PORTS, "--host-timeout", "1s", FIRST,
                                 SECOND)
        for host in hosts_of(root).values():
            self.assertEqual(host.get("timedout"), "true")

    def test_an_interrupted_audit_is_resumed(self) -> None:
        output = self.network.folder / "interrupted.nmap"
        with subprocess.Popen(self.network.within(
                "scan", labs.TRAWL, "-n", "-v", "-O", "--max-os-tries", "4", "-p", PORTS, "-oN",
                str(output), *ADDRESSES), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True) as process:
            for line in process.stdout:
                if "Retrying OS detection (try #2)" in line:
                    process.send_signal(signal.SIGINT)
                    break
            process.stdout.read()
        self.assertNotEqual(process.returncode, 0)
        done = labs.run(self.network.within("scan", labs.TRAWL, "--resume", str(output)), 240)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = done.stdout
        self.assertEqual(set(re.findall(r"^Nmap scan report for (\S+)$", text, re.M)),
                         set(ADDRESSES))
        self.assertEqual(len(re.findall(r"^Network Distance: 1 hop$", text, re.M)), len(ADDRESSES))

    def test_packets_are_traced_and_each_counts_once(self) -> None:
        done = labs.run(self.network.within(
            "scan", labs.TRAWL, "-n", "-v", "-O", "--max-os-tries", "1", "--packet-trace", "-p",
            PORTS, SECOND), 240)
        sent = len(re.findall(r"^SENT ", done.stdout, re.M))
        got = len(re.findall(r"^RCVD ", done.stdout, re.M))
        told = re.search(r"Raw packets sent: (\d+) .*Rcvd: (\d+)", done.stdout)
        self.assertIsNotNone(told, done.stdout)
        self.assertEqual(int(told[1]), sent)
        self.assertGreaterEqual(sent, 16)
        self.assertGreaterEqual(got, 14)
        probes = re.findall(r"^SENT .* TCP \S+:(\d+) > ", done.stdout, re.M)
        self.assertGreaterEqual(len([port for port in probes if int(port) in OS_PORTS]), 13)


if __name__ == "__main__":
    labs.main("nmap", "nft")
