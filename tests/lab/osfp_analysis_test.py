#!/usr/bin/env python3
"""Our analysis beside nmap's: nmap fingerprints hosts, and what it prints for each is compared, test
by test, with what osfp_analyse makes of the very packets that nmap got.

The hosts are this kernel with several sysctls, and made-up stacks for what no kernel does.
"""
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree as ElementTree

import guardian
import labs
import os_rounds
import os_stack
from os_stack import SEQ, Behaviour

TOOL = str(labs.BUILD / "tests/osfp/osfp_analyse")
TRIES = 3  # On a loaded machine nmap may miss an answer that the capture has.
# nmap takes the times of its probes itself; the capture's differ by microseconds.
NEARLY = {("SEQ", "SP"), ("SEQ", "ISR")}

KERNELS = {
    "default": {},
    "no timestamps": {"tcp_timestamps": 0},
    "no scaling, no SACK": {"tcp_window_scaling": 0, "tcp_sack": 0},
    "TTL 128, no ECN": {"ip_default_ttl": 128, "tcp_ecn": 0},
    "small buffers, one clock": {"tcp_rmem": "4096 8192 16384", "tcp_timestamps": 2,
                                 "ip_default_ttl": 255},
}


def ids(*values: int, closed: tuple = (), echo: tuple = ()) -> dict[str, int]:
    return {**dict(zip(SEQ, values)), **dict(zip(("T5", "T6", "T7"), closed)),
            **dict(zip(("I1", "I2"), echo))}


STACKS = {
    "constant ISN": Behaviour(isn=(5000,) * 6, stamps=(None,) * 6),
    "64000 a probe": Behaviour(isn=tuple(1 + 64000 * n for n in range(6)),
                               stamps=(10, 10, 10, 10, 11, 11)),
    "falling by tens": Behaviour(isn=tuple(9000 - 10 * n for n in (0, 7, 13, 39, 100, 220)),
                                 stamps=(10, 20, 30, 40, 50, 60)),
    "random ISN": Behaviour(isn=(0x12345678, 0x9abcdef0, 0x10203040, 0xdeadbeef, 0x7777, 0xc0ffee11),
                            stamps=(600, 500, 400, 300, 200, 100)),
    "counts by one": Behaviour(ids=ids(1, 2, 3, 4, 5, 6, closed=(10, 11, 12), echo=(7, 8))),
    "counts apart": Behaviour(ids=ids(1, 2, 3, 4, 5, 6, closed=(10, 21, 32), echo=(9, 10))),
    "counts swapped": Behaviour(ids=ids(256, 512, 768, 1024, 1280, 1536, closed=(0, 5120, 10240),
                                        echo=(1792, 2048))),
    "random steps": Behaviour(ids=ids(1, 1002, 2003, 3004, 4005, 5006, closed=(0, 20000, 20001),
                                      echo=(0, 25600))),
    "random identifiers": Behaviour(ids=ids(500, 400, 300, 20400, 7, 1, closed=(7, 7, 7),
                                            echo=(60001, 1))),
    "even steps": Behaviour(ids=ids(1, 1001, 2001, 3001, 4001, 5001, echo=(0, 25344)),
                            stamps=(10, 30, 50, 70, 90, 110)),
    "odd steps": Behaviour(ids=ids(1, 12, 23, 34, 45, 56), stamps=(5, 0, 7, 8, 9, 10)),
    "options of all kinds": Behaviour(options={
        "S1": "020405b40003030a01010101", "S2": "00000000", "S3": "0101080a0000000000000001",
        "S4": "0101080a0000000100000000", "S5": "010303ff", "S6": "01" * 40, "E": "",
        "T3": "02040000", "T5": "0402" * 20}),
    "wrong options": Behaviour(options={"E": "0200050101010101", "T4": "01010102",
                                        "T5": "1e010102", "T7": "020405"}),
    "silent": Behaviour(silent=(*SEQ, "E", "T3", "T4", "T5", "T7", "I2", "U1")),
    "no ECN, echo or datagram": Behaviour(
        silent=("E", "I1", "U1", "T6"),
        ttl={"S1": 17, "T2": 64, "T3": 65, "T4": 128, "T5": 129, "T7": 1}),
    "resets": Behaviour(flags={name: 0x14 for name in (*SEQ, "E")},
                        data={"T5": b"go away", "T2": b"x" * 101, "S1": b"hello"}),
    "some resets": Behaviour(flags={"S2": 0x14, "S3": 0x02, "S4": 0x3a, "E": 0x92}),
    "quirks": Behaviour(offset={"E": 0x88}, urgent={"E": 1, "T5": 1, "T4": 1},
                        flags={"T4": 0xe9, "T5": 0xff, "T6": 0x3f, "T2": 0, "E": 0xd2}),
    "numbers": Behaviour(seq={"T2": 5, "T3": "A", "T4": "A+", "T5": 12345, "T7": 0xffffffff, "S1": "A"},
                         ack={"T2": 0, "T3": "S", "T4": "S+", "T5": 12345, "S1": "S"}),
    "windows and fragments": Behaviour(
        window={"T3": 1, "T4": 0xffff, "S1": 1, "S2": 0, "S6": 0x1234, "E": 5},
        fragment={"T3": 0x8000, "T4": 0xc000, "T5": 0x2000, "E": 0, "S1": 0, "I1": 0, "I2": 0x4000}),
    "far away": Behaviour(hops=12, code={"I1": 5, "I2": 5}, udp={"unused": 0x10240, "cut": 28},
                          ttl={name: 255 for name in (*SEQ, "E", "T4", "U1", "I1")}),
    "datagram changed": Behaviour(udp={"length": 0x134, "id": 0x4210, "udp_sum": 0, "data": b"CCD"},
                                  code={"I1": 0, "I2": 0}, fragment={"U1": 0x4000}),
    "datagram unsummed": Behaviour(udp={"sum": 0, "udp_sum": 0x1234, "more": b"abcd"},
                                   code={"I1": 0, "I2": 9}),
    "other error": Behaviour(udp={"code": 13}, code={"I2": 9}),
    "wrong checksums": Behaviour(bad_sum=("S1", "T5", "E", "I1", "I2", "U1"),
                                 bad_ip_sum=("I1", "I2", "T6")),
}


class Network:
    """A bridge with nmap on it; each kernel in a namespace of its own; all made-up stacks in one."""

    SOURCE = "198.18.7.1"

    def __init__(self, stacks: dict[str, Behaviour] | None = None) -> None:
        self.stacks = STACKS if stacks is None else stacks
        self.prefix = f"trawl-os{os.getpid()}-"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trawl-os-test-"))
        self.hosts = {f"198.18.7.{10 + n}": name for n, name in enumerate([*KERNELS, *self.stacks])}
        self.names = ["nmap", "stacks", *(f"k{n}" for n in range(len(KERNELS)))]
        spaces = " ".join(self.prefix + name for name in self.names)
        self._guardian = guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"],
            ["rm", "-rf", str(self.folder)])
        self._sockets: list[socket.socket] = []
        self._stop, self._stopping = socket.socketpair()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Network":
        self._guardian.__enter__()
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.send(b"x")
        if self._thread is not None:
            self._thread.join()
        for made in (*self._sockets, self._stop, self._stopping):
            made.close()
        self._guardian.__exit__()

    def _ip(self, name: str, *arguments: str) -> None:
        labs.must("ip", "-n", self.prefix + name, *arguments)

    def _make(self) -> None:
        for name in self.names:
            labs.must("ip", "netns", "add", self.prefix + name)
            self._ip(name, "link", "set", "lo", "up")
        self._ip("nmap", "link", "add", "bridge0", "type", "bridge")
        self._ip("nmap", "link", "set", "bridge0", "up")
        self._ip("nmap", "address", "add", f"{self.SOURCE}/24", "dev", "bridge0")
        for name in self.names[1:]:
            self._ip("nmap", "link", "add", name, "type", "veth", "peer", "name", "host0", "netns",
                     self.prefix + name)
            self._ip("nmap", "link", "set", name, "master", "bridge0", "up")
            self._ip(name, "link", "set", "host0", "up")
        for number, settings in enumerate(KERNELS.values()):
            self._make_kernel(f"k{number}", f"198.18.7.{10 + number}", settings)
        link = labs.raw_socket(self.prefix + "stacks", "host0", 3)  # All protocols.
        self._sockets.append(link)
        stacks = {address: self.stacks[name] for address, name in self.hosts.items()
                  if name in self.stacks}
        self._thread = threading.Thread(target=os_stack.run, args=(link, stacks, self._stop))
        self._thread.start()

    def _make_kernel(self, name: str, address: str, settings: dict) -> None:
        self._ip(name, "address", "add", f"{address}/24", "dev", "host0")
        # The answers to floods of errors are rate limited, and nmap asks twice.
        for key, value in {"icmp_ratelimit": 0, **settings}.items():
            labs.must("ip", "netns", "exec", self.prefix + name, "sysctl", "-q",
                      f"net.ipv4.{key}={value}")
        self._sockets.append(labs.in_namespace(
            self.prefix + name, lambda: socket.create_server(("0.0.0.0", os_stack.OPEN))))

    def within(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.prefix + "nmap", *command]

    def fingerprint(self, addresses: list[str]) -> tuple[dict, dict]:
        """What nmap says of each host (the element of its XML), and the rounds it ran."""
        capture, output = self.folder / "round.pcap", self.folder / "round.xml"
        with subprocess.Popen(
                self.within("tcpdump", "-Z", "root", "-n", "-U", "-i", "bridge0", "-w", str(capture), "ip"),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            for line in process.stderr:
                if "listening on" in line:
                    break
            done = labs.run(self.within(
                "nmap", "-n", "-Pn", "-O", "-d", "-p", f"{os_stack.OPEN},{os_stack.CLOSED}",
                "--max-os-tries", "1", "--max-hostgroup", "10", "-oX", str(output), *addresses), 120)
            time.sleep(0.3)  # tcpdump reads what the kernel holds.
            process.send_signal(signal.SIGINT)
        if done.returncode:
            raise AssertionError(done.stderr)
        hosts = {host.find("address").get("addr"): host
                 for host in ElementTree.parse(output).getroot().iter("host")}
        return hosts, os_rounds.rounds_of(capture, self.SOURCE)


def differences(host: ElementTree.Element, ours: os_rounds.Analysis) -> list[str]:
    """What nmap and we say differently of one host."""
    theirs = os_rounds.tests_of(host.find("os/osfingerprint").get("fingerprint"))
    for line in ("OPS", "WIN"):  # nmap leaves out all six when one is missing.
        if line not in theirs:
            ours.lines.pop(line, None)
    found = []
    for line in sorted(theirs | ours.lines):
        theirs_here, ours_here = theirs.get(line, {}), ours.lines.get(line, {})
        for test in sorted(theirs_here | ours_here):
            pair = theirs_here.get(test), ours_here.get(test)
            near = (line, test) in NEARLY and None not in pair and abs(int(pair[0], 16) - int(pair[1], 16)) <= 1
            if pair[0] != pair[1] and not near:
                found.append(f"{line}.{test}: nmap {pair[0]}, trawl {pair[1]}")
    for fact, element, key in (("ids", "ipidsequence", "class"), ("stamps", "tcptssequence", "class"),
                               ("difficulty", "tcpsequence", "difficulty")):
        said = host.find(element)
        if said is not None and not ours.facts.get(fact, "").endswith(said.get(key)):
            found.append(f"{fact}: nmap {said.get(key)}, trawl {ours.facts.get(fact)}")
    return found


class AnalysisTest(unittest.TestCase):
    def test_every_test_of_every_host_is_as_nmap_has_it(self) -> None:
        with Network() as network:
            left, compared = network.hosts, 0
            for _ in range(TRIES):
                hosts, rounds = network.fingerprint(list(left))
                compared = max(compared, len(hosts))
                wrong = {address: differences(hosts[address], rounds[address].analyse(TOOL))
                         for address in left}
                left = {address: network.hosts[address] for address in left if wrong[address]}
                if not left:
                    break
            self.assertEqual(compared, len(network.hosts))
            self.assertEqual({left[address]: wrong[address] for address in left}, {})


if __name__ == "__main__":
    labs.main("nmap", "tcpdump")
