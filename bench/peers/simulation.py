"""The simulated network at the other end of a link: started, stopped, and asked for the truth."""
import itertools
import json
import os
import pathlib
import subprocess
from collections.abc import Sequence

import programs

# For every program alike. memif's own 2048 bytes a buffer put all frames into the same few sets of
# the caches, and its 1024 buffers stay in the other end's cache, where a line costs most. 128 bytes
# hold any frame here: TCP over IPv4, and an ICMP error that quotes it.
BUFFERS = "bsize=128,rsize=13"

_serial = itertools.count()


def endpoints(path: pathlib.Path) -> list[tuple[str, int]]:
    """(ip, port) of each JSON line, as results and the truth have them."""
    with open(path, encoding="utf-8") as lines:
        return [(found["ip"], found["port"]) for found in map(json.loads, lines)]


def write_truth(path: pathlib.Path, population: Sequence[str], ports: str,
                form: str = "jsonl") -> None:
    with open(path, "w", encoding="utf-8") as file:
        subprocess.run([programs.SIMNET, "truth", *population, "--ports", ports, "--format", form],
                       stdout=file, check=True)


class Simulation:
    """Use in a with statement. The link is shared memory unless `device` names another."""

    def __init__(self, work: pathlib.Path, population: Sequence[str],
                 options: Sequence[str] = ("--spin",), cpu: int = programs.OTHER_CPU,
                 device: str = "", within: Sequence[str] = ()) -> None:
        number = next(_serial)
        self._socket = work / f"memif{number}.sock"
        self._stats = work / f"simnet{number}.json"
        self._ready = work / f"ready{number}"
        self._log = work / f"simnet{number}.log"
        link = device or f"net_memif0,role=server,socket={self._socket},socket-abstract=no"
        self._running = programs.running(
            [*within, programs.SIMNET, "run", "--link", link, *population, "--cpu", str(cpu),
             *options, "--stats-file", str(self._stats), "--ready-file", str(self._ready)],
            self._log)
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Simulation":
        self._process = self._running.__enter__()
        try:
            programs.wait_for(self._is_ready, 20, "trawl-simnet starting")
        except BaseException:
            self._running.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__(None, None, None)

    def _is_ready(self) -> bool:
        programs.still_running(self._process, self._log)
        return self._ready.exists()

    @property
    def link(self) -> str:
        """The other end of the shared memory, as DPDK names it."""
        return f"net_memif0,role=client,socket={self._socket},socket-abstract=no,{BUFFERS}"

    def cpu_seconds(self) -> float:
        """Processor time that it took so far. Needs options without --spin: with it, all there is."""
        stat = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        user, system = map(int, stat.rpartition(")")[2].split()[11:13])
        return (user + system) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> dict[str, int]:
        """Ends it and returns its counters."""
        programs.still_running(self._process, self._log)
        programs.end(self._process, 10)
        return json.loads(self._stats.read_text(encoding="utf-8"))["counters"]
