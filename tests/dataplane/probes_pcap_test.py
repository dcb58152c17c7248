#!/usr/bin/env python3
"""Every kind of probe, as it leaves: the frames of `trawl survey` in a pcap file, taken apart here.

probes_pcap_test.py TRAWL. No packet leaves the machine: the link is DPDK's net_pcap, which writes a file.
"""
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

SPACE = "198.18.4.0/26"
TARGETS = {f"198.18.4.{host}" for host in range(64)}
GATEWAY = "02:00:00:00:00:02"
UDP_PORTS = "7,53,69,123,161,443,500,5060,5353,11211"


def sum16(data: bytes) -> int:
    """RFC 1071, over whole words; 0 where a checksum is right."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def dotted(address: bytes) -> str:
    return ".".join(str(octet) for octet in address)


def frames_of(path: pathlib.Path) -> list[bytes]:
    """The packets of a classic pcap file."""
    data = path.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">",
             b"\xa1\xb2\x3c\x4d": ">"}[data[:4]]
    frames = []
    at = 24
    while at < len(data):
        _, _, kept, length = struct.unpack_from(order + "4I", data, at)
        assert kept == length, "a frame is cut"
        frames.append(data[at + 16:at + 16 + kept])
        at += 16 + kept
    return frames


class Packet:
    """One probe: the fields of its headers, checked on the way."""

    def __init__(self, frame: bytes):
        assert frame[:6] == bytes.fromhex(GATEWAY.replace(":", "")), frame.hex()
        self.vlan = None
        at = 12
        if frame[12:14] == b"\x81\x00":
            self.vlan = struct.unpack_from(">H", frame, 14)[0]
            at = 16
        assert frame[at:at + 2] == b"\x08\x00", frame.hex()
        packet = frame[at + 2:]
        first, _, length, _, fragment, self.ttl, self.protocol = struct.unpack_from(">BBHHHBB", packet)
        assert first == 0x45 and length == len(packet) and fragment == 0x4000, packet.hex()
        assert sum16(packet[:20]) == 0, "IPv4 checksum"
        self.source, self.target = dotted(packet[12:16]), dotted(packet[16:20])
        self.payload = packet[20:]
        pseudo = packet[12:20] + struct.pack(">HH", self.protocol, len(self.payload))
        if self.protocol == 1:
            pseudo = b""
        assert sum16(pseudo + self.payload) == 0, f"checksum of protocol {self.protocol}"
        self.port = struct.unpack_from(">H", self.payload, 2)[0] if self.protocol != 1 else 0


def survey(trawl: str, work: pathlib.Path, *options: str) -> list[Packet]:
    path = work / "sent.pcap"
    done = subprocess.run(
        [trawl, "survey", SPACE, "--allow-special", "198.18.0.0/15", "--link",
         f"net_pcap0,tx_pcap={path}", "--gateway-mac", GATEWAY, "--rate", "max", "--cooldown", "0s",
         "--seed", "7", "-q", "-o", os.devnull, *options],
        timeout=60, stderr=subprocess.PIPE, text=True)
    if done.returncode == 4:
        print(f"skipped: {done.stderr.strip()}")
        sys.exit(77)
    assert done.returncode == 0, done.stderr
    return [Packet(frame) for frame in frames_of(path)]


def check_targets(packets: list[Packet], ports: set[int]) -> None:
    seen = [(packet.target, packet.port) for packet in packets]
    assert len(seen) == len(set(seen)) == len(TARGETS) * len(ports), len(seen)
    assert set(seen) == {(target, port) for target in TARGETS for port in ports}


def check_tcp(trawl: str, work: pathlib.Path) -> None:
    syns = survey(trawl, work, "-p", "80,443")
    check_targets(syns, {80, 443})
    assert {(p.protocol, p.ttl, p.vlan, p.payload[13]) for p in syns} == {(6, 64, None, 0x02)}
    acks = survey(trawl, work, "-p", "80", "--probe", "tcp-ack", "--ttl", "5")
    check_targets(acks, {80})
    assert {(p.protocol, p.ttl, p.payload[13], len(p.payload)) for p in acks} == {(6, 5, 0x10, 20)}
    for packet in acks:
        sequence, ack = struct.unpack_from(">II", packet.payload, 4)
        assert ack == (sequence << 16 | sequence >> 16) & 0xffffffff


def check_icmp(trawl: str, work: pathlib.Path) -> None:
    echoes = survey(trawl, work, "--probe", "icmp-echo", "--vlan", "7")
    check_targets(echoes, {0})
    assert {(p.protocol, p.vlan, p.payload[:2], len(p.payload)) for p in echoes} \
        == {(1, 7, b"\x08\0", 16)}
    assert len({p.payload[4:8] for p in echoes}) == len(TARGETS), "identifiers differ"
    times = survey(trawl, work, "--probe", "icmp-timestamp")
    check_targets(times, {0})
    assert {(p.payload[:2], p.payload[12:]) for p in times} == {(b"\x0d\0", bytes(8))}
    assert all(p.payload[8] & 0x80 for p in times), "times that are not of the day say so"


def ber_length(message: bytes) -> int:
    assert message[0] == 0x30 and message[1] < 0x80
    return 2 + message[1]


def check_payload(port: int, data: bytes) -> None:
    if port == 7:
        assert data == b""
    elif port == 53:
        assert data[2:4] == b"\x01\0" and data[12:26] == b"\x07version\x04bind\0", data
    elif port == 123:
        assert len(data) == 48 and data[0] == 0x23 and data[1:40] == bytes(39)
    elif port == 161:
        assert ber_length(data) == len(data) and data[2:5] == b"\x02\x01\x03"
    elif port == 443:
        assert len(data) == 1200 and data[5] == 8 and data[6:14] == data[15:23]
    elif port == 500:
        assert struct.unpack_from(">I", data, 24)[0] == len(data)
    elif port == 5060:
        lines = data.decode().split("\r\n")
        branch = re.search("z9hG4bKtrawl([0-9a-f]{8});", lines[1])[1]
        assert lines[-2:] == ["", ""] and f"Call-ID: {branch}@trawl.invalid" in lines


def check_udp(trawl: str, work: pathlib.Path) -> None:
    options = ("-p", UDP_PORTS, "--probe", "udp", "--source-ip", "198.18.0.1,198.18.0.5-6")
    packets = survey(trawl, work, *options)
    check_targets(packets, {int(port) for port in UDP_PORTS.split(",")})
    for packet in packets:
        assert packet.protocol == 17
        assert struct.unpack_from(">H", packet.payload, 4)[0] == len(packet.payload)
        check_payload(packet.port, packet.payload[8:])
    sources = {(p.target, p.port): p.source for p in packets}
    assert set(sources.values()) == {"198.18.0.1", "198.18.0.5", "198.18.0.6"}
    again = survey(trawl, work, *options)
    assert sources == {(p.target, p.port): p.source for p in again}, "the source of a target stays"
    own = work / "payloads.txt"
    own.write_text('53 "hello " %idhex\n')
    hello = survey(trawl, work, "-p", "53,123", "--probe", "udp", "--payload-file", str(own))
    texts = {p.payload[8:14] for p in hello if p.port == 53}
    assert texts == {b"hello "} and {len(p.payload) for p in hello} == {22, 56}


def main() -> int:
    trawl = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="trawl-pcap-") as folder:
        work = pathlib.Path(folder)
        for check in (check_tcp, check_icmp, check_udp):
            check(trawl, work)
            print(check.__name__, "ok")
    return 0


sys.exit(main())
