#!/usr/bin/env python3
"""Our libraries and scripts in Lua 5.4 itself, without a network; and the list of scripts."""
import os
import pathlib
import re
import subprocess
import unittest

import runner

HERE = pathlib.Path(__file__).resolve().parent
# What the engine gives to libraries, as far as they use it while they are loaded.
ENGINE = """
local nmap = { socket = { sleep = function() end }, registry = {}, log_write = print,
  clock_ms = function() return 0 end, verbosity = function() return 0 end,
  debugging = function() return 0 end }
package.preload.nmap = function() return nmap end
package.path = os.getenv("LIBRARIES") .. "/?.lua"
"""
LOAD = ENGINE + """
for _, path in ipairs(arg) do
  local env = setmetatable({}, { __index = _G })
  local chunk = assert(loadfile(path, "t", env))
  chunk()
  for _, name in ipairs { "description", "author", "license", "categories", "action" } do
    assert(rawget(env, name), path .. " has no " .. name)
  end
  assert(env.author == "trawl contributors" and env.license == "Apache-2.0", path)
  assert(rawget(env, "portrule") or rawget(env, "hostrule") or rawget(env, "prerule"), path)
end
print("loaded " .. #arg)
"""
CATEGORIES = {"auth", "broadcast", "brute", "default", "discovery", "dos", "exploit", "external",
              "fuzzer", "intrusive", "malware", "safe", "version", "vuln"}
# Issue 8 names these; whoever looks for one of them finds it.
WANTED = """banner http-title http-headers http-methods http-robots http-favicon-hash tls-cert
tls-versions-and-ciphers ssh-hostkeys ssh-algorithms smtp-capabilities ftp-anonymous dns-version
dns-recursion ntp-info snmp-info smb-dialects rdp-encryption mysql-info pgsql-tls redis-info
memcached-info mqtt-info ldap-rootdse vnc-info rtsp-methods sip-methods nfs-exports rpc-list
mdns-discover ssdp-discover arp-promiscuous tcp-0trace ping-record-route synack-os port-os""".split()


def lua(text: str, *arguments: str) -> str:
    done = subprocess.run(["lua5.4", "-", *arguments], input=text, capture_output=True, text=True,
                          timeout=60, check=False,
                          env={**os.environ, "LIBRARIES": str(runner.LIBRARIES)})
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


class Libraries(unittest.TestCase):
    def test_they_do_as_they_should(self) -> None:
        test = HERE / "library_test.lua"
        told = lua(ENGINE + f'print(dofile("{test}")(nmap))')
        self.assertRegex(told, r"^all [1-9]\d* passed$")

    def test_lines_are_short(self) -> None:
        for path in [*runner.LIBRARIES.glob("*.lua"), *runner.SCRIPTS.glob("*.nse")]:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                self.assertLessEqual(len(line), 100, f"{path}:{number}")
                self.assertFalse(line.endswith(" "), f"{path}:{number}")


class Scripts(unittest.TestCase):
    def test_each_loads_and_says_what_it_is(self) -> None:
        paths = sorted(map(str, runner.SCRIPTS.glob("*.nse")))
        self.assertGreaterEqual(len(paths), 40)
        self.assertEqual(f"loaded {len(paths)}", lua(LOAD, *paths))

    def test_those_that_were_asked_for_are_there(self) -> None:
        names = {path.stem for path in runner.SCRIPTS.glob("*.nse")}
        self.assertEqual([], [name for name in WANTED if name not in names])

    def test_the_database_is_that_of_the_files(self) -> None:
        # python3 tests/nse/scripts/library_test.py --write makes it.
        text = (runner.SCRIPTS / "script.db").read_text()
        self.assertEqual(runner.database(runner.SCRIPTS), text)
        for each in re.findall(r"categories = \{ (.*?), \}", text):
            self.assertLessEqual({name.strip('"') for name in each.split(", ")}, CATEGORIES)

    def test_each_is_described_in_the_readme(self) -> None:
        text = (runner.SCRIPTS / "README.md").read_text()
        for path in runner.SCRIPTS.glob("*.nse"):
            self.assertIn(f"`{path.stem}`", text)


if __name__ == "__main__":
    import sys
    if "--write" in sys.argv:
        (runner.SCRIPTS / "script.db").write_text(runner.database(runner.SCRIPTS))
        sys.exit(0)
    unittest.main(verbosity=2)
