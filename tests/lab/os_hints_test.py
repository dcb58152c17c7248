#!/usr/bin/env python3
"""Hints at operating systems in surveys: of a kernel's real SYN-ACKs over every driver, family and
probe layout, without a packet more; and of a simulated network that knows the truth, where ports of
one address are on different machines, also across an interruption and with a capture beside."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import unittest

import labs

PORTS = range(3000, 3020)
LINKS = {"af_packet": "net_af_packet0,iface=near0,qdisc_bypass=1"}
if labs.has_af_xdp():
    LINKS["af_xdp"] = "near0"
PEERS = {socket.AF_INET: "198.18.100.2", socket.AF_INET6: "2001:db8::2"}
SIGNATURES = labs.ROOT / "data/os-signatures"
SPACE = "198.19.0.0/18"
PATIENCE = 120


class RealSynAcks(unittest.TestCase):
    """A lab whose scanner has near0, and its other side far0 with a kernel that listens."""

    def setUp(self) -> None:
        self.lab = labs.Lab("--no-servers", "--rtt", "0", "--driver", "af_packet")
        self.enterContext(self.lab)
        scan, sim = self.lab.namespace("scan"), self.lab.namespace("sim")
        labs.must("ip", "-n", scan, "link", "add", "near0", "type", "veth", "peer", "name", "far0",
                  "netns", sim)
        for name, interface, host in ((scan, "near0", 1), (sim, "far0", 2)):
            for group in (interface, "all"):
                labs.must("ip", "netns", "exec", name, "sh", "-c",
                          f"echo 0 > /proc/sys/net/ipv6/conf/{group}/disable_ipv6")
            labs.must("ip", "-n", name, "link", "set", interface, "up")
            labs.must("ip", "-n", name, "address", "add", f"198.18.100.{host}/24", "dev", interface)
            labs.must("ip", "-n", name, "-6", "address", "add", f"2001:db8::{host}/64", "dev",
                      interface, "nodad")
        for port in PORTS:
            listener = labs.in_namespace(sim, lambda port=port: socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True))
            self.addCleanup(listener.close)

    def test_this_kernel_is_told_as_linux(self) -> None:
        for family, peer in PEERS.items():
            for driver, link in LINKS.items():
                for layout in ("linux", "mss"):
                    with self.subTest(driver, family=family, layout=layout):
                        survey = self.lab.survey(
                            peer, "-p", f"{PORTS[0]}-{PORTS[-1] + 20}", "--allow-special",
                            "2001:db8::/32", "--rate", "1k", "--os-hints", "--tcp-options", layout,
                            link=link)
                        self.assertEqual(0, survey.code, survey.stderr)
                        lines = list(map(json.loads, survey.output.read_text().splitlines()))
                        self.assertEqual(set(PORTS), {line["port"] for line in lines})
                        for line in lines:
                            self.assertEqual(("Linux", "4.20-6.x", 95),
                                             (line["os_family"], line["os_version"],
                                              line["os_confidence"]))
                            self.assertNotIn("hops", line)
                        self.assertEqual(len(PORTS) + 20, survey.counters["others"]["probes_sent"])
                        self.assertIn("Linux", survey.stderr)


class SimulatedFamilies(unittest.TestCase):
    """The simulated network over shared memory, and surveys of it."""

    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="trawl-os-hints-test-")))
        self.population = ["--prefix", SPACE, "--live", "1", "--open", "80=1,443=1,22=0.5",
                           "--drop", "1", "--gateway", "198.18.0.2", "--silent", "198.18.0.1",
                           "--families", str(SIGNATURES), "--forwarded", "0.1", "--seed", "3"]
        self.number = 0

    def simnet(self) -> str:
        """Starts one; its link."""
        self.number += 1
        path = self.folder / f"memif{self.number}.sock"
        ready = self.folder / f"ready{self.number}"
        process = subprocess.Popen(
            [labs.SIMNET, "run", "--link",
             f"net_memif0,role=server,socket={path},socket-abstract=no", *self.population,
             "--ready-file", str(ready)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end() -> None:
            process.terminate()
            process.wait()
        self.addCleanup(end)
        labs.wait_until(ready.exists, "trawl-simnet starting")
        return f"net_memif0,role=client,socket={path},socket-abstract=no"

    def command(self, link: str, *arguments: str) -> list[str]:
        return [labs.TRAWL, "survey", SPACE, "--allow-special", SPACE, "-p", "22,80,443", "--link",
                link, "--retries", "none", "--cooldown", "1s", "--os-hints", "--seed", "5", "-o",
                str(self.folder / "found.jsonl"), *arguments]

    def lines(self) -> tuple[list[dict], list[dict]]:
        """Findings, and lines of machines."""
        with open(self.folder / "found.jsonl", encoding="utf-8") as file:
            lines = list(map(json.loads, file))
        return ([line for line in lines if "type" not in line],
                [line for line in lines if line.get("type") == "machines"])

    def truth(self) -> dict[tuple[str, int], str]:
        told = labs.must(labs.SIMNET, "truth", *self.population, "--ports", "22,80,443")
        return {(line["ip"], line["port"]): line["family"]
                for line in map(json.loads, told.splitlines()) if "family" in line}

    def check_families(self, findings: list[dict]) -> dict[tuple[str, int], str]:
        truth = self.truth()
        self.assertEqual(set(truth), {(line["ip"], line["port"]) for line in findings})
        self.assertEqual(len(truth), len(findings))
        right = sum(truth[line["ip"], line["port"]] == line.get("os_family") for line in findings)
        self.assertGreater(right, 0.95 * len(truth))
        return truth

    def test_families_and_machines_are_those_that_there_are(self) -> None:
        done = labs.run(self.command(self.simnet(), "--rate", "100k", "-o",
                                     f"pcap:{self.folder}/found.pcap"), PATIENCE)
        self.assertEqual(0, done.returncode, done.stderr)
        findings, machines = self.lines()
        truth = self.check_families(findings)
        self.assertGreater((self.folder / "found.pcap").stat().st_size, 60 * len(findings))
        mixed = set()
        for ip in {ip for ip, _ in truth}:
            if len({truth[ip, port] for port in (22, 80, 443) if (ip, port) in truth}) > 1:
                mixed.add(ip)
        told = {line["ip"] for line in machines}
        self.assertEqual(len(machines), len(told))
        self.assertGreater(len(mixed), 300)
        self.assertGreaterEqual(len(mixed & told), 0.98 * len(mixed))
        # Beside these only hosts whose two machines are of one family.
        self.assertLess(len(told - mixed), 0.25 * len(mixed))
        for line in machines:
            self.assertTrue(all(machine["ports"] for machine in line["machines"]))
            self.assertTrue(all("evidence" in machine for machine in line["machines"][1:]))
        self.assertIn("Windows", done.stderr)
        self.assertIn("machines", done.stderr)

    def test_a_survey_that_is_killed_goes_on_with_hints(self) -> None:
        checkpoint = self.folder / "survey.checkpoint"
        first = subprocess.Popen(
            self.command(self.simnet(), "--rate", "15k", "--checkpoint", str(checkpoint)),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        labs.wait_until(lambda: len(self.lines_so_far()) > 5000, "findings")
        first.send_signal(signal.SIGKILL)
        first.wait()
        # The link of a killed process is gone with it.
        os.rename(self.folder / "memif1.sock", self.folder / "memif1.old")
        self.number = 0
        (self.folder / "ready1").unlink()
        self.simnet()
        done = labs.run([labs.TRAWL, "resume", str(checkpoint)], PATIENCE)
        self.assertEqual(0, done.returncode, done.stderr)
        findings, _ = self.lines()
        self.check_families(findings)

    def lines_so_far(self) -> list[str]:
        try:
            return (self.folder / "found.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []


if __name__ == "__main__":
    labs.main("ip")
