#!/usr/bin/env python3
"""The lab, end to end: usage lab_test.py TRAWL. Needs root; exits 77 without.

Builds labs of its own names, so it may run beside another lab.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lab"))
import guardian

TRAWL = ""
NAME = f"t{os.getpid()}"
# What a kernel's connect() says about each state of the truth.
OUTCOMES = {0: "open", errno.ECONNRESET: "open", errno.ECONNREFUSED: "closed",
            errno.EHOSTUNREACH: "unreachable"}
CONNECT = """
import json, socket, sys
for line in sys.stdin:
    ip, port = json.loads(line)
    with socket.socket() as s:
        s.settimeout(2)
        try:
            code = s.connect_ex((ip, port))
        except OSError as error:
            code = error.errno
    print(json.dumps([ip, port, code]))
"""


def lab(command, *words, name=NAME, **options):
    return subprocess.run([TRAWL, "lab", command, "--name", name, *words], text=True,
                          capture_output=True, timeout=120, **options)


def in_lab(*words, namespace="scan", **options):
    return lab("exec", "--ns", namespace, "--", *words, **options)


def truth(*words):
    lines = lab("truth", *words).stdout.splitlines()
    return [(row["ip"], row["port"], row["state"]) for row in map(json.loads, lines)]


def namespaces(name=NAME):
    listed = subprocess.run(["ip", "netns"], text=True, capture_output=True).stdout.split()
    return [word for word in listed if word.startswith(f"trawl-{name}-")]


def processes(name=NAME):
    """Process ids that the lab's record names, as {process: id}."""
    with open(f"/run/trawl-lab/{name}/state", encoding="ascii") as state:
        rows = [line.split() for line in state]
    return {row[1]: int(row[2]) for row in rows if row[0] == "process"}


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def root_links():
    return subprocess.run(["ip", "-br", "link"], text=True, capture_output=True).stdout


class WholeLab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.links_before = root_links()
        cls.had_sshd_folder = os.path.exists("/run/sshd")
        made = lab("up", "--rtt", "1-5", "--drop", "0.1")
        if made.returncode != 0:
            raise AssertionError(made.stderr)

    @classmethod
    def tearDownClass(cls):
        pids = processes().values()
        assert lab("down").returncode == 0
        assert namespaces() == []
        assert not any(is_running(pid) for pid in pids)
        left = os.listdir("/run/trawl-lab")
        assert NAME not in left and f"{NAME}.lock" not in left, left
        # Another lab or the machine may use it.
        if not cls.had_sshd_folder and subprocess.run(["pgrep", "-x", "sshd"]).returncode == 1:
            assert not os.path.exists("/run/sshd")

    def test_status_says_up_and_a_second_up_changes_nothing(self):
        before = processes()
        again = lab("up")
        self.assertEqual(again.returncode, 0)
        self.assertIn("already up", again.stderr)
        self.assertEqual(processes(), before)
        self.assertEqual(lab("status").returncode, 0)

    def test_nothing_leads_out(self):
        self.assertEqual(root_links(), self.links_before)
        for namespace in ("scan", "sim", "srv1", "srv2", "srv3"):
            links = json.loads(in_lab("ip", "-j", "link", namespace=namespace).stdout)
            for link in links:
                # A veth's other end lies in a namespace of the lab or in its own.
                peer = link.get("link_netnsid")
                name = link["ifname"]
                self.assertTrue(name in ("lo", "br0", "up0", "up1") or peer is not None, name)
        routes = json.loads(in_lab("ip", "-j", "route").stdout)
        self.assertEqual({route["dev"] for route in routes}, {"scan0"})

    def test_kernels_agree_with_the_truth(self):
        ports = [22, 80, 443, 6379]
        rows = truth("--ports", ",".join(map(str, ports)), "--states", "all")
        servers = [row for row in rows if row[0] in [f"198.18.255.{n}" for n in (1, 2, 3)]]
        self.assertEqual(len(servers), 12)
        sample = rows[40:140] + servers
        asked = "".join(json.dumps([ip, port]) + "\n" for ip, port, _ in sample)
        told = in_lab(sys.executable, "-c", CONNECT, input=asked)
        self.assertEqual(told.returncode, 0, told.stderr)
        found = [(ip, port, OUTCOMES.get(code, code))
                 for ip, port, code in map(json.loads, told.stdout.splitlines())]
        self.assertEqual(found, sample)

    def test_servers_are_real(self):
        page = "import urllib.request as u; print(u.urlopen('http://198.18.255.1/').read())"
        self.assertIn("trawl lab", in_lab(sys.executable, "-c", page).stdout)
        hello = ("import socket; s = socket.create_connection(('198.18.255.2', 22), 5);"
                 "print(s.recv(64))")
        self.assertIn("SSH-2.0-OpenSSH", in_lab(sys.executable, "-c", hello).stdout)

    def test_exec_passes_words_and_the_exit_code_on(self):
        told = in_lab("sh", "-c", "echo \"$0 $1\"; exit 7", "a b", "--name")
        self.assertEqual((told.returncode, told.stdout), (7, "a b --name\n"))
        self.assertEqual(lab("exec").returncode, 2)
        self.assertEqual(lab("exec", "--ns", "root", "--", "true").returncode, 2)

    def test_bad_options_name_themselves(self):
        for words, wanted in ((["--live", "2"], "--live: '2' is not a share"),
                              (["--frob", "1"], "not expected")):
            told = lab("up", *words, name=NAME + "x")
            self.assertEqual(told.returncode, 2)
            self.assertIn(wanted, told.stderr)
            self.assertEqual(namespaces(NAME + "x"), [])


class SmallLab(unittest.TestCase):
    """Without servers, under a name of its own."""

    NAME = NAME + "s"

    def up(self, *words):
        made = lab("up", "--no-servers", *words, name=self.NAME)
        self.addCleanup(lab, "down", name=self.NAME)
        self.assertEqual(made.returncode, 0, made.stderr)
        return made.stderr

    def truth(self, *words):
        lines = lab("truth", *words, name=self.NAME).stdout.splitlines()
        return [(row["ip"], row["port"], row["state"]) for row in map(json.loads, lines)]

    def test_a_population_file_counts_unless_an_option_overrides_it(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("# Mine.\n  prefix=198.18.64.0/24\nlive = 0 # Nobody.\ndrop = 0")
            file.flush()
            self.up("--config", file.name, "--open-default=1", "--live", "1", "--open", "9=0")
        self.assertEqual(self.truth("--ports", "7-9"),
                         [(f"198.18.64.{n}", port, "open") for n in range(256)
                          for port in (7, 8)])

    def test_another_prefix_is_named_and_its_gateway_is_part_of_the_truth(self):
        said = self.up("--prefix", "10.1.0.0/24", "--prefix", "10.2.0.0/24")
        self.assertIn("network  10.1.0.0/24, 10.2.0.0/24 behind", said)
        self.assertIn("--allow-special 10.1.0.0/24 --allow-special 10.2.0.0/24 "
                      "10.1.0.0/24 10.2.0.0/24\n", said)
        self.assertNotIn("198.18.0.0/15", said)
        self.assertEqual(self.truth("--ports", "80", "--states", "closed")[-1],
                         ("198.18.0.2", 80, "closed"))


class BrokenLab(unittest.TestCase):
    def tearDown(self):
        lab("down", name=NAME + "b")
        self.assertEqual(namespaces(NAME + "b"), [])

    def test_a_lab_that_lost_a_process_is_built_anew(self):
        name = NAME + "b"
        self.assertEqual(lab("up", "--no-servers", name=name).returncode, 0)
        first = processes(name)["simnet"]
        os.kill(first, signal.SIGKILL)
        while is_running(first):
            time.sleep(0.01)
        self.assertEqual(lab("status", name=name).returncode, 1)
        self.assertEqual(lab("up", "--no-servers", name=name).returncode, 0)
        self.assertEqual(lab("status", name=name).returncode, 0)

    def test_a_lab_cut_off_at_any_moment_is_removed(self):
        name = NAME + "b"
        for tenths in range(1, 10, 2):
            with subprocess.Popen([TRAWL, "lab", "up", "--name", name], stderr=subprocess.DEVNULL,
                                  start_new_session=True) as up:
                time.sleep(tenths / 10)
                up.kill()
            time.sleep(0.2)  # For the one tool that was running.
            try:
                pids = list(processes(name).values())
            except FileNotFoundError:
                pids = []
            self.assertEqual(lab("down", name=name).returncode, 0)
            self.assertEqual(namespaces(name), [])
            self.assertFalse([pid for pid in pids if is_running(pid)])

    def test_a_namespace_of_somebody_else_is_left_alone(self):
        name = NAME + "b"
        theirs = f"trawl-{name}-sim"
        subprocess.run(["ip", "netns", "add", theirs], check=True)
        try:
            told = lab("up", "--no-servers", name=name)
            self.assertEqual(told.returncode, 1)
            self.assertIn(theirs, told.stderr)
            lab("down", name=name)
            self.assertEqual(namespaces(name), [theirs])
        finally:
            subprocess.run(["ip", "netns", "del", theirs], check=True)


if __name__ == "__main__":
    TRAWL = sys.argv.pop(1)
    if os.geteuid() != 0:
        print("skipped: needs root")
        sys.exit(77)
    undo = [[TRAWL, "lab", "down", "--name", NAME + suffix] for suffix in ("", "x", "s", "b")]
    theirs = ["sh", "-c", 'test ! -e "/run/netns/$1" || ip netns del "$1"', "sh",
              f"trawl-{NAME}b-sim"]
    with guardian.Guardian(*undo, theirs):
        unittest.main(verbosity=2)
