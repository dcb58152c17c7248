#!/usr/bin/env python3
"""Hosts that are real kernels: trawl says what nmap, masscan and zmap say in the same lab."""
import re
import shutil
import unittest

import labs

SERVERS = {"198.18.255.1": {80, 443}, "198.18.255.2": {22}, "198.18.255.3": {6379}}
PORTS = (21, 22, 80, 443, 6379, 8080)
PORT_LIST = ",".join(map(str, PORTS))


def expected(state: str) -> set[tuple[str, int]]:
    return {(ip, port) for ip, ports in SERVERS.items() for port in PORTS
            if (port in ports) == (state == "open")}


class RealKernels(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = labs.Lab("--rtt", "0", "--driver", "af_packet")
        cls.enterClassContext(cls.lab)

    def run_peer(self, *command: str, codes: tuple[int, ...] = (0,)) -> str:
        for tool in {"nmap", "masscan", "zmap"} & set(command):
            if shutil.which(tool) is None:
                self.skipTest(f"needs {tool}")
        done = labs.run([*self.lab.within(), *command])
        self.assertIn(done.returncode, codes, done.stderr)
        return done.stdout

    def by_trawl(self) -> dict[str, set[tuple[str, int]]]:
        survey = self.lab.survey("-p", PORT_LIST, *SERVERS, "--states", "all")
        self.assertEqual(0, survey.code, survey.stderr)
        found: dict[str, set[tuple[str, int]]] = {"open": set(), "closed": set()}
        for ip, port, state in survey.found():
            found[state].add((ip, port))
        return found

    def test_trawl_finds_what_the_servers_listen_on(self) -> None:
        found = self.by_trawl()
        self.assertEqual(expected("open"), found["open"])
        self.assertEqual(expected("closed"), found["closed"])

    def test_like_nmap(self) -> None:
        text = self.run_peer("nmap", "-sS", "-n", "-Pn", "-p", PORT_LIST, "-oG", "-", *SERVERS)
        found: dict[str, set[tuple[str, int]]] = {"open": set(), "closed": set()}
        for ip, ports in re.findall(r"Host: (\S+) \(\)\tPorts: ([^\t\n]*)", text):
            for entry in ports.split(", "):
                port, state = entry.split("/")[:2]
                found[state].add((ip, int(port)))
        self.assertEqual(found, self.by_trawl())

    def test_like_masscan(self) -> None:
        # It prints what it finds at once, but does not end while its receiving thread hears nothing.
        text = self.run_peer("timeout", "--signal=KILL", "8", "stdbuf", "-oL", "masscan",
                             ",".join(SERVERS), "-p", PORT_LIST, "--rate", "100", "--wait", "2",
                             "-e", "scan0", "--source-ip", "198.18.0.1", "--router-mac",
                             self.lab.mac("sim", "sim0"), codes=(0, 137, -9))
        found = {(ip, int(port)) for port, ip in
                 re.findall(r"Discovered open port (\d+)/tcp on (\S+)", text)}
        self.assertEqual(found, self.by_trawl()["open"])

    def test_like_zmap(self) -> None:
        found = set()
        for port in PORTS:
            text = self.run_peer("zmap", "-p", str(port), "-i", "scan0", "-S", "198.18.0.1", "-G",
                                 self.lab.mac("sim", "sim0"), "-r", "100", "-c", "1", "-b",
                                 "/dev/null", "-q", "--disable-syslog", *SERVERS)
            found |= {(ip, port) for ip in text.split()}
        self.assertEqual(found, self.by_trawl()["open"])


if __name__ == "__main__":
    labs.main("nginx", "sshd", "redis-server")
