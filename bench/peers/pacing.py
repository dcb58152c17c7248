"""Asked against sent: the pacer alone, on a link that takes everything."""
import dataclasses

import programs

SECONDS = 2
RATES = (10, 1_000, 100_000, 1_000_000)
TOLERANCE = 0.005


@dataclasses.dataclass(frozen=True)
class Pace:
    asked: int  # A second.
    sent: int

    @property
    def error(self) -> float:
        return self.sent / (self.asked * SECONDS) - 1

    @property
    def holds(self) -> bool:
        return abs(self.error) <= TOLERANCE


def pace(asked: int) -> Pace:
    """Sends for two seconds on net_null and reads how many probes left."""
    counters = programs.run_trawl(
        ["--link", "net_null0", "--rate", str(asked), "--lcores", str(programs.SENDER_CPU), "-p",
         "443", "0.0.0.0/0", "--contact", programs.CONTACT, "--max-runtime",
         f"{SECONDS}s", "--cooldown", "0s", "-q", "-o", "/dev/null"])["counters"]
    return Pace(asked, counters["sent"])


def pacing() -> list[Pace]:
    programs.need(programs.TRAWL)
    return [pace(rate) for rate in RATES]
