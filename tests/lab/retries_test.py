#!/usr/bin/env python3
"""Repeats on a lossy path: who gets another probe, and what it brings."""
import unittest

import labs

PORTS = "80,443"
# A quarter of the lab.
TARGETS = "198.18.128.0/17"
LOSSY = ("--no-servers", "--rtt", "1", "--driver", "af_packet", "--loss-in", "0.03", "--loss-out",
         "0.03")


class Retries(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(labs.Lab(*LOSSY))
        cls.truth = {(ip, port) for ip, port, _ in cls.lab.truth(PORTS)
                     if ip.startswith("198.18.") and int(ip.split(".")[2]) >= 128}

    def survey(self, *arguments: str) -> tuple[float, dict]:
        """Recall, and the counters."""
        survey = self.lab.survey("-p", PORTS, TARGETS, "--rate", "50k", "--seed", "5",
                                 *arguments)
        self.assertIn(survey.code, (0, 5), survey.stderr)
        listed = [(ip, port) for ip, port, _ in survey.found()]
        self.assertEqual(len(set(listed)), len(listed), "nothing is listed twice")
        self.assertEqual(set(), set(listed) - self.truth, "nothing is made up")
        return len(listed) / len(self.truth), survey.counters

    def test_silent_targets_are_asked_again(self) -> None:
        once, single = self.survey("--retries", "none")
        again, responsive = self.survey("--retries", "responsive")
        # One probe in sixteen is lost on the way there or back; of two, one pair in 280.
        self.assertLess(once, 0.97)
        self.assertGreater(again, 0.985)
        self.assertEqual((65536, 0), (single["sent"], single["repeats"]))
        self.assertEqual(65536, responsive["sent"] - responsive["repeats"])
        answered = sum(responsive[state] for state in ("open", "closed", "unreachable"))
        self.assertLessEqual(responsive["repeats"], 65536 - answered * 0.9)

    def test_all_asks_every_silent_target(self) -> None:
        recall, counters = self.survey("--retries", "all")
        self.assertGreater(recall, 0.985)
        self.assertGreater(counters["repeats"], 0)

    def test_probes_go_to_every_target_in_sweeps_of_their_own(self) -> None:
        recall, counters = self.survey("--retries", "none", "--probes", "2")
        self.assertGreater(recall, 0.985)
        self.assertEqual((2 * 65536, 0), (counters["sent"], counters["repeats"]))

    def test_shards_are_disjoint_and_complete(self) -> None:
        seen: set[tuple[str, int]] = set()
        total = 0
        for part in ("1/3", "2/3", "3/3"):
            survey = self.lab.survey("-p", PORTS, TARGETS, "--rate", "50k", "--seed", "5",
                                     "--shard", part, "--states", "all")
            found = {(ip, port) for ip, port, _ in survey.found()}
            self.assertEqual(set(), seen & found, part)
            seen |= found
            total += survey.counters["sent"]
        self.assertEqual(65536, total)
        self.assertGreater(len(seen & self.truth) / len(self.truth), 0.9)


if __name__ == "__main__":
    labs.main()
