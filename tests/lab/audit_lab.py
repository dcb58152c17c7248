"""A lab of real kernels for audits: namespaces, their links, packet filters and servers.

    scan1..scan4 ─┐                       ┌─ plain quiet limited filter      198.18.1.0/24
    near near2 ───┤ router                ├─ second ─┐
       198.18.0.0/24   (bridges, TTL - 1) └─ mute ───┴─ deep                 198.18.3.0/24

Nothing here has a route out. Each address of `LINKS` is one way a host can behave; 2001:db8:1::10
is 198.18.1.10 and so on. Servers and forgers are threads of this process: they end with it.
Namespaces are removed by a guardian, however the process ends.

    audit_lab.py          makes the lab, says how to enter it, and waits for Ctrl-C
"""
import contextlib
import ctypes
import fcntl
import os
import selectors
import signal
import socket
import struct
import subprocess
import threading
import time

import audit_forger
import guardian
import labs

# One for each command line that runs at the same time.
SCANNERS = ("scan1", "scan2", "scan3", "scan4")

# The router's bridge at the other end, and addresses.
NEAR, FAR = "br-near", "br-far"
LINKS = {
    "scan1": (NEAR, ["0.2"]), "scan2": (NEAR, ["0.3"]), "scan3": (NEAR, ["0.4"]),
    "scan4": (NEAR, ["0.5"]),
    "near": (NEAR, ["0.10", "0.11", "0.12"]), "near2": (NEAR, ["0.20"]),
    "plain": (FAR, ["1.10", "1.11"]),
    "filter": (FAR, ["1.20", "1.30", "1.31", "1.35", "1.36", "1.37", "1.40", "1.41", "1.42",
                     "1.43", "1.44", "1.45", "1.46"]),
    "quiet": (FAR, ["1.50", "1.51"]), "limited": (FAR, ["1.60"]),
    "second": (FAR, ["1.2"]), "mute": (FAR, ["1.3"]), "deep": ("", []),
}
MACS = {"near": "00:00:0c:07:ac:10", "near2": "02:00:5e:10:00:20"}

TCP_PORTS = (22, 53, 80, 443, 3000, 8080)
UDP_ECHO_PORTS = (53, 123, 161, 9999)
UDP_SILENT_PORTS = (514, 7777)
# What serves where: address, TCP ports, UDP ports that answer, UDP ports that only listen.
SERVERS = [
    ("near", "0.10", TCP_PORTS, UDP_ECHO_PORTS, UDP_SILENT_PORTS),
    ("near", "0.12", (80,), (), ()),
    ("near2", "0.20", (22,), (161,), ()),
    ("plain", "1.10", TCP_PORTS, UDP_ECHO_PORTS, UDP_SILENT_PORTS),
    ("filter", "1.20", TCP_PORTS, UDP_ECHO_PORTS, UDP_SILENT_PORTS),
    ("filter", "1.30", (111,), (111,), ()),
    ("filter", "1.40", (8080,), (), ()),
    ("filter", "1.44", (80,), (), ()),
    ("filter", "1.45", (80,), (), ()),
    ("quiet", "1.50", (80,), (), ()),
    ("limited", "1.60", (80, 443), (53,), ()),
    ("deep", "3.10", (22, 80), (53,), ()),
    ("deep", "4.10", (22, 80), (53,), ()),
]

REJECTS4 = ("net-unreachable", "host-unreachable", "prot-unreachable", "port-unreachable",
            "net-prohibited", "host-prohibited", "admin-prohibited")
REJECTS6 = ("no-route", "admin-prohibited", "addr-unreachable", "port-unreachable", "policy-fail",
            "reject-route")
FIRST_REJECT = 101  # Port of 198.18.1.30 that the first of these answers for; then 102, 103, …
RESET_PORT, DROP_PORT = 108, 109

OPEN_RATES = {"net/ipv4/icmp_ratelimit": "0", "net/ipv4/icmp_msgs_per_sec": "1000000",
              "net/ipv4/icmp_msgs_burst": "1000000", "net/ipv6/icmp/ratelimit": "0"}


def v4(suffix: str) -> str:
    return f"198.18.{suffix}"


def v6(suffix: str) -> str:
    network, host = suffix.split(".")
    return f"2001:db8:{network}::{host}"


def filter_rules() -> list[str]:
    """The input chain of the namespace `filter`, IPv4 and IPv6 alike."""
    rules = []
    for protocol in ("tcp", "udp"):
        for family, address, kinds in (("icmp", f"ip daddr {v4('1.30')}", REJECTS4),
                                       ("icmpv6", f"ip6 daddr {v6('1.30')}", REJECTS6)):
            rules += [f"{address} {protocol} dport {FIRST_REJECT + index} reject with {family} "
                      f"type {kind}" for index, kind in enumerate(kinds)]
    for ip, suffixed in (("ip", v4), ("ip6", v6)):
        def rule(suffix: str, text: str, ip=ip, suffixed=suffixed) -> None:
            rules.append(f"{ip} daddr {suffixed(suffix)} {text}")
        icmp = "icmp" if ip == "ip" else "icmpv6"
        # ND has to work whatever else is dropped; IPv4 needs no rule for ARP.
        if ip == "ip6":
            rules.insert(0, "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept")
        rule("1.20", "tcp dport { 23, 443, 8080, 1000-1009 } drop")
        rule("1.20", "udp dport { 69, 161, 1000-1009 } drop")
        rule("1.20", "meta l4proto { 47, 132 } drop")
        rule("1.30", f"tcp dport {RESET_PORT} reject with tcp reset")
        rule("1.30", f"meta l4proto {{ tcp, udp }} th dport {DROP_PORT} drop")
        # Refuses whatever is not ICMP, as hosts behind iptables do.
        rule("1.31", f"meta l4proto != {icmp} reject with {icmp} type admin-prohibited")
        # What only the forger answers for.
        rule("1.35", "drop")
        rule("1.36", "drop")
        rule("1.37", "drop")
        rule("1.40", "tcp dport != 8080 drop")
        rule("1.40", "meta l4proto != tcp drop")
        rule("1.41", "udp dport != 40125 drop")
        rule("1.41", "meta l4proto != udp drop")
        rule("1.42", "tcp dport != 443 drop")
        rule("1.42", "meta l4proto != tcp drop")
        rule("1.43", "icmp type != timestamp-request drop" if ip == "ip" else "drop")
        rule("1.43", "meta l4proto != icmp drop" if ip == "ip" else "drop")
        rule("1.44", "tcp flags & (syn | ack) == syn tcp dport != 80 drop")
        rule("1.44", "meta l4proto != tcp drop")
        rule("1.45", "tcp dport != 80 reject with tcp reset")
        rule("1.45", "meta l4proto != tcp drop")
        rule("1.46", "meta l4proto { tcp, udp, icmp, ipv6-icmp } drop")
    return rules


def near_rules() -> list[str]:
    return ["icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
            f"ip daddr {v4('0.11')} drop", f"ip6 daddr {v6('0.11')} drop",
            f"ip daddr {v4('0.12')} meta l4proto icmp drop",
            f"ip6 daddr {v6('0.12')} meta l4proto ipv6-icmp drop",
            f"ip daddr {v4('0.12')} tcp dport != 80 drop",
            f"ip6 daddr {v6('0.12')} tcp dport != 80 drop"]


def router_rules() -> list[str]:
    """The forward chain of the router: hosts .70 and up, each refused in another way."""
    rules = [f"ip daddr {v4(f'1.{70 + index}')} reject with icmp type {kind}"
             for index, kind in enumerate(REJECTS4)]
    rules += [f"ip6 daddr {v6(f'1.{70 + index}')} reject with icmpv6 type {kind}"
              for index, kind in enumerate(REJECTS6)]
    return rules + [f"ip daddr {v4('1.79')} meta l4proto tcp reject with tcp reset",
                    f"ip daddr {v4('1.79')} drop"]


RULES = {
    "filter": ("input", filter_rules()),
    "near": ("input", near_rules()),
    "router": ("forward", router_rules()),
    "quiet": ("input", [f"ip daddr {v4('1.51')} icmp type timestamp-request drop"]),
    "limited": ("input", ["tcp dport != { 80, 443 } limit rate over 20/second burst 5 packets "
                          "drop"]),
    "mute": ("output", ["icmp type time-exceeded drop", "icmpv6 type time-exceeded drop"]),
}


class AuditLab:
    """Use in a with statement."""

    def __init__(self) -> None:
        self.prefix = f"t{os.getpid()}a"
        self._names = ["router", *LINKS]
        spaces = " ".join(map(self.namespace, self._names))
        # What still runs in a namespace would keep it.
        self._guardian = guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"])
        self._servers = Servers()
        self._forger: audit_forger.Forger | None = None

    def namespace(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def __enter__(self) -> "AuditLab":
        self._guardian.__enter__()
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.stop()
        if self._forger:
            self._forger.stop()
        self._guardian.__exit__()

    def within(self, name: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace(name)]

    def forget_neighbours(self, name: str) -> None:
        """What a run learnt about the link must not help the next."""
        labs.must("ip", "-n", self.namespace(name), "neigh", "flush", "all")

    def _make(self) -> None:
        for name in self._names:
            labs.must("ip", "netns", "add", self.namespace(name))
            self._write(name, {"net/ipv6/conf/default/accept_dad": "0",
                               "net/ipv6/conf/default/router_solicitations": "0",
                               "net/ipv4/tcp_synack_retries": "1",
                               **({} if name == "limited" else OPEN_RATES)})
        for name in ("router", "second", "mute"):
            self._write(name, {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"})
        self._write("quiet", {"net/ipv4/icmp_echo_ignore_all": "1",
                              "net/ipv6/icmp/echo_ignore_all": "1"})
        self._connect()
        for name, (hook, rules) in RULES.items():
            self._filter(name, hook, rules)
        for name, suffix, *ports in SERVERS:
            labs.in_namespace(self.namespace(name),
                              lambda s=suffix, p=ports: self._servers.open(s, *p))
        self._servers.start()
        self._forger = labs.in_namespace(self.namespace("filter"), audit_forger.Forger)
        self._forger.start()

    def _connect(self) -> None:
        lines = ["link set lo up"]
        for bridge, network in ((NEAR, 0), (FAR, 1)):
            lines += [f"link add {bridge} type bridge stp_state 0 forward_delay 0 "
                      "mcast_snooping 0",
                      f"addr add {v4(f'{network}.1')}/24 dev {bridge}",
                      f"addr add {v6(f'{network}.1')}/64 dev {bridge} nodad",
                      f"link set {bridge} up"]
        self._ip("router", lines)
        for name, (bridge, suffixes) in LINKS.items():
            if bridge:
                self._attach(name, bridge, suffixes)
        for index, name in ((3, "second"), (4, "mute")):
            self._deepen(name, index)
        gateways = {3: "1.2", 4: "1.3"}
        lines = [f"route add {v4(f'{network}.0')}/24 via {v4(by)}"
                 for network, by in gateways.items()]
        lines += [f"-6 route add {v6(f'{network}.0')}/64 via {v6(by)}"
                  for network, by in gateways.items()]
        lines += [f"route add {kind} {v4('2.' + str(first))}/26"
                  for kind, first in (("prohibit", 0), ("unreachable", 64), ("blackhole", 128))]
        lines += [f"-6 route add {kind} 2001:db8:2:{first}::/64"
                  for kind, first in (("prohibit", 0), ("unreachable", 64), ("blackhole", 128))]
        self._ip("router", lines)
        # An absent neighbour is given up after a tenth of a second, well before a scan ends.
        for bridge in (NEAR, FAR):
            for family in ("ipv4", "ipv6"):
                self._write("router", {f"net/{family}/neigh/{bridge}/mcast_solicit": "1",
                                       f"net/{family}/neigh/{bridge}/retrans_time_ms": "100"})

    def _attach(self, name: str, bridge: str, suffixes: list[str]) -> None:
        device, gateway = f"{name}0", f"{suffixes[0].split('.', maxsplit=1)[0]}.1"
        mac = f"address {MACS[name]} " if name in MACS else ""
        self._ip(name, [
            "link set lo up",
            f"link add {device} {mac}type veth peer name {name} netns "
            f"{self.namespace('router')}",
            *(f"addr add {v4(suffix)}/24 dev {device}" for suffix in suffixes),
            *(f"addr add {v6(suffix)}/64 dev {device} nodad" for suffix in suffixes),
            f"link set {device} up", f"route add default via {v4(gateway)}",
            f"-6 route add default via {v6(gateway)}"])
        self._ip("router", [f"link set {name} master {bridge} up"])
        self._whole_checksums(name, device)
        for family in ("ipv4", "ipv6"):
            self._write(name, {f"net/{family}/neigh/{device}/retrans_time_ms": "100"})

    def _deepen(self, name: str, network: int) -> None:
        """One more network, behind a router of the far one; `deep` has a foot in each."""
        device = f"deep{network}"
        self._ip(name, [
            f"link add to-deep type veth peer name {device} netns {self.namespace('deep')}",
            f"addr add {v4(f'{network}.1')}/24 dev to-deep",
            f"addr add {v6(f'{network}.1')}/64 dev to-deep nodad", "link set to-deep up"])
        self._ip("deep", [
            "link set lo up", f"addr add {v4(f'{network}.10')}/24 dev {device}",
            f"addr add {v6(f'{network}.10')}/64 dev {device} nodad", f"link set {device} up",
            f"route add default via {v4(f'{network}.1')} table {network}",
            f"-6 route add default via {v6(f'{network}.1')} table {network}",
            f"rule add from {v4(f'{network}.0')}/24 table {network}",
            f"-6 rule add from {v6(f'{network}.0')}/64 table {network}",
            f"route add default via {v4(f'{network}.1')} metric {network}",
            f"-6 route add default via {v6(f'{network}.1')} metric {network}"])
        self._whole_checksums("deep", device)

    def _ip(self, name: str, lines: list[str]) -> None:
        """`-6` at the start of a line makes it one of IPv6."""
        for family in ("-4", "-6"):
            batch = [line.removeprefix("-6 ") for line in lines
                     if line.startswith("-6 ") == (family == "-6")]
            if not batch:
                continue
            done = subprocess.run(
                ["ip", *([family] if family == "-6" else []), "-n", self.namespace(name),
                 "-batch", "-"], input="\n".join(batch) + "\n", capture_output=True, text=True,
                timeout=labs.PATIENCE, check=False)
            if done.returncode != 0:
                raise AssertionError(f"{name}: {done.stderr.strip()}")

    def _write(self, name: str, values: dict[str, str]) -> None:
        def write() -> None:
            for path, value in values.items():
                with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
                    file.write(value)
        labs.in_namespace(self.namespace(name), write)

    def _filter(self, name: str, hook: str, rules: list[str]) -> None:
        text = (f"table inet lab {{\n chain {hook} {{\n  type filter hook {hook} priority 0;\n"
                + "".join(f"  {rule}\n" for rule in rules) + " }\n}\n")
        done = subprocess.run([*self.within(name), "nft", "-f", "-"], input=text,
                              capture_output=True, text=True, timeout=labs.PATIENCE, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{name}: {done.stderr.strip()}")

    def _whole_checksums(self, name: str, device: str) -> None:
        """A veth leaves checksums to hardware it does not have, and a capture sees them unmade."""
        def turn_off() -> None:
            value = ctypes.create_string_buffer(struct.pack("=II", 0x17, 0))  # ETHTOOL_STXCSUM
            request = struct.pack("=16sQ16x", device.encode(), ctypes.addressof(value))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
                fcntl.ioctl(made, 0x8946, request)  # SIOCETHTOOL
        labs.in_namespace(self.namespace(name), turn_off)


class Servers:
    """TCP servers that accept and close, UDP servers that echo or only read."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def open(self, suffix: str, tcp: tuple, echoing: tuple, silent: tuple) -> None:
        """Needs the thread to be in the namespace of the address."""
        for family, address in ((socket.AF_INET, v4(suffix)), (socket.AF_INET6, v6(suffix))):
            for port in tcp:
                self._add(family, socket.SOCK_STREAM, address, port, self._accept)
            for ports, serve in ((echoing, self._echo), (silent, self._read)):
                for port in ports:
                    self._add(family, socket.SOCK_DGRAM, address, port, serve)

    def start(self) -> None:
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._thread.start()

    def stop(self) -> None:
        os.write(self._woken, b"x")
        if self._thread.is_alive():
            self._thread.join()
        for key in list(self._selector.get_map().values()):
            if key.data:
                key.fileobj.close()
        self._selector.close()
        os.close(self._wake)
        os.close(self._woken)

    def _add(self, family: int, kind: int, address: str, port: int, serve) -> None:
        made = socket.socket(family, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(4096)
        made.setblocking(False)
        self._selector.register(made, selectors.EVENT_READ, serve)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                with contextlib.suppress(OSError):
                    key.data(key.fileobj)

    @staticmethod
    def _accept(listening: socket.socket) -> None:
        listening.accept()[0].close()

    @staticmethod
    def _echo(bound: socket.socket) -> None:
        payload, sender = bound.recvfrom(65535)
        bound.sendto(payload or b"\0", sender)

    @staticmethod
    def _read(bound: socket.socket) -> None:
        bound.recvfrom(65535)


def main() -> None:
    began = time.monotonic()
    with AuditLab() as lab:
        print(f"made in {time.monotonic() - began:.1f} s; enter with: "
              f"{' '.join(lab.within(SCANNERS[0]))} COMMAND", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
