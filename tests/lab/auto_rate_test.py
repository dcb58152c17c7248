#!/usr/bin/env python3
"""--rate auto on a path that bears less than this machine sends."""
import unittest

import labs

PORTS = "22,80,443"
TARGETS = "198.18.128.0/17"


class AutoRate(unittest.TestCase):
    def survey(self, *path: str) -> tuple[float, dict]:
        """Recall, and the metadata."""
        with labs.Lab("--no-servers", "--driver", "af_packet", *path) as lab:
            survey = lab.survey("-p", PORTS, TARGETS, "--rate", "auto",
                                "--retries", "responsive")
            self.assertIn(survey.code, (0, 5), survey.stderr)
            truth = {(ip, port) for ip, port, _ in lab.truth(PORTS)
                     if ip.startswith("198.18.") and int(ip.split(".")[2]) >= 128}
            listed = [(ip, port) for ip, port, _ in survey.found()]
            self.assertEqual(len(set(listed)), len(listed))
            self.assertEqual(set(), set(listed) - truth)
            return len(listed) / len(truth), survey.metadata

    def test_finds_what_is_there_behind_a_bottleneck(self) -> None:
        recall, metadata = self.survey("--rtt", "20", "--bottleneck-in", "20k,queue=400")
        self.assertGreater(recall, 0.97)
        reasons = {decision["reason"] for decision in metadata["rate_decisions"]}
        self.assertTrue(reasons & {"loss", "fewer-hits", "queue-grows"}, reasons)
        # What was sent while the queue overflowed was swept again.
        self.assertGreater(metadata["counters"]["repeats"], 0)
        self.assertGreater(metadata["counters"]["others"]["sentinel_replies"], 0)
        estimate = metadata["counters"]["recall"]
        self.assertLessEqual(estimate["low"], recall)

    def test_is_fast_where_nothing_is_lost(self) -> None:
        recall, metadata = self.survey("--rtt", "1")
        self.assertGreater(recall, 0.99)
        fastest = max(decision["rate_pps"] for decision in metadata["rate_decisions"])
        self.assertGreater(fastest, 20_000)


if __name__ == "__main__":
    labs.main()
