"""What one core takes in, next to testpmd, and what forged replies do to it.

The simulated network sends genuine replies over and over, faster than they are taken. trawl gets
them while it waits for late replies; then testpmd takes trawl's place on the same link.
"""
import json
import pathlib

import programs
from contests import testpmd_rate
from figures import Figures
from measure import Comparison, Contest, compare, human
from simulation import Simulation, write_truth

PREFIX = "198.18.0.0/15"
PORTS, SMALL_PORTS = "1-16", "1-2"
POPULATION = ["--prefix", PREFIX, "--gateway", "198.18.0.2", "--silent", "198.18.0.1", "--live",
              "0.5", "--open-default", "0.3", "--drop", "0", "--open", "80=0.3", "--unreachable",
              "0", "--seed", "1"]
KEPT = 1 << 20  # Different replies, as many as there are.
FORGED = 0.99
FORGERIES = 10**9
RATIO = 0.4
# Everything of trawl, as of testpmd, but for what only starts and ends it.
ONE_CORE = ("taskset", "-c", str(programs.SENDER_CPU))


def statuses(log: pathlib.Path) -> list[dict]:
    """The lines of --status-json while late replies were waited for."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()
             if line.startswith("{")]
    return [line for line in lines if line["phase"] == "cooling-down"]


class Flood:
    """One simulated network, and who receives from it in turn."""

    def __init__(self, work: pathlib.Path, ports: str, seconds: float, forged: float) -> None:
        self._work, self._ports, self._seconds = work, ports, seconds
        self.simulation = Simulation(work, [*POPULATION, "--forged", str(forged)],
                                     ("--spin", "--flood", str(KEPT)))
        self.ignored = 0
        self.false_opens = 0

    def trawl(self) -> float:
        """Frames a second that trawl took to their end: judged genuine and new, or not."""
        log, found = self._work / "status", self._work / "found.csv"
        run = programs.run_survey(
            ["--link", self.simulation.link, "--retries", "none", "--rate", "max", "--lcores",
             str(programs.SENDER_CPU), "-p", self._ports, PREFIX, "--allow-special", PREFIX,
             "--seed", "1", "--cooldown", f"{self._seconds + 2:g}s", "--status-json", "--fields",
             "ip,port", "-o", str(found)], ONE_CORE, (0, 5), log)
        counters = run.counters
        self.ignored += counters["ignored"]["rx_forged"]
        truth = self._work / "truth.csv"
        if not truth.exists():
            write_truth(truth, POPULATION, self._ports, "csv")
        with open(truth, encoding="utf-8") as lines:
            true = {line.rsplit(",", 1)[0] for line in lines}
        with open(found, encoding="utf-8") as lines:
            self.false_opens += sum(line.strip() not in true for line in lines)
        # The flood begins a little after the last probe.
        seen = statuses(log)[1:]
        if len(seen) < 2:
            raise RuntimeError("the survey waited too short a time for late replies")
        judged = [line["replies"] + line["ignored"]["rx_forged"] for line in (seen[0], seen[-1])]
        return (judged[1] - judged[0]) / (seen[-1]["elapsed_s"] - seen[0]["elapsed_s"])

    def testpmd(self) -> float:
        command = programs.testpmd(self.simulation.link, mode="rxonly")
        return testpmd_rate(command, "RX-packets", self._seconds)


def flooded(work: pathlib.Path, ports: str, seconds: float, pairs: int, forged: float
            ) -> tuple[Comparison, Flood]:
    flood = Flood(work, ports, seconds, forged)
    with flood.simulation:
        name = f"receive, {forged:.0%} forged / testpmd rxonly"
        return compare(Contest(name, flood.trawl, flood.testpmd, RATIO), pairs), flood


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    programs.need("dpdk-testpmd", "taskset")
    ports = SMALL_PORTS if small else PORTS
    seconds, pairs = (3, 1) if small else (8, 5)
    clean, _ = flooded(work, ports, seconds, pairs, 0)
    # Long enough for all the forgeries, one run after the other.
    forged, flood = flooded(work, ports, 3 if small else 40, 1 if small else 4, FORGED)
    rates = f" ({human(min(clean.ours))} / {human(min(clean.peer))})"
    figures.at_least("replies a second / testpmd rxonly", clean.ratio, RATIO, note=rates)
    figures.at_least(f"with {FORGED:.0%} forged / clean", max(forged.ours) / max(clean.ours), 1,
                     note=f" ({human(max(forged.ours))} / {human(max(clean.ours))})")
    if small:
        figures.tell("forged replies", flood.ignored)
    else:
        figures.at_least("forged replies", flood.ignored, FORGERIES)
    figures.at_most("false opens among them", flood.false_opens, 1)
