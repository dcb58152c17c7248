#!/usr/bin/env python3
"""--vlan: a survey in a VLAN of an interface converses with who is there, and the system's own
connections in that VLAN and outside go on beside it.

What else would be the VLAN interface of a system is a tap device here and a thread that puts tags
on and takes them off, since not every kernel has VLAN interfaces. Like one, it gets of the interface
what the survey leaves to the system.
"""
import fcntl
import json
import os
import select
import socket
import struct
import threading
import time
import unittest

import labs

VLAN = 7
# In the VLAN.
OURS, PEERS = "198.18.100.1", ("198.18.100.2", "198.18.100.3")
OURS6, PEERS6 = "2001:db8:7::1", ("2001:db8:7::2", "2001:db8:7::3")
# The tap device is none whose copies of the survey's frames the firewall could drop: beside packet
# sockets the survey has addresses of its own.
BESIDE = {OURS: "198.18.100.9", OURS6: "2001:db8:7::9"}
# On the interface itself.
OURS_OUTSIDE, PEER_OUTSIDE = "198.18.101.1", "198.18.101.2"
GREETING = b"SSH-2.0-Tagged_1.0\r\n"
PAGE = b"HTTP/1.0 200 OK\r\nServer: tagged\r\n\r\n" + b"x" * 600
LINKS = {"af_packet": "net_af_packet0,iface=near0,qdisc_bypass=1"}
if labs.has_af_xdp():
    LINKS["af_xdp"] = "near0"


class VlanInterface(threading.Thread):
    """`tap` in a namespace, whose frames go over `interface` with a tag."""

    TAG = struct.pack("!HH", 0x8100, VLAN)

    def __init__(self, lab: labs.Lab, suffix: str, interface: str, tap: str) -> None:
        super().__init__(daemon=True)
        name = lab.namespace(suffix)
        self._raw = labs.raw_socket(name, interface, 0x0003)
        self._raw.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
        self._tap = labs.in_namespace(name, lambda: os.open("/dev/net/tun", os.O_RDWR))

        def make() -> None:
            flags = 0x0002 | 0x1000  # IFF_TAP, IFF_NO_PI
            fcntl.ioctl(self._tap, 0x400454ca, struct.pack("16sH22x", tap.encode(), flags))

        labs.in_namespace(name, make)
        labs.must("ip", "-n", name, "link", "set", tap, "address", lab.mac(suffix, interface))
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            for ready in select.select([self._raw, self._tap], [], [], 0.1)[0]:
                try:
                    if ready is self._tap:
                        frame = os.read(self._tap, 2048)
                        self._raw.send(frame[:12] + self.TAG + frame[12:])
                    else:
                        self._receive()
                except OSError:
                    pass  # The survey or the lab takes an interface down.

    def _receive(self) -> None:
        frame, data, _, where = self._raw.recvmsg(2048, 64)
        if where[2] == socket.PACKET_OUTGOING or not data:
            return
        status, _, _, _, _, tag, _ = struct.unpack("IIIHHHH", data[0][2][:20])
        if status & 0x10 and tag & 0xfff == VLAN:  # TP_STATUS_VLAN_VALID
            os.write(self._tap, frame)

    def close(self) -> None:
        self._over.set()
        self.join()
        self._raw.close()
        os.close(self._tap)


class Server(threading.Thread):
    """Greets, or answers, whoever connects to a port of the peers."""

    def __init__(self, lab: labs.Lab, port: int, says: bytes, speaks_first: bool) -> None:
        super().__init__(daemon=True)
        self.says, self.speaks_first = says, speaks_first
        self._listener = labs.in_namespace(lab.namespace("sim"), lambda: socket.create_server(
            ("::", port), family=socket.AF_INET6, backlog=64, dualstack_ipv6=True))

    def run(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(5)
                if self.speaks_first:
                    connection.sendall(self.says)
                if connection.recv(1000) and not self.speaks_first:
                    connection.sendall(self.says)
        except OSError:
            pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Vlan(unittest.TestCase):
    lab: labs.Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(labs.Lab("--no-servers", "--rtt", "0", "--driver",
                                                 "af_packet"))
        scan, sim = cls.lab.namespace("scan"), cls.lab.namespace("sim")
        labs.must("ip", "-n", scan, "link", "add", "near0", "type", "veth", "peer", "name", "far0",
                  "netns", sim)
        for suffix, interface, tap, addresses, outside in (
                ("scan", "near0", "near7", (*BESIDE.values(), OURS6, OURS), OURS_OUTSIDE),
                ("sim", "far0", "far7", (*PEERS, *PEERS6), PEER_OUTSIDE)):
            name = cls.lab.namespace(suffix)
            # As a card that leaves tags in frames.
            labs.must("ip", "netns", "exec", name, "ethtool", "-K", interface, "txvlan", "off",
                      "tx", "off")
            labs.must("ip", "-n", name, "link", "set", interface, "up", "gso_max_segs", "1")
            labs.must("ip", "-n", name, "address", "add", f"{outside}/24", "dev", interface)
            tagged = VlanInterface(cls.lab, suffix, interface, tap)
            tagged.start()
            cls.addClassCleanup(tagged.close)
            labs.must("ip", "netns", "exec", name, "sh", "-c",
                      f"echo 0 > /proc/sys/net/ipv6/conf/{tap}/disable_ipv6")
            labs.must("ip", "-n", name, "link", "set", tap, "up")
            for address in addresses:
                cls.give(name, tap, address)
        for port, says, first in ((22, GREETING, True), (80, PAGE, False)):
            server = Server(cls.lab, port, says, first)
            server.start()
            cls.addClassCleanup(server.close)

    @staticmethod
    def give(name: str, tap: str, address: str, what: str = "add") -> None:
        length, last = ("64", ["nodad"]) if ":" in address else ("24", [])
        labs.must("ip", "-n", name, "address", what, f"{address}/{length}", "dev", tap,
                  *(last if what == "add" else []))

    def get(self, address: str) -> bytes:
        """What a socket of the system in the scanner's namespace reads."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with labs.in_namespace(self.lab.namespace("scan"),
                               lambda: socket.socket(family, socket.SOCK_STREAM)) as out:
            out.settimeout(5)
            out.connect((address, 80))
            out.sendall(b"GET / HTTP/1.0\r\n\r\n")
            said = b""
            while more := out.recv(4096):
                said += more
            return said

    def banners(self, link: str, ours: str, peers: tuple[str, ...]) -> None:
        beside = (peers[0], PEER_OUTSIDE)
        if link != "near0":
            scan = self.lab.namespace("scan")
            self.give(scan, "near7", ours, "del")
            self.addCleanup(self.give, scan, "near7", ours)
        for address in beside:
            self.assertEqual(PAGE, self.get(address), "before the survey")
        last = "2001:db8:7::fff" if ":" in ours else "198.18.100.255"
        survey = self.lab.start(
            f"{peers[0]}-{last}", "-p", "22,80,443", "--vlan", str(VLAN), "--source-ip", ours,
            "--gateway", peers[0], "--rate", "2k" if ":" in ours else "150", "--banners",
            "--allow-special", "2001:db8::/32", link=link)
        survey.wait_for_lines(1)
        got = 0
        while survey.process.poll() is None:
            for address in beside:
                self.assertEqual(PAGE, self.get(address), "beside the survey")
                got += 1
            time.sleep(0.02)
        survey.wait()
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertGreater(got, 10)
        lines = [json.loads(line) for line in survey.output.read_text().splitlines()]
        facts = {(line["ip"], line["port"]): line for line in lines
                 if line.get("type") == "service"}
        self.assertEqual({(peer, port): ("service", says.decode("latin-1"))
                          for peer in peers for port, says in ((22, GREETING), (80, PAGE))},
                         {at: (fact["class"], fact["banner"]) for at, fact in facts.items()})


def case(link: str, ours: str, peers: tuple[str, ...]):
    return lambda self: self.banners(link, ours, peers)


for driver, name in LINKS.items():
    setattr(Vlan, f"test_{driver}_ipv4", case(name, OURS, PEERS))
    setattr(Vlan, f"test_{driver}_ipv6", case(name, OURS6, PEERS6))


if __name__ == "__main__":
    labs.main("nft", "ethtool")
