#!/usr/bin/env python3
"""Servers on the loopback of a network namespace of their own, for as long as a command runs there.

  unshare -n answers.py COMMAND…

Those that no package of the lab serves, in the words of their standards; and hostile ones, whose names
say what they do. PORTS has the ports of each.
"""
import gzip
import http.server
import socket
import struct
import subprocess
import sys
import threading
import time

PORTS = {
    "web": 80, "auth": 81, "redirect": 82, "gzip": 83, "rtsp": 554, "mysql": 3306, "mount": 111,
    "mdns": 5353, "ssdp": 1900, "finger": 79, "sip": 5060, "ntp": 123,
    "endless_line": 8001, "endless_header": 8002, "chunk_bomb": 8003, "gzip_bomb": 8004,
    "redirects": 8005, "deep_json": 4222, "ssh_lines": 22, "ssh_packet": 2222, "tls_noise": 443,
    "tls_endless": 8443, "ldap_huge": 389, "mqtt_huge": 1883, "redis_huge": 6379,
    "memcached_endless": 11211, "dns_loop": 53, "snmp_nested": 161, "rsync_endless": 873,
    "imap_endless": 143, "smtp_endless": 25, "vnc_reason": 5901, "postgres_huge": 5432,
    "smb_huge": 445, "xmpp_endless": 5222, "rdp_short": 3389, "stun_cut": 3478, "ftp_bounce": 21,
}
ICON = b"\0\0\1\0" + bytes(range(60))
FLOOD = b"x" * 65536


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    PAGES = {"/": ("text/html", b"<html><head><TITLE>\n Lab  &amp; page\n</TITLE></head>"),
             "/robots.txt": ("text/plain", b"User-agent: *\nDisallow: /private/ # not here\n"
                                           b"Disallow:\nDISALLOW: /admin\n"
                                           b"Sitemap: http://127.0.0.1/map.xml\n"),
             "/favicon.ico": ("image/x-icon", ICON),
             "/description.xml": ("text/xml", b"<root><device><friendlyName>Lab player"
                                              b"</friendlyName><manufacturer>trawl</manufacturer>"
                                              b"</device></root>")}

    def answer(self, with_body: bool) -> None:
        kind, body = self.PAGES.get(self.path, ("text/plain", b"none"))
        self.send_response(200 if self.path in self.PAGES else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(True)

    def do_HEAD(self) -> None:
        self.answer(False)

    def do_OPTIONS(self) -> None:
        self.send_response(200)
        self.send_header("Allow", "GET, HEAD, OPTIONS, DELETE")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def http_text(*lines: str, body: bytes = b"") -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def request_of(link: socket.socket) -> bytes:
    link.settimeout(5)
    try:
        return link.recv(65536)
    except OSError:
        return b""


def flood(link: socket.socket, data: bytes = FLOOD, first: bytes = b"") -> None:
    """Sends until the peer has enough."""
    link.sendall(first)
    while True:
        link.sendall(data)


def xdr(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">I", len(raw)) + raw + b"\0" * (-len(raw) % 4)


def mount(link: socket.socket) -> None:
    """The port mapper and the mount daemon in one (RFC 1833, RFC 1813)."""
    data = link.recv(4096)[4:]
    call, _, _, program, version, procedure = struct.unpack(">6I", data[:24])
    body = struct.pack(">6I", call, 1, 0, 0, 0, 0)
    if (program, procedure) == (100000, 4):
        for entry in ((100000, 2, 6, 111), (100005, 3, 6, 111), (100005, 1, 6, 111)):
            body += struct.pack(">5I", 1, *entry)
        body += struct.pack(">I", 0)
    elif (program, version, procedure) == (100005, 3, 5):
        body += struct.pack(">I", 1) + xdr("/exports/lab") + struct.pack(">I", 1)
        body += xdr("198.18.0.0/15") + struct.pack(">I", 1) + xdr("*.lab.test")
        body += struct.pack(">II", 0, 0)
    else:
        body = struct.pack(">6I", call, 1, 0, 0, 0, 3)
    # In two fragments.
    link.sendall(struct.pack(">I", 10) + body[:10] +
                 struct.pack(">I", 0x80000000 | len(body) - 10) + body[10:])


def mysql(link: socket.socket) -> None:
    body = (b"\x0a8.0.99-lab\0" + struct.pack("<I", 7) + b"abcdefgh\0" +
            struct.pack("<HBHHB", 0xFFFF, 45, 2, 0xDFFF, 21) + b"\0" * 10 + b"ijklmnopqrst\0" +
            b"caching_sha2_password\0")
    link.sendall(struct.pack("<I", len(body)) + body)
    request_of(link)


def label(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def record(name: str, kind: int, data: bytes) -> bytes:
    return label(name) + struct.pack(">HHIH", kind, 1, 120, len(data)) + data


def mdns(data: bytes) -> bytes | None:
    one = "Lab._ipp._tcp.local"
    answers = {
        b"\x09_services": [record("_services._dns-sd._udp.local", 12, label("_ipp._tcp.local"))],
        b"\x04_ipp": [record("_ipp._tcp.local", 12, label(one)),
                      record(one, 33, struct.pack(">HHH", 0, 0, 631) + label("printer.local")),
                      record(one, 16, b"\x0brp=printers\x05ty=No")],
    }
    for begin, records in answers.items():
        if data[12:].startswith(begin):
            return (data[:2] + struct.pack(">HHHHH", 0x8400, 0, len(records), 0, 0) +
                    b"".join(records))
    return None


def ntp(data: bytes) -> bytes | None:
    if data[0] & 7 == 3:
        return b"\x24\x02\0\xe9" + b"\0" * 28 + struct.pack(">II", 2208988800 + 951782400, 0) * 2
    if data[0] & 7 == 6:
        text = b'version="ntpd 4.2.8p15@1.3728 (lab)", processor="x86_64", stratum=2'
        return b"\x16\x82" + data[2:4] + struct.pack(">HHHH", 0, 0, 0, len(text)) + text
    return None


SSDP = http_text("HTTP/1.1 200 OK", "ST: upnp:rootdevice", "SERVER: Lab/1 UPnP/1.0 player/2",
                 "USN: uuid:lab::upnp:rootdevice", "LOCATION: http://127.0.0.1:80/description.xml")
SIP = http_text("SIP/2.0 200 OK", "Allow: INVITE, ACK, BYE", "Content-Length: 0")
# A name that points at itself.
LOOP = struct.pack(">HHHHH", 0x8180, 0, 1, 0, 0) + b"\xc0\x0c" + struct.pack(">HHIH", 16, 3, 1, 0)


def nested(count: int) -> bytes:
    data = b""
    for _ in range(count):
        size = len(data)
        data = b"\x30" + (bytes([size]) if size < 128 else b"\x82" + struct.pack(">H", size)) + data
    return data


def auth(link: socket.socket) -> None:
    request_of(link)
    link.sendall(http_text("HTTP/1.1 401 Unauthorized", 'WWW-Authenticate: Basic realm="a lab"',
                           'WWW-Authenticate: Digest realm="lab", nonce="n", qop="auth"',
                           "Content-Length: 0"))


def redirect(link: socket.socket) -> None:
    request_of(link)
    link.sendall(http_text("HTTP/1.1 302 Found", "Location: https://elsewhere.lab.test/",
                           "Content-Length: 0"))


def zipped(link: socket.socket) -> None:
    request_of(link)
    body = gzip.compress(b"<title>was compressed</title>")
    link.sendall(http_text("HTTP/1.1 200 OK", "Content-Encoding: gzip",
                           "Transfer-Encoding: chunked",
                           body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)))


def gzip_bomb(link: socket.socket) -> None:
    request_of(link)
    body = gzip.compress(b"\0" * (256 << 20), 6)
    link.sendall(http_text("HTTP/1.1 200 OK", "Content-Encoding: gzip",
                           f"Content-Length: {len(body)}", body=body))


def redirects(link: socket.socket) -> None:
    request_of(link)
    link.sendall(http_text("HTTP/1.1 302 Found", f"Location: /{time.monotonic_ns()}",
                           "Content-Length: 0"))


def after(head: bytes, data: bytes = FLOOD):
    """Waits for a request, sends a beginning and never stops."""
    def serve(link: socket.socket) -> None:
        request_of(link)
        flood(link, data, head)
    return serve


def at_once(head: bytes, data: bytes = FLOOD):
    return lambda link: flood(link, data, head)


def replying(answer: bytes):
    def serve(link: socket.socket) -> None:
        request_of(link)
        link.sendall(answer)
        request_of(link)
    return serve


def smtp(link: socket.socket) -> None:
    link.sendall(b"220 lab\r\n")
    request_of(link)
    flood(link, b"250-again\r\n" * 1000)


def ftp_bounce(link: socket.socket) -> None:
    """Sends clients to an address of its choice."""
    link.sendall(b"220 lab\r\n")
    replies = {b"USER": b"331 who\r\n", b"PASS": b"230 in\r\n", b"SYST": b"215 UNIX\r\n",
               b"EPSV": b"500 no\r\n", b"PASV": b"227 at (198,18,0,1,0,9)\r\n"}
    while line := request_of(link):
        link.sendall(replies.get(line[:4], b"500 no\r\n"))


BANNER = b"SSH-2.0-lab\r\n"
STREAMS = {
    "auth": auth, "redirect": redirect, "gzip": zipped, "mount": mount, "mysql": mysql,
    "rtsp": replying(http_text("RTSP/1.0 200 OK", "CSeq: 1", "Public: DESCRIBE, SETUP, PLAY")),
    "finger": lambda link: (request_of(link), link.sendall(b"Login  Name\r\nlab    Laboratory\r\n")),
    "endless_line": after(b"HTTP/1.1 200 OK\r\nX: "),
    "endless_header": after(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 10000),
    "chunk_bomb": after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n"),
    "gzip_bomb": gzip_bomb, "redirects": redirects,
    "deep_json": lambda link: link.sendall(b"INFO " + b"[" * 30000 + b"\r\n"),
    "ssh_lines": at_once(b"", b"no banner\r\n" * 5000),
    "ssh_packet": at_once(BANNER + b"\xff\xff\xff\xff\4"),
    "tls_noise": after(b""), "tls_endless": after(b"", b"\x16\3\3\0\4\2\xff\xff\xff" * 5000),
    "ldap_huge": after(b"\x30\x84\xff\xff\xff\xff"), "mqtt_huge": after(b"\x20\xff\xff\xff\x7f"),
    "redis_huge": after(b"$2147483647\r\n"), "memcached_endless": after(b"", b"STAT a b\r\n" * 5000),
    "rsync_endless": at_once(b"@RSYNCD: 31.0\n", b"name \tcomment\n" * 5000),
    "imap_endless": at_once(b"* OK lab\r\n", b"* CAPABILITY A B C\r\n" * 3000), "smtp_endless": smtp,
    "vnc_reason": at_once(b"RFB 003.008\n\0\xff\xff\xff\xff"),
    "postgres_huge": after(b"E\xff\xff\xff\xff"), "smb_huge": after(b"\0\xff\xff\xff"),
    "xmpp_endless": after(b"<stream:stream from='lab'>", b"<mechanism>X</mechanism>" * 2000),
    "rdp_short": replying(b"\3\0\0\x0b\6\xd0\0\0\0\0\0"), "ftp_bounce": ftp_bounce,
}
DATAGRAMS = {
    "mdns": mdns, "ntp": ntp, "ssdp": lambda _: SSDP, "sip": lambda _: SIP,
    "dns_loop": lambda data: data[:2] + LOOP, "snmp_nested": lambda _: nested(400),
    "stun_cut": lambda data: b"\1\1\xff\xff" + data[4:20] + b"\0\x20\xff\xff",
}


def serve_stream(name: str) -> None:
    listener = socket.create_server(("127.0.0.1", PORTS[name]), backlog=64)

    def answer(link: socket.socket) -> None:
        with link:
            try:
                STREAMS[name](link)
            except (OSError, struct.error):
                pass  # The peer has had enough.

    def accept() -> None:
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


def serve_datagrams(name: str) -> None:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", PORTS[name]))

    def answer() -> None:
        while True:
            data, sender = opened.recvfrom(65536)
            reply = DATAGRAMS[name](data) if data else None
            if reply:
                opened.sendto(reply, sender)
    threading.Thread(target=answer, daemon=True).start()


def main() -> int:
    if any(name not in ("lo", "sit0", "tunl0", "ip6tnl0") for _, name in socket.if_nameindex()):
        sys.exit("answers.py: start it in a network namespace of its own: unshare -n")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name in STREAMS:
        serve_stream(name)
    for name in DATAGRAMS:
        serve_datagrams(name)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", PORTS["web"]), Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    return subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
