"""Alternated runs: ours, peer, ours, peer, ...; the ratio of each pair, their median and spread.

One run says little on a machine whose speed drifts: what is compared runs back to back, and a
ratio is reported with the lowest and the highest pair beside it.
"""
import dataclasses
import statistics
import sys
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Contest:
    """What is compared: two callables that each make one run and return a rate per second."""
    name: str
    ours: Callable[[], float]
    peer: Callable[[], float]
    at_least: float  # The ratio asked for.


@dataclasses.dataclass(frozen=True)
class Comparison:
    name: str
    ours: tuple[float, ...]
    peer: tuple[float, ...]
    at_least: float

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.peer)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def holds(self) -> bool:
        return self.ratio >= self.at_least

    def to_json(self) -> dict:
        return {"name": self.name, "ratio": round(self.ratio, 3), "at_least": self.at_least,
                "holds": self.holds, "lowest": round(min(self.ratios), 3),
                "highest": round(max(self.ratios), 3),
                "ours_per_s": [round(rate) for rate in self.ours],
                "peer_per_s": [round(rate) for rate in self.peer]}


def compare(contest: Contest, pairs: int) -> Comparison:
    """Makes `pairs` pairs of runs. Raises RuntimeError when a program does not send."""
    ours, peer = [], []
    for pair in range(pairs):
        ours.append(contest.ours())
        peer.append(contest.peer())
        if min(ours[-1], peer[-1]) <= 0:
            raise RuntimeError(f"{contest.name}: a run sent nothing")
        say(f"{contest.name}: pair {pair + 1} of {pairs}: {human(ours[-1])} / {human(peer[-1])}"
            f" = {ours[-1] / peer[-1]:.2f}")
    return Comparison(contest.name, tuple(ours), tuple(peer), contest.at_least)


def human(rate: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if rate >= size:
            return f"{rate / size:.3g} {unit}/s"
    return f"{rate:.3g} /s"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def print_table(comparisons: list[Comparison]) -> None:
    rows = [("ours / peer", "ratio", "lowest-highest", "asked", "median rates", "")]
    for item in comparisons:
        rates = f"{human(statistics.median(item.ours))} / {human(statistics.median(item.peer))}"
        rows.append((item.name, f"{item.ratio:.2f}",
                     f"{min(item.ratios):.2f}-{max(item.ratios):.2f}", f">= {item.at_least:g}",
                     rates, "ok" if item.holds else "SHORT"))
    print_rows(rows)


def print_rows(rows: list[tuple[str, ...]]) -> None:
    """In columns, each as wide as it has to be."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
