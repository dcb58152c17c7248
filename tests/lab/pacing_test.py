#!/usr/bin/env python3
"""The rate asked for, as counts that do not depend on how fast the machine is."""
import signal
import time
import unittest

import labs
import wire

TARGETS = ["198.18.16.0/20", "-p", "1-1000"]


class Pacing(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = labs.Lab("--no-servers", "--rtt", "0", "--live", "0", "--driver", "af_packet")
        self.enterContext(self.lab)

    def test_ten_a_second_for_two_seconds(self) -> None:
        survey = self.lab.survey(*TARGETS, "--rate", "10", "--max-runtime", "2s")
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertIn(survey.counters["sent"], (19, 20, 21))

    def test_never_more_than_asked(self) -> None:
        for rate in (1000, 20000):
            survey = self.lab.survey(*TARGETS, "--rate", str(rate), "--max-runtime", "2s")
            self.assertEqual(0, survey.code, survey.stderr)
            self.assertLessEqual(survey.counters["sent"], rate * 2 * 1.005)
            # A busy machine may hold the sender up for some of the time, not for most of it.
            self.assertGreaterEqual(survey.counters["sent"], rate * 2 / 3)

    def test_no_burst_after_a_stop(self) -> None:
        rate = 1000
        with self.lab.capture("tcp and src host 198.18.0.1") as path:
            survey = self.lab.start(*TARGETS, "--rate", str(rate), "--max-runtime", "6s")
            time.sleep(1.5)
            survey.process.send_signal(signal.SIGSTOP)
            time.sleep(3)
            survey.process.send_signal(signal.SIGCONT)
            survey.wait()
        times = [moment for moment, _ in wire.frames(path)]
        self.assertEqual(len(times), survey.counters["sent"])
        self.assertGreater(max(b - a for a, b in zip(times, times[1:])), 2.5, "it did not stop")
        # 10 per window are asked for; what a busy machine held up for a moment may follow faster.
        window, most, first = 0.010, 0, 0
        for last, moment in enumerate(times):
            while moment - times[first] > window:
                first += 1
            most = max(most, last - first + 1)
        self.assertLessEqual(most, 40)
        # The three seconds are not made good.
        self.assertLess(len(times), rate * 4)


if __name__ == "__main__":
    labs.main("tcpdump")
