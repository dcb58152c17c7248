"""A lab for idle scans: a scanner, kernels to be scanned and zombies, all on one bridge.

    scan0 198.18.0.2   target0 198.18.0.10 (and more)   zombie0 198.18.0.20 to .33

Nothing here has a route out. A zombie is a thread of this process behind an interface without an
address. It answers a SYN/ACK, or anything else without RST, by a reset, as RFC 9293 section
3.10.7.1 has it, and numbers what it sends in one of the ways of `ZOMBIES`.

    idle_lab.py          makes the lab, says how to enter it, and waits for Ctrl-C
"""
import contextlib
import dataclasses
import os
import random
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import audit_forger
import guardian
import labs

SCANNER = "198.18.0.2"
TARGETS = {"198.18.0.10": (22, 53, 80, 111, 443, 3000, 8080), "198.18.0.11": (),
           "198.18.0.12": tuple(range(1, 101))}
DROPPED = (23, 25, 8443)  # Of every target.
EVERY, ARP, IPV4 = 3, 0x0806, 0x0800
ICMP, TCP = 1, 6
RST, ACK = 4, 16
MAC = bytes.fromhex("02005e102000")


@dataclasses.dataclass
class Zombie:
    """How one of them numbers its packets, and what else it does."""
    kind: str = "global"
    step: int = 1
    noise: float = 0  # Other packets a second that it sends.
    loss: float = 0  # Of what comes and what goes, each.
    counter: int = 65500  # So that every scan of some length sees it wrap around.
    counters: dict[bytes, int] = dataclasses.field(default_factory=dict)
    last: float = 0

    def number(self, peer: bytes) -> int:
        """The IP ID of a packet to a peer."""
        if self.kind == "zero":
            return 0
        if self.kind == "constant":
            return 0x1234
        if self.kind == "random":
            return random.randrange(65536)
        if self.kind == "host":
            self.counters[peer] = self.counters.get(peer, random.randrange(60000)) + self.step
            return self.counters[peer] & 0xffff
        now = time.monotonic()
        while self.noise and self.last < now:
            self.counter += self.step if self.last else 0
            self.last = (self.last or now) + random.expovariate(self.noise)
        if self.kind == "leaps":
            self.counter += random.randrange(1000, 20000)
        else:
            self.counter += self.step
        if self.kind == "swapped":
            low = self.counter & 0xffff
            return (low & 255) << 8 | low >> 8
        return self.counter & 0xffff


ZOMBIES = {
    "198.18.0.20": Zombie(),
    "198.18.0.21": Zombie("swapped"),
    "198.18.0.22": Zombie("zero"),
    "198.18.0.23": Zombie("constant"),
    "198.18.0.24": Zombie("random"),
    "198.18.0.25": Zombie("host"),
    "198.18.0.26": Zombie("silent"),
    "198.18.0.27": Zombie("leaps"),
    "198.18.0.28": Zombie(step=2),
    "198.18.0.29": Zombie(noise=5),
    "198.18.0.30": Zombie(noise=30),
    "198.18.0.31": Zombie(loss=0.02),
    "198.18.0.32": Zombie("refused"),
    "198.18.0.33": Zombie(noise=4000),
}
ABSENT = "198.18.0.99"


def packet(source: bytes, target: bytes, protocol: int, number: int, payload: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, 0, 64, protocol, 0,
                       source, target)
    return head[:10] + struct.pack("!H", audit_forger.checksum(head)) + head[12:] + payload


def reset(source: bytes, target: bytes, segment: bytes) -> bytes:
    """The segment that answers one for which there is no connection."""
    theirs, ours, sequence, ack = struct.unpack_from("!HHII", segment)
    flags = segment[13]
    if flags & ACK:
        numbers, made = (ack, 0), RST
    else:
        numbers, made = (0, sequence + bool(flags & 2)), RST | ACK
    head = struct.pack("!HHIIBBHHH", ours, theirs, numbers[0], numbers[1] & 0xffffffff, 5 << 4,
                       made, 0, 0, 0)
    check = audit_forger.checksum(source + target + struct.pack("!HH", TCP, len(head)) + head)
    return head[:16] + struct.pack("!H", check) + head[18:]


class Zombies:
    """The thread that is all of them; needs to be made by a thread of their namespace."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY))
        self._socket.bind(("zombie0", EVERY))
        self._wake, self._woken = os.pipe()
        self._neighbours: dict[bytes, bytes] = {}
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        os.write(self._woken, b"x")
        self._thread.join()
        self._socket.close()
        os.close(self._wake)
        os.close(self._woken)

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._wake], [], [])
            if self._wake in ready:
                return
            frame, (_, _, kind, *_) = self._socket.recvfrom(65535)
            if kind != socket.PACKET_OUTGOING:
                # An interface that goes down is an error too.
                with contextlib.suppress(OSError):
                    self._take(frame)

    def _take(self, frame: bytes) -> None:
        body = frame[14:]
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == ARP and body[7] == 1 and socket.inet_ntoa(body[24:28]) in ZOMBIES:
            asker = socket.inet_ntoa(body[14:18])
            for address in TARGETS if asker in TARGETS else (asker,):
                self._neighbours[socket.inet_aton(address)] = body[8:14]
            self._socket.send(frame[6:12] + MAC + struct.pack("!H", ARP) + body[:7] + b"\2" + MAC
                              + body[24:28] + body[8:18])
        elif kind == IPV4 and frame[:6] == MAC and not body[6] & 0x3f:
            zombie = ZOMBIES.get(socket.inet_ntoa(body[16:20]))
            if zombie and random.random() >= zombie.loss:
                self._answer(zombie, body)

    def _answer(self, zombie: Zombie, body: bytes) -> None:
        source, target = body[12:16], body[16:20]
        payload = body[20:struct.unpack_from("!H", body, 2)[0]]
        if body[9] == ICMP and payload[0] == 8:
            # Echo replies have numbers too.
            made = audit_forger.icmp(0, 0, payload[4:8], payload[8:])
        elif body[9] == TCP and not payload[13] & RST and zombie.kind != "silent":
            made = reset(target, source, payload)
        else:
            return
        number = zombie.number(source)
        mac = self._neighbours.get(source)
        if mac and random.random() >= zombie.loss:
            self._socket.send(mac + MAC + struct.pack("!H", IPV4)
                              + packet(target, source, body[9], number, made))


class IdleLab:
    """Use in a with statement."""

    def __init__(self) -> None:
        self.prefix = f"t{os.getpid()}i"
        self._names = ("scan", "target", "zombie", "link")
        spaces = " ".join(map(self.namespace, self._names))
        # What still runs in a namespace would keep it.
        self._guardian = guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"])
        self._zombies: Zombies | None = None
        self._servers: list[socket.socket] = []

    def namespace(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def within(self, name: str = "scan") -> list[str]:
        return ["ip", "netns", "exec", self.namespace(name)]

    def __enter__(self) -> "IdleLab":
        self._guardian.__enter__()
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._zombies:
            self._zombies.stop()
        for each in self._servers:
            each.close()
        self._guardian.__exit__()

    def _ip(self, name: str, line: str) -> None:
        labs.must("ip", "-n", self.namespace(name), *line.split())

    def _make(self) -> None:
        for name in self._names:
            labs.must("ip", "netns", "add", self.namespace(name))
            self._ip(name, "link set lo up")
            labs.in_namespace(self.namespace(name), quieten)
        self._ip("link", "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        self._ip("link", "link set br0 up")
        for name in self._names[:3]:
            self._ip(name, f"link add {name}0 type veth peer name {name} netns "
                     f"{self.namespace('link')}")
            self._ip("link", f"link set {name} master br0 up")
            self._ip(name, f"link set {name}0 up")
        self._ip("scan", f"addr add {SCANNER}/24 dev scan0")
        for address in TARGETS:
            self._ip("target", f"addr add {address}/24 dev target0")
        ports = ", ".join(map(str, DROPPED))
        subprocess.run([*self.within("target"), "nft", "-f", "-"], check=True, text=True,
                       timeout=labs.PATIENCE, input="table inet lab { chain input { type filter "
                       f"hook input priority 0; tcp dport {{ {ports} }} drop; }}; }}")
        labs.in_namespace(self.namespace("target"), self._listen)
        self._zombies = labs.in_namespace(self.namespace("zombie"), Zombies)

    def _listen(self) -> None:
        for address, ports in TARGETS.items():
            for port in ports:
                made = socket.socket()
                self._servers.append(made)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind((address, port))
                made.listen(4096)


def quieten() -> None:
    """No IPv6; a half-open connection is soon forgotten."""
    for path, value in (("net/ipv6/conf/all/disable_ipv6", "1"),
                        ("net/ipv4/tcp_synack_retries", "1")):
        with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
            file.write(value)


def main() -> None:
    with IdleLab() as lab:
        print(f"enter with: {' '.join(lab.within())} COMMAND", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
