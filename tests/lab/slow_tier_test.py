#!/usr/bin/env python3
"""Everything is open and the service tier is slow: the survey waits for it, in bounded memory, says
so, and loses nothing over an interruption."""
import pathlib
import tempfile
import unittest

import labs
import slow_tier_lab

PORTS = 2  # 2^18 targets.
STATUSES, RESUMED = 8, 4
GROWTH = 8.0  # MiB.


class SlowTier(unittest.TestCase):
    def expect_bounded(self, run: slow_tier_lab.Run, found_before: int) -> None:
        self.assertEqual(130, run.code, run.said)
        room = (slow_tier_lab.PORTS_WAITING + slow_tier_lab.FACTS_WAITING +
                slow_tier_lab.REPLIES)
        for status in run.statuses:
            services = status["services"]
            self.assertEqual(services["found"], services["answered"] + services["waiting"])
            self.assertLessEqual(services["found"], found_before + services["answered"] + room)
            self.assertEqual(0, status["dropped"])

    def test_the_survey_waits_and_nothing_is_lost(self) -> None:
        folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="trawl-lab-test-")))
        with slow_tier_lab.SlowTier(folder, PORTS) as tier:
            run = tier.survey(STATUSES)
            self.expect_bounded(run, 0)
            held = run.held()
            self.assertNotEqual([], held, "sending was never held for a second")
            for first, last in held:
                self.assertLessEqual(last["sent"] - first["sent"], slow_tier_lab.BURST)
            first_held = run.statuses.index(held[0][0])
            self.assertLess(run.resident[-1] - run.resident[first_held], GROWTH)
            self.assertIn("for the service tier, which had no room for more ports", run.said)
            self.assertRegex(run.said, r"not asked +[1-9].*trawl resume")
            found, facts = tier.lines()
            self.assertGreater(len(facts), 0)
            self.assertEqual(run.statuses[-1]["open"], len(found))
            self.assertEqual(run.services["answered"], len(facts))

            resumed = tier.resume(RESUMED)
            self.expect_bounded(resumed, len(found))
            self.assertLessEqual(run.services["waiting"] + run.services["answered"],
                                 resumed.services["found"])
            self.assertGreater(resumed.services["answered"], run.services["answered"])
            found_later, facts_later = tier.lines()
        self.assertEqual(found, found_later[:len(found)])
        self.assertEqual(len(found_later), len(set(found_later)))
        asked = [(fact["ip"], fact["port"]) for fact in facts_later]
        self.assertEqual(len(asked), len(set(asked)))
        self.assertEqual(resumed.services["answered"], len(asked))
        self.assertEqual({"accepts"}, {fact["class"] for fact in facts_later} - {"resets"})


if __name__ == "__main__":
    labs.main("unshare")
