"""A TCP peer that plays by no rules: each port of it has a part of its own, a list of frames.

Written from the RFCs and apart from trawl's own conversation code, which it provokes.
"""
import collections
import dataclasses
import socket
import struct
import threading
from collections.abc import Callable

import audit_forger
import audit_pair
from audit_pair import ACK, ICMP, RST, SYN, TCP

FIN, PUSH, URGENT = 1, 8, 32
TEXT = b"HTTP/1.0 200 OK\r\nServer: hostile\r\n\r\n" + bytes(range(33, 127)) + b"\n"
ISN = 0xfffffff0  # What is said goes over the end of the sequence space.
WINDOW = 29200


@dataclasses.dataclass
class Connection:
    """What a part knows of a connection: the scanner's last segment, and how to answer."""
    peer: "Peer"
    probe: audit_pair.Probe
    stamp: int = 0  # The scanner's.
    has_stamps: bool = False

    @property
    def port(self) -> int:
        return self.probe.ports[1]

    @property
    def flags(self) -> int:
        return self.probe.payload[13]

    @property
    def question(self) -> bytes:
        return self.probe.payload[(self.probe.payload[12] >> 4) * 4:]

    @property
    def is_syn(self) -> bool:
        return self.flags & (SYN | ACK) == SYN

    def segment(self, flags: int, at: int = 0, data: bytes = b"", *, isn: int = ISN,
                ack: int | None = None, options: bytes | None = None, words: int | None = None
                ) -> bytes:
        """A packet with `data` at this offset from the first byte that is said."""
        head = self.probe.payload
        ours, theirs = self.probe.ports
        if ack is None:
            counted = 1 if self.is_syn else len(self.question)
            ack = struct.unpack_from("!I", head, 4)[0] + counted
        if options is None:
            options = struct.pack("!BBBBII", 1, 1, 8, 10, 7, self.stamp) if self.has_stamps else b""
            if flags & SYN:
                options += struct.pack("!BBHBBBB", 2, 4, 1460, 1, 3, 3, 7)
        sequence = isn + at + (0 if flags & SYN else 1)
        size = (20 + len(options)) // 4 if words is None else words
        made = struct.pack("!HHIIBBHHH", theirs, ours, sequence & 0xffffffff, ack & 0xffffffff,
                           size << 4, flags, WINDOW, 0, 0) + options + data
        pseudo = self.probe.target + self.probe.source + struct.pack("!HH", TCP, len(made))
        made = made[:16] + struct.pack("!H", audit_forger.checksum(pseudo + made)) + made[18:]
        return self.probe.back(TCP, made)

    def syn_ack(self, **changes) -> bytes:
        return self.segment(SYN | ACK, **changes)

    def says(self, at: int, data: bytes, flags: int = PUSH | ACK, **changes) -> bytes:
        return self.segment(flags, at, data, **changes)

    def needs_fragments(self, mtu: int, quoted: bytes | None = None) -> bytes:
        """ICMP's code 4 (RFC 1191) about the scanner's packet, from a router on the way."""
        message = audit_forger.icmp(3, 4, struct.pack("!HH", 0, mtu),
                                    (quoted or self.probe.packet)[:28])
        return self.probe.back(ICMP, message, socket.inet_aton("198.18.77.1"))


Part = Callable[[Connection], list[bytes]]


class Peer:
    """Answers of an audit_pair.Liar: the parts, by port. Counts what goes both ways."""

    def __init__(self, parts: dict[int, Part]) -> None:
        self._parts = parts
        self.liar: audit_pair.Liar | None = None
        self.heard: collections.Counter[int] = collections.Counter()  # Frames, by port.
        self.said: collections.Counter[int] = collections.Counter()
        self.heard_bytes: collections.Counter[int] = collections.Counter()
        self.said_bytes: collections.Counter[int] = collections.Counter()
        self.strangers = 0  # Frames of the scanner to who is none of its targets.
        self.flags: dict[int, list[int]] = collections.defaultdict(list)
        self._stamps: dict[tuple[int, int], tuple[int, bool]] = {}
        self._late: list[threading.Timer] = []

    def answer(self, probe: audit_pair.Probe) -> list[bytes]:
        if probe.protocol != TCP or probe.target[3] != 1:
            self.strangers += probe.protocol == TCP
            return []
        ours, port = probe.ports
        self.heard[port] += 1
        self.heard_bytes[port] += len(probe.packet)
        stamp, has = stamp_of(probe.payload)
        self.flags[port].append(probe.payload[13])
        made = self._parts[port](Connection(self, probe, stamp, has)) if port in self._parts else []
        self._count(port, made)
        return made

    def later(self, seconds: float, port: int, frames: Callable[[], list[bytes]]) -> None:
        """Sends what `frames` makes so much later."""
        def send() -> None:
            made = frames()
            self._count(port, made)
            for frame in made:
                self.liar.send(frame)
        timer = threading.Timer(seconds, send)
        self._late.append(timer)
        timer.start()

    def stop(self) -> None:
        for timer in self._late:
            timer.cancel()
        for timer in self._late:
            timer.join()

    def _count(self, port: int, made: list[bytes]) -> None:
        self.said[port] += len(made)
        self.said_bytes[port] += sum(map(len, made))


def stamp_of(segment: bytes) -> tuple[int, bool]:
    """The timestamp (RFC 7323) of a segment, and whether it has one."""
    options, at = segment[20:(segment[12] >> 4) * 4], 0
    while at < len(options) and options[at] != 0:
        if options[at] == 8:
            return struct.unpack_from("!I", options, at + 2)[0], True
        at += 1 if options[at] == 1 else options[at + 1]
    return 0, False


def spoken(script: Callable[[Connection], list[bytes]]) -> Part:
    """An ordinary handshake, and then what the script says to the question."""
    def part(connection: Connection) -> list[bytes]:
        if connection.is_syn:
            return [connection.syn_ack()]
        if connection.question and not connection.flags & RST:
            return script(connection)
        return []
    return part
