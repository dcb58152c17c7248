#!/usr/bin/env python3
"""What tests/summary.py makes of the output of test programs."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SUMMARY = pathlib.Path(__file__).with_name("summary.py")
GTEST = """[ RUN      ] A.Passes
[       OK ] A.Passes (0 ms)
[ RUN      ] A.Skips
a_test.cc:3: Skipped
no such device
[  SKIPPED ] A.Skips (0 ms)
"""
CASES = """
import unittest
class Some(unittest.TestCase):
    def test_passes(self): pass
    def test_with_docstring(self):
        \"\"\"Says what it is.\"\"\"
        self.skipTest("it's late")
    @unittest.skip("too \\\\ heavy")
    def test_decorated(self): pass
class Never(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("no root")
    def test_one(self): pass
    def test_two(self): pass
"""
FAILING = """
class Bad(unittest.TestCase):
    def test_fails(self): self.fail("on purpose")
    def test_breaks(self): raise OSError("on purpose too")
"""


class Summary(unittest.TestCase):
    def summary(self, *results: dict, code: int = 0) -> tuple[list[str], str]:
        with tempfile.TemporaryDirectory() as name:
            log, console = pathlib.Path(name, "log"), pathlib.Path(name, "console")
            console.write_text("the console", encoding="utf-8")
            log.write_text("".join(json.dumps({"name": "t", "returncode": 0, "duration": 1.0,
                                               "result": "OK"} | result) + "\n"
                                   for result in results), encoding="utf-8")
            lines = subprocess.run([sys.executable, SUMMARY, log, console, str(code)], text=True,
                                   capture_output=True, check=True).stdout.splitlines()
        return lines[:-1], lines[-1]

    def run_cases(self, text: str) -> dict:
        done = subprocess.run([sys.executable, "-c", text + "unittest.main(verbosity=2)"],
                              text=True, capture_output=True)
        return {"stdout": done.stdout, "stderr": done.stderr, "returncode": done.returncode,
                "result": "FAIL" if done.returncode else "OK"}

    def test_googletest_counts_by_case(self) -> None:
        self.assertEqual((["      skipped A.Skips: no such device"], "1 0 1"),
                         self.summary({"stdout": GTEST}))

    def test_unittest_counts_by_case(self) -> None:
        lines, counts = self.summary(self.run_cases(CASES))
        self.assertEqual("1 0 3", counts)
        self.assertEqual(3, len(lines), lines)
        for line, why in zip(sorted(lines), ("no root", "too \\\\ heavy", "it's late")):
            self.assertTrue(line.startswith("      skipped __main__."), line)
            self.assertTrue(line.endswith(f": {why}"), line)

    def test_failures_are_shown(self) -> None:
        lines, counts = self.summary(self.run_cases(CASES + FAILING), code=1)
        self.assertEqual("1 2 3", counts)
        self.assertTrue(any("on purpose too" in line for line in lines), lines)

    def test_anything_else_counts_as_one(self) -> None:
        self.assertEqual(([], "1 0 0"), self.summary({"stdout": "fine"}))
        self.assertEqual("0 1 0", self.summary({"result": "FAIL", "returncode": 3}, code=1)[1])
        self.assertEqual((["      skipped t: needs root"], "0 0 1"),
                         self.summary({"result": "SKIP", "stdout": "hello\nneeds root\n"}))
        self.assertEqual("2 0 1", self.summary({"stdout": "fine"}, {"stdout": GTEST})[1])

    def test_what_passes_alone_counts_as_passed_and_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            first, again = pathlib.Path(name, "first"), pathlib.Path(name, "again")
            each = {"returncode": 1, "duration": 1.0, "stderr": "why", "result": "FAIL"}
            first.write_text("".join(json.dumps(each | {"name": f"trawl:net / {test}"}) + "\n"
                                     for test in "ab"), encoding="utf-8")
            command = [sys.executable, SUMMARY, first, first, "1"]
            failed = subprocess.run([sys.executable, SUMMARY, "--failed", first], text=True,
                                    capture_output=True, check=True).stdout
            self.assertEqual(failed.split(), ["a", "b"])
            again.write_text(json.dumps(each | {"name": "trawl:net / a", "returncode": 0,
                                                "result": "OK"}) + "\n", encoding="utf-8")
            once = subprocess.run(command, text=True, capture_output=True, check=True).stdout
            self.assertEqual(once.splitlines()[-1], "0 2 0")
            both = subprocess.run([*command, again], text=True, capture_output=True,
                                  check=True).stdout
        self.assertEqual(both.splitlines()[-1], "1 1 0")
        self.assertIn("unsteady trawl:net / a", both)
        self.assertEqual(both.count("why"), 2)

    def test_a_run_that_broke_is_a_failure(self) -> None:
        self.assertEqual((["the console"], "0 1 0"), self.summary(code=1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
