"""Hosts with operating systems drawn from an OS database, and what scanners make of them.

The hosts are simulated behind a gateway, in two namespaces without a route out; each has TCP port
80 open and answers as one entry of the installed database does.
"""
import contextlib
import dataclasses
import ipaddress
import pathlib
import random
import re
import subprocess
import sys
import time
import xml.etree.ElementTree
from collections.abc import Iterator, Sequence

_BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(_BENCH / "peers"), str(_BENCH / "audit")]

import programs
import simulation
from link_pair import GATEWAY, LinkPair, run

DATABASE = pathlib.Path("/usr/share/nmap/nmap-os-db")
PORTS = "80,81"  # One open, one closed.
POPULATION = ("--prefix", "198.18.0.0/16", "--live", "0", "--open", "80=1", "--open-default", "0",
              "--drop", "0", "--unreachable", "0", "--udp-drop", "0", "--udp-open-default", "0",
              "--udp-open", "53=0,123=0,161=0")
PATIENCE = 3600.0


@dataclasses.dataclass(frozen=True)
class Entry:
    name: str
    line: int


def read_entries(database: pathlib.Path = DATABASE) -> list[Entry]:
    lines = database.read_text("utf-8", errors="replace").splitlines()
    return [Entry(line.removeprefix("Fingerprint ").strip(), number)
            for number, line in enumerate(lines, start=1) if line.startswith("Fingerprint ")]


def draw(count: int, seed: int, database: pathlib.Path = DATABASE) -> dict[str, Entry]:
    """Different entries for `count` addresses."""
    drawn = random.Random(seed).sample(read_entries(database), count)
    first = ipaddress.IPv4Address("198.18.4.1")
    return {str(first + number): entry for number, entry in enumerate(drawn)}


@dataclasses.dataclass(frozen=True)
class Match:
    name: str
    line: int
    accuracy: int


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a scanner says of the operating system of one host."""
    matches: tuple[Match, ...] = ()
    fingerprint: str = ""
    is_too_many: bool = False

    @property
    def best(self) -> int:
        return self.matches[0].accuracy if self.matches else 0


@dataclasses.dataclass(frozen=True)
class OsScan:
    seconds: float
    answers: dict[str, Answer]
    said: str


def _answer_of(host: xml.etree.ElementTree.Element) -> Answer:
    matches = tuple(Match(one.get("name"), int(one.get("line")), int(one.get("accuracy")))
                    for one in host.iterfind("os/osmatch"))
    printed = host.find("os/osfingerprint")
    return Answer(matches, "" if printed is None else printed.get("fingerprint"))


def _too_many(said: str) -> set[str]:
    """The addresses that match more entries than are named."""
    blocks = re.split(r"^Nmap scan report for ", said, flags=re.MULTILINE)[1:]
    return {re.match(r"[\d.]+", block)[0] for block in blocks
            if "Too many fingerprints match" in block}


def scan(program: Sequence[str], arguments: Sequence[str], within: Sequence[str],
         work: pathlib.Path) -> OsScan:
    """Runs `trawl` or `nmap` to its end. Raises RuntimeError when it fails."""
    report = work / "os.xml"
    report.unlink(missing_ok=True)
    command = [*within, *program, *arguments, "-oX", str(report)]
    start = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=PATIENCE)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)[:300]} ended with code {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()[-600:]}")
    crowded = _too_many(done.stdout)
    answers = {}
    for host in xml.etree.ElementTree.parse(report).getroot().iterfind("host"):
        address = host.find("address").get("addr")
        answers[address] = dataclasses.replace(_answer_of(host), is_too_many=address in crowded)
    return OsScan(seconds, answers, done.stdout + done.stderr)


class Stage:
    """The hosts, while they answer."""

    def __init__(self, pair: LinkPair, hosts: dict[str, Entry], work: pathlib.Path) -> None:
        self.pair = pair
        self.hosts = hosts
        self.work = work

    def scan(self, program: str, *arguments: str) -> OsScan:
        targets = self.work / "targets"
        targets.write_text("".join(f"{address}\n" for address in self.hosts))
        return scan([program], ["-O", "-Pn", "-n", "-p", PORTS, "-iL", str(targets), *arguments],
                    self.pair.within(), self.work)


@contextlib.contextmanager
def playing(hosts: dict[str, Entry], work: pathlib.Path, *path: str,
            seed: int = 1, pair: LinkPair | None = None) -> Iterator[Stage]:
    """`path`: more options of the simulation, such as --loss-in."""
    file = work / "hosts"
    file.write_text("".join(f"{address} {entry.line}\n" for address, entry in hosts.items()))
    population = [*POPULATION, "--gateway", GATEWAY, "--personality", str(DATABASE),
                  "--personality-hosts", str(file), "--seed", str(seed), *path]
    with pair or LinkPair(drops=False) as made:
        run("ip", "-n", made.tx, "link", "set", "lo", "up")
        with simulation.Simulation(work, population, options=(),
                                   device="net_af_packet0,iface=rx0,framecnt=8192",
                                   within=made.within_receiver()):
            yield Stage(made, hosts, work)


MATCH_TOOL = str(programs.BUILD / "tests/osfp/osfp_match")


def explain(fingerprint: str, entry: Entry) -> str:
    """How well an entry fits, how well the best does, and each test that is not as it asks."""
    if not fingerprint:
        return "no fingerprint"
    done = subprocess.run([MATCH_TOOL, str(DATABASE), "line", str(entry.line)], input=fingerprint,
                          capture_output=True, text=True, timeout=60, check=False)
    return "; ".join((done.stdout or done.stderr).replace("\t", " ").splitlines())


def is_right(answer: Answer, entry: Entry) -> bool:
    """The drawn entry is the best one, or one as good as the best. Of entries of one name only one
    is listed; where more are perfect than are listed, the fingerprint tells."""
    best = [match for match in answer.matches if match.accuracy == answer.best]
    if any(match.line == entry.line or match.name == entry.name for match in best):
        return True
    return explain(answer.fingerprint, entry).startswith("best")
