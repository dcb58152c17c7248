#!/usr/bin/env python3
"""A survey finds what is there, all of it and nothing else, over every kind of link."""
import contextlib
import ipaddress
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import labs

PORTS = "22,80,443"
TARGETS = "198.18.16.0/20"
COUNT = 4096 * 3


def within(found: set, prefix: str = TARGETS) -> set:
    network = ipaddress.ip_network(prefix)
    return {item for item in found if ipaddress.ip_address(item[0]) in network}


class TruthCase(unittest.TestCase):
    def expect_truth(self, survey: labs.Survey, truth: set, targets: int) -> None:
        found = survey.found()
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertEqual(len(found), len(set(found)), "something is listed twice")
        missed, false = sorted(truth - set(found)), sorted(set(found) - truth)
        self.assertEqual(([], []), (missed[:3], false[:3]),
                         f"of {len(truth)}: {len(missed)} missed, {len(false)} false; "
                         f"{survey.counters}")
        counters = survey.counters
        self.assertEqual(targets, counters["targets"])
        self.assertEqual(targets, counters["sent"] + counters.get("no_neighbour", 0))
        self.assertEqual(len(found), counters["open"] + counters["closed"]
                         + counters["unreachable"])
        self.assertEqual(counters["replies"], len(found) + counters["duplicates"])
        self.assertEqual(0, counters["dropped"], counters)


class OverVeth(TruthCase):
    # The second CPU sends: the first of a list receives, and the simulated network is on CPU 1.
    TWO_CORES = ("--lcores", "1,0")

    def over_veth(self, link: str, driver: str, *options: str) -> None:
        with labs.Lab("--no-servers", "--rtt", "0", "--driver", driver) as lab:
            survey = lab.survey("-p", PORTS, TARGETS, "--rate", "10k", "--states", "all",
                                *options, link=link)
            self.expect_truth(survey, within(lab.truth(PORTS, "all")), COUNT)

    @unittest.skipUnless(labs.has_af_xdp(), "this kernel has no AF_XDP")
    def test_af_xdp(self) -> None:
        self.over_veth(labs.AF_XDP_LINK, "af_xdp")

    def test_af_packet(self) -> None:
        self.over_veth(labs.AF_PACKET_LINK, "af_packet")

    def test_syns_with_the_segment_size_alone(self) -> None:
        self.over_veth(labs.AF_PACKET_LINK, "af_packet", "--tcp-options", "mss")

    def test_plain_interface_name(self) -> None:
        self.over_veth("scan0", "auto")

    @unittest.skipUnless({0, 1} <= os.sched_getaffinity(0), "needs CPUs 0 and 1")
    def test_two_cores_on_af_packet(self) -> None:
        self.over_veth(labs.AF_PACKET_LINK, "af_packet", *self.TWO_CORES)

    @unittest.skipUnless({0, 1} <= os.sched_getaffinity(0), "needs CPUs 0 and 1")
    @unittest.skipUnless(labs.has_af_xdp(), "this kernel has no AF_XDP")
    def test_two_cores_on_af_xdp(self) -> None:
        self.over_veth(labs.AF_XDP_LINK, "af_xdp", *self.TWO_CORES)

    def test_targets_on_the_link_count_as_no_neighbour(self) -> None:
        with labs.Lab("--no-servers", "--rtt", "0") as lab:
            survey = lab.survey("-p", "80", "198.18.0.0/24", "--rate", "10k",
                                "--states", "all")
            truth = within(lab.truth("80", "all"), "198.18.0.0/24")
            self.expect_truth(survey, truth, 256)
            # The link is a /30: the network, the scanner itself and the broadcast address.
            self.assertEqual(3, survey.counters["no_neighbour"])


class OverMemif(TruthCase):
    """memif loses nothing, so the counters of both ends have to agree to the packet."""
    POPULATION = ["--prefix", labs.NETWORK, "--gateway", "198.18.0.2", "--silent", "198.18.0.1",
                  "--live", "0.2", "--open", "80=0.3,443=0.35,22=0.2", "--seed", "3"]

    @contextlib.contextmanager
    def simnet(self, folder: pathlib.Path):
        socket = folder / "memif.sock"
        ready = folder / "ready"
        log = folder / "log"
        with open(log, "w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [labs.SIMNET, "run", "--link",
                 f"net_memif0,role=server,socket={socket},socket-abstract=no", *self.POPULATION,
                 "--stats-file", str(folder / "stats"), "--ready-file", str(ready)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            labs.wait_until(lambda: ready.exists() or process.poll() is not None, "simnet")
            self.assertIsNone(process.poll(), log.read_text(encoding="utf-8"))
            yield f"net_memif0,role=client,socket={socket},socket-abstract=no"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(labs.PATIENCE)

    def over_memif(self, *options: str) -> None:
        with tempfile.TemporaryDirectory(prefix="trawl-lab-test-") as name:
            folder = pathlib.Path(name)
            with self.simnet(folder) as link:
                survey = labs.Survey(
                    [labs.TRAWL, "survey", "--link", link, "--allow-special", labs.NETWORK, "-q",
                     "--cooldown", "1s", "--retries", "none", "-p", PORTS, "--states", "all",
                     "--rate", "max", labs.NETWORK, *options], folder, folder / "found").wait()
            truth = {(line["ip"], line["port"], line["state"]) for line in map(
                json.loads, labs.must(labs.SIMNET, "truth", *self.POPULATION, "--ports", PORTS,
                                      "--states", "all").splitlines())}
            self.expect_truth(survey, truth, 131072 * 3)
            ours = survey.counters
            theirs = json.loads((folder / "stats").read_text(encoding="utf-8"))["counters"]
            arp = theirs["arp_answered"] + theirs["arp_ignored"]
            self.assertEqual(ours["sent"], theirs["frames_received"] - arp)
            self.assertEqual(ours["open"], theirs["syn_to_open"])
            self.assertEqual(ours["closed"], theirs["syn_to_closed"])
            self.assertEqual(ours["unreachable"], theirs["to_unreachable"])
            self.assertEqual(ours["replies"] + theirs["arp_answered"], theirs["replies_sent"])

    def test_one_core(self) -> None:
        self.over_memif()

    @unittest.skipUnless({0, 1} <= os.sched_getaffinity(0), "needs CPUs 0 and 1")
    def test_two_cores(self) -> None:
        self.over_memif("--lcores", "0,1")


if __name__ == "__main__":
    labs.main()
