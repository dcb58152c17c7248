"""A scanner in one namespace, the played servers in the other, and what one scan made of them.

    scan: 198.19.2.1/24 <veth> hosts: 198.19.2.10, 198.19.2.11, ... each with its servers

Nothing has a route out of the two.
"""
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree
from collections.abc import Iterator, Sequence

import programs
from cases import NETWORK, Case
from link_pair import run

PLAY = pathlib.Path(__file__).with_name("play_server.py")
PATIENCE = 5400.0  # Seconds until a scan is given up.
FIELDS = ("name", "product", "version", "extrainfo", "hostname", "ostype", "devicetype", "tunnel",
          "method", "conf")
Target = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Scan:
    """What one program said of each port, and how long it took."""
    seconds: float
    services: dict[Target, dict[str, str]]


def read_service(port: xml.etree.ElementTree.Element) -> dict[str, str]:
    service = port.find("service")
    found = {"state": port.find("state").get("state")}
    if service is None:
        return found
    found |= {field: service.get(field) for field in FIELDS if service.get(field) is not None}
    # A fingerprint has the time and the version of the program in it.
    found["fingerprint"] = "yes" if service.get("servicefp") else "no"
    found["cpe"] = " ".join(sorted(cpe.text or "" for cpe in service.iterfind("cpe")))
    return found


def read_xml(path: pathlib.Path) -> dict[Target, dict[str, str]]:
    root = xml.etree.ElementTree.parse(path).getroot()
    return {(host.find("address").get("addr"), int(port.get("portid"))): read_service(port)
            for host in root.iter("host") for port in host.iterfind("ports/port")}


class Scene:
    """The namespaces with the servers."""

    def __init__(self, within: Sequence[str], work: pathlib.Path) -> None:
        self._within = within
        self._work = work
        self.counts: dict = {}  # Of the servers, once they have ended.

    def scan(self, program: str, options: Sequence[str]) -> Scan:
        """Raises RuntimeError when the program fails."""
        report = self._work / "report.xml"
        report.unlink(missing_ok=True)
        command = [*self._within, program, *options, "-oX", str(report)]
        start = time.monotonic()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=PATIENCE)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with code {done.returncode}: "
                               f"{(done.stderr or done.stdout).strip()[-600:]}")
        return Scan(seconds, read_xml(report))


def make_certificate(work: pathlib.Path) -> list[str]:
    certificate, key = str(work / "certificate.pem"), str(work / "key.pem")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
        "/CN=lab.example", "-keyout", key, "-out", certificate)
    return [certificate, key]


@contextlib.contextmanager
def namespaces(case: Case) -> Iterator[tuple[str, str]]:
    scan, hosts = (f"trawl-service-{os.getpid()}-{end}" for end in ("scan", "hosts"))
    made: list[str] = []
    try:
        for name in (scan, hosts):
            run("ip", "netns", "add", name)
            made.append(name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", scan, "link", "add", "scan0", "type", "veth", "peer", "name", "hosts0",
            "netns", hosts)
        run("ip", "-n", scan, "address", "add", f"{NETWORK}1/24", "dev", "scan0")
        for address in case.addresses:
            run("ip", "-n", hosts, "address", "add", f"{address}/24", "dev", "hosts0")
        run("ip", "-n", hosts, "link", "set", "hosts0", "up")
        run("ip", "-n", scan, "link", "set", "scan0", "up")
        yield scan, hosts
    finally:
        for name in reversed(made):
            subprocess.run(["ip", "netns", "del", name], check=False)


@contextlib.contextmanager
def playing(case: Case, work: pathlib.Path) -> Iterator[Scene]:
    layout, counts, log = work / "layout.json", work / "counts.json", work / "play.txt"
    layout.write_text(json.dumps(case.layout), "utf-8")
    has_tls = any(kind.startswith("tls_") for kind in case.ports.values())
    certificate = make_certificate(work) if has_tls else []
    with namespaces(case) as (scan, hosts):
        scene = Scene(("ip", "netns", "exec", scan), work)
        command = ["ip", "netns", "exec", hosts, sys.executable, "-B", str(PLAY), str(layout),
                   str(counts), *certificate]
        with programs.running(command, log) as process:
            programs.wait_for(lambda: is_ready(process, log), 30, "the servers' start")
            yield scene
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)
        scene.counts = json.loads(counts.read_text("utf-8"))


def is_ready(process: subprocess.Popen, log: pathlib.Path) -> bool:
    programs.still_running(process, log)
    return "ready" in log.read_text("utf-8")
