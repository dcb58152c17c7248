#!/usr/bin/env python3
"""The command line of the simulated network: usage config_test.py TRAWL_SIMNET."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SIMNET = ""
USAGE, BAD_INPUT = 2, 3


def simnet(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([SIMNET, *words], text=True, capture_output=True, timeout=60, **options)


class Config(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="trawl-config-test-")
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, "given.conf")

    def config(self, *words: str, **options) -> str:
        done = simnet("config", *words, **options)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def test_options_become_a_file(self) -> None:
        self.assertEqual("live = .5\nsilent = 198.18.0.4\nsilent = 198.18.0.5\narp-all = true\n",
                         self.config("--silent", "198.18.0.4", "--arp-all", "--live", ".5",
                                     "--silent", "198.18.0.5"))

    def test_a_file_comes_before_the_options(self) -> None:
        self.file.write_text("live = 0.1 # Few.\nseed = 7", encoding="utf-8")
        both = self.config("--config", str(self.file), "--live", ".5")
        self.assertEqual("live = 0.1 # Few.\nseed = 7\nlive = .5\n", both)
        self.assertEqual(both, self.config("--config", "/dev/stdin", "--live", ".5",
                                           input=self.file.read_text(encoding="utf-8")))
        self.file.write_text(both, encoding="utf-8")
        truth = ["--prefix", "198.18.0.0/22", "--ports", "80"]
        self.assertEqual(simnet("truth", *truth, "--live", ".5", "--seed", "7").stdout,
                         simnet("truth", *truth, "--config", str(self.file)).stdout)

    def test_a_folder_is_no_file(self) -> None:
        for command in (["config"], ["truth", "--ports", "80"]):
            done = simnet(*command, "--config", "/tmp")
            self.assertEqual(BAD_INPUT, done.returncode)
            self.assertEqual("trawl-simnet: cannot read the configuration file /tmp\n",
                             done.stderr)

    def test_unknown_options_are_named(self) -> None:
        done = simnet("config", "--frob", "1")
        self.assertEqual(USAGE, done.returncode)
        self.assertIn("--frob", done.stderr.splitlines()[0])


if __name__ == "__main__":
    SIMNET = sys.argv.pop(1)
    unittest.main(verbosity=2)
