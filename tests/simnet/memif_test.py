#!/usr/bin/env python3
"""A whole survey of the simulated network over shared memory: every packet is accounted for.

Two processes and no namespaces. What is found is the truth, what is sent are the targets, and the
counters of both ends agree; bench/peers measures the same with more targets.
"""
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench/peers"))
import programs
import whole_survey

PORTS = "80,443"
TARGETS = 1 << 18


class Memif(unittest.TestCase):
    def test_every_number_fits_the_others(self) -> None:
        cpus = sorted(os.sched_getaffinity(0))
        with tempfile.TemporaryDirectory(prefix="trawl-memif-test-") as folder:
            # A limit of its own: it would outlive a test that is killed.
            survey = whole_survey.memif(pathlib.Path(folder), PORTS, TARGETS, (cpus[0], cpus[-1]),
                                        ("--max-runtime", "100"))
        self.assertEqual([], survey["unexplained"])
        self.assertEqual(TARGETS, survey["sent"])
        self.assertEqual(survey["open_true"], survey["open_found"])
        self.assertGreater(survey["open_found"], TARGETS // 50)


if __name__ == "__main__":
    try:
        programs.need(programs.TRAWL, programs.SIMNET)
    except RuntimeError as error:
        print(f"skipped: {error}")
        sys.exit(77)
    unittest.main(verbosity=2)
