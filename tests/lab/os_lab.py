"""Real stacks for OS detection, each in a namespace of its own, all on one bridge with the scanner.

A kernel is a namespace with sysctls. Every other stack sits on a tap device, which a bridge without
an address joins to the namespace's link: lwIP (lwip_host.c), and libslirp within slirp4netns (it
answers for the address that a namespace knows as its host).
"""
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import guardian
import labs
import os_rounds

HERE = pathlib.Path(__file__).parent
OPEN, CLOSED = 80, 81
TOOLS = ("cc", "nmap", "slirp4netns", "tcpdump")
PATIENCE = 120  # Seconds until every stack answers.
SOURCE = "198.18.7.1"


@dataclasses.dataclass
class Stack:
    entry: str  # In data/os-db.
    kind: str = "kernel"  # Or lwip, slirp.
    sysctls: dict = dataclasses.field(default_factory=dict)  # Below net.ipv4.
    mtu: int = 1500


STACKS = {
    "default": Stack("Linux 6.x"),
    "no timestamps": Stack("Linux 6.x, no timestamps", sysctls={"tcp_timestamps": 0}),
    "one clock": Stack("Linux 6.x", sysctls={"tcp_timestamps": 2}),
    "no scale": Stack("Linux 6.x, no window scale", sysctls={"tcp_window_scaling": 0}),
    "no SACK": Stack("Linux 6.x, no SACK", sysctls={"tcp_sack": 0}),
    "bare": Stack("Linux 6.x, no TCP options but the MSS",
                  sysctls={"tcp_timestamps": 0, "tcp_window_scaling": 0, "tcp_sack": 0}),
    "ECN": Stack("Linux 6.x", sysctls={"tcp_ecn": 1}),
    "no ECN": Stack("Linux 6.x, no ECN", sysctls={"tcp_ecn": 0}),
    "small buffers": Stack("Linux 6.x, small buffers", sysctls={"tcp_rmem": "4096 8192 16384"}),
    "large buffers": Stack("Linux 6.x, buffers of 64 MiB",
                           sysctls={"tcp_rmem": "4096 131072 67108864"}),
    "TTL 128": Stack("Linux 6.x, TTL 128", sysctls={"ip_default_ttl": 128}),
    "TTL 255": Stack("Linux 6.x, TTL 255", sysctls={"ip_default_ttl": 255}),
    "no PMTU": Stack("Linux 6.x, no path MTU discovery", sysctls={"ip_no_pmtu_disc": 1}),
    "MTU 1400": Stack("Linux 6.x, MTU 1280 to 1499", mtu=1400),
    "lwIP": Stack("lwIP 2.1", "lwip"),
    "libslirp": Stack("libslirp 4.7 (user-mode networking)", "slirp"),
}


def address_of(name: str) -> str:
    if STACKS[name].kind == "slirp":
        return "198.18.7.2"  # Always the second of its network.
    return f"198.18.7.{10 + list(STACKS).index(name)}"


class Network:
    """Use in a with statement. `names`: of STACKS."""

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = list(STACKS) if names is None else names
        self.hosts = {address_of(name): name for name in self.names}
        self.prefix = f"trawl-st{os.getpid()}-"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trawl-stacks-"))
        self.spaces = {name: f"{self.prefix}{n}" for n, name in enumerate(self.names)}
        self.scanner = self.prefix + "scan"
        spaces = " ".join([self.scanner, *self.spaces.values()])
        self._guardian = guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"],
            ["rm", "-rf", str(self.folder)])
        self._sockets: list[socket.socket] = []
        self._programs: list[subprocess.Popen] = []

    def __enter__(self) -> "Network":
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
        for program in self._programs:
            program.kill()
            program.communicate()
        self._guardian.__exit__()

    def _make(self) -> None:
        for space in (self.scanner, *self.spaces.values()):
            labs.must("ip", "netns", "add", space)
            labs.must("ip", "-n", space, "link", "set", "lo", "up")
        ip = ["ip", "-n", self.scanner]
        labs.must(*ip, "link", "add", "bridge0", "type", "bridge")
        labs.must(*ip, "link", "set", "bridge0", "up")
        labs.must(*ip, "address", "add", f"{SOURCE}/24", "dev", "bridge0")
        for number, (name, space) in enumerate(self.spaces.items()):
            labs.must(*ip, "link", "add", f"s{number}", "type", "veth", "peer", "name", "host0",
                      "netns", space)
            labs.must(*ip, "link", "set", f"s{number}", "master", "bridge0", "up")
            labs.must("ip", "-n", space, "link", "set", "host0", "up", "mtu", str(STACKS[name].mtu))
            if STACKS[name].kind == "kernel":
                self._make_kernel(space, address_of(name), STACKS[name].sysctls)
            else:
                self._make_program(space, address_of(name), STACKS[name].kind)
        labs.wait_until(self._all_answer, "answer of every stack", PATIENCE)

    def _all_answer(self) -> bool:
        """Programs take a while to start."""
        done = labs.run(self.within("nmap", "-n", "-sn", *self.hosts))
        return f"({len(self.hosts)} hosts up)" in done.stdout

    def _make_kernel(self, space: str, address: str, sysctls: dict) -> None:
        labs.must("ip", "-n", space, "address", "add", f"{address}/24", "dev", "host0")
        # The answers to floods of errors are rate limited, and rounds follow each other closely.
        for key, value in {"icmp_ratelimit": 0, **sysctls}.items():
            labs.must("ip", "netns", "exec", space, "sysctl", "-q", f"net.ipv4.{key}={value}")
        self._listen(space, "0.0.0.0")

    def _listen(self, space: str, address: str) -> None:
        self._sockets.append(labs.in_namespace(
            space, lambda: socket.create_server((address, OPEN), backlog=256)))

    def _make_program(self, space: str, address: str, kind: str) -> None:
        ip = ["ip", "-n", space]
        labs.must(*ip, "tuntap", "add", "tap0", "mode", "tap")
        labs.must(*ip, "link", "add", "bridge0", "type", "bridge")
        for link in ("tap0", "host0"):
            labs.must(*ip, "link", "set", link, "master", "bridge0", "up")
        labs.must(*ip, "link", "set", "bridge0", "up")
        command = self._lwip(address) if kind == "lwip" else self._slirp(space)
        with (self.folder / f"{kind}.log").open("w") as log:
            self._programs.append(subprocess.Popen(
                ["ip", "netns", "exec", space, *command], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log))

    def _lwip(self, address: str) -> list[str]:
        program = str(self.folder / "lwip_host")
        labs.must("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-I/usr/include/lwip", "-o", program,
                  str(HERE / "lwip_host.c"), "-llwip")
        return ["env", "PRECONFIGURED_TAPIF=tap0", program, address, "255.255.255.0", str(OPEN)]

    def _slirp(self, space: str) -> list[str]:
        # What is sent to its host goes to the loopback of its own namespace.
        self._listen(space, "127.0.0.1")
        return ["slirp4netns", "--netns-type=path", "--mtu=1500", "--cidr=198.18.7.0/24",
                f"/run/netns/{space}", "tap0"]

    def within(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.scanner, *command]

    def nmap_rounds(self, *options: str) -> tuple[dict[str, os_rounds.Round], pathlib.Path]:
        """The rounds that `nmap -O` ran against every host, by name, and its XML report."""
        capture, output = self.folder / "round.pcap", self.folder / "round.xml"
        with subprocess.Popen(
                self.within("tcpdump", "-Z", "root", "-n", "-U", "-i", "bridge0", "-w", str(capture), "ip"),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            for line in process.stderr:
                if "listening on" in line:
                    break
            done = labs.run(self.within(
                "nmap", "-n", "-Pn", "-O", "-d", "-p", f"{OPEN},{CLOSED}", "--max-os-tries", "1",
                *options, "-oX", str(output), *self.hosts), 300)
            time.sleep(0.3)  # tcpdump reads what the kernel holds.
            process.send_signal(signal.SIGINT)
        if done.returncode:
            raise AssertionError(done.stderr)
        rounds = os_rounds.rounds_of(capture, SOURCE)
        return {self.hosts[address]: one for address, one in rounds.items()}, output
