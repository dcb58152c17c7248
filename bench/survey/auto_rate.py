"""--rate auto against the best fixed rate behind a bottleneck that nobody was told of.

The best fixed rate is searched: the fastest at which enough is found. It knows nothing of the step
in capacity either, but has had any number of tries.
"""
import dataclasses
import pathlib

import programs
from figures import Figures
from measure import human, say
from simulation import Simulation, write_truth
from spaces import check_targets

PORT = "80"
SPACE = "96.0.0.0/6"  # Holds them all; nothing special-purpose is in the part that is used.
POPULATION = ["--gateway", "198.18.0.2", "--silent", "198.18.0.1", "--live", "0.2", "--open",
              "80=0.3", "--seed", "1"]
FOUND = 0.995
SLOWER = 1.5
BLOCK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Path:
    share: float  # Of the highest rate of both programs.
    rtt_ms: int
    step: float  # What the capacity is multiplied with halfway.
    seconds: float = 6  # How long the survey takes when all capacity is used.


PATHS = (Path(0.1, 1, 0.5), Path(0.5, 1, 0.5), Path(0.25, 30, 2), Path(0.1, 300, 0.5),
         Path(0.5, 300, 2))
SMALL_PATHS = (Path(0.15, 30, 0.5, 2.5),)


@dataclasses.dataclass(frozen=True)
class Outcome:
    found: float  # Of what there is.
    seconds: float


class Course:
    """Surveys of the same targets over the same path."""

    def __init__(self, work: pathlib.Path, capacity: float, path: Path) -> None:
        self._work = work
        blocks = max(1, round(capacity * (1 + path.step) / 2 * path.seconds / BLOCK))
        if blocks > 4 << 8:
            raise RuntimeError(f"{blocks} blocks do not fit {SPACE}")
        self._prefixes = [f"{96 + block // 256}.{block % 256}.0.0/16" for block in range(blocks)]
        self._population = [*POPULATION, *(word for prefix in self._prefixes
                                           for word in ("--prefix", prefix))]
        self._truth = work / "truth.csv"
        write_truth(self._truth, self._population, PORT, "csv")
        # A queue of 20 ms, as routers have them.
        self._path = [] if path.share == 0 else [
            "--bottleneck-in", f"{capacity:.0f},queue={max(100, capacity / 50):.0f}", "--steps-in",
            f"{path.seconds / 2:g}s:{capacity * path.step:.0f}", "--rtt", str(path.rtt_ms)]
        self._targets = [f"{blocks * BLOCK}", *self._prefixes]

    def survey(self, rate: str) -> Outcome:
        found = self._work / "found.csv"
        with Simulation(self._work, [*self._population, *self._path]) as simulation:
            run = programs.run_survey(
                ["--link", simulation.link, "--retries", "none", "--rate", rate, "--lcores",
                 str(programs.SENDER_CPU), "-p", PORT, *self._prefixes, "--contact",
                 programs.CONTACT, "--cooldown", "1s", "--fields", "ip,port", "-q", "-o",
                 str(found)], codes=(0, 5))
        with open(found, "rb") as lines:
            checked = check_targets(["--targets", SPACE, "--ports", PORT, "--expect",
                                     str(self._truth)], lines)
        if checked["outside"] or checked["twice"]:
            raise RuntimeError(f"the survey listed what is not there or twice: {checked}")
        outcome = Outcome(1 - checked["missed"] / checked["expected"], run.sending_seconds)
        say(f"auto-rate: at {rate}/s {outcome.found:.4f} found in {outcome.seconds:.2f} s")
        return outcome


def best_fixed(course: Course, lowest: float, tries: int) -> tuple[float, Outcome]:
    """The fastest fixed rate that finds enough, by bisection around the lowest capacity."""
    low, high = 0.5 * lowest, 1.1 * lowest
    best = None
    for _ in range(tries):
        rate = (low + high) / 2
        outcome = course.survey(f"{rate:.0f}")
        if outcome.found >= FOUND:
            low, best = rate, (rate, outcome)
        else:
            high = rate
    return best or (low, course.survey(f"{low:.0f}"))


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    highest = 2e6
    free = Course(work, highest, Path(0, 0, 1, 1 if small else 3)).survey("max")
    highest = highest * (1 if small else 3) / free.seconds
    figures.tell("highest rate", highest / 1e6, "Mpps")
    for path in SMALL_PATHS if small else PATHS:
        capacity = path.share * highest
        name = f"{path.share:.0%} of it, RTT {path.rtt_ms} ms, then x{path.step:g}"
        course = Course(work, capacity, path)
        rate, fixed = best_fixed(course, capacity * min(1, path.step), 3 if small else 5)
        auto = course.survey("auto")
        figures.at_least(f"{name}: found", auto.found, FOUND)
        figures.at_most(f"{name}: time / best fixed rate", auto.seconds / fixed.seconds, SLOWER,
                        note=f" ({auto.seconds:.1f} s / {fixed.seconds:.1f} s at {human(rate)})")
