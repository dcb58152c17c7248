"""Banners of a million open ports in the proportions that LZR met on the Internet, over a path that
loses one packet in a hundred; masscan --banners beside it.

What each port really is comes from the simulated network; so do the packets that were spent on
ports with no service behind them. And how many banners a second one polling thread and one simulated
network make of services alone.
"""
import collections
import dataclasses
import json
import pathlib
import statistics
import subprocess
import time

import programs
from figures import Figures
from link_pair import GATEWAY, SOURCE, LinkPair
from measure import say
from peer_surveys import MURMUR
from simulation import Simulation, write_truth

PORTS = "22,80,443,8123"
# Every host has all four ports open: 2^18 of them.
SPACE, SMALL_SPACE = "96.0.0.0/14", "96.0.0.0/20"
MASSCAN_SPACE = "96.0.0.0/18"  # It takes long.
TALK = ("ssh=0.08,http=0.3,tls=0.2,smtp=0.03,slow=0.01,big=0.002,mute-close=0.02,zero-window=0.05,"
        "reset=0.05,tarpit=0.01,syn-proxy=0.15")
RATE, SMALL_RATE = 200_000, 20_000
MASSCAN_RATE = 20_000
LOSS = 0.01
MASSCAN_PORTS = "40000-41023"
KEEP_OUT = ("add table inet peers; add chain inet peers arrival "
            "{ type filter hook input priority 0; }; "
            f"add rule inet peers arrival tcp dport {MASSCAN_PORTS} drop")
REAL, FAKES, PACKETS = 0.99, 0.01, 2.0
# For the rate: services alone, each on its own port, nothing lost.
SERVICE_PORTS = "22,25,80,443"
SERVICES = ["--talk", "ssh=0.25,http=0.35,tls=0.25,smtp=0.15", "--talk-ports",
            "22=ssh,25=smtp,80=http,443=tls"]
BANNER_RATE = 300_000
FAKE_TALKS = {"zero-window", "reset", "tarpit", "syn-proxy", "middlebox"}

Where = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Truth:
    classes: dict[Where, str]
    talks: dict[Where, str]

    def of(self, port_class: str) -> set[Where]:
        return {at for at, known in self.classes.items() if known == port_class}

    def fakes(self) -> set[Where]:
        return {at for at, talk in self.talks.items() if talk in FAKE_TALKS}


def read_truth(path: pathlib.Path) -> Truth:
    classes, talks = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            classes[line["ip"], line["port"]] = line["class"]
            talks[line["ip"], line["port"]] = line["talk"]
    return Truth(classes, talks)


def population(space: str) -> list[str]:
    opened = ",".join(f"{port}=1" for port in PORTS.split(","))
    return ["--prefix", space, "--gateway", GATEWAY, "--silent", SOURCE, "--live", "1", "--open",
            opened, "--talk", TALK, "--seed", "3", "--rtt", "10-80",
            "--loss-in", str(LOSS), "--loss-out", str(LOSS), "--talk-limit", "4194304"]


def survey(figures: Figures, work: pathlib.Path, space: str, pace: int, truth: Truth) -> None:
    found = work / "found.jsonl"
    with Simulation(work, population(space), ("--spin",)) as simulation:
        # Whole segments in one buffer, where a survey alone would have small ones.
        link = simulation.link.split(",bsize=")[0] + ",rsize=13"
        run = programs.run_survey(
            ["--link", link, "--lcores", str(programs.SENDER_CPU), "-p", PORTS, "--banners",
             "--contact", programs.CONTACT, "--rate", str(pace),
             "--retries", "all", "-q", "-o", str(found), space], codes=(0, 5))
        counters = simulation.stop()
    facts: dict[Where, dict] = {}
    networks = 0
    with open(found, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line.get("type") == "service":
                facts[line["ip"], line["port"]] = line
            networks += line.get("type") == "network"
    services = {at for at, fact in facts.items() if fact["class"] == "service"}
    real, fakes = truth.of("service"), truth.fakes()
    tell(figures, truth, facts)
    figures.at_least("real services told / real", len(services & real) / len(real), REAL)
    figures.at_most("fakes told as services / fakes", len(services & fakes) / max(1, len(fakes)),
                    FAKES)
    extra = sum(value for name, value in counters.items() if name.startswith("fake_extra_"))
    figures.at_most("packets a fake beyond the SYN", extra / max(1, len(fakes)), PACKETS)
    figures.exactly("networks that answer all, where there are none", networks, 0)
    named = sum(bool(facts[at].get("service")) for at in services & real)
    figures.tell("real services with a name", named / len(real))
    figures.tell("seconds", run.counters["elapsed_s"])


def rate(figures: Figures, work: pathlib.Path, space: str, runs: int) -> None:
    """One thread converses, this program's other one only counts: no recognising, no lines."""
    opened = ",".join(f"{port}=1" for port in SERVICE_PORTS.split(","))
    there = ["--prefix", space, "--gateway", GATEWAY, "--silent", SOURCE, "--live", "1", "--open",
             opened, *SERVICES, "--seed", "3", "--talk-limit", "4194304"]
    taken = []
    for _ in range(runs):
        with Simulation(work, there, ()) as simulation:
            before = simulation.cpu_seconds()
            link = simulation.link.split(",bsize=")[0] + ",rsize=13"
            text = subprocess.run(
                [programs.BANNER_RATE, "--link", link, "--prefix", space, "--ports", SERVICE_PORTS,
                 "--cpu", str(programs.SENDER_CPU)],
                stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True).stdout
            run = json.loads(text)
            run["simnet_cpu_s"] = simulation.cpu_seconds() - before
        say(f"banners: {run}")
        taken.append(run)
        figures.exactly("services told, of those there are", run["services"], run["targets"])
        figures.exactly("segments left out for want of room", run["ring_full"], 0)

    def median(of) -> float:
        return statistics.median(map(of, taken))

    # The last ones end by silence, which is most of the time of a few.
    figures.at_least("banners/s, one core, from the first probe to the last banner",
                     median(lambda run: run["banners"] / run["seconds"]),
                     BANNER_RATE if space == SPACE else 0)
    figures.tell("banners/s, the middle 80 %", median(lambda run: run["middle_rate"]))
    figures.tell("banners a second of the polling core's processor time",
                 median(lambda run: run["banners"] / run["polling_cpu_s"]))
    figures.tell("banners a second of simnet's processor time",
                 median(lambda run: run["banners"] / max(run["simnet_cpu_s"], 0.01)))


def tell(figures: Figures, truth: Truth, facts: dict[Where, dict]) -> None:
    wrong = collections.Counter()
    for at, known in truth.classes.items():
        told = facts[at]["class"] if at in facts else "nothing"
        if told != known:
            wrong[f"{truth.talks[at]} told as {told}"] += 1
    say(f"banners: {len(truth.classes)} open, wrong: {dict(wrong.most_common(8))}")
    figures.tell("classes told right", 1 - sum(wrong.values()) / len(truth.classes))


def masscan(figures: Figures, work: pathlib.Path, space: str, truth: Truth) -> None:
    listed = work / "masscan"
    with LinkPair(drops=False) as pair:
        # As masscan(8) asks: the kernel would reset the connections.
        subprocess.run([*pair.within(), "nft", KEEP_OUT], check=True)
        with Simulation(work, population(space), ("--spin",), device="rx0",
                        within=pair.within_receiver()):
            murmur = [*pair.within(), "bash", "-c", MURMUR]
            begun = time.monotonic()
            with (programs.running(murmur, work / "murmur"),
                  open(work / "log", "w", encoding="utf-8") as said):
                subprocess.run(
                    [*pair.within(), "masscan", space, f"-p{PORTS}", "--banners", "--rate",
                     str(MASSCAN_RATE), "-e", "tx0", "--source-ip", SOURCE, "--source-port",
                     MASSCAN_PORTS, "--router-mac", pair.receiver_mac, "--wait", "10", "-oL",
                     str(listed)], stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=900)
            seconds = time.monotonic() - begun
    heard = set()
    for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if words[:1] == ["banner"]:
            heard.add((words[3], int(words[2])))
    real, fakes = truth.of("service"), truth.fakes()
    figures.tell("masscan: real services told / real", len(heard & real) / len(real))
    figures.tell("masscan: fakes told as services / fakes",
                 len(heard & fakes) / max(1, len(fakes)))
    figures.tell("masscan: seconds, 10 s of waiting included", seconds)


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    programs.need("masscan", "ip", "nft")
    rate(figures, work, SMALL_SPACE if small else SPACE, 1 if small else 3)
    space, pace = (SMALL_SPACE, SMALL_RATE) if small else (SPACE, RATE)
    write_truth(work / "truth", population(space), PORTS)
    truth = read_truth(work / "truth")
    survey(figures, work, space, pace, truth)
    part = SMALL_SPACE if small else MASSCAN_SPACE
    write_truth(work / "part", population(part), PORTS)
    masscan(figures, work, part, read_truth(work / "part"))
