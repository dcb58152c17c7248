#!/usr/bin/env python3
"""Surveys of simulated IPv6 hosts over shared memory: what is found is the truth, also after a kill.
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench/peers"))
import programs

# 2^16 addresses in one /64, and as many again that nobody has.
PREFIX, TARGETS, PORTS = "2001:db8::/111", 1 << 17, "80,443"
POPULATION = ["--prefix6", "2001:db8::/112", "--live6", "3000", "--seed", "3"]
TALK = ["--talk", "ssh=0.2,http=0.2,tls=0.1,smtp=0.1,slow=0.02,mute-close=0.05,zero-window=0.05,"
        "reset=0.05,tarpit=0.02,syn-proxy=0.05"]


def endpoints(path: pathlib.Path) -> list[tuple[str, int]]:
    with open(path, encoding="utf-8") as lines:
        return [(found["ip"], found["port"]) for found in map(json.loads, lines)]


class Memif6(unittest.TestCase):
    def setUp(self) -> None:
        self.work = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="trawl-memif6-test-")))
        self.cpus = sorted(os.sched_getaffinity(0))
        text = subprocess.run([programs.SIMNET, "truth", *POPULATION, "--ports", PORTS],
                              capture_output=True, check=True, text=True).stdout
        found = map(json.loads, text.splitlines())
        self.truth = {(one["ip"], one["port"]) for one in found if ":" in one["ip"]}

    @contextlib.contextmanager
    def simnet(self, name: str, *more: str):
        """The simulated network on a socket of its own; yields the link to it."""
        socket, ready = self.work / f"{name}.sock", self.work / f"{name}.ready"
        log = self.work / f"{name}.log"
        command = [programs.SIMNET, "run", "--link",
                   f"net_memif0,role=server,socket={socket},socket-abstract=no", *POPULATION, *more,
                   "--cpu", str(self.cpus[-1]), "--ready-file", str(ready), "--max-runtime", "100"]
        with programs.running(command, log) as process:
            def is_ready() -> bool:
                programs.still_running(process, log)
                return ready.exists()

            programs.wait_for(is_ready, 20, "trawl-simnet starting")
            yield f"net_memif0,role=client,socket={socket},socket-abstract=no"
        ready.unlink()

    def options(self, link: str, *more: str) -> list[str]:
        return ["--link", link, "--lcores", str(self.cpus[0]), "-p", PORTS, PREFIX,
                "--allow-special", "2001:db8::/32", "--cooldown", "1s", "-q", *more]

    def test_everything_open_is_found_once(self) -> None:
        output = self.work / "found.jsonl"
        with self.simnet("whole") as link:
            counters = programs.run_trawl(self.options(link, "--rate", "max", "-o", str(output))
                                          )["counters"]
        found = endpoints(output)
        self.assertEqual((2 * TARGETS, 2 * TARGETS), (counters["targets"], counters["sent"]))
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(self.truth, set(found))
        self.assertGreater(len(found), 1000)

    def test_open_ports_are_talked_to(self) -> None:
        output = self.work / "banners.jsonl"
        with self.simnet("banners", *TALK) as link:
            programs.run_trawl(self.options(link, "--rate", "20000", "--banners", "-o",
                                            str(output)))
        text = subprocess.run([programs.SIMNET, "truth", *POPULATION, *TALK, "--ports", PORTS],
                              capture_output=True, check=True, text=True).stdout
        truth = {(one["ip"], one["port"]): one for one in map(json.loads, text.splitlines())
                 if ":" in one["ip"]}
        lines = map(json.loads, output.read_text(encoding="utf-8").splitlines())
        facts = {(line["ip"], line["port"]): line for line in lines
                 if line.get("type") == "service"}
        self.assertEqual({at: one["class"] for at, one in truth.items()},
                         {at: fact["class"] for at, fact in facts.items()})
        # What each says to anybody, or was asked for as it wants.
        short = {at: one for at, one in truth.items() if "banner_hex" in one}
        for talk, port in (("ssh", 80), ("ssh", 443), ("smtp", 80), ("http", 80)):
            said = {at: bytes.fromhex(one["banner_hex"]) for at, one in short.items()
                    if one["talk"] == talk and at[1] == port}
            self.assertGreater(len(said), 0, (talk, port))
            for at, banner in said.items():
                heard = facts[at]["banner"].encode("latin-1")
                self.assertTrue(heard.startswith(banner), (at, heard, banner))

    def test_silent_targets_of_networks_that_answered_are_repeated(self) -> None:
        metadata = self.work / "metadata"
        with self.simnet("again") as link:
            done = subprocess.run(
                [programs.TRAWL, "survey", *self.options(
                    link, "--rate", "max", "--retries", "responsive", "--retry-delay", "100ms",
                    "-o", str(self.work / "again.jsonl"), "--metadata", str(metadata))],
                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        counters = json.loads(metadata.read_text(encoding="utf-8"))["counters"]
        # All targets share a /64.
        self.assertEqual(2 * TARGETS - counters["replies"], counters["sent"] - 2 * TARGETS)

    def test_killed_survey_goes_on_without_gap_or_duplicate(self) -> None:
        output, checkpoint = self.work / "killed.jsonl", self.work / "checkpoint"
        with self.simnet("first") as link:
            survey = subprocess.Popen(
                [programs.TRAWL, "survey", *self.options(
                    link, "--rate", "60k", "--retries", "none", "-o", str(output),
                    "--checkpoint", str(checkpoint))],
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(2.5)
            self.assertIsNone(survey.poll(), "it ended before it could be killed")
            survey.kill()
            survey.wait()
            self.assertLess(len(endpoints(output)), len(self.truth))
        # The link is named by the checkpoint.
        with self.simnet("first"):
            done = subprocess.run([programs.TRAWL, "resume", str(checkpoint), "-q"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        found = endpoints(output)
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(self.truth, set(found))


if __name__ == "__main__":
    try:
        programs.need(programs.TRAWL, programs.SIMNET)
    except RuntimeError as error:
        print(f"skipped: {error}")
        sys.exit(77)
    unittest.main(verbosity=2)
