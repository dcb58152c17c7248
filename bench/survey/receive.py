"""What one core takes in, next to testpmd, and what forged replies do to it.

The simulated network sends genuine replies over and over, faster than they are taken. trawl gets
them while it waits for late replies; then testpmd takes trawl's place on the same link.
"""
import json
import pathlib
import statistics

import programs
from contests import testpmd_rate
from figures import Figures
from measure import Comparison, Contest, compare, human, say
from simulation import Simulation, write_truth
from spaces import check_targets

PREFIX = "198.18.0.0/15"
PORTS, SMALL_PORTS = "1-16", "1-2"
POPULATION = ["--prefix", PREFIX, "--gateway", "198.18.0.2", "--silent", "198.18.0.1", "--live",
              "0.5", "--open-default", "0.3", "--drop", "0", "--open", "80=0.3", "--unreachable",
              "0", "--seed", "1"]
KEPT = 1 << 20  # Different replies, as many as there are.
FORGED = 0.99
FORGERIES = 10**9
LONG = 60  # Seconds of a flood of them.
RATIO = 0.4
# Everything of trawl, as of testpmd, but for what only starts and ends it.
ONE_CORE = ("taskset", "-c", str(programs.SENDER_CPU))


def statuses(log: pathlib.Path) -> list[dict]:
    """The lines of --status-json while late replies were waited for."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()
             if line.startswith("{")]
    return [line for line in lines if line["phase"] == "cooling-down"]


class Receiver:
    """trawl and testpmd at the end of a flood; keeps what was forged and believed."""

    def __init__(self, work: pathlib.Path, ports: str, seconds: float) -> None:
        self._work, self._ports, self._seconds = work, ports, seconds
        self._truth = work / "truth.csv"
        write_truth(self._truth, POPULATION, ports, "csv")
        self.forged = 0
        self.false_opens = 0

    def flood(self, forged: float = 0) -> Simulation:
        return Simulation(self._work, [*POPULATION, "--forged", str(forged)],
                          ("--spin", "--flood", str(KEPT)))

    def trawl(self, link: str, seconds: float = 0) -> float:
        """Frames a second that trawl took to their end: judged genuine and new, or not."""
        log, found = self._work / "status", self._work / "found.csv"
        run = programs.run_survey(
            ["--link", link, "--retries", "none", "--rate", "max", "--lcores",
             str(programs.SENDER_CPU), "-p", self._ports, PREFIX, "--allow-special", PREFIX,
             "--seed", "1", "--cooldown", f"{(seconds or self._seconds) + 2:g}s", "--status-json", "--fields",
             "ip,port", "-o", str(found)], ONE_CORE, (0, 5), log)
        self.forged += run.counters["ignored"]["rx_forged"]
        with open(found, "rb") as lines:
            checked = check_targets(["--targets", PREFIX, "--ports", self._ports, "--expect",
                                     str(self._truth)], lines)
        self.false_opens += checked["outside"]
        # The flood begins a little after the last probe.
        seen = statuses(log)[1:]
        if len(seen) < 2:
            raise RuntimeError("the survey waited too short a time for late replies")
        judged = [line["replies"] + line["ignored"]["rx_forged"] for line in (seen[0], seen[-1])]
        return (judged[1] - judged[0]) / (seen[-1]["elapsed_s"] - seen[0]["elapsed_s"])

    def against_testpmd(self, pairs: int) -> Comparison:
        """In turn, on one flood: trawl first, since it asks for the replies."""
        with self.flood() as simulation:
            command = programs.testpmd(simulation.link, "rxonly")
            return compare(Contest("replies judged / testpmd rxonly",
                                   lambda: self.trawl(simulation.link),
                                   lambda: testpmd_rate(command, "RX-packets", self._seconds),
                                   RATIO), pairs)

    def against_forgers(self, pairs: int) -> Comparison:
        def rate(forged: float) -> float:
            with self.flood(forged) as simulation:
                return self.trawl(simulation.link)

        return compare(Contest(f"{FORGED:.0%} forged / clean", lambda: rate(FORGED),
                               lambda: rate(0), 1), pairs)

    def take_forgeries(self, most: int) -> None:
        with self.flood(FORGED) as simulation:
            while self.forged < most:
                self.trawl(simulation.link, LONG)
                say(f"receive: {self.forged:,} forged replies of {most:,}")


def rates(comparison: Comparison) -> str:
    ours, peer = statistics.median(comparison.ours), statistics.median(comparison.peer)
    return (f" ({min(comparison.ratios):.2f}-{max(comparison.ratios):.2f};"
            f" {human(ours)} / {human(peer)})")


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    programs.need("dpdk-testpmd", "taskset")
    seconds, pairs = (3, 1) if small else (8, 5)
    receiver = Receiver(work, SMALL_PORTS if small else PORTS, seconds)
    clean = receiver.against_testpmd(pairs)
    figures.at_least("replies a second / testpmd rxonly", clean.ratio, RATIO, note=rates(clean))
    forged = receiver.against_forgers(pairs)
    figures.at_least(f"with {FORGED:.0%} forged / clean", forged.ratio, 1, note=rates(forged))
    if small:
        figures.tell("forged replies", receiver.forged)
    else:
        receiver.take_forgeries(FORGERIES)
        figures.at_least("forged replies", receiver.forged, FORGERIES)
    figures.at_most("false opens among them", receiver.false_opens, 1)
