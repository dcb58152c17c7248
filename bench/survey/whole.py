"""The whole IPv4 space but for special-purpose addresses, over shared memory, one core each."""
import pathlib

import programs
from figures import Figures
from simulation import Simulation, write_truth
from spaces import check_targets, special_purpose, without, write_config

PORT = "80"
SPACE = "0.0.0.0/0"
# 2^24 addresses, of which 2^22 are set aside.
SMALL_SPACE = "100.0.0.0/8"
MOST_SECONDS = 480
MOST_MEMORY = 1 << 30
LEDGER = "1G"  # Room for two bits a target, however many answer.
# About one address in seventy has the port open, one in forty resets or has a router answer.
POPULATION = ["--gateway", "198.18.0.2", "--silent", "198.18.0.1", "--live", "0.04", "--open",
              "80=0.35", "--drop", "0.5", "--unreachable", "0.01", "--seed", "1"]


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    space = SMALL_SPACE if small else SPACE
    prefixes = without(space, special_purpose())
    targets = sum(prefix.num_addresses for prefix in prefixes)
    population = [*write_config(work / "population", prefixes), *POPULATION]
    truth, found = work / "truth.csv", work / "found.csv"
    write_truth(truth, population, PORT, "csv")
    with Simulation(work, population, ("--spin", "--seen", PORT)) as simulation:
        run = programs.run_survey(
            ["--link", simulation.link, "--retries", "none", "--rate", "max", "--lcores",
             str(programs.SENDER_CPU), "-p", PORT, space, "--contact", programs.CONTACT,
             "--tcp-options", "mss", "--memory", LEDGER, "--cooldown", "1s", "--fields", "ip,port",
             "-q", "-o", str(found)], codes=(0, 5))
        simulated = simulation.stop()
    with open(found, "rb") as lines:
        checked = check_targets(["--targets", SPACE, "--ports", PORT, "--expect", str(truth)],
                                lines)
    counters = run.counters
    figures.tell("targets", targets)
    figures.exactly("probes sent", counters["sent"], targets)
    figures.exactly("targets that got a probe", simulated["probes_first"], targets)
    figures.exactly("targets that got another", simulated["probes_repeated"], 0)
    figures.exactly("probes to blocked space",
                    simulated["no_route"] + simulated["probes_unlisted"]
                    + counters["drops"].get("probes_blocked", 0), 0)
    figures.exactly("open targets found, of those there are",
                    checked["came"] - checked["twice"] - checked["outside"], checked["expected"])
    figures.exactly("lines twice", checked["twice"], 0)
    figures.exactly("lines that are not true", checked["outside"] + checked["bad_lines"], 0)
    figures.exactly("replies and frames lost here", counters["dropped"], 0)
    # The small space tells the rate and not the time.
    if small:
        figures.tell("wall time", run.seconds, "s")
    else:
        figures.at_most("wall time", run.seconds, MOST_SECONDS, "s")
    figures.tell("rate", counters["send_avg_pps"] / 1e6, "Mpps")
    figures.at_most("memory of trawl at most", run.resident >> 20, MOST_MEMORY >> 20, "MiB")
