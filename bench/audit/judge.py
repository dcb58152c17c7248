"""What a scan found laid beside the truth."""
import collections
import dataclasses

from scene import Scan, Target


@dataclasses.dataclass(frozen=True)
class Verdict:
    wanted: int
    found: int
    false: int  # Said to be there, and are not.
    note: str = ""  # Of which kind the missed ones are.

    @property
    def recall(self) -> float:
        return self.found / self.wanted if self.wanted else 1.0


def silent_hosts(truth: dict[Target, str]) -> set[str]:
    """Those that never say that a port is closed."""
    refusing = {address for (address, _), state in truth.items() if state == "closed"}
    return {address for address, _ in truth} - refusing


def open_ports(scan: Scan, truth: dict[Target, str]) -> Verdict:
    wanted = {target for target, state in truth.items() if state == "open"}
    found = scan.in_state("open")
    unseen = {address for address, _ in truth} - scan.up
    notes = []
    if unseen:
        notes.append(f"{len(unseen)} hosts unseen: {', '.join(sorted(unseen)[:4])}")
    silent = silent_hosts(truth)
    answering = [address for address, _ in wanted - found if address not in unseen]
    if answering:
        dropped = sum(1 for address in answering if address in silent)
        notes.append(f"missed on hosts that were seen: {dropped} of silent ones, "
                     f"{len(answering) - dropped} of others")
    note = "; ".join(notes)
    return Verdict(len(wanted), len(wanted & found), len(found - wanted), note)


def hosts_up(scan: Scan, truth: dict[Target, str]) -> Verdict:
    wanted = {address for (address, _), state in truth.items() if state == "up"}
    return Verdict(len(wanted), len(wanted & scan.up), len(scan.up - wanted))


def count_ports(asked: str) -> int:
    """How many "1,3-5" are."""
    ranges = (piece.split("-") for piece in asked.split(",") if piece)
    return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)


def every_port(scan: Scan, truth: dict[Target, str]) -> Verdict:
    """The open ports by name, the closed and the silent ones by number."""
    wanted = {target for target, state in truth.items() if state == "open"}
    opened = scan.in_state("open")
    right, false = len(wanted & opened), len(opened - wanted)
    hosts = sorted({address for address, _ in truth})
    asked = count_ports(scan.asked)
    notes = []
    for address in hosts:
        states = collections.Counter(state for (host, _), state in truth.items() if host == address)
        silent = asked - states["open"] - states["closed"]
        for state, there in (("closed", states["closed"]), ("open|filtered", silent)):
            said = scan.count(address, state)
            right += min(said, there)
            if said != there:
                notes.append(f"{address}: {said} {state}, should be {there}")
        false += max(scan.count(address, "closed") - states["closed"], 0)
    return Verdict(asked * len(hosts), right, false, "; ".join(notes[:4]))


def nothing(scan: Scan, truth: dict[Target, str]) -> Verdict:
    return Verdict(0, 0, 0)
