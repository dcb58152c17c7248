"""A survey that is killed again and again and goes on with another number of threads, and what
keeping its checkpoint costs while nobody kills it."""
import os
import pathlib
import random
import signal
import subprocess

import programs
from figures import Figures
from measure import Contest, compare, say
from simulation import Simulation, endpoints, write_truth
from whole_survey import POPULATION, PREFIX

PORTS, SMALL_PORTS = "1-512", "1-32"  # 2^26 targets, and 2^22.
KILLS, SMALL_KILLS = 200, 12
RATE, SMALL_RATE = "500k", "200k"  # Slow enough for all the kills.
LONGEST_LIFE = 1.2  # Seconds; a third of the lives ends before anything is sent.
# All on the sender's CPU; they take turns. Three would send by two queues, and memif's other end has
# one.
THREADS = ("0", "0,0")
RESENT = 1e-5
COST = 0.995
SEED = 20260303
PATIENCE = 300


def killed_after(command: list[str], seconds: float, log: pathlib.Path) -> bool:
    """True when the process was killed before it ended by itself, with code 0 or 5."""
    with open(log, "w", encoding="utf-8") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                   start_new_session=True)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode not in (0, 5):
        raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}: "
                           f"{log.read_text(encoding='utf-8').strip()[-600:]}")
    return False


def survey_command(link: str, ports: str, rate: str, output: pathlib.Path) -> list[str]:
    return ["--link", link, "--retries", "none", "--rate", rate, "--lcores",
            str(programs.SENDER_CPU), "-p", ports, PREFIX, "--allow-special", PREFIX, "--cooldown",
            "1s", "-q", "-o", str(output)]


def killed_survey(figures: Figures, work: pathlib.Path, ports: str, kills: int, rate: str) -> None:
    draw = random.Random(SEED)
    truth, found, checkpoint = work / "truth", work / "found", work / "checkpoint"
    write_truth(truth, POPULATION, ports)
    true = set(endpoints(truth))
    targets = (1 << 17) * (int(ports.split("-")[1]))
    with Simulation(work, POPULATION, ("--spin", "--seen", ports)) as simulation:
        command = [programs.TRAWL, "survey",
                   *survey_command(simulation.link, ports, rate, found), "--checkpoint",
                   str(checkpoint)]
        done = 0
        while done < kills and killed_after(command, draw.uniform(0, LONGEST_LIFE), work / "log"):
            done += 1
            if done % 20 == 0:
                say(f"kills: {done} of {kills}")
            # Before the checkpoint is there, the survey has not begun.
            if checkpoint.exists():
                command = [programs.TRAWL, "resume", "-q", "--rate", rate, "--lcores",
                           THREADS[done % len(THREADS)], str(checkpoint)]
        if done < kills:
            raise RuntimeError(f"the survey was complete after {done} kills; it is too fast")
        # What is left, at full speed.
        last = list(command)
        last[last.index("--rate") + 1] = "max"
        if killed_after(last, PATIENCE, work / "log"):
            raise RuntimeError(f"the rest of the survey took more than {PATIENCE} s")
        simulated = simulation.stop()
    listed = endpoints(found)
    figures.exactly("kills", done, kills)
    figures.exactly("targets skipped", targets - simulated["probes_first"], 0)
    figures.exactly("open targets lost", len(true - set(listed)), 0)
    figures.exactly("lines that are not true", len(set(listed) - true), 0)
    figures.exactly("lines twice", len(listed) - len(set(listed)), 0)
    figures.at_most("probes sent again / targets", simulated["probes_repeated"] / targets, RESENT,
                    note=f" ({simulated['probes_repeated'] / kills:,.0f} a kill at {rate}/s)")


def checkpoint_cost(figures: Figures, work: pathlib.Path, ports: str, pairs: int) -> None:
    checkpoint = work / "cost"

    def rate(*more: str) -> float:
        with Simulation(work, POPULATION) as simulation:
            run = programs.run_survey(
                [*survey_command(simulation.link, ports, "max", work / "found"), *more],
                codes=(0, 5))
        return run.counters["send_avg_pps"]

    def with_checkpoint() -> float:
        checkpoint.unlink(missing_ok=True)
        return rate("--checkpoint", str(checkpoint))

    cost = compare(Contest("with a checkpoint / without", with_checkpoint, rate, COST), pairs)
    figures.at_least("rate with a checkpoint / without", cost.ratio, COST,
                     note=f" ({min(cost.ratios):.3f}-{max(cost.ratios):.3f})")


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    if small:
        killed_survey(figures, work, SMALL_PORTS, SMALL_KILLS, SMALL_RATE)
        checkpoint_cost(figures, work, "1-128", 2)
    else:
        killed_survey(figures, work, PORTS, KILLS, RATE)
        checkpoint_cost(figures, work, "1-256", 9)
