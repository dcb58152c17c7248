"""Labs of one NIC for two worlds, the survey's and the kernel's, over each kind of link."""
import dataclasses
import json
import pathlib
import subprocess
import threading

import labs

SCANNER, GATEWAY = "198.18.0.1", "198.18.0.2"
SCAN_PORTS = "61000-64999"
# Of the scanner's addresses: kernels reset what they know nothing of.
KERNEL_RESETS = f"tcp[13] & 4 != 0 and src host {SCANNER} and src portrange {SCAN_PORTS}"
RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports"


@dataclasses.dataclass(frozen=True)
class Kind:
    """How a survey gets at scan0, and where the kernel's way to the servers is meanwhile."""
    name: str
    link: str
    options: tuple[str, ...] = ()
    is_owned: bool = False  # The system has no address on scan0.

    @property
    def interface(self) -> str:
        return "trawl0" if self.is_owned else "scan0"


AF_XDP = Kind("af_xdp", "scan0")
TAP = Kind("tap", labs.AF_XDP_LINK, ("--tap", "--source-ip", SCANNER, "--gateway", GATEWAY), True)
AF_PACKET = Kind("af_packet", labs.AF_PACKET_LINK)
KINDS = (AF_XDP, TAP, AF_PACKET)


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    suffix: str  # Of its namespace.
    address: str
    listens: dict[int, tuple[str, str]]  # TCP ports: service and product.


def real_servers(which: str) -> list[Server]:
    listed = map(json.loads, labs.must(labs.TRAWL, "lab", "servers", "--json").splitlines())
    return [Server(recipe["name"], recipe["namespace"], recipe["address"],
                   {listen["port"]: (listen["service"].removeprefix("ssl/"), listen["product"])
                    for listen in recipe["listens"] if listen["transport"] == "tcp"})
            for recipe in listed if recipe["set"] == which and recipe["missing"] is None]


class Bystander:
    """Connections that somebody else makes over the interface while a survey runs: one kept open
    throughout, and ever new ones. Use in a with statement; afterwards `rounds` and `trouble` tell of them."""

    # A connection that was open before, with a question every turn; curl and ssh beside it.
    KEEPER = """
import socket, subprocess, sys
device, redis, web, ssh = sys.argv[1:]
kept = socket.socket()
kept.settimeout(10)
kept.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
kept.connect((redis, 6379))
print("ready", flush=True)
def end(command, wanted):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert wanted in done.stdout + done.stderr, (command, done)
while True:
    kept.sendall(b"PING\\r\\n")
    assert kept.recv(100) == b"+PONG\\r\\n"
    end(["curl", "-sS", "-m", "10", "--interface", device, f"http://{web}/"], "trawl lab")
    # Nobody may log in there: what is said then went over the encrypted connection.
    end(["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o",
         "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", f"nobody@{ssh}", "true"],
        "Permission denied")
    print("round", flush=True)
"""

    def __init__(self, lab: labs.Lab, kind: Kind) -> None:
        self._lab = lab
        self._kind = kind
        self.rounds = 0
        self.trouble = ""

    def __enter__(self) -> "Bystander":
        at = {server.name: server.address for server in real_servers("basic")}
        self._process = subprocess.Popen(
            [*self._lab.within(), "python3", "-c", self.KEEPER, self._kind.interface,
             at["redis-server"], at["nginx"], at["sshd"]],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self._process.stdout.readline() != "ready\n":
            raise AssertionError(f"no connection: {self._process.communicate()[1]}")
        self._reader = threading.Thread(target=self._count)
        self._reader.start()
        return self

    def _count(self) -> None:
        for _ in self._process.stdout:
            self.rounds += 1

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is not None:
            self.trouble = self._process.stderr.read().strip() or "it ended"
        self._process.kill()
        self._reader.join()
        self._process.communicate()


class PipelineLab(labs.Lab):
    """A lab with real servers and a population on sim0, and scan0 as the kind of link wants it."""

    def __init__(self, kind: Kind, *options: str, servers: str = "basic") -> None:
        super().__init__("--driver", "af_packet", "--servers", servers, *options)
        self.kind = kind

    def __enter__(self) -> "PipelineLab":
        super().__enter__()
        if self.kind.is_owned:
            for what in ("address", "route"):
                self.ip(what, "flush", "dev", "scan0")
        return self

    def ip(self, *words: str) -> str:
        return labs.must("ip", "-n", self.namespace("scan"), *words)

    def bring_up(self) -> None:
        """scan0 after it was down, with the route that went with it; its carrier takes a moment."""
        self.ip("link", "set", "scan0", "up")
        labs.wait_until(lambda: "state UP" in self.ip("link", "show", "scan0"), "carrier")
        if not self.kind.is_owned:
            self.ip("route", "replace", "default", "via", GATEWAY)

    def begin(self, *arguments: str, output: pathlib.Path | None = None) -> labs.Survey:
        """A survey over the link, once the kernel has a way beside it."""
        survey = self.start(*self.kind.options, *arguments, link=self.kind.link, output=output)

        def is_ready() -> bool:
            if survey.process.poll() is not None:
                raise AssertionError(f"the survey ended: {survey.process.stderr.read()}")
            return bool(self.traces())
        labs.wait_until(is_ready, "sign of the survey")
        return survey

    def pipeline(self, *arguments: str) -> labs.Survey:
        return self.survey(*self.kind.options, *arguments, link=self.kind.link)

    def traces(self) -> dict[str, str]:
        """What a survey changes in the kernel of the scanner's namespace, as far as it is there."""
        found = {}
        links = {link["ifname"]: link for link in json.loads(self.ip("-j", "link"))}
        if program := links["scan0"].get("xdp"):
            found["xdp"] = json.dumps(program)
        if "trawl0" in links:
            found["tap"] = "trawl0"
        if tables := labs.must(*self.within(), "nft", "list", "tables").strip():
            found["firewall"] = tables
        if ports := labs.must(*self.within(), "cat", RESERVED).strip():
            found["reserved"] = ports
        return found


def facts(survey: labs.Survey) -> dict[tuple[str, int], dict]:
    """What the survey says stands behind ports."""
    lines = map(json.loads, survey.output.read_text(encoding="utf-8").splitlines())
    return {(line["ip"], line["port"]): line for line in lines if line.get("type") == "service"}


def open_ports(survey: labs.Survey) -> list[tuple[str, int, str]]:
    lines = map(json.loads, survey.output.read_text(encoding="utf-8").splitlines())
    return [(line["ip"], line["port"], line["state"]) for line in lines if "type" not in line]
