"""The programs that are run: where they are, how they are started, and how they are ended."""
import contextlib
import json
import os
import pathlib
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
PACKAGES = {"dpdk-testpmd": "dpdk-dev", "masscan": "masscan", "zmap": "zmap", "ip": "iproute2",
            "nft": "nftables", TRAWL: "", SIMNET: ""}
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


def run_trawl(arguments: list[str], prefix: tuple[str, ...] = (), codes: tuple[int, ...] = (0,)
              ) -> dict:
    """Runs a survey that asks each target once to its end; its metadata."""
    with tempfile.NamedTemporaryFile(prefix="trawl-peers-", suffix=".json") as metadata:
        done = subprocess.run([*prefix, TRAWL, "survey", "--retries", "none",
                               *arguments, "--metadata", metadata.name],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode not in codes:
            raise RuntimeError(f"trawl survey {' '.join(arguments)} ended with code "
                               f"{done.returncode}: {done.stderr.strip()[-600:]}")
        return json.load(metadata)


def testpmd(device: str, sender: int = SENDER_CPU) -> list[str]:
    """Sends the same frames for ever from one core through a DPDK device."""
    cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
    # Its output is a pipe or a file: lines, or statistics would come late.
    return ["stdbuf", "-oL", "dpdk-testpmd", "--in-memory", "--lcores", f"0@({cpus}),1@{sender}",
            "--main-lcore=0", "--no-pci", f"--vdev={device}", "--", "--forward-mode=txonly",
            f"--txpkts={FRAME_BYTES}", "--nb-cores=1", "--auto-start", "--stats-period", "1"]


def wait_for(condition, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.01)
