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
WHOLE = (SPACE, "-p", PORTS, "--rate", "12k")
WEB_SERVER = "198.18.255.1"
WEB_PAGE = "trawl lab\n"
ROUNDS = 4
EXCLUDED = "198.18.255.2"
LISTEN_PORT = 7007
ADDRESS6, GATEWAY6, FAR6 = "2001:db8::1", "2001:db8::2", "2001:db8:9::5"
SPACE6 = "2001:db8:9::/116"

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

    def links(self) -> list[dict]:
        return json.loads(labs.must("ip", "-n", self.scan, "-j", "link"))

    def interfaces(self) -> set[str]:
        return {link["ifname"] for link in self.links()}

    def settings(self) -> str:
        """What a survey changes in the namespace beside its interface."""
        return labs.must(*self.lab.within(), "cat", "/proc/sys/net/ipv4/ip_local_reserved_ports")

    def start(self, *options: str, output: pathlib.Path | None = None) -> labs.Survey:
        survey = self.lab.start(*WAY, *options, link=LINK, output=output)
        self.addCleanup(survey.process.communicate)
        self.addCleanup(survey.process.kill)

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
            for _ in range(ROUNDS):
                for options in ((), ("--interface", "trawl0")):
                    done = self.curl(WEB_SERVER, *options)
                    self.assertEqual(0, done.returncode, done.stderr)
                    self.assertEqual(WEB_PAGE, done.stdout)
                self.assertEqual("HELLO", self.ask_scanner())
            self.assertIsNone(survey.process.poll(), "the survey was over too soon")
            survey.wait()
        self.assertEqual(0, survey.code, survey.stderr)
        truth = {found for found in self.lab.truth(PORTS) if ipaddress.ip_address(found[0]) in ipaddress.ip_network(SPACE)}
        self.assertEqual(truth, set(survey.found()))
        self.assertEqual([], wire.frames(capture), "resets of the system on the wire")
        for counter in ("tx_kernel", "rx_kernel"):
            self.assertGreater(survey.counters["others"][counter], 10 * ROUNDS)
        self.assertNotIn("trawl0", self.interfaces())

    def test_the_system_reaches_nobody_who_is_excluded(self) -> None:
        with self.lab.capture(f"dst host {EXCLUDED}") as capture:
            survey = self.start(*WHOLE, "--exclude", EXCLUDED)
            refused = self.curl(EXCLUDED, "-m", "1")
            self.assertEqual(WEB_PAGE, self.curl(WEB_SERVER).stdout)
            survey.process.send_signal(signal.SIGINT)
            survey.wait()
        self.assertEqual(28, refused.returncode, refused.stderr)  # It timed out.
        self.assertEqual([], wire.frames(capture))
        self.assertGreater(survey.counters["ignored"]["kernel_blocked"], 0)

    def test_the_system_sends_nothing_from_ports_of_the_survey(self) -> None:
        survey = self.start(*WHOLE)
        refused = self.curl(WEB_SERVER, "-m", "1", "--local-port", "61500")
        survey.process.send_signal(signal.SIGINT)
        survey.wait()
        self.assertEqual(28, refused.returncode, refused.stderr)
        self.assertGreater(survey.counters["ignored"]["kernel_scan_port"], 0)

    def test_nothing_stays_behind_a_killed_survey(self) -> None:
        before = self.settings()
        survey = self.start(*WHOLE)
        self.assertNotEqual(before, self.settings())
        survey.process.kill()
        # What `lab exec` ran is a child of its own.
        labs.run(["sh", "-c", f"ip netns pids {self.scan} | xargs -r kill -KILL"])
        labs.wait_until(lambda: "trawl0" not in self.interfaces(), "end of trawl0")
        again = self.start(*WHOLE)
        again.process.send_signal(signal.SIGINT)
        again.wait()
        self.assertEqual(before, self.settings())
        self.assertEqual([], [link for link in self.links() if "xdp" in link])

    def test_only_links_that_dpdk_owns_have_one(self) -> None:
        for link, why in (("scan0", "interface of the system"),
                          ("net_af_packet0,iface=scan0", "gets all frames"),
                          ("net_null0", "nothing answers")):
            survey = self.lab.survey(*WAY, SPACE, "-p", "80", link=link)
            self.assertEqual(2, survey.code, survey.stderr)
            self.assertIn(why, survey.stderr)
        labs.must("ip", "-n", self.scan, "address", "add", "198.18.0.1/30", "dev", "scan0")
        survey = self.lab.survey(*WAY, SPACE, "-p", "80", link=LINK)
        self.assertEqual(2, survey.code, survey.stderr)
        self.assertIn("has addresses on scan0", survey.stderr)

    def test_a_name_that_is_taken_is_refused(self) -> None:
        survey = self.lab.survey("--tap=lo", *WAY[1:], SPACE, "-p", "80", link=LINK)
        self.assertEqual(4, survey.code, survey.stderr)
        self.assertIn("there is an interface lo already", survey.stderr)


SAY6 = f"""
import socket
with socket.create_connection(({FAR6!r}, {LISTEN_PORT}), 10) as connection:
    connection.sendall(b"hello")
    print(connection.recv(100).decode())
"""


class Tap6(unittest.TestCase):
    """A pair of interfaces, and a kernel at its other end with an address behind it."""

    def setUp(self) -> None:
        self.lab = self.enterContext(labs.Lab("--no-servers", "--rtt", "0"))
        self.scan, sim = self.lab.namespace("scan"), self.lab.namespace("sim")
        labs.must("ip", "-n", self.scan, "link", "add", "near0", "type", "veth", "peer", "name",
                  "far0", "netns", sim)
        for name, interfaces in ((self.scan, ["near0"]), (sim, ["all", "lo", "far0"])):
            for interface in interfaces:
                labs.must("ip", "netns", "exec", name, "sh", "-c",
                          f"echo 0 > /proc/sys/net/ipv6/conf/{interface}/disable_ipv6")
        for name, interface in ((self.scan, "near0"), (sim, "lo"), (sim, "far0")):
            labs.must("ip", "-n", name, "link", "set", interface, "up")
        # What a veth leaves to a card it does not have, nobody does for a frame that is taken raw.
        labs.must("ip", "netns", "exec", sim, "ethtool", "-K", "far0", "tx", "off")
        labs.must("ip", "-n", sim, "-6", "address", "add", f"{GATEWAY6}/64", "dev", "far0",
                  "nodad")
        labs.must("ip", "-n", sim, "-6", "address", "add", f"{FAR6}/128", "dev", "lo", "nodad")

    def test_connections_over_ipv6(self) -> None:
        server = subprocess.Popen(
            [*self.lab.within("sim"), "python3", "-c",
             ANSWERER.replace('("",', '("::",').replace("))", "), family=socket.AF_INET6)", 1)],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        self.assertEqual("ready\n", server.stdout.readline())
        survey = self.lab.start("--tap", "--source-ip", ADDRESS6, "--gateway", GATEWAY6,
                                "--allow-special", "2001:db8::/32", SPACE6, "-p",
                                str(LISTEN_PORT), "--rate", "500", link="net_af_xdp0,iface=near0")
        self.addCleanup(survey.process.communicate)
        self.addCleanup(survey.process.kill)
        labs.wait_until(lambda: "trawl0" in labs.must("ip", "-n", self.scan, "-6", "route"),
                        "a route")
        for _ in range(3):
            said = labs.must(*self.lab.within(), "python3", "-c", SAY6)
            self.assertEqual("HELLO", said.strip())
        self.assertIsNone(survey.process.poll(), "the survey was over too soon")
        survey.wait()
        self.assertEqual(0, survey.code, survey.stderr)
        self.assertEqual([(FAR6, LISTEN_PORT, "open")], survey.found())


if __name__ == "__main__":
    labs.main("tcpdump", "curl", "ethtool")
