#!/usr/bin/env python3
"""Our scripts against servers on a loopback of their own: what they find, in which form, and that no
hostile server keeps them. runner.py says which program runs them."""
import hashlib
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

import answers
import runner

HERE = pathlib.Path(__file__).resolve().parent
HOST = "127.0.0.1"
HOSTILE_WEB = ("endless_line", "endless_header", "chunk_bomb", "gzip_bomb", "redirects")
# Scripts that share a name with one of nmap's print what that one does. What nmap has in no order
# is compared as a set.
SAME = {"web": ("http-title", "http-headers", "http-methods"), "auth": ("http-auth", "http-title"),
        "redirect": ("http-title",), "gzip": ("http-title", "http-methods"),
        "mysql": ("mysql-info",), "rtsp": ("rtsp-methods",), "finger": ("finger",),
        "ntp": ("ntp-info",), "sip": ("sip-methods",)}
LIBRARY_SCRIPT = """
local nmap = require "nmap"
description = "library_test.lua with the libraries that scripts get"
author = "trawl contributors"
license = "Apache-2.0"
categories = {"safe"}
prerule = function() return true end
action = function() return dofile("%s")(nmap) end
"""


def where(name: str) -> tuple[str, str]:
    kind = "udp" if name in answers.DATAGRAMS else "tcp"
    return HOST, f"{answers.PORTS[name]}/{kind}"


def scan(folder: pathlib.Path | None, names: list[str], scripts: str):
    """Runs scripts against the named servers; without a folder, nmap with its own."""
    tcp = [str(answers.PORTS[name]) for name in names if name not in answers.DATAGRAMS]
    udp = [str(answers.PORTS[name]) for name in names if name in answers.DATAGRAMS]
    ports = ",".join([*(["T:" + ",".join(tcp)] if tcp else []), *(["U:" + ",".join(udp)] if udp else [])])
    kinds = [*(["-sS"] if tcp else []), *(["-sU"] if udp else [])]
    options = ["-Pn", *kinds, "-p", ports, "--script", scripts, HOST]
    words = runner.command(folder, *options) if folder else ["nmap", "-n", "-oX", "-", *options]
    return runner.run(["unshare", "-n", sys.executable, "-B", str(HERE / "answers.py"), *words])


def form(script: runner.Script) -> list:
    """A script's output without what changes by itself: dates, and orders that mean nothing."""
    lines = [line for line in script.text.splitlines() if "Date:" not in line]
    return [sorted(re.split("[:, ]+", line)) if "Capabilities" in line or "Digest" in line else line
            for line in lines]


class Scripts(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        library = cls.folder / "library-test.nse"
        library.write_text(LIBRARY_SCRIPT % (HERE / "library_test.lua"))
        cls.data = cls.folder / "data"
        cls.data.mkdir()
        runner.make_folder(cls.data, more=library)
        http = "+http-title,+http-headers,+http-methods,+http-auth"
        cls.found = scan(cls.data, [*SAME, "mount", "mdns", "ssdp"],
                         f"{http},library-test,(default or discovery) and not (banner or port-os or tls-*)")

    def script(self, name: str, script: str) -> runner.Script:
        self.assertIn(script, self.found.get(where(name), {}), f"{name}: {self.found.get(where(name))}")
        return self.found[where(name)][script]

    @unittest.skipIf(runner.KIND != "own", "the libraries are nmap's")
    def test_libraries_within_the_engine(self) -> None:
        self.assertRegex(self.found[("", "pre")]["library-test"].text, r"^all [1-9]\d* passed$")

    @unittest.skipIf(shutil.which("nmap") is None, "needs nmap")
    def test_the_form_is_that_of_nmaps_script_of_the_name(self) -> None:
        theirs = scan(None, list(SAME), "+http-title,+http-headers,+http-methods,+http-auth,"
                      "mysql-info,rtsp-methods,sip-methods,finger,ntp-info")
        for name, scripts in SAME.items():
            for script in scripts:
                with self.subTest(server=name, script=script):
                    self.assertEqual(form(theirs[where(name)][script]), form(self.script(name, script)))

    def test_web(self) -> None:
        self.assertEqual(" Lab  &amp; page", self.script("web", "http-title").value("title"))
        robots = self.script("web", "http-robots")
        self.assertEqual(["/private/", "/admin"], robots.values("disallow"))
        self.assertEqual(["http://127.0.0.1/map.xml"], robots.values("sitemaps"))
        icon = self.script("web", "http-favicon-hash")
        self.assertEqual("/favicon.ico", icon.value("path"))
        # As this script computed it once; no other implementation has confirmed it.
        self.assertEqual("-1794882366", icon.value("mmh3"))
        self.assertEqual(hashlib.md5(answers.ICON).hexdigest(), icon.value("md5"))
        self.assertEqual(hashlib.sha256(answers.ICON).hexdigest(), icon.value("sha256"))
        self.assertIn("Basic realm=a lab", self.script("auth", "http-auth").text)
        self.assertEqual("was compressed", self.script("gzip", "http-title").text)
        self.assertEqual("https://elsewhere.lab.test/",
                         self.script("redirect", "http-title").value("redirect_url"))

    def test_exports_and_programs(self) -> None:
        self.assertIn("/exports/lab 198.18.0.0/15 *.lab.test", self.script("mount", "nfs-exports").text)
        self.assertIn("100005  1,3         111/tcp   mountd", self.script("mount", "rpc-list").text)

    def test_announced_services(self) -> None:
        mdns = self.script("mdns", "mdns-discover")
        one = ("_ipp._tcp.local", "Lab._ipp._tcp.local")
        self.assertEqual(["printer.local", "631"],
                         [mdns.value(*one, "target"), mdns.value(*one, "port")])
        self.assertEqual(["rp=printers", "ty=No"], mdns.values(*one, "text"))
        ssdp = self.script("ssdp", "ssdp-discover")
        self.assertEqual("Lab player", ssdp.value("device", "friendlyName"))
        self.assertEqual("Lab/1 UPnP/1.0 player/2", ssdp.value("server"))

    def test_time_and_signalling(self) -> None:
        ntp = self.script("ntp", "ntp-info")
        self.assertEqual("2000-02-29T00:00:00", ntp.value("receive time stamp"))
        self.assertEqual("ntpd 4.2.8p15@1.3728 (lab)", ntp.value("version"))
        self.assertEqual("INVITE, ACK, BYE", self.script("sip", "sip-methods").text)
        self.assertEqual("DESCRIBE, SETUP, PLAY", self.script("rtsp", "rtsp-methods").text)
        self.assertEqual("8.0.99-lab", self.script("mysql", "mysql-info").value("Version"))
        self.assertEqual("abcdefghijklmnopqrst", self.script("mysql", "mysql-info").value("Salt"))

    @unittest.skipIf(runner.KIND != "own", "the libraries are nmap's")
    def test_no_hostile_server_keeps_a_script(self) -> None:
        # It ends by itself, no script breaks, and none is believed.
        names = [name for name in answers.PORTS if name not in SAME and
                 name not in (*HOSTILE_WEB, "mount", "mdns", "ssdp")]
        found = scan(self.data, names, "all and not http-* and not port-os and not library-test")
        for place, scripts in found.items():
            for name, script in scripts.items():
                self.assertNotIn("ERROR: Script", script.text, f"{name} {place}")
                self.assertLess(len(script.text), 20000, f"{name} {place}")
        refused = {"deep_json": "nats-info", "ssh_lines": "ssh-hostkeys", "tls_noise": "tls-cert",
                   "tls_endless": "tls-versions-and-ciphers", "ldap_huge": "ldap-rootdse",
                   "redis_huge": "redis-info", "memcached_endless": "memcached-info",
                   "dns_loop": "dns-version", "snmp_nested": "snmp-info",
                   "postgres_huge": "pgsql-tls", "smb_huge": "smb-dialects", "stun_cut": "stun-info"}
        for name, script in refused.items():
            self.assertNotIn(script, found.get(where(name), {}), name)
        self.assertIn("allowed", found[where("ftp_bounce")]["ftp-anonymous"].text)

    @unittest.skipIf(runner.KIND != "own", "the libraries are nmap's")
    def test_no_hostile_web_server_keeps_a_script(self) -> None:
        found = scan(self.data, list(HOSTILE_WEB), "+http-*")
        for place, scripts in found.items():
            for name, script in scripts.items():
                self.assertNotIn("ERROR: Script", script.text, f"{name} {place}")
        self.assertEqual([], [name for name in HOSTILE_WEB[:2] if found.get(where(name))])
        self.assertIn("Did not follow redirect", found[where("redirects")]["http-title"].text)


if __name__ == "__main__":
    if os.geteuid() != 0 or shutil.which(runner.PROGRAM) is None or not runner.INSTALLED.exists():
        print("skipped: needs root for network namespaces, and nmap")
        sys.exit(77)
    unittest.main(verbosity=2)
