"""A survey of the simulated network in which every target is open, and whose service tier asks one
port at a time, at most a hundred a second: over shared memory, the tier's sockets over --tap."""
import contextlib
import dataclasses
import json
import pathlib
import re
import signal
import subprocess
from collections.abc import Iterator

import labs

SCANNER, GATEWAY = "198.18.0.1", "198.18.0.2"
# Each port is given this time to speak, which none does.
PATIENCE_MS = 10
PROBES = f"""Probe TCP NULL q||
totalwaitms {PATIENCE_MS}
tcpwrappedms 1
match never m|^nobody says this|
"""
PORTS_WAITING, FACTS_WAITING = 65536, 2048  # Of control/pipeline/service_tier.h.
REPLIES = 65536  # Room for replies, in the ring and in a batch.
BURST = 64  # Probes that were on their way to a full link when sending was held.

Where = tuple[str, int]


@dataclasses.dataclass
class Run:
    """A survey, or one that was resumed, until it was interrupted."""
    code: int
    statuses: list[dict]  # One a second.
    resident: list[float]  # MiB, when each of them came.
    said: str  # The summary.

    @property
    def services(self) -> dict:
        return self.statuses[-1]["services"]

    def held(self) -> list[tuple[dict, dict]]:
        """Statuses that follow each other, between which sending was held all the time."""
        return [(a, b) for a, b in zip(self.statuses, self.statuses[1:])
                if a["services"]["holds_sending"] and b["services"]["holds_sending"]
                and b["services"]["held_s"] - a["services"]["held_s"] >=
                0.99 * (b["elapsed_s"] - a["elapsed_s"])]


class SlowTier:
    """Use in a with statement. `ports`: how many are open on each of 2^17 addresses."""

    def __init__(self, folder: pathlib.Path, ports: int, simnet: tuple[str, ...] = ()) -> None:
        self.output = folder / "found.jsonl"
        self._folder = folder
        self._ports = f"1-{ports}"
        self._simnet = simnet
        self._memif = f"socket={folder}/memif.sock,socket-abstract=no"
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "SlowTier":
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._network())
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @contextlib.contextmanager
    def _network(self) -> Iterator[None]:
        ready, log = self._folder / "ready", self._folder / "simnet.log"
        with open(log, "w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [labs.SIMNET, "run", "--link", f"net_memif0,role=server,{self._memif}", "--live", "1",
                 "--open", f"{self._ports}=1", "--rtt", "1", "--gateway", GATEWAY, "--silent", SCANNER,
                 "--ready-file", str(ready), *self._simnet],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            labs.wait_until(lambda: ready.exists() or process.poll() is not None, "simnet")
            if process.poll() is not None:
                raise AssertionError(log.read_text(encoding="utf-8"))
            yield
        finally:
            process.kill()
            process.wait()

    def survey(self, statuses: int) -> Run:
        probes = self._folder / "probes"
        probes.write_text(PROBES, encoding="ascii")
        return self._run(statuses, "survey", "--link", f"net_memif0,role=client,{self._memif}",
                         "--tap", "--source-ip", SCANNER, "--gateway", GATEWAY, "--allow-special",
                         labs.NETWORK, "--rate", "max", "-p", self._ports, "--retries", "none",
                         "--service", "--service-ports", "1", "--versiondb", str(probes),
                         "--checkpoint", str(self._folder / "checkpoint"), "-o", str(self.output),
                         "--status-json", labs.NETWORK)

    def resume(self, statuses: int) -> Run:
        return self._run(statuses, "resume", "--status-json", str(self._folder / "checkpoint"))

    def _run(self, statuses: int, *words: str) -> Run:
        """Interrupted after so many statuses. trawl0 goes with the namespace, which nobody else has."""
        process = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", labs.TRAWL, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        run = Run(0, [], [], "")
        try:
            for line in process.stderr:
                if not line.startswith("{"):
                    run.said += line
                    continue
                run.statuses.append(json.loads(line))
                if len(run.statuses) < statuses:
                    run.resident.append(resident(process.pid))
                elif len(run.statuses) == statuses:
                    process.send_signal(signal.SIGINT)
            run.code = process.wait(labs.PATIENCE)
        finally:
            process.kill()
            process.communicate()
        return run

    def lines(self) -> tuple[list[Where], list[dict]]:
        """The open ports in the output, and what is said of them."""
        lines = [json.loads(line) for line in self.output.read_text(encoding="utf-8").splitlines()]
        found = [(line["ip"], line["port"]) for line in lines if "type" not in line]
        return found, [line for line in lines if line.get("type") == "service"]


def resident(pid: int) -> float:
    """The memory that a process has now, in MiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024
