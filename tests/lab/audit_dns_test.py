#!/usr/bin/env python3
"""--dns-servers and --system-dns with name servers that answer, are silent, lie, or are slow."""
import collections
import ipaddress
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree as tree

import labs

GOOD, SILENT, LIAR, ODD, SLOW, BROKEN = (f"127.0.0.{last}" for last in range(11, 17))
DELAY = 0.05  # Seconds that SLOW takes for each answer.
HUNG = "198.18.0.77"  # SLOW never names it.
PTR, IN = 12, 1
ODD_LABEL = b"a\x1b[31m\n\x00<b>" + b"\xff"


def labels(*names: bytes) -> bytes:
    return b"".join(bytes([len(name)]) + name for name in names) + b"\0"


def reply(query: bytes, name: bytes, number: int | None = None) -> bytes:
    """The answer to a question for a PTR record; `name` as it goes on the wire."""
    own, = struct.unpack_from("!H", query)
    head = struct.pack("!HHHHHH", own if number is None else number, 0x8180, 1, 1, 0, 0)
    record = struct.pack("!HHHIH", 0xc00c, PTR, IN, 60, len(name)) + name
    return head + query[12:query.index(b"\0", 12) + 5] + record


def asked_address(query: bytes) -> str:
    """"" where it is no address whose name is asked for."""
    parts, at = [], 12
    while query[at]:
        parts.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    if parts[-1:] != ["arpa"]:
        return ""
    if parts[-2] == "ip6":
        return str(ipaddress.ip_address(int("".join(reversed(parts[:32])), 16)))
    return ".".join(reversed(parts[:4]))


def host_name(address: str) -> bytes:
    return labels(f"h{address.replace('.', '-').replace(':', '-')}".encode(), b"example")


def answers(server: str, query: bytes) -> list[bytes]:
    own, = struct.unpack_from("!H", query)
    address = asked_address(query)
    if not address:
        return [query[:2] + b"\x81\x83" + query[4:]]  # No such name.
    if server in (GOOD, "::1", "port"):
        return [reply(query, host_name(address))]
    if server == SLOW and address != HUNG:
        return [reply(query, host_name(address))]
    if server == LIAR:
        # Wrong numbers, cut answers, and another's question; never the truth.
        return [*(reply(query, labels(b"lie", b"example"), (own + each) & 0xffff)
                  for each in range(1, 9)), query[:7], b"\xff" * 40,
                reply(query[:13] + b"x" + query[14:], labels(b"lie", b"example"))]
    if server == BROKEN:
        # Names that never end, or are not there.
        loop = reply(query, b"\xc0\x3f" * 40)
        return [loop, loop[:30]]
    if server == ODD:
        last = int(address.rsplit(".", 1)[1])
        return [reply(query, (labels(ODD_LABEL, b"example"), labels(*[b"l" * 63] * 3, b"m" * 61),
                              b"\xff" + b"x" * 255 + b"\0", labels(b"x" * 63, *[b"y" * 63] * 6),
                              labels(b"<&\"'>", b"example"))[last % 5])]
    return []


def serve(ready: int) -> None:
    """All servers, in the namespace of this process, until it is killed."""
    places = {}
    for name, (family, address, port) in {
            **{each: (socket.AF_INET, each, 53) for each in (GOOD, SILENT, LIAR, ODD, SLOW, BROKEN)},
            "::1": (socket.AF_INET6, "::1", 53), "port": (socket.AF_INET, GOOD, 5353)}.items():
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.bind((address, port))
        places[made] = name
    os.write(ready, b"x")
    late: collections.deque = collections.deque()
    while True:
        patience = max(0.0, late[0][0] - time.monotonic()) if late else None
        for made in select.select(list(places), [], [], patience)[0]:
            query, sender = made.recvfrom(65535)
            at = time.monotonic() + (DELAY if places[made] == SLOW else 0)
            for each in answers(places[made], query):
                late.append((at, made, each, sender))
        late = collections.deque(sorted(late, key=lambda each: each[0]))
        while late and late[0][0] <= time.monotonic():
            _, made, data, sender = late.popleft()
            made.sendto(data, sender)


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        """A namespace held by a process of its own, with files of its own in /etc."""
        cls.folder = tempfile.TemporaryDirectory(prefix="trawl-lab-test-")
        etc = pathlib.Path(cls.folder.name)
        (etc / "resolv.conf").write_text(f"nameserver {GOOD}\noptions timeout:1 attempts:1\n",
                                         encoding="ascii")
        (etc / "hosts").write_text("127.0.0.1 localhost\n198.18.9.9 from-file\n", encoding="ascii")
        (etc / "nsswitch.conf").write_text("hosts: files dns\n", encoding="ascii")
        mounts = "; ".join(f"mount --bind {etc / name} /etc/{name}"
                           for name in ("resolv.conf", "hosts", "nsswitch.conf"))
        started, ready = os.pipe()
        cls.servers = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-ec",
             f'ip link set lo up; {mounts}; exec "$@"', "sh", "python3", __file__, "serve",
             str(ready)], stdin=subprocess.DEVNULL, pass_fds=[ready])
        os.close(ready)
        up = select.select([started], [], [], 20)[0] and os.read(started, 1)
        os.close(started)
        if not up:
            cls.tearDownClass()
            raise AssertionError("no servers")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.servers.send_signal(signal.SIGKILL)
        cls.servers.wait()
        cls.folder.cleanup()

    def run_in(self, program: str, *words: str) -> subprocess.CompletedProcess:
        return labs.run(["nsenter", f"--target={self.servers.pid}", "--net", "--mount", program,
                         *words])

    def names(self, *words: str, program: str = labs.TRAWL) -> dict[str, str]:
        """What -sL calls each address that has a name."""
        done = self.run_in(program, "-sL", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = re.findall(r"^Nmap scan report for (\S+) \((\S+)\)$", done.stdout, re.M)
        return {address: name for name, address in found}

    def test_servers_are_asked_as_nmap_asks_them(self) -> None:
        for words in (f"--dns-servers {GOOD} 198.18.0.1", f"--dns-servers x,{GOOD} 198.18.0.1",
                      f"--dns-servers {GOOD} 198.18.9.9", "--dns-servers x 198.18.9.9",
                      "198.18.0.1", "--system-dns 198.18.0.1", "--system-dns 198.18.9.9",
                      f"--system-dns --dns-servers {SILENT} 198.18.0.2",
                      f"-n --dns-servers {GOOD} 198.18.0.1",
                      f"-6 --dns-servers {GOOD} 2001:db8::7"):
            with self.subTest(words=words):
                theirs = self.names(*words.split(), program="nmap")
                self.assertEqual(self.names(*words.split()), theirs)
        self.assertEqual(self.names("--dns-servers", GOOD, "198.18.0.1"),
                         {"198.18.0.1": "h198-18-0-1.example"})

    def test_ports_and_ipv6_servers(self) -> None:
        for server in (f"{GOOD}:5353", "::1", "[::1]:53"):
            with self.subTest(server=server):
                self.assertEqual(self.names("--dns-servers", server, "198.18.0.3"),
                                 {"198.18.0.3": "h198-18-0-3.example"})

    def test_without_a_usable_server_nmaps_warning_is_printed(self) -> None:
        theirs, ours = (self.run_in(program, "-sL", "--dns-servers", "x,256.1.1.1", "198.18.0.1")
                        for program in ("nmap", labs.TRAWL))
        self.assertEqual(ours.returncode, theirs.returncode)
        self.assertIn("mass_dns: warning", ours.stderr)
        self.assertEqual(ours.stderr, theirs.stderr)
        self.assertIn("scan report for 198.18.0.1\n", ours.stdout)

    def test_a_silent_or_a_lying_server_gives_way_to_the_next(self) -> None:
        for first in (SILENT, LIAR):
            with self.subTest(first=first):
                self.assertEqual(
                    self.names("--dns-servers", f"{first},{GOOD}", "198.18.0.0/28"),
                    {f"198.18.0.{last}": f"h198-18-0-{last}.example" for last in range(16)})

    def test_lies_name_nobody(self) -> None:
        for server in (LIAR, BROKEN):
            with self.subTest(server=server):
                self.assertEqual(self.names("--dns-servers", server, "198.18.0.1-4"), {})

    def test_odd_names_cannot_break_out_of_outputs(self) -> None:
        with tempfile.TemporaryDirectory(prefix="trawl-lab-test-") as folder:
            base = f"{folder}/out"
            done = self.run_in(labs.TRAWL, "-sL", "--dns-servers", ODD, "-oA", base, "-oJ",
                               f"{base}.jsonl", "198.18.0.0-9")
            self.assertEqual(done.returncode, 0, done.stderr)
            texts = [done.stdout, *(pathlib.Path(f"{base}.{end}").read_text(encoding="utf-8")
                                    for end in ("nmap", "gnmap", "xml", "jsonl"))]
            for text in texts:
                self.assertIsNone(re.search(r"[^\x20-\x7e\n\t]", text), text)
                self.assertNotIn("<b>", text)
            self.assertEqual(len(re.findall(r"^Nmap scan report for ", texts[0], re.M)), 10)
            hosts = tree.parse(f"{base}.xml").getroot().findall("host")
            self.assertEqual(len(hosts), 10)
            for name in tree.parse(f"{base}.xml").getroot().iter("hostname"):
                self.assertLessEqual(len(name.get("name")), 1024)

    def test_questions_go_out_together(self) -> None:
        for words in (["--dns-servers", SLOW],):
            with self.subTest(words=words):
                begin = time.monotonic()
                found = self.names(*words, "198.18.3.0/24")
                self.assertEqual(len(found), 256)
                self.assertLess(time.monotonic() - begin, 256 * DELAY / 4)

    def test_the_systems_resolver_is_asked_by_many(self) -> None:
        # /etc/resolv.conf has other options for each C library; the servers are all it needs.
        etc = pathlib.Path(self.folder.name) / "resolv.conf"
        before = etc.read_text(encoding="ascii")
        etc.write_text(f"nameserver {SLOW}\noptions timeout:3 attempts:1\n", encoding="ascii")
        try:
            begin = time.monotonic()
            self.assertEqual(len(self.names("--system-dns", "198.18.3.0/24")), 256)
            self.assertLess(time.monotonic() - begin, 256 * DELAY / 4)
            # One name that hangs does not keep others: they are named while it is awaited.
            found = self.names("--system-dns", "198.18.0.64/26")
            self.assertEqual(len(found), 63)
            self.assertNotIn(HUNG, found)
        finally:
            etc.write_text(before, encoding="ascii")

    def test_names_of_scanned_hosts_come_beside_the_scan(self) -> None:
        for words in (["--dns-servers", GOOD], ["--system-dns"]):
            with self.subTest(words=words):
                done = self.run_in(labs.TRAWL, "-sT", "-Pn", "-p1", *words, "127.0.5.0/28")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.count(".example (127.0.5."), 16)


class Complaints(unittest.TestCase):
    """Warnings in normal files, with --log-errors or without."""

    def test_files_have_them_as_nmaps(self) -> None:
        for words in ("-sL -n nosuch.invalid. 127.0.0.1", "-sT -n -f -p1 127.0.0.1", "-n -sT -p1",
                      "--log-errors -n -sL 127.0.0.1"):
            for program in ("nmap", labs.TRAWL):
                with self.subTest(words=words, program=program):
                    said, left = self.run_with_file(program, words)
                    complaints = [line for line in said.splitlines() if line]
                    self.assertEqual([line for line in left if line in complaints], complaints)

    @staticmethod
    def run_with_file(program: str, words: str) -> tuple[str, list[str]]:
        """What goes to standard error, and the lines of the normal file."""
        with tempfile.TemporaryDirectory(prefix="trawl-lab-test-") as folder:
            done = labs.run(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"',
                             "sh", program, *words.split(), "--release-memory", "-oN",
                             f"{folder}/n"])
            return done.stderr, pathlib.Path(f"{folder}/n").read_text(
                encoding="utf-8").splitlines()


if __name__ == "__main__":
    import sys
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    labs.main("nmap", "nsenter", "unshare")
