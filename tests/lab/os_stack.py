"""Made-up stacks for OS detection: what each does to each of the sixteen probes is a table.

A `Behaviour` says which probes go unanswered and what the answers hold. run() answers, from one
packet socket, for the addresses of a dictionary; the link needs none of its own.
"""
import dataclasses
import select
import socket
import struct

SYN_OPTIONS = "020405b40402080a%08x%08x01030307"  # MSS, SACK, timestamps, NOP, scale.
SEQ = ("S1", "S2", "S3", "S4", "S5", "S6")
OPEN, CLOSED = 80, 81


def inet_sum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


@dataclasses.dataclass
class Behaviour:
    silent: tuple = ()  # Names of probes without answer: S1..S6, I1, I2, U1, E, T2..T7.
    isn: tuple = (0x1000, 0x2357, 0x3abc, 0x4f01, 0x6002, 0x7123)
    ids: dict = dataclasses.field(default_factory=dict)  # IP ids by name; 0 otherwise.
    stamps: tuple | None = (1000, 1100, 1200, 1300, 1400, 1500)
    options: dict = dataclasses.field(default_factory=dict)  # Hexadecimal, by name.
    window: dict = dataclasses.field(default_factory=dict)
    flags: dict = dataclasses.field(default_factory=dict)
    offset: dict = dataclasses.field(default_factory=dict)  # Header length and reserved bits.
    urgent: dict = dataclasses.field(default_factory=dict)
    seq: dict = dataclasses.field(default_factory=dict)  # Numbers, or "A", "A+", for T probes and E.
    ack: dict = dataclasses.field(default_factory=dict)  # Numbers, or "S", "S+".
    data: dict = dataclasses.field(default_factory=dict)
    fragment: dict = dataclasses.field(default_factory=dict)  # Bytes 6 and 7 of the IP header.
    ttl: dict = dataclasses.field(default_factory=dict)
    hops: int = 1  # Routers on the way, and one.
    bad_sum: tuple = ()  # Names with a wrong transport checksum.
    bad_ip_sum: tuple = ()
    code: dict = dataclasses.field(default_factory=dict)  # Of echo replies.
    # Of the error: unused, code, tos; of the packet it quotes: length, id, sum, udp_sum, fragment,
    # data, the bytes to cut it after, and more to put behind it.
    udp: dict = dataclasses.field(default_factory=dict)


def probe_name(protocol: int, body: bytes) -> str | None:
    if protocol == 1:
        return {9: "I1", 0: "I2"}.get(body[1]) if body[0] == 8 else None
    if protocol == 17:
        return "U1"
    if protocol != 6:
        return None
    offset, flags, window = struct.unpack("!BBH", body[12:16])
    if flags == 0xc2:
        return "E"
    if flags == 2 and window in (1, 63, 16, 512):
        return {1: "S1", 63: "S2", 16: "S5", 512: "S6"}[window]
    if flags == 2 and window == 4:
        return "S3" if body[20] == 8 else "S4"
    return {(0, 128): "T2", (0x2b, 256): "T3", (0x10, 1024): "T4", (2, 31337): "T5",
            (0x10, 32768): "T6", (0x29, 65535): "T7"}.get((flags, window), "scan")


def ip_packet(name: str, how: Behaviour, protocol: int, to: bytes, source: bytes, body: bytes,
              default_fragment: int, tos: int = 0) -> bytes:
    ttl = how.ttl.get(name, 64) - how.hops + 1
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(body), how.ids.get(name, 0),
                       how.fragment.get(name, default_fragment), ttl, protocol, 0) + source + to
    total = inet_sum(head) ^ (0x5555 if name in how.bad_ip_sum else 0)
    return head[:10] + struct.pack("!H", total) + head[12:] + body


def tcp_answer(name: str, how: Behaviour, ip: bytes, body: bytes) -> bytes:
    source, port, their_seq, their_ack = struct.unpack("!HHII", body[:12])
    window, options, data = how.window.get(name, 0), "", how.data.get(name, b"")
    is_open_syn = port == OPEN and name in (*SEQ, "E", "scan")
    if is_open_syn:
        number = SEQ.index(name) if name in SEQ else 0
        flags, seq, ack = 0x12, how.isn[number], their_seq + 1
        window = how.window.get(name, 0xffff)
        if name in SEQ and how.stamps is not None and how.stamps[number] is not None:
            options = SYN_OPTIONS % (how.stamps[number], 0xffffffff)
        elif name != "scan":
            options = "020405b40402010303070101"
        if name == "E":
            flags |= 0x40
    elif body[13] & 0x10:
        flags, seq, ack = 4, their_ack, 0
    else:
        flags, seq, ack = 0x14, 0, their_seq + 1
    flags = how.flags.get(name, flags)
    seq, ack = how.seq.get(name, seq), how.ack.get(name, ack)
    seq = {"A": their_ack, "A+": their_ack + 1}.get(seq, seq)
    ack = {"S": their_seq, "S+": their_seq + 1}.get(ack, ack)
    options = bytes.fromhex(how.options.get(name, options))
    offset = how.offset.get(name, (20 + len(options) + 3) // 4 << 4)
    head = struct.pack("!HHIIBBHHH", port, source, seq & 0xffffffff, ack & 0xffffffff,
                       offset, flags, window, 0, how.urgent.get(name, 0)) + options + data
    pseudo = ip[16:20] + ip[12:16] + struct.pack("!HH", 6, len(head))
    total = inet_sum(pseudo + head) ^ (0x5555 if name in how.bad_sum else 0)
    head = head[:16] + struct.pack("!H", total) + head[18:]
    return ip_packet(name, how, 6, ip[12:16], ip[16:20], head, 0x4000)


def icmp(kind: int, code: int, rest: bytes, text: bytes, broken: bool) -> bytes:
    total = inet_sum(struct.pack("!BBH", kind, code, 0) + rest + text) ^ (0x5555 if broken else 0)
    return struct.pack("!BBH", kind, code, total) + rest + text


def udp_answer(how: Behaviour, ip: bytes) -> bytes:
    said = how.udp
    quoted = bytearray(ip)
    quoted[8] = (quoted[8] - how.hops + 1) & 255
    quoted[10:12] = b"\0\0"
    quoted[10:12] = struct.pack("!H", inet_sum(bytes(quoted[:20])))
    for key, at in (("length", 2), ("id", 4), ("sum", 10), ("udp_sum", 26)):
        if key in said:
            quoted[at:at + 2] = struct.pack("!H", said[key])
    if "fragment" in said:
        quoted[6:8] = struct.pack("!H", said["fragment"])
    if "data" in said:
        quoted[28:28 + len(said["data"])] = said["data"]
    text = bytes(quoted[:said.get("cut", len(quoted))]) + said.get("more", b"")
    message = icmp(3, said.get("code", 3), struct.pack("!I", said.get("unused", 0)), text, "U1" in how.bad_sum)
    return ip_packet("U1", how, 1, ip[12:16], ip[16:20], message, 0, said.get("tos", 0xc0))


def answer(how: Behaviour, ip: bytes) -> bytes | None:
    """The packet that a stack sends in return for the IP packet `ip`."""
    size = struct.unpack("!H", ip[2:4])[0]
    ip, protocol = ip[:size], ip[9]
    body = ip[20:]
    name = probe_name(protocol, body)
    if name is None or name in how.silent:
        return None
    if protocol == 6:
        return None if body[13] & 4 else tcp_answer(name, how, ip, body)
    if protocol == 17:
        return udp_answer(how, ip)
    fragment = ip[6] << 8 & 0x4000
    reply = icmp(0, how.code.get(name, body[1]), body[4:8], body[8:], name in how.bad_sum)
    return ip_packet(name, how, 1, ip[12:16], ip[16:20], reply, fragment)


def run(link: socket.socket, behaviours: dict[str, Behaviour], stop: socket.socket) -> None:
    """Answers on a packet socket of all protocols until `stop` can be read."""
    table = {socket.inet_aton(address): how for address, how in behaviours.items()}
    mac = link.getsockname()[4]
    while stop not in select.select([link, stop], [], [])[0]:
        frame, where = link.recvfrom(65535)
        if where[2] == socket.PACKET_OUTGOING:
            continue
        back = frame[6:12] + mac
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] in table:
            link.send(back + b"\x08\x06" + frame[14:20] + b"\0\2" + mac + frame[38:42] + frame[22:32])
        elif frame[12:14] == b"\x08\0" and frame[30:34] in table:
            reply = answer(table[frame[30:34]], frame[14:])
            if reply is not None:
                link.send(back + b"\x08\0" + reply)
