#!/usr/bin/env python3
"""Surveys that are killed and go on from their checkpoint: nothing skipped, no line twice."""
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time
import unittest

import labs
import wire

PORTS = "80,443"
TARGETS = "198.18.128.0/17"
TARGET_COUNT = 65536


class Resume(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(labs.Lab("--no-servers", "--rtt", "1", "--driver",
                                                 "af_packet"))
        cls.truth = {(ip, port) for ip, port, _ in cls.lab.truth(PORTS)
                     if ip.startswith("198.18.") and int(ip.split(".")[2]) >= 128}

    def setUp(self) -> None:
        self.folder = self.lab.folder / self.id().rsplit(".", 1)[1]
        self.folder.mkdir()
        self.checkpoint = self.folder / "checkpoint"
        self.found = self.folder / "found.jsonl"
        self.table = self.folder / "found.csv"
        self.metadata = self.folder / "metadata.json"

    def survey(self, *arguments: str) -> list[str]:
        return [*self.lab.within(), labs.TRAWL, "survey", "--link", "scan0",
                "--allow-special", labs.NETWORK, "-q", "--cooldown", "1s", "-p", PORTS, TARGETS,
                "-o", str(self.found), "-o", str(self.table), "--checkpoint",
                str(self.checkpoint), "--metadata", str(self.metadata), *arguments]

    def resume(self, *arguments: str) -> list[str]:
        return [*self.lab.within(), labs.TRAWL, "resume", "-q", *arguments, str(self.checkpoint)]

    def kill_after(self, command: list[str], seconds: float) -> bool:
        """True when the process was killed before it ended by itself, with code 0."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   start_new_session=True)
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        self.assertEqual(0, process.returncode, said.decode())
        return False

    def expect_whole(self) -> dict:
        listed = [(line["ip"], line["port"])
                  for line in map(json.loads, self.found.read_text().splitlines())]
        self.assertEqual(len(set(listed)), len(listed), "no line is there twice")
        self.assertEqual(self.truth, set(listed))
        self.assertEqual(len(listed), len(self.table.read_text().splitlines()) - 1)
        return json.loads(self.metadata.read_text())["counters"]

    def test_kills_lose_nothing_on_any_number_of_cores(self) -> None:
        random.seed(4)
        cores = ("0", "1,0", "1,0,0")
        started = self.kill_after(self.survey("--rate", "30k", "--retries", "none"), 1.2)
        self.assertTrue(started)
        self.assertTrue(self.checkpoint.exists())
        kills = 1
        # Later and later: on a busy machine it takes a while until anything is sent.
        while self.kill_after(self.resume("--lcores", cores[kills % 3]),
                              random.uniform(0.9, 1.6) + 0.2 * kills):
            kills += 1
            self.assertLess(kills, 30)
        self.assertGreater(kills, 1)
        counters = self.expect_whole()
        # What was on its way at a kill is sent again: some milliseconds' worth.
        self.assertGreaterEqual(counters["sent"], TARGET_COUNT)
        self.assertLess(counters["sent"], TARGET_COUNT * 1.2)

    def test_interrupted_survey_goes_on_with_its_repeats(self) -> None:
        command = self.survey("--rate", "50k", "--retries", "responsive", "--retry-delay", "100ms")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2.2)  # In the second sweep, most likely; wherever it is, it must go on.
        process.send_signal(signal.SIGINT)
        self.assertEqual(130, process.wait(20))
        self.assertFalse(self.kill_after(self.resume("--rate", "100k"), 60))
        counters = self.expect_whole()
        self.assertGreater(counters["repeats"], 0)
        done = labs.run(self.resume())
        self.assertEqual(0, done.returncode, done.stderr)
        self.expect_whole()

    def test_who_was_excluded_since_is_left_alone(self) -> None:
        excluded = self.folder / "blocklist"
        excluded.write_text("198.18.1.0/24\n")
        options = ("--rate", "10k", "--retries", "none", "--blocklist-file", str(excluded))
        self.assertTrue(self.kill_after(self.survey(*options), 2))
        excluded.write_text("198.18.1.0/24\n198.18.128.0/18\n")
        with self.lab.capture("tcp and src host 198.18.0.1 and dst net 198.18.128.0/18") as path:
            done = labs.run(self.resume("--rate", "50k"))
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("16384 addresses of the survey are excluded by now", done.stderr)
        self.assertEqual([], wire.frames(path))
        found = {(line["ip"], line["port"])
                 for line in map(json.loads, self.found.read_text().splitlines())}
        left = {(ip, port) for ip, port in self.truth if int(ip.split(".")[2]) >= 192}
        self.assertEqual(left, found & left)

    def test_goes_on_when_the_disk_has_room_again(self) -> None:
        with labs.small_disk("64m") as disk:
            self.found, self.table = disk / "found.jsonl", disk / "found.csv"
            self.checkpoint, self.metadata = disk / "checkpoint", disk / "metadata.json"
            # Too little for the results, and not for the checkpoint, which reserves its room.
            survey = subprocess.Popen(self.survey("--rate", "20k", "--retries", "none"),
                                      stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            self.addCleanup(survey.kill)
            labs.wait_until(lambda: self.found.exists() and self.found.stat().st_size > 0,
                            "results")
            with open(disk / "filler", "wb", buffering=0) as filler:
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(4096))
            _, said = survey.communicate(timeout=labs.PATIENCE)
            self.assertEqual(6, survey.returncode, said)
            self.assertIn("No space left", said)
            refused = labs.run(self.resume())
            self.assertEqual(6, refused.returncode, refused.stderr)
            (disk / "filler").unlink()
            done = labs.run(self.resume("--rate", "50k"))
            self.assertEqual(0, done.returncode, done.stderr)
            self.expect_whole()

    def test_clock_that_is_set_changes_nothing(self) -> None:
        """An hour back while it runs, a day on while it is down; the rate and the end stay."""
        shim = self.folder / "clock.so"
        labs.must("cc", "-shared", "-fPIC", "-O1", "-o", str(shim),
                  str(pathlib.Path(__file__).with_name("clock_step.c")))
        offset = self.folder / "offset"
        offset.write_text("0")
        clock = ["env", f"LD_PRELOAD={shim}", f"CLOCK_STEP_FILE={offset}"]
        at = len(self.lab.within())
        command = self.survey("--rate", "20k", "--retries", "none")
        survey = subprocess.Popen([*command[:at], *clock, *command[at:]], stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(survey.kill)
        labs.wait_until(lambda: self.found.exists() and self.found.stat().st_size > 0, "results")
        offset.write_text("-3600")
        time.sleep(0.7)
        self.assertIsNone(survey.poll())
        os.killpg(survey.pid, signal.SIGKILL)
        survey.communicate()
        offset.write_text("86400")
        command = self.resume()
        start = time.monotonic()
        done = labs.run([*command[:at], *clock, *command[at:]])
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertLess(time.monotonic() - start, 20)
        counters = self.expect_whole()
        self.assertLess(counters["sent"], TARGET_COUNT * 1.1)

    def test_survey_without_time_stamps_goes_on_as_it_began(self) -> None:
        options = ("--tcp-options", "mss", "--rate", "20k")
        self.assertTrue(self.kill_after(self.survey(*options), 2))
        refused = labs.run(self.resume("--rate", "auto"))
        self.assertEqual(2, refused.returncode, refused.stderr)
        self.assertIn("--tcp-options mss", refused.stderr)
        done = labs.run(self.resume())
        self.assertEqual(0, done.returncode, done.stderr)
        self.expect_whole()
        self.assertNotIn("rtt_us", self.found.read_text())

    def test_what_is_no_checkpoint_of_ours_is_refused(self) -> None:
        self.assertTrue(self.kill_after(self.survey("--rate", "10k"), 1.5))
        again = labs.run(self.survey("--rate", "10k"))
        self.assertEqual(6, again.returncode)
        self.assertIn("trawl resume", again.stderr)
        whole = self.checkpoint.read_bytes()
        for what, content in (("empty", b""), ("short", whole[:5000]), ("text", b"hello\n" * 2000),
                              ("edited", whole[:4200] + b"x" + whole[4201:])):
            with self.subTest(what):
                self.checkpoint.write_bytes(content)
                refused = labs.run(self.resume())
                self.assertEqual(3, refused.returncode, refused.stderr)
                self.assertIn(str(self.checkpoint), refused.stderr)
        self.checkpoint.unlink()
        self.assertEqual(3, labs.run(self.resume()).returncode)
        self.assertEqual(2, labs.run([labs.TRAWL, "resume"]).returncode)


if __name__ == "__main__":
    labs.main("tcpdump", "cc")
