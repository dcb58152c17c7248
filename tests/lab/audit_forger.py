"""Answers no kernel here gives: each ICMP code, SCTP, address masks. Behind four addresses.

It answers from another thread and so after the probe was sent. An answer of the same kernel comes
while connect() still holds its socket, and Linux then ignores an ICMPv6 error until the next SYN.

198.18.1.35  TCP or UDP port 300 + n is answered by ICMP type 3 code n; 320 and 321 by time exceeded
             0 and 1; 330 by parameter problem; 340 by source quench; 350 by nothing
2001:db8:1::35  the same with ICMPv6 type 1; 320 and 321 by time exceeded
198.18.1.36  SCTP ports 80 and 132 are open, up to 1024 the others closed, more of them silent;
             address mask requests are answered
198.18.1.37  each IP protocol below 20 is answered by ICMP type 3 with the protocol's number as code
"""
import contextlib
import os
import select
import socket
import struct
import threading

ERRORS, SCTP, PROTOCOLS = "198.18.1.35", "198.18.1.36", "198.18.1.37"
ERRORS6 = "2001:db8:1::35"
OPEN_SCTP_PORTS = (80, 132)
OTHER_ERRORS = {320: (11, 0), 321: (11, 1), 330: (12, 0), 340: (4, 0)}
IP, IP6, TCP, UDP, ICMP, ICMP6 = 20, 40, 6, 17, 1, 58


def checksum(text: bytes) -> int:
    """RFC 1071."""
    text += b"\0" * (len(text) % 2)
    total = sum(struct.unpack(f"!{len(text) // 2}H", text))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def crc32c(text: bytes) -> int:
    """RFC 9260, appendix A, bit by bit."""
    remainder = 0xffffffff
    for byte in text:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82f63b78 if remainder & 1 else 0)
    return remainder ^ 0xffffffff


def icmp(kind: int, code: int, rest: bytes, text: bytes, pseudo: bytes = b"") -> bytes:
    """`pseudo`: the pseudo-header, for ICMPv6."""
    message = struct.pack("!BBH4s", kind, code, 0, rest) + text
    return message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]


def sctp(source: int, destination: int, tag: int, chunk: bytes) -> bytes:
    head = struct.pack("!HHI", source, destination, tag)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


class Forger:
    """Needs to be made by a thread in the namespace of the addresses."""

    def __init__(self) -> None:
        self._frames, self._frames6 = (
            socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind))
            for kind in (0x0800, 0x86dd))
        self._raw, self._raw6 = (socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
                                 for family in (socket.AF_INET, socket.AF_INET6))
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        os.write(self._woken, b"x")
        self._thread.join()
        for each in (self._frames, self._frames6, self._raw, self._raw6):
            each.close()
        os.close(self._wake)
        os.close(self._woken)

    def _serve(self) -> None:
        while True:
            ready = select.select([self._frames, self._frames6, self._wake], [], [])[0]
            if self._wake in ready:
                return
            for frames in ready:
                packet, (_, _, kind, *_) = frames.recvfrom(65535)
                if kind != socket.PACKET_OUTGOING:
                    # Whatever is cut short gets no answer.
                    with contextlib.suppress(OSError, struct.error, IndexError):
                        (self._answer if frames is self._frames else self._answer6)(packet)

    def _answer(self, packet: bytes) -> None:
        size = (packet[0] & 15) * 4
        protocol, target = packet[9], socket.inet_ntoa(packet[16:20])
        payload = packet[size:]
        if target == ERRORS and protocol in (TCP, UDP):
            port = struct.unpack_from("!H", payload, 2)[0]
            kind, code = (3, port - 300) if 300 <= port < 316 else OTHER_ERRORS.get(port, (0, 0))
            if kind:
                self._send(packet, ICMP, icmp(kind, code, bytes(4), packet[:size + 8]))
        elif target == PROTOCOLS and protocol < 20:
            self._send(packet, ICMP, icmp(3, protocol, bytes(4), packet[:size + 8]))
        elif target == SCTP and protocol == ICMP and payload[0] == 17:
            self._send(packet, ICMP, icmp(18, 0, payload[4:8], bytes([255, 255, 255, 0])))
        elif target == SCTP and protocol == 132:
            self._answer_sctp(packet, payload)

    def _answer6(self, packet: bytes) -> None:
        target = socket.inet_ntop(socket.AF_INET6, packet[24:40])
        if target != ERRORS6 or packet[6] not in (TCP, UDP):
            return
        port = struct.unpack_from("!H", packet, IP6 + 2)[0]
        kind, code = (1, port - 300) if 300 <= port < 307 else {320: (3, 0), 321: (3, 1)}.get(
            port, (0, 0))
        if kind:
            quoted = packet[:1200]
            ends = packet[24:40] + packet[8:24]
            message = icmp(kind, code, bytes(4), quoted,
                           ends + struct.pack("!II", len(quoted) + 8, ICMP6))
            head = struct.pack("!IHBB", 6 << 28, len(message), ICMP6, 64)
            self._raw6.sendto(head + ends + message,
                              (socket.inet_ntop(socket.AF_INET6, packet[8:24]), 0))

    def _answer_sctp(self, packet: bytes, payload: bytes) -> None:
        source, port, tag = struct.unpack_from("!HHI", payload)
        kind = payload[12]
        if port > 1024 or kind not in (1, 10):
            return
        if kind == 1:  # INIT carries the tag that an answer has to have.
            tag = struct.unpack_from("!I", payload, 16)[0]
        if port not in OPEN_SCTP_PORTS:
            self._send(packet, 132, sctp(port, source, tag,
                                         struct.pack("!BBH", 6, 0 if kind == 1 else 1, 4)))
        elif kind == 1:
            made = struct.pack("!BBHIIHHI", 2, 0, 28, 0x1234567, 65536, 10, 10, 1)
            self._send(packet, 132, sctp(port, source, tag,
                                         made + struct.pack("!HHI", 7, 8, 0xc00c1e)))

    def _send(self, packet: bytes, protocol: int, payload: bytes) -> None:
        """To whoever sent `packet`, from where it went. The kernel makes length and checksum."""
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, protocol, 0, packet[16:20],
                           packet[12:16])
        self._raw.sendto(head + payload, (socket.inet_ntoa(packet[12:16]), 0))
