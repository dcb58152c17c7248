"""The comparisons with other programs: generation without a wire, sending over veth, dry runs."""
import pathlib
import random
import re
import subprocess
import time
from collections.abc import Callable

import programs
from link_pair import SOURCE, LinkPair
from measure import Contest

EXCLUDES = 10_000
EXCLUDE_SEED = 20260102
# 2^28 targets, which no run here gets through; the addresses are reserved and lead nowhere.
SPACE = "240.0.0.0/4"
OUTPACE = "10000000"  # More packets a second than any program here sends.


def write_excludes(path: pathlib.Path) -> None:
    """10,000 prefixes, /16 to /32, the same every time."""
    draw = random.Random(EXCLUDE_SEED)
    prefixes = set()
    while len(prefixes) < EXCLUDES:
        length = draw.randint(16, 32)
        base = draw.randrange(1 << length) << (32 - length)
        prefixes.add(".".join(str(base >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{length}")
    path.write_text("\n".join(sorted(prefixes)) + "\n", encoding="utf-8")


def testpmd_rate(command: list[str], counter: str, seconds: float) -> float:
    """By testpmd's own count, TX-packets or RX-packets, over `seconds` after a second to start."""
    samples: list[tuple[float, int]] = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, start_new_session=True) as process:
        try:
            for line in process.stdout:
                found = re.search(rf"{counter}: (\d+)", line)
                if not found:
                    continue
                samples.append((time.monotonic(), int(found[1])))
                # The first sample is taken before the first frame.
                if len(samples) > 2 and samples[-1][0] - samples[1][0] >= seconds - 0.05:
                    break
        finally:
            programs.end(process)
    if len(samples) < 3:
        raise RuntimeError("dpdk-testpmd printed no statistics")
    (start, first), (end, last) = samples[1], samples[-1]
    return (last - first) / (end - start)


def trawl_generation(seconds: float, excludes: pathlib.Path) -> float:
    counters = programs.run_trawl(
        ["--link", "net_null0", "--rate", "max", "--lcores", str(programs.SENDER_CPU), "-p", "443",
         "0.0.0.0/0", "--exclude-file", str(excludes), "--contact", programs.CONTACT,
         "--max-runtime", f"{seconds}s", "--cooldown", "0s", "-q", "-o", "/dev/null"])["counters"]
    return counters["send_avg_pps"]


def generation(seconds: float, work: pathlib.Path) -> list[Contest]:
    programs.need(programs.TRAWL, "dpdk-testpmd")
    excludes = work / "excludes"
    write_excludes(excludes)
    return [Contest("generation on net_null / testpmd txonly",
                    lambda: trawl_generation(seconds, excludes),
                    lambda: testpmd_rate(programs.testpmd("net_null0,no-rx=1"), "TX-packets",
                                         seconds), 0.6)]


def veth(seconds: float, work: pathlib.Path, pair: LinkPair) -> list[Contest]:
    programs.need(programs.TRAWL, "dpdk-testpmd", "masscan", "zmap")
    log = work / "log"
    af_packet = "net_af_packet0,iface=tx0,qdisc_bypass=1"

    def rate_of(command: list[str]) -> Callable[[], float]:
        return lambda: pair.rate(command, seconds, log)

    def trawl(link: str) -> Callable[[], float]:
        return rate_of([programs.TRAWL, "survey", "--retries", "none", "--link", link, "--rate",
                        "max", "--lcores", str(programs.SENDER_CPU), "-p", "80", SPACE, "--allow-special", SPACE,
                        "--gateway-mac", pair.receiver_mac, "--cooldown", "0s", "-q", "-o",
                        "/dev/null"])

    masscan = ["masscan", SPACE, "-p80", "--rate", OUTPACE, "-e", "tx0", "--source-ip", SOURCE,
               "--router-mac", pair.receiver_mac, "--wait", "0"]
    zmap = ["zmap", "-T", "1", "-r", "0", "-p", "80", "-i", "tx0", "-S", SOURCE, "-G",
            pair.receiver_mac, "-b", "/dev/null", "-q", "--disable-syslog", "-o", "/dev/null",
            SPACE]
    return [
        Contest("veth, af_xdp / testpmd txonly on af_xdp", trawl("tx0"),
                rate_of(programs.testpmd("net_af_xdp0,iface=tx0")), 0.9),
        Contest("veth, af_packet / testpmd txonly on af_packet", trawl(af_packet),
                rate_of(programs.testpmd(af_packet)), 0.9),
        Contest("veth, af_xdp / masscan", trawl("tx0"), rate_of(masscan), 1.8),
        Contest("veth, af_xdp / zmap -T 1", trawl("tx0"), rate_of(zmap), 1.7),
    ]


def seconds_for(command: list[str]) -> float:
    start = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with code {done.returncode}: "
                           f"{done.stderr.strip()[-300:]}")
    return time.monotonic() - start


def dryrun(seconds: float, work: pathlib.Path, pair: LinkPair) -> list[Contest]:
    """Targets printed a second, without the time each program takes to start and to end."""
    programs.need(programs.TRAWL, "zmap")

    def rate_of(command: Callable[[int], list[str]], guess: float) -> Callable[[], float]:
        count = max(1000, int(guess * seconds))
        return lambda: count / max(1e-3, seconds_for(command(count)) - seconds_for(command(1)))

    def trawl(count: int) -> list[str]:
        return [programs.TRAWL, "survey", "--dry-run", "-p", "80", SPACE, "--allow-special", SPACE,
                "--max-targets", str(count), "-o", "/dev/null"]

    def zmap(count: int) -> list[str]:
        return [*pair.within(), "zmap", "--dryrun", "-T", "1", "-r", "0", "-p", "80", "-i", "tx0",
                "-S", SOURCE, "-G", pair.receiver_mac, "-b", "/dev/null", "-q", "-c", "0",
                "--disable-syslog", "-n", str(count), SPACE]

    return [Contest("dry run / zmap --dryrun", rate_of(trawl, 5e6), rate_of(zmap, 1e6), 1.0)]
