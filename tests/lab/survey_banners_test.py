#!/usr/bin/env python3
"""`trawl survey --banners` against real servers: each banner is, byte for byte, what a plain socket
reads that says the same. Over IPv4, and over IPv6."""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
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

# Over IPv6 all servers are on one link with the scanner, at NETWORK6 and their number.
NETWORK6 = "2001:db8:6::"
# Takes connections over IPv6 in the name of servers that listen on IPv4 alone.
RELAY = """
import asyncio, sys
async def pass_on(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
async def relay(port, reader, writer):
    try:
        there, back = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return writer.close()
    await asyncio.gather(pass_on(reader, back), pass_on(there, writer))
async def main():
    for port in map(int, sys.argv[1:]):
        try:
            await asyncio.start_server(lambda r, w, port=port: relay(port, r, w), "::", port)
        except OSError:
            pass  # It listens there itself.
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""

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

    least = 30 if ALL else 8  # Banners that are compared.

    @classmethod
    def setUpClass(cls) -> None:
        listed = labs.must(labs.TRAWL, "lab", "servers", "--json").splitlines()
        recipes = [recipe for recipe in map(json.loads, listed)
                   if recipe["missing"] is None
                   and (recipe["set"] or (ALL and recipe["name"] in MORE))]
        names = ",".join(recipe["name"] for recipe in recipes)
        cls.lab = cls.enterClassContext(labs.Lab("--rtt", "1", "--driver", "af_packet",
                                                 "--servers", names, patience=600))
        cls.payloads = payloads()
        cls.services = {}
        cls.prepare()
        for recipe in recipes:
            ports = {listen["port"]: listen["service"] for listen in recipe["listens"]
                     if listen["transport"] == "tcp"}
            address = cls.address_of(recipe, ports) if ports else ""
            cls.services |= {(address, port): service for port, service in ports.items()}
        cls.find("--link", labs.AF_PACKET_LINK, "--allow-special", labs.NETWORK)

    @classmethod
    def prepare(cls) -> None:
        """What servers and scanner need beside the lab."""

    @classmethod
    def address_of(cls, recipe: dict, ports: dict[int, str]) -> str:
        """Where the scanner finds the server."""
        return recipe["address"]

    @classmethod
    def find(cls, *options: str) -> None:
        cls.found = cls.lab.folder / "banners.jsonl"
        ports = ",".join(map(str, sorted({port for _, port in cls.services})))
        done = labs.run([*cls.lab.within(), labs.TRAWL, "survey", *options, "--rate", "500",
                         "--banners", "--versiondb", str(PROBES), "--retries", "all", "-p", ports,
                         "-o", str(cls.found), *sorted({ip for ip, _ in cls.services})],
                        labs.PATIENCE * 5)
        assert done.returncode == 0, done.stderr
        cls.facts = {(line["ip"], line["port"]): line for line in lines_of(cls.found)
                     if line.get("type") == "service"}

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
        self.assertGreaterEqual(compared, self.least)
        self.assertGreater(whole, compared // 3)


class SurveyBanners6(SurveyBanners):
    """The same servers over IPv6, found through neighbour discovery, and by AF_XDP if there is any.
    """

    @classmethod
    def prepare(cls) -> None:
        scan, bridge = cls.lab.namespace("scan"), cls.lab.namespace("sim")
        labs.must("ip", "-n", bridge, "link", "add", "six0", "up", "type", "bridge")
        labs.must("ip", "-n", scan, "link", "add", "near0", "type", "veth", "peer", "name", "six0p",
                  "netns", bridge)
        labs.must("ip", "-n", bridge, "link", "set", "six0p", "up", "master", "six0")
        cls.give_address("scan", "near0", f"{NETWORK6}1:0")

    @classmethod
    def address_of(cls, recipe: dict, ports: dict[int, str]) -> str:
        suffix = recipe["namespace"]
        number = int(suffix.removeprefix("srv"))
        server, bridge = cls.lab.namespace(suffix), cls.lab.namespace("sim")
        labs.must("ip", "-n", server, "link", "add", "six0", "type", "veth", "peer", "name",
                  f"six{number}", "netns", bridge)
        labs.must("ip", "-n", bridge, "link", "set", f"six{number}", "up", "master", "six0")
        cls.give_address(suffix, "six0", f"{NETWORK6}{number:x}")
        relay = subprocess.Popen([*cls.lab.within(suffix), sys.executable, "-c", RELAY,
                                  *map(str, ports)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(relay.communicate)
        cls.addClassCleanup(relay.kill)
        assert relay.stdout.readline() == "ready\n"
        return f"{NETWORK6}{number:x}"

    @classmethod
    def give_address(cls, suffix: str, interface: str, address: str) -> None:
        labs.must(*cls.lab.within(suffix), "sh", "-c",
                  f"echo 0 > /proc/sys/net/ipv6/conf/{interface}/disable_ipv6")
        # A frame longer than the link's is none that a driver could read.
        labs.must("ip", "-n", cls.lab.namespace(suffix), "link", "set", interface, "up",
                  "gso_max_segs", "1")
        labs.must("ip", "-n", cls.lab.namespace(suffix), "-6", "address", "add", f"{address}/64",
                  "dev", interface, "nodad")

    @classmethod
    def find(cls, *options: str) -> None:
        super().find("--link", "near0", "--allow-special", "2001:db8::/32")


if __name__ == "__main__":
    labs.main("nft")
