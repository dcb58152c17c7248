#!/usr/bin/env python3
"""The SYNs of the SEQ test on a machine with too much to do: either they leave 100 ms apart by the
kernel's clock, or the scan says that they did not. Nothing here is late by itself.
"""
import collections
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator

import guardian
import labs
import wire

sys.path.insert(1, str(labs.ROOT / "bench/osfp"))
import personalities
from link_pair import LinkPair

HOSTS = 12
SPACING, TOLERANCE = 0.1, 0.001
# The scan's clock and the kernel's are read a moment apart.
READING = 0.0002
SYN, ECN_SYN = 0x02, 0xc2
WINDOWS = (1, 63, 4, 4, 16, 512)  # Of the six, by the Nmap book.
TOLD = re.compile(r"OS detection timing ratio of (\S+) == [\d.]+(: SYNs did not leave)?")


@dataclasses.dataclass
class Set:
    """The SYNs of one try at a host's SEQ test."""
    times: list[float]
    was_used: bool = False  # Something other than another try came behind it.

    @property
    def held(self) -> bool:
        gaps = [late - early for early, late in zip(self.times, self.times[1:])]
        return len(gaps) == 5 and all(abs(gap - SPACING) <= TOLERANCE + READING for gap in gaps)


def sets_of(capture: pathlib.Path) -> dict[str, list[Set]]:
    """By address, in the order in which they left. Probes that are sent again have their old port."""
    found: dict[str, list[Set]] = collections.defaultdict(list)
    seen = set()
    for when, frame in wire.frames(capture):
        segment = wire.Segment.parse(frame)
        key = (segment.target, segment.source_port, segment.sequence)
        if segment.flags == ECN_SYN and found[segment.target]:
            found[segment.target][-1].was_used = True
        if segment.flags != SYN or segment.window not in WINDOWS or key in seen:
            continue
        seen.add(key)
        if segment.window == WINDOWS[0]:
            found[segment.target].append(Set([]))
        found[segment.target][-1].times.append(when)
    return found


@contextlib.contextmanager
def hogs(count: int) -> Iterator[None]:
    """Processes that never wait."""
    made = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in made:
            process.kill()
            process.wait()


@contextlib.contextmanager
def capturing(within: tuple[str, ...], path: pathlib.Path) -> Iterator[None]:
    """At the other end of the link: probes pass by what captures at this one."""
    with subprocess.Popen(
            [*within, "tcpdump", "-Z", "root", "-n", "-U", "-B", "16384", "-i", "rx0",
             "--time-stamp-precision=nano", "-w", str(path), "ip src 198.18.0.1 and tcp"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True) as process:
        for line in process.stderr:
            if "listening on" in line:
                break
        try:
            yield
        finally:
            time.sleep(0.3)  # tcpdump reads what the kernel holds.
            process.send_signal(signal.SIGINT)


class TimingTest(unittest.TestCase):
    def setUp(self) -> None:
        pair = LinkPair(drops=False)
        spaces = f"{pair.tx} {pair.rx}"
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="trawl-os-test-"))
        self.enterContext(guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns del $n; done"]))
        self.folder = pathlib.Path(folder)
        self.stage = self.enterContext(personalities.playing(
            personalities.draw(HOSTS, 1), self.folder, pair=pair))

    def start(self) -> subprocess.Popen:
        targets = self.folder / "targets"
        targets.write_text("\n".join(self.stage.hosts))
        return subprocess.Popen(
            [*self.stage.pair.within(), labs.TRAWL, "-O", "-Pn", "-n", "-d", "-p",
             personalities.PORTS, "--max-os-tries", "2", "-iL", str(targets)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def check(self, capture: pathlib.Path, said: str) -> tuple[int, int, int]:
        """How many tries were used and right, used and told to be wrong, and given up."""
        told = collections.defaultdict(list)
        for address, complaint in TOLD.findall(said):
            told[address].append(bool(complaint))
        sets = sets_of(capture)
        self.assertEqual(set(sets), set(self.stage.hosts))
        held = wrong = left = 0
        for address, tries in sets.items():
            used = [one for one in tries if one.was_used]
            self.assertEqual(len(used), len(told[address]), address)
            for one, complaint in zip(used, told[address]):
                self.assertTrue(one.held or complaint, f"{address}: {one.times}, and nothing is said")
                held, wrong = held + (not complaint), wrong + complaint
            left += len(tries) - len(used)
        print(f"{held} used and in time, {wrong} used and told to be late, {left} given up for another",
              flush=True)
        return held, wrong, left

    def test_keeps_time_or_says_so_among_busy_processes(self) -> None:
        capture = self.folder / "probes.pcap"
        with capturing(self.stage.pair.within_receiver(), capture), hogs(4 * os.cpu_count()):
            process = self.start()
            said, _ = process.communicate(timeout=labs.PATIENCE)
        self.assertEqual(process.returncode, 0, said[-2000:])
        self.check(capture, said)

    def test_says_so_when_it_cannot_keep_time(self) -> None:
        """It is stopped longer than the spacing, over and over."""
        capture = self.folder / "probes.pcap"
        with capturing(self.stage.pair.within_receiver(), capture):
            process = self.start()
            # Not before it sends, or it may never begin.
            labs.wait_until(lambda: capture.exists() and capture.stat().st_size > 100, "probes")
            deadline = time.monotonic() + 20
            while process.poll() is None and time.monotonic() < deadline:
                process.send_signal(signal.SIGSTOP)
                time.sleep(1.2 * SPACING)
                process.send_signal(signal.SIGCONT)
                time.sleep(SPACING)
            said, _ = process.communicate(timeout=labs.PATIENCE)
        self.assertEqual(process.returncode, 0, said[-2000:])
        _, wrong, left = self.check(capture, said)
        self.assertGreater(wrong, 0)
        self.assertGreater(left, 0)


if __name__ == "__main__":
    labs.main("tcpdump")
