"""Takes the rounds of OS detection that another scanner ran out of a capture, for osfp_analyse.

nmap keeps other source ports than trawl: answers get those that trawl would have used.
"""
import collections
import pathlib
import re
import struct
import subprocess

import os_stack
import wire

# Names of os_stack.py to those of osfp/active/probe.h, in the order of that file.
PROBES = {"S1": "SEQ1", "S2": "SEQ2", "S3": "SEQ3", "S4": "SEQ4", "S5": "SEQ5", "S6": "SEQ6",
          "I1": "IE1", "I2": "IE2", "U1": "U1", "E": "ECN",
          "T2": "T2", "T3": "T3", "T4": "T4", "T5": "T5", "T6": "T6", "T7": "T7"}
INDEX = {name: number for number, name in enumerate(PROBES)}
SOURCE_PORT = 40000


class Round:
    """The probes to one host, and the packets that came back."""

    def __init__(self, source: bytes, destination: bytes) -> None:
        self.source, self.destination = source, destination
        self.sent: dict[str, tuple[int, int]] = {}
        self.ports: dict[int, str] = {}  # Of the prober: the probe that used it.
        self.open = self.closed = self.udp = self.udp_source = 0
        self.sequence = self.ack = self.echo_id = 0
        self.tries = collections.Counter()
        self.answered: set[str] = set()
        self.got: list[bytes] = []

    def add_sent(self, when: float, ip: bytes) -> None:
        name, body = os_stack.probe_name(ip[9], ip[20:]), ip[20:]
        if name not in PROBES or name in self.answered:
            return
        self.tries[name] += 1
        self.sent[name] = round(when * 1e9), ip[8]
        source, destination, sequence, ack = struct.unpack("!HHII", body[:12])
        if ip[9] == 17:
            self.udp_source, self.udp = source, destination
        elif ip[9] == 6:
            self.ports[source] = name
            if name != "E":
                self.ack = ack
            if self.tries[name] == 1:
                before = os_stack.SEQ.index(name) if name in os_stack.SEQ else 0
                self.sequence = (sequence - before) & 0xffffffff
            if name in ("T5", "T6", "T7"):
                self.closed = destination
            else:
                self.open = destination
        elif name == "I1":
            (self.echo_id,) = struct.unpack("!H", body[4:6])

    def add_got(self, ip: bytes) -> None:
        if ip[9] == 6:
            name = self.ports.get(struct.unpack("!H", ip[22:24])[0])
            if name is None:
                return
            self.answered.add(name)
            ip = ip[:22] + struct.pack("!H", SOURCE_PORT + INDEX[name]) + ip[24:]
        self.got.append(ip)

    def analyse(self, tool: str, knows_closed: bool = True) -> "Analysis":
        def dotted(address: bytes) -> str:
            return ".".join(str(byte) for byte in address)
        said = [f"series {dotted(self.source)} {dotted(self.destination)} {self.open} {self.closed} "
                f"{self.udp} {SOURCE_PORT} {self.udp_source} {self.sequence} {self.ack} {self.echo_id}"]
        if knows_closed:
            said.append("closed")
        said += [f"sent {PROBES[name]} {when} {ttl}" for name, (when, ttl) in self.sent.items()]
        said += [f"got {ip.hex()}" for ip in self.got]
        done = subprocess.run([tool], input="\n".join(said) + "\n", capture_output=True, text=True,
                              timeout=60, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return Analysis(done.stdout)


class Analysis:
    def __init__(self, text: str) -> None:
        self.lines = tests_of(text)
        self.facts = dict(re.findall(r"^(difficulty|ids|stamps|hops) (.*)$", text, re.M))


def tests_of(fingerprint: str) -> dict[str, dict[str, str]]:
    """{"T1": {"R": "Y", ...}, ...} of a fingerprint as nmap or osfp_analyse prints it."""
    text = re.sub(r"\n(OS:)?", "", "\n" + fingerprint.strip())
    return {line: dict(item.split("=", 1) for item in tests.split("%"))
            for line, tests in re.findall(r"([A-Z]+[1-7]?)\(([^)]*)\)", text) if line != "SCAN"}


def rounds_of(capture: pathlib.Path, source: str) -> dict[str, Round]:
    """The rounds that `source` ran, by destination; `source` may be the destination as well."""
    found: dict[bytes, Round] = {}
    own = bytes(int(part) for part in source.split("."))
    for when, frame in wire.frames(capture):
        if frame[12:14] != b"\x08\0":
            continue
        ip = frame[14:14 + struct.unpack("!H", frame[16:18])[0]]
        here, there = ip[12:16], ip[16:20]
        if here == own and os_stack.probe_name(ip[9], ip[20:]) in PROBES:
            found.setdefault(there, Round(here, there)).add_sent(when, ip)
        elif there == own and here in found:
            found[here].add_got(ip)
    return {".".join(str(byte) for byte in address): one for address, one in found.items()}
