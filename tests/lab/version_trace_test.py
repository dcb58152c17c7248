#!/usr/bin/env python3
"""The example of the Nmap book, "Technique Demonstrated": the same events in the same order."""
import os
import re
import shutil
import socket
import struct
import subprocess
import unittest

import audit_pair
import labs
import version_test

HOST = audit_pair.HOST
INSTALLED = "/usr/share/nmap/nmap-service-probes"
PORTS = (22, 25, 53, 80)
READ = re.compile(r"READ SUCCESS.*\((\d+) bytes\)")


def mail(client: socket.socket) -> None:
    """Speaks ESMTP without saying which; HELP tells."""
    client.sendall(b"220 mail.example ESMTP\r\n")
    while question := client.recv(4096):
        if question == b"HELP\r\n":
            client.sendall(b"214 qmail home page: http://pobox.com/~djb/qmail.html\r\n")


def name_server(client: socket.socket) -> None:
    """Silent until it is asked for version.bind, over TCP (RFC 1035 section 4.2.2)."""
    while question := client.recv(4096):
        if b"\x07version\x04bind" not in question:
            continue
        name = b"\x07version\x04bind\x00" + struct.pack(">HH", 16, 3)
        text = b"\x059.2.1"
        answer = b"\xc0\x0c" + struct.pack(">HHIH", 16, 3, 0, len(text)) + text
        message = question[2:4] + struct.pack(">HHHHH", 0x8580, 1, 1, 0, 0) + name + answer
        client.sendall(struct.pack(">H", len(message)) + message)


def web(client: socket.socket) -> None:
    """Waits for a request; its answer is long, and ends the connection."""
    if client.recv(4096).startswith(b"GET / HTTP/1.0\r\n"):
        client.sendall(b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                       b"Server: Apache/2.0.39 (Unix) mod_perl/1.99_07-dev\r\n"
                       b"Connection: close\r\nContent-Type: text/html\r\n\r\n" + b"<p>" * 300)


def events(text: str, port: int) -> list[str]:
    """What a trace tells of a port, without times, numbers and what becomes of writes."""
    told = []
    for line in text.splitlines():
        line = re.sub(r"^NSOCK INFO \[[0-9.]+s\] ", "", line)
        if not re.search(rf"\b{re.escape(HOST)}:{port}\b", line) or "WRITE SUCCESS" in line:
            continue
        # Scripts of nmap come after that.
        if told and "Service scan match" in told[-1]:
            break
        line = re.sub(r"EID \d+|IOD #\d+|\(timeout: \d+ms\)", "", line)
        line = line.replace("nsock_trace_handler_callback(): ", "")
        if some := READ.search(line):
            count = int(some[1])
            # Bytes that were sent at once may be read in parts.
            if len(told) > 1 and "nsock_read" in told[-1] and (more := READ.search(told[-2])):
                count += int(more[1])
                del told[-2:]
            line = f"READ SUCCESS ({count} bytes)"
        told.append(line)
    return told


def rows(text: str) -> list[str]:
    return [re.sub(r" +", " ", line) for line in text.splitlines()
            if re.match(r"\d+/tcp ", line)]


class Demonstration(unittest.TestCase):
    @unittest.skipUnless(shutil.which("nmap") and os.path.exists(INSTALLED), "needs nmap")
    def test_events_come_in_nmaps_order(self) -> None:
        pair = self.enterContext(audit_pair.Pair(serves=False))
        players = {22: version_test.says(b"SSH-1.99-OpenSSH_3.1p1\n"), 25: mail,
                   53: name_server, 80: web}
        self.enterContext(version_test.Players(pair, players))
        words = ["-n", "-Pn", "-sS", "-sV", "--version-trace", "--versiondb", INSTALLED,
                 "-p", ",".join(map(str, PORTS))]
        # Events go to one stream, what is made of them to the other.
        ours, theirs = (
            subprocess.run([*pair.within(), *program, *words, HOST], text=True, check=True,
                           errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=labs.PATIENCE)
            for program in ((labs.TRAWL, "--strict-nmap"), ("nmap",)))
        for port in PORTS:
            told = events(theirs.stdout, port)
            self.assertEqual(events(ours.stdout, port), told)
            self.assertIn("Service scan match", told[-1])
        self.assertEqual(rows(ours.stdout), rows(theirs.stdout))
        told = "\n".join(events(ours.stdout, 25))
        self.assertRegex(told, r"(?s)probe NULL.*soft match.*READ TIMEOUT.*probe Help.*qmail smtpd")
        self.assertIn("probe DNSVersionBindReqTCP", "\n".join(events(ours.stdout, 53)))
        self.assertIn("probe GetRequest", "\n".join(events(ours.stdout, 80)))
        # Without the strictness the table is the same.
        fast = pair.scan(*words, HOST)
        self.assertEqual(rows(fast.stdout), rows(theirs.stdout))


if __name__ == "__main__":
    labs.main("nmap")
