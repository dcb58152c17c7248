"""What it costs to end the handshakes of open ports: surveys over shared memory with and without
--reset take turns, one core each side, where a hundredth is open and where everything is."""
import ipaddress
import pathlib
import statistics

import programs
from figures import Figures
from measure import say
from simulation import Simulation
from spaces import write_config

PORT = "80"
SPACE, SMALL_SPACE = "240.0.0.0/9", "240.0.0.0/11"
ROUNDS, SMALL_ROUNDS = 7, 3
RATIO = 0.95
OPEN = {"1 %": ["--live", "0.04", "--open", f"{PORT}=0.25"],
        "100 %": ["--live", "1", "--open", f"{PORT}=1"]}


def survey(work: pathlib.Path, space: str, population: list[str], *more: str) -> dict:
    """The counters of the scanner, and as `there` those of the other side."""
    population = [*write_config(work / "population", [ipaddress.ip_network(space)]), "--gateway",
                  "198.18.0.2", "--silent", "198.18.0.1", "--seed", "1", *population]
    with Simulation(work, population, ("--spin",)) as simulation:
        run = programs.run_survey(
            ["--link", simulation.link, "--retries", "none", "--rate", "max", "--lcores",
             str(programs.SENDER_CPU), "-p", PORT, space, "--allow-special", space, "--cooldown",
             "1s", "--fields", "ip", "-q", "-o", str(work / "found.csv"), *more], codes=(0, 5))
        return {**run.counters, "there": simulation.stop()}


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    space = SMALL_SPACE if small else SPACE
    for share, population in OPEN.items():
        ratios = []
        left_open = 0
        for number in range(SMALL_ROUNDS if small else ROUNDS):
            without = survey(work, space, population)
            beside = survey(work, space, population, "--reset")
            ratios.append(beside["send_avg_pps"] / without["send_avg_pps"])
            left_open += beside["there"]["syn_to_open"] - beside["there"]["rst_ignored"]
            say(f"{share} open, round {number + 1}: {without['send_avg_pps']:,.0f} probes/s, "
                f"{beside['send_avg_pps']:,.0f} beside "
                f"{beside['others']['resets_sent']} resets")
        note = f" ({min(ratios):.2f}-{max(ratios):.2f})"
        median = statistics.median(ratios)
        if share == "1 %":
            figures.at_least(f"probes/s beside resets / without, {share} open", median, RATIO,
                             note=note)
            figures.exactly("open ports that got no reset", left_open, 0)
        else:
            figures.tell(f"probes/s beside resets / without, {share} open", median)
