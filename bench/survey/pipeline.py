"""One NIC for a survey, the service tier and everybody else, over each kind of link: what handing
open ports on costs while few are open, and what happens when all are and the tier is slow."""
import os
import pathlib
import re
import statistics
import sys
import time

import programs
from figures import Figures
from measure import say

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[2] / "tests/lab"))

FEW_OPEN = ("--rtt", "1", "--live", "0.1", "--open", "22=0.02,80=0.02,443=0.01,6379=0.01")
PORTS = "22,80,443,6379,8001-8004"  # 2^20 targets.
SMALL_TARGETS, TARGETS = "198.18.128.0/17", "198.18.0.0/15"
ROUNDS, SMALL_ROUNDS = 5, 1
RATIO = 0.9
# All of it is open, each a round trip or two away, and one is asked at a time.
ALL_OPEN = ("--rtt", "5", "--live", "1", "--open", "1-128=1")
ALL_PORTS, SMALL_ALL_PORTS = "1-128", "1-2"  # 2^24, 2^18.
SLOW_TIER = ("--service-ports", "1", "--version-light")
SLOW_TIME, SMALL_SLOW_TIME = 120, 15  # Seconds.
GROWTH = 16.0  # MiB from the first half of the time to the last.


def well(survey):
    if survey.code not in (0, 5):  # 5: frames were lost on this machine, and counted.
        raise RuntimeError(f"trawl survey ended with code {survey.code}: {survey.stderr}")
    return survey


def resident(process) -> float:
    """The most memory that the process has had so far, in MiB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


def hand_off(figures: Figures, pipelines, kind, small: bool) -> None:
    targets = SMALL_TARGETS if small else TARGETS
    ratios = []
    with pipelines.PipelineLab(kind, *FEW_OPEN) as lab:
        def run(*more: str):
            return well(lab.pipeline("--rate", "max", "-p", PORTS, *more, targets))
        for number in range(SMALL_ROUNDS if small else ROUNDS):
            without = run()
            beside = run("--service", "--version-light")
            ratios.append(beside.counters["send_avg_pps"] / without.counters["send_avg_pps"])
            say(f"{kind.name}: round {number + 1}: {without.counters['send_avg_pps']:,.0f} "
                f"packets/s without, {beside.counters['send_avg_pps']:,.0f} with --service")
        found = set(pipelines.open_ports(beside))
        missed_open = 0 if small else len(lab.truth(PORTS) - found)
        servers = pipelines.real_servers("basic")
        facts = pipelines.facts(beside)
        missed = [1 for server in servers for port, (service, _) in server.listens.items()
                  if facts.get((server.address, port), {}).get("service") != service]
    figures.at_least(f"{kind.name}: rate with --service / without", statistics.median(ratios),
                     RATIO, note=f" ({min(ratios):.2f}-{max(ratios):.2f})")
    if not small:
        figures.exactly(f"{kind.name}: open targets missed", missed_open, 0)
    figures.exactly(f"{kind.name}: real servers not identified", len(missed), 0)


def slow_tier(figures: Figures, pipelines, kind, small: bool) -> None:
    seconds = SMALL_SLOW_TIME if small else SLOW_TIME
    with pipelines.PipelineLab(kind, *ALL_OPEN) as lab:
        survey = lab.begin("--rate", "max", "--service", *SLOW_TIER, "--max-runtime",
                           f"{seconds}s", "-p", SMALL_ALL_PORTS if small else ALL_PORTS, TARGETS)
        time.sleep(seconds / 2)
        halfway = resident(survey.process)
        time.sleep(seconds / 3)
        later = resident(survey.process)
        well(survey.wait())
        services = survey.counters["services"]
        found = len(set(pipelines.open_ports(survey)))
        told = len(pipelines.facts(survey))
    figures.tell(f"{kind.name}: ports asked a second", services["answered"] / seconds)
    figures.at_most(f"{kind.name}: memory, later less halfway", later - halfway, GROWTH, "MiB",
                    note=f" (of {later:,.0f})")
    figures.at_least(f"{kind.name}: seconds in which sending was held", services["held_s"], 1)
    figures.exactly(f"{kind.name}: open ports neither asked nor told as waiting",
                    found - services["answered"] - services["waiting"], 0)
    figures.exactly(f"{kind.name}: answers not in the output", services["answered"] - told, 0)


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    del work
    os.environ.setdefault("TRAWL_BUILD", str(pathlib.Path(programs.TRAWL).parent))
    import pipeline_lab  # Reads it.
    for kind in pipeline_lab.KINDS:
        hand_off(figures, pipeline_lab, kind, small)
        slow_tier(figures, pipeline_lab, kind, small)
