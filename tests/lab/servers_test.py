#!/usr/bin/env python3
"""The real servers of a lab come up, listen where the recipes say, and go with the lab.

The default ones; all that are installed with TRAWL_ALL_SERVERS=1.
"""
import collections
import errno
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

import labs

SERVERS = "all" if os.environ.get("TRAWL_ALL_SERVERS") else "default"
PATIENCE = 900  # Seconds; for everything at once, on a machine that is busy.


def trawl(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([labs.TRAWL, "lab", *words], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=PATIENCE, **options)


def recipes() -> list[dict]:
    return [json.loads(line) for line in trawl("servers", "--json").stdout.splitlines()]


def wanted() -> list[dict]:
    """What a lab with SERVERS runs on this machine."""
    return [recipe for recipe in recipes()
            if (SERVERS == "all" or recipe["set"]) and recipe["missing"] is None]


def in_network_of(lab: labs.Lab) -> dict[str, set[int]]:
    """The processes in each namespace of the lab, by the inode of the namespace."""
    inodes = {os.stat(path).st_ino: path.name
              for path in pathlib.Path("/run/netns").glob(f"trawl-{lab.name}-*")}
    found: dict[str, set[int]] = collections.defaultdict(set)
    for path in pathlib.Path("/proc").glob("[0-9]*/ns/net"):
        try:
            inode = path.stat().st_ino
        except OSError:
            continue
        if inode in inodes:
            found[inodes[inode]].add(int(path.parts[2]))
    return found


def is_running(pid: int) -> bool:
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except OSError:
        return False
    return text.rsplit(")", 1)[1].split()[0] not in "ZX"


class Recipes(unittest.TestCase):
    def test_each_has_a_name_an_address_and_a_namespace_of_its_own(self) -> None:
        listed = recipes()
        self.assertGreaterEqual(len(listed), 60)
        for field in ("name", "address", "namespace"):
            self.assertEqual(len(listed), len({recipe[field] for recipe in listed}), field)
        for recipe in listed:
            self.assertTrue(recipe["listens"], recipe["name"])

    def test_the_table_has_a_line_for_each(self) -> None:
        lines = trawl("servers").stdout.splitlines()
        self.assertEqual([recipe["name"] for recipe in recipes()],
                         [line.split()[0] for line in lines])

    def test_an_unknown_server_is_named(self) -> None:
        told = trawl("up", "--name", f"t{os.getpid()}u", "--servers", "nginx,no-such-server")
        self.assertEqual(2, told.returncode)
        self.assertIn("'no-such-server'", told.stderr)


class Running(unittest.TestCase):
    def test_servers_listen_and_are_gone_with_the_lab(self) -> None:
        with labs.Lab("--rtt", "0", "--servers", SERVERS, patience=PATIENCE) as lab:
            for recipe in wanted():
                for listen in recipe["listens"]:
                    with self.subTest(server=recipe["name"], port=listen["port"]):
                        self.check_port(lab, recipe, listen)
            status = trawl("status", "--name", lab.name)
            self.assertEqual(0, status.returncode, status.stdout)
            for recipe in wanted():
                self.assertRegex(status.stdout, rf"(?m)^process +\d+ {recipe['name']}$")
            processes = in_network_of(lab)
            for recipe in wanted():
                self.assertTrue(processes[f"trawl-{lab.name}-{recipe['namespace']}"])
            # A server's name stands for its namespace.
            first = wanted()[0]
            address = trawl("exec", "--name", lab.name, "--ns", first["name"], "--", "ip", "-4",
                            "-o", "address", "show", "eth0")
            self.assertIn(f" {first['address']}/", address.stdout)
        self.assertEqual([], [pid for pids in processes.values() for pid in pids
                              if is_running(pid)])
        self.assertEqual([], list(pathlib.Path("/run/netns").glob(f"trawl-{lab.name}-*")))
        self.assertFalse(pathlib.Path("/run/trawl-lab", lab.name).exists())

    def check_port(self, lab: labs.Lab, recipe: dict, listen: dict) -> None:
        where = (recipe["address"], listen["port"])
        kind = socket.SOCK_STREAM if listen["transport"] == "tcp" else socket.SOCK_DGRAM
        with labs.in_namespace(lab.namespace("scan"),
                               lambda: socket.socket(socket.AF_INET, kind)) as probe:
            probe.settimeout(labs.PATIENCE)
            if listen["transport"] == "tcp":
                self.assertEqual(0, probe.connect_ex(where))
                return
            # What is closed refuses; an open port may answer anything or nothing.
            probe.connect(where)
            probe.send(b"\0")
            probe.settimeout(1)
            try:
                probe.recv(4096)
            except TimeoutError:
                pass
            except OSError as error:
                self.assertNotEqual(errno.ECONNREFUSED, error.errno)


class OwnRecipes(unittest.TestCase):
    """Recipes of a file stand beside those that trawl comes with."""
    GOOD = """# server: lab-good
# package: python3
# program: /usr/bin/python3
# listen: 4711/tcp unknown
exec python3 -m http.server 4711
"""
    BAD = """# server: lab-bad
# package: coreutils
# program: /bin/sh
# listen: 4712/tcp unknown
sleep 600 &
echo this one has no luck
exit 3
"""
    MISSING = """# server: lab-missing
# package: no-such-package
# program: /no/such/program
# listen: 4713/tcp unknown
exec /no/such/program
"""

    def file(self, text: str) -> str:
        with tempfile.NamedTemporaryFile("w", suffix=".recipes", delete=False) as file:
            file.write(text)
        self.addCleanup(os.unlink, file.name)
        return file.name

    def test_a_server_that_fails_is_named_with_its_log_and_the_others_stay(self) -> None:
        path = self.file(self.GOOD + self.BAD)
        with labs.Lab("--rtt", "0", "--recipes", path, "--servers", "lab-good,lab-bad",
                      patience=PATIENCE, code=1) as lab:
            self.assertRegex(lab.said, "lab-bad ended before it listened on 4712/tcp: "
                                       "this one has no luck")
            self.assertRegex(lab.said, r"server +[0-9.]+ ports 4711: lab-good")
            listed = [json.loads(line) for line in
                      trawl("servers", "--json", "--recipes", path).stdout.splitlines()]
            bad = next(recipe for recipe in listed if recipe["name"] == "lab-bad")
            status = trawl("status", "--name", lab.name)
            self.assertEqual(1, status.returncode)
            self.assertRegex(status.stdout, "failed +lab-bad: this one has no luck")
            self.assertRegex(status.stdout, r"process +\d+ lab-good\n")
            # Nothing of it runs on, not even what it left in the background.
            self.assertNotIn(f"trawl-{lab.name}-{bad['namespace']}", in_network_of(lab))

    def test_what_is_not_installed_is_named_with_its_package(self) -> None:
        told = trawl("up", "--name", f"t{os.getpid()}m", "--recipes", self.file(self.MISSING),
                     "--servers", "lab-missing")
        self.assertEqual(1, told.returncode)
        self.assertIn("/no/such/program is missing; install it with 'apt-get install "
                      "no-such-package'", told.stderr)

    def test_a_bad_recipe_is_told_by_its_line(self) -> None:
        told = trawl("servers", "--recipes", self.file(self.GOOD + "# server: x\n# frob: 1\n"))
        self.assertEqual(3, told.returncode)
        self.assertIn("line 7: '# frob: 1'", told.stderr)


if __name__ == "__main__":
    labs.main()
