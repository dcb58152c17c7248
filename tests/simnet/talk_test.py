#!/usr/bin/env python3
"""Real clients talk with simulated services over a veth: usage talk_test.py SIMNET.

Needs root; exits 77 without. Everything runs in a network namespace of its own, without a way out.
"""

import collections
import concurrent.futures
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

SIMNET = ""
PORTS = "9,22,25,80,443"
POPULATION = [
    "--seed", "7", "--prefix", "198.18.0.0/20", "--live", "0.5", "--silent", "198.18.0.1",
    "--open", "22=0.5,80=0.9,443=0.5,25=0.5,9=1", "--talk",
    "ssh=0.2,http=0.3,tls=0.15,smtp=0.1,slow=0.05,big=0.02,mute-close=0.02,zero-window=0.03,"
    "reset=0.03,tarpit=0.03,syn-proxy=0.02",
    "--talk-ports", "80=http:0.9,22=ssh:0.9,443=tls:0.9,25=smtp:0.9"]
# How a connection to each kind of port ends for a client that waits a few seconds.
ENDS = {"ssh": "full", "http": "closed", "tls": "full", "smtp": "full", "slow": "full",
        "big": "closed", "silent": "silence", "mute-close": "closed", "zero-window": "silence",
        "reset": "reset", "tarpit": "trickle", "syn-proxy": "silence"}


def client_hello():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def talk(row, requests):
    """(how it ended, what came) of one connection."""
    wanted = row.get("banner_bytes", 0)
    got = b""
    with socket.socket() as s:
        s.settimeout(6)
        try:
            s.connect((row["ip"], row["port"]))
            s.sendall(requests.get(row["talk"], b""))
            while True:
                if row["talk"] == "tarpit" and len(got) >= 2:
                    return "trickle", got
                if wanted and len(got) >= wanted and ENDS[row["talk"]] == "full":
                    return "full", got
                piece = s.recv(1 << 16)
                if not piece:
                    return "closed", got
                got += piece
        except TimeoutError:
            return "silence", got
        except ConnectionResetError:
            return "reset", got


class Simnet:
    """The simulated network behind s1; this side is s0."""

    def __init__(self, *options):
        self.options = [*POPULATION, *options]

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.stats = os.path.join(self.folder.name, "stats")
        ready = os.path.join(self.folder.name, "ready")
        self.process = subprocess.Popen(
            [SIMNET, "run", "--link", "s1", "--stats-file", self.stats, "--ready-file", ready,
             "--max-runtime", "100", *self.options], stderr=subprocess.PIPE, text=True)
        while not os.path.exists(ready):
            if self.process.poll() is not None:
                raise AssertionError(self.process.stderr.read())
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=30)
        self.folder.cleanup()

    def truth(self):
        told = subprocess.run([SIMNET, "truth", "--ports", PORTS, *self.options], check=True,
                              capture_output=True, text=True, timeout=60)
        return [json.loads(line) for line in told.stdout.splitlines()]

    def counters(self):
        """Once the process has ended, and while it runs a second late."""
        with open(self.stats, encoding="ascii") as file:
            return json.load(file)["counters"]


class RealClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for command in ("link set lo up", "link add s0 type veth peer name s1", "link set s1 up",
                        "link set s0 up", "addr add 198.18.0.1/30 dev s0",
                        "route add 198.18.0.0/15 via 198.18.0.2"):
            subprocess.run(["ip", *command.split()], check=True)
        # What the kernel leaves to the network card to fill in would come out wrong.
        subprocess.run(["ethtool", "-K", "s0", "tx", "off", "gso", "off", "tso", "off"], check=True,
                       capture_output=True)

    def test_kernel_sockets_hear_the_truth_of_each_kind_over_a_bad_path(self):
        requests = {"http": b"GET / HTTP/1.0\r\n\r\n", "tls": client_hello()}
        requests.update(dict.fromkeys(("big", "silent", "zero-window", "syn-proxy"), b"x"))
        with Simnet("--rtt", "1-30", "--loss-in", "0.01", "--loss-out", "0.01") as net:
            by_kind = collections.defaultdict(list)
            for row in net.truth():
                by_kind[row["talk"]].append(row)
            self.assertEqual(set(by_kind), set(ENDS))
            rows = [row for kind in by_kind for row in by_kind[kind][:12]]
            with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
                results = list(pool.map(lambda row: talk(row, requests), rows))
        for row, (end, got) in zip(rows, results):
            with self.subTest(row=row):
                self.assertEqual(end, ENDS[row["talk"]])
                if "banner_sha256" in row:
                    self.assertEqual(len(got), row["banner_bytes"])
                    self.assertEqual(hashlib.sha256(got).hexdigest(), row["banner_sha256"])
                elif row["talk"] != "tarpit":
                    self.assertEqual(got, b"")

    def test_masscan_hears_each_server_that_speaks_first(self):
        link = json.loads(subprocess.run(["ip", "-j", "link", "show", "s1"], check=True,
                                         capture_output=True).stdout)[0]
        with Simnet() as net, tempfile.TemporaryDirectory() as folder:
            found = os.path.join(folder, "found")
            # An address that the kernel does not have, so that it resets nothing.
            subprocess.run(
                ["masscan", "--banners", "--adapter", "s0", "--adapter-ip", "198.18.0.3",
                 "--router-mac", link["address"].replace(":", "-"), "-p", PORTS, "198.18.0.0/20",
                 "--rate", "5000", "--wait", "6", "-oJ", found], check=True, cwd=folder,
                capture_output=True, timeout=90)
            rows = net.truth()
            with open(found, encoding="ascii") as file:
                lines = [line.strip().rstrip(",") for line in file]
        ports = [(row["ip"], port) for row in map(json.loads, (line for line in lines
                                                              if line.startswith("{")))
                 for port in row["ports"]]
        self.assertEqual({(ip, port["port"]) for ip, port in ports if "service" not in port},
                         {(row["ip"], row["port"]) for row in rows})
        banners = {(ip, port["port"]): port["service"]["banner"] for ip, port in ports
                   if "service" in port and port["service"]["name"] == "ssh"}
        wanted = {(row["ip"], row["port"]): bytes.fromhex(row["banner_hex"]).decode().strip()
                  for row in rows if row["talk"] == "ssh"}
        self.assertGreater(len(wanted), 500)
        heard = {port: text for port, text in wanted.items()
                 if banners.get(port, "").startswith(text)}
        self.assertEqual(heard, wanted)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: needs root")
        sys.exit(77)
    SIMNET = os.path.abspath(sys.argv.pop(1))
    if "--inside" not in sys.argv:
        sys.exit(subprocess.run(["unshare", "--net", "--kill-child", sys.executable, __file__,
                                 SIMNET, "--inside", *sys.argv[1:]]).returncode)
    sys.argv.remove("--inside")
    unittest.main(verbosity=2)
