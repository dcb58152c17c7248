"""Runs a round: trawl, nmap, trawl, nmap, on one simulation, and takes its figures."""
import contextlib
import dataclasses
import os
import pathlib
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator

import programs
import scene
from cases import Round
from figures import Figures
from judge import Verdict
from link_pair import run
from scene import Scan

PEER = "nmap"


@dataclasses.dataclass(frozen=True)
class Plan:
    runs: int
    peer_once: bool
    ours_only: bool
    counters: bool  # Print those of the simulation.


def need_peer(ours_only: bool) -> None:
    if not ours_only and not shutil.which(PEER):
        raise RuntimeError(f"{PEER} is missing; apt-get install {PEER}")


class Loopback:
    """A scene without a network: an empty namespace with its loopback interface up."""

    def __init__(self, name: str, work: pathlib.Path) -> None:
        self._within = ("ip", "netns", "exec", name)
        self._work = work
        self.counters: dict[str, int] = {}
        self.unread = 0

    def scan(self, program: list[str], arguments: list[str]) -> Scan:
        return scene.run_scan(program, arguments, self._work, self._within)

    def truth(self, ports: str, probe: str) -> dict:
        return {}


@contextlib.contextmanager
def loopback(work: pathlib.Path) -> Iterator[Loopback]:
    name = f"trawl-audit-{os.getpid()}-lo"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield Loopback(name, work)
    finally:
        run("ip", "netns", "del", name)


def playing(item: Round, work: pathlib.Path):
    return loopback(work) if item.local else scene.playing(item.population, work, item.on_link)


def tell(item: Round, program: str, scan: Scan, verdict: Verdict) -> None:
    """One line for each scan, as soon as it has ended."""
    note = f"; {verdict.note}" if verdict.note else ""
    print(f"{item.name}: {program} {scan.seconds:.3f} s, {len(scan.up)} hosts up, "
          f"{verdict.found} of {verdict.wanted}, {verdict.false} false, "
          f"{scan.packets} packets{note}", file=sys.stderr, flush=True)


class Record:
    """The scans of one program in one round."""

    def __init__(self, item: Round, program: str, arguments: tuple[str, ...]) -> None:
        self._item = item
        self._program = program
        self._arguments = list(arguments)
        self.scans: list[Scan] = []
        self.verdicts: list[Verdict] = []

    def scan(self, stage, judge: Callable) -> None:
        done = stage.scan([self._program], self._arguments)
        # A ping asks no ports.
        ports = done.asked if self._item.probe in ("tcp-syn", "udp") else ""
        verdict = judge(done, stage.truth(ports, self._item.probe))
        tell(self._item, pathlib.Path(self._program).name, done, verdict)
        self.scans.append(done)
        self.verdicts.append(verdict)

    @property
    def seconds(self) -> float:
        return statistics.median(scan.seconds for scan in self.scans)

    @property
    def packets(self) -> int:
        return round(statistics.median(scan.packets for scan in self.scans))

    @property
    def recall(self) -> float:
        return min(verdict.recall for verdict in self.verdicts)

    @property
    def false(self) -> int:
        return max(verdict.false for verdict in self.verdicts)


def measure(figures: Figures, item: Round, plan: Plan, work: pathlib.Path,
            known: dict[str, float]) -> None:
    """`known` keeps the seconds of our rounds, for those that are compared with an earlier one."""
    ours = Record(item, programs.TRAWL, item.ours)
    peer = Record(item, PEER, item.peer) if item.peer and not plan.ours_only else None
    with playing(item, work) as stage:
        for turn in range(plan.runs):
            ours.scan(stage, item.judge)
            if peer is not None and (turn == 0 or not plan.peer_once):
                peer.scan(stage, item.judge)
    if plan.counters:
        counted = ", ".join(f"{name} {count}" for name, count in stage.counters.items() if count)
        print(f"{item.name}: {counted}", file=sys.stderr, flush=True)
    known[item.name] = ours.seconds
    take(figures, item, ours, peer)
    if not item.local:
        figures.tell(f"{item.name} frames the simulation missed", stage.unread)
    if item.against in known:
        ratio = ours.seconds / known[item.against]
        figures.at_most(f"{item.name} time / {item.against}", ratio, item.most_against)


def take(figures: Figures, item: Round, ours: Record, peer: Record | None) -> None:
    for name, record in (("trawl", ours), (PEER, peer)):
        if record is None:
            continue
        figures.tell(f"{item.name} {name} time", record.seconds, "s")
        if not item.local:
            figures.tell(f"{item.name} {name} packets", record.packets)
    if item.least_recall is not None:
        figures.at_least(f"{item.name} trawl recall", ours.recall, item.least_recall)
        figures.exactly(f"{item.name} trawl false", ours.false, 0)
    if peer is None:
        return
    if item.least_recall is not None:
        figures.tell(f"{item.name} {PEER} recall", peer.recall)
        figures.tell(f"{item.name} {PEER} false", peer.false)
    ratio = ours.seconds / peer.seconds
    if item.most_ratio is None:
        figures.tell(f"{item.name} time trawl / {PEER}", ratio)
    else:
        figures.at_most(f"{item.name} time trawl / {PEER}", ratio, item.most_ratio)
