#!/usr/bin/env python3
"""The scripts that send packets of their own, in networks made for what they find.

  scan --- router --- gate === one      198.18.1.0/24, 198.18.2.0/24, 198.18.3.0/24
                           \\== other    gate passes its port 22 to one and 80 to other, and is a firewall

  scan, quiet, sniffer: three hosts on one Ethernet, whose cards filter
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import runner

GATE, ONE, OTHER = "198.18.2.2", "198.18.3.2", "198.18.3.3"
LISTEN = """
import socket, sys
listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=64)
print("ready", flush=True)
links = []
while True:
    links = links[-20:] + [listener.accept()[0]]
"""
FIREWALL = """
table ip lab {
  chain inward { type nat hook prerouting priority -100;
    ip daddr 198.18.2.2 tcp dport 22 dnat to 198.18.3.2
    ip daddr 198.18.2.2 tcp dport 80 dnat to 198.18.3.3
  }
  chain through { type filter hook forward priority 0; policy drop;
    ct state invalid drop
    ct state established,related accept
    tcp dport { 22, 80 } accept
    icmp type echo-request accept
  }
}
"""


def must(*words: str, text: str | None = None) -> str:
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Network:
    """Namespaces with names of their own, and what runs in them; gone when it is closed."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack

    def name(self, host: str) -> str:
        return f"nse{os.getpid()}-{host}"

    def add(self, *hosts: str) -> None:
        for host in hosts:
            must("ip", "netns", "add", self.name(host))
            self.stack.callback(must, "ip", "netns", "del", self.name(host))
            self.ip(host, "link", "set", "lo", "up")

    def ip(self, host: str, *words: str) -> None:
        must("ip", "-n", self.name(host), *words)

    def within(self, host: str) -> list[str]:
        return ["ip", "netns", "exec", self.name(host)]

    def set(self, host: str, **values: int) -> None:
        for name, value in values.items():
            must(*self.within(host), "sysctl", "-qw", f"net.ipv4.{name}={value}")

    def link(self, left: str, address: str, right: str, other: str) -> None:
        """An Ethernet between two hosts; each end is named after the host at the other."""
        must("ip", "-n", self.name(left), "link", "add", right, "type", "veth", "peer", "name", left,
             "netns", self.name(right))
        for host, device, own in ((left, right, address), (right, left, other)):
            self.ip(host, "address", "add", own + "/24", "dev", device)
            self.ip(host, "link", "set", device, "up")

    def start(self, host: str, *words: str, ready: str) -> None:
        process = subprocess.Popen([*self.within(host), *words], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.stack.callback(process.communicate)
        self.stack.callback(process.kill)
        for line in process.stdout:
            if ready in line:
                return
        raise AssertionError(f"{words[0]} ended")


def make_route(network: Network) -> None:
    network.add("scan", "router", "gate", "one", "other")
    network.link("scan", "198.18.1.2", "router", "198.18.1.1")
    network.link("router", "198.18.2.1", "gate", GATE)
    network.link("gate", "198.18.3.1", "one", ONE)
    # A subnet of its own, so that the gate needs no bridge.
    network.link("gate", "198.18.4.1", "other", "198.18.4.3")
    network.ip("other", "address", "add", OTHER + "/32", "dev", "lo")
    network.ip("gate", "route", "add", OTHER + "/32", "via", "198.18.4.3")
    for host, gateway in (("scan", "198.18.1.1"), ("router", GATE), ("gate", "198.18.2.1"),
                          ("one", "198.18.3.1"), ("other", "198.18.4.1")):
        network.ip(host, "route", "add", "default", "via", gateway)
    for host in ("router", "gate"):
        network.set(host, ip_forward=1)
    must(*network.within("gate"), "nft", "-f", "-", text=FIREWALL)
    # Another system, as far as the network can see.
    network.set("other", ip_default_ttl=128, tcp_timestamps=0, tcp_sack=0, tcp_window_scaling=0)
    network.start("one", sys.executable, "-c", LISTEN, "22", ready="ready")
    network.start("other", sys.executable, "-c", LISTEN, "80", ready="ready")


def make_ethernet(network: Network) -> None:
    """MAC-VLANs, which filter groups as network cards do."""
    network.add("wire", "asker", "quiet", "sniffer")
    network.ip("wire", "link", "add", "trunk", "type", "veth", "peer", "name", "end")
    for end in ("trunk", "end"):
        network.ip("wire", "link", "set", end, "up")
    for number, host in enumerate(("asker", "quiet", "sniffer"), 1):
        network.ip("wire", "link", "add", "link", "trunk", "name", host, "type", "macvlan", "mode",
                   "bridge")
        network.ip("wire", "link", "set", host, "netns", network.name(host))
        network.ip(host, "address", "add", f"198.18.9.{number}/24", "dev", host)
        network.ip(host, "link", "set", host, "up")
    network.start("sniffer", "tcpdump", "-n", "-i", "sniffer", "-w", "/dev/null",
                  ready="listening on")


class RawScripts(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.data = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        runner.make_folder(cls.data)
        cls.network = Network(cls.enterClassContext(contextlib.ExitStack()))
        make_route(cls.network)

    def run_scripts(self, host: str, *options: str):
        return runner.run([*self.network.within(host), *runner.command(self.data, *options)])

    def test_a_trace_goes_through_the_firewall_within_a_connection(self) -> None:
        found = self.run_scripts("scan", "-Pn", "-p", "22", "--script", "tcp-0trace", GATE)
        script = found[(GATE, "host")]["tcp-0trace"]
        # Two hops by name, and the host that the gate stands for.
        self.assertEqual("through port 22\n  HOP ADDRESS\n  1   198.18.1.1\n  2   198.18.2.2\n"
                         "  3   198.18.2.2 (the host)", script.text)
        self.assertEqual("22", script.value("port"))

    def test_recorded_hops_are_those_of_the_way(self) -> None:
        found = self.run_scripts("scan", "-Pn", "-p", "22", "--script", "ping-record-route", ONE)
        script = found[(ONE, "host")]["ping-record-route"]
        self.assertEqual(["198.18.2.1", "198.18.3.1"], script.values("there"))
        self.assertEqual(ONE, script.value("host"))
        self.assertEqual(["198.18.2.2", "198.18.1.1"], script.values("back"))

    def test_systems_behind_one_address_are_told_apart_by_their_syn_acks(self) -> None:
        found = self.run_scripts("scan", "-Pn", "-p", "22,80,443", "--script", "synack-os", GATE)
        script = found[(GATE, "host")]["synack-os"]
        self.assertEqual(["22", "80"], script.values("stacks"))
        self.assertEqual("2 systems answer", script.value("verdict"))
        self.assertRegex(script.value("ports", "22"),
                         r"^4:62\+2:0:1460:65160,\d+:mss,sok,ts,nop,ws:df:0 \(Linux ")
        self.assertRegex(script.value("ports", "80"), r"^4:126\+2:0:1460:[^,]*,0:mss:df:0")

    def test_systems_behind_one_address_are_told_apart_by_asking(self) -> None:
        found = self.run_scripts("scan", "-Pn", "-p", "22,80", "--script", "port-os", GATE)
        script = found[(GATE, "host")]["port-os"]
        self.assertEqual("2 systems answer", script.value("verdict"))
        self.assertIn("Linux", script.value("22", "system"))
        first, second = (dict(line.rstrip(")").split("(", 1)
                              for line in script.values(port, "fingerprint"))
                         for port in ("22", "80"))
        self.assertEqual("O1=M5B4ST11NW", first["OPS"][:13])
        self.assertEqual("O1=M5B4", second["OPS"].split("%")[0])
        self.assertIn("TG=40", first["T1"])
        self.assertIn("TG=80", second["T1"])
        self.assertIn("TS=U", second["SEQ"])

    def test_one_system_with_two_ports_is_one(self) -> None:
        self.network.start("one", sys.executable, "-c", LISTEN, "80", ready="ready")
        found = self.run_scripts("scan", "-Pn", "-p", "22,80", "--script", "synack-os,port-os", ONE)
        for name in ("synack-os", "port-os"):
            self.assertEqual("one system answers", found[(ONE, "host")][name].value("verdict"))

    def test_the_host_that_sniffs_is_named(self) -> None:
        make_ethernet(self.network)
        found = self.run_scripts("asker", "-sn", "--script", "arp-promiscuous", "198.18.9.2-3")
        sniffer = found[("198.18.9.3", "host")]["arp-promiscuous"]
        self.assertEqual("takes in every frame: promiscuous mode", sniffer.value("verdict"))
        self.assertEqual(5, len(sniffer.values("answered")))
        quiet = found.get(("198.18.9.2", "host"), {}).get("arp-promiscuous")
        self.assertNotIn("promiscuous", quiet.text if quiet else "")


if __name__ == "__main__":
    missing = [tool for tool in ("ip", "nft", "tcpdump", "sysctl", runner.PROGRAM)
               if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        print(f"skipped: needs root for network namespaces, and {missing}")
        sys.exit(77)
    unittest.main(verbosity=2)
