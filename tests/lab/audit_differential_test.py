#!/usr/bin/env python3
"""Audits beside nmap's: the same command lines, against the same hosts, have to find the same.

    audit_differential_test.py [-k PATTERN ...]     the cases of audit_cases.py, or those that match

Each case runs nmap and trawl, one after the other, in a scanner's namespace of its own; four at a
time. TRAWL_AUDIT_PROGRAM=nmap runs nmap twice instead, which shows whether the cases are steady.
TRAWL_AUDIT_KEEP=FOLDER keeps the reports.
"""
import concurrent.futures
import fnmatch
import os
import pathlib
import queue
import re
import shlex
import subprocess
import sys
import tempfile
import time
import unittest

import audit_cases
import audit_compare
import audit_lab
import labs

PROGRAM = os.environ.get("TRAWL_AUDIT_PROGRAM", labs.TRAWL)
PEER = "nmap"
DTD = "/usr/share/nmap/nmap.dtd"
RUN_PATIENCE = 40  # Seconds; nmap takes six for the longest case.
MOST_REPEATED = 10  # With more failures than this the machine is not to blame.
# Somebody without rights: no raw sockets.
NOBODY = ["setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all", "--"]
PACE = (("-T", "-T4"), ("--max-retries", "--max-retries=1"))


class Failed(Exception):
    """A run that left nothing to compare."""


def command_line(case: audit_cases.Case, scanner: str) -> list[str]:
    """What follows the program's name. Short addresses mean those of the lab."""
    own = audit_lab.LINKS[scanner][1][0]
    options = shlex.split(case.options.format(me=audit_lab.v4(own), device=f"{scanner}0"))
    address = audit_lab.v6 if "-6" in options else audit_lab.v4
    targets = [address(own) if word == "me" else
               address(word) if re.fullmatch(r"\d+\.\d+", word) else word
               for word in case.targets.split()]
    pace = [word for option, word in PACE
            if not any(each.startswith(option) for each in options)]
    return ["-n", *pace, *options, *targets]


class Bench:
    """The lab, and the runs in it."""

    def __init__(self, lab: audit_lab.AuditLab, folder: pathlib.Path) -> None:
        self._lab = lab
        self._folder = folder
        self._scanners: queue.SimpleQueue[str] = queue.SimpleQueue()
        for scanner in audit_lab.SCANNERS:
            self._scanners.put(scanner)
        self.seconds = {PEER: 0.0, PROGRAM: 0.0}

    def check(self, case: audit_cases.Case) -> list[str]:
        """What is wrong: nothing when both say the same."""
        scanner = self._scanners.get()
        try:
            peers = self._run(PEER, case, scanner, "peer")
            ours = self._run(PROGRAM, case, scanner, "ours")
            return [str(each) for each in audit_compare.differences(ours, peers, case=case.name)
                    if not any(fnmatch.fnmatchcase(f"{each.aspect} {each.where}", pattern)
                               for pattern in case.ignore)]
        except Failed as failed:
            return [str(failed)]
        except audit_compare.BadReport as bad:
            return [f"the report cannot be read: {bad}"]
        finally:
            self._scanners.put(scanner)

    def _run(self, program: str, case: audit_cases.Case, scanner: str, side: str
             ) -> audit_compare.Report:
        path = self._folder / f"{case.name}.{side}.xml"
        path.unlink(missing_ok=True)
        path.touch()
        path.chmod(0o666)
        command = [*self._lab.within(scanner), *(NOBODY if case.nobody else []), program,
                   *command_line(case, scanner), "-oX", str(path)]
        self._lab.forget_neighbours(scanner)
        began = time.monotonic()
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", timeout=RUN_PATIENCE, check=False)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"{shlex.join(command)}: still running after {RUN_PATIENCE} s") from late
        finally:
            self.seconds[program] += time.monotonic() - began
        said = " ".join(done.stderr.split()[-60:])
        if "is not there yet" in done.stderr:
            raise Failed(said)
        if done.returncode != 0:
            raise Failed(f"{shlex.join(command)}: code {done.returncode}: {said}")
        if program != PEER:
            valid = labs.run(["xmllint", "--noout", "--dtdvalid", DTD, str(path)])
            if valid.returncode != 0:
                raise Failed(f"the XML does not follow the DTD: {valid.stderr.strip()[:500]}")
        return audit_compare.read(str(path))


bench: Bench
results: dict[str, concurrent.futures.Future] = {}
selected: list[audit_cases.Case] = []


class Audits(unittest.TestCase):
    """One test for each case; they run in setUpModule, and here they are judged."""

    def check(self, case: audit_cases.Case) -> None:
        wrong = results[case.name].result() if case.name in results else bench.check(case)
        failed = sum(bool(each.result()) for each in results.values())
        if wrong and PROGRAM != PEER and failed <= MOST_REPEATED:
            # Once more by itself: on a busy machine a reply can come after its time.
            wrong = bench.check(case)
        if wrong:
            self.fail("\n  ".join([f"{case.options} {case.targets}", *wrong[:30]]))


def make_test(case: audit_cases.Case):
    def test(self: Audits) -> None:
        self.check(case)
    return test


for each_case in audit_cases.CASES:
    name = f"test_{each_case.name}"
    if hasattr(Audits, name):
        raise ValueError(f"two cases named {each_case.name}")
    setattr(Audits, name, make_test(each_case))


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, _: str | None
               ) -> unittest.TestSuite:
    """Learns which cases were asked for."""
    chosen = set(loader.getTestCaseNames(Audits))
    selected.extend(case for case in audit_cases.CASES if f"test_{case.name}" in chosen)
    return tests


def setUpModule() -> None:  # pylint: disable=invalid-name
    global bench  # pylint: disable=global-statement
    folder = os.environ.get("TRAWL_AUDIT_KEEP") or unittest.enterModuleContext(
        tempfile.TemporaryDirectory(prefix="trawl-lab-test-"))
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    bench = Bench(unittest.enterModuleContext(audit_lab.AuditLab()), pathlib.Path(folder))
    with concurrent.futures.ThreadPoolExecutor(len(audit_lab.SCANNERS)) as pool:
        for case in selected:
            if not case.alone:
                results[case.name] = pool.submit(bench.check, case)


def tearDownModule() -> None:  # pylint: disable=invalid-name
    # unittest has no other place for a remark about the whole.
    print(", ".join(f"{os.path.basename(program)} ran for {seconds:.0f} s"
                    for program, seconds in bench.seconds.items()), file=sys.stderr)


if __name__ == "__main__":
    labs.main("nmap", "nft", "xmllint", "setpriv")
