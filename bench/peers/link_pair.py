"""Two network namespaces joined by a veth pair, without a route anywhere else.

    trawl-peers-PID-tx                        trawl-peers-PID-rx
    tx0 198.18.0.1/30, default via 198.18.0.2 <veth> rx0: no address, no ARP, nftables drops all

The receiving end drops every frame on arrival and alike for all programs; what arrived is read
from its interface counters. Or it is left to a simulated network that answers there.
"""
import json
import os
import subprocess
import time
import pathlib

import programs

SOURCE = "198.18.0.1"
GATEWAY = "198.18.0.2"
DROP_ALL = ("add table netdev peers; add chain netdev peers arrival "
            "{ type filter hook ingress device rx0 priority 0; policy drop; }")


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class LinkPair:
    """Use in a with statement: removes exactly the namespaces it made, whatever happens."""

    def __init__(self, drops: bool = True) -> None:
        self._drops = drops
        self.tx = f"trawl-peers-{os.getpid()}-tx"
        self.rx = f"trawl-peers-{os.getpid()}-rx"
        self._made: list[str] = []
        self.receiver_mac = ""

    def __enter__(self) -> "LinkPair":
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _make(self) -> None:
        for name in (self.tx, self.rx):
            run("ip", "netns", "add", name)
            self._made.append(name)
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.ip_forward=0")
        run("ip", "-n", self.tx, "link", "add", "tx0", "type", "veth", "peer", "name", "rx0",
            "netns", self.rx)
        run("ip", "-n", self.rx, "link", "set", "rx0", "arp", "off", "up")
        run("ip", "-n", self.tx, "address", "add", f"{SOURCE}/30", "dev", "tx0")
        run("ip", "-n", self.tx, "link", "set", "tx0", "up")
        run("ip", "-n", self.tx, "route", "add", "default", "via", GATEWAY, "dev", "tx0")
        if self._drops:
            run("ip", "netns", "exec", self.rx, "nft", DROP_ALL)
        self.receiver_mac = self._receiver()["address"]
        # masscan and zmap look the gateway up even when told its address.
        run("ip", "-n", self.tx, "neigh", "replace", GATEWAY, "lladdr", self.receiver_mac, "dev",
            "tx0")
        programs.wait_for(lambda: self._receiver()["operstate"] == "UP", 5, "a carrier on rx0")

    def _remove(self) -> None:
        for name in reversed(self._made):
            subprocess.run(["ip", "netns", "del", name], check=False)
        self._made.clear()

    def _receiver(self) -> dict:
        return json.loads(run("ip", "-n", self.rx, "-j", "-s", "link", "show", "rx0"))[0]

    def received(self) -> tuple[int, float]:
        """Frames that reached the receiving end so far, and when that was read."""
        before = time.monotonic()
        count = self._receiver()["stats64"]["rx"]["packets"]
        return count, (before + time.monotonic()) / 2

    def within(self) -> tuple[str, ...]:
        """What to put before a command to run it at the sending end."""
        return ("ip", "netns", "exec", self.tx)

    def within_receiver(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.rx)

    def rate(self, command: list[str], seconds: float, log: pathlib.Path,
             warm_up: float = 1.0) -> float:
        """Frames received a second while `command` sends, from `warm_up` after the first ones."""
        with programs.running([*self.within(), *command], log) as process:
            floor = self.received()[0] + 1000  # A few ARP frames are no start.

            def is_sending() -> bool:
                programs.still_running(process, log)
                return self.received()[0] > floor

            programs.wait_for(is_sending, 20, f"{command[0]} sending")
            time.sleep(warm_up)
            first, start = self.received()
            time.sleep(seconds)
            last, end = self.received()
            programs.still_running(process, log)
        return (last - first) / (end - start)
