#!/usr/bin/env python3
"""Our own OS database knows the kernel it was measured on, under each of the settings it names."""
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import labs
import linux_stacks

OWN = pathlib.Path(__file__).resolve().parents[2] / "data/os-db"


class OwnDatabase(unittest.TestCase):
    def test_each_stack_is_told_by_its_entry(self) -> None:
        """On another kernel the names are of others; its settings are still told apart."""
        with linux_stacks.LinuxStacks() as lab, tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "nmap-os-db").symlink_to(OWN)
            done = subprocess.run(
                [*lab.within(), labs.TRAWL, "-n", "-O", "--datadir", folder, "-p",
                 f"{linux_stacks.OPEN},{linux_stacks.CLOSED}", "-oJ", "-", *lab.addresses],
                capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(0, done.returncode, done.stderr)
            hosts = {record["ip"]: record["os"] for record in map(json.loads, done.stdout.splitlines())
                     if record["record"] == "host"}
        self.assertEqual(set(lab.addresses), set(hosts))
        for address, stack in lab.addresses.items():
            with self.subTest(stack.name or "as it comes"):
                matches = hosts[address]["matches"]
                self.assertTrue(matches, hosts[address])
                best = [match["name"] for match in matches
                        if match["accuracy"] == matches[0]["accuracy"]]
                told = {re.sub(r"^Linux [\d.]+ ?", "", name) for name in best}
                self.assertIn(stack.name, told, matches)

    def test_wrong_lines_are_told_by_number_and_the_rest_is_used(self) -> None:
        with linux_stacks.LinuxStacks() as lab, tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "nmap-os-db"
            text = OWN.read_text(encoding="ascii")
            number = text.count("\n") + 2
            path.write_text(text + "\nT9(R=Y)\nT1(R=Y%NO=1%W=5-)\n", encoding="ascii")
            done = subprocess.run(
                [*lab.within(), labs.TRAWL, "-n", "-O", "--datadir", folder, "-p",
                 f"{linux_stacks.OPEN},{linux_stacks.CLOSED}", next(iter(lab.addresses))],
                capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(f"{path}:{number}: ", done.stderr)
            self.assertIn(f"{path}:{number + 1}: ", done.stderr)
            self.assertIn("OS details: Linux", done.stdout)


if __name__ == "__main__":
    labs.main()
