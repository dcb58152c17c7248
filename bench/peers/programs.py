"""The programs that are run: where they are, how they are started, and how they are ended."""
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRAWL_BUILD", ROOT / "build"))
TRAWL = str(BUILD / "trawl")
SIMNET = str(BUILD / "bench/simnet/trawl-simnet")
TARGET_CHECK = str(BUILD / "bench/survey/target-check")
BANNER_RATE = str(BUILD / "bench/survey/banner-rate")
PACKAGES = {"dpdk-testpmd": "dpdk-dev", "masscan": "masscan", "zmap": "zmap", "ip": "iproute2",
            "nft": "nftables", "taskset": "util-linux", TRAWL: "", SIMNET: "",
            TARGET_CHECK: ""}
SENDER_CPU = 0
# A survey of the whole space wants one, also on a link that leads nowhere.
CONTACT = "mailto:bench@trawl.invalid"
OTHER_CPU = 1

FRAME_BYTES = 74  # A probe with the options of a Linux SYN; testpmd is made to send the same size.


def need(*names: str) -> None:
    """Raises RuntimeError that names what to install or build."""
    for name in names:
        if shutil.which(name):
            continue
        package = PACKAGES[name]
        how = f"apt-get install {package}" if package else f"ninja -C {BUILD}"
        raise RuntimeError(f"{name} is missing; {how}")


@contextlib.contextmanager
def running(command: list[str], log: pathlib.Path) -> Iterator[subprocess.Popen]:
    """Runs a command for as long as the block lasts, then interrupts it, then kills it."""
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen, patience: float = 2.0) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)


def still_running(process: subprocess.Popen, log: pathlib.Path) -> None:
    """Raises RuntimeError with the last lines of the log when the program has ended."""
    if process.poll() is not None:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]
        raise RuntimeError(f"{process.args[0]} ended with code {process.returncode}: "
                           + "\n".join(lines))


@dataclasses.dataclass(frozen=True)
class Run:
    """A survey that has ended."""
    metadata: dict
    code: int
    seconds: float  # From the start of the process to its end.
    resident: int  # Bytes, at most, hugepages included.

    @property
    def counters(self) -> dict:
        return self.metadata["counters"]

    @property
    def sending_seconds(self) -> float:
        """From the first probe to the last one, pauses between sweeps included."""
        return self.counters["sent"] / max(1e-9, self.counters["send_avg_pps"])


def hugepages_of(process: int) -> int:
    """Bytes in hugepages that a process holds now."""
    try:
        status = pathlib.Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"HugetlbPages:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def run_survey(arguments: list[str], prefix: tuple[str, ...] = (), codes: tuple[int, ...] = (0,),
               log: pathlib.Path | None = None) -> Run:
    """Runs a survey to its end. Raises RuntimeError when it ends with none of `codes`. What it says
    goes to `log`."""
    with (tempfile.NamedTemporaryFile(prefix="trawl-peers-", suffix=".json") as metadata,
          open(log, "w+", encoding="utf-8", errors="replace") if log
          else tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as said):
        start = time.monotonic()
        process = subprocess.Popen(
            [*prefix, TRAWL, "survey", *arguments, "--metadata", metadata.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        huge = 0
        try:
            while True:
                huge = max(huge, hugepages_of(process.pid))
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid != 0:
                    break
                time.sleep(0.02)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in codes:
            said.seek(0)
            raise RuntimeError(f"trawl survey {' '.join(arguments)} ended with code "
                               f"{process.returncode}: {said.read().strip()[-600:]}")
        return Run(json.load(metadata), process.returncode, seconds,
                   usage.ru_maxrss * 1024 + huge)


def run_trawl(arguments: list[str], prefix: tuple[str, ...] = (), codes: tuple[int, ...] = (0,)
              ) -> dict:
    """Runs a survey that asks each target once to its end; its metadata."""
    return run_survey(["--retries", "none", *arguments], prefix, codes).metadata


def testpmd(device: str, mode: str = "txonly") -> list[str]:
    """Sends the same frames for ever from one core through a DPDK device, or receives on it."""
    cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
    # Its output is a pipe or a file: lines, or statistics would come late.
    # Shared memory needs two processes that can know of each other.
    memory = (["--no-huge", "-m", "512", f"--file-prefix=testpmd{os.getpid()}"]
              if device.startswith("net_memif") else ["--in-memory"])
    return ["stdbuf", "-oL", "dpdk-testpmd", *memory, "--no-telemetry", "--lcores",
            f"0@({cpus}),1@{SENDER_CPU}", "--main-lcore=0", "--no-pci", f"--vdev={device}", "--",
            f"--forward-mode={mode}", "--total-num-mbufs=65536",
            f"--txpkts={FRAME_BYTES}", "--nb-cores=1", "--auto-start", "--stats-period", "1"]


def wait_for(condition, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.01)
