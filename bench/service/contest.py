"""Runs a case: trawl, nmap, trawl, nmap, on the same servers, and takes its figures."""
import dataclasses
import pathlib
import statistics
import sys

import programs
import scene
from cases import Case
from figures import Figures
from scene import Scan, Target

PEER = "nmap"
MOST_CONNECTIONS = 3  # To one port at once.
MOST_TOLD = 10  # Ports that the two see differently.


@dataclasses.dataclass(frozen=True)
class Plan:
    runs: int
    peer_once: bool
    with_ours: bool
    with_peer: bool


def differences(ours: Scan, peer: Scan) -> list[str]:
    """One sentence for each port that the two see differently."""
    def text(found: dict[str, str]) -> str:
        return ", ".join(f"{field}={value}" for field, value in sorted(found.items()))

    told: list[str] = []
    targets: list[Target] = sorted(ours.services.keys() | peer.services.keys())
    for target in targets:
        a, b = ours.services.get(target, {}), peer.services.get(target, {})
        if a == b:
            continue
        fields = {field for field in a.keys() | b.keys() if a.get(field) != b.get(field)}
        told.append(f"{target[0]}:{target[1]}: "
                    f"trawl {text({field: a.get(field, '') for field in fields})}; "
                    f"{PEER} {text({field: b.get(field, '') for field in fields})}")
    return told


def tell(case: Case, program: str, scan: Scan) -> None:
    known = sum(1 for found in scan.services.values() if found.get("method") == "probed")
    print(f"{case.name}: {program} {scan.seconds:.3f} s, {len(scan.services)} ports, "
          f"{known} services known", file=sys.stderr, flush=True)


def measure(figures: Figures, case: Case, plan: Plan, work: pathlib.Path) -> None:
    ours: list[Scan] = []
    peers: list[Scan] = []
    most = 0
    for turn in range(plan.runs):
        if plan.with_ours:
            # Servers of its own: their count of connections is trawl's alone.
            with scene.playing(case, work) as stage:
                ours.append(stage.scan(programs.TRAWL, ["scan", *case.options]))
            tell(case, "trawl", ours[-1])
            most = max(most, stage.counts["most_at_once"])
        if plan.with_peer and (turn == 0 or not plan.peer_once):
            with scene.playing(case, work) as stage:
                peers.append(stage.scan(PEER, case.options))
            tell(case, PEER, peers[-1])
    take(figures, case, ours, peers)
    if ours:
        figures.at_most("trawl connections to a port at once", most, MOST_CONNECTIONS)


def take(figures: Figures, case: Case, ours: list[Scan], peers: list[Scan]) -> None:
    wanted = len(case.layout)
    for name, scans in (("trawl", ours), (PEER, peers)):
        if scans:
            figures.tell(f"{name} time", statistics.median(scan.seconds for scan in scans), "s")
            figures.exactly(f"{name} ports, at least", min(len(scan.services) for scan in scans),
                            wanted)
    if not ours or not peers:
        return
    worst: list[str] = []
    for turn, scan in enumerate(ours):
        told = differences(scan, peers[min(turn, len(peers) - 1)])
        worst = max(worst, told, key=len)
    for line in worst[:MOST_TOLD]:
        print(line, file=sys.stderr, flush=True)
    figures.exactly("ports seen differently, at most", len(worst), 0)
    ratio = (statistics.median(scan.seconds for scan in ours)
             / statistics.median(scan.seconds for scan in peers))
    figures.at_most(f"time trawl / {PEER}", ratio, case.most_ratio)
