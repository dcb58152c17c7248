#!/usr/bin/env python3
"""`trawl resume` of a survey that talked to open ports when it was killed: each has one fact at the
end, also where the server still believes in the connection of the process that is gone."""
import json
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import audit_pair
import labs
import version_test
from version_test import Play

WEB = b"HTTP/1.0 200 OK\r\nServer: Thing/1\r\n\r\n"
GREETING = b"SSH-2.0-Lab_1.0\r\n"
PROBES = labs.ROOT / "data/service-probes"


def greets(client: socket.socket) -> None:
    """Speaks first and waits on, as sshd does."""
    client.sendall(GREETING)
    while client.recv(4096):
        pass


def thinks(client: socket.socket) -> None:
    """Answers a GET after a while, and lets the connection stand."""
    while question := client.recv(4096):
        time.sleep(1.5)
        if question.startswith(b"GET"):
            client.sendall(WEB)


def hesitates(client: socket.socket) -> None:
    time.sleep(1.5)
    greets(client)


def is_deaf(client: socket.socket) -> None:
    """Takes what is said, and says nothing."""
    while client.recv(4096):
        pass


PLAYS: dict[int, Play] = {22: greets, 2222: hesitates, 80: thinks, 8123: thinks, 40001: is_deaf}
WANTED = {22: ("service", GREETING), 2222: ("service", GREETING), 80: ("service", WEB),
          8123: ("service", WEB), 40001: ("accepts", b"")}


class Killed(unittest.TestCase):
    link = labs.AF_PACKET_LINK

    def test_every_port_has_one_fact(self) -> None:
        pair = self.enterContext(audit_pair.Pair(serves=False))
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        found, checkpoint = folder / "found.jsonl", folder / "checkpoint"
        began = threading.Semaphore(0)

        def noted(play: Play) -> Play:
            def serve(client: socket.socket) -> None:
                began.release()
                play(client)
            return serve
        self.enterContext(version_test.Players(
            pair, {port: noted(play) for port, play in PLAYS.items()}))
        survey = ["survey", "--link", self.link, "--allow-special", labs.NETWORK, "--rate", "1000",
                  "--retries", "none", "--banners", "--versiondb", str(PROBES), "-p",
                  ",".join(map(str, PLAYS)), "-o", str(found), "--checkpoint", str(checkpoint),
                  audit_pair.HOST]
        resume = ["resume", str(checkpoint)]
        for command, connections, seconds in ((survey, len(PLAYS), 0.2), (resume, 1, 2.2)):
            process = subprocess.Popen([*pair.within(), labs.TRAWL, *command],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                for _ in range(connections):
                    self.assertTrue(began.acquire(timeout=labs.PATIENCE))
                time.sleep(seconds)
            finally:
                process.send_signal(signal.SIGKILL)
                _, said = process.communicate()
            self.assertEqual(-signal.SIGKILL, process.returncode, said)
        done = labs.run([*pair.within(), labs.TRAWL, *resume])
        self.assertEqual(0, done.returncode, done.stderr)
        lines = map(json.loads, found.read_text(encoding="utf-8").splitlines())
        facts = [line for line in lines if line.get("type") == "service"]
        self.assertEqual(sorted(PLAYS), sorted(fact["port"] for fact in facts))
        self.assertEqual(WANTED, {fact["port"]: (fact["class"], fact.get("banner", "").encode(
            "latin-1")) for fact in facts})


if __name__ == "__main__":
    labs.main("nft")
