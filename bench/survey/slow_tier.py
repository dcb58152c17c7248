"""Every target is open and the service tier asks at most a hundred ports a second: what the survey
does meanwhile, and what is left of it after an interruption. Over shared memory and --tap."""
import os
import pathlib
import sys

import programs
from figures import Figures
from measure import say

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[2] / "tests/lab"))

PORTS, SMALL_PORTS = 128, 2  # On 2^17 addresses.
STATUSES, SMALL_STATUSES = 60, 10  # One a second.
RESUMED, SMALL_RESUMED = 30, 5
GROWTH = 8.0  # MiB from when sending was held first.


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    os.environ.setdefault("TRAWL_BUILD", str(pathlib.Path(programs.TRAWL).parent))
    import slow_tier_lab as lab  # Reads it.
    simnet = () if small else ("--cpu", str(programs.OTHER_CPU))
    with lab.SlowTier(work, SMALL_PORTS if small else PORTS, simnet) as tier:
        run = tier.survey(SMALL_STATUSES if small else STATUSES)
        found, facts = tier.lines()
        say(f"{run.statuses[0]['targets']:,} targets: {len(found):,} found, {len(facts):,} asked")
        resumed = tier.resume(SMALL_RESUMED if small else RESUMED)
        found_later, facts_later = tier.lines()
    held = run.held()
    since = run.statuses.index(held[0][0]) if held else len(run.resident) - 1
    first, last = run.statuses[since], run.statuses[-1]
    seconds = last["elapsed_s"] - first["elapsed_s"]
    room = lab.PORTS_WAITING + lab.FACTS_WAITING + lab.REPLIES
    asked = [(fact["ip"], fact["port"]) for fact in facts_later]
    lost = set(found) - set(found_later)
    figures.tell("ports asked a second", run.services["answered"] / last["elapsed_s"])
    figures.tell("packets sent in the first second", run.statuses[0]["sent"])
    if seconds > 0:
        figures.tell("packets sent a second, once the tier was full",
                     (last["sent"] - first["sent"]) / seconds)
    figures.at_least("seconds in which --status-json says that sending is held", len(held), 1)
    figures.at_most("packets sent in them", sum(b["sent"] - a["sent"] for a, b in held), lab.BURST)
    figures.at_most("most open ports that waited", max(
        status["services"]["waiting"] for status in run.statuses), room)
    figures.at_most("memory at the end, less when it was full",
                    run.resident[-1] - run.resident[since], GROWTH, "MiB",
                    note=f" (of {run.resident[-1]:,.0f})")
    figures.exactly("frames and replies dropped",
                    sum(each.statuses[-1]["dropped"] for each in (run, resumed)), 0)
    figures.exactly("found, less what is in the output", last["open"] - len(found), 0)
    figures.exactly("open ports neither asked nor told as waiting", len(found) - len(facts) -
                    run.services["waiting"], 0)
    figures.exactly("of these not known after trawl resume", max(
        0, run.services["found"] - resumed.statuses[0]["services"]["found"]), 0)
    figures.exactly("lines lost by it", len(lost), 0)
    figures.exactly("lines twice", len(found_later) - len(set(found_later)) + len(asked) -
                    len(set(asked)), 0)
    figures.at_least("ports asked by it", len(asked) - len(facts), 1)
