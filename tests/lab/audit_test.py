#!/usr/bin/env python3
"""Audits of real kernels and of hosts that lie.

Reports that are whole whenever the run ends, traces beside a capture, missing rights, bad options
beside nmap's, storms, links and disks that go away.
"""
import collections
import concurrent.futures
import contextlib
import json
import pathlib
import random
import re
import shlex
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
from collections.abc import Iterable

import audit_bad_lines
import audit_compare
import audit_forger
import audit_pair
import labs
from audit_pair import ACK, HOST, HOST6, ICMP, MANY, RST, SYN, TCP, UDP, Probe

DTD = "/usr/share/nmap/nmap.dtd"
PEER = "nmap"
# Somebody without rights: no raw sockets.
NOBODY = ("setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all", "--")
KILLS = 6  # Of each kind.
OPEN = audit_compare.Port("open", "")
BAD_PATIENCE = 20  # Seconds; what is refused is refused at once.
STATES = {"open", "closed", "filtered", "unfiltered", "open|filtered", "closed|filtered"}


def states(path: pathlib.Path, host: str) -> dict[int, str]:
    """Port to state, folded ones too."""
    found = audit_compare.read(str(path)).hosts[f"ipv4 {host}"]
    return {number: port.state for (_, number), port in found.ports.items()}


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="trawl-lab-test-")))
        self.folder.chmod(0o777)

    def pair(self, liar: audit_pair.Answer | None = None) -> audit_pair.Pair:
        return self.enterContext(audit_pair.Pair(liar))

    def check_valid(self, path: pathlib.Path) -> None:
        done = labs.run(["xmllint", "--noout", "--dtdvalid", DTD, str(path)])
        self.assertEqual(done.returncode, 0, done.stderr[:600])


class Wholeness(Case):
    """Reports of runs that are stopped at any moment."""

    def stop(self, pair: audit_pair.Pair, number: int, index: int) -> None:
        """A scan of 256 hosts, stopped; then all reports are judged."""
        base = self.folder / f"{signal.Signals(number).name}{index}"
        log = base.with_suffix(".stdout")
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [*pair.within(), labs.TRAWL, "-n", "-Pn", "-sS", "-p1-20,22,80", "--max-rate",
                 "2500", "-oA", str(base), "-oJ", f"{base}.json", MANY],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True)
        labs.wait_until(lambda: process.poll() is not None
                        or base.with_suffix(".xml").exists()
                        and base.with_suffix(".xml").stat().st_size > 0, "reports")
        time.sleep(random.uniform(0, 2))
        process.send_signal(number)
        done = audit_pair.finish(process)
        if done.returncode != 0:  # Or it was faster.
            self.assertEqual(done.returncode, -9 if number == signal.SIGKILL else 130, done.stderr)
        # What was not looked at to the end has not timed out.
        self.assertNotIn("due to host timeout", log.read_text())
        printed = set(re.findall(r"(?m)^Nmap scan report for (\S+)\n", log.read_text()))
        self.check_reports(base, printed, number != signal.SIGKILL)

    def check_reports(self, base: pathlib.Path, printed: set[str], ended: bool) -> None:
        xml = base.with_suffix(".xml")
        self.check_valid(xml)
        report = audit_compare.read(str(xml))
        hosts = {name.split()[1] for name in report.hosts}
        self.assertLessEqual(printed, hosts)
        for name, host in report.hosts.items():
            self.assertEqual(host.status, "up", name)
            # An interrupted run says what it knows.
            if not ended or report.exit == "success":
                self.assertEqual(len(host.ports), 22, name)
            for port in (22, 80):
                self.assertEqual(host.ports.get(("tcp", port), OPEN).state, "open", name)
            self.assertLessEqual({port.state for port in host.ports.values()}, {"open", "closed"})
        lines = [json.loads(line)
                 for line in pathlib.Path(f"{base}.json").read_text().splitlines()]
        self.assertLessEqual(printed, {each["ip"] for each in lines if each["record"] == "host"})
        for suffix in (".gnmap", ".nmap"):
            text = base.with_suffix(suffix).read_text()
            self.assertLessEqual(printed, set(re.findall(
                r"(?m)^(?:Host: |Nmap scan report for )(\S+)", text)), suffix)
            if ended:
                self.assertTrue(text.endswith("\n"), suffix)
        if ended:
            self.assertIn(report.exit, ("success", "error"))

    def test_reports_are_whole_at_every_moment(self) -> None:
        pair = self.pair()
        for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=signal.Signals(number).name), \
                    concurrent.futures.ThreadPoolExecutor(3) as pool:
                for each in [pool.submit(self.stop, pair, number, index)
                             for index in range(KILLS)]:
                    each.result()

    def test_a_full_disk_is_named(self) -> None:
        pair = self.pair()
        with labs.small_disk("64k") as disk:
            for option, name in (("-oX", "found.xml"), ("-oJ", "found.json")):
                with self.subTest(option=option):
                    path = disk / name
                    done = pair.scan("-Pn", "-sS", "-p1-20,22,80", option, str(path), MANY)
                    path.unlink(missing_ok=True)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertIn(str(path), done.stderr)

    def test_reports_agree_and_others_can_read_them(self) -> None:
        pair, base = self.pair(), self.folder / "all"
        done = pair.scan("-v", "-sS", "-sU", "-p", "T:20-30,80,U:9,53,161", "-oA", str(base), "-oJ",
                         f"{base}.json", "198.18.1.1-8", "198.18.0.77", "-T4")
        self.assertEqual(done.returncode, 0, done.stderr)
        xml = base.with_suffix(".xml")
        self.check_valid(xml)
        hosts = python_libnmaps_view(xml)
        grepable = grepables_view(base.with_suffix(".gnmap").read_text())
        lines = [json.loads(line) for line in pathlib.Path(f"{base}.json").read_text().splitlines()]
        said = {line["ip"]: {(port["protocol"], port["port"]): port["state"]
                             for port in line["ports"]}
                for line in lines if line["record"] == "host" and line["status"] == "up"}
        self.assertEqual(hosts, grepable)
        self.assertEqual(hosts, said)
        self.assertEqual(len(hosts), 8)
        self.assertEqual(hosts["198.18.1.3"][("tcp", 80)], "open")
        self.assertEqual(hosts["198.18.1.3"][("udp", 53)], "open")

    @unittest.skipUnless(shutil.which("ndiff"), "needs ndiff")
    def test_ndiff_reads_them(self) -> None:
        pair, files = self.pair(), []
        for ports in ("20-30", "21-31,80"):
            files.append(self.folder / f"{len(files)}.xml")
            pair.scan("-sS", "-p", ports, "-oX", str(files[-1]), HOST)
        same = labs.run(["ndiff", str(files[0]), str(files[0])])
        self.assertEqual((same.returncode, same.stderr), (0, ""))
        other = labs.run(["ndiff", *map(str, files)])
        self.assertEqual((other.returncode, other.stderr), (1, ""))
        self.assertRegex(other.stdout, r"(?m)^\+80/tcp +open +http")


def python_libnmaps_view(path: pathlib.Path) -> dict[str, dict]:
    """Up hosts and their listed ports; reads what python-libnmap reads, and fails where it does."""
    root = tree.parse(path).getroot()
    if root.tag != "nmaprun" or root.get("scanner") != "nmap":
        raise AssertionError("no nmaprun")
    for name in ("args", "start", "startstr", "version", "xmloutputversion"):
        if not root.attrib[name]:
            raise AssertionError(f"no {name}")
    for scan in root.findall("scaninfo"):
        counted = len(audit_compare.numbers(scan.attrib["services"]))
        if counted != int(scan.attrib["numservices"]) or not scan.attrib["type"]:
            raise AssertionError("scaninfo")
    hosts, ups = {}, 0
    for host in root.findall("host"):
        if host.find("status").attrib["state"] != "up":
            continue
        ups += 1
        if not int(host.attrib["starttime"]) <= int(host.attrib["endtime"]):
            raise AssertionError("a host ends before it begins")
        address = next(each.attrib["addr"] for each in host.findall("address")
                       if each.attrib["addrtype"] in ("ipv4", "ipv6"))
        hosts[address] = {}
        for port in host.findall("ports/port"):
            state, service = port.find("state").attrib, port.find("service")
            if not state["reason"] or int(state["reason_ttl"]) > 255 or service is None:
                raise AssertionError(tree.tostring(port))
            hosts[address][(port.attrib["protocol"], int(port.attrib["portid"]))] = state["state"]
        for name in ("srtt", "rttvar", "to"):
            int(host.find("times").attrib[name])
    finished, counts = root.find("runstats/finished").attrib, root.find("runstats/hosts").attrib
    if not finished["summary"] or float(finished["elapsed"]) < 0 or int(counts["up"]) != ups or \
            int(counts["up"]) + int(counts["down"]) != int(counts["total"]) or \
            int(finished["time"]) < int(root.attrib["start"]):
        raise AssertionError("runstats")
    return hosts


def grepables_view(text: str) -> dict[str, dict]:
    """The same of grepable output, by the man page's description of its fields."""
    lines = text.splitlines()
    if not re.match(r"# Nmap \S+ scan initiated .+ as: ", lines[0]) or \
            not re.match(r"# Nmap done at .+ -- \d+ IP addresses? \(\d+ hosts? up\) scanned in",
                         lines[-1]):
        raise AssertionError(f"{lines[0]} … {lines[-1]}")
    hosts: dict[str, dict] = {}
    for line in lines[1:-1]:
        if line.startswith("# Ports scanned: "):
            continue
        fields = dict(field.split(": ", 1) for field in line.split("\t"))
        address = re.fullmatch(r"(\S+) \((\S*)\)", fields["Host"])[1]
        if fields.get("Status") == "Up":
            hosts[address] = {}
        for port in filter(None, fields.get("Ports", "").split(", ")):
            number, state, protocol, _, _, _, _, end = port.split("/")
            if state not in STATES or end:
                raise AssertionError(port)
            hosts[address][(protocol, int(number))] = state
        unknown = fields.keys() - {"Host", "Status", "Ports", "Ignored State", "OS", "Seq Index",
                                   "IP ID Seq"}
        if unknown:
            raise AssertionError(f"fields {unknown}")
    return hosts


class Traces(Case):
    """--packet-trace beside what the other end of the link sees."""

    def test_traces_tell_of_each_frame(self) -> None:
        pair = self.pair()
        for words in ("-sS -Pn -p20-30,80 198.18.1.5-6", "-sU -Pn -p7,9,53,161 198.18.1.5-6",
                      "-sn -PE 198.18.1.5-6", f"-sn {HOST}", f"-6 -sS -Pn -p20-30,80 {HOST6}",
                      f"-6 -sU -Pn -p7,9,53 {HOST6}", f"-6 -sn {HOST6}",
                      f"-6 -sn -PE --disable-arp-ping {HOST6}"):
            with self.subTest(words=words), pair.tap() as tap:
                tap.frames()
                done = pair.scan(*words.split(), "--packet-trace")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.compare(tap.frames(), (done.stdout + done.stderr).splitlines())

    def compare(self, frames: list[audit_pair.Frame], lines: list[str]) -> None:
        told = [each for each in map(audit_pair.traced, lines) if each]
        seen = [frame for frame in frames if not frame.kernels and " :: > " not in frame.text
                and " fe80::" not in frame.text]
        for sent in (True, False):
            ours = collections.Counter(text for way, text in told if way == sent)
            wire = collections.Counter(frame.text for frame in seen if frame.sent == sent)
            self.assertEqual(ours - wire, collections.Counter(), f"sent: {sent}; told, not seen")
            # The kernels look for neighbours too; and the second answer of a port can come when
            # all is known.
            heard = {text.split(" > ", maxsplit=1)[0] for text in ours if not sent}
            missing = collections.Counter(
                {text: count for text, count in (wire - ours).items()
                 if text.split(" > ", maxsplit=1)[0] not in heard and "ARP" not in text
                 and " type=135 " not in text and " type=136 " not in text})
            self.assertEqual(missing, collections.Counter(), f"sent: {sent}; seen, not told")
        self.assertTrue(told)


class Rights(Case):
    def test_without_rights_connect_scans_work_and_others_say_why_not(self) -> None:
        pair, path = self.pair(), self.folder / "found.xml"
        done = pair.scan("-sT", "-p20-30,80", "-oX", str(path), "198.18.1.4", before=NOBODY)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = states(path, "198.18.1.4")
        self.assertEqual({port for port, state in found.items() if state == "open"}, {22, 80})
        self.assertEqual(set(found.values()), {"open", "closed"})
        # Nothing asked for: a connect scan, as nmap's.
        done = pair.scan("-p80", "-oX", str(path), "198.18.1.4", before=NOBODY)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(tree.parse(path).getroot().find("scaninfo").get("type"), "connect")
        for words in ("-sS", "-sU", "-sA", "-sO", "-sY", "-sN"):
            with self.subTest(words=words):
                done = pair.scan(words, "198.18.1.4", before=NOBODY)
                self.assertEqual(done.returncode, 1)
                self.assertIn("requires root privileges", done.stderr)
                self.assertNotIn("scan report", done.stdout)

    def test_a_namespace_of_ones_own_is_enough(self) -> None:
        done = labs.run(["setpriv", "--reuid", "65534", "--clear-groups", "--", "unshare", "-r",
                         "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", labs.TRAWL,
                         "-n", "-sS", "-p1-30", "127.0.0.1"])
        if "unshare" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Not shown: 30 closed tcp ports (reset)", done.stdout)


def answer_of(program: str, line: str) -> tuple[int, str]:
    """Exit code, and what was said, in a namespace of its own with loopback only."""
    with tempfile.TemporaryDirectory(prefix="trawl-lab-test-") as folder:
        done = subprocess.run(
            ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", "timeout",
             str(BAD_PATIENCE), program, *shlex.split(line)], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=labs.PATIENCE, cwd=folder,
            check=False)
    return done.returncode, done.stderr


def plain(said: str) -> list[str]:
    """Messages without what differs by intent."""
    lines = []
    for line in said.replace(labs.TRAWL, PEER).splitlines():
        # Each names itself. Every fatal message of trawl's ends alike; nmap forgets it for files.
        line = re.sub(r"(See the output of )trawl", r"\1nmap", re.sub("^trawl:", "nmap:", line))
        # nmap adds help to some of its refusals; the order of getopt's table says nothing.
        if line.strip() in ("", "QUITTING!") or line.startswith("See the output of"):
            continue
        head, mark, choices = line.partition("; possibilities: ")
        lines.append(head + mark + " ".join(sorted(choices.split())))
    return lines


class BadOptions(unittest.TestCase):
    def test_they_are_refused_in_nmaps_words(self) -> None:
        lines = audit_bad_lines.SAME.strip().split("\n")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            ours = pool.map(lambda line: answer_of(labs.TRAWL, line), lines)
            peers = pool.map(lambda line: answer_of(PEER, line), lines)
            for line, (code, said), (peers_code, peers_said) in zip(lines, ours, peers):
                with self.subTest(line=line):
                    self.assertEqual((code, plain(said)), (peers_code, plain(peers_said)))

    def test_where_nmap_takes_nonsense_trawl_says_so(self) -> None:
        for line, expected, words, _ in audit_bad_lines.OTHERWISE:
            with self.subTest(line=line):
                code, said = answer_of(labs.TRAWL, line)
                self.assertEqual(code, expected, said)
                self.assertIn(words, said)


def as_it_should(probe: Probe) -> Iterable[bytes]:
    """Ports 22 and 80 are open, the others closed; echo requests are answered."""
    if probe.protocol == ICMP and probe.payload[0] == 8:
        yield probe.echo_reply()
    elif probe.protocol == TCP and not probe.payload[13] & RST:
        if probe.payload[13] & SYN and probe.ports[1] in audit_pair.OPEN_PORTS:
            yield probe.tcp(SYN | ACK)
        else:
            yield probe.tcp(RST | ACK)


def all_open(probe: Probe) -> Iterable[bytes]:
    if probe.protocol == TCP and probe.payload[13] & (SYN | RST) == SYN:
        yield probe.tcp(SYN | ACK)


def twisted(probe: Probe) -> Iterable[bytes]:
    """Nothing of it answers the probe."""
    if probe.protocol not in (TCP, UDP):
        return
    noise = random.randbytes
    yield probe.back(TCP, noise(random.randrange(60)))
    yield probe.back(UDP, noise(random.randrange(60)))
    yield probe.back(ICMP, noise(random.randrange(60)))
    yield probe.back(random.randrange(256), noise(40))
    yield noise(random.randrange(80))
    for length in (8, 19, 21, 24, 65535):
        yield audit_pair.ipv4(probe.target, probe.source, TCP, noise(20), length=length)
    yield audit_pair.ipv4(probe.target, probe.source, TCP, noise(20), first=0x4f)
    yield audit_pair.ipv4(probe.target, probe.source, TCP, noise(20), first=0x41)
    for number in (3, 11, 12, 4):
        yield probe.back(ICMP, audit_forger.icmp(number, random.randrange(16), bytes(4), noise(28)))
        yield probe.back(ICMP, audit_forger.icmp(number, 3, bytes(4), probe.packet[:21]))
        yield probe.back(ICMP, audit_forger.icmp(number, 3, bytes(4), b"\x4f" + probe.packet[1:28]))
    if probe.protocol == TCP:
        wrong = probe.sequence + random.randrange(1 << 20, 1 << 31)
        yield probe.tcp(SYN | ACK, acknowledged=wrong)
        yield probe.tcp(RST | ACK, acknowledged=wrong)
        yield probe.tcp(SYN | ACK, acknowledged=0)
        right = probe.tcp(SYN | ACK)
        yield right[:30]
        yield right[:32] + bytes([0x10]) + right[33:]  # Its header would be four bytes long.


def from_elsewhere(probe: Probe) -> Iterable[bytes]:
    """Besides the right answer, those of ports and hosts that nobody asked."""
    if probe.protocol == TCP and not probe.payload[13] & RST:
        yield probe.tcp(SYN | ACK, port=probe.ports[1] + 1000)
        yield probe.tcp(SYN | ACK, port=0)
        stranger = probe.tcp(SYN | ACK)
        yield audit_pair.ipv4(socket.inet_aton("198.18.0.250"), probe.source, TCP, stranger[20:])
        yield probe.back(UDP, struct.pack("!HHHH", 53, probe.ports[0], 8, 0))
        yield probe.tcp(RST | ACK)


class Liars(Case):
    TARGET = "198.18.0.9"
    PORTS = "1-100"

    def look(self, liar: audit_pair.Answer, *words: str, seconds: float = 60) -> dict[int, str]:
        pair, path = self.pair(liar), self.folder / "found.xml"
        done = pair.scan(*(words or ("-sS", "-p", self.PORTS)), "-T4", "--max-retries", "1", "-oX",
                         str(path), self.TARGET, seconds=seconds)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_valid(path)
        found = states(path, self.TARGET)
        self.assertEqual(len(found), 100)
        return found

    def check_usual(self, found: dict[int, str]) -> None:
        self.assertEqual({port for port, state in found.items() if state == "open"}, {22, 80})
        self.assertEqual(set(found.values()), {"open", "closed"})

    def test_a_host_whose_ports_are_all_open(self) -> None:
        self.assertEqual(set(self.look(all_open).values()), {"open"})

    def test_garbage_opens_nothing(self) -> None:
        for words in (("-sS", "-p", self.PORTS), ("-sU", "-p", self.PORTS)):
            with self.subTest(words=words[0]):
                found = self.look(twisted, *words)
                self.assertEqual(set(found.values()), {"filtered" if words[0] == "-sS"
                                                       else "open|filtered"})

    def test_answers_of_others_open_nothing(self) -> None:
        self.assertEqual(set(self.look(from_elsewhere).values()), {"closed"})

    def test_answers_that_come_five_times(self) -> None:
        self.check_usual(self.look(
            lambda probe: [packet for packet in as_it_should(probe) for _ in range(5)]))

    def test_a_storm_of_icmp_changes_nothing(self) -> None:
        pair, path = self.pair(as_it_should), self.folder / "found.xml"
        over, sent = threading.Event(), 0

        def storm() -> None:
            nonlocal sent
            packets = list(storms_packets(socket.inet_aton(self.TARGET)))
            began = time.monotonic()
            while not over.is_set():
                due = int((time.monotonic() - began) * 50_000)  # A second's worth.
                for index in range(sent, min(due, sent + 500)):
                    pair.liar.send(packets[index % len(packets)])
                    sent = index + 1
                over.wait(0.005)

        pair.liar.scanner = bytes.fromhex(pair.mac().replace(":", ""))
        thread = threading.Thread(target=storm)
        thread.start()
        try:
            done = pair.scan("-sS", "-p", self.PORTS, "--max-rate", "50", "-oX", str(path),
                             self.TARGET)
        finally:
            over.set()
            thread.join()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(sent, 5000)
        self.check_usual(states(path, self.TARGET))

    def test_a_host_timeout_keeps_what_was_found(self) -> None:
        def mute(probe: Probe) -> Iterable[bytes]:
            return as_it_should(probe) if probe.protocol == ICMP or \
                probe.ports[1] in (22, 80) else ()
        pair, path = self.pair(mute), self.folder / "found.xml"
        done = pair.scan("-sS", "-p22,80,1000-9000", "-T3", "--max-rate", "200", "--host-timeout",
                         "4s", "-r", "-oX", str(path), self.TARGET, seconds=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"Skipping host {self.TARGET} due to host timeout", done.stdout)
        host = tree.parse(path).getroot().find("host")
        self.assertEqual(host.get("timedout"), "true")
        self.assertEqual({port.get("portid") for port in host.iter("port")
                          if port.find("state").get("state") == "open"}, {"22", "80"})
        self.check_valid(path)


def storms_packets(source: bytes) -> Iterable[bytes]:
    """ICMP of all kinds; what it quotes was never sent."""
    scanner = socket.inet_aton(audit_pair.SCANNER)
    for index in range(256):
        quoted = audit_pair.ipv4(scanner, source, (TCP, UDP)[index & 1],
                                 struct.pack("!HHI", index, 20000 + index, index) + bytes(12))
        for kind, code, text in ((0, 0, random.randbytes(8)), (3, index % 16, quoted[:28]),
                                 (11, 0, quoted[:28]), (5, 1, quoted[:28])):
            yield audit_pair.ipv4(source, scanner, ICMP,
                                  audit_forger.icmp(kind, code, random.randbytes(4), text))


class Surroundings(Case):
    """Links that go away, names nobody knows, targets named twice, and paces."""

    def lose(self, line: str) -> None:
        pair, path = self.pair(), self.folder / "found.xml"
        process = pair.start("-Pn", "-sS", "-p1-150", "--max-rate", "150", "-T5", "--max-retries",
                             "0", "-oX", str(path), "198.18.1.1-2")
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: process.poll() is None and process.kill())
            labs.wait_until(path.exists, "report")
            time.sleep(0.5)
            pair.ip("scan", line)
            self.assertIsNone(process.poll())
            done = audit_pair.finish(process)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.check_valid(path)
        if done.returncode == 1:
            self.assertTrue(done.stderr)

    def test_an_interface_that_vanishes(self) -> None:
        self.lose("link del scan0")

    def test_an_interface_that_goes_down(self) -> None:
        self.lose("link set scan0 down")

    def test_a_name_nobody_knows_is_told_and_the_rest_scanned(self) -> None:
        done = self.pair().scan("-sS", "-p80", "no.such.name.invalid", "198.18.1.7",
                                seconds=20)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('Failed to resolve "no.such.name.invalid".', done.stderr)
        self.assertRegex(done.stdout, r"80/tcp +open")
        self.assertIn("Nmap done: 1 IP address (1 host up)", done.stdout)

    def test_a_target_named_twice(self) -> None:
        pair = self.pair()
        for words, times in (([], 2), (["--unique"], 1)):
            with self.subTest(words=words):
                done = pair.scan("-sS", "-p80", *words, "198.18.1.7", "198.18.1.7")
                self.assertEqual(done.stdout.count("scan report for 198.18.1.7\n"), times)
                self.assertEqual(len(re.findall(r"80/tcp +open", done.stdout)), times)

    def sent(self, *words: str) -> list[float]:
        """When SYN probes came to the other end."""
        pair = self.pair()
        with pair.tap() as tap:
            done = pair.scan("-sS", "-Pn", *words, "198.18.1.7")
            self.assertEqual(done.returncode, 0, done.stderr)
            return [frame.at for frame in tap.frames()
                    if frame.sent and frame.text.startswith("TCP") and " S " in frame.text]

    def most_in(self, times: list[float], window: float) -> int:
        return max(sum(start <= each < start + window for each in times) for start in times)

    def test_max_rate_is_never_passed(self) -> None:
        times = self.sent("-p1-200", "--max-rate", "100")
        self.assertGreaterEqual(len(times), 200)
        self.assertLessEqual(self.most_in(times, 0.5), 50 * 1.2 + 5)

    def test_scan_delay_is_kept(self) -> None:
        times = self.sent("-p1-40", "--scan-delay", "50ms")
        self.assertGreaterEqual(len(times), 40)
        self.assertLessEqual(self.most_in(times, 0.5), 10 + 3)

    def test_a_network_that_swallows_everything_ends(self) -> None:
        done = self.pair().scan("-sn", "-PE", "-T5", "--max-retries", "0", "--min-rate", "5000",
                                "198.19.0.0/16", seconds=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Nmap done: 65536 IP addresses (0 hosts up)", done.stdout)

    def test_no_port_of_our_own_is_open(self) -> None:
        for kind, timeout in (("-sS", "reset"), ("-sT", "conn-refused")):
            with self.subTest(kind=kind):
                done = labs.run(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"',
                                 "sh", labs.TRAWL, "-n", kind, "-p-", "127.0.0.1"])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"Not shown: 65535 closed tcp ports ({timeout})", done.stdout)


if __name__ == "__main__":
    labs.main("nmap", "xmllint", "setpriv", "unshare")
