#!/usr/bin/env python3
"""Records what the servers of a running lab answer to the probes of a service probe file.

    trawl lab up --servers all
    tests/service/banners/record.py --trawl build/trawl >tests/service/banners/recorded.jsonl

Each line is {"server", "package", "version", "transport", "port", "probe", "response"}: the bytes
of a response are the characters U+0000 to U+00FF, the first 2,048 of them. "tls": true where the
conversation was held within TLS. An answer that a port has given before is not repeated.
"""
import argparse
import concurrent.futures
import ctypes
import json
import os
import pathlib
import re
import select
import socket
import ssl
import subprocess
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[3]
LONGEST_RESPONSE = 2048
LARGEST_FILE = 1_000_000
CONNECT_PATIENCE = 5.0  # Seconds, as the next two.
GREETING_PATIENCE = 4.0
ANSWER_PATIENCE = 2.0
QUIET = 0.4  # After the first bytes: when nothing has followed for so long, it was all.
ESCAPES = {"0": b"\0", "a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t",
           "v": b"\v", "\\": b"\\"}


def payload(text: str) -> bytes:
    """The bytes of a probe string, with the escapes of the probe file format."""
    def byte(found: re.Match) -> str:
        if found[1].startswith("x"):
            return chr(int(found[1][1:], 16))
        return ESCAPES.get(found[1], found[1].encode("latin-1")).decode("latin-1")
    return re.sub(r"\\(x[0-9A-Fa-f]{2}|.)", byte, text).encode("latin-1")


def probes_of(path: pathlib.Path) -> dict[str, list[tuple[str, bytes]]]:
    """{"tcp": [(name, payload)...], "udp": ...} in the order of the file."""
    found: dict[str, list[tuple[str, bytes]]] = {"tcp": [], "udp": []}
    for line in path.read_text(encoding="latin-1").splitlines():
        match = re.match(r"Probe (TCP|UDP) (\S+) q(.)(.*?)\3", line)
        if match:
            found[match[1].lower()].append((match[2], payload(match[4])))
    return found


def collect(conversation: socket.socket, patience: float) -> bytes:
    """What comes until the peer closes, is quiet or has said enough."""
    answer = b""
    deadline = time.monotonic() + patience
    while len(answer) < LONGEST_RESPONSE and time.monotonic() < deadline:
        pending = isinstance(conversation, ssl.SSLSocket) and conversation.pending()
        wait = min(QUIET if answer else patience, deadline - time.monotonic())
        if not pending and not select.select([conversation], [], [], max(wait, 0))[0]:
            break
        try:
            piece = conversation.recv(4096)
        except OSError:
            break
        if not piece:
            break
        answer += piece
    return answer[:LONGEST_RESPONSE]


def ask_tcp(address: str, port: int, sent: bytes, tls: bool) -> bytes:
    with socket.create_connection((address, port), CONNECT_PATIENCE) as plain:
        conversation = plain
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            conversation = context.wrap_socket(plain)
        if sent:
            conversation.sendall(sent)
        answer = collect(conversation, ANSWER_PATIENCE if sent else GREETING_PATIENCE)
        if tls:
            conversation.close()
        return answer


def ask_udp(address: str, port: int, sent: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as conversation:
        conversation.connect((address, port))
        conversation.send(sent)
        if not select.select([conversation], [], [], ANSWER_PATIENCE)[0]:
            return b""
        return conversation.recv(65536)[:LONGEST_RESPONSE]


def record_port(server: dict, listen: dict, probes: dict) -> list[dict]:
    tls = listen["service"].startswith("ssl/")
    seen: set[bytes] = set()
    rows = []
    for name, sent in probes[listen["transport"]]:
        try:
            if listen["transport"] == "tcp":
                answer = ask_tcp(server["address"], listen["port"], sent, tls)
            else:
                answer = ask_udp(server["address"], listen["port"], sent)
        except OSError:
            continue
        # Dates and counters are no difference, nor are the random parts of a key exchange.
        kind = re.sub(rb"[0-9]+", b"", answer.split(b"\n")[0] if answer.startswith(b"SSH-")
                      else answer)
        if not answer or kind in seen:
            continue
        seen.add(kind)
        row = {"server": server["name"], "package": server["package"],
               "version": server["version"], "transport": listen["transport"],
               "port": listen["port"], "probe": name, "response": answer.decode("latin-1")}
        rows.append(row | {"tls": True} if tls else row)
    return rows


def running(trawl: str, lab: str) -> list[dict]:
    """The servers that the lab runs now."""
    listed = subprocess.run([trawl, "lab", "servers", "--json"], check=True, capture_output=True,
                            text=True).stdout
    status = subprocess.run([trawl, "lab", "status", "--name", lab], capture_output=True,
                            text=True).stdout
    names = {line.split()[2] for line in status.splitlines() if line.startswith("process")
             and not line.endswith("not running")}
    return [server for server in map(json.loads, listed.splitlines()) if server["name"] in names]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trawl", default=str(ROOT / "build/trawl"))
    parser.add_argument("--name", default="lab", help="which lab")
    parser.add_argument("--probes", type=pathlib.Path, default=ROOT / "data/service-probes")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    probes = probes_of(options.probes)
    servers = running(options.trawl, options.name)
    if not servers:
        print(f"record.py: lab '{options.name}' runs no servers", file=sys.stderr)
        return 1
    # Sockets belong to the namespace of the thread that makes them.
    namespace = os.open(f"/run/netns/trawl-{options.name}-scan", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    with concurrent.futures.ThreadPoolExecutor(160) as pool:
        tasks = [pool.submit(record_port, server, listen, probes)
                 for server in servers for listen in server["listens"]]
        size = 0
        for task in tasks:
            for row in task.result():
                line = json.dumps(row, ensure_ascii=True) + "\n"
                size += len(line)
                if size > LARGEST_FILE:
                    print("record.py: more than a megabyte; the rest is left out", file=sys.stderr)
                    return 1
                sys.stdout.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
