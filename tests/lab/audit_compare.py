#!/usr/bin/env python3
"""What two XML reports in nmap's format say differently about hosts and ports.

    audit_compare.py OURS.xml PEERS.xml [--ignore ASPECT ...]

Prints a line for each difference; exits 1 when there are some. Ports that a report folds into
extraports are compared one by one. Times, round trips and the reports' own words are not compared.
"""
import argparse
import dataclasses
import fnmatch
import sys
import xml.etree.ElementTree as tree
from collections.abc import Iterable

ASPECTS = {
    "scaninfo": "kinds of scan, and their services",
    "counts": "hosts up, down and in all",
    "exit": "whether the run ended well",
    "hosts": "which hosts are reported",
    "order": "in which order",
    "status": "up or down",
    "host-reason": "why",
    "host-ttl": "TTL of the reply that said so",
    "addresses": "addresses of the host",
    "vendor": "vendor of its MAC address",
    "names": "host names",
    "ports": "which ports have a state",
    "state": "state of a port",
    "reason": "why",
    "ttl": "TTL of the reply that said so, where both have one",
    "reason-ip": "who said so when it was not the host",
    "service": "name, method and confidence of the service",
    "listing": "which ports stand for themselves, and their order",
    "trace": "hops, and the protocol and port of the probes",
}


@dataclasses.dataclass(frozen=True)
class Deliberate:
    """A difference that is meant: on cases whose name matches, in one aspect, from one to another.

    Patterns are those of fnmatch. `where` is the host, the port ("198.18.1.10 80/tcp") or "".
    """
    case: str
    aspect: str
    where: str
    ours: str
    peers: str
    why: str

    def covers(self, case: str, difference: "Difference") -> bool:
        return all(fnmatch.fnmatchcase(value, pattern) for value, pattern in (
            (case, self.case), (difference.aspect, self.aspect), (difference.where, self.where),
            (difference.ours, self.ours), (difference.peers, self.peers)))


# Each entry says why trawl is right to differ.
DELIBERATE: list[Deliberate] = [
    Deliberate("*", "order", "*", "*", "*",
               "A host is told of as soon as it is done: none waits for its group."),
    Deliberate("*send_ip", "vendor", "*", "", "*", "The kernel sends, so the MAC is its own affair."),
    Deliberate("*send_ip", "addresses", "*", "*", "*mac*", "As above."),
    Deliberate("trace_protocols", "trace", "*", "*", "*",
               "Traces of protocol scans use echo requests, whose replies can be validated."),
]


@dataclasses.dataclass(frozen=True)
class Difference:
    aspect: str
    where: str
    ours: str
    peers: str

    def __str__(self) -> str:
        where = f" of {self.where}" if self.where else ""
        return f"{self.aspect}{where}: {self.ours or '-'}, but the peer has {self.peers or '-'}"


@dataclasses.dataclass
class Port:
    state: str
    reason: str
    ttl: str | None = None  # Unknown for a port that is folded away.
    reason_ip: str = ""
    service: str = ""


@dataclasses.dataclass
class Host:
    status: str = ""
    reason: str = ""
    ttl: str = ""
    addresses: list[str] = dataclasses.field(default_factory=list)
    vendor: str = ""
    names: list[str] = dataclasses.field(default_factory=list)
    ports: dict[tuple[str, int], Port] = dataclasses.field(default_factory=dict)
    listing: list[str] = dataclasses.field(default_factory=list)
    trace: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Report:
    hosts: dict[str, Host]
    scans: list[str]
    counts: str
    exit: str


class BadReport(Exception):
    pass


def numbers(text: str) -> list[int]:
    """1-3,7 as in the attributes `ports` and `services`."""
    found = []
    for part in text.split(",") if text else []:
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    if len(found) > 1 << 17:
        raise BadReport(f"too many ports: {text[:40]}")
    return found


def described(element: tree.Element, names: Iterable[str]) -> str:
    return " ".join(f"{name}={element.get(name)}" for name in names if element.get(name))


def read_ports(element: tree.Element, host: Host) -> None:
    for folded in element.findall("extraports"):
        listed = 0
        for reason in folded.findall("extrareasons"):
            # nmap writes n/a for IP protocols, which its DTD does not allow.
            protocol = reason.get("proto", "").replace("n/a", "ip")
            for number in numbers(reason.get("ports", "")):
                key = (protocol, number)
                if key in host.ports:
                    raise BadReport(f"port {key} twice")
                host.ports[key] = Port(folded.get("state", ""), reason.get("reason", ""))
                listed += 1
        if listed != int(folded.get("count", "0")):
            raise BadReport(f"{folded.get('count')} ports {folded.get('state')}, {listed} listed")
    for port in element.findall("port"):
        key = (port.get("protocol", ""), int(port.get("portid", "")))
        state, service = port.find("state"), port.find("service")
        if state is None or key in host.ports:
            raise BadReport(f"port {key} without a state or twice")
        host.ports[key] = Port(
            state.get("state", ""), state.get("reason", ""), state.get("reason_ttl"),
            state.get("reason_ip", ""),
            "" if service is None else described(service, ("name", "method", "conf")))
        host.listing.append(f"{key[1]}/{key[0]}")


def read_host(element: tree.Element) -> Host:
    host = Host()
    status = element.find("status")
    if status is not None:
        host.status, host.reason = status.get("state", ""), status.get("reason", "")
        host.ttl = status.get("reason_ttl", "")
    for address in element.findall("address"):
        host.addresses.append(f"{address.get('addrtype')} {address.get('addr')}")
        host.vendor = address.get("vendor", host.vendor)
    host.names = [described(name, ("name", "type")) for name in element.iter("hostname")]
    for ports in element.findall("ports"):
        read_ports(ports, host)
    for trace in element.findall("trace"):
        host.trace.append(described(trace, ("proto", "port")))
        host.trace += [f"{hop.get('ttl')}: {hop.get('ipaddr')}" for hop in trace.findall("hop")]
    return host


def read(path: str) -> Report:
    try:
        root = tree.parse(path).getroot()
        scans = [described(scan, ("type", "scanflags", "protocol", "numservices", "services"))
                 for scan in root.findall("scaninfo")]
        hosts = {}
        for element in root.findall("host"):
            host = read_host(element)
            # A host named twice is scanned twice.
            times = sum(other.addresses[0] == host.addresses[0] for other in hosts.values())
            hosts[host.addresses[0] + f" #{times + 1}" * (times > 0)] = host
    except (tree.ParseError, OSError, ValueError, IndexError) as error:
        raise BadReport(f"{path}: {error}") from error
    counts, finished = root.find("runstats/hosts"), root.find("runstats/finished")
    return Report(hosts, scans,
                  "" if counts is None else described(counts, ("up", "down", "total")),
                  "" if finished is None else finished.get("exit", ""))


def compare_ports(name: str, ours: Host, peers: Host) -> Iterable[Difference]:
    for key in sorted(ours.ports.keys() | peers.ports.keys()):
        where = f"{name} {key[1]}/{key[0]}"
        one, other = ours.ports.get(key), peers.ports.get(key)
        if one is None or other is None:
            yield Difference("ports", where, one.state if one else "", other.state if other else "")
            continue
        yield Difference("state", where, one.state, other.state)
        yield Difference("reason", where, one.reason, other.reason)
        yield Difference("reason-ip", where, one.reason_ip, other.reason_ip)
        if one.ttl is not None and other.ttl is not None:
            yield Difference("ttl", where, one.ttl, other.ttl)
            yield Difference("service", where, one.service, other.service)


def compare_all(ours: Report, peers: Report) -> Iterable[Difference]:
    yield Difference("exit", "", ours.exit, peers.exit)
    yield Difference("counts", "", ours.counts, peers.counts)
    yield Difference("scaninfo", "", "; ".join(ours.scans), "; ".join(peers.scans))
    if ours.hosts.keys() == peers.hosts.keys():
        yield Difference("order", "", *(", ".join(report.hosts) for report in (ours, peers)))
    for name in sorted(ours.hosts.keys() | peers.hosts.keys()):
        one, other = ours.hosts.get(name), peers.hosts.get(name)
        name = name.split(maxsplit=1)[1]
        if one is None or other is None:
            yield Difference("hosts", name, *(f"{host.status} {host.reason}" if host else ""
                                              for host in (one, other)))
            continue
        yield Difference("status", name, one.status, other.status)
        yield Difference("host-reason", name, one.reason, other.reason)
        yield Difference("host-ttl", name, one.ttl, other.ttl)
        yield Difference("vendor", name, one.vendor, other.vendor)
        for aspect, left, right in (("addresses", one.addresses, other.addresses),
                                    ("names", one.names, other.names),
                                    ("listing", one.listing, other.listing),
                                    ("trace", one.trace, other.trace)):
            yield Difference(aspect, name, ", ".join(left), ", ".join(right))
        yield from compare_ports(name, one, other)


def differences(ours: Report, peers: Report, ignored: Iterable[str] = (), case: str = "",
                deliberate: Iterable[Deliberate] | None = None) -> list[Difference]:
    """`deliberate`: those of this file unless given."""
    meant = DELIBERATE if deliberate is None else deliberate
    return [each for each in compare_all(ours, peers)
            if each.ours != each.peers and each.aspect not in ignored
            and not any(rule.covers(case, each) for rule in meant)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="\n".join(f"{name:12} {text}"
                                                      for name, text in ASPECTS.items()))
    parser.add_argument("ours")
    parser.add_argument("peers")
    parser.add_argument("--ignore", nargs="+", default=[], choices=ASPECTS, metavar="ASPECT")
    words = parser.parse_args()
    try:
        found = differences(read(words.ours), read(words.peers), words.ignore)
    except BadReport as error:
        print(f"audit_compare: {error}", file=sys.stderr)
        return 2
    for difference in found:
        print(difference)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
