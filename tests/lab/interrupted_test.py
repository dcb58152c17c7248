#!/usr/bin/env python3
"""What goes wrong during a survey: links that vanish, full disks, signals. Results stay valid."""
import pathlib
import signal
import unittest

import labs

DEVICE, OUTPUT, INTERRUPTED = 4, 6, 130
# 24 seconds at this rate: far from done when something happens.
PORTS = "1-60"
LONG = ["198.18.16.0/20", "-p", PORTS, "--rate", "10k", "--states", "all"]


class DuringASurvey(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = labs.Lab("--no-servers", "--rtt", "0", "--prefix", "198.18.0.0/19")
        self.enterContext(self.lab)

    def assert_true_so_far(self, survey: labs.Survey) -> None:
        """Every line is whole and true; there are some."""
        found = survey.found()
        self.assertGreater(len(found), 0)
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual([], sorted(set(found) - self.lab.truth(PORTS, "all"))[:3], "false")

    def assert_one_error(self, survey: labs.Survey, *words: str) -> None:
        errors = [line for line in survey.stderr.splitlines() if "error: " in line]
        self.assertEqual(1, len(errors), survey.stderr)
        for word in words:
            self.assertIn(word, errors[0])

    def link_lost(self, *command: str, link: str) -> None:
        survey = self.lab.start(*LONG, link=link)
        survey.wait_for_lines(10)
        labs.must(*command)
        survey.wait()
        self.assertEqual(DEVICE, survey.code, survey.stderr)
        self.assert_one_error(survey, "down")
        self.assert_true_so_far(survey)
        self.assertEqual(DEVICE, survey.metadata["exit_code"])
        self.assertLess(survey.counters["sent"], survey.counters["targets"])

    def links(self) -> list[str]:
        return [labs.AF_PACKET_LINK] + ([labs.AF_XDP_LINK] if labs.has_af_xdp() else [])

    def test_far_end_goes_down(self) -> None:
        self.link_lost("ip", "-n", self.lab.namespace("sim"), "link", "set", "sim0", "down",
                       link=self.links()[-1])

    def test_far_end_goes_down_on_af_packet(self) -> None:
        self.link_lost("ip", "-n", self.lab.namespace("sim"), "link", "set", "sim0", "down",
                       link=labs.AF_PACKET_LINK)

    def test_link_is_set_down(self) -> None:
        self.link_lost("ip", "-n", self.lab.namespace("scan"), "link", "set", "scan0", "down",
                       link=self.links()[-1])

    def test_link_is_deleted(self) -> None:
        self.link_lost("ip", "-n", self.lab.namespace("scan"), "link", "del", "scan0",
                       link=self.links()[-1])

    def test_link_is_deleted_on_af_packet(self) -> None:
        self.link_lost("ip", "-n", self.lab.namespace("scan"), "link", "del", "scan0",
                       link=labs.AF_PACKET_LINK)

    def test_disk_fills_up(self) -> None:
        with labs.small_disk("64k") as disk:
            survey = self.lab.survey(*LONG, output=disk / "found")
            self.assertEqual(OUTPUT, survey.code, survey.stderr)
            self.assert_one_error(survey, str(disk / "found"), "No space left")
            self.assert_true_so_far(survey)
            self.assertEqual(OUTPUT, survey.metadata["exit_code"])

    def test_device_that_is_always_full(self) -> None:
        survey = self.lab.survey("198.18.16.0/24", "-p", "80", "--states", "all",
                                 output=pathlib.Path("/dev/full"))
        self.assertEqual(OUTPUT, survey.code, survey.stderr)
        self.assert_one_error(survey, "/dev/full", "No space left")

    def test_signals_end_the_survey_in_order(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                survey = self.lab.start(*LONG)
                survey.wait_for_lines(10)
                survey.process.send_signal(number)
                survey.wait()
                self.assertEqual(INTERRUPTED, survey.code, survey.stderr)
                self.assert_true_so_far(survey)
                counters = survey.counters
                self.assertEqual(INTERRUPTED, survey.metadata["exit_code"])
                self.assertEqual(len(survey.found()), counters["open"] + counters["closed"]
                                 + counters["unreachable"])

    def test_a_summary_follows_an_interrupt(self) -> None:
        command = [word for word in self.lab.command(*LONG) if word != "-q"]
        survey = labs.Survey(command, self.lab.folder, self.lab.folder / "found")
        survey.wait_for_lines(10)
        survey.process.send_signal(signal.SIGINT)
        survey.wait()
        self.assertEqual(INTERRUPTED, survey.code, survey.stderr)
        self.assertRegex(survey.stderr, r"(?m)^\s+sent\s+\d+  of 245760 targets")

    def test_killed_at_once(self) -> None:
        survey = self.lab.start(*LONG)
        survey.wait_for_lines(10)
        survey.process.kill()
        survey.wait()
        self.assertEqual(-signal.SIGKILL, survey.code)
        self.assert_true_so_far(survey)

    def test_the_link_works_again_after_a_kill(self) -> None:
        survey = self.lab.start(*LONG)
        survey.wait_for_lines(10)
        survey.process.kill()
        survey.wait()
        again = self.lab.survey("198.18.16.0/24", "-p", "80")
        self.assertEqual(0, again.code, again.stderr)
        expected = {item for item in self.lab.truth("80") if item[0].startswith("198.18.16.")}
        self.assertEqual(expected, set(again.found()))

    def test_max_runtime_ends_it(self) -> None:
        survey = self.lab.survey(*LONG, "--max-runtime", "1s")
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertEqual("max-runtime", survey.metadata["exit_reason"])
        self.assert_true_so_far(survey)


if __name__ == "__main__":
    labs.main("mount")
