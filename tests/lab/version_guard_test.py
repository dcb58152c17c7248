#!/usr/bin/env python3
"""With -sV no packet goes to whom an option or a list of the machine forbids, whatever is found."""
import pathlib
import re
import socket
import struct
import unittest

import labs
import version_test
from version_test import Play, says

MANY = "198.18.1.0/29"
EXCLUDED, LISTED = "198.18.1.3", "198.18.1.5"  # By --exclude and by a list of trawl.conf.
NAMED = "198.18.1.6"
WANTED = {f"198.18.1.{n}" for n in (0, 1, 2, 4, 7)}
RPC_PORT, TLS_PORT = 111, 443
QUESTION = b"\x80\0\0\x04rpc!"
PROBES = version_test.PROBES.replace("totalwaitms 3000", "totalwaitms 1500") + r"""
Probe TCP Rpc q|\x80\0\0\x04rpc!|
rarity 1
ports 111
match rpcbind m|^\x80|
Probe TCP Tls q|TLS?|
rarity 1
ports 443
match ssl m|^\x16\x03|
"""


def rpc(client: socket.socket) -> None:
    """Has program 100000 in version 2, and says so (RFC 5531, sections 9 and 11)."""
    came = b""
    while more := client.recv(4096):
        came += more
        if came.startswith(QUESTION):
            came = came[len(QUESTION):]
            client.sendall(b"\x80\0\0\x04said")
        while len(came) >= 4 and len(came) >= 4 + (size := came[2] << 8 | came[3]):
            transaction, _, _, program = struct.unpack_from("!IIII", came, 4)
            came = came[4 + size:]
            has_it = program == 100000
            body = struct.pack("!IIIIII", transaction, 1, 0, 0, 0, 2 if has_it else 1)
            body += struct.pack("!II", 2, 2) if has_it else b""
            client.sendall(struct.pack("!I", 0x80000000 | len(body)) + body)


class Guarded(version_test.Case):
    def setUp(self) -> None:
        super().setUp()
        self.tls = 0
        plays: dict[int, Play] = {3001: says(b"A1"), RPC_PORT: rpc, TLS_PORT: self.hello}
        self.enterContext(version_test.Players(self.pair, plays, address="0.0.0.0"))
        folder = pathlib.Path(f"/etc/netns/{self.pair.prefix}-scan")
        folder.mkdir(parents=True)
        self.addCleanup(folder.rmdir)
        (folder / "hosts").write_text(f"{NAMED} excluded.lab.test\n198.18.1.7 wanted.lab.test\n",
                                      encoding="ascii")
        self.addCleanup((folder / "hosts").unlink)
        self.listed = self.folder / "blocked"
        self.listed.write_text(f"{LISTED}\n", encoding="ascii")
        config = self.folder / "trawl.conf"
        config.write_text(f"opt-out = {self.listed}\n", encoding="ascii")
        self.config = ("env", f"TRAWL_CONFIG={config}")

    def hello(self, client: socket.socket) -> None:
        """Answers what asks for TLS, and then has none: each restart fails."""
        first = client.recv(4096)
        self.tls += first.startswith(b"\x16")
        client.sendall(b"\x16\3\3\0\4stop")

    def reached(self, *words: str, code: int = 0) -> tuple[set[str], str]:
        """Whom packets went to, and the XML."""
        path = self.folder / "ours.xml"
        with self.pair.tap() as tap:
            done = self.pair.scan("-Pn", "-sV", "--versiondb", self.probes(PROBES), "-oX",
                                  str(path), *words, before=self.config)
            frames = tap.frames()
        self.assertEqual(done.returncode, code, done.stderr)
        sent = [frame.text for frame in frames if frame.sent]
        self.assertGreater(len(sent), 10)
        return ({found[1] for text in sent
                 if (found := re.search(r"> (\d+\.\d+\.\d+\.\d+)", text))},
                path.read_text(encoding="utf-8"))

    def test_hosts_that_are_left_out_never_get_a_packet(self) -> None:
        for style in ("-sS", "-sT"):
            with self.subTest(style=style):
                self.tls = 0
                reached, text = self.reached(
                    style, "-p", f"3001,{RPC_PORT},{TLS_PORT}", "--exclude",
                    f"{EXCLUDED},excluded.lab.test", MANY, "excluded.lab.test", "wanted.lab.test")
                self.assertEqual(reached, WANTED)
                # What was to be seen did happen: programs were asked for, and TLS was begun.
                self.assertEqual(text.count('name="rpcbind"'), len(WANTED) + 1)  # And the name.
                self.assertIn('rpcnum="100000"', text)
                self.assertGreaterEqual(self.tls, len(WANTED))


    def test_proxies_obey_too(self) -> None:
        with self.pair.tap() as tap:
            done = self.pair.scan("-Pn", "-sT", "-sV", "-p3001", "--proxies",
                                  f"http://{LISTED}:3001", "198.18.1.7", before=self.config)
            frames = tap.frames()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(LISTED, done.stderr)
        self.assertEqual([frame.text for frame in frames if frame.sent and LISTED in frame.text], [])


if __name__ == "__main__":
    labs.main()
