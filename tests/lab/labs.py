"""What the lab tests share: sealed labs, surveys in them, captures, and when to skip.

Every lab has a name of its own, made of the test's process id, and is taken down by a guardian
whatever happens to the test.
No test sends outside namespaces that have no route out.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator

import guardian

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRAWL_BUILD", ROOT / "build"))
TRAWL = str(BUILD / "trawl")
SIMNET = str(BUILD / "bench/simnet/trawl-simnet")
NETWORK = "198.18.0.0/15"
SKIPPED = 77
PATIENCE = 60  # Seconds for anything that should end by itself; no test measures speed.

AF_XDP_LINK = "net_af_xdp0,iface=scan0"
AF_PACKET_LINK = "net_af_packet0,iface=scan0,qdisc_bypass=1"

_serial = iter(range(1 << 30))


def skip_all(reason: str) -> None:
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def main(*tools: str) -> None:
    """Runs the calling script's tests; exits 77 when root or one of `tools` is missing."""
    if os.geteuid() != 0:
        skip_all("needs root for network namespaces and raw sockets")
    for tool in ("ip", *tools):
        if shutil.which(tool) is None:
            skip_all(f"needs {tool}")
    for binary in (TRAWL, SIMNET):
        if not os.access(binary, os.X_OK):
            skip_all(f"needs {binary}; build it first")
    unittest.main(module="__main__", verbosity=2)


def has_af_xdp() -> bool:
    try:
        socket.socket(44, socket.SOCK_RAW).close()  # AF_XDP
    except OSError:
        return False
    return True


def run(command: list[str], timeout: float = PATIENCE, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, **options)


def must(*command: str) -> str:
    done = run(list(command))
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def in_namespace(name: str, call: Callable):
    """What `call` returns when a thread in the named network namespace runs it. A socket stays."""
    result: list = []

    def body() -> None:
        with open(f"/run/netns/{name}", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
                result.append(OSError(ctypes.get_errno(), "setns"))
                return
        try:
            result.append(call())
        except OSError as error:
            result.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]


def raw_socket(namespace: str, interface: str, ethertype: int) -> socket.socket:
    """Reads and writes the frames of one kind on an interface."""
    def make() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethertype))
        made.bind((interface, ethertype))
        return made
    return in_namespace(namespace, make)


def endpoints(path: pathlib.Path) -> list[tuple[str, int, str]]:
    """(ip, port, state) of each line; every line has to be whole JSON and end in a line feed."""
    text = path.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):
        raise AssertionError(f"the last line is cut short: {text[-80:]!r}")
    return [(line["ip"], line["port"], line["state"])
            for line in map(json.loads, text.splitlines())]


class Survey:
    """A survey that runs or has run: exit code, standard error, results and metadata."""

    def __init__(self, command: list[str], folder: pathlib.Path, output: pathlib.Path) -> None:
        self.output = output
        self._metadata = folder / f"metadata{next(_serial)}"
        self.process = subprocess.Popen([*command, "-o", str(output), "--metadata",
                                         str(self._metadata)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True)
        self.stderr = ""
        self.metadata: dict = {}

    def wait(self) -> "Survey":
        try:
            _, self.stderr = self.process.communicate(timeout=PATIENCE)
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise
        if self._metadata.exists():
            self.metadata = json.loads(self._metadata.read_text(encoding="utf-8"))
        return self

    @property
    def code(self) -> int:
        return self.process.returncode

    @property
    def counters(self) -> dict:
        return self.metadata["counters"]

    def found(self) -> list[tuple[str, int, str]]:
        return endpoints(self.output)

    def wait_for_lines(self, count: int) -> None:
        """Until results are in the file; they are flushed at least once a second."""
        def has_lines() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"the survey ended: {self.process.stderr.read()}")
            return self.output.exists() and self.output.read_bytes().count(b"\n") >= count
        wait_until(has_lines, f"{count} results")


@contextlib.contextmanager
def small_disk(size: str) -> Iterator[pathlib.Path]:
    """A folder on a disk of its own."""
    with tempfile.TemporaryDirectory(prefix="trawl-lab-test-") as name:
        must("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", name)
        try:
            yield pathlib.Path(name)
        finally:
            must("umount", name)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what} within {seconds:g} s")
        time.sleep(0.01)


class Lab:
    """`trawl lab` under a name of its own; use in a with statement.

    `patience`: seconds that `trawl lab up` may take. `said` is what it told."""

    def __init__(self, *options: str, patience: float = PATIENCE, code: int = 0) -> None:
        """`code`: how `trawl lab up` has to end; with 1 the lab may lack some of its servers."""
        self.patience = patience
        self.code = code
        self.said = ""
        self.name = f"t{os.getpid()}n{next(_serial)}"
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trawl-lab-test-"))
        # A survey that still runs in the scanner's namespace would outlive it.
        self._guardian = guardian.Guardian(
            ["sh", "-c", 'ip netns pids "$1" | xargs -r kill -KILL || true', "sh",
             self.namespace("scan")],
            [TRAWL, "lab", "down", "--name", self.name], ["rm", "-rf", str(self.folder)])

    def __enter__(self) -> "Lab":
        self._guardian.__enter__()
        try:
            made = run([TRAWL, "lab", "up", "--name", self.name, *self.options], self.patience)
            self.said = made.stderr
            if made.returncode != self.code:
                raise AssertionError(f"trawl lab up: code {made.returncode}: {self.said.strip()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._guardian.__exit__()

    def namespace(self, suffix: str) -> str:
        return f"trawl-{self.name}-{suffix}"

    def within(self, suffix: str = "scan") -> list[str]:
        return [TRAWL, "lab", "exec", "--name", self.name, "--ns", suffix, "--"]

    def command(self, *arguments: str, link: str = "scan0") -> list[str]:
        """One probe a target unless the arguments say otherwise."""
        once = [] if "--retries" in arguments else ["--retries", "none"]
        return [*self.within(), TRAWL, "survey", "--link", link, "--allow-special", NETWORK, "-q",
                "--cooldown", "1s", *once, *arguments]

    def start(self, *arguments: str, link: str = "scan0", output: pathlib.Path | None = None,
              before: tuple[str, ...] = ()) -> Survey:
        """`before`: what the survey runs under, such as setpriv with its options."""
        command = self.command(*arguments, link=link)
        at = len(self.within())
        command[at:at] = before
        return Survey(command, self.folder, output or self.folder / f"found{next(_serial)}")

    def survey(self, *arguments: str, **options) -> Survey:
        return self.start(*arguments, **options).wait()

    def truth(self, ports: str, states: str = "open") -> set[tuple[str, int, str]]:
        text = must(TRAWL, "lab", "truth", "--name", self.name, "--ports", ports, "--states",
                    states)
        return {(line["ip"], line["port"], line["state"])
                for line in map(json.loads, text.splitlines())}

    def mac(self, suffix: str, interface: str) -> str:
        return json.loads(must("ip", "-n", self.namespace(suffix), "-j", "link", "show",
                               interface))[0]["address"]

    @contextlib.contextmanager
    def capture(self, expression: str, suffix: str = "sim", interface: str = "sim0"
                ) -> Iterator[pathlib.Path]:
        """tcpdump while the block lasts; yields the file. The lab's driver has to be af_packet:
        what af_xdp takes from an interface, nothing else sees."""
        path = self.folder / f"capture{next(_serial)}.pcap"
        process = subprocess.Popen(
            [*self.within(suffix), "tcpdump", "-Z", "root", "-n", "-U", "-B", "65536", "-i",
             interface, "-w", str(path), expression],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            # Printed when it captures.
            for line in process.stderr:
                if "listening on" in line:
                    break
            yield path
            time.sleep(0.3)  # tcpdump reads what the kernel holds.
        finally:
            process.send_signal(signal.SIGINT)
            lost = process.communicate(timeout=PATIENCE)[1]
        if "0 packets dropped by kernel" not in lost:
            raise AssertionError(f"the capture has holes: {lost.strip()}")
