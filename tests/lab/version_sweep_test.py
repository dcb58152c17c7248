#!/usr/bin/env python3
"""--version-intensity, --version-light and --version-all beside nmap, step by step."""
import concurrent.futures
import json
import pathlib
import socket
import subprocess
import unittest

import labs
import version_test

CHOICES = [["--version-intensity", str(n)] for n in range(10)] + [["--version-light"],
                                                                  ["--version-all"]]
SERVERS = ("nginx", "sshd", "redis-server", "dropbear", "rsync", "squid")
AT_ONCE = 3  # Scans of nmap's, which wait most of the time.
PEER = "nmap"


class RealServers(unittest.TestCase):
    """At usual ports, with the file of the installed nmap: the same fields at each intensity."""

    def test_each_intensity_tells_what_nmaps_does(self) -> None:
        listed = labs.must(labs.TRAWL, "lab", "servers", "--json").splitlines()
        recipes = [recipe for recipe in map(json.loads, listed)
                   if recipe["name"] in SERVERS and recipe["missing"] is None]
        ports = sorted({listen["port"] for recipe in recipes for listen in recipe["listens"]})
        targets = [recipe["address"] for recipe in recipes]
        self.assertGreaterEqual(len(recipes), 3)
        with labs.Lab("--rtt", "0", "--driver", "af_packet", "--servers",
                      ",".join(recipe["name"] for recipe in recipes)) as lab:
            def services(program: str, choice: list[str]) -> dict:
                path = lab.folder / f"{pathlib.Path(program).name}-{''.join(choice)}.xml"
                done = subprocess.run(
                    [*lab.within(), program, "-sT", "-sV", "-n", "-Pn", "-T4", "-p",
                     ",".join(map(str, ports)), *choice, "-oX", str(path), *targets],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                    timeout=labs.PATIENCE, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                hosts = version_test.tree.parse(path).iter("host")
                return {(host.find("address").get("addr"), port.get("portid")):
                        version_test.service_of(port)
                        for host in hosts for port in host.iter("port")
                        if port.find("state").get("state") == "open"}

            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                peers = [pool.submit(services, PEER, choice) for choice in CHOICES]
                for choice, peer in zip(CHOICES, peers):
                    with self.subTest(choice=choice):
                        ours, theirs = services(labs.TRAWL, choice), peer.result()
                        self.assertEqual(ours.keys(), theirs.keys())
                        self.assertGreaterEqual(len(ours), len(recipes))
                        for where, told in theirs.items():
                            self.assertEqual(ours[where], told, where)


class Probes(version_test.Case):
    def asked(self, program: str, choice: list[str]) -> set[bytes]:
        """Which probes a silent server saw; nmap's scripts of versions ask it more."""
        found: set[bytes] = set()

        def notes(client: socket.socket) -> None:
            while question := client.recv(4096):
                found.add(question)
        with version_test.Players(self.pair, {3001: notes}):
            labs.must(*self.pair.within(), program, "-n", "-Pn", "-sT", "-sV", "-p3001",
                      "--versiondb", self.probes(version_test.INTENSITIES), *choice,
                      version_test.HOST)
        return {question for question in found if question.startswith(b"probe")}

    def test_each_intensity_asks_what_nmaps_does(self) -> None:
        for choice in CHOICES:
            with self.subTest(choice=choice):
                self.assertEqual(self.asked(labs.TRAWL, choice), self.asked(PEER, choice))

    def test_what_is_no_intensity_is_refused(self) -> None:
        words = ["-sV", "-p3001", version_test.HOST]
        for value in ("10", "-1", "100"):
            with self.subTest(value=value):
                peer = labs.run([*self.pair.within(), PEER, "--version-intensity", value, *words])
                ours = self.pair.scan("--version-intensity", value, *words)
                self.assertEqual((ours.returncode, ours.stderr), (peer.returncode, peer.stderr))
        # nmap takes these for 0 and 5.
        for value in ("x", "", "5x"):
            with self.subTest(value=value):
                done = self.pair.scan("--version-intensity", value, *words)
                self.assertEqual(done.returncode, 1)
                self.assertIn("version-intensity must be between 0 and 9", done.stderr)


if __name__ == "__main__":
    labs.main(PEER)
