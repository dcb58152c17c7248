#!/usr/bin/env python3
"""Servers that are late, or that serve few connections at once: answers are nmap's with -sV."""
import collections
import shutil
import socket
import subprocess
import threading
import unittest

import audit_pair
import labs
import version_test
from version_test import Play, Players, answers, is_silent, says

HOST = audit_pair.HOST
PROBES = r"""Probe TCP NULL q||
totalwaitms 3000
tcpwrappedms 2500
match s1 m|^A1| p/One/
softmatch soft m|^SOFT| p/Soft/ v/1/ i/info/ h/host/ o/Os/ d/device/ cpe:/a:x:soft:1/ cpe:/o:x:os/
Probe TCP Get q|GET\r\n|
rarity 1
ports 3101-3199
totalwaitms 2000
match web m|^HTTP (\S+)| p/$1/
match http m|^ASKED FIRST| p/asked/
match ssl/soft m|^never| p/x/
Probe TCP Ask q|ASK\r\n|
rarity 1
totalwaitms 2000
match asked m|^ASKED| v/2/ cpe:/h:x:ask/
softmatch soft m|^never|
Probe TCP Third q|THIRD\r\n|
rarity 2
totalwaitms 2000
match third m|^3RD| p/third/
softmatch soft m|^nobody|
Probe UDP U1 q|u1|
rarity 1
totalwaitms 1000
match late m|^answer| p/to the first/
Probe UDP U2 q|u2|
rarity 1
totalwaitms 1500
match late m|^answer| p/to the second/
Probe UDP U3 q|u3|
rarity 1
totalwaitms 1000
match late m|^answer| p/to the third/
softmatch us m|^us| h/udphost/
"""


def with_room(rooms: int, play: Play) -> Play:
    """Others wait until one of these is done, and come in their order."""
    lock, waiting, free = threading.Lock(), collections.deque(), [rooms]

    def limited(client: socket.socket) -> None:
        turn = threading.Event()
        with lock:
            if free[0] > 0:
                free[0] -= 1
                turn.set()
            else:
                waiting.append(turn)
        turn.wait()
        try:
            play(client)
        finally:
            with lock:
                if waiting:
                    waiting.popleft().set()
                else:
                    free[0] += 1
    return limited


def replies(to: dict[bytes, bytes], late: float = 0) -> Play:
    def play(client: socket.socket) -> None:
        while question := client.recv(4096):
            answer = to.get(question.strip())
            if answer is not None and not threading.Event().wait(late):
                client.sendall(answer)
    return play


def greets_late(banner: bytes, seconds: float, play: Play) -> Play:
    """Unless it is asked before."""
    def greeted(client: socket.socket) -> None:
        client.settimeout(seconds)
        try:
            client.recv(4096, socket.MSG_PEEK)
        except TimeoutError:
            client.sendall(banner)
        client.settimeout(None)
        play(client)
    return greeted


def gives_up(seconds: float, play: Play) -> Play:
    """On who says nothing."""
    def impatient(client: socket.socket) -> None:
        client.settimeout(seconds)
        play(client)
    return impatient


GET = replies({b"GET": b"HTTP web"})
TCP: dict[int, Play] = {
    3001: with_room(1, replies({b"ASK": b"ASKED"}, 1.2)),
    3002: with_room(2, replies({b"ASK": b"ASKED"}, 1.2)),
    3003: with_room(2, replies({b"GET": b"?", b"THIRD": b"3RD"}, 0.7)),
    3004: with_room(1, replies({b"THIRD": b"3RD"}, 0.7)),
    3005: greets_late(b"A1", 2.0, is_silent),
    3006: says(b"SOFT"),
    3007: replies({b"GET": b"SOFT", b"ASK": b"ASKED"}),
    3101: greets_late(b"A1", 1.5, GET),
    3102: greets_late(b"A1", 2.7, GET),
    3103: gives_up(1.5, GET),
    3104: with_room(1, replies({b"GET": b"HTTP slow"}, 1.7)),
    3105: answers(b"HTTP first"),
}
UDP: dict[int, version_test.Datagrams] = {
    7001: {b"u1": (1.3, b"answer")},
    7002: {b"u1": (2.8, b"answer")},
    7003: {question: (0.2, b"") for question in (b"u1", b"u2", b"u3")},
    7004: {b"u1": (0.0, b""), b"u2": (0.1, b"answer")},
    7005: {b"u2": (1.9, b"us")},
    7006: {b"u1": (1.2, b"what?")},
    7007: {b"u3": (0.1, b"")},
}


@unittest.skipUnless(shutil.which("nmap"), "needs nmap")
class LateAndFew(version_test.Case):
    def theirs(self, *words: str) -> dict[tuple[str, int], dict]:
        path = self.folder / "theirs.xml"
        peer = subprocess.run(
            [*self.pair.within(), "nmap", "-n", "-Pn", "-sV", *words, "-oX", str(path), HOST],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=labs.PATIENCE,
            check=False)
        self.assertEqual(peer.returncode, 0, peer.stderr)
        return version_test.services(path)

    def test_answers_are_nmaps(self) -> None:
        self.play(TCP, UDP)
        for way, ports in (("-sS", TCP), ("-sU", UDP)):
            words = [way, "-p", ",".join(map(str, ports)), "--versiondb", self.probes(PROBES)]
            theirs = self.theirs(*words)
            self.audit(*words)
            ours = self.found()
            self.assertEqual(len(theirs), len(ports))
            self.assertEqual(ours.keys(), theirs.keys())
            for port, told in theirs.items():
                self.assertEqual(ours[port], told, port)
        self.check_valid()

    def test_who_speaks_only_when_asked_is_not_waited_for(self) -> None:
        """nmap hears the hang-up and the banner; --strict-nmap does, too."""
        asked = replies({b"GET": b"ASKED FIRST"})
        self.play({3101: gives_up(1.5, asked), 3102: greets_late(b"A1", 1.5, asked)}, {})
        words = ["-sS", "-p3101,3102", "--versiondb", self.probes(PROBES)]
        theirs = self.theirs(*words)
        self.assertEqual({told["name"] for told in theirs.values()}, {"tcpwrapped", "s1"})
        self.audit(*words, "--strict-nmap")
        self.assertEqual(self.found(), theirs)
        self.audit(*words)
        self.assertEqual([told["name"] for told in self.found().values()], ["http", "http"])

    def test_a_soft_match_that_cannot_be_followed_is_a_guess(self) -> None:
        found = []
        words = ["-sS", "-p3001", "--versiondb", self.probes(PROBES)]
        for ask in (self.theirs, lambda *words: (self.audit(*words), self.found())[1]):
            with Players(self.pair, {3001: says(b"SOFT")}, connections=1):
                found.append(ask(*words)["tcp", 3001])
        self.assertEqual(found[1], found[0])
        self.assertEqual((found[1]["conf"], found[1]["name"], found[1]["hostname"]),
                         ("3", "soft", "host"))
        self.assertIn("soft?", (self.folder / "ours.nmap").read_text())


if __name__ == "__main__":
    labs.main()
