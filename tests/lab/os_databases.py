"""OS databases made of random entries that some hosts resemble, more or less."""
import random

LINES = {
    "SEQ": "SP GCD ISR TI CI II SS TS", "OPS": "O1 O2 O3 O4 O5 O6", "WIN": "W1 W2 W3 W4 W5 W6",
    "ECN": "R DF T TG W O CC Q", "T1": "R DF T TG S A F RD Q",
    **{f"T{n}": "R DF T TG W S A F O RD Q" for n in range(2, 8)},
    "U1": "R DF T TG IPL UN RIPL RID RIPCK RUCK RUD", "IE": "R DFI T TG CD"}
WORTH = 0, 5, 15, 20, 25, 80, 100
# Tests whose values are numbers, or a letter in their place, and never empty: nmap takes an empty value
# for 0 where a range is asked for.
NUMBERS = {"SP", "GCD", "ISR", "TI", "CI", "II", "TS", "T", "TG", "W", "IPL", "UN", "RID", "RUCK", "RD",
           *(f"W{n}" for n in range(1, 7))}
HEXADECIMAL = set("0123456789ABCDEF")

Tests = dict[str, dict[str, str]]  # Values by line and test.


class Maker:
    """Makes databases for hosts with these fingerprints. `kinds` is how many different names, classes
    and CPEs there are, `strays` which parts of their tests are wrong."""

    def __init__(self, seed: int, hosts: list[Tests], kinds: int, strays: list[float]) -> None:
        self.random = random.Random(seed)
        self.hosts, self.kinds, self.strays = hosts, kinds, strays

    def make(self, entries: int, is_steady: bool) -> str:
        """`is_steady`: a host has the same score in every run."""
        return self._points(is_steady) + "".join(self._entry() for _ in range(entries))

    def _points(self, is_steady: bool) -> str:
        text = "MatchPoints\n"
        for line, tests in LINES.items():
            # nmap wants to know what every test is worth that an entry has. The line of sequences differs
            # from run to run.
            worth = [f"{test}={0 if is_steady and line == 'SEQ' else self.random.choice(WORTH)}"
                     for test in tests.split()]
            text += f"{line}({'%'.join(worth)})\n"
        return text + "\n"

    def _entry(self) -> str:
        choose = self.random.choice
        host, stray = choose(self.hosts), choose(self.strays)
        text = f"# A comment\nFingerprint Kind {self.random.randrange(3 * self.kinds)}\n"
        for _ in range(choose((1, 1, 1, 2, 3))):  # Every entry of nmap has one.
            number = self.random.randrange
            vendor, family = choose(("Linux", "Acme", f"V{number(self.kinds)}")), choose(("Linux", "RTOS"))
            generation = choose(("", "2.6.X", f"{number(self.kinds)}.X"))
            text += f"Class {vendor} | {family} | {generation} | type {number(1 + self.kinds // 2)}\n"
            for _ in range(choose((0, 0, 1, 1, 2))):
                text += f"CPE cpe:/{choose('aho')}:v{number(self.kinds)}:x{choose(('', ' auto'))}\n"
        for line, tests in LINES.items():
            if line not in host or self.random.random() < 0.04:
                continue
            asked = [f"{test}={self._expression(test, host[line][test], stray)}"
                     for test in tests.split() if test in host[line] and self.random.random() < 0.9]
            if asked:
                text += f"{line}({'%'.join(asked)})\n"
        return text + "\n"

    def _expression(self, test: str, value: str, stray: float) -> str:
        is_wrong = self.random.random() < stray
        if test not in NUMBERS or not set(value) <= HEXADECIMAL or len(value) > 7:
            right = value
            wrong = self.random.choice(("Y", "N", "S", "AR", "M5B4", "1"))
            wrong = "O" if wrong == value else wrong
            return self.random.choice((wrong, f"{wrong}|{wrong}W") if is_wrong else
                                      (right, right, f"{right}|X", f"X|{right}", f"|{right}W"))
        number, apart = int(value, 16), self.random.randrange(1, 40)
        if is_wrong:
            kinds = (f"{number + apart:X}", f"{number + 1:X}-{number + 1 + apart:X}", f">{number:X}",
                     f"<{number:X}", f"X|{number + 1:X}", "", f"0{value}")
        else:
            low = max(0, number - apart)
            kinds = (value, f"{low:X}-{number + 1:X}", f"{number:X}-{number + apart:X}",
                     f"X|<{number + 1:X}", f"{number + 5:X}|{value}", f"{value}|") + (
                         (f">{number - 1:X}", f"{low:X}-{value}") if number else ())
        return self.random.choice(kinds)
