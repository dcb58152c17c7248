#!/usr/bin/env python3
"""The checker that ticks targets off: usage target_check_test.py TARGET_CHECK."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

TARGET_CHECK = ""


def target(number: int, port: int) -> str:
    return f"198.18.{number >> 8}.{number & 255}:{port}\n"


ALL = [target(number, port) for number in range(512) for port in (80, 443)]


class TargetCheck(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="trawl-check-test-")
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, "file")

    def check(self, lines: list[str], *words: str) -> dict:
        done = subprocess.run([TARGET_CHECK, "--targets", "198.18.0.0/23", "--ports", "80,443",
                               *words], input="".join(lines), text=True, capture_output=True,
                              timeout=60)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        found = json.loads(done.stdout)
        del found["seconds"]
        return found

    def expect(self, found: dict, **different: int) -> None:
        whole = {"expected": 1024, "came": 1024, "missed": 0, "twice": 0, "outside": 0,
                 "bad_lines": 0}
        self.assertEqual({**whole, **different}, found)

    def test_all_in_any_order(self) -> None:
        self.expect(self.check(ALL))
        self.expect(self.check(ALL[::-1]))
        self.expect(self.check([line.replace(":", ",") for line in ALL]))

    def test_one_is_missed(self) -> None:
        self.expect(self.check(ALL[:-1]), came=1023, missed=1)

    def test_one_comes_twice(self) -> None:
        self.expect(self.check([*ALL, ALL[7]]), came=1025, twice=1)
        self.expect(self.check([*ALL[1:], ALL[7]]), missed=1, twice=1)

    def test_others_are_outside(self) -> None:
        for other in ("198.18.2.0:80\n", "198.17.255.255:80\n", "198.18.0.0:81\n"):
            self.expect(self.check([*ALL, other]), came=1025, outside=1)

    def test_excluded_is_not_expected(self) -> None:
        self.file.write_text("# a comment\n198.18.0.0/25\n198.18.1.255\n", encoding="utf-8")
        left = ALL[256:-2]
        exclude = ("--exclude", str(self.file))
        self.expect(self.check(left, *exclude), expected=766, came=766)
        self.expect(self.check([*left, ALL[0]], *exclude), expected=766, came=767, outside=1)

    def test_a_list_may_say_what_is_expected(self) -> None:
        self.file.write_text("ip,port,state\n198.18.0.5,80,open\n198.18.0.6,443,open\n",
                             encoding="utf-8")
        expect = ("--expect", str(self.file))
        self.expect(self.check(["ip,port\n", "198.18.0.5,80\n", "198.18.0.6,443\n"], *expect),
                    expected=2, came=2)
        self.expect(self.check(["198.18.0.6,443\n", "198.18.0.7,443\n"], *expect), expected=2,
                    came=2, missed=1, outside=1)

    def test_lines_that_are_no_targets(self) -> None:
        bad = ("hello\n", "198.18.0:80\n", "198.18.0.256:80\n", "198.18.0.1:65536\n", "\n",
               "198.18.0.1\n", "198.18.0.1.1:80\n", "198.18.0.1:80 \n")
        for line in bad:
            self.expect(self.check([*ALL, line]), bad_lines=1)

    def test_last_line_without_line_feed(self) -> None:
        self.expect(self.check([*ALL[:-1], ALL[-1].rstrip("\n")]))

    def test_what_it_cannot_do_is_said(self) -> None:
        for words in (("--targets", "x", "--ports", "80"), ("--targets", "198.18.0.0/24"),
                      ("--targets", "198.18.0.0/24", "--ports", "80", "--exclude", "/nowhere")):
            done = subprocess.run([TARGET_CHECK, *words], input="", text=True, capture_output=True,
                                  timeout=60)
            self.assertNotEqual(0, done.returncode)
            self.assertNotEqual("", done.stderr)


if __name__ == "__main__":
    TARGET_CHECK = sys.argv.pop(1)
    unittest.main(verbosity=2)
