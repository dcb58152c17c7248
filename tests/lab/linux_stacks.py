"""Kernels with other settings, each in a namespace behind one bridge, and the scanner's beside them.

What data/os-db says of Linux was measured against them (data/README.md), and os_db_test.py looks
whether they are still told apart.
"""
import dataclasses
import os
import pathlib
import platform
import socket

import guardian
import labs

OPEN, CLOSED = 80, 81
SCANNER = "198.18.8.1"


@dataclasses.dataclass(frozen=True)
class Stack:
    name: str  # Of the entry, behind that of the kernel.
    sysctls: dict[str, int] = dataclasses.field(default_factory=dict)  # Below net/ipv4.
    mtu: int = 1500
    rules: str = ""  # What nft is told in its namespace.


STACKS = (
    Stack(""),
    Stack("without TCP timestamps", {"tcp_timestamps": 0}),
    Stack("with plain TCP timestamps", {"tcp_timestamps": 2}),
    Stack("without window scaling", {"tcp_window_scaling": 0}),
    Stack("without selective acknowledgements", {"tcp_sack": 0}),
    Stack("without TCP options but the segment size",
          {"tcp_timestamps": 0, "tcp_window_scaling": 0, "tcp_sack": 0}),
    Stack("without ECN", {"tcp_ecn": 0}),
    Stack("with path MTU discovery off", {"ip_no_pmtu_disc": 1}),
    Stack("that answers no echo request", {"icmp_echo_ignore_all": 1}),
    Stack("with a TTL of 128", {"ip_default_ttl": 128}),
    Stack("with a TTL of 255", {"ip_default_ttl": 255}),
    Stack("with SYN cookies for every connection", {"tcp_syncookies": 2}),
    Stack("with jumbo frames", mtu=9000),
)


def kernel() -> tuple[str, str]:
    """"Linux 6.18" and "6.X"."""
    major, minor, *_ = platform.release().split(".")
    return f"Linux {major}.{minor}", f"{major}.X"


def entry_name(stack: Stack) -> str:
    return f"{kernel()[0]} {stack.name}".strip()


class LinuxStacks:
    """A bridge with all of `stacks` behind it. Use in a with statement."""

    def __init__(self, stacks: tuple[Stack, ...] = STACKS) -> None:
        self.prefix = f"trawl-stacks{os.getpid()}-"
        self.addresses = {f"198.18.8.{10 + n}": stack for n, stack in enumerate(stacks)}
        names = [self.prefix + name for name in ("scan", *map(str, range(len(stacks))))]
        spaces = " ".join(names)
        self._guardian = guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"])
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "LinuxStacks":
        self._guardian.__enter__()
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for made in self._sockets:
            made.close()
        self._guardian.__exit__()

    def within(self) -> list[str]:
        return ["ip", "netns", "exec", f"{self.prefix}scan"]

    def _make(self) -> None:
        scan = f"{self.prefix}scan"
        labs.must("ip", "netns", "add", scan)
        for line in ("link set lo up", "link add near mtu 9000 type bridge stp_state 0 forward_delay 0",
                     f"addr add {SCANNER}/24 dev near", "link set near up"):
            labs.must("ip", "-n", scan, *line.split())
        for number, (address, stack) in enumerate(self.addresses.items()):
            name = f"{self.prefix}{number}"
            labs.must("ip", "netns", "add", name)
            labs.must("ip", "-n", name, "link", "add", "up0", "mtu", str(stack.mtu), "type", "veth",
                      "peer", "name", f"host{number}", "mtu", "9000", "netns", scan)
            for line in ("link set lo up", f"addr add {address}/24 dev up0", "link set up0 up"):
                labs.must("ip", "-n", name, *line.split())
            labs.must("ip", "-n", scan, "link", "set", f"host{number}", "master", "near", "up")
            labs.in_namespace(name, lambda s=stack, a=address: self._settle(s, a))
            if stack.rules:
                labs.must("ip", "netns", "exec", name, "nft", stack.rules)

    def _settle(self, stack: Stack, address: str) -> None:
        for what, value in {"icmp_ratelimit": 0, **stack.sysctls}.items():
            with open(f"/proc/sys/net/ipv4/{what}", "w", encoding="ascii") as setting:
                setting.write(str(value))
        listener = socket.create_server((address, OPEN))
        self._sockets.append(listener)
