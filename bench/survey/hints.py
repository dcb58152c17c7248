"""What hints at operating systems cost and how often they are right: surveys over shared memory with
and without --os-hints take turns, one core each side, of hosts that are of all families of
data/os-signatures in equal parts."""
import collections
import csv
import ipaddress
import pathlib
import statistics

import programs
from figures import Figures
from measure import say
from simulation import Simulation, write_truth
from spaces import write_config

PORT = "80"
SPACE, SMALL_SPACE = "240.0.0.0/10", "240.0.0.0/12"
ROUNDS, SMALL_ROUNDS = 7, 5
RATIO = 0.95
RIGHT = 0.95
SIGNATURES = pathlib.Path(__file__).resolve().parents[2] / "data/os-signatures"
OPEN = {"100 %": ["--live", "1", "--open", f"{PORT}=1"],
        "1 %": ["--live", "0.04", "--open", f"{PORT}=0.25"]}


def population_of(work: pathlib.Path, space: str, more: list[str]) -> list[str]:
    return [*write_config(work / "population", [ipaddress.ip_network(space)]), "--gateway",
            "198.18.0.2", "--silent", "198.18.0.1", "--seed", "1", "--families", str(SIGNATURES),
            *more]


def survey(work: pathlib.Path, space: str, population: list[str], *more: str) -> dict:
    with Simulation(work, population, ("--spin",)) as simulation:
        run = programs.run_survey(
            ["--link", simulation.link, "--retries", "none", "--rate", "max", "--lcores",
             str(programs.SENDER_CPU), "-p", PORT, space, "--allow-special", space, "--cooldown",
             "1s", "-q", "--format", "csv", "-o", str(work / "found.csv"), *more], codes=(0, 5))
        return run.counters


def compare(work: pathlib.Path, population: list[str]) -> tuple[int, int, collections.Counter]:
    """Open ports, those whose family is right, and the commonest errors, as (truth, told)."""
    write_truth(work / "truth.csv", population, PORT, "csv")
    told = {}
    with open(work / "found.csv", encoding="ascii", newline="") as file:
        for ip, family in csv.reader(file):
            told[ip] = family
    right = count = 0
    wrong: collections.Counter = collections.Counter()
    with open(work / "truth.csv", encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            if row["state"] != "open":
                continue
            count += 1
            if told.get(row["ip"], "(not found)") == row["family"]:
                right += 1
            else:
                wrong[row["family"], told.get(row["ip"], "(not found)")] += 1
    return count, right, wrong


def measure_right(figures: Figures, work: pathlib.Path, space: str) -> None:
    population = population_of(work, space, OPEN["100 %"])
    for layout in ("linux", "mss"):
        survey(work, space, population, "--os-hints", "--fields", "ip,os_family", "--tcp-options",
               layout)
        count, right, wrong = compare(work, population)
        for (truth, told), number in wrong.most_common(4):
            say(f"--tcp-options {layout}: {number} of {truth} told as {told or 'nothing'}")
        note = f" of {count} open ports"
        if layout == "linux":
            figures.at_least("families told right", right / count, RIGHT, note=note)
        else:
            figures.tell("families told right by SYNs with the MSS alone", right / count)


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    space = SMALL_SPACE if small else SPACE
    measure_right(figures, work, space)
    for share, more in OPEN.items():
        population = population_of(work, space, more)
        ratios = []
        for number in range(SMALL_ROUNDS if small else ROUNDS):
            # Who goes first alternates: what the machine does otherwise meets both.
            order = [(), ("--os-hints",)] if number % 2 == 0 else [("--os-hints",), ()]
            rates = {more: survey(work, space, population, *more)["send_avg_pps"]
                     for more in order}
            ratios.append(rates["--os-hints",] / rates[()])
            say(f"{share} open, round {number + 1}: {rates[()]:,.0f} probes/s, "
                f"{rates['--os-hints',]:,.0f} with hints")
        figures.at_least(f"probes/s with --os-hints / without, {share} open",
                         statistics.median(ratios), RATIO,
                         note=f" ({min(ratios):.2f}-{max(ratios):.2f})")
