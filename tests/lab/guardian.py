#!/usr/bin/env python3
"""Undoes what a test did to the machine, however the test ends: also by SIGKILL or Ctrl-C.

A guardian is a process of its own session that holds the other end of a pipe. The pipe closes when
the test closes it or dies, and then the guardian runs the commands it was given:

    guardian.py '[["trawl", "lab", "down", "--name", "x"], ...]'
"""
import json
import signal
import subprocess
import sys
import time

DONE = b"done"
# For a command the dead test had just started, such as `lab up`, to get hold of its lock.
GRACE = 2
PATIENCE = 120


class Guardian:
    """Use in a with statement; commands run in their order when the block ends."""

    def __init__(self, *commands: list[str]) -> None:
        self.commands = commands
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Guardian":
        # Whoever waits for the test's output must not wait for the guardian.
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(self.commands)], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(DONE, timeout=PATIENCE)
        if self._process.returncode != 0:
            raise AssertionError("could not undo: "
                                 + " ".join(self.commands[self._process.returncode - 1]))


def restore(path: str) -> list[str]:
    """The command that writes back what a file of /proc or /sys holds now."""
    with open(path, encoding="ascii") as file:
        return ["sh", "-c", 'printf %s "$1" >"$2"', "sh", file.read().strip(), path]


def main() -> int:
    """The number of the last command that failed, from 1; 0 when none did."""
    commands = json.loads(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, unlike SIG_IGN, is not passed on to the commands.
        signal.signal(number, lambda *_: None)
    if sys.stdin.buffer.read() != DONE:
        time.sleep(GRACE)
    failed = 0
    for index, command in enumerate(commands, start=1):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            failed = index
    return failed


if __name__ == "__main__":
    sys.exit(main())
