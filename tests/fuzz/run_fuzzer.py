#!/usr/bin/env python3
"""Runs one libFuzzer target for FUZZ_SECONDS (default 20), starting from its corpus.

What the run finds goes to a scratch directory, never into the corpus; an input that broke
something is kept in the build directory, and the last line says where.
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile


def main() -> int:
    target, corpus = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    seconds = os.environ.get("FUZZ_SECONDS", "20")
    found = target.parent / "crashes"
    found.mkdir(exist_ok=True)
    # Ends the fuzzer and removes what it left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="trawl-fuzz-") as scratch:
        inputs = [scratch] + ([str(corpus)] if corpus.is_dir() else [])
        done = subprocess.run(
            [target, f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=25",
             "-max_len=4096", "-print_final_stats=1", f"-artifact_prefix={found}/{target.name}-",
             *inputs], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        print(done.stdout[-20000:])
        print(f"{target.name} failed; the input is in {found}")
        return 1
    for line in done.stdout.splitlines():
        if line.startswith(("Done ", "stat::number_of_executed_units", "stat::new_units_added")):
            print(line)
    return 0


sys.exit(main())
