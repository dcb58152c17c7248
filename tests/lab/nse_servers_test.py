#!/usr/bin/env python3
"""Our scripts against the real servers of a lab. The default ones; all that are installed with
TRAWL_ALL_SERVERS=1. tests/nse/scripts/runner.py says which program runs the scripts."""
import json
import os
import pathlib
import re
import sys
import unittest

import labs

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "nse/scripts"))
import runner  # noqa: E402

ALL = bool(os.environ.get("TRAWL_ALL_SERVERS"))
PATIENCE = 600
ONE_TITLE = r"^Site doesn't have a title"
CERTIFICATE = r"(?s)subject: CN={0}\.lab\.test.*names: \s*DNS:{0}\.lab\.test.*key: ec 256.*sha256: [0-9a-f]{{64}}"
# (server, port): what each script has to say of it.
EXPECTED: dict[tuple[str, str], dict[str, str]] = {
    ("nginx", "80/tcp"): {
        "http-title": ONE_TITLE, "http-headers": r"Server: nginx/1\.",
        "http-methods": "Supported Methods: GET HEAD POST OPTIONS", "http-date": "from local time",
        "http-favicon-hash": "mmh3: -774998661"},
    ("nginx", "443/tcp"): {
        "tls-cert": CERTIFICATE.format("nginx"), "http-title": ONE_TITLE,
        "tls-versions-and-ciphers": r"(?s)TLSv1\.2:.*TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    ("sshd", "22/tcp"): {
        "banner": "^SSH-2.0-OpenSSH_", "ssh-hostkeys": r"256 SHA256:[\w+/]{43} \(ssh-ed25519\)",
        "ssh-algorithms": r"(?s)curve25519-sha256.*ssh-ed25519.*aes256-ctr.*hmac-sha2-256"},
    ("dropbear", "22/tcp"): {"ssh-hostkeys": r"SHA256:", "ssh-algorithms": "ssh-ed25519"},
    ("redis-server", "6379/tcp"): {"redis-info": r"(?s)Version: 7\.0\.\d+.*Role: master"},
    ("apache2", "80/tcp"): {
        "http-headers": "Server: Apache", "http-title": ONE_TITLE,
        "http-methods": "(?s)Supported Methods:.*TRACE.*risky methods: TRACE"},
    ("lighttpd", "80/tcp"): {"http-headers": "Server: lighttpd", "http-title": ONE_TITLE},
    ("memcached", "11211/tcp"): {"memcached-info": r"(?s)Process ID: \d+.*Authentication: no"},
    ("mosquitto", "1883/tcp"): {
        "mqtt-info": r"(?s)connect: accepted.*\$SYS/broker/version: mosquitto version 2\."},
    ("vsftpd", "21/tcp"): {"ftp-anonymous": "login: allowed", "banner": r"^220 \(vsFTPd "},
    ("rsync", "873/tcp"): {"rsync-modules": r"(?s)protocol: 3\d\.0.*lab:"},
    ("dovecot", "110/tcp"): {"pop3-capabilities": r"\bUIDL\b.*\bSTLS\b",
                             "tls-cert": CERTIFICATE.format("dovecot")},
    ("dovecot", "143/tcp"): {
        "imap-capabilities": r"^IMAP4rev1 .*\bSTARTTLS\b", "tls-cert": CERTIFICATE.format("dovecot"),
        "tls-versions-and-ciphers": r"(?s)TLSv1\.3:.*TLS_AES_128_GCM_SHA256 \(x25519\)"},
    ("dovecot", "993/tcp"): {"imap-capabilities": "AUTH=PLAIN"},
    ("unbound", "53/udp"): {"dns-version": r"version\.bind: unbound 1\."},
    ("unbound", "53/tcp"): {"dns-version": r"id\.server: unbound\.lab\.test"},
    # The rest are there with all servers only.
    ("postfix", "25/tcp"): {"smtp-capabilities": "(?s)greeting: postfix.lab.test ESMTP.*PIPELINING"},
    ("postfix", "465/tcp"): {"smtp-capabilities": "PIPELINING",
                             "tls-versions-and-ciphers": r"(?s)TLSv1\.0:.*_anon_.* - anonymous"},
    ("bind", "53/tcp"): {"dns-version": r"version\.bind: 9\."},
    ("samba", "445/tcp"): {"smb-dialects": r"(?s)2\.0\.2\s+2\.1\s+3\.0\s+3\.0\.2\s+3\.1\.1.*not required"},
    ("samba", "139/tcp"): {"smb-dialects": r"3\.1\.1"},
    ("xrdp", "3389/tcp"): {"rdp-encryption": "(?s)Native RDP: accepted.*TLS: accepted.*NLA.*: not taken"},
    ("xvnc", "5901/tcp"): {
        "vnc-info": "(?s)version: 3.8.*None \\(1\\).*WARNING: Server does not require authentication"},
    ("mariadb", "3306/tcp"): {"mysql-info": "is not allowed to connect|Version: "},
    ("postgresql", "5432/tcp"): {"pgsql-tls": "(?s)tls: refused.*code: 28000.*no pg_hba.conf entry"},
    ("slapd", "389/tcp"): {
        "ldap-rootdse": r"(?s)^\nLDAP Results\n  <ROOT>\n      namingContexts: dc=lab,dc=test.*"
                        r"supportedLDAPVersion: 3"},
    ("snmpd", "161/udp"): {"snmp-info": r"(?s)enterprise: net-snmp.*engineIDData: [0-9a-f]{24}"},
    ("chrony", "123/udp"): {"ntp-info": r"receive time stamp: \d{4}-"},
    ("ntpsec", "123/udp"): {"ntp-info": r"receive time stamp: \d{4}-"},
    ("rpcbind", "111/tcp"): {"rpc-list": r"100000  2,3,4 +111/tcp   rpcbind"},
    ("rpcbind", "111/udp"): {"rpc-list": r"100000  2,3,4 +111/udp   rpcbind"},
    ("nfs-ganesha", "111/tcp"): {"rpc-list": r"100003  3,4 +2049/tcp   nfs"},
    ("microsocks", "1080/tcp"): {"socks-methods": "(?s)No authentication.*open to everyone"},
    ("coturn", "3478/udp"): {"stun-info": r"External IP: 198\.18\."},
    ("nats", "4222/tcp"): {"nats-info": r"version: 2\."},
    ("zookeeper", "2181/tcp"): {"zookeeper-status": r"(?s)Zookeeper version: 3\.8.*Mode: standalone"},
    ("prosody", "5222/tcp"): {"xmpp-features": "from: |error: host-unknown"},
    ("inetd", "13/tcp"): {"daytime": r"^\w+ \w+ +\d+ [\d:]+ \d{4}"},
    ("inetd", "13/udp"): {"daytime": r"^\w+ \w+ +\d+ [\d:]+ \d{4}"},
}
# Scripts of nmap's names whose output here is the same to the byte but for what passes.
SAME = ("http-title", "http-headers", "http-methods", "vnc-info", "snmp-info", "ldap-rootdse",
        "redis-info", "memcached-info", "stun-info", "banner", "ntp-info")
# What they say first differs each time, or once they have been asked often.
NOT_STEADY = ("dropbear", "xvnc", "inetd")
PASSING = re.compile(r"Date:.*|Used .*|Uptime.*|time.*|Server time.*|[Cc]onnections.*|clients.*|"
                     r"snmpEngineTime.*|Supported Methods.*")


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        listed = map(json.loads, labs.must(labs.TRAWL, "lab", "servers", "--json").splitlines())
        wanted = {server for server, _ in EXPECTED}
        recipes = [each for each in listed if each["name"] in wanted and each["missing"] is None
                   and (ALL or each["set"])]
        cls.addresses = {each["name"]: each["address"] for each in recipes}
        cls.lab = labs.Lab("--rtt", "0", "--driver", "af_packet", "--servers",
                           ",".join(cls.addresses), patience=PATIENCE)
        cls.enterClassContext(cls.lab)
        cls.data = cls.lab.folder / "data"
        cls.data.mkdir()
        runner.make_folder(cls.data)
        cls.found = cls.scan(runner.command(cls.data), "all and not (port-os or arp-promiscuous)")

    @classmethod
    def scan(cls, words: list[str], scripts: str):
        """All servers at once, on every port that one of them has."""
        found: dict = {}
        for kind, style in (("tcp", "-sS"), ("udp", "-sU")):
            here = [(server, where) for server, where in EXPECTED
                    if server in cls.addresses and where.endswith(kind)]
            ports = sorted({where.split("/")[0] for _, where in here}, key=int)
            targets = sorted({cls.addresses[server] for server, _ in here})
            report = runner.run([*cls.lab.within(), *words, "-Pn", style, "--max-retries", "3", "-p",
                                 ",".join(ports), "--script", scripts, *targets])
            for where, each in report.items():
                found.setdefault(where, {}).update(each)
        return found

    def ask_again(self, server: str, where: str, script: str) -> None:
        """On a busy machine a server may not answer in time."""
        print(f"once more: {server} {where} {script}")
        number, kind = where.split("/")
        report = runner.run([*self.lab.within(), *runner.command(self.data), "-Pn",
                             "-sS" if kind == "tcp" else "-sU", "-p", number, "--script", script,
                             self.addresses[server]])
        for place, each in report.items():
            self.found.setdefault(place, {}).update(each)

    def test_each_says_what_there_is(self) -> None:
        for (server, where), scripts in EXPECTED.items():
            for script, pattern in scripts.items():
                if server in self.addresses:
                    place = (self.addresses[server], where)
                    with self.subTest(server=server, port=where, script=script):
                        found = self.found.get(place, {}).get(script)
                        if found is None or re.search(pattern, found.text) is None:
                            self.ask_again(server, where, script)
                        self.assertIn(script, self.found.get(place, {}))
                        self.assertRegex(self.found[place][script].text, pattern)

    def test_none_breaks(self) -> None:
        for where, scripts in self.found.items():
            for name, script in scripts.items():
                self.assertNotIn("ERROR: Script execution failed", script.text, f"{where} {name}")

    def test_the_form_is_that_of_nmaps_script_of_the_name(self) -> None:
        theirs = self.scan(["nmap", "-n", "-oX", "-"], ",".join(SAME))
        # A script that is named says more than one of a category.
        mine = self.scan(runner.command(self.data), ",".join(SAME))
        random = [self.addresses.get(server) for server in NOT_STEADY]
        compared = 0
        for where, scripts in theirs.items():
            for name, script in scripts.items():
                if name == "banner" and where[0] in random:
                    continue
                ours = mine.get(where, {}).get(name)
                with self.subTest(where=where, script=name):
                    self.assertIsNotNone(ours)
                    self.assertEqual(PASSING.sub("", script.text), PASSING.sub("", ours.text))
                    compared += 1
        self.assertGreater(compared, 10)


if __name__ == "__main__":
    labs.main("nmap")
