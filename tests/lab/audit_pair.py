"""Two namespaces and a veth between them for audits: `scan` looks at `host`; a tap, and a liar.

The scanner is 198.18.0.2 and 2001:db8::2. Without a liar the kernel of `host` answers for
198.18.0.1, 2001:db8::1 and the whole of 198.18.1.0/24, and drops what goes to 198.19.0.0/16. With
one, `host` has no address, and each packet is answered as the liar likes.
"""
import contextlib
import dataclasses
import json
import os
import re
import selectors
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import audit_forger
import guardian
import labs

SCANNER, SCANNER6 = "198.18.0.2", "2001:db8::2"
HOST, HOST6 = "198.18.0.1", "2001:db8::1"
MANY = "198.18.1.0/24"
OPEN_PORTS = (22, 80)
ECHO_PORT = 53  # UDP.
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
SYN, RST, ACK = 2, 4, 16
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86dd
EVERY = 3  # ETH_P_ALL
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33

_serial = iter(range(1 << 30))

Answer = Callable[["Probe"], Iterable[bytes]]


class Pair:
    """Use in a with statement. `liar`: what answers in place of a kernel. `serves`: whether
    anything listens there yet."""

    def __init__(self, liar: Answer | None = None, serves: bool = True) -> None:
        self.prefix = f"t{os.getpid()}p{next(_serial)}"
        self._lies = liar
        self._serves = serves
        self.liar: Liar | None = None
        self._servers: Servers | None = None
        spaces = f"{self.prefix}-scan {self.prefix}-host"
        self._guardian = guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"])

    def __enter__(self) -> "Pair":
        self._guardian.__enter__()
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._servers, self.liar):
            if each:
                each.stop()
        self._guardian.__exit__()

    def within(self) -> list[str]:
        return ["ip", "netns", "exec", f"{self.prefix}-scan"]

    def ip(self, side: str, line: str) -> str:
        return labs.must("ip", "-n", f"{self.prefix}-{side}", *line.split())

    def mac(self) -> str:
        """The scanner's."""
        return json.loads(self.ip("scan", "-j link show scan0"))[0]["address"]

    def start(self, *words: str, before: tuple[str, ...] = ()) -> subprocess.Popen:
        return subprocess.Popen(
            [*self.within(), *before, labs.TRAWL, "-n", *words], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")

    def scan(self, *words: str, seconds: float = labs.PATIENCE, before: tuple[str, ...] = ()
             ) -> subprocess.CompletedProcess:
        """Ends within `seconds`, or an AssertionError."""
        return finish(self.start(*words, before=before), seconds)

    @contextlib.contextmanager
    def tap(self) -> Iterator["Tap"]:
        tap = labs.in_namespace(f"{self.prefix}-host", Tap)
        try:
            yield tap
        finally:
            tap.close()

    def _make(self) -> None:
        for side in ("scan", "host"):
            labs.must("ip", "netns", "add", f"{self.prefix}-{side}")
        quiet = {"net/ipv6/conf/default/accept_dad": "0",
                 "net/ipv6/conf/default/router_solicitations": "0"}
        self._settle("scan", quiet)
        self._settle("host", {**quiet, "net/ipv4/icmp_ratelimit": "0",
                              "net/ipv6/icmp/ratelimit": "0",
                              "net/ipv4/icmp_msgs_per_sec": "1000000",
                              "net/ipv4/icmp_msgs_burst": "1000000", "net/ipv4/ip_forward": "1",
                              **({"net/ipv6/conf/all/disable_ipv6": "1"} if self._lies else {})})
        self.ip("scan", f"link add scan0 type veth peer name host0 netns {self.prefix}-host")
        for side in ("scan", "host"):
            self.ip(side, "link set lo up")
        self.ip("scan", f"addr add {SCANNER}/24 dev scan0")
        self.ip("scan", f"-6 addr add {SCANNER6}/64 dev scan0 nodad")
        if not self._lies:
            self.ip("host", f"addr add {HOST}/24 dev host0")
            self.ip("host", f"-6 addr add {HOST6}/64 dev host0 nodad")
            self.ip("host", f"route add local {MANY} dev lo")
            self.ip("host", "route add blackhole 198.19.0.0/16")
        self.ip("scan", "link set scan0 up")
        self.ip("host", "link set host0 up")
        self.ip("scan", f"route add default via {HOST}")
        if self._lies:
            self.liar = labs.in_namespace(f"{self.prefix}-host", lambda: Liar(self._lies))
            self.liar.start()
        elif self._serves:
            self._servers = labs.in_namespace(f"{self.prefix}-host", Servers)
            self._servers.start()

    def _settle(self, side: str, values: dict[str, str]) -> None:
        def write() -> None:
            for path, value in values.items():
                with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
                    file.write(value)
        labs.in_namespace(f"{self.prefix}-{side}", write)


def finish(process: subprocess.Popen, seconds: float = labs.PATIENCE
           ) -> subprocess.CompletedProcess:
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as late:
        process.kill()
        process.communicate()
        raise AssertionError(f"still running after {seconds:g} s: "
                             f"{' '.join(process.args)}") from late
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


class Loop:
    """A thread that reads sockets until it is stopped."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._selector.register(self._wake, selectors.EVENT_READ, None)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        os.write(self._woken, b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if key.data:
                key.fileobj.close()
        self._selector.close()
        os.close(self._wake)
        os.close(self._woken)

    def watch(self, made: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        made.setblocking(False)
        self._selector.register(made, selectors.EVENT_READ, serve)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                # An interface that goes down, and a client that has gone, are errors too.
                with contextlib.suppress(OSError):
                    key.data(key.fileobj)


class Servers(Loop):
    """What listens at each address of the host."""

    def __init__(self) -> None:
        super().__init__()
        for port in OPEN_PORTS:
            made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            made.bind(("::", port))
            made.listen(1024)
            self.watch(made, lambda listening: listening.accept()[0].close())
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        made.bind(("::", ECHO_PORT))
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self.watch(made, self._echo)

    @staticmethod
    def _echo(bound: socket.socket) -> None:
        # From the address that was asked.
        payload, asked, _, sender = bound.recvmsg(65535, 128)
        bound.sendmsg([payload or b"\0"], asked, 0, sender)


@dataclasses.dataclass
class Probe:
    """An IPv4 packet of the scanner."""
    packet: bytes

    @property
    def protocol(self) -> int:
        return self.packet[9]

    @property
    def source(self) -> bytes:
        return self.packet[12:16]

    @property
    def target(self) -> bytes:
        return self.packet[16:20]

    @property
    def payload(self) -> bytes:
        return self.packet[(self.packet[0] & 15) * 4:]

    @property
    def ports(self) -> tuple[int, int]:
        """Source, destination."""
        return struct.unpack_from("!HH", self.payload)

    @property
    def sequence(self) -> int:
        return struct.unpack_from("!I", self.payload, 4)[0]

    def back(self, protocol: int, payload: bytes, source: bytes | None = None) -> bytes:
        """A packet to the scanner, from where the probe went or from `source`."""
        return ipv4(source or self.target, self.source, protocol, payload)

    def tcp(self, flags: int, *, port: int | None = None, acknowledged: int | None = None,
            sequence: int = 0x1000) -> bytes:
        """The segment that answers; as it should be unless the arguments say otherwise."""
        ours, theirs = self.ports
        head = struct.pack("!HHIIBBHHH", theirs if port is None else port, ours, sequence,
                           (self.sequence + 1 if acknowledged is None else acknowledged)
                           & 0xffffffff, 5 << 4, flags, 1024, 0, 0)
        pseudo = self.target + self.source + struct.pack("!HH", TCP, len(head))
        made = audit_forger.checksum(pseudo + head)
        return self.back(TCP, head[:16] + struct.pack("!H", made) + head[18:])

    def echo_reply(self) -> bytes:
        return self.back(ICMP, audit_forger.icmp(0, 0, self.payload[4:8], self.payload[8:]))


def ipv4(source: bytes, target: bytes, protocol: int, payload: bytes, length: int | None = None,
         first: int = 0x45, fragment: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH4s4s", first, 0, 20 + len(payload) if length is None else length,
                       1, fragment, 64, protocol, 0, source, target)
    return head[:10] + struct.pack("!H", audit_forger.checksum(head)) + head[12:] + payload


class Liar(Loop):
    """Answers for every address but the scanner's, by ARP and then as it was told."""

    MAC = bytes.fromhex("02005e105050")

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer
        self.scanner = b""
        self._frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY))
        self._frames.bind(("host0", EVERY))
        self.watch(self._frames, self._read)

    def send(self, packet: bytes) -> None:
        """To the scanner, once it has shown its MAC address."""
        self._frames.send(self.scanner + self.MAC + struct.pack("!H", IPV4) + packet)

    def _read(self, frames: socket.socket) -> None:
        frame, (_, _, kind, *_) = frames.recvfrom(65535)
        if kind == socket.PACKET_OUTGOING:
            return
        ethertype, packet = struct.unpack_from("!H", frame, 12)[0], frame[14:]
        if ethertype == ARP and packet[7] == 1 and packet[24:28] != socket.inet_aton(SCANNER):
            self.scanner = frame[6:12]
            frames.send(self.scanner + self.MAC + struct.pack("!H", ARP) + packet[:7] + b"\2"
                        + self.MAC + packet[24:28] + packet[8:18])
        elif ethertype == IPV4 and packet[16:20] != socket.inet_aton(SCANNER):
            for each in self._answer(Probe(packet[:struct.unpack_from("!H", packet, 2)[0]])):
                self.send(each)


@dataclasses.dataclass(frozen=True)
class Frame:
    """What the tap saw: when, in seconds; whether the scanner sent it; and what it is."""
    at: float
    sent: bool
    text: str  # As `traced` writes a line of --packet-trace.
    kernels: bool  # Sent by the scanner's kernel: an audit sends no such thing.


class Tap:
    """Each frame of host0, both ways: the scanner's end does not show what passes its qdisc by.

    Needs a thread of the host's namespace.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 128 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind(("host0", EVERY))
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def frames(self) -> list[Frame]:
        """All that came since the last call."""
        time.sleep(0.1)
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, extra, _, address = self._socket.recvmsg(65535, 128)
                seconds, nanoseconds = struct.unpack("=qq", extra[0][2][:16])
                sent = address[2] != socket.PACKET_OUTGOING
                text, kernels = described(frame)
                found.append(Frame(seconds + nanoseconds / 1e9, sent, text, sent and kernels))
        return found


def described(frame: bytes) -> tuple[str, bool]:
    """The text, and whether it is a kernel's if the scanner sent it."""
    ethertype, packet = struct.unpack_from("!H", frame, 12)[0], frame[14:]
    if ethertype == ARP:
        sender, wanted = (socket.inet_ntoa(packet[at:at + 4]) for at in (14, 24))
        if packet[7] == 1:
            return f"ARP who-has {wanted} tell {sender}", False
        return f"ARP reply {sender} is-at {packet[8:14].hex(':')}", True
    if ethertype == IPV4:
        size = (packet[0] & 15) * 4
        source, target = (socket.inet_ntoa(packet[at:at + 4]) for at in (12, 16))
        length, number = struct.unpack_from("!HH", packet, 2)
        return _transport(packet[9], source, target, packet[size:],
                          f"ttl={packet[8]} id={number} iplen={length}")
    if ethertype == IPV6:
        source, target = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16])
                          for at in (8, 24))
        return _transport(packet[6], source, target, packet[40:],
                          f"hopl={packet[7]} payloadlen={struct.unpack_from('!H', packet, 4)[0]}")
    return f"ethertype {ethertype:04x}", True


def _transport(protocol: int, source: str, target: str, payload: bytes, ip: str
               ) -> tuple[str, bool]:
    if protocol in (ICMP, ICMP6):
        name = "ICMP" if protocol == ICMP else "ICMPv6"
        # Errors; and of ICMPv6 router solicitations, advertisements and listener reports.
        return (f"{name} {source} > {target} type={payload[0]} code={payload[1]} {ip}",
                payload[0] in ((3,) if protocol == ICMP else (1, 133, 136, 143)))
    if protocol not in (TCP, UDP):
        return f"protocol {protocol} {source} > {target} {ip}", True
    ports = struct.unpack_from("!HH", payload)
    ends = f"{source}:{ports[0]} > {target}:{ports[1]}"
    if protocol == UDP:
        return f"UDP {ends} {ip}", False
    letters = "".join(letter for bit, letter in ((2, "S"), (4, "R"), (1, "F"), (8, "P"),
                                                 (16, "A"), (32, "U")) if payload[13] & bit)
    return (f"TCP {ends} {letters} {ip} seq={struct.unpack_from('!I', payload, 4)[0]}",
            bool(payload[13] & RST))


def traced(line: str) -> tuple[bool, str] | None:
    """(sent, text) of a line of --packet-trace; None for any other line."""
    start = re.match(r"(SENT|RCVD) \([\d.]+s\) ", line)
    if not start:
        return None
    rest = line[start.end():]
    if rest.startswith("ARP"):
        return start[1] == "SENT", rest.strip().lower().replace("arp", "ARP")
    numbers = " ".join(re.findall(r"\b(?:ttl|id|iplen|hopl|payloadlen)=\d+",
                                  re.split(r" IP \[", rest)[-1]))
    if rest.startswith("neighbor advertisement"):
        return None  # The kernel's lines have the header, these have not.
    if rest.startswith("ICMP"):
        parts = re.match(r"(ICMP(?:v6)?)(?: \[| \(58\) )(\S+) > (\S+) .*?"
                         r"\(type=(\d+)/code=(\d+)\)", rest)
        text = parts and (f"{parts[1]} {parts[2]} > {parts[3]} type={parts[4]} code={parts[5]} "
                          f"{numbers}")
    elif rest.startswith("UDP"):
        parts = re.match(r"UDP (\S+) > (\S+) ", rest)
        text = parts and f"UDP {parts[1]} > {parts[2]} {numbers}"
    else:
        parts = re.match(r"TCP (\S+) > (\S+) (\S+) .*seq=(\d+)", rest)
        text = parts and f"TCP {parts[1]} > {parts[2]} {parts[3]} {numbers} seq={parts[4]}"
    return start[1] == "SENT", text or f"unlike nmap's: {line}"
