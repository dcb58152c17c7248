"""What handing open ports to the service tier costs a survey while few are open: surveys with and
without --service take turns in a sealed lab, over a pair of Ethernet links of the kernel, for its
sockets have no other way. Real servers are among the targets, and all of them must be identified."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

import programs
from figures import Figures
from measure import say

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[2] / "tests/lab"))

PORT = "22"
TARGETS = "198.18.0.0/15"
POPULATION = ("--rtt", "1", "--live", "0.1", "--open", f"{PORT}=0.05")  # 0.5 % of all are open.
ROUNDS, SMALL_ROUNDS = 9, 2
RATE = "max"
RATIO = 0.9
PATIENCE = 300


def survey(lab, link: str, targets: str, *more: str) -> dict:
    """The last status of a survey."""
    metadata = lab.folder / "handoff.json"
    done = subprocess.run(
        [*lab.within(), programs.TRAWL, "survey", "--link", link, "--allow-special", TARGETS, "-p",
         PORT, "--rate", RATE, "--cooldown", "1s", "--retries", "none", "-q", "-o",
         str(lab.folder / "handoff.jsonl"), "--metadata", str(metadata), *more, targets],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        timeout=PATIENCE)
    if done.returncode not in (0, 5):  # 5: frames were lost on this machine, and counted.
        raise RuntimeError(f"trawl survey ended with code {done.returncode}: {done.stderr}")
    return json.loads(metadata.read_text(encoding="utf-8"))["counters"]


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    del work
    os.environ.setdefault("TRAWL_BUILD", str(pathlib.Path(programs.TRAWL).parent))
    import labs  # Reads it.
    targets = "198.18.128.0/17" if small else TARGETS
    ratios = []
    with labs.Lab("--driver", "af_packet", "--servers", "basic", *POPULATION) as lab:
        link = labs.AF_PACKET_LINK
        for number in range(SMALL_ROUNDS if small else ROUNDS):
            without = survey(lab, link, targets)
            beside = survey(lab, link, targets, "--service")
            ratios.append(beside["send_avg_pps"] / without["send_avg_pps"])
            say(f"round {number + 1}: {without['send_avg_pps']:,.0f} packets/s without, "
                f"{beside['send_avg_pps']:,.0f} with --service, of which "
                f"{beside['services']['answered']} ports were asked")
        figures.tell("targets that are open", beside["open"] / beside["targets"])
        figures.at_least("rate with --service / without", statistics.median(ratios), RATIO,
                         note=f" ({min(ratios):.2f}-{max(ratios):.2f})")
        services = beside["services"]
        figures.exactly("open ports that were not answered", services["waiting"], 0)
        figures.tell("seconds in which sending was held", services["held_s"])
        lines = map(json.loads, (lab.folder / "handoff.jsonl").read_text().splitlines())
        named = [line for line in lines if line.get("service") == "ssh"]
        figures.exactly("real servers identified", len(named), 1)
