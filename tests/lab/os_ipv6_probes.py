"""The probes of OS detection over IPv6 in a capture, whoever sent them: their flow label tells.

Written from the Nmap book's "IPv6 fingerprinting" and the RFCs, apart from trawl's own parsers.
"""
import dataclasses
import ipaddress
import re
import struct

FLOW_LABEL = 0x12345
TCP, UDP, ICMPV6 = 6, 17, 58
SYN = 0x02
WINDOWS = (1, 63, 4, 4, 16, 512)  # Of the six SYNs of SEQ.


@dataclasses.dataclass
class Probe:
    when: float
    target: str
    next_header: int
    hop_limit: int
    payload: bytes

    @staticmethod
    def parse(when: float, packet: bytes) -> "Probe | None":
        if struct.unpack_from("!I", packet)[0] & 0xfffff != FLOW_LABEL:
            return None
        length, next_header, hop_limit = struct.unpack_from("!HBB", packet, 4)
        return Probe(when, str(ipaddress.ip_address(packet[24:40])), next_header, hop_limit,
                     packet[40:40 + length])

    @property
    def source_port(self) -> int:
        return struct.unpack_from("!H", self.payload)[0]

    @property
    def flags(self) -> int:
        return self.payload[13]

    @property
    def window(self) -> int:
        return struct.unpack_from("!H", self.payload, 14)[0]

    def kind(self) -> bytes:
        """What is the same in every scan: all but the hop limit of most, ports that are chosen at
        random, sequence and acknowledgment numbers, and what follows from them."""
        data = bytearray(self.payload)
        if self.next_header == TCP:
            data[0:2], data[16:18] = bytes(2), bytes(2)
            data[4:8] = bytes(4)
            data[8:12] = bytes(3) + bytes([any(data[8:12])])
        elif self.next_header == UDP:
            data[0:4], data[6:8] = bytes(4), bytes(2)
        limit = self.hop_limit if self.next_header == ICMPV6 else 0
        return bytes([self.next_header, limit]) + bytes(data)


def kinds(probes: list[Probe]) -> list[bytes]:
    """In the order in which each was sent first."""
    return list(dict.fromkeys(probe.kind() for probe in probes))


def syn_times(probes: list[Probe], first: bool = False) -> list[float]:
    """When the SYNs of SEQ were sent: of the last try, or of the first. Those that were sent again
    have their old port."""
    seen: set[int] = set()
    tries: list[list[float]] = []
    for probe in probes:
        if probe.next_header != TCP or probe.flags != SYN or probe.window not in WINDOWS:
            continue
        if probe.source_port in seen:
            continue
        seen.add(probe.source_port)
        if probe.window == WINDOWS[0]:
            tries.append([])
        tries[-1].append(probe.when)
    return tries[0] if first else tries[-1]


def unfolded(text: str) -> str:
    """The digits of "P=00{4}XX{32}...", without the runs."""
    return re.sub(r"(..)\{(\d+)\}", lambda run: run[1] * int(run[2]), text)


def shape(line: str) -> tuple:
    """What does not vary from one scan to the next in a line of a fingerprint: the length, the hop
    limit and the traffic class; of TCP the flags, the window and the kinds of options."""
    digits = unfolded(re.match(r"P=([^%]*)", line)[1])
    packet = bytes.fromhex(digits.replace("XX", "00"))
    traffic_class = struct.unpack_from("!I", packet)[0] >> 20 & 0xff
    facts = (len(packet), traffic_class, packet[4:8])
    if packet[6] != TCP:
        return (*facts, packet[40:42])
    options = packet[60:]
    stamp = options.find(b"\x08\x0a")
    if stamp >= 0:
        options = options[:stamp + 2] + options[stamp + 10:]
    return (*facts, packet[52:56], options)
