"""Reads captures: pcap files, and the headers of Ethernet, IPv4 and TCP with their checksums.

Written from the RFCs and apart from trawl's own parsers, which it checks.
"""
import dataclasses
import ipaddress
import pathlib
import struct


def frames(path: pathlib.Path) -> list[tuple[float, bytes]]:
    """(time, bytes) of each frame of a pcap file."""
    data = path.read_bytes()
    (magic,) = struct.unpack_from("<I", data)
    ticks = {0xa1b2c3d4: 1e-6, 0xa1b23c4d: 1e-9}[magic]
    found, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, kept, length = struct.unpack_from("<IIII", data, at)
        if kept != length:
            raise ValueError("a frame is not captured whole")
        found.append((seconds + fraction * ticks, data[at + 16:at + 16 + kept]))
        at += 16 + kept
    return found


def sums_to_zero(data: bytes) -> bool:
    """RFC 1071: over data that includes its checksum, the sum's complement is 0."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total == 0xffff


@dataclasses.dataclass(frozen=True)
class Segment:
    """A TCP segment in an Ethernet frame. Raises ValueError for what is wrong with the frame."""
    target_mac: str
    source_mac: str
    source: str
    target: str
    source_port: int
    target_port: int
    ttl: int
    identification: int
    dont_fragment: bool
    sequence: int
    acknowledgement: int
    flags: int
    window: int
    urgent: int
    options: bytes
    payload: bytes

    @staticmethod
    def parse(frame: bytes) -> "Segment":
        packet = frame[14:]
        version, _, length, identification, fragment, ttl, protocol = struct.unpack_from(
            ">BBHHHBB", packet)
        header = (version & 15) * 4
        if struct.unpack_from(">H", frame, 12)[0] != 0x0800 or version >> 4 != 4:
            raise ValueError("not IPv4")
        if length != len(packet):
            raise ValueError(f"total length {length}, {len(packet)} bytes in the frame")
        if not sums_to_zero(packet[:header]):
            raise ValueError("IPv4 checksum")
        if fragment & 0xbfff or protocol != 6:
            raise ValueError("a fragment, or not TCP")
        tcp = packet[header:]
        if not sums_to_zero(packet[12:20] + struct.pack(">HH", 6, len(tcp)) + tcp):
            raise ValueError("TCP checksum")
        source_port, target_port, sequence, acknowledgement, offset, flags, window, _, urgent = (
            struct.unpack_from(">HHIIBBHHH", tcp))
        return Segment(
            target_mac=frame[:6].hex(":"), source_mac=frame[6:12].hex(":"),
            source=str(ipaddress.ip_address(packet[12:16])),
            target=str(ipaddress.ip_address(packet[16:20])), source_port=source_port,
            target_port=target_port, ttl=ttl, identification=identification,
            dont_fragment=bool(fragment & 0x4000), sequence=sequence,
            acknowledgement=acknowledgement, flags=flags, window=window, urgent=urgent,
            options=tcp[20:(offset >> 4) * 4], payload=tcp[(offset >> 4) * 4:])


def arp(operation: int, source_mac: bytes, source: str, target_mac: bytes, target: str,
        destination: bytes) -> bytes:
    """An ARP frame: operation 1 asks, 2 answers."""
    return (destination + source_mac + b"\x08\x06"
            + struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
            + source_mac + ipaddress.ip_address(source).packed
            + target_mac + ipaddress.ip_address(target).packed)


@dataclasses.dataclass(frozen=True)
class Arp:
    operation: int
    source_mac: bytes
    source: str
    target_mac: bytes
    target: str

    @staticmethod
    def parse(frame: bytes) -> "Arp":
        return Arp(struct.unpack_from(">H", frame, 20)[0], frame[22:28],
                   str(ipaddress.ip_address(frame[28:32])), frame[32:38],
                   str(ipaddress.ip_address(frame[38:42])))
