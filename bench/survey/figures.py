"""A figure, what was asked of it, and whether it was met."""
import dataclasses

from measure import print_rows


@dataclasses.dataclass(frozen=True)
class Figure:
    bench: str
    name: str
    value: float
    text: str  # The value as it is printed.
    asked: str = ""  # "": nothing was; the figure only tells of the run.
    met: bool | None = None

    def to_json(self) -> dict:
        return {"bench": self.bench, "name": self.name, "value": self.value, "asked": self.asked,
                "met": self.met}


def number(value: float, unit: str = "") -> str:
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    return f"{text} {unit}".rstrip()


class Figures:
    """Those of one bench, in the order in which they were taken."""

    def __init__(self, bench: str) -> None:
        self._bench = bench
        self.taken: list[Figure] = []

    def _add(self, name: str, value: float, text: str, asked: str = "",
             met: bool | None = None) -> None:
        self.taken.append(Figure(self._bench, name, value, text, asked, met))

    def tell(self, name: str, value: float, unit: str = "") -> None:
        self._add(name, value, number(value, unit))

    def exactly(self, name: str, value: int, asked: int) -> None:
        self._add(name, value, number(value), f"= {number(asked)}", value == asked)

    def at_least(self, name: str, value: float, asked: float, unit: str = "",
                 note: str = "") -> None:
        self._add(name, value, number(value, unit) + note, f">= {number(asked, unit)}",
                  value >= asked)

    def at_most(self, name: str, value: float, asked: float, unit: str = "",
                note: str = "") -> None:
        self._add(name, value, number(value, unit) + note, f"<= {number(asked, unit)}",
                  value <= asked)


def print_figures(figures: list[Figure]) -> None:
    words = {True: "met", False: "MISSED", None: ""}
    rows = [("bench", "figure", "value", "asked", "")]
    rows += [(item.bench, item.name, item.text, item.asked, words[item.met]) for item in figures]
    print_rows(rows)
