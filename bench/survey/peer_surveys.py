"""masscan and zmap beside trawl: the same targets, the same simulated network, the same veth pair.

Each has one sending thread and keeps its own habits in receiving; what it writes is compared with
the truth.
"""
import collections
import pathlib
import subprocess
import time
from collections.abc import Callable

import programs
from figures import Figures
from link_pair import GATEWAY, SOURCE, LinkPair
from measure import say
from simulation import Simulation, write_truth

# Reserved addresses: whatever is sent by mistake leads nowhere.
SPACE, SMALL_SPACE = "240.0.0.0/12", "240.0.0.0/15"
PORT = "80"
POPULATION = ["--gateway", GATEWAY, "--silent", SOURCE, "--live", "0.2", "--open", "80=0.3",
              "--seed", "1"]
COOLDOWN = 2  # Seconds for late replies.
RATE, SMALL_RATE = 200_000, 50_000
BURSTS = "0.02,200ms"
# Two small frames a second. Without any traffic masscan's receiving thread never sees that it is
# to end.
MURMUR = f"while sleep 0.5; do echo >/dev/udp/{GATEWAY}/9; done"


class Survey:
    """One program's way to ask every target once, and to say what it found."""

    def __init__(self, work: pathlib.Path, pair: LinkPair, space: str, rate: int) -> None:
        self._pair, self._space, self._rate = pair, space, rate
        self._output = work / "found"
        self._log = work / "log"

    def _run(self, command: list[str]) -> list[str]:
        self._output.unlink(missing_ok=True)
        murmur = [*self._pair.within(), "bash", "-c", MURMUR]
        with (programs.running(murmur, self._log.with_suffix(".murmur")),
              open(self._log, "w", encoding="utf-8") as said):
            done = subprocess.run([*self._pair.within(), *command], stdin=subprocess.DEVNULL,
                                  stdout=said, stderr=said, timeout=300)
        if done.returncode not in (0, 5):
            raise RuntimeError(f"{command[0]} ended with code {done.returncode}: "
                               + self._log.read_text(encoding="utf-8", errors="replace")[-600:])
        return self._output.read_text(encoding="utf-8").splitlines()

    def trawl(self, rate: str = "") -> list[str]:
        lines = self._run(
            [programs.TRAWL, "survey", "--link", "tx0", "--rate", rate or str(self._rate),
             "--lcores", str(programs.SENDER_CPU), "--retries", "none", "-p", PORT, self._space,
             "--allow-special", self._space, "--cooldown", f"{COOLDOWN}s", "--fields", "ip", "-q",
             "-o", f"csv:{self._output}"])
        return lines[1:]

    def trawl_auto(self) -> list[str]:
        return self.trawl("auto")

    def masscan(self) -> list[str]:
        lines = self._run(
            ["masscan", self._space, f"-p{PORT}", "--rate", str(self._rate), "-e", "tx0",
             "--source-ip", SOURCE, "--router-mac", self._pair.receiver_mac, "--wait",
             str(COOLDOWN), "-oL", str(self._output)])
        return [line.split()[3] for line in lines if line.startswith("open ")]

    def zmap(self) -> list[str]:
        return self._run(
            ["zmap", "-T", "1", "-r", str(self._rate), "-p", PORT, "-i", "tx0", "-S", SOURCE, "-G",
             self._pair.receiver_mac, "-b", "/dev/null", "-q", "--disable-syslog", "-c",
             str(COOLDOWN), "-o", str(self._output), self._space])


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    programs.need("ip", "nft", "masscan", "zmap")
    space, rate = (SMALL_SPACE, SMALL_RATE) if small else (SPACE, RATE)
    population = ["--prefix", space, *POPULATION]
    truth = work / "truth.csv"
    write_truth(truth, population, PORT, "csv")
    true = {line.split(",")[0] for line in truth.read_text(encoding="utf-8").splitlines()[1:]}
    paths = {"no loss": [], "bursts of loss": ["--loss-bursts-in", BURSTS],
             "half the rate passes": ["--bottleneck-in", f"{rate // 2},queue={rate // 50}"]}
    with LinkPair(drops=False) as pair:
        survey = Survey(work, pair, space, rate)
        for path, options in paths.items():
            recalls = {}
            surveys: dict[str, Callable[[], list[str]]] = {
                "masscan": survey.masscan, "zmap": survey.zmap, "trawl": survey.trawl}
            if path == "half the rate passes":
                surveys["trawl --rate auto"] = survey.trawl_auto
            for name, run in surveys.items():
                recalls[name] = side(figures, f"{path}: {name}", work, pair,
                                     [*population, *options], run, true)
            peers = max(recalls["masscan"], recalls["zmap"])
            best = max(recall for name, recall in recalls.items() if name.startswith("trawl"))
            # Two runs see different bursts.
            figures.at_least(f"{path}: recall of trawl / best peer", best / peers, 0.99)


def side(figures: Figures, name: str, work: pathlib.Path, pair: LinkPair, population: list[str],
         run: Callable[[], list[str]], true: set[str]) -> float:
    """Runs one program on a network of its own; its recall."""
    with Simulation(work, population, ("--spin", "--seen", PORT), device="rx0",
                    within=pair.within_receiver()) as simulation:
        start = time.monotonic()
        listed = run()
        seconds = time.monotonic() - start
        simulated = simulation.stop()
    counts = collections.Counter(listed)
    recall = len(counts.keys() & true) / len(true)
    twice = len(listed) - len(counts)
    false = len(counts.keys() - true)
    say(f"peers: {name}: {recall:.4f} found, {twice} twice, {false} false, {seconds:.1f} s")
    figures.tell(f"{name}: recall", recall)
    if "trawl" in name:
        figures.exactly(f"{name}: lines twice or false", twice + false, 0)
    else:
        figures.tell(f"{name}: lines twice or false", twice + false)
    figures.tell(f"{name}: targets that got a probe", simulated["probes_first"])
    figures.tell(f"{name}: targets that got another", simulated["probes_repeated"])
    figures.tell(f"{name}: seconds, {COOLDOWN} s of waiting included", seconds)
    return recall
