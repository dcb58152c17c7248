"""What each case plays, scans and asks. README.md has the same as a table."""
import dataclasses
from collections.abc import Callable

import judge

# Behind the gateway; a scan of it asks no ARP but for the gateway.
FAR = "198.19.1.0"
BAD_PATH = ("--live", "0.5", "--drop", "0.3", "--rtt", "20-180", "--loss-in", "0.02",
            "--loss-out", "0.02", "--unreachable", "0")
QUIET = ("--live", "1", "--drop", "0", "--rtt", "0", "--unreachable", "0", "--udp-drop", "0",
         "--udp-open-default", "0", "--udp-open", "53=0,123=0,161=0")


@dataclasses.dataclass(frozen=True)
class Round:
    """One population, one scan of it by each program, and what is asked of the two."""
    name: str
    population: tuple[str, ...]
    ours: tuple[str, ...]
    peer: tuple[str, ...] = ()  # Empty: there is nothing to compare with.
    on_link: str = ""
    probe: str = "tcp-syn"
    judge: Callable = judge.open_ports
    most_ratio: float | None = None  # Seconds of ours for one second of the peer's.
    least_recall: float | None = None
    local: bool = False  # On the loopback interface of an empty namespace.
    against: str = ""  # A round of the same case whose time ours is compared with.
    most_against: float = 0.0


def syn(*targets: str, ports: tuple[str, ...] = ()) -> tuple[str, ...]:
    return ("-sS", "-n", "-T4", *ports, *targets)


def badpath(small: bool) -> list[Round]:
    few = ("--prefix", f"{FAR}/{29 if small else 27}", *BAD_PATH)
    many = ("--prefix", f"{FAR}/{27 if small else 24}", *BAD_PATH)
    return [Round(f"badpath {few[1][-3:]}", few, syn(few[1]), syn(few[1]), most_ratio=1 / 20,
                  least_recall=0.999),
            Round(f"badpath {many[1][-3:]}", many, syn(many[1]),
                  (*syn(many[1]), "--min-rate", "5000"), most_ratio=1 / 4, least_recall=0.999)]


def limited(small: bool) -> list[Round]:
    prefix = f"{FAR}/{27 if small else 24}"
    population = ("--prefix", prefix, *BAD_PATH, "--rate-limit", "1.0=500")
    return [Round(f"limited {prefix[-3:]}", population, syn(prefix),
                  (*syn(prefix), "--min-rate", "5000"), least_recall=0.995)]


def udp(small: bool) -> list[Round]:
    ports = "1-40" if small else "1-200"
    limit = ("--host-icmp-rate", "1,burst=6", "--open-default", "0.01")
    scan = ("-sU", "-n", f"-p{ports}")
    one = ("--prefix", f"{FAR}/32", *QUIET, *limit)
    some = (*one, "--udp-open", "7=1,19=1,37=1", "--udp-silent", "5=1,11=1,17=1,23=1,29=1")
    rounds = [Round("udp one", one, (*scan, FAR), (*scan, FAR), probe="udp", judge=judge.every_port,
                    most_ratio=1, least_recall=1),
              Round("udp open", some, (*scan, FAR), (*scan, FAR), probe="udp",
                    judge=judge.every_port, most_ratio=1, least_recall=1)]
    hosts = f"{FAR}/{28 if small else 24}"
    many = ("--prefix", hosts, *QUIET, *limit)
    rounds.append(Round("udp many", many, (*scan, hosts), probe="udp", judge=judge.every_port,
                        least_recall=1, against="udp one", most_against=1.2))
    return rounds


def lan(small: bool) -> list[Round]:
    prefix = f"{FAR}/{27 if small else 24}"
    # The scanner's own address is no target, and nobody lives at the broadcast address.
    last = 31 if small else 255
    own = f"198.19.1.{last - 1}"
    population = ("--prefix", prefix, *QUIET, "--silent", own, "--silent", f"198.19.1.{last}")
    scan = (*syn(prefix), "--exclude", own)
    return [Round(f"lan {prefix[-3:]}", population, scan, scan, on_link=f"{own}{prefix[-3:]}",
                  most_ratio=1, least_recall=1)]


def allports(small: bool) -> list[Round]:
    ports = "-p1-8192" if small else "-p-"
    population = ("--prefix", f"{FAR}/32", *QUIET, "--rtt", "20")
    scan = syn(FAR, ports=(ports,))
    return [Round(f"allports {ports}", population, scan, scan, most_ratio=1, least_recall=1)]


def sweep(small: bool) -> list[Round]:
    prefix = f"198.19.0.0/{20 if small else 16}"
    population = ("--prefix", prefix, "--live", "0.1", "--rtt", "20-180", "--unreachable", "0")
    scan = ("-sn", "-n", "-T4", prefix)
    return [Round(f"sweep {prefix[-3:]}", population, scan, scan, probe="icmp-echo",
                  judge=judge.hosts_up, most_ratio=1 / 10, least_recall=0.999)]


def startup(small: bool) -> list[Round]:
    scan = ("-sT", "-n", "-p80", "127.0.0.1")
    return [Round("startup", (), scan, scan, judge=judge.nothing, most_ratio=1, local=True)]


CASES = {"badpath": badpath, "limited": limited, "udp": udp, "lan": lan, "allports": allports,
         "sweep": sweep, "startup": startup}
