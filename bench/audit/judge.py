"""What a scan found laid beside the truth."""
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
    missed = wanted - found
    unseen = {address for address, _ in truth} - scan.up
    silent = silent_hosts(truth)
    answering = [target for target in missed if target[0] not in unseen]
    note = ""
    if unseen or missed:
        dropped = sum(1 for address, _ in answering if address in silent)
        unseen_named = f" ({', '.join(sorted(unseen)[:4])})" if unseen else ""
        note = (f"{len(unseen)} hosts unseen{unseen_named}; missed on seen hosts: {dropped} of silent ones, "
                f"{len(answering) - dropped} of others")
    return Verdict(len(wanted), len(wanted & found), len(found - wanted), note)


def hosts_up(scan: Scan, truth: dict[Target, str]) -> Verdict:
    wanted = {address for (address, _), state in truth.items() if state == "up"}
    return Verdict(len(wanted), len(wanted & scan.up), len(scan.up - wanted))


def every_port(scan: Scan, truth: dict[Target, str]) -> Verdict:
    """Each port in the right state, and as many closed ones as there are."""
    wanted = {target for target, state in truth.items() if state == "open"}
    opened = scan.in_state("open")
    right = len(wanted & opened)
    notes = []
    for address in sorted({address for address, _ in truth}):
        closed = sum(1 for (host, _), state in truth.items()
                     if host == address and state == "closed")
        said = scan.count(address, "closed")
        right += min(said, closed)
        if said != closed:
            notes.append(f"{address}: {said} of {closed} closed")
    return Verdict(len(truth), right, len(opened - wanted), "; ".join(notes[:3]))


def nothing(scan: Scan, truth: dict[Target, str]) -> Verdict:
    return Verdict(0, 0, 0)
