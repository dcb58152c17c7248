"""A scanner in one namespace, the simulated network in the other, and what one scan made of it.

    TX: 198.18.0.1, default via 198.18.0.2 <veth> RX: trawl-simnet polls the interface

Nothing leaves the two namespaces. `on_link` is one more address of the scanner's interface with
its prefix length: hosts there are found by ARP. All others are behind the gateway, which the
simulation plays.
"""
import contextlib
import dataclasses
import pathlib
import re
import subprocess
import time
import xml.etree.ElementTree
from collections.abc import Iterator, Sequence

import programs
import simulation
from link_pair import GATEWAY, LinkPair, run

Target = tuple[str, int]
PATIENCE = 1200.0  # Seconds until a scan is given up.


@dataclasses.dataclass(frozen=True)
class Scan:
    """What one program said, and how long it took."""
    seconds: float
    packets: int  # That it says it sent; 0 when it does not say.
    up: frozenset[str]
    ports: dict[Target, str]  # State of each port that is listed by itself.
    rest: dict[str, dict[str, int]]  # By address: how many ports are summed up as what.
    asked: str  # The ports, as nmap writes them.

    def in_state(self, *states: str) -> set[Target]:
        return {target for target, state in self.ports.items() if state in states}

    def count(self, address: str, state: str) -> int:
        listed = sum(1 for (host, _), found in self.ports.items()
                     if host == address and found == state)
        return listed + self.rest.get(address, {}).get(state, 0)


def read_xml(path: pathlib.Path, seconds: float, packets: int) -> Scan:
    root = xml.etree.ElementTree.parse(path).getroot()
    up, ports, rest = set(), {}, {}
    for host in root.iter("host"):
        status = host.find("status")
        if status is None or status.get("state") != "up":
            continue
        address = host.find("address").get("addr")
        up.add(address)
        for port in host.iterfind("ports/port"):
            ports[address, int(port.get("portid"))] = port.find("state").get("state")
        for extra in host.iterfind("ports/extraports"):
            counts = rest.setdefault(address, {})
            counts[extra.get("state")] = counts.get(extra.get("state"), 0) + int(extra.get("count"))
    info = root.find("scaninfo")
    asked = info.get("services") if info is not None else ""
    return Scan(seconds, packets, frozenset(up), ports, rest, asked)


def run_scan(program: Sequence[str], arguments: Sequence[str], work: pathlib.Path,
             within: Sequence[str] = (), patience: float = PATIENCE) -> Scan:
    """Runs a scanner to its end. Raises RuntimeError when it fails."""
    report = work / "report.xml"
    report.unlink(missing_ok=True)
    command = [*within, *program, *arguments, "-v", "-oX", str(report)]
    start = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=patience)
    seconds = time.monotonic() - start
    (work / "said.txt").write_text(done.stdout + done.stderr, "utf-8")
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with code {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()[-600:]}")
    sent = re.search(r"Raw packets sent: (\d+)", done.stdout)
    return read_xml(report, seconds, int(sent[1]) if sent else 0)


class Scene:
    """The two namespaces with a simulation that answers."""

    def __init__(self, pair: LinkPair, population: Sequence[str], work: pathlib.Path) -> None:
        self.pair = pair
        self.population = population
        self.work = work
        self.counters: dict[str, int] = {}  # Of the simulation, once it has ended.
        self.unread = 0  # Frames that came to its interface and that it did not get.

    def scan(self, program: Sequence[str], arguments: Sequence[str]) -> Scan:
        return run_scan(program, arguments, self.work, self.pair.within())

    def truth(self, ports: str, probe: str = "tcp-syn") -> dict[Target, str]:
        """The state of every port that answers at all; with a ping, of each address at port 0."""
        command = [programs.SIMNET, "truth", *self.population, "--probe", probe, "--states", "all",
                   "--format", "csv"]
        lines = run(*command, *(["--ports", ports] if ports else [])).splitlines()[1:]
        fields = (line.split(",") for line in lines)
        return {(address, int(port or 0)): state for address, port, state in fields
                if address != GATEWAY}


@contextlib.contextmanager
def playing(population: Sequence[str], work: pathlib.Path, on_link: str = "") -> Iterator[Scene]:
    population = [*population, "--gateway", GATEWAY]
    with LinkPair(drops=False) as pair:
        if on_link:
            run("ip", "-n", pair.tx, "address", "add", on_link, "dev", "tx0")
        run("ip", "-n", pair.tx, "link", "set", "lo", "up")
        with simulation.Simulation(work, population, options=(),
                                   device="net_af_packet0,iface=rx0,framecnt=32768",
                                   within=pair.within_receiver()) as simulated:
            scene = Scene(pair, population, work)
            yield scene
            scene.counters = simulated.stop()
            scene.unread = pair.received()[0] - scene.counters["frames_received"]
