#!/usr/bin/env python3
"""Captures of valid replies, read by tcpdump: each open target that was found has its SYN-ACK there,
also when the survey is killed and goes on."""
import json
import os
import re
import signal
import subprocess
import time
import unittest

import labs
import wire

PORTS = "80,443"
TARGETS = "198.18.128.0/17"
# "1700000000.123456789 IP 198.18.128.5.443 > 198.18.0.1.61234: Flags [S.], ..."
SYN_ACK = re.compile(r"^\d+\.\d{9} IP (\d+\.\d+\.\d+\.\d+)\.(\d+) > \S+ Flags \[S\.\]")


def syn_acks(capture: str | bytes, path: str) -> list[tuple[str, int]]:
    """(ip, port) of each, in the words of tcpdump, which must find nothing wrong with the file."""
    done = subprocess.run(["tcpdump", "-n", "-tt", "--nano", "-r", path, "tcp"], input=capture,
                          capture_output=True, timeout=labs.PATIENCE)
    said = done.stderr.decode()
    if done.returncode != 0 or "truncated" in said:
        raise AssertionError(said)
    return [(match[1], int(match[2])) for match in map(SYN_ACK.match, done.stdout.decode().splitlines())
            if match]


class Capture(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(labs.Lab("--no-servers", "--rtt", "1", "--driver",
                                                 "af_packet"))
        cls.truth = {(ip, port) for ip, port, _ in cls.lab.truth(PORTS)
                     if ip.startswith("198.18.") and int(ip.split(".")[2]) >= 128}

    def test_every_reply_is_there_in_both_forms(self) -> None:
        plain, packed = self.lab.folder / "replies.pcap", self.lab.folder / "replies.pcap.zst"
        survey = self.lab.survey("-p", PORTS, TARGETS, "--rate", "50k", "-o", str(plain), "-o",
                                 str(packed))
        self.assertEqual(0, survey.code, survey.stderr)
        found = {(ip, port) for ip, port, _ in survey.found()}
        self.assertEqual(self.truth, found)
        self.assertEqual(found, set(syn_acks(b"", str(plain))))
        unpacked = subprocess.run(["zstd", "-dcq", str(packed)], check=True, capture_output=True)
        self.assertEqual(plain.read_bytes(), unpacked.stdout)
        self.assertEqual(survey.counters["replies"], len(wire.frames(plain)))
        # Arrival times are those of the findings.
        first = json.loads(survey.output.read_text().splitlines()[0])["ts"]
        at = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(wire.frames(plain)[0][0]))
        self.assertEqual(first[:16], at)

    def test_standard_output_can_be_read_as_it_comes(self) -> None:
        command = self.lab.command("-p", PORTS, "198.18.200.0/22", "--rate", "20k", "-o", "pcap:-")
        survey = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=labs.PATIENCE)
        self.assertEqual(0, survey.returncode, survey.stderr)
        expected = {(ip, port) for ip, port in self.truth if 200 <= int(ip.split(".")[2]) < 204}
        self.assertEqual(expected, set(syn_acks(survey.stdout, "-")))

    def test_kills_tear_no_frame_and_lose_none(self) -> None:
        folder = self.lab.folder / "killed"
        folder.mkdir()
        checkpoint, found = folder / "checkpoint", folder / "found.jsonl"
        plain, packed = folder / "replies.pcap", folder / "replies.pcap.zst"
        command = [*self.lab.within(), labs.TRAWL, "survey", "--link", "scan0", "--allow-special",
                   labs.NETWORK, "-q", "--cooldown", "1s", "-p", PORTS, TARGETS, "--rate", "20k",
                   "--retries", "none", "-o", str(found), "-o", str(plain), "-o", str(packed),
                   "--checkpoint", str(checkpoint)]
        kills, patience = 0, 1.3
        while True:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       start_new_session=True)
            try:
                _, said = process.communicate(timeout=patience)
                self.assertEqual(0, process.returncode, said.decode())
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            kills, patience = kills + 1, patience + 0.3
            self.assertLess(kills, 20)
            command = [*self.lab.within(), labs.TRAWL, "resume", "-q", str(checkpoint)]
        self.assertGreater(kills, 1)
        listed = {(ip, port) for ip, port, _ in labs.endpoints(found)}
        self.assertEqual(self.truth, listed)
        self.assertEqual(listed, set(syn_acks(b"", str(plain))))
        unpacked = subprocess.run(["zstd", "-dcq", str(packed)], check=True, capture_output=True)
        self.assertEqual(listed, set(syn_acks(unpacked.stdout, "-")))


if __name__ == "__main__":
    labs.main("tcpdump", "zstd")
