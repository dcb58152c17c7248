#!/usr/bin/env python3
"""--tap: the traffic of the system goes through a link that DPDK owns, beside a survey."""
import contextlib
import ipaddress
import json
import pathlib
import signal
import subprocess
import unittest
from collections.abc import Iterator

import labs
import wire

# The interface below is the driver's alone: the system has no address on it.
LINK = "net_af_xdp0,iface=scan0"
ADDRESS = "198.18.0.1"
WAY = ("--tap", "--source-ip", ADDRESS, "--gateway", "198.18.0.2")
# 2^16 targets, and enough time for connections.
SPACE = "198.18.64.0/18"
PORTS = "22,80,443,8080"
WHOLE = (SPACE, "-p", PORTS, "--rate", "15k")
WEB_SERVER = "198.18.255.1"
EXCLUDED = "198.18.255.2"
LISTEN_PORT = 7007
ADDRESS6 = "2001:db8:0:ffff::1"
GATEWAY6 = "2001:db8:0:ffff::2"

ANSWERER = f"""
import socket
listener = socket.create_server(("", {LISTEN_PORT}))
print("ready", flush=True)
while True:
    connection = listener.accept()[0]
    connection.sendall(connection.recv(100).upper())
    connection.close()
"""


class Tap(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(labs.Lab("--rtt", "1", "--driver", "af_packet"))
        self.scan = self.lab.namespace("scan")
        for what in ("address", "route"):
            labs.must("ip", "-n", self.scan, what, "flush", "dev", "scan0")

    def interfaces(self) -> set[str]:
        return {link["ifname"] for link in json.loads(labs.must("ip", "-n", self.scan, "-j",
                                                                "link"))}

    def start(self, *options: str, output: pathlib.Path | None = None) -> labs.Survey:
        survey = self.lab.start(*WAY, *options, link=LINK, output=output)

        def is_up() -> bool:
            if survey.process.poll() is not None:
                raise AssertionError(f"the survey ended: {survey.process.stderr.read()}")
            return "trawl0" in self.interfaces()
        labs.wait_until(is_up, "trawl0")
        return survey

    def curl(self, address: str, *options: str) -> subprocess.CompletedProcess:
        return labs.run([*self.lab.within(), "curl", "-sS", "-m", "10", *options,
                         f"http://{address}/"])

    @contextlib.contextmanager
    def answerer(self) -> Iterator[None]:
        """A server in the scanner's namespace."""
        process = subprocess.Popen([*self.lab.within(), "python3", "-c", ANSWERER],
                                   stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual("ready\n", process.stdout.readline())
            yield
        finally:
            process.kill()
            process.communicate()

    def ask_scanner(self) -> str:
        """What a host beyond the link gets from a server on the scanner's address."""
        say = f"import socket; s = socket.create_connection(({ADDRESS!r}, {LISTEN_PORT}), 10); " \
              "s.sendall(b'hello'); print(s.recv(100).decode())"
        return labs.must(*self.lab.within("srv1"), "python3", "-c", say).strip()

    def test_connections_both_ways_beside_a_survey_that_misses_nothing(self) -> None:
        resets = "tcp[13] & 4 != 0 and src host 198.18.0.1 and src portrange 61000-64999"
        with self.answerer(), self.lab.capture(resets) as capture:
            survey = self.start(*WHOLE)
            rounds = 0
            while survey.process.poll() is None and rounds < 20:
                for options in ((), ("--interface", "trawl0")):
                    done = self.curl(WEB_SERVER, *options)
                    self.assertEqual(0, done.returncode, done.stderr)
                    self.assertIn("<html", done.stdout.lower())
                self.assertEqual("HELLO", self.ask_scanner())
                rounds += 1
            survey.wait()
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertGreater(rounds, 1, "the survey was over too soon")
        truth = {found for found in self.lab.truth(PORTS) if ipaddress.ip_address(found[0]) in ipaddress.ip_network(SPACE)}
        self.assertEqual(truth, set(survey.found()))
        self.assertEqual([], wire.frames(capture), "resets of the system on the wire")
        for counter in ("tx_kernel", "rx_kernel"):
            self.assertGreater(survey.counters["others"][counter], 10 * rounds)
        self.assertNotIn("trawl0", self.interfaces())


if __name__ == "__main__":
    labs.main("tcpdump", "curl")
