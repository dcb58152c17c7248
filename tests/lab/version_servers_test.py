#!/usr/bin/env python3
"""trawl -sV and nmap -sV say the same of the real servers of a lab, and trawl's own file is right.

The default servers and rpcbind; all that are installed with TRAWL_ALL_SERVERS=1. TRAWL_VERSION_PROGRAM=nmap
runs nmap twice instead, which shows what is steady. TRAWL_VERSION_KEEP=FOLDER keeps the reports.
"""
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import unittest
import xml.etree.ElementTree

import labs

ALL = bool(os.environ.get("TRAWL_ALL_SERVERS"))
PROGRAM = os.environ.get("TRAWL_VERSION_PROGRAM", labs.TRAWL)
PEER = "nmap"
PEERS_FILE = pathlib.Path("/usr/share/nmap/nmap-service-probes")
OWN_FILE = labs.ROOT / "data/service-probes"
PATIENCE = 1800 if ALL else 280  # Seconds for a scan.
AT_ONCE = 8  # Scans of UDP.
RPC = "rpcbind"  # Always among them.
AGAIN = 2  # Asked once more where the two differ.
PRODUCTS, VERSIONS = 0.9, 0.8  # Shares that the own file has to tell rightly.

# Nmap's scripts of the category "version" run with -sV and add what no probe tells.
SERVER_HEADER = "its script http-server-header takes the product from the answer's Server header"
# (server, port): the fields that may differ, and why.
EXCEPTIONS: dict[tuple[str, int], tuple[tuple[str, ...], str]] = {
    ("weborf", 80): (("product",), SERVER_HEADER),
    ("h2o", 80): (("product",), SERVER_HEADER),
    ("gunicorn", 8000): (("product",), SERVER_HEADER),
    ("mosquitto", 1883): (("name",), "its script mqtt-subscribe reads the broker's $SYS topics"),
    ("rabbitmq", 5672): (("product", "version", "extrainfo"), "its script amqp-info asks further"),
    ("danted", 1080): (("extrainfo",), "what the proxy says of a destination that is out of reach"),
    ("mumble", 64738): (("name", "product", "version", "extrainfo"),
                        "its script murmur-version asks on UDP and tells it of TCP"),
    ("busybox-telnetd", 23): (("product", "version", "cpes"),
                              "its banner comes in one piece or two; the first soft match counts"),
    ("pptpd", 1723): (("product", "version", "hostname"), "its script pptp-version asks"),
    ("snmpd", 161): (("product", "extrainfo"), "its script snmp-info asks SNMPv3 too"),
    ("coturn", 3478): (("product",), "its script stun-version asks for the software"),
    ("openvpn", 1194): (("product", "cpes"), "now and then no line matches its random session"),
}
# What passes between two scans.
PASSING = ((re.compile(r"uptime \d+ seconds"), "uptime"),
           (re.compile(r"server time: [-\d]+ [:\d]+Z"), "server time"))

Where = tuple[str, int, str]  # Address, port, transport.


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a report says of a port; an attribute that is absent is empty."""
    state: str = ""
    name: str = ""
    product: str = ""
    version: str = ""
    extrainfo: str = ""
    hostname: str = ""
    ostype: str = ""
    devicetype: str = ""
    tunnel: str = ""
    cpes: tuple[str, ...] = ()
    rpc: str = ""  # What rpcnum, lowver and highver say, in the words of version and extrainfo.

    def without(self, fields: tuple[str, ...]) -> dict:
        info = self.extrainfo
        for pattern, word in PASSING:
            info = pattern.sub(word, info)
        told = dataclasses.asdict(self) | {"extrainfo": info}
        return {name: value for name, value in told.items() if name not in (*fields, "rpc")}


def read(path: pathlib.Path) -> dict[Where, Finding]:
    """The ports of an XML report that are open or may be."""
    found = {}
    for host in xml.etree.ElementTree.parse(path).getroot().iter("host"):
        address = host.find("address").get("addr")
        for port in host.iter("port"):
            state = port.find("state").get("state")
            if not state.startswith("open"):
                continue
            service = port.find("service")
            service = xml.etree.ElementTree.Element("service") if service is None else service
            told = {field.name: service.get(field.name, "")
                    for field in dataclasses.fields(Finding)
                    if field.name not in ("state", "cpes", "rpc")}
            rpc = ""
            if service.get("proto") == "rpc":
                low, high = service.get("lowver"), service.get("highver")
                rpc = f"{low if low == high else f'{low}-{high}'} RPC #{service.get('rpcnum')}"
            cpes = tuple(sorted(cpe.text for cpe in service.findall("cpe")))
            found[(address, int(port.get("portid")), port.get("protocol"))] = Finding(
                state=state, cpes=cpes, rpc=rpc, **told)
    return found


def upstream(version: str) -> str:
    """1.22.1 of the Debian version 1:1.22.1-9+deb12u11."""
    version = version.split(":", 1)[-1].rsplit("-", 1)[0]
    return re.split(r"[+~]|\.dfsg|-debian", version)[0]


def is_same_version(told: str, package: str) -> bool:
    """Whether one is the other up to where the shorter one ends: 9.2p1 Debian 2 and 9.2p1."""
    short, long = sorted((told, upstream(package)), key=len)
    return bool(short) and re.match(re.escape(short) + r"(?![0-9])", long) is not None


class Servers(unittest.TestCase):
    recipes: list[dict]
    lab: labs.Lab
    reports: dict[str, dict[Where, Finding]]

    @classmethod
    def setUpClass(cls) -> None:
        listed = labs.must(labs.TRAWL, "lab", "servers", "--json").splitlines()
        cls.recipes = [recipe for recipe in map(json.loads, listed)
                       if (ALL or recipe["set"] or recipe["name"] == RPC)
                       and recipe["missing"] is None]
        cls.reports = {}
        cls.lab = labs.Lab("--rtt", "0", "--driver", "af_packet", "--servers",
                           "all" if ALL else ",".join(recipe["name"] for recipe in cls.recipes),
                           patience=PATIENCE)
        cls.enterClassContext(cls.lab)

    @classmethod
    def listens(cls) -> list[tuple[dict, dict, Where]]:
        return [(recipe, listen, (recipe["address"], listen["port"], listen["transport"]))
                for recipe in cls.recipes for listen in recipe["listens"]]

    @classmethod
    def scan(cls, program: str, *options: str) -> dict[Where, Finding]:
        """All servers: one command for those on TCP, each asked for the ports of all, and one for
        those on each set of ports of UDP. Kept for the next test."""
        key = " ".join((pathlib.Path(program).name, *options))
        if key not in cls.reports:
            cls.reports[key] = {}
            for kind, style in (("tcp", "-sS"), ("udp", "-sU")):
                cls.reports[key] |= cls.scan_kind(program, kind, style, *options)
        return cls.reports[key]

    @classmethod
    def scan_kind(cls, program: str, kind: str, *options: str) -> dict[Where, Finding]:
        wheres = [where for _, _, where in cls.listens() if where[2] == kind]
        ports_of: dict[str, list[int]] = {}
        for address, port, _ in wheres:
            ports_of.setdefault(address, []).append(port)
        if kind == "tcp":
            every = sorted({port for _, port, _ in wheres})
            return cls.ask(program, kind, sorted(ports_of), every, options) if every else {}
        # Closed ports of UDP are told of once a second at most, and look open meanwhile.
        together: dict[tuple[int, ...], list[str]] = {}
        for address, ports in ports_of.items():
            together.setdefault(tuple(sorted(ports)), []).append(address)
        found = {}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            asked = [pool.submit(cls.ask, program, f"{kind}{number}", targets, list(ports), options)
                     for number, (ports, targets) in enumerate(together.items())]
            for each in asked:
                found |= each.result()
        return found

    @classmethod
    def ask(cls, program: str, name: str, targets: list[str], ports: list[int],
            options: tuple[str, ...]) -> dict[Where, Finding]:
        """Runs one command; its report is kept under a name of its own."""
        keep = pathlib.Path(os.environ.get("TRAWL_VERSION_KEEP", cls.lab.folder))
        path = keep / f"{len(cls.reports)}-{pathlib.Path(program).name}-{name}.xml"
        command = [*cls.lab.within(), program, *([] if program == PEER else ["scan"]),
                   "-sV", "-T4", "-Pn", "-n", "--max-retries", "2",
                   "-p", ",".join(map(str, ports)), *options, "-oX", str(path), *targets]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
        return read(path)

    def test_both_say_the_same_with_nmaps_file(self) -> None:
        peers = self.scan(PEER)
        ours = self.scan(PROGRAM, "--versiondb", str(PEERS_FILE))
        for recipe, listen, where in self.listens():
            ignored, _ = EXCEPTIONS.get((recipe["name"], listen["port"]), ((), ""))
            style = "-sS" if where[2] == "tcp" else "-sU"
            name = f"{recipe['name']}{where[1]}"
            # nmap takes some ports for filtered when it scans so many hosts at once, and what comes
            # in two pieces is matched, by both, with what has come.
            for _ in range(AGAIN):
                if where in peers and where in ours and (
                        peers[where].without(ignored) == ours[where].without(ignored)):
                    break
                print(f"once more: {name}: {peers.get(where)}, {ours.get(where)}")
                peers |= self.ask(PEER, name, [where[0]], [where[1]], (style,))
                ours |= self.ask(PROGRAM, name, [where[0]], [where[1]],
                                 (style, "--versiondb", str(PEERS_FILE)))
            with self.subTest(server=recipe["name"], port=listen["port"]):
                self.assertIn(where, peers)
                self.assertIn(where, ours)
                self.assertEqual(peers[where].without(ignored), ours[where].without(ignored))

    def test_rpc_attributes_say_what_nmap_says_in_words(self) -> None:
        """nmap's XML has them in its DTD; its script tells the same as version and extrainfo."""
        peers = self.scan(PEER)
        ours = self.scan(PROGRAM, "--versiondb", str(PEERS_FILE))
        words = {where: f"{told.version} {told.extrainfo}" for where, told in peers.items()
                 if told.extrainfo.startswith("RPC #")}
        self.assertTrue(words)
        self.assertEqual({where: ours[where].rpc for where in words}, words)

    def test_the_own_file_knows_product_and_version(self) -> None:
        found = self.scan(PROGRAM, "--versiondb", str(OWN_FILE))
        wrong, products, versions = [], [], []
        for recipe, listen, where in self.listens():
            finding = found.get(where, Finding())
            told = f"{recipe['name']} {listen['port']}/{listen['transport']}: {finding}"
            if listen["product"]:
                right = re.search(listen["product"], finding.product, re.IGNORECASE) is not None
                products.append(right)
                if not right:
                    wrong.append(f"product {told}")
            if listen["version"]:
                wanted = (recipe["version"] if listen["version"] == "package"
                          else listen["version"])
                right = is_same_version(finding.version, wanted)
                versions.append(right)
                if not right:
                    wrong.append(f"version ({wanted}) {told}")
        print(f"own file: {sum(products)} of {len(products)} products, "
              f"{sum(versions)} of {len(versions)} versions")
        told = "\n".join(wrong)
        self.assertGreaterEqual(sum(products), PRODUCTS * len(products), told)
        self.assertGreaterEqual(sum(versions), VERSIONS * len(versions), told)


if __name__ == "__main__":
    if not PEERS_FILE.exists():
        labs.skip_all(f"needs {PEERS_FILE}")
    labs.main("nmap")
