#!/usr/bin/env python3
"""Version detection through real proxies and chains of them, beside nmap's, which knows two kinds."""
import contextlib
import pathlib
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import labs
import through_lab
import version_test
from through_lab import (DANTE, FIRST, LOGIN, SECOND, SOCKS, SQUID, TARGET, THIRD, TINY, Lab)
from version_test import Play, answers, says

BETWEEN = "198.18.2.1"  # From where proxies connect.
WEB = answers(b"HTTP/1.0 200 OK\r\nServer: Thing/1\r\n\r\n")
TLS_PORT = 3012
AT_ONCE = 3001  # Its banner comes together with the proxy's answer.


def later(play: Play) -> Play:
    def serve(client: socket.socket) -> None:
        time.sleep(0.5)
        play(client)
    return serve


PLAYS = {AT_ONCE: says(b"A1\n"), 3002: later(says(b"A2 2.0\n")), 3010: WEB,
         3011: later(says(b"what is this?")), TLS_PORT: WEB}


def client_hello() -> str:
    """Of this machine's OpenSSL, as a probe file has it; short, for nmap's lines are."""
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    out = ssl.MemoryBIO()
    hello = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="lab.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    return "".join(f"\\x{byte:02x}" for byte in out.read())


TLS = f"""Probe TCP Tls q|{client_hello()}|
rarity 1
ports {TLS_PORT}
match ssl m|^\\x16\\x03|
"""
PROBES = version_test.PROBES.replace("totalwaitms 3000", "totalwaitms 1500").replace(
    "ports 3010\n", f"ports 3010\nsslports {TLS_PORT}\n") + TLS
URLS = {
    "socks4": f"socks4://{THIRD}:{DANTE}",
    "socks5": f"socks5://{FIRST}:{SOCKS}",
    "login": f"socks5://user:pass%3aword@{SECOND}:{LOGIN}",
    "squid": f"http://{FIRST}:{SQUID}",
    "tiny": f"http://{FIRST}:{TINY}",
}
CHAINS = ("socks4", "socks5", "squid", "tiny", "tiny,socks4,login", "socks5,login,squid",
          "squid,tiny,socks4")
# All that nmap 7.93 finds through proxies: it knows no SOCKS 5, takes HTTP/1.1 200 for an error,
# loses servers that speak first and does not get through TLS.
PEERS, PEER_PORTS = ("socks4",), (3010,)


def urls(chain: str) -> str:
    return ",".join(URLS[name] for name in chain.split(","))


class Through(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (cls.folder / "probes").write_text(PROBES, encoding="latin-1")
        labs.must("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                  "/CN=lab.example", "-keyout", str(cls.folder / "key"), "-out",
                  str(cls.folder / "certificate"))
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(cls.folder / "certificate", cls.folder / "key")
        cls.seen: set[str] = set()
        for port, play in PLAYS.items():
            cls.lab.listen("target", TARGET, port, cls.noted(port, play))

    @classmethod
    def noted(cls, port: int, play: Play) -> Play:
        def serve(client: socket.socket) -> None:
            cls.seen.add(client.getpeername()[0])
            if port != TLS_PORT:
                return play(client)
            with cls.context.wrap_socket(client, server_side=True) as within:
                return play(within)
        return serve

    def services(self, space: str, program: str, chain: str, *ports: int) -> dict:
        path = self.folder / "found.xml"
        done = subprocess.run(
            [*self.lab.within(space), "env", f"XDG_CACHE_HOME={self.folder}", program, "-n", "-Pn",
             "-sT", "-sV", "-p", ",".join(map(str, ports)), "--versiondb",
             str(self.folder / "probes"), "--proxies", urls(chain), "-oX", str(path), TARGET],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=labs.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return version_test.services(path)

    def test_services_are_found_and_nothing_leaves_directly(self) -> None:
        for chain in CHAINS:
            with self.subTest(chain=chain):
                self.seen.clear()
                before = self.lab.direct()
                found = self.services("scan", labs.TRAWL, chain, *PLAYS)
                self.assertEqual({port: told.get("product") for (_, port), told in found.items()},
                                 {AT_ONCE: "Prod/one", 3002: "Prod", 3010: "Thing/1", 3011: None,
                                  TLS_PORT: "Thing/1"})
                self.assertEqual(found["tcp", TLS_PORT]["tunnel"], "ssl")
                self.assertIn("what\\x20is", found["tcp", 3011]["servicefp"])
                self.assertEqual(self.seen, {BETWEEN})
                if URLS[chain.split(",")[0]].split("@")[-1].split("//")[-1].startswith(FIRST):
                    self.assertEqual(self.lab.direct(), before, "left directly")

    def test_nmap_says_the_same(self) -> None:
        for chain in PEERS:
            with self.subTest(chain=chain):
                # Its port scan does not use proxies; from there the target is in reach.
                peers = self.services("between", "nmap", chain, *PEER_PORTS)
                ours = self.services("scan", labs.TRAWL, chain, *PEER_PORTS)
                self.assertEqual(peers.keys(), ours.keys())
                for port, told in peers.items():
                    self.assertEqual(ours[port], told, port)


if __name__ == "__main__":
    through_lab.main()
