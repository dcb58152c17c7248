#!/usr/bin/env python3
"""--per-network-rate on the wire: no /24 is sent more, and nothing is left out."""
import collections
import json
import os
import pathlib
import signal
import subprocess
import unittest

import labs
import wire

TRUTH_PORTS = "80,443"
PROBES = "src host 198.18.0.1 and tcp[tcpflags] == tcp-syn"  # And no reset of the kernel's.


def network_of(address: str) -> str:
    return address.rsplit(".", 1)[0]


def times_by_network(path: pathlib.Path) -> dict[str, list[float]]:
    times = collections.defaultdict(list)
    for moment, frame in wire.frames(path):
        times[network_of(wire.Segment.parse(frame).target)].append(moment)
    return times


class NetworkRate(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(labs.Lab("--no-servers", "--rtt", "1", "--driver",
                                                 "af_packet"))

    def expect_within(self, times: list[float], rate: float, burst: int, network: str) -> None:
        """A bucket of `burst` that fills at `rate` never runs dry. A machine that is busy between
        clock and wire delays frames, so that those behind come closer: a few of them may."""
        level, before, lowest = float(burst), times[0], float(burst)
        for moment in times:
            level = min(burst, level + rate * (moment - before)) - 1
            before, lowest = moment, min(lowest, level)
        self.assertGreaterEqual(lowest, -1 - 0.05 * rate, network)
        longest = times[-1] - times[0]
        self.assertLessEqual(len(times), rate * longest + burst + 1, network)

    def test_one_network_goes_at_exactly_its_rate(self) -> None:
        with self.lab.capture(PROBES) as path:
            survey = self.lab.survey("198.18.77.0/24", "-p", "1-100", "--rate", "10k",
                                     "--per-network-rate", "10", "--max-runtime", "4s")
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertIn(survey.counters["sent"], (38, 39, 40, 41))
        times = times_by_network(path)["198.18.77"]
        self.assertEqual(survey.counters["sent"], len(times))
        rate = (len(times) - 1) / (times[-1] - times[0])
        self.assertAlmostEqual(10, rate, delta=0.15)
        self.assertEqual(0, survey.counters["others"]["pacing_stalls"])
        self.assertGreater(survey.counters["others"]["probes_limited"], 30)
        self.assertEqual(10, survey.metadata["per_network_rate_pps"])

    def test_many_networks_on_several_cores_get_all_and_no_more(self) -> None:
        found, counts = set(), []
        for lcores in ("0", "0,0,0"):
            with self.lab.capture(PROBES) as path:
                survey = self.lab.survey("198.18.128.0/20", "-p", TRUTH_PORTS, "--rate", "20k",
                                         "--per-network-rate", "200", "--lcores", lcores)
            self.assertEqual(0, survey.code, survey.stderr)
            by_network = times_by_network(path)
            self.assertEqual(16, len(by_network))
            for network, times in by_network.items():
                self.assertEqual(512, len(times), network)
                self.expect_within(times, 200, 20, network)
            counts.append(survey.counters["sent"])
            found = {(ip, port) for ip, port, _ in survey.found()}
        self.assertEqual([8192, 8192], counts)
        self.assertEqual({(ip, port) for ip, port, _ in self.lab.truth(TRUTH_PORTS)
                          if ip.startswith("198.18.") and 128 <= int(ip.split(".")[2]) < 144},
                         found)

    def test_kills_and_resumes_keep_to_it(self) -> None:
        folder = self.lab.folder / "killed"
        folder.mkdir()
        found, checkpoint = folder / "found.jsonl", folder / "checkpoint"
        command = [*self.lab.within(), labs.TRAWL, "survey", "--link", "scan0", "--allow-special",
                   labs.NETWORK, "-q", "--cooldown", "1s", "-p", TRUTH_PORTS, "198.18.160.0/21",
                   "--rate", "20k", "--per-network-rate", "100", "--retries", "none", "-o",
                   str(found), "--checkpoint", str(checkpoint)]
        kills = 0
        with self.lab.capture(PROBES) as path:
            for patience in (2.0, 2.5, 60.0):
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                           stderr=subprocess.PIPE, start_new_session=True)
                try:
                    _, said = process.communicate(timeout=patience)
                    self.assertEqual(0, process.returncode, said.decode())
                    break
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()
                kills += 1
                command = [*self.lab.within(), labs.TRAWL, "resume", "-q", str(checkpoint)]
        self.assertEqual(2, kills)
        listed = [(line["ip"], line["port"])
                  for line in map(json.loads, found.read_text().splitlines())]
        self.assertEqual(len(set(listed)), len(listed))
        self.assertEqual({(ip, port) for ip, port, _ in self.lab.truth(TRUTH_PORTS)
                          if ip.startswith("198.18.") and 160 <= int(ip.split(".")[2]) < 168},
                         set(listed))
        for network, times in times_by_network(path).items():
            self.assertGreaterEqual(len(times), 512, network)
            self.expect_within(times, 100, 10, network)


class Limited(unittest.TestCase):
    """Hosts behind limiters of their /24 as the witness: who sends more loses answers."""

    def test_networks_that_limit_answers_lose_none(self) -> None:
        lab = self.enterContext(labs.Lab(
            "--no-servers", "--rtt", "1", "--driver", "af_packet", "--live", "1", "--network-rate",
            "220,burst=30"))
        truth = {(ip, port) for ip, port, _ in lab.truth(TRUTH_PORTS)
                 if ip.startswith("198.18.") and 128 <= int(ip.split(".")[2]) < 136}
        arguments = ("198.18.128.0/21", "-p", TRUTH_PORTS, "--states", "all")
        within = lab.survey(*arguments, "--rate", "20k", "--per-network-rate", "200")
        self.assertEqual(0, within.code, within.stderr)
        opens = {(ip, port) for ip, port, state in within.found() if state == "open"}
        self.assertEqual(truth, opens)
        over = lab.survey(*arguments, "--rate", "20k")
        lost = truth - {(ip, port) for ip, port, state in over.found() if state == "open"}
        self.assertGreater(len(lost), len(truth) / 20, "the limit is there")

    def test_auto_rate_does_not_take_the_limit_for_congestion(self) -> None:
        lab = self.enterContext(labs.Lab("--no-servers", "--rtt", "1", "--driver", "af_packet"))
        survey = lab.survey("198.18.128.0/21", "-p", TRUTH_PORTS, "--rate", "auto",
                            "--per-network-rate", "100")
        self.assertEqual(0, survey.code, survey.stderr)
        decisions = survey.metadata["rate_decisions"]
        self.assertNotIn("back-off", {decision["phase"] for decision in decisions})
        truth = {(ip, port) for ip, port, _ in lab.truth(TRUTH_PORTS)
                 if ip.startswith("198.18.") and 128 <= int(ip.split(".")[2]) < 136}
        self.assertEqual(truth, {(ip, port) for ip, port, _ in survey.found()})
        # Eight networks at a hundred each; sentinels among them.
        self.assertLess(survey.counters["send_avg_pps"], 850)
        self.assertLess(max(point["asked_pps"] for point in survey.metadata["rate_history"]), 20e3)


if __name__ == "__main__":
    labs.main("tcpdump")
