#!/usr/bin/env python3
"""Audits through proxies and FTP servers: real ones of Debian's, and some that misbehave."""
import socket
import subprocess
import time
import unittest
import xml.etree.ElementTree as tree
from collections.abc import Callable

import labs
import through_lab
from through_lab import (CLOSED, DANTE, FIRST, LOGIN, OPEN, PORTS, SECOND, SILENT, SOCKS, SQUID,
                         TARGET, THIRD, TINY, UNREACHABLE, Lab)

PEER_TRIES = 3
Found = dict[int, tuple[str, str]]


def states(text: str, host: str = TARGET) -> Found:
    """Ports of a host in XML: state and reason; folded ones are not told apart."""
    found: Found = {}
    for element in tree.fromstring(text).iter("host"):
        if element.find("address").get("addr") != host:
            continue
        for port in element.iter("port"):
            state = port.find("state")
            found[int(port.get("portid"))] = (state.get("state"), state.get("reason"))
    return found


class Through(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())

    def run_in(self, *words: str, seconds: float = labs.PATIENCE) -> subprocess.CompletedProcess:
        return subprocess.run([*self.lab.within("scan"), *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=seconds)

    def scan(self, *words: str) -> Found:
        done = self.run_in(labs.TRAWL, *words, TARGET, "-oX", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        return states(done.stdout)

    def refused(self, *words: str, code: int = 1) -> str:
        done = self.run_in(labs.TRAWL, *words, TARGET)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr


class Proxies(Through):
    def check(self, url: str, expected: Found) -> None:
        with self.subTest(url=url):
            before = self.lab.direct()
            self.assertEqual(self.scan("--proxies", url, "-p", PORTS), expected)
            self.assertEqual(self.lab.direct(), before, "left directly")

    def test_each_kind_of_proxy_says_what_it_knows(self) -> None:
        silent = ("filtered", "no-response")
        refused = ("filtered", "proxy-refused")
        socks = {OPEN: ("open", "syn-ack"), CLOSED: ("closed", "conn-refused"),
                 UNREACHABLE: ("filtered", "host-unreach"), SILENT: silent}
        self.check(f"socks5://{FIRST}:{SOCKS}", socks)
        self.check(f"http://{FIRST}:{SQUID}", socks)
        self.check(f"http://{FIRST}:{TINY}", {OPEN: ("open", "syn-ack"), CLOSED: refused,
                                              UNREACHABLE: refused, SILENT: silent})

    def test_chains_of_three(self) -> None:
        expected = {OPEN: ("open", "syn-ack"), CLOSED: ("closed", "conn-refused"),
                    UNREACHABLE: ("filtered", "host-unreach"), SILENT: ("filtered", "no-response")}
        self.check(f"http://{FIRST}:{TINY},socks4://{THIRD}:{DANTE},"
                   f"socks5://user:pass%3aword@{SECOND}:{LOGIN}", expected)
        self.check(f"socks5://{FIRST}:{SOCKS},socks5://user:pass:word@{SECOND}:{LOGIN},"
                   f"http://{FIRST}:{SQUID}", expected)
        self.check(f"http://{FIRST}:{SQUID},socks5://user:pass:word@{SECOND}:{LOGIN},"
                   f"socks4://{THIRD}:{DANTE}",
                   {OPEN: ("open", "syn-ack"), CLOSED: ("filtered", "proxy-refused"),
                    UNREACHABLE: ("filtered", "proxy-refused"),
                    SILENT: ("filtered", "no-response")})

    def test_a_forbidden_port_is_not_called_closed(self) -> None:
        self.assertEqual(self.scan("--proxies", f"http://{FIRST}:{SQUID}", "-p", "83,80"),
                         {80: ("open", "syn-ack"), 83: ("filtered", "proxy-refused")})

    def test_many_ports_are_all_found(self) -> None:
        done = self.run_in(labs.TRAWL, "--proxies", f"socks5://{FIRST}:{SOCKS}", "-p1-97,1900-2098",
                           TARGET, "-oX", "-")
        found = states(done.stdout)
        self.assertEqual({port for port, (state, _) in found.items() if state == "open"},
                         {OPEN, 2000})
        self.assertIn('<extraports state="closed" count="294">', done.stdout)

    def test_hosts_are_discovered_through_the_chain(self) -> None:
        before = self.lab.direct()
        words = (labs.TRAWL, "--proxies", f"socks5://{FIRST}:{SOCKS}", "-sn", f"-PS{CLOSED},{OPEN}")
        done = self.run_in(*words, TARGET, "198.18.2.77", "--max-retries", "1", "--reason")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, rf"for {TARGET}\nHost is up, received (syn-ack|conn-refused)")
        self.assertIn("(1 host up)", done.stdout)
        self.assertEqual(self.lab.direct(), before)

    def test_what_would_leave_directly_is_refused(self) -> None:
        proxies = ("--proxies", f"socks5://{FIRST}:{SOCKS}")
        before = self.lab.direct()
        for words in (("-sS",), ("-sU",), ("-sT", "-sU"), ("-sA",), ("-PE",), ("-PA80",),
                      ("--traceroute",), ("-D", "RND:3"), ("-b", FIRST), ("-g", "53")):
            with self.subTest(words=words):
                self.assertIn("--proxies", self.refused(*proxies, *words))
        for bad in ("foo", "ftp://a:80", "http://a:0", "http://"):
            nmap = self.run_in("nmap", "-n", "-Pn", "-sT", "--proxies", bad, "198.18.0.1")
            self.assertEqual(self.refused("--proxies", bad), nmap.stderr)
        self.assertIn("SOCKS 4 knows no IPv6",
                      self.refused("-6", "--proxies", f"socks4://{FIRST}:{DANTE}"))
        done = self.run_in(labs.TRAWL, *proxies, "-p80", TARGET)
        self.assertEqual(done.stderr, "Everything goes through 1 proxy; hosts count as up (-Pn); "
                         "no reverse DNS.\n")
        self.assertEqual(self.lab.direct(), before)
        # What does leave directly is seen.
        self.run_in(labs.TRAWL, "-n", "-Pn", "-sT", "-p80", "--max-retries", "0", TARGET)
        self.assertGreater(self.lab.direct(), before)


class BadProxies(Through):
    """Proxies that are down, silent, or no proxies."""

    def ends(self, url: str, pattern: str) -> None:
        with self.subTest(url=url):
            done = self.run_in(labs.TRAWL, "--proxies", url, "-p", PORTS, TARGET)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertRegex(done.stderr, pattern)
            self.assertNotIn("tcp", done.stdout)

    def fake(self, port: int, serve: Callable[[socket.socket], None]) -> str:
        self.lab.listen("between", FIRST, port, serve)
        return f"{FIRST}:{port}"

    def test_dead_ones_end_the_audit_and_are_named(self) -> None:
        self.ends(f"http://{FIRST}:9", rf"proxy 1 \(http://{FIRST}:9\) cannot be connected to: "
                  "Connection refused")
        self.ends(f"socks5://{FIRST}:{SOCKS},http://{SECOND}:9",
                  rf"proxy 2 \(http://{SECOND}:9\) cannot be reached from proxy 1 .* code 5")
        self.ends(f"http://{FIRST}:{SQUID},socks4://{SECOND}:9",
                  rf"proxy 2 \(socks4://{SECOND}:9\) cannot be reached from proxy 1 .*HTTP 503")

    def test_wrong_logins_end_the_audit(self) -> None:
        first = f"http://{FIRST}:{TINY},"
        self.ends(f"{first}socks5://{SECOND}:{LOGIN}", "proxy 2 .* wants another login")
        self.ends(f"{first}socks5://user:no@{SECOND}:{LOGIN}",
                  "proxy 2 .* refuses user and password")

    def test_those_that_are_no_proxies(self) -> None:
        web = self.fake(7001, lambda client: (client.recv(999), client.sendall(
            b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")))
        self.ends(f"http://{web}", "proxy 1 .* does not connect to anybody")
        shell = self.fake(7002, lambda client: (client.sendall(b"SSH-2.0-x\r\n"), time.sleep(5)))
        self.ends(f"http://{shell}", "proxy 1 .* answers what is no HTTP")
        self.ends(f"socks5://{shell}", "proxy 1 .* answers what is no SOCKS 5")
        self.ends(f"socks4://{shell}", "proxy 1 .* answers what is no SOCKS 4")
        closing = self.fake(7003, lambda client: client.recv(999))
        for kind in ("http", "socks4", "socks5"):
            self.ends(f"{kind}://{closing}", "proxy 1 .* closed the connection without an answer")
        flood = self.fake(7004, lambda client: [client.sendall(b"HTTP/1.1 100 a\r\n\r\n" * 99)
                                                for _ in range(9999)])
        self.ends(f"http://{flood}", "proxy 1 .* answers without an end")

    def test_silent_ones(self) -> None:
        silent = self.fake(7005, lambda client: time.sleep(labs.PATIENCE))
        self.ends(f"http://{silent}", "proxy 1 .* does not answer")
        self.ends(f"socks5://{FIRST}:{SOCKS},socks5://{silent}", "proxy 2 .* does not answer")

    def test_one_that_falls_silent_in_the_middle(self) -> None:
        answered = []

        def serve(client: socket.socket) -> None:
            client.recv(999)
            if len(answered) > 40:
                time.sleep(labs.PATIENCE)
            answered.append(client)
            client.sendall(b"HTTP/1.1 503 No\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n")
        url = f"http://{self.fake(7006, serve)}"
        done = self.run_in(labs.TRAWL, "--proxies", url, "-p1-200", TARGET)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, "proxy 1 .* does not answer")
        # What was found is told, and nothing of the others.
        self.assertIn("closed tcp ports", done.stdout)
        self.assertNotIn("filtered", done.stdout)

    def test_success_before_the_connection_proves_nothing(self) -> None:
        """As ssh(1) does it: it hangs up when it cannot connect after all."""
        def serve(client: socket.socket) -> None:
            client.recv(999)
            client.sendall(b"\5\0")
            asked = client.recv(999)
            client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
            if asked[-2:] == bytes((0, 80)):
                client.recv(1)
        found = self.scan("--proxies", f"socks5://{self.fake(7008, serve)}", "-p78-82")
        self.assertEqual(found, {port: ("open", "syn-ack") if port == 80 else
                                 ("filtered", "proxy-refused") for port in range(78, 83)})

    def test_a_port_that_hangs_up_before_the_first_refusal_is_open(self) -> None:
        def serve(client: socket.socket) -> None:
            client.recv(999)
            client.sendall(b"\5\0")
            is_open = client.recv(999)[-2:] == bytes((0, 80))
            if not is_open:
                time.sleep(0.7)
            client.sendall(bytes((5, 0 if is_open else 5)) + b"\0\1\0\0\0\0\0\0")
        found = self.scan("--proxies", f"socks5://{self.fake(7009, serve)}", "-p79-81")
        self.assertEqual(found, {port: ("open", "syn-ack") if port == 80 else
                                 ("closed", "conn-refused") for port in range(79, 82)})

    def test_one_that_fails_now_and_then_is_asked_again(self) -> None:
        count = [0]

        def serve(client: socket.socket) -> None:
            asked = client.recv(999)
            count[0] += 1
            if count[0] % 3 == 0:
                return
            is_open = b":80 " in asked
            client.sendall(b"HTTP/1.1 200 Yes\r\n\r\n" if is_open else
                           b"HTTP/1.1 503 No\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n")
        found = self.scan("--proxies", f"http://{self.fake(7007, serve)}", "-p75-85")
        self.assertEqual(found, {port: ("open", "syn-ack") if port == 80 else
                                 ("closed", "conn-refused") for port in range(75, 86)})


class Bounces(Through):
    def compare(self, server: str, ports: str) -> Found:
        """The same states and reasons as nmap's, and nothing goes to the target directly."""
        words = ("-n", "-Pn", "-b", server, "-p", ports, TARGET, "-oX", "-")
        before = self.lab.direct()
        ours = self.run_in(labs.TRAWL, *words, seconds=90)
        self.assertEqual(ours.returncode, 0, ours.stderr)
        self.assertEqual(self.lab.direct(), before)
        # nmap calls a port filtered whose answer came a moment too late for it.
        for _ in range(PEER_TRIES):
            peers = self.run_in("nmap", *words, seconds=120)
            if states(ours.stdout) == states(peers.stdout):
                break
        self.assertEqual(states(ours.stdout), states(peers.stdout), peers.stderr)
        for attribute in ("type", "protocol", "numservices", "services"):
            self.assertEqual(*(tree.fromstring(each.stdout).find("scaninfo").get(attribute)
                               for each in (ours, peers)))
        return states(ours.stdout)

    def test_states_are_those_of_nmap(self) -> None:
        found = self.compare(FIRST, "2000-2002")
        self.assertEqual({port: state for port, (state, _) in found.items()},
                         {2000: "open", 2001: "closed", 2002: "closed"})
        found = self.compare(FIRST, "2099")
        self.assertEqual(found[2099][0], "filtered")

    def test_a_silent_port_does_not_spoil_the_others(self) -> None:
        # nmap loses count of vsftpd's answers here.
        found = self.scan("-n", "-Pn", "-r", "-b", FIRST, "-p80,1999,2000,2099,2100,2101")
        self.assertEqual({port: state for port, (state, _) in found.items()},
                         {80: "filtered", 1999: "closed", 2000: "open", 2099: "filtered",
                          2100: "closed", 2101: "closed"})

    def test_a_server_that_bounces_for_nobody(self) -> None:
        for ports in ("2000", "80"):
            words = ("-n", "-Pn", "-b", SECOND, "-p", ports)
            ours = self.refused(*words)
            peers = self.run_in("nmap", *words, TARGET)
            self.assertEqual(peers.returncode, 1)
            self.assertEqual(ours.splitlines()[-2:], peers.stderr.splitlines()[-2:])

    def test_what_nmap_refuses(self) -> None:
        for words in (("-6", "-b", FIRST), ("-b", FIRST, "-sT"), ("-b", FIRST, "-sn"),
                      ("-b", "", "-Pn"), ("-b", f"{FIRST}:9", "-Pn"),
                      ("-b", f"nobody@{FIRST}:9", "-Pn"), ("-b", f"nobody:x@{FIRST}", "-Pn")):
            with self.subTest(words=words):
                ours = self.refused(*words, "-n")
                peers = self.run_in("nmap", *words, "-n",
                                    "2001:db8::1" if words[0] == "-6" else TARGET)
                self.assertEqual(ours.splitlines()[-2:], peers.stderr.splitlines()[-2:])

    def serve_ftp(self, port: int, replies: Callable[[int, int], bytes]) -> str:
        """`replies` has the answer to LIST: of a port, at its n-th time; b"" hangs up."""
        asked: dict[int, int] = {}

        def serve(client: socket.socket) -> None:
            client.sendall(b"220-Hello\r\n220 there\r\n")
            wanted = 0
            for line in client.makefile("rb"):
                verb, _, rest = line.strip().partition(b" ")
                if verb == b"LIST":
                    asked[wanted] = asked.get(wanted, 0) + 1
                    reply = replies(wanted, asked[wanted])
                    if not reply:
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    client.sendall(reply)
                    continue
                if verb == b"PORT":
                    high, low = rest.split(b",")[4:]
                    wanted = int(high) * 256 + int(low)
                    if wanted < 1024:
                        client.sendall(b"500 Illegal PORT command.\r\n")
                        continue
                client.sendall({b"USER": b"331 ?\r\n", b"PASS": b"230 !\r\n"}.get(verb, b"200\r\n"))
        self.lab.listen("between", THIRD, port, serve)
        return f"{THIRD}:{port}"

    def test_a_server_that_hangs_up_is_connected_to_again(self) -> None:
        server = self.serve_ftp(2121, lambda port, time: b"" if port % 2 and time < 3 else
                                b"150 a\r\n226 b\r\n" if port == 2003 else b"425 no\r\n")
        found = self.scan("-n", "-Pn", "-b", server, "-p2000-2005")
        self.assertEqual({port: state for port, (state, _) in found.items()},
                         {port: "open" if port == 2003 else "closed"
                          for port in range(2000, 2006)})

    def test_a_server_that_always_hangs_up_ends_the_audit(self) -> None:
        server = self.serve_ftp(2122, lambda port, time: b"")
        self.assertIn("out of retries", self.refused("-n", "-Pn", "-b", server, "-p2000"))

    def test_privileged_ports_may_be_refused_alone(self) -> None:
        server = self.serve_ftp(2123, lambda port, time: b"425 no\r\n")
        done = self.run_in(labs.TRAWL, "-n", "-Pn", "-b", server, "-p1020-1026", TARGET, "-oX", "-")
        self.assertEqual(set(states(done.stdout)), {1024, 1025, 1026})
        self.assertEqual(done.stderr.count("doesn't allow privileged ports, skipping them."), 1)


if __name__ == "__main__":
    through_lab.main()
