"""Address spaces: what is set aside, and a blocklist as long as real ones."""
import ipaddress
import json
import pathlib
import random
import subprocess

import programs

SPECIAL = programs.ROOT / "data/special_purpose_ipv4.txt"
SEED = 20260301
# Of one hundred entries of a blocklist. Most are single hosts that asked to be left alone or were
# found bad; networks that opted out are few and of every size.
LENGTHS = ((32, 72), (24, 14), (29, 3), (28, 3), (27, 2), (26, 1), (25, 1), (23, 1), (22, 2),
           (21, 0.5), (20, 0.4), (19, 0.1))
CLUSTERED = 0.6  # Share of the entries that lie in one of a few thousand /16s.


def special_purpose() -> list[ipaddress.IPv4Network]:
    """The blocks that a survey leaves alone, disjoint."""
    blocks = []
    for line in SPECIAL.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            blocks.append(ipaddress.ip_network(line.split("|")[0].strip()))
    return list(ipaddress.collapse_addresses(blocks))


def without(space: str, blocks: list[ipaddress.IPv4Network]) -> list[ipaddress.IPv4Network]:
    """The prefixes of `space` that no block holds."""
    left = [ipaddress.ip_network(space)]
    for block in blocks:
        kept = []
        for prefix in left:
            if prefix.subnet_of(block):
                continue
            kept += prefix.address_exclude(block) if block.subnet_of(prefix) else [prefix]
        left = kept
    return sorted(left)


def write_config(path: pathlib.Path, prefixes: list[ipaddress.IPv4Network]) -> list[str]:
    """The options that make the simulated network hold just these prefixes."""
    path.write_text("".join(f"prefix = {prefix}\n" for prefix in prefixes), encoding="utf-8")
    return ["--config", str(path)]


def write_blocklist(path: pathlib.Path, space: str, entries: int) -> None:
    """`entries` different prefixes of /19 to /32 within `space`, always the same."""
    draw = random.Random(SEED)
    network = ipaddress.ip_network(space)
    first, bits = int(network.network_address), 32 - network.prefixlen
    sixteens = [draw.getrandbits(bits) & ~0xffff for _ in range(max(1, 1 << max(0, bits - 20)))]
    lengths, weights = zip(*LENGTHS)
    lines: set[tuple[int, int]] = set()
    while len(lines) < entries:
        for length in draw.choices(lengths, weights, k=entries - len(lines)):
            offset = draw.getrandbits(bits)
            if draw.random() < CLUSTERED:
                offset = draw.choice(sixteens) | offset & 0xffff
            lines.add((first + (offset >> 32 - length << 32 - length), length))
    with open(path, "w", encoding="utf-8") as file:
        for address, length in sorted(lines):
            file.write(f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}."
                       f"{address & 255}/{length}\n")


def check_targets(arguments: list[str], source) -> dict[str, int]:
    """target-check over an open file: what was missed, came twice or was not expected."""
    done = subprocess.run([programs.TARGET_CHECK, *arguments], stdin=source, capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)
