#!/usr/bin/env python3
"""`trawl survey --banners` against real servers: each banner is, byte for byte, what a plain socket
reads that says the same."""
import json
import os
import pathlib
import re
import socket
import unittest

import labs

ALL = bool(os.environ.get("TRAWL_ALL_SERVERS"))
# With TRAWL_ALL_SERVERS=1 these too: of every kind, and none that takes minutes to start.
MORE = {"tinysshd", "telnetd", "x11vnc", "gpsd", "pptpd", "caddy", "mini-httpd", "weborf", "webfs",
        "python-http", "h2o", "gunicorn", "varnish", "tinyproxy", "privoxy", "postfix", "exim4",
        "opensmtpd", "courier-imap", "bind", "nsd", "knot", "redis-sentinel", "nats", "gearmand",
        "beanstalkd", "proftpd", "pure-ftpd", "inetutils-ftpd", "svnserve", "git-daemon", "cvs",
        "rpcbind", "ngircd", "mpd", "dictd", "fingerd", "oidentd", "slapd",
        "monit", "munin-node"}
PROBES = labs.ROOT / "data/service-probes"
MOST = 1024
IDLE = 0.7  # Seconds of silence after which a server has said all.
FIRST_WORD = 3.5
# What of a banner is drawn anew for each connection is not compared.
READS = 3

Where = tuple[str, int]


def lines_of(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def payloads() -> dict[str, bytes]:
    """What each TCP probe of the file sends."""
    found = {"": b""}
    for line in PROBES.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"Probe TCP (\S+) q(.)(.*)\2", line):
            found[match[1]] = match[3].encode().decode("unicode_escape").encode("latin-1")
    return found


def without_numbers(text: bytes) -> bytes:
    """Clocks and counts go on between two connections."""
    return re.sub(rb"[0-9]+", b"0", text)


class SurveyBanners(unittest.TestCase):
    lab: labs.Lab

    @classmethod
    def setUpClass(cls) -> None:
        listed = labs.must(labs.TRAWL, "lab", "servers", "--json").splitlines()
        recipes = [recipe for recipe in map(json.loads, listed)
                   if recipe["missing"] is None
                   and (recipe["set"] or (ALL and recipe["name"] in MORE))]
        names = ",".join(recipe["name"] for recipe in recipes)
        cls.lab = cls.enterClassContext(labs.Lab("--rtt", "1", "--driver", "af_packet",
                                                 "--servers", names, patience=600))
        cls.services = {(recipe["address"], listen["port"]): listen["service"]
                        for recipe in recipes for listen in recipe["listens"]
                        if listen["transport"] == "tcp"}
        cls.found = cls.lab.folder / "banners.jsonl"
        ports = ",".join(map(str, sorted({port for _, port in cls.services})))
        done = labs.run([*cls.lab.within(), labs.TRAWL, "survey", "--link", labs.AF_PACKET_LINK,
                         "--allow-special", labs.NETWORK, "--rate", "500", "--banners",
                         "--versiondb", str(PROBES), "--retries", "all", "-p", ports, "-o",
                         str(cls.found), *sorted({ip for ip, _ in cls.services})],
                        labs.PATIENCE * 5)
        assert done.returncode == 0, done.stderr
        cls.facts = {(line["ip"], line["port"]): line for line in lines_of(cls.found)
                     if line.get("type") == "service"}
        cls.payloads = payloads()

    def read(self, at: Where, payload: bytes) -> bytes:
        """What a socket in the scanner's namespace reads."""
        def talk() -> bytes:
            said = b""
            with socket.create_connection(at, timeout=FIRST_WORD) as connection:
                if payload:
                    connection.sendall(payload)
                try:
                    while len(said) < MOST and (more := connection.recv(MOST - len(said))):
                        said += more
                        connection.settimeout(IDLE)
                except (TimeoutError, ConnectionResetError):
                    pass
            return said
        return labs.in_namespace(self.lab.namespace("scan"), talk)

    def test_every_server_that_speaks_is_heard(self) -> None:
        self.assertLessEqual(self.services.keys(), self.facts.keys())
        for at, fact in self.facts.items():
            with self.subTest(at=at, service=self.services[at]):
                self.assertEqual("banner", fact["source"])
                self.assertIn(fact["class"], ("service", "accepts", "resets"))

    def test_banners_are_what_a_socket_reads(self) -> None:
        compared = whole = 0  # All bytes the same, clocks included.
        for at, fact in self.facts.items():
            if fact["class"] != "service":
                continue
            with self.subTest(at=at, service=self.services[at], probe=fact.get("probe")):
                heard = fact["banner"].encode("latin-1")
                if fact.get("tls"):
                    # Its ClientHello is not in the file; whoever sends another hears another.
                    self.assertEqual(b"\x03", heard[1:2])
                    continue
                reads = [self.read(at, self.payloads[fact.get("probe", "")])
                         for _ in range(READS)]
                compared += 1
                whole += heard in reads
                if without_numbers(heard) in map(without_numbers, reads):
                    continue
                self.assertIn(len(heard), map(len, reads))
                same = [len(set(bytes_at)) == 1 for bytes_at in zip(*reads)]
                self.assertGreater(sum(same), len(same) // 2)
                self.assertEqual([byte for byte, kept in zip(reads[0], same) if kept],
                                 [byte for byte, kept in zip(heard, same) if kept])
        self.assertGreaterEqual(compared, 30 if ALL else 8)
        self.assertGreater(whole, compared // 3)


if __name__ == "__main__":
    labs.main("nft")
