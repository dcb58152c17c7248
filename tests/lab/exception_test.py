#!/usr/bin/env python3
"""One interface for the scanner and the kernel: neither takes what is the other's, and nothing of it
is left behind."""
import json
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

import labs

DEVICE = 4
NGINX, SSHD = "198.18.255.1", "198.18.255.2"
OURS = "198.18.0.1"
TARGETS, COUNT = "198.19.0.0/16", 1 << 16
LONG = ["198.18.16.0/20", "-p", "1-200", "--rate", "5k"]
SYSCTL = "/proc/sys/net/ipv4/ip_local_reserved_ports"
LINKS = {"af_packet": labs.AF_PACKET_LINK}
if labs.has_af_xdp():
    LINKS["af_xdp"] = "scan0"


class SocketsBeside(threading.Thread):
    """Connections of the kernel over the scanner's interface, out and in, until the block ends."""

    def __init__(self, lab: labs.Lab) -> None:
        super().__init__()
        self.lab = lab
        self.out = self.into = 0
        self.failed: list[str] = []
        self._over = threading.Event()
        self._listener = labs.in_namespace(lab.namespace("scan"),
                                           lambda: socket.create_server(("0.0.0.0", 8080)))
        self._listener.settimeout(5)

    def __enter__(self) -> "SocketsBeside":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self._listener.close()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._get()
                self.out += 1
                self._be_asked()
                self.into += 1
            except OSError as error:
                self.failed.append(repr(error))
            time.sleep(0.02)

    def _get(self) -> None:
        with labs.in_namespace(self.lab.namespace("scan"),
                               lambda: socket.create_connection((NGINX, 80), 5)) as out:
            out.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if not out.recv(64).startswith(b"HTTP/1."):
                raise OSError("no HTTP")

    def _be_asked(self) -> None:
        with labs.in_namespace(self.lab.namespace("srv1"),
                               lambda: socket.create_connection((OURS, 8080), 5)) as asking:
            answering, _ = self._listener.accept()
            with answering:
                answering.sendall(b"here")
                if asking.recv(4) != b"here":
                    raise OSError("not asked")


class Case(unittest.TestCase):
    def in_scan(self, *command: str) -> subprocess.CompletedProcess:
        return labs.run([*self.lab.within(), *command])

    def reserved(self) -> bytes:
        return labs.in_namespace(self.lab.namespace("scan"),
                                 lambda: pathlib.Path(SYSCTL).read_bytes())

    def reserve(self, text: bytes) -> bytes:
        labs.in_namespace(self.lab.namespace("scan"),
                          lambda: pathlib.Path(SYSCTL).write_bytes(text))
        return self.reserved()

    def state(self, interface: str = "scan0") -> tuple[bool, str]:
        """Whether XDP is on the interface, and the firewall."""
        text = labs.must("ip", "-n", self.lab.namespace("scan"), "-j", "link", "show", interface)
        return "xdp" in json.loads(text)[0], self.in_scan("nft", "list", "ruleset").stdout

    def assert_clean(self, reserved: bytes, interface: str = "scan0") -> None:
        self.assertEqual((False, ""), self.state(interface))
        self.assertEqual(reserved, self.reserved())


class BesideTheKernel(Case):
    def setUp(self) -> None:
        self.lab = labs.Lab("--rtt", "0", "--driver", "af_packet")
        self.enterContext(self.lab)

    def beside(self, link: str) -> None:
        before = self.reserve(b"9148,8080\n")
        self.assertEqual(b"8080,9148\n", before)
        resets = (f"src host {OURS} and (tcp[tcpflags] & tcp-rst != 0 and tcp src portrange "
                  "61000-64999 or icmp[icmptype] = icmp-unreach)")
        # The first reply of a server takes longer than the rest.
        self.assertEqual(0, self.in_scan("curl", "-s", f"http://{NGINX}/").returncode)
        with self.lab.capture(resets) as path, SocketsBeside(self.lab) as sockets:
            survey = self.lab.start(TARGETS, "-p", "80", "--rate", "20k", "--retries", "all",
                                    link=link)
            survey.wait_for_lines(1)
            self.assertIn(b"61000-64999", self.reserved())
            self.assertEqual(0, self.in_scan("curl", "-s", "-m", "10", f"http://{NGINX}/")
                             .returncode)
            keys = self.in_scan("ssh-keyscan", "-T", "10", SSHD)
            self.assertIn(f"{SSHD} ssh-", keys.stdout, keys.stderr)
            second = self.lab.survey("198.19.0.1", "-p", "80", link=link)
            self.assertEqual(DEVICE, second.code)
            self.assertIn("another trawl is using the interface", second.stderr)
            survey.wait()
        self.assertEqual(0, survey.code, survey.stderr)
        truth = {item for item in self.lab.truth("80") if item[0].startswith("198.19.")}
        self.assertEqual(set(), truth - set(survey.found()), "missed")
        self.assertEqual(set(), set(survey.found()) - truth, "false")
        self.assertEqual(COUNT, survey.counters["targets"])
        self.assertEqual([], sockets.failed[:3])
        self.assertGreater(min(sockets.out, sockets.into), 10)
        self.assertEqual(24, path.stat().st_size, "the kernel answered what was not for it")
        self.assert_clean(before)

    @unittest.skipUnless("af_xdp" in LINKS, "this kernel has no AF_XDP")
    def test_af_xdp(self) -> None:
        self.beside(LINKS["af_xdp"])

    def test_af_packet(self) -> None:
        self.beside(LINKS["af_packet"])


class LeftBehind(Case):
    def setUp(self) -> None:
        self.lab = labs.Lab("--no-servers", "--rtt", "0", "--driver", "af_packet")
        self.enterContext(self.lab)

    def killed(self, link: str) -> None:
        survey = self.lab.start(*LONG, link=link)
        survey.wait_for_lines(1)
        survey.process.send_signal(signal.SIGKILL)
        survey.wait()
        xdp, rules = self.state()
        self.assertEqual((link == "scan0", link != "scan0"), (xdp, "trawl_" in rules))

    def test_doctor_mends_after_a_kill(self) -> None:
        before = self.reserve(b"7000-7010\n")
        for driver, link in LINKS.items():
            with self.subTest(driver):
                self.killed(link)
                self.assertNotEqual(before, self.reserved())
                doctor = self.in_scan(labs.TRAWL, "nic", "doctor", "scan0")
                self.assertEqual(0, doctor.returncode, doctor.stdout + doctor.stderr)
                self.assertIn("mended: scan0: ", doctor.stdout)
                self.assert_clean(before)
                again = self.in_scan(labs.TRAWL, "nic", "doctor")
                self.assertIn("clean: ", again.stdout)

    def test_the_next_survey_mends_after_a_kill(self) -> None:
        before = self.reserve(b"\n")
        for driver, link in LINKS.items():
            for following in LINKS.values():
                with self.subTest(driver, next=following):
                    self.killed(link)
                    survey = self.lab.survey("198.19.0.0/22", "-p", "80", "--rate", "2k",
                                             link=following)
                    self.assertEqual(0, survey.code, survey.stderr)
                    self.assertGreater(len(survey.found()), 10)
                    self.assert_clean(before)

    def test_doctor_leaves_a_live_survey_alone(self) -> None:
        for driver, link in LINKS.items():
            with self.subTest(driver):
                survey = self.lab.start(*LONG, link=link)
                survey.wait_for_lines(1)
                before, reserved = self.state(), self.reserved()
                doctor = self.in_scan(labs.TRAWL, "nic", "doctor")
                self.assertIn(f"scan0: in use by process {survey.process.pid}", doctor.stdout)
                self.assertEqual((before, reserved), (self.state(), self.reserved()))
                listed = [json.loads(line) for line in
                          self.in_scan(labs.TRAWL, "nic", "list", "--json").stdout.splitlines()]
                scan0 = next(line for line in listed if line["name"] == "scan0")
                self.assertEqual(survey.process.pid, scan0["used_by_pid"])
                self.assertEqual(["trawl_filter"] if driver == "af_xdp" else [],
                                 scan0["xdp_programs"])
                survey.process.send_signal(signal.SIGINT)
                survey.wait()
                self.assert_clean(b"\n")

    def test_a_socket_on_a_scan_port_is_named(self) -> None:
        taken = labs.in_namespace(self.lab.namespace("scan"),
                                  lambda: socket.create_server(("0.0.0.0", 61010)))
        self.addCleanup(taken.close)
        for driver, link in LINKS.items():
            with self.subTest(driver):
                survey = self.lab.survey("198.19.0.0/24", "-p", "80", link=link)
                self.assertEqual(DEVICE, survey.code)
                self.assertIn("61010", survey.stderr)
                self.assertIn("--source-port", survey.stderr)
                self.assert_clean(b"\n")
                survey = self.lab.survey("198.19.0.0/24", "-p", "80", "--source-port",
                                         "62000-62063", link=link)
                self.assertEqual(0, survey.code, survey.stderr)

    def test_a_socket_that_comes_later_is_deaf_and_named(self) -> None:
        for number, (driver, link) in enumerate(LINKS.items()):
            with self.subTest(driver):
                survey = self.lab.start("198.19.0.0/20", "-p", "80", "--rate", "2k", link=link)
                survey.wait_for_lines(1)
                port = 61010 + number
                taken = labs.in_namespace(self.lab.namespace("scan"),
                                          lambda: socket.create_server(("0.0.0.0", port)))
                survey.wait()
                taken.close()
                self.assertEqual(0, survey.code, survey.stderr)
                self.assertIn(f"TCP port {port}", survey.stderr)
                truth = {item for item in self.lab.truth("80")
                         if item[0].startswith("198.19.") and int(item[0].split(".")[2]) < 16}
                self.assertEqual(truth, set(survey.found()))
                self.assert_clean(b"\n")

    def test_interface_goes_down_and_up(self) -> None:
        scan = self.lab.namespace("scan")
        for driver, link in LINKS.items():
            with self.subTest(driver):
                survey = self.lab.start(*LONG, link=link)
                survey.wait_for_lines(1)
                for way in ("down", "up"):
                    labs.must("ip", "-n", scan, "link", "set", "scan0", way)
                    time.sleep(0.1)
                labs.must("ip", "-n", scan, "route", "replace", "default", "via", "198.18.0.2")
                time.sleep(1)
                if survey.process.poll() is None:  # It may not even notice.
                    survey.process.send_signal(signal.SIGINT)
                survey.wait()
                self.assertIn(survey.code, (DEVICE, 130), survey.stderr)
                if survey.code == DEVICE:
                    self.assertIn("down", survey.stderr)
                self.assert_clean(b"\n")


class Neighbours(Case):
    @unittest.skipUnless("af_xdp" in LINKS, "this kernel has no AF_XDP")
    def test_a_burst_of_neighbours_is_learnt_from_the_kernels_copies(self) -> None:
        """16,382 hosts on the link, each asked for once: no answer may be lost."""
        with labs.Lab("--no-servers", "--rtt", "0", "--driver", "af_packet",
                      "--arp-all") as self.lab:
            labs.must("ip", "-n", self.lab.namespace("scan"), "address", "add",
                      "198.18.64.1/18", "dev", "scan0")
            survey = self.lab.survey("198.18.64.2-198.18.127.254", "-p", "80", "--rate", "30k",
                                     "--source-ip", OURS, "--retries", "all")
            self.assertEqual(0, survey.code, survey.stderr)
            others = survey.counters["others"]
            self.assertEqual(0, others["neighbours_missed"])
            self.assertEqual(0, survey.counters["no_neighbour"])
            self.assertGreaterEqual(others["rx_arp"], 16381)
            truth = {item for item in self.lab.truth("80")
                     if 64 <= int(item[0].split(".")[2]) < 128 and item[0].startswith("198.18.")}
            self.assertEqual(set(), truth - set(survey.found()) - {("198.18.64.1", 80, "open")})


if __name__ == "__main__":
    labs.main("tcpdump", "nft", "curl", "ssh-keyscan")
