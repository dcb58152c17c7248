#!/usr/bin/env python3
"""Audits with -sV of servers that play a part, beside nmap's with the same probe file."""
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree as tree
from collections.abc import Callable

import audit_pair
import labs

HOST = audit_pair.HOST
DTD = "/usr/share/nmap/nmap.dtd"
# Waits are short, so that nmap is; tcpwrapped is decided by who closes, never by how fast.
PROBES = r"""Exclude T:3099
Probe TCP NULL q||
totalwaitms 3000
tcpwrappedms 2900
match s1 m|^A1| p|Prod/one| v/1.0/ i|a/b c| h/host1/ o/Linux/ d/router/ cpe:/a:x:y:1/ cpe:/o:x:z/
match s2 m|^A2 (\S+)| p/Prod/ v/$1/ h/host2/ o/Windows/ d/switch/ cpe:/a:x:y:$1/ cpe:/o:x:z2/a
match s3 m|^A3| v/only version/
match s4 m|^A4| i/only info/
match s5 m|^B(.*)\n|s p/$1/ v/x/
match s6 m|^<| p/<b>&"'prod/ v/--v--/
softmatch s7 m|^220 | h/softhost/
match excluded m|^EX| p/was asked/
Probe TCP Get q|GET\r\n|
rarity 1
ports 3010
totalwaitms 3000
match http m|^HTTP/1\.\d \d\d\d .*Server: ([^\r\n]+)|s p/$1/
Probe UDP Ask q|ask|
rarity 1
ports 7777,7778
totalwaitms 1500
match u1 m|^answer| p/Udp thing/
"""
RARE = "".join(f"Probe TCP P{n} q|probe{n}|\nrarity {n}\ntotalwaitms 400\nmatch x{n} m|^no| p/x/\n"
               for n in (1, 3, 7, 8, 9))
INTENSITIES = ("Probe TCP NULL q||\ntotalwaitms 400\ntcpwrappedms 100\nmatch never m|^never| p/x/\n"
               + RARE)

Play = Callable[[socket.socket], None]
# To which questions what is answered, and how many seconds later.
Datagrams = dict[bytes, tuple[float, bytes]]


def says(banner: bytes) -> Play:
    """Speaks first, and then waits until the client has had enough."""
    def play(client: socket.socket) -> None:
        client.sendall(banner)
        while client.recv(4096):
            pass
    return play


def answers(reply: bytes) -> Play:
    def play(client: socket.socket) -> None:
        if client.recv(4096):
            client.sendall(reply)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    return play


def is_silent(client: socket.socket) -> None:
    while client.recv(4096):
        pass


def drips(client: socket.socket) -> None:
    for _ in range(200):
        client.sendall(b"x")
        time.sleep(1)


def never_ends(client: socket.socket) -> None:
    while True:
        client.sendall(b"endless " * 512)


def resets(client: socket.socket) -> None:
    client.sendall(b"begun and")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_closes(client: socket.socket) -> None:
    client.sendall(b"A1 half")
    client.shutdown(socket.SHUT_WR)
    while client.recv(4096):
        pass


class Players:
    """TCP and UDP servers in the host's namespace; they end with the test."""

    def __init__(self, pair: audit_pair.Pair, tcp: dict[int, Play],
                 udp: dict[int, bytes | None | Datagrams] | None = None, address: str = HOST,
                 connections: int | None = None) -> None:
        self._connections = connections  # Of each port, before it is closed.
        self.received: list[bytes] = []
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

        def open_all() -> None:
            for port, play in tcp.items():
                listening = socket.socket()
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.bind((address, port))
                listening.listen(64)
                self._begin(self._accept, listening, play)
            for port, reply in (udp or {}).items():
                bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                bound.bind((address, port))
                self._begin(self._reply, bound, reply)
        labs.in_namespace(f"{pair.prefix}-host", open_all)

    def __enter__(self) -> "Players":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            for each in self._sockets:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                each.close()

    def serve(self, listening: socket.socket, play: Play) -> None:
        """The same on a socket that somebody else opened, and closes."""
        self._begin(self._accept, listening, play)

    def _begin(self, run: Callable, made: socket.socket, what: object) -> None:
        with self._lock:
            self._sockets.append(made)
        threading.Thread(target=run, args=(made, what), daemon=True).start()

    def _accept(self, listening: socket.socket, play: Play) -> None:
        taken = 0
        while self._connections is None or taken < self._connections:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            taken += 1
            if taken == self._connections:
                listening.close()
            self._begin(self._play, client, play)

    def _play(self, client: socket.socket, play: Play) -> None:
        try:
            play(client)
        except OSError:
            pass
        finally:
            client.close()

    @staticmethod
    def _send(bound: socket.socket, answer: bytes, to: tuple) -> None:
        try:
            bound.sendto(answer, to)
        except OSError:
            pass  # The test is over.

    @staticmethod
    def _reply(bound: socket.socket, reply: bytes | None | Datagrams) -> None:
        while True:
            try:
                question, sender = bound.recvfrom(4096)
            except OSError:
                return
            if isinstance(reply, dict):
                if question in reply:
                    late, answer = reply[question]
                    threading.Timer(late, Players._send, (bound, answer, sender)).start()
            elif reply is not None and question.startswith(b"ask"):
                bound.sendto(reply, sender)


def service_of(port: tree.Element) -> dict[str, object]:
    """All that XML tells of a port, but for what two runs cannot have in common."""
    state, service = port.find("state"), port.find("service")
    told: dict[str, object] = {"state": state.get("state"), "reason": state.get("reason")}
    if service is None:
        return told
    for name, value in service.attrib.items():
        if name == "servicefp":
            value = re.sub(r"^SF-Port(\d+)-(\w+):.*?%r\(", r"\1 \2 %r(", value)
        told[name] = value
    told["cpe"] = [each.text for each in service.findall("cpe")]
    return told


def services(path: pathlib.Path) -> dict[tuple[str, int], dict]:
    return {(port.get("protocol"), int(port.get("portid"))): service_of(port)
            for port in tree.parse(path).iter("port")}


def table(text: str) -> list[str]:
    """Rows of the port table, and what is told of the host by its services."""
    return [line for line in text.splitlines()
            if re.match(r"\d+/(tcp|udp) |PORT |Service Info:|Service detection performed\.", line)]


def without_hint(lines: list[str]) -> list[str]:
    return [re.sub(r"(Service detection performed\.).*", r"\1", line) for line in lines]


def grepable_ports(text: str) -> list[str]:
    return re.search(r"Ports: ([^\t\n]*)", text)[1].split(", ")


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        # Compiled patterns of a test are of no use to anybody else.
        cache = str(self.folder / "cache")
        os.environ["XDG_CACHE_HOME"] = cache
        self.addCleanup(os.environ.pop, "XDG_CACHE_HOME", None)
        self.pair = self.enterContext(audit_pair.Pair())

    def play(self, tcp: dict[int, Play],
             udp: dict[int, bytes | None | Datagrams] | None = None) -> Players:
        return self.enterContext(Players(self.pair, tcp, udp))

    def probes(self, text: str = PROBES) -> str:
        path = self.folder / "probes"
        path.write_text(text, encoding="latin-1")
        return str(path)

    def audit(self, *words: str, seconds: float = labs.PATIENCE) -> subprocess.CompletedProcess:
        """With all reports, as `ours`."""
        done = self.pair.scan("-Pn", "-sV", "-oA", str(self.folder / "ours"), "-oJ",
                              str(self.folder / "ours.json"), *words, HOST, seconds=seconds)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def found(self) -> dict[tuple[str, int], dict]:
        return services(self.folder / "ours.xml")

    def check_valid(self) -> None:
        if shutil.which("xmllint") and os.path.exists(DTD):
            labs.must("xmllint", "--noout", "--dtdvalid", DTD, str(self.folder / "ours.xml"))
        else:
            tree.parse(self.folder / "ours.xml")


class BesideNmap(Case):
    @unittest.skipUnless(shutil.which("nmap"), "needs nmap")
    def test_all_reports_tell_what_nmaps_do(self) -> None:
        self.play({3001: says(b"A1\n"), 3002: says(b"A2 2.0\n"), 3003: says(b"A3"),
                   3004: says(b"A4"), 3005: says(b"Bsome \x01\x1b\xff text\n"),
                   3006: says(b"<html>"), 3007: says(b"220 hello\r\n"),
                   3008: lambda client: None, 3009: is_silent,
                   3010: answers(b"HTTP/1.0 200 OK\r\nServer: Thing/1\r\n\r\n"),
                   3011: says(b"what is this?"), 3099: says(b"EX")},
                  {7777: b"answer", 7778: None})
        ports = "T:3001-3012,3099,U:7777,7778,9"
        words = ["-sSU", "-p", ports, "--versiondb", self.probes()]
        self.audit(*words)
        peer = subprocess.run(
            [*self.pair.within(), "nmap", "-n", "-Pn", "-sV", *words, "-oA",
             str(self.folder / "theirs"), HOST], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=labs.PATIENCE, check=False)
        self.assertEqual(peer.returncode, 0, peer.stderr)
        self.check_valid()
        ours, theirs = self.found(), services(self.folder / "theirs.xml")
        self.assertEqual(ours.keys(), theirs.keys())
        for port, told in theirs.items():
            self.assertEqual(ours[port], told, port)
        read = {who: {kind: (self.folder / f"{who}.{kind}").read_text(errors="replace")
                      for kind in ("nmap", "gnmap")} for who in ("ours", "theirs")}
        self.assertEqual(without_hint(table(read["ours"]["nmap"])),
                         without_hint(table(read["theirs"]["nmap"])))
        self.assertEqual(grepable_ports(read["ours"]["gnmap"]),
                         grepable_ports(read["theirs"]["gnmap"]))
        why = {each["port"]: each for line in
               (self.folder / "ours.json").read_text().splitlines() if '"record":"host"' in line
               for each in audit_pair.json.loads(line)["ports"]}
        self.assertEqual(why[3002]["detection"]["version"], "2.0")
        self.assertEqual(why[3002]["detection"]["why"],
                         {"probe": "NULL", "line_probe": "NULL", "line": 6,
                          "response": "A2 2.0\n"})
        self.assertEqual(why[3010]["detection"]["why"]["probe"], "Get")


class Choices(Case):
    def test_intensity_bounds_the_rarity_of_probes(self) -> None:
        for words, most in (([], 7), (["--version-light"], 2), (["--version-all"], 9),
                            (["--version-intensity", "0"], 0),
                            (["--version-intensity", "8"], 8)):
            asked: set[bytes] = set()

            def notes(client: socket.socket, asked: set[bytes] = asked) -> None:
                while question := client.recv(4096):
                    asked.add(question)
            with Players(self.pair, {3001: notes}):
                self.audit("-p3001", "--versiondb", self.probes(INTENSITIES), *words)
            expected = {f"probe{n}".encode() for n in (1, 3, 7, 8, 9) if n <= most}
            self.assertEqual(asked, expected, words)

    def test_excluded_ports_are_asked_with_allports_only(self) -> None:
        self.play({3099: says(b"EX\n")})
        self.audit("-p3099", "--versiondb", self.probes())
        self.assertNotIn("product", self.found()["tcp", 3099])
        self.audit("-p3099", "--allports", "--versiondb", self.probes())
        self.assertEqual(self.found()["tcp", 3099]["product"], "was asked")

    def test_literal_sequence_and_one_connection(self) -> None:
        self.play({3010: answers(b"HTTP/1.0 200 OK\r\nServer: Thing/1\r\n\r\n")})
        for words in (["--strict-nmap"], ["--version-parallelism", "1"], ["-T2"]):
            self.audit("-p3010", "--versiondb", self.probes(), *words)
            self.assertEqual(self.found()["tcp", 3010]["product"], "Thing/1", words)

    def test_trace_tells_events_and_matches(self) -> None:
        self.play({3002: says(b"A2 2.0\n")})
        done = self.audit("-p3002", "--version-trace", "--versiondb", self.probes())
        connects = re.compile(r"^NSOCK INFO \[\d+\.\d{4}s\] nsock_connect_tcp\(\): TCP connection "
                              r"requested", re.MULTILINE)
        self.assertRegex(done.stderr, connects)
        self.assertNotIn("Service scan", done.stderr)
        self.assertNotIn("NSOCK", done.stdout)
        for line in (rf"^Service scan sending probe NULL to {HOST}:3002 \(tcp\)$",
                     rf"^Service scan match \(Probe NULL matched with NULL line 6\): {HOST}:3002 "
                     r"is s2\.  Version: \|Prod\|2\.0\|\|$"):
            self.assertRegex(done.stdout, re.compile(line, re.MULTILINE))
        quiet = self.audit("-p3002", "--versiondb", self.probes())
        self.assertNotIn("NSOCK", quiet.stdout + quiet.stderr)
        # With a report in the screen's place they stay apart.
        report = self.pair.scan("-Pn", "-sV", "-p3002", "--version-trace", "--versiondb",
                                self.probes(), "-oX", "-", HOST)
        self.assertRegex(report.stderr, connects)
        self.assertTrue(report.stdout.startswith("<?xml"), report.stdout[:80])
        self.assertNotIn("NSOCK", report.stdout)

    def test_tasks_are_told_of(self) -> None:
        self.play({3001: says(b"A1"), 3003: says(b"A3")})
        text = self.audit("-v", "-p3001,3003,3999", "--versiondb", self.probes()).stdout
        self.assertRegex(text, r"Initiating Service scan at \d\d:\d\d\n")
        self.assertIn(f"Scanning 2 services on {HOST}\n", text)
        self.assertRegex(text, r"Completed Service scan at .* elapsed \(2 services on 1 host\)\n")
        xml = (self.folder / "ours.xml").read_text()
        self.assertIn('<taskbegin task="Service scan"', xml)
        self.assertIn('extrainfo="2 services on 1 host"', xml)
        self.check_valid()


class Ways(Case):
    """From where a server sees that it is asked."""

    def setUp(self) -> None:
        super().setUp()
        self.peers: set[str] = set()

        def notes(client: socket.socket) -> None:
            self.peers.add(client.getpeername()[0])
            says(b"A1")(client)
        self.play({3001: notes})

    def audited(self, *words: str) -> set[str]:
        self.peers.clear()
        self.audit("-p3001", "--versiondb", self.probes(), *words)
        self.assertEqual(self.found()["tcp", 3001]["product"], "Prod/one")
        return self.peers

    def test_a_source_address(self) -> None:
        self.assertEqual(self.audited(), {audit_pair.SCANNER})
        self.pair.ip("scan", "addr add 198.18.0.9/24 dev scan0")
        self.assertEqual(self.audited("-S", "198.18.0.9", "-e", "scan0"), {"198.18.0.9"})

    def test_a_proxy(self) -> None:
        def connects(client: socket.socket) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            method, target, _ = head.split(b"\r\n")[0].split()
            if method != b"CONNECT":
                client.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
                return
            address, port = target.decode().split(":")
            with socket.create_connection((address, int(port)), labs.PATIENCE) as server:
                client.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")
                client.sendall(server.recv(4096))
        proxied = threading.Event()

        def notes(client: socket.socket) -> None:
            proxied.set()
            labs.in_namespace(f"{self.pair.prefix}-host", lambda: connects(client))
        self.play({3128: notes})
        seen = self.audited("-sT", "--proxies", f"http://{HOST}:3128")
        self.assertTrue(proxied.is_set())
        self.assertEqual(seen, {HOST})


class BadInput(Case):
    def refused(self, *words: str) -> str:
        done = self.pair.scan("-Pn", "-sV", "-p3001", *words, HOST)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertNotIn("scan report", done.stdout)
        self.assertIn("QUITTING!", done.stderr)
        return done.stderr

    def test_probe_files_that_cannot_be_used(self) -> None:
        self.assertIn("/nonexistent/probes", self.refused("--versiondb", "/nonexistent/probes"))
        self.refused("--versiondb", self.probes("no line of this\nis one\n"))
        self.refused("--versiondb", self.probes(""))
        self.refused("--versiondb", "/dev/null")

    def test_wrong_lines_are_named_and_left_out(self) -> None:
        wrong = "match s9 m|^never\nrarity x\nnonsense\nmatch s8 m|^(unclosed| p/x/\n"
        path = self.probes(PROBES + wrong * 30)
        self.play({3001: says(b"A1")})
        said = self.audit("-p3001", "--versiondb", path).stderr
        first = PROBES.count("\n") + 1
        self.assertRegex(said, re.compile(rf"^{re.escape(path)}:{first}: .+$", re.MULTILINE))
        self.assertRegex(said, r"\d+ more lines are wrong")
        self.assertLess(said.count("\n"), 60)
        self.assertEqual(self.found()["tcp", 3001]["product"], "Prod/one")

    def test_patterns_that_explode_are_named(self) -> None:
        """The next line of the file tells what the server is."""
        explodes = ("Probe TCP NULL q||\ntotalwaitms 3000\nmatch bad m|^EXP(a+)+$| p/x/\n"
                    "match good m|^EXPa| p/good/\n")
        path = self.probes(explodes)
        self.play({3001: says(b"EXP" + b"a" * 60 + b"!")})
        said = self.audit("-p3001", "--versiondb", path).stderr
        self.assertEqual(len(re.findall(rf"^{re.escape(path)}:3: .+$", said, re.MULTILINE)), 1)
        self.assertEqual(said.count(path), 1, said)
        self.assertEqual(self.found()["tcp", 3001]["product"], "good")

    def test_intensities_are_nmaps(self) -> None:
        self.assertIn("version-intensity must be between 0 and 9",
                      self.refused("--version-intensity", "10"))

    def test_servers_that_misbehave(self) -> None:
        self.play({3001: drips, 3002: never_ends, 3003: resets, 3004: half_closes,
                   3005: says(bytes(range(256)) * 64), 3006: lambda client: None,
                   3007: says(b"B\0\x1b[31m<script>\n, 22/open/tcp//fake///\n"),
                   3008: says(b"A1")})
        done = self.audit("-p3001-3008", "--versiondb", self.probes())
        self.check_valid()
        found = self.found()
        self.assertEqual(found["tcp", 3004]["name"], "s1")
        self.assertEqual(found["tcp", 3008]["name"], "s1")
        self.assertEqual(found["tcp", 3007]["name"], "s5")
        self.assertEqual(found["tcp", 3006]["name"], "tcpwrapped")
        for text in (done.stdout, *((self.folder / name).read_text(errors="replace")
                                    for name in ("ours.nmap", "ours.gnmap", "ours.json"))):
            self.assertNotIn("\x1b", text)
            self.assertNotIn("\0", text)
        grepable = (self.folder / "ours.gnmap").read_text()
        self.assertEqual(len(grepable_ports(grepable)), 8)

    def test_a_host_that_takes_too_long_is_left(self) -> None:
        slow = PROBES.replace("totalwaitms 3000", "totalwaitms 600000")
        self.play({3001: says(b"A1"), 3009: is_silent})
        self.audit("-p3001,3009", "--host-timeout", "5s", "--versiondb", self.probes(slow))
        self.assertEqual(self.found()["tcp", 3001]["product"], "Prod/one")
        self.assertEqual(self.found()["tcp", 3009]["state"], "open")


class Pipeline(Case):
    """A host moves on when its own stage is complete, whatever the others of its group do."""
    FAST, DROPS = "198.18.1.7", "198.19.0.1"  # The last one is silent on every port.

    def test_slow_hosts_hold_up_nobody(self) -> None:
        asked, speaks = threading.Event(), threading.Event()

        def is_late(client: socket.socket) -> None:
            asked.set()
            if speaks.wait(labs.PATIENCE):
                says(b"A2 late")(client)
        self.play({3001: is_late})
        self.enterContext(Players(self.pair, {3001: says(b"A1")}, address=self.FAST))
        log = self.folder / "ours.nmap"
        probes = PROBES.replace("totalwaitms 3000", "totalwaitms 600000")
        process = self.pair.start("-Pn", "-sV", "-p1-3001", "--max-retries", "10", "-oN", str(log),
                                  "--versiondb", self.probes(probes), self.DROPS, HOST, self.FAST)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)

        def tells_of(service: str) -> None:
            line = re.compile(rf"^3001/tcp open +{service} ", re.MULTILINE)
            labs.wait_until(lambda: log.exists() and line.search(log.read_text()), service)
        tells_of("s1")
        self.assertTrue(asked.wait(labs.PATIENCE))
        self.assertNotIn(HOST, log.read_text().partition("Nmap scan report")[2])
        speaks.set()
        tells_of("s2")
        self.assertIsNone(process.poll(), "the host that drops everything should take longest")
        process.send_signal(signal.SIGINT)
        audit_pair.finish(process)
        reported = re.findall(r"^Nmap scan report for (\S+)$", log.read_text(), re.MULTILINE)
        self.assertEqual([self.FAST, HOST], reported[:2])


class Interruptions(Case):
    def start(self, *words: str) -> subprocess.Popen:
        return self.pair.start("-Pn", "-sV", "-v", "-p3001,3009", "--versiondb",
                               self.probes(PROBES.replace("totalwaitms 3000",
                                                          "totalwaitms 600000")), *words)

    def test_what_is_found_is_told_and_resumed(self) -> None:
        asked, speaks = threading.Event(), threading.Event()

        def waits(client: socket.socket) -> None:
            asked.set()
            if speaks.is_set():
                client.sendall(b"A3")
            while client.recv(4096):
                pass
        self.play({3001: says(b"A1"), 3009: waits})
        log = self.folder / "ours.xml"
        process = self.start("-oX", str(log), HOST)
        self.assertTrue(asked.wait(labs.PATIENCE))
        process.send_signal(signal.SIGINT)
        done = audit_pair.finish(process)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("Service detection performed", done.stdout)
        self.check_valid()
        self.assertEqual(self.found()["tcp", 3009]["state"], "open")
        speaks.set()
        again = subprocess.run([*self.pair.within(), labs.TRAWL, "--resume", str(log)],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=labs.PATIENCE, check=False)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.check_valid()
        self.assertEqual(self.found()["tcp", 3009]["version"], "only version")
        self.assertEqual(self.found()["tcp", 3001]["product"], "Prod/one")
        self.assertEqual(len(tree.parse(log).findall("host")), 1)


if __name__ == "__main__":
    labs.main()
