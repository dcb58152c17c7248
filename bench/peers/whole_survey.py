"""A whole survey over memif against the simulated network, one core each: every count explained.

2^26 targets: 198.18.0.0/15 by 512 ports; tests/simnet/memif_test.py asks for fewer. Nothing is lost
on memif, so every number must fit the others to the packet.
"""
import pathlib

import programs
from simulation import Simulation, endpoints, write_truth

PREFIX = "198.18.0.0/15"
PORTS = "1-512"
TARGETS = 1 << 26
POPULATION = ["--prefix", PREFIX, "--gateway", "198.18.0.2", "--silent", "198.18.0.1", "--live",
              "0.2", "--open", "80=0.3,443=0.35,22=0.2", "--seed", "1"]


def explain(targets: int, counters: dict, simulated: dict, listed: list, truth: list) -> list[str]:
    """Every difference between numbers that have to be equal."""
    problems = []

    def equal(what: str, left: int, right: int) -> None:
        if left != right:
            problems.append(f"{what}: {left:,} and {right:,}")

    found, true = set(listed), set(truth)
    equal("targets, those asked for", counters["targets"], targets)
    equal("probes sent, targets", counters["sent"], counters["targets"])
    arp = simulated["arp_answered"] + simulated["arp_ignored"]
    equal("probes sent, IPv4 frames at the other end", counters["sent"],
          simulated["frames_received"] - arp)
    answers = ("syn_to_open", "syn_to_closed", "to_unreachable")
    equal("answers decided on, replies made",
          sum(simulated[name] for name in (*answers, "arp_answered")), simulated["replies_made"])
    silent = ("syn_to_dead", "syn_dropped", "to_silent", "to_unreachable_ignored")
    equal("probes sent, what became of them", counters["sent"],
          sum(simulated[name] for name in answers + silent))
    equal("replies made, replies sent", simulated["replies_made"], simulated["replies_sent"])
    for state, name in (("open", "syn_to_open"), ("closed", "syn_to_closed"),
                        ("unreachable", "to_unreachable")):
        equal(f"{state} here, {name} there", counters[state], simulated[name])
    equal("replies here, answers there", counters["replies"],
          sum(simulated[name] for name in answers))
    equal("duplicates", counters["duplicates"], 0)
    equal("frames dropped here", counters["dropped"], 0)
    for name, value in counters["drops"].items():
        equal(f"drop {name}", value, 0)
    equal("lines, distinct lines", len(listed), len(found))
    equal("open here, lines", counters["open"], len(listed))
    equal("missed", len(true - found), 0)
    equal("false", len(found - true), 0)
    return problems


def memif(work: pathlib.Path, ports: str = PORTS, targets: int = TARGETS,
          cpus: tuple[int, int] = (programs.SENDER_CPU, programs.OTHER_CPU),
          simnet_options: tuple[str, ...] = ("--spin",)) -> dict:
    """One survey: its rate and what does not add up, as JSON. `targets` says how many `ports` make;
    trawl runs on the first of `cpus`."""
    programs.need(programs.TRAWL, programs.SIMNET)
    output, truth_file = work / "found.jsonl", work / "truth.jsonl"
    write_truth(truth_file, POPULATION, ports)
    with Simulation(work, POPULATION, simnet_options, cpus[1]) as simulation:
        counters = programs.run_trawl(
            ["--link", simulation.link, "--rate", "max", "--lcores", str(cpus[0]), "-p", ports,
             PREFIX, "--allow-special", PREFIX, "--cooldown", "1s", "-q", "-o", str(output)],
            codes=(0, 5))["counters"]
        simulated = simulation.stop()
    truth = endpoints(truth_file)
    return {"name": f"memif to trawl-simnet, 2^{targets.bit_length() - 1} targets",
            "sent": counters["sent"], "sent_per_s": round(counters["send_avg_pps"]), "open_found": counters["open"],
            "open_true": len(truth),
            "unexplained": explain(targets, counters, simulated, endpoints(output), truth)}
