#!/usr/bin/env python3
"""Every kind of probe finds what is there for it, all of it and nothing else."""
import json
import unittest

import labs

# A sixteenth of the lab.
TARGETS = "198.18.32.0/19"
FIRST, LAST = 32, 63
ADDRESSES = 8192
Found = set[tuple[str, int | None, str]]


class ProbeKinds(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(labs.Lab(
            "--no-servers", "--rtt", "1",
            "--udp-open", "53=0.1,123=0.1,161=0.1,1645=0.1,1812=0.1"))

    def truth(self, kind: str, *ports: str) -> Found:
        text = labs.must(labs.TRAWL, "lab", "truth", "--name", self.lab.name, "--probe", kind,
                         "--states", "all", *ports)
        found = {(line["ip"], line["port"] if ports else None, line["state"])
                 for line in map(json.loads, text.splitlines())}
        return {item for item in found
                if item[0].startswith("198.18.") and FIRST <= int(item[0].split(".")[2]) <= LAST}

    def survey(self, kind: str, *arguments: str) -> tuple[labs.Survey, list[dict]]:
        survey = self.lab.survey("--probe", kind, TARGETS, "--rate", "10k", "--states", "all",
                                 *arguments)
        self.assertEqual(0, survey.code, survey.stderr)
        return survey, [json.loads(line) for line in survey.output.read_text().splitlines()]

    def expect_truth(self, kind: str, truth: Found, ports: int, *arguments: str) -> list[dict]:
        survey, lines = self.survey(kind, *arguments)
        listed = [(line["ip"], line.get("port"), line["state"]) for line in lines]
        self.assertEqual(len(set(listed)), len(listed), "something is listed twice")
        missed, false = sorted(truth - set(listed)), sorted(set(listed) - truth)
        self.assertEqual(([], []), (missed[:3], false[:3]),
                         f"of {len(truth)}: {len(missed)} missed, {len(false)} false; "
                         f"{survey.counters}")
        self.assertGreater(len(listed), 100)
        self.assertEqual(ADDRESSES * ports, survey.counters["sent"])
        return lines

    def test_tcp_ack(self) -> None:
        ports = ("--ports", "22,80,443")
        lines = self.expect_truth("tcp-ack", self.truth("tcp-ack", *ports), 3, *ports)
        self.assertEqual({"tcp"}, {line["proto"] for line in lines})
        self.assertIn("unfiltered", {line["state"] for line in lines})

    def test_icmp_echo(self) -> None:
        lines = self.expect_truth("icmp-echo", self.truth("icmp-echo"), 1)
        up = [line for line in lines if line["state"] == "up"]
        self.assertEqual({("icmp", "echo-reply")},
                         {(line["proto"], line["reason"]) for line in up})
        self.assertTrue(all("rtt_us" in line for line in up), "the data bring the time back")

    def test_icmp_timestamp(self) -> None:
        lines = self.expect_truth("icmp-timestamp", self.truth("icmp-timestamp"), 1)
        self.assertIn("timestamp-reply", {line["reason"] for line in lines})

    def test_udp(self) -> None:
        ports = ("--ports", "53,123,161,1645,1812")
        lines = self.expect_truth("udp", self.truth("udp", *ports), 5, *ports)
        by_port = {line["port"] for line in lines if line["state"] == "open"}
        self.assertEqual({53, 123, 161, 1645, 1812}, by_port)
        self.assertIn(("closed", "port-unreach"),
                      {(line["state"], line["reason"]) for line in lines})

    def test_several_sources(self) -> None:
        labs.must("ip", "-n", self.lab.namespace("scan"), "address", "add", "203.0.113.1/24",
                  "dev", "scan0")
        ports = ("--ports", "80")
        lines = self.expect_truth("tcp-ack", self.truth("tcp-ack", *ports), 1, *ports,
                                  "--source-ip", "198.18.0.1,203.0.113.1-3", "--output-filter",
                                  "proto = tcp")
        self.assertEqual({"tcp"}, {line["proto"] for line in lines})


if __name__ == "__main__":
    labs.main()
