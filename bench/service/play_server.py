#!/usr/bin/env python3
"""Plays many servers at once: what each kind says unasked, and what it answers.

    play_server.py LAYOUT COUNTS [CERTIFICATE KEY]

LAYOUT is a JSON list of {"address", "port", "kind", "turn"}. A line "ready" on standard output says
that all of them listen. On SIGTERM, COUNTS gets how many connections there were, how many of them
at once to one port at most, and to which.
"""
import asyncio
import collections
import dataclasses
import json
import pathlib
import resource
import signal
import ssl
import struct
import sys
from collections.abc import Callable

MOST_INPUT = 65536  # Bytes of one connection that are looked at.


@dataclasses.dataclass(frozen=True)
class Kind:
    """A server: what it says first, and what to all the bytes that came since its last answer.
    An empty answer is none yet; None hangs up."""
    greeting: Callable[[int], bytes] = lambda turn: b""
    answer: Callable[[int, bytes], bytes | None] = lambda turn, data: b""
    hangs_up: bool = False  # Right away.
    has_tls: bool = False


def pick(turn: int, *choices: str) -> str:
    return choices[turn % len(choices)]


def by_line(handle: Callable[[int, str], str | None]) -> Callable[[int, bytes], bytes | None]:
    """Answers every whole line."""

    def answer(turn: int, data: bytes) -> bytes | None:
        if not data.endswith(b"\n"):
            return b""
        said = []
        for line in data.decode("latin-1").splitlines():
            words = handle(turn, line)
            if words is None:
                return "".join(said).encode("latin-1") or None
            said.append(words)
        return "".join(said).encode("latin-1")

    return answer


def ssh(turn: int) -> bytes:
    version = pick(turn, "OpenSSH_9.2p1 Debian-2+deb12u3", "OpenSSH_8.4p1 Debian-5+deb11u3",
                   "OpenSSH_8.9p1 Ubuntu-3ubuntu0.6", "dropbear_2022.83", "OpenSSH_7.4")
    return f"SSH-2.0-{version}\r\n".encode()


def smtp_greeting(turn: int) -> bytes:
    return f"220 mail{turn}.example ESMTP Postfix (Debian/GNU)\r\n".encode()


def smtp(turn: int, line: str) -> str:
    word = line[:4].upper()
    if word in ("EHLO", "HELO"):
        return f"250-mail{turn}.example\r\n250-PIPELINING\r\n250 SIZE 10240000\r\n"
    if word == "QUIT":
        return "221 2.0.0 Bye\r\n"
    return "502 5.5.2 Error: command not recognized\r\n"


def ftp_greeting(turn: int) -> bytes:
    return pick(turn, "220 (vsFTPd 3.0.3)\r\n",
                "220 ProFTPD Server (Debian) [::ffff:198.19.2.1]\r\n").encode()


def ftp(turn: int, line: str) -> str:
    return "214 The following commands are recognized.\r\n" if line[:4].upper() == "HELP" else (
        "530 Please login with USER and PASS.\r\n")


def web(turn: int, data: bytes) -> bytes | None:
    name = pick(turn, "nginx/1.22.1", "Apache/2.4.57 (Debian)", "lighttpd/1.4.69", "nginx")
    first = data.split(b"\r\n", 1)[0]
    if not (b"\r\n\r\n" in data or len(data) > 4096 or b"\0" in first):
        return b""
    good = first.startswith((b"GET / HTTP/1.", b"OPTIONS / HTTP/1."))
    status = "200 OK" if good else (
        "404 Not Found" if first.startswith(b"GET ") else "400 Bad Request")
    body = f"<html><head><title>{status}</title></head><body>{status}</body></html>\r\n"
    return (f"HTTP/1.1 {status}\r\nServer: {name}\r\nDate: Sun, 01 Jan 2023 00:00:00 GMT\r\n"
            f"Content-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            f"{body}").encode()


def mysql(turn: int) -> bytes:
    name = pick(turn, "5.5.5-10.11.6-MariaDB-0+deb12u1", "8.0.36-0ubuntu0.22.04.1")
    body = (b"\x0a" + name.encode() + b"\0" + struct.pack("<I", 30 + turn) + b"abcdefgh\0"
            + b"\xfe\xf7\x2d\x02\x00\xff\x81\x15" + bytes(10) + b"ijklmnopqrst\0"
            + b"mysql_native_password\0")
    return struct.pack("<I", len(body)) + body  # Its size in three bytes, then the number 0.


def redis(turn: int, data: bytes) -> bytes | None:
    if not data.endswith(b"\n"):
        return b""
    if b"info" in data.lower():
        version = pick(turn, "7.0.15", "6.0.16")
        text = f"# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\n"
        return f"${len(text)}\r\n{text}\r\n".encode()
    if b"host:" in data.lower() or data.startswith(b"POST"):
        return None
    word = data.split()[0].decode("latin-1") if data.split() else ""
    if not word:
        return b""
    return f"-ERR unknown command '{word[:64]}', with args beginning with: \r\n".encode("latin-1")


def pop3(turn: int, line: str) -> str:
    if line[:4].upper() == "CAPA":
        return "+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nSTLS\r\n.\r\n"
    return "-ERR Unknown command.\r\n"


def imap(turn: int, line: str) -> str:
    tag = line.split(" ")[0] or "*"
    return f"{tag} BAD Error in IMAP command received by server.\r\n"


def unknown(turn: int, data: bytes) -> bytes:
    return b"?what is that supposed to mean\r\n" if data.endswith(b"\n") else b""


KINDS = {
    "ssh": Kind(ssh, lambda turn, data: None if b"\n" in data and data[:4] != b"SSH-" else b""),
    "smtp": Kind(smtp_greeting, by_line(smtp)),
    "ftp": Kind(ftp_greeting, by_line(ftp)),
    "web": Kind(answer=web),
    "tls_web": Kind(answer=web, has_tls=True),
    "mysql": Kind(mysql, lambda turn, data: None),
    "redis": Kind(answer=redis),
    "pop3": Kind(lambda turn: b"+OK Dovecot (Debian) ready.\r\n", by_line(pop3)),
    "imap": Kind(lambda turn: b"* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE "
                              b"LITERAL+ STARTTLS LOGINDISABLED] Dovecot (Debian) ready.\r\n",
                 by_line(imap)),
    "vnc": Kind(lambda turn: b"RFB 003.008\n"),
    "silent": Kind(),
    "wrapped": Kind(hangs_up=True),
    "unknown": Kind(answer=unknown),
}


class Counts:
    """Connections to each port: so far, now, and at most at once."""

    def __init__(self) -> None:
        self.all = 0
        self._now: collections.Counter = collections.Counter()
        self.most: collections.Counter = collections.Counter()

    def begin(self, where: str) -> None:
        self.all += 1
        self._now[where] += 1
        self.most[where] = max(self.most[where], self._now[where])

    def end(self, where: str) -> None:
        self._now[where] -= 1

    def to_json(self) -> dict:
        where, most = max(self.most.items(), key=lambda item: item[1], default=("", 0))
        return {"connections": self.all, "most_at_once": most, "where": where}


class Tls:
    """The server's end of TLS, which says its alerts before it hangs up; asyncio's own does not."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._end = context.wrap_bio(self._in, self._out, server_side=True)
        self._is_open = False

    def decrypt(self, data: bytes) -> bytes | None:
        """None when the connection is to end."""
        self._in.write(data)
        plain = b""
        try:
            if not self._is_open:
                self._end.do_handshake()
                self._is_open = True
            while piece := self._end.read(MOST_INPUT):
                plain += piece
        except ssl.SSLWantReadError:
            return plain
        except (ssl.SSLError, ValueError):
            pass
        return None

    def encrypt(self, data: bytes) -> None:
        self._end.write(data)

    def take_output(self) -> bytes:
        return self._out.read()


class Conversation(asyncio.Protocol):
    def __init__(self, item: dict, counts: Counts, tls: Tls | None) -> None:
        self._kind = KINDS[item["kind"]]
        self._turn = item["turn"]
        self._where = f"{item['address']}:{item['port']}"
        self._counts = counts
        self._tls = tls
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._counts.begin(self._where)
        if self._kind.hangs_up:
            transport.close()
        elif greeting := self._kind.greeting(self._turn):
            transport.write(greeting)

    def data_received(self, data: bytes) -> None:
        if self._tls is None:
            self._take(data)
            return
        plain = self._tls.decrypt(data)
        if plain:
            self._take(plain)
        self._transport.write(self._tls.take_output())
        if plain is None:
            self._transport.close()

    def _take(self, data: bytes) -> None:
        self._data = (self._data + data)[-MOST_INPUT:]
        answer = self._kind.answer(self._turn, self._data)
        if answer is None:
            self._transport.close()
        elif answer:
            self._data = b""
            self._say(answer)
            if b"\r\nConnection: close\r\n" in answer:
                self._transport.close()

    def _say(self, answer: bytes) -> None:
        if self._tls is None:
            self._transport.write(answer)
            return
        self._tls.encrypt(answer)
        self._transport.write(self._tls.take_output())

    def connection_lost(self, _: Exception | None) -> None:
        self._counts.end(self._where)


async def play(layout: list[dict], counts: Counts, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    # What a scanner does to a connection is no reason for a line each.
    loop.set_exception_handler(lambda *_: None)

    def converse(item: dict) -> Conversation:
        return Conversation(item, counts, Tls(context) if KINDS[item["kind"]].has_tls else None)

    for item in layout:
        await loop.create_server(lambda item=item: converse(item), item["address"], item["port"],
                                 backlog=256)
    print("ready", flush=True)
    await over.wait()


def main() -> int:
    layout = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
    context = None
    if len(sys.argv) > 4:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    counts = Counts()
    try:
        asyncio.run(play(layout, counts, context))
    finally:
        pathlib.Path(sys.argv[2]).write_text(json.dumps(counts.to_json()) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
