#!/usr/bin/env python3
"""`trawl -sL` beside `nmap -sL`: the same targets in the same order, whatever way they are written.

Both run in a network namespace of their own with nothing but loopback.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

import labs

SPECS = [
    "198.18.0.1", "198.18.0.0/31", "198.18.0.5/31", "198.18.0.1,2/31", "198.18.0.1-2/32",
    "198.18.0.*", "198.18.0.-", "198.18.0.-1", "198.18.0.254-", "198.18.0.1,", "198.18.0.,1",
    "198.18.0.1-1-1", "198.018.0.1", "198.18.0.0x1", "198.18.0.1/", "198.18.0.1/0x1",
    "198.18.0.1/-1", "198.18.0.1/33", "198.18.0.1/31/3", "1", "256", "1.2", "1.2.3", "1.2.3.4.5",
    "198.18.0.3,1,2,1", "198.18.0.5-5", "198.18.0.00005", "localhost", "localhost/31",
    "198.18.0.1-256", "198.18.0.5-3", "0.0.0.0", "0-1.0.0.0/31", "198.18.0.1 ", "1.2.3.4 5.6.7.8",
    "300.1.1.1", "", "::1", "198.18.0-3.1,5,9-12", "198.18.0.0/28", "198.18.0-1.0/31",
    "1-2.3-4.5-6.7-8", "198.18.0.1-3,7,9-", "198.18.0.*,3", "*.0.0.1", "198.18.0.1/24",
    "198.18.5,6.7/30", "0x7f.1", "198.18.0.0/22", "255.255.255.255", "198.18.0.1--3",
    "198.18.0.1.", ".198.18.0.1", "198.18..1", "+1.2.3.4", "198.18.0.1e1", "[::1]",
    "no.such.name.invalid"]
SPECS6 = ["::1", "2001:db8::/126", "2001:db8::5/127", "2001:db8::/129", "2001:db8::1-3", "[::1]",
          "198.18.0.1", "2001:DB8::A", "2001:db8::1/128", "::1/", "::/125"]


class Lists(unittest.TestCase):
    def run_both(self, *words: str, stdin: str = "") -> tuple[list[str], list[str]]:
        """The lines that matter, of trawl and of nmap."""
        return tuple(self.lines([program, "-sL", "-n", *words], stdin)
                     for program in (labs.TRAWL, "nmap"))

    def lines(self, command: list[str], stdin: str) -> list[str]:
        done = subprocess.run(
            ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command],
            input=stdin, capture_output=True, text=True, timeout=labs.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [line for line in done.stdout.splitlines() if line.startswith("Nmap scan report")]
        warned = [line for line in done.stderr.splitlines()
                  if not line.startswith(("Starting", "Nmap done"))]
        return said + warned

    def check(self, *words: str, stdin: str = "") -> None:
        ours, peers = self.run_both(*words, stdin=stdin)
        self.assertEqual(ours, peers, words)

    def test_each_way_to_write_targets(self) -> None:
        for spec in SPECS:
            with self.subTest(spec=spec):
                self.check("--", spec)

    def test_each_way_to_write_ipv6_targets(self) -> None:
        for spec in SPECS6:
            with self.subTest(spec=spec):
                self.check("-6", "--", spec)

    def test_excludes(self) -> None:
        for words in (["198.18.0.0/28", "--exclude", "198.18.0.1-3,198.18.0.8/30"],
                      ["198.18.0.0/30", "198.18.0.1", "--exclude", "198.18.0.1"],
                      ["198.18.0.1", "--exclude", "198.18.0.1"],
                      ["198.18.0.0/29", "198.18.0.0/30", "--unique"],
                      ["-6", "2001:db8::/124", "--exclude", "2001:db8::4/126"]):
            with self.subTest(words=words):
                self.check(*words)

    def test_lists_in_files(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "list"
            path.write_text("198.18.0.1 # one\n198.18.0.2\t198.18.0.3\r\n#198.18.0.4\n\n"
                            "198.18.1.0/30", encoding="utf-8")
            self.check("-iL", str(path))
            self.check("198.18.0.0/29", "--excludefile", str(path))
            self.check("-iL", "-", stdin=path.read_text(encoding="utf-8"))

    def test_wrong_words_end_with_nmaps_codes(self) -> None:
        for words, code in ((["--foo"], 255), (["-iL"], 255), (["-oX"], 255), (["-sQ"], 255),
                            (["-iL", "/nonexistent"], 1), (["--exclude", "300.1.1.1"], 1),
                            (["-oA", "-"], 1), (["--excludefile", "/nonexistent"], 1)):
            with self.subTest(words=words):
                for program in (labs.TRAWL, "nmap"):
                    done = subprocess.run(
                        ["unshare", "--net", program, "-sL", "-n", "198.18.0.1", *words],
                        capture_output=True, timeout=labs.PATIENCE)
                    self.assertEqual(done.returncode, code, (program, done.stderr))

    def test_reports_are_whole_and_alike(self) -> None:
        words = ["-sL", "-n", "-v", "198.18.0.0/30", "localhost", "198.18.9.9"]
        with tempfile.TemporaryDirectory() as folder:
            for program in (labs.TRAWL, "nmap"):
                name = os.path.basename(program)
                subprocess.run(["unshare", "--net", program, *words, "-oA", f"{folder}/{name}"],
                               capture_output=True, check=True, timeout=labs.PATIENCE)
            subprocess.run(["xmllint", "--noout", "--dtdvalid", "/usr/share/nmap/nmap.dtd",
                            f"{folder}/trawl.xml"], check=True, capture_output=True)

            def body(name: str, first: str) -> list[str]:
                text = pathlib.Path(folder, name).read_text(encoding="utf-8")
                return [line for line in text.splitlines() if line.startswith(first)]

            for suffix, first in (("nmap", "Nmap scan"), ("gnmap", "Host:"), ("xml", "<host"),
                                  ("xml", "<addr"), ("xml", "<verb"), ("gnmap", "# Ports")):
                self.assertEqual(body(f"trawl.{suffix}", first), body(f"nmap.{suffix}", first))


if __name__ == "__main__":
    labs.main("nmap", "unshare", "xmllint")
