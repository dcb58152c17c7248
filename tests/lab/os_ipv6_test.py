#!/usr/bin/env python3
"""OS detection over IPv6: kernels with several settings are Linux or nothing, whoever answers in
another way is nothing, and the probes are those of `nmap -6 -O`, to nobody who is excluded.
"""
import dataclasses
import ipaddress
import json
import os
import pathlib
import re
import select
import socket
import struct
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree as ElementTree

import guardian
import labs
import os_ipv6_probes

DTD = "/usr/share/nmap/nmap.dtd"
SCANNER = "2001:db8:8::1"
OPEN, CLOSED = 80, 81
PORTS = f"{OPEN},{CLOSED}"
OS_PORTS = range(65100, 65536)  # The source ports that OS probes alone have.
SPACING, TOLERANCE = 0.1, 0.001
READING = 0.0003  # The scanner's clock and the kernel's are read a moment apart.
TRIES = 3
IPV6 = 0x86dd
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33  # asm-generic/socket.h


@dataclasses.dataclass
class Kernel:
    sysctls: dict = dataclasses.field(default_factory=dict)
    rules: tuple = ()  # Of a table of nft, with chains "in" and "out".


# What Linux does not do by itself: a traffic class in every answer.
STRANGE = ("out ip6 dscp set cs1",)
# Each TCP probe is lost once: whoever sends it again does so from the same port.
LOSSY = (f"in tcp sport {OS_PORTS[0]}-{OS_PORTS[-1]} tcp sport != @seen add @seen {{ tcp sport }} "
         "drop",)
KERNELS = {
    "default": Kernel(),
    "hop limit 255": Kernel({"ipv6.conf.all.hop_limit": 255, "ipv6.conf.host0.hop_limit": 255}),
    "no timestamps": Kernel({"ipv4.tcp_timestamps": 0}),
    "no SACK": Kernel({"ipv4.tcp_sack": 0}),
    "bare": Kernel({"ipv4.tcp_sack": 0, "ipv4.tcp_timestamps": 0, "ipv4.tcp_window_scaling": 0}),
    "no ECN, no flow labels": Kernel({"ipv4.tcp_ecn": 0, "ipv6.auto_flowlabels": 0}),
    "strange": Kernel(rules=STRANGE),
    "lossy": Kernel(rules=LOSSY),
    "far": Kernel(),  # Behind the first.
}
ADDRESSES = {name: f"2001:db8:8::{16 + number:x}" for number, name in enumerate(KERNELS)}
ADDRESSES["far"] = "2001:db8:9::2"
DEFAULT, STRANGER = ADDRESSES["default"], ADDRESSES["strange"]
MANY = "2001:db8:8::100/124"  # Sixteen addresses of the first.


class Watch:
    """The IPv6 packets that reach a kernel while the block lasts, with the time and the Ethernet
    address that each was sent to."""

    def __init__(self, namespace: str, interface: str = "host0") -> None:
        self.socket = labs.raw_socket(namespace, interface, IPV6)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        self.packets: list[tuple[float, bytes]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        while not self._over.is_set():
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            frame, notes, _, address = self.socket.recvmsg(4096, 256)
            seconds, nanoseconds = struct.unpack("qq", notes[0][2][:16])
            if address[2] != 4:  # PACKET_OUTGOING
                self.packets.append((seconds + nanoseconds * 1e-9, frame[14:]))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self._over.set()
        self._thread.join()
        self.socket.close()

    def probes(self, address: str) -> list[os_ipv6_probes.Probe]:
        found = [os_ipv6_probes.Probe.parse(when, packet) for when, packet in self.packets]
        return [probe for probe in found if probe and probe.target == address]

    def about(self, address: str) -> list[bytes]:
        """What was sent to an address, or asks the link for it."""
        ours = ipaddress.ip_address(address).packed
        return [packet for _, packet in self.packets
                if packet[24:40] == ours or packet[6] == 58 and packet[40:41] == b"\x87"
                and packet[48:64] == ours]


class Network:
    """A bridge with the scanner on it, each kernel in a namespace of its own, and one behind the
    first of them. Use in a with statement."""

    def __init__(self) -> None:
        self.prefix = f"trawl-o6{os.getpid()}-"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trawl-os-ipv6-"))
        self.spaces = {name: f"{self.prefix}k{number}" for number, name in enumerate(KERNELS)}
        self.scanner = self.prefix + "scan"
        spaces = " ".join([self.scanner, *self.spaces.values()])
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

    def set(self, space: str, **sysctls: object) -> None:
        for name, value in sysctls.items():
            labs.must("ip", "netns", "exec", space, "sysctl", "-q", f"net.{name}={value}")

    def _make(self) -> None:
        for space in (self.scanner, *self.spaces.values()):
            labs.must("ip", "netns", "add", space)
            labs.must("ip", "-n", space, "link", "set", "lo", "up")
            self.set(space, **{"ipv6.conf.all.disable_ipv6": 0, "ipv6.conf.default.disable_ipv6": 0,
                               "ipv6.conf.default.accept_dad": 0})
        self._link(self.scanner, "link add scan0 type bridge mcast_snooping 0")
        self._link(self.scanner, "link set scan0 up")
        self._link(self.scanner, f"address add {SCANNER}/64 dev scan0 nodad")
        for number, (name, kernel) in enumerate(KERNELS.items()):
            self._make_kernel(number, name, kernel)
        first = self.spaces["default"]
        for number in range(16):
            self._link(first, f"address add 2001:db8:8::1{number:02x}/64 dev host0 nodad")
        self._link(self.scanner, f"-6 route add 2001:db8:9::/64 via {DEFAULT}")
        self._link(self.spaces["far"], "-6 route add default via 2001:db8:9::1")
        self.set(first, **{"ipv6.conf.all.forwarding": 1})

    def _link(self, space: str, line: str) -> None:
        labs.must("ip", "-n", space, *line.split())

    def _make_kernel(self, number: int, name: str, kernel: Kernel) -> None:
        space = self.spaces[name]
        above, peer = (self.scanner, f"s{number}") if name != "far" else (self.spaces["default"], "back0")
        self._link(above, f"link add {peer} type veth peer name host0 netns {space}")
        if name == "far":
            self._link(above, f"address add 2001:db8:9::1/64 dev {peer} nodad")
        else:
            self._link(above, f"link set {peer} master scan0")
        self._link(above, f"link set {peer} up")
        self._link(space, "link set host0 up")
        self._link(space, f"address add {ADDRESSES[name]}/64 dev host0 nodad")
        self.set(space, **{"ipv6.icmp.ratelimit": 0, **kernel.sysctls})
        self._sockets.append(labs.in_namespace(space, lambda: socket.create_server(
            ("::", OPEN), family=socket.AF_INET6)))
        if not kernel.rules:
            return
        def nft(line: str) -> None:
            labs.must("ip", "netns", "exec", space, "nft", line)
        nft("add table ip6 lab")
        nft("add set ip6 lab seen { type inet_service; size 1024; flags dynamic; }")
        nft("add chain ip6 lab in { type filter hook input priority 0; }")
        nft("add chain ip6 lab out { type filter hook output priority 0; }")
        for rule in kernel.rules:
            nft(f"add rule ip6 lab {rule}")

    def scan(self, program: str, *words: str) -> "Report":
        """With every kind of report."""
        name = str(self.folder / f"{pathlib.Path(program).name}")
        extra = ("-oJ", f"{name}.json") if program == labs.TRAWL else ()
        done = labs.run(["ip", "netns", "exec", self.scanner, program, "-6", "-n", "-oA", name,
                         *extra, *words], 240)
        if done.returncode:
            raise AssertionError(f"{program} {words}: {done.stdout}{done.stderr}")
        return Report(name, done.stdout + done.stderr)

    def watch(self, name: str) -> Watch:
        return Watch(self.spaces[name])


class Report:
    def __init__(self, name: str, said: str) -> None:
        self.said = said
        self.normal = pathlib.Path(f"{name}.nmap").read_text(encoding="utf-8")
        self.grepable = pathlib.Path(f"{name}.gnmap").read_text(encoding="utf-8")
        self.xml = pathlib.Path(f"{name}.xml")
        lines = pathlib.Path(f"{name}.json")
        self.json = {}
        if lines.exists():
            rows = map(json.loads, lines.read_text(encoding="utf-8").splitlines())
            self.json = {row["ip"]: row for row in rows if "ip" in row}
        self.hosts = {host.find("address").get("addr"): host
                      for host in ElementTree.parse(self.xml).getroot().iter("host")}

    def names(self, address: str) -> list[str]:
        return [match.get("name") for match in self.hosts[address].findall("os/osmatch")]

    def fingerprint(self, address: str) -> dict[str, str]:
        """The lines of it: "S1" and so on, with what is between parentheses."""
        found = self.hosts[address].find("os/osfingerprint")
        if found is None:
            return {}
        text = found.get("fingerprint").replace("\n", "").replace("OS:", "")
        return dict(re.findall(r"(\w+)\(([^)]*)\)", text))


class OsIpv6(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.network = cls.enterClassContext(Network())

    def test_kernels_are_linux_or_nothing(self) -> None:
        known = [name for name in KERNELS if name not in ("strange", "lossy", "far")]
        report = self.network.scan(labs.TRAWL, "-O", "-p", PORTS,
                                   *(ADDRESSES[name] for name in known))
        for name in known:
            self.assertIn(report.names(ADDRESSES[name]), ([], ["Linux 6"]), name)
        self.assertEqual(report.names(DEFAULT), ["Linux 6"])

    def test_a_stranger_is_nothing_and_reported_as_nmap_does(self) -> None:
        """Compared with the report of nmap, which knows no kernel as new as this one either."""
        words = ("-O", "-v", "-p", PORTS, STRANGER)
        theirs, ours = (self.network.scan(program, *words) for program in ("nmap", labs.TRAWL))
        for report in (theirs, ours):
            self.assertEqual(report.names(STRANGER), [])
            self.assertIn("No OS matches for host (If you know what OS is running", report.normal)
            self.assertIn("Network Distance: 1 hop\n", report.normal)
            self.assertNotIn("\tOS: ", report.grepable)
        mine, other = ours.fingerprint(STRANGER), theirs.fingerprint(STRANGER)
        self.assertEqual(list(mine), list(other))
        for line in set(other) - {"SCAN", "EXTRA"}:
            # As long, from as far, with the same flags, window and options.
            self.assertEqual(os_ipv6_probes.shape(mine[line]), os_ipv6_probes.shape(other[line]), line)
        scans = [re.sub(r"(%(CU|TM|M|P|D)=|^V=)[^%]*", "", text["SCAN"]) for text in (mine, other)]
        self.assertEqual(*scans)
        self.assertEqual(*([element.tag for element in report.hosts[STRANGER]]
                           for report in (ours, theirs)))
        self.assertEqual(*([element.tag for element in report.hosts[STRANGER].find("os")]
                           for report in (ours, theirs)))
        checked = labs.run(["xmllint", "--noout", "--dtdvalid", DTD, str(ours.xml)])
        self.assertEqual(checked.returncode, 0, checked.stderr)
        found = ours.json[STRANGER]["os"]
        self.assertEqual((found["state"], found["ideal"]), ("none", True))
        self.assertTrue(found["fingerprint"].startswith("SCAN("))

    def test_reports_name_the_class(self) -> None:
        report = self.network.scan(labs.TRAWL, "-O", "-d", "-p", PORTS, DEFAULT)
        self.assertIn("\nRunning: Linux 6.X\nOS CPE: cpe:/o:linux:linux_kernel:6\nOS details: Linux 6\n",
                      report.normal)
        self.assertIn("\nTCP/IP fingerprint:\nOS:SCAN(V=", report.normal)
        self.assertIn("\tOS: Linux 6", report.grepable)
        self.assertEqual(report.json[DEFAULT]["os"]["matches"][0]["name"], "Linux 6")
        self.assertNotIn("Uptime", report.normal)  # As nmap.
        checked = labs.run(["xmllint", "--noout", "--dtdvalid", DTD, str(report.xml)])
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def probes_of(self, program: str, name: str, ports: str) -> list[bytes]:
        with self.network.watch(name) as watch:
            self.network.scan(program, "-O", "-p", ports, ADDRESSES[name])
        return os_ipv6_probes.kinds(watch.probes(ADDRESSES[name]))

    def test_probes_are_those_of_nmap(self) -> None:
        for name, ports, count in (("default", PORTS, 17), ("default", str(OPEN), 14),
                                   ("default", str(CLOSED), 7), ("far", PORTS, 16)):
            theirs = self.probes_of("nmap", name, ports)
            self.assertEqual(self.probes_of(labs.TRAWL, name, ports), theirs, f"{name} {ports}")
            self.assertEqual(len(theirs), count)

    def test_syns_leave_100_ms_apart_or_the_ratio_is_told(self) -> None:
        for _ in range(TRIES):
            with self.network.watch("default") as watch:
                report = self.network.scan(labs.TRAWL, "-O", "-d", "-p", PORTS, DEFAULT)
            self.assertRegex(report.said, f"OS detection timing ratio of {DEFAULT} == ")
            times = os_ipv6_probes.syn_times(watch.probes(DEFAULT))
            self.assertEqual(len(times), 6)
            held = all(abs(late - early - SPACING) <= TOLERANCE + READING
                       for early, late in zip(times, times[1:]))
            if held or "SYNs did not leave 100 ms apart" in report.said:
                return
        self.fail(f"{times}, and nothing is said")

    def test_who_is_excluded_or_out_of_scope_is_sent_nothing(self) -> None:
        forbidden = ADDRESSES["no SACK"]
        for words in (("--exclude", forbidden), ("--scope", f"{DEFAULT}/128")):
            with self.network.watch("no SACK") as watch, self.network.watch("default") as other:
                report = self.network.scan(labs.TRAWL, "-O", "-Pn", "-p", PORTS, *words, DEFAULT,
                                           forbidden)
            self.assertEqual(report.names(DEFAULT), ["Linux 6"])
            self.assertTrue(other.about(DEFAULT))
            self.assertEqual(watch.about(forbidden), [], words)

    def test_what_is_lost_is_sent_again(self) -> None:
        with self.network.watch("lossy") as watch:
            report = self.network.scan(labs.TRAWL, "-O", "-d", "-p", PORTS, ADDRESSES["lossy"])
        ports = [probe.source_port for probe in watch.probes(ADDRESSES["lossy"])
                 if probe.next_header == 6]
        self.assertGreaterEqual(min(map(ports.count, ports)), 2)
        expected = self.network.scan(labs.TRAWL, "-O", "-d", "-p", PORTS, DEFAULT)
        self.assertEqual(list(report.fingerprint(ADDRESSES["lossy"])),
                         list(expected.fingerprint(DEFAULT)))

    def test_sixteen_hosts_share_the_clock(self) -> None:
        with self.network.watch("default") as watch:
            report = self.network.scan(labs.TRAWL, "-O", "-T4", "-p", PORTS, MANY)
        self.assertEqual(len(report.hosts), 16)
        starts, ends = [], []
        for address in report.hosts:
            self.assertEqual(report.names(address), ["Linux 6"], address)
            times = os_ipv6_probes.syn_times(watch.probes(address), first=True)
            starts.append(times[0])
            ends.append(times[-1])
        # Of a loaded machine some may be late.
        self.assertLess(sorted(starts)[8], min(ends))

    def test_the_distance_is_that_of_the_udp_probe(self) -> None:
        far = ADDRESSES["far"]
        theirs, ours = (self.network.scan(program, "-O", "-d", "-p", PORTS, far)
                        for program in ("nmap", labs.TRAWL))
        for report in (theirs, ours):
            self.assertIn("Network Distance: 2 hops\n", report.normal)
            self.assertIn("%DS=2%DC=I%", report.fingerprint(far)["SCAN"])
        self.assertEqual(ours.names(far), ["Linux 6"])

    def test_rounds_are_as_many_as_are_asked_for(self) -> None:
        for words, rounds in (((), 1), (("--max-os-tries", "3"), 3)):
            with self.network.watch("strange") as watch:
                self.network.scan(labs.TRAWL, "-O", "-p", str(CLOSED), *words, STRANGER)
            resets = {probe.source_port for probe in watch.probes(STRANGER)
                      if probe.next_header == 6 and probe.flags == 0x29}  # T7
            self.assertEqual(len(resets), rounds)

    def test_hosts_without_both_ports_are_left_out_where_that_is_asked(self) -> None:
        with self.network.watch("default") as watch:
            report = self.network.scan(labs.TRAWL, "-O", "--osscan-limit", "-p", str(OPEN), DEFAULT)
        self.assertIsNone(report.hosts[DEFAULT].find("os/osmatch"))
        self.assertEqual(watch.probes(DEFAULT), [])

    def test_a_link_local_address_has_a_zone(self) -> None:
        shown = labs.must("ip", "-n", self.network.spaces["default"], "-6", "-o", "address", "show",
                          "dev", "host0", "scope", "link")
        address = re.search(r"fe80::[0-9a-f:]+", shown)[0]
        report = self.network.scan(labs.TRAWL, "-O", "-p", PORTS, f"{address}%scan0")
        self.assertEqual(report.names(address), ["Linux 6"])

    def test_packets_are_traced_and_each_counts_once(self) -> None:
        report = self.network.scan(labs.TRAWL, "-O", "-v", "--packet-trace", "-p", PORTS, DEFAULT)
        sent = len(re.findall(r"^SENT ", report.said, re.M))
        told = re.search(r"Raw packets sent: (\d+) .*Rcvd: (\d+)", report.said)
        self.assertEqual(int(told[1]), sent)
        self.assertGreaterEqual(sent, 17)
        got = re.findall(r"^RCVD \(\S+ (.*)$", report.said, re.M)
        self.assertGreaterEqual(len(got), 15)
        # To the audit's question, to that of the probes, and perhaps to one of the kernel.
        advertised = [line for line in got if "dvert" in line]
        self.assertIn(len(advertised), (2, 3), got)

    def test_a_wrong_model_is_told_where_it_is_used(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "os-model6").write_text("Model6 1\nBias 1\n")
            def scan(*words: str) -> str:
                done = labs.run(["ip", "netns", "exec", self.network.scanner, labs.TRAWL, "-n", "-O",
                                 "--datadir", folder, "-p", PORTS, *words])
                return f"{done.returncode}: {done.stdout}{done.stderr}"
            self.assertRegex(scan("-6", DEFAULT), rf"(?s)[1-9].*{folder}/os-model6:2: it belongs to no OS")
            self.assertRegex(scan("--max-os-tries", "1", "127.0.0.1"), "^0:")

    def test_ports_are_not_compared(self) -> None:
        done = labs.run([labs.TRAWL, "-6", "-O", "--os-per-port", "::1"])
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--os-per-port compares ports over IPv4 only", done.stdout + done.stderr)


if __name__ == "__main__":
    labs.main("nmap", "nft", "xmllint")
