"""Every allowed target once: what a dry run prints, ticked off in a bit array."""
import os
import pathlib
import subprocess
import threading

import programs
from figures import Figures
from spaces import check_targets, special_purpose, write_blocklist

# Two to the thirty addresses by four ports; CGNAT, loopback and others lie inside.
SPACE, PORTS, ENTRIES = "64.0.0.0/2", "80,443,8080,22", 1_000_000
SMALL_SPACE, SMALL_ENTRIES = "100.0.0.0/9", 10_000
SHARDS = (1, 3, 8)
SEED = "20260301"


def dry_runs(arguments: list[str], shards: int, output) -> str:
    """Prints all shards, one behind the other; what went wrong, or ""."""
    for shard in range(1, shards + 1):
        part = [] if shards == 1 else ["--shard", f"{shard}/{shards}"]
        done = subprocess.run([programs.TRAWL, "survey", "--dry-run", "-q", *arguments, *part],
                              stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE,
                              text=True)
        if done.returncode != 0:
            return f"trawl survey --dry-run ended with code {done.returncode}: {done.stderr}"
    return ""


def ticked_off(arguments: list[str], shards: int, expected: list[str]) -> dict:
    """Dry runs into target-check, both at once."""
    failures: list[str] = []
    source, sink = (open(end, mode, buffering=0) for end, mode in zip(os.pipe(), ("rb", "wb")))

    def feed() -> None:
        with sink:
            failures.append(dry_runs(arguments, shards, sink))

    with source:
        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            counts = check_targets(expected, source)
        finally:
            source.close()  # A feeder whose reader failed must not wait for ever.
            feeder.join()
    if failures[0]:
        raise RuntimeError(failures[0])
    return counts


def measure(figures: Figures, work: pathlib.Path, small: bool) -> None:
    space = SMALL_SPACE if small else SPACE
    blocklist, special = work / "blocklist", work / "special"
    entries = SMALL_ENTRIES if small else ENTRIES
    write_blocklist(blocklist, space, entries)
    special.write_text("".join(f"{block}\n" for block in special_purpose()), encoding="utf-8")
    survey = ["-p", PORTS, space, "--exclude-file", str(blocklist), "--seed", SEED]
    expected = ["--targets", space, "--ports", PORTS, "--exclude", str(blocklist), "--exclude",
                str(special)]
    figures.tell("prefixes in the blocklist", entries)
    for shards in SHARDS:
        counts = ticked_off(survey, shards, expected)
        name = f"{shards} shard{'s' if shards > 1 else ''}"
        figures.exactly(f"{name}: targets printed", counts["came"], counts["expected"])
        figures.exactly(f"{name}: allowed, but not printed", counts["missed"], 0)
        figures.exactly(f"{name}: printed twice", counts["twice"], 0)
        figures.exactly(f"{name}: printed, but not allowed",
                        counts["outside"] + counts["bad_lines"], 0)
        figures.tell(f"{name}: targets a second", counts["came"] / counts["seconds"] / 1e6, "M/s")
