#!/usr/bin/env python3
"""A test that is killed leaves nothing behind: no namespace, no process, no changed setting."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import guardian
import labs

# Says the lab's name and folder once a survey runs in it, then hangs.
VICTIM = """
import sys, time
sys.path.insert(0, sys.argv[1])
import labs
with labs.Lab("--no-servers", "--rtt", "0") as lab:
    survey = lab.start("198.18.0.0/16", "-p", "1-60", "--rate", "1k")
    survey.wait_for_lines(1)
    print(lab.name, lab.folder, flush=True)
    time.sleep(600)
"""
# Killed while its lab comes up.
HASTY = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
import labs
lab = labs.Lab("--rtt", "0")
print(lab.name, lab.folder, flush=True)
threading.Thread(target=lab.__enter__).start()
time.sleep(600)
"""


def namespaces(name: str) -> list[str]:
    return [line for line in labs.must("ip", "netns").split() if line.startswith(f"trawl-{name}-")]


def programs(name: str) -> list[str]:
    """Command lines that name the lab or a namespace of its, as its simulated network does."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\\0")
        except OSError:
            continue
        line = b" ".join(words).decode(errors="replace")
        if f"trawl-lab/{name}/" in line or f"trawl-{name}-" in line or f"--name {name} " in line:
            found.append(line)
    return found


class Killed(unittest.TestCase):
    def start(self, script: str) -> tuple[subprocess.Popen, str, pathlib.Path]:
        process = subprocess.Popen([sys.executable, "-c", script, os.path.dirname(__file__)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   start_new_session=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        name, folder = process.stdout.readline().split()
        return process, name, pathlib.Path(folder)

    def assert_nothing_stays(self, name: str, folder: pathlib.Path) -> None:
        labs.wait_until(lambda: not folder.exists(), "removal of the lab")
        self.assertEqual([], namespaces(name))
        labs.wait_until(lambda: not programs(name), "end of what ran in the lab", 5)
        self.assertFalse(pathlib.Path("/run/trawl-lab", name).exists())

    def kill(self, number: int) -> None:
        process, name, folder = self.start(VICTIM)
        self.assertEqual(2, len(namespaces(name)))
        self.assertTrue(any("trawl-simnet" in line for line in programs(name)))
        os.killpg(process.pid, number)
        process.wait()
        self.assert_nothing_stays(name, folder)

    def test_by_sigkill(self) -> None:
        self.kill(signal.SIGKILL)

    def test_by_sigterm(self) -> None:
        self.kill(signal.SIGTERM)

    def test_by_ctrl_c(self) -> None:
        self.kill(signal.SIGINT)

    def test_while_its_lab_comes_up(self) -> None:
        process, name, folder = self.start(HASTY)
        labs.wait_until(lambda: namespaces(name), "namespace")
        process.kill()  # Alone: `lab up` goes on.
        process.wait()
        self.assert_nothing_stays(name, folder)


class Restored(unittest.TestCase):
    def test_a_setting_is_written_back(self) -> None:
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("7")
            file.flush()
            with guardian.Guardian(guardian.restore(file.name)):
                pathlib.Path(file.name).write_text("0")
            self.assertEqual("7", pathlib.Path(file.name).read_text())

    def test_what_cannot_be_undone_is_said(self) -> None:
        with self.assertRaisesRegex(AssertionError, "could not undo: false 1"):
            with guardian.Guardian(["true"], ["false", "1"], ["true"]):
                pass


if __name__ == "__main__":
    labs.main("xargs")
