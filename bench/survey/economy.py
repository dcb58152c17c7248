"""What a second sweep brings on a path with bursts of loss, and what it costs.

One address in fifty answers, and those lie together: in one /24 of seven, which is inhabited from
end to end or in a corner only.
"""
import dataclasses
import ipaddress
import pathlib
import random

import programs
from figures import Figures
from measure import say
from simulation import Simulation, write_truth
from spaces import write_config

PORT = "80"
SPACE, SMALL_SPACE = "96.0.0.0/8", "96.0.0.0/11"
RATE, SMALL_RATE = "1M", "300k"
INHABITED = 0.14  # Of the /24s.
INHABITED_LENGTHS = ((24, 40), (25, 20), (27, 20), (29, 20))
SEED = 20260302
POPULATION = ["--gateway", "198.18.0.2", "--silent", "198.18.0.1", "--live", "0.35", "--open",
              "80=0.4", "--drop", "0.4", "--seed", "1"]
SPELL = "200ms"
LOSSES, SMALL_LOSSES = (0.005, 0.02, 0.05), (0.02,)
RECOVERED = 0.9
PROBES = 1.15


@dataclasses.dataclass(frozen=True)
class Outcome:
    first: float  # Share of the open targets that the first sweep missed.
    recovered: float  # Share of those that the second sweep found.
    probes: float  # A target.
    silent: float  # Share of the targets that never answered.


def inhabited(space: str) -> list[ipaddress.IPv4Network]:
    """Where the hosts of the space are, always the same."""
    draw = random.Random(SEED)
    lengths, weights = zip(*INHABITED_LENGTHS)
    network = ipaddress.ip_network(space)
    first = int(network.network_address)
    chosen = []
    for at in range(first, first + network.num_addresses, 256):
        if draw.random() < INHABITED:
            length = draw.choices(lengths, weights)[0]
            corner = draw.randrange(1 << length - 24) << 32 - length
            chosen.append(ipaddress.ip_network((at + corner, length)))
    return chosen


def survey(work: pathlib.Path, population: list[str], arguments: list[str], true: set[str]
           ) -> Outcome:
    found = work / "found.csv"
    with Simulation(work, population) as simulation:
        run = programs.run_survey(
            ["--link", simulation.link, "--lcores", str(programs.SENDER_CPU), "-p", PORT,
             "--contact", programs.CONTACT, "--cooldown", "1s", "--fields", "ip,port,attempt", "-q",
             "-o", str(found), *arguments], codes=(0, 5))
    attempts: dict[str, str] = {}
    for line in found.read_text(encoding="utf-8").splitlines()[1:]:
        target, attempt = line.rsplit(",", 1)
        attempts[target] = attempt
    if not attempts.keys() <= true:
        raise RuntimeError("the survey listed what is not there")
    # Counted by sweeps, one of which may have had nothing to do.
    second = sum(attempt != "1" for attempt in attempts.values())
    missed = len(true) - (len(attempts) - second)
    counters = run.counters
    answered = sum(counters[state] for state in ("open", "closed", "unreachable"))
    return Outcome(missed / len(true), second / max(1, missed),
                   counters["sent"] / counters["targets"], 1 - answered / counters["targets"])


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    space, rate = (SMALL_SPACE, SMALL_RATE) if small else (SPACE, RATE)
    population = [*write_config(work / "population", inhabited(space)), *POPULATION]
    write_truth(work / "truth.csv", population, PORT, "csv")
    lines = (work / "truth.csv").read_text(encoding="utf-8").splitlines()[1:]
    true = {line.rsplit(",", 1)[0] for line in lines}
    for loss in SMALL_LOSSES if small else LOSSES:
        outcomes = {}
        for retries in ("responsive", "all"):
            outcomes[retries] = survey(work, [*population, "--loss-bursts-in", f"{loss},{SPELL}"],
                                       ["--retries", retries, "--rate", rate, space], true)
            say(f"economy: {loss:.1%} lost, --retries {retries}: {outcomes[retries]}")
        ours, blanket = outcomes["responsive"], outcomes["all"]
        figures.tell(f"{loss:.1%} lost: silent targets", ours.silent * 100, "%")
        figures.at_least(f"{loss:.1%} lost: recovered by responsive / all",
                         ours.recovered / max(1e-9, blanket.recovered), RECOVERED,
                         note=f" ({ours.recovered:.3f} / {blanket.recovered:.3f})")
        figures.at_most(f"{loss:.1%} lost: probes a target", ours.probes, PROBES,
                        note=f" (all: {blanket.probes:.3f})")
