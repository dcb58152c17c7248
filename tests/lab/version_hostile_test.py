#!/usr/bin/env python3
"""trawl -sV of servers that mean harm: reports stay whole, and the scan comes to an end."""
import json
import socket
import ssl
import unittest

import labs
import version_test
from version_test import Play, answers, drips, is_silent, never_ends, resets, says

TLS_PORTS = range(3101, 3110)
PROBES = version_test.PROBES.replace("totalwaitms 3000", "totalwaitms 1500") + r"""
Probe TCP Tls q|TLS?|
rarity 1
ports 3101-3109
totalwaitms 1500
match ssl m|^\x16\x03|
"""
WEB = b"HTTP/1.0 200 OK\r\nServer: Thing/1\r\n\r\n"
# Certificates: name, subject, first and last day, further extensions.
Certificate = tuple[str, str, str, str, str]
CERTIFICATES: list[Certificate] = [
    ("expired", "/CN=old.example", "19700102000000Z", "19700103000000Z", ""),
    ("far", "/CN=far.example", "20490101000000Z", "99991231235959Z", ""),
    ("backwards", "/CN=back.example", "20300101000000Z", "20200101000000Z", ""),
    ("nul", "/CN=good.example\\x00.evil.example\\x1b[31m/O=<script>&", "20200101000000Z",
     "20400101000000Z", ""),
    ("huge", "/CN=huge.example", "20200101000000Z", "20400101000000Z",
     "subjectAltName=" + ",".join(f"DNS:{n:040}.example" for n in range(1500))),
]


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


HANDSHAKE, ALERT = 22, 21
# What a server says to a ClientHello, none of which is TLS to its end.
BROKEN_TLS: dict[int, bytes] = {
    3101: record(HANDSHAKE, b"\2\xff\xff\xff" + b"x" * 200),
    3102: record(HANDSHAKE, b"") * 1000,
    3103: record(HANDSHAKE, b"\2\0\0\x26\3\3" + b"r" * 32 + b"\0\xff\xff\0\0"),
    3104: b"\x16\3\3\xff\xff" + b"z" * 40000,
    3105: record(ALERT, b"\2\x28"),
    3106: b"\x16\3",
    3107: record(HANDSHAKE, b"\0\0\0\0" * 4000),
    3108: b"\x16\3\1" + bytes(range(256)) * 100,
}


def says_to_any(text: bytes) -> Play:
    """To whatever comes, each time, and stays."""
    def play(client: socket.socket) -> None:
        while client.recv(4096):
            client.sendall(text)
    return play


class Hostile(version_test.Case):
    def check_reports(self) -> None:
        """Well formed, whatever was said; no byte of a server's acts on a terminal."""
        self.check_valid()
        for line in (self.folder / "ours.json").read_text(encoding="utf-8").splitlines():
            json.loads(line)
        for name in ("ours.nmap", "ours.gnmap", "ours.json", "ours.xml"):
            text = (self.folder / name).read_bytes()
            self.assertEqual(set(text) & (set(range(32)) - set(b"\t\r\n")), set(), name)
            text.decode("utf-8")
        lines = (self.folder / "ours.gnmap").read_text(encoding="utf-8").splitlines()
        self.assertEqual(len([line for line in lines if "Ports: " in line]), 1)
        for line in lines:
            self.assertRegex(line, "^(#|Host: )")

    def test_broken_tls(self) -> None:
        self.play({port: says_to_any(text) for port, text in BROKEN_TLS.items()}
                  | {3109: answers(b"\x16\3\3\0\4stop")})
        words = ("-p3101-3109", "--versiondb", self.probes(PROBES))
        self.audit(*words)
        self.check_reports()
        path = self.folder / "theirs.xml"
        labs.must(*self.pair.within(), "nmap", "-n", "-Pn", "-sV", *words, "-oX", str(path),
                  version_test.HOST)
        peers, ours = version_test.services(path), self.found()
        self.assertEqual(peers.keys(), ours.keys())
        for where, told in peers.items():
            self.assertEqual(ours[where], told, where)

    def certificate(self, name: str, subject: str, first: str, last: str, extension: str
                    ) -> ssl.SSLContext:
        """Of a CA that openssl makes; `openssl ca` takes days that `openssl req` does not."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "index").write_text("")
        (folder / "serial").write_text("01\n")
        (folder / "ca.conf").write_text(
            f"[ca]\ndefault_ca=lab\n[lab]\ndatabase={folder}/index\nserial={folder}/serial\n"
            f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=any\nunique_subject=no\n"
            "[any]\ncommonName=supplied\norganizationName=optional\n"
            f"[more]\n{extension or 'basicConstraints=CA:FALSE'}\n"
            "[req]\ndistinguished_name=dn\n[dn]\n", encoding="utf-8")
        key, request, made = (str(folder / end) for end in ("key", "request", "made"))
        config = str(folder / "ca.conf")
        labs.must("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-config", config,
                  "-subj", subject, "-keyout", key, "-out", request)
        labs.must("openssl", "ca", "-batch", "-selfsign", "-config", config, "-keyfile", key, "-in",
                  request, "-out", made, "-startdate", first, "-enddate", last, "-extensions",
                  "more", "-notext")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made, key)
        return context

    def test_absurd_certificates(self) -> None:
        def within(context: ssl.SSLContext) -> Play:
            def play(client: socket.socket) -> None:
                first = client.recv(4, socket.MSG_PEEK)
                if first == b"TLS?":
                    return answers(b"\x16\3\3\0\4stop")(client)
                with context.wrap_socket(client, server_side=True) as inner:
                    return answers(WEB)(inner)
            return play
        contexts = {port: self.certificate(*each)
                    for port, each in zip(TLS_PORTS, CERTIFICATES)}
        self.play({port: within(context) for port, context in contexts.items()})
        probes = PROBES.replace("ports 3010\n", "ports 3010\nsslports 3101-3109\n")
        self.audit("-p", ",".join(map(str, contexts)), "--versiondb", self.probes(probes))
        self.check_reports()
        for port, each in zip(TLS_PORTS, CERTIFICATES):
            told = self.found()["tcp", port]
            self.assertEqual((told.get("product"), told.get("tunnel")), ("Thing/1", "ssl"), each[0])

    def test_banners(self) -> None:
        texts = {3201: b"B\0nul\0\n", 3202: b"B\x1b[2J\x1b]0;title\x07\n",
                 3203: b"B<script>alert('&\"')</script>]]>\n", 3204: b"B\xff\xfe\xc0\x80\xed\xa0\x80\n",
                 3205: b"B\xe2\x80\xae\xc2\x9b31m\n", 3206: b"B/ 22/open/tcp//x///\tIgnored\n",
                 3207: b"no line \x1b\0\xff\r\n\r\nHost: 1.2.3.4 ()\tPorts: 1/open\n",
                 3208: b"B" + b"\x7f\x80" * 200 + b"\n"}
        self.play({port: says(text) for port, text in texts.items()},
                  {7777: b"answer\0\x1b[31m\xff"})
        done = self.audit("-sSU", "-pT:3201-3208,U:7777", "--versiondb", self.probes(PROBES))
        self.check_reports()
        self.assertEqual(set(done.stdout.encode()) & (set(range(32)) - set(b"\n")), set())
        self.assertNotIn("\x9b", done.stdout)
        for port in texts:
            if port != 3207:
                self.assertEqual(self.found()["tcp", port]["name"], "s5", port)
        self.assertIn("servicefp", self.found()["tcp", 3207])
        self.assertEqual(self.found()["udp", 7777]["product"], "Udp thing")

    def test_few_descriptors(self) -> None:
        ports = list(range(3301, 3381))
        tls_and_bad: dict[int, Play] = {3391: drips, 3392: never_ends, 3393: resets,
                                        3394: is_silent}
        self.play({port: says(f"A2 {port}.0\n".encode()) for port in ports} | tls_and_bad)
        words = ("-sT", "-p3301-3380,3391-3394", "--versiondb", self.probes(PROBES))
        done = self.pair.scan("-Pn", "-sV", "-oX", str(self.folder / "ours.xml"), *words,
                              version_test.HOST, before=("prlimit", "--nofile=40:40"))
        self.assertEqual(done.returncode, 0, done.stderr)
        found = self.found()
        self.assertEqual({port: found["tcp", port].get("version") for port in ports},
                         {port: f"{port}.0" for port in ports})
        for port in tls_and_bad:
            self.assertEqual(found["tcp", port]["state"], "open")


class Files(version_test.Case):
    """Each kind of line that a probe file may have wrong."""
    WRONG = (b"match s9 m|^never\n", b"match s9\n", b"match s9 x|y|\n", b"match s8 m|^(a| p/x/\n",
             b"match s8 m|a|z\n", b"match s8 m|a| q/x/\n", b"match s8 m|a| p/x\n", b"rarity 10\n",
             b"rarity x\n", b"ports 1-\n", b"ports 70000\n", b"totalwaitms 0x\n", b"nonsense\n",
             b"Probe TCP\n", b"Probe XDP a q|b|\n", b"Probe TCP a q|b\n", b"\xff\xfe\0\n",
             b"softmatch\n", b"match s8 m|(?<|\n")

    def test_each_is_named_by_file_and_line_and_the_rest_is_used(self) -> None:
        self.play({3001: says(b"A1"), 3010: answers(WEB)})
        for wrong in self.WRONG:
            with self.subTest(line=wrong):
                good = version_test.PROBES.encode()
                at = good.index(b"match s2")
                path = self.folder / "probes"
                path.write_bytes(good[:at] + wrong + good[at:])
                said = self.audit("-p3001,3010", "--versiondb", str(path)).stderr
                self.assertRegex(said, rf"(?m)^{path}:{good[:at].count(10) + 1}: \S.+$")
                self.assertEqual(self.found()["tcp", 3001]["product"], "Prod/one")
                self.assertEqual(self.found()["tcp", 3010]["product"], "Thing/1")


if __name__ == "__main__":
    labs.main("nmap", "openssl", "prlimit")
