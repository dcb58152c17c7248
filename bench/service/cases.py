"""What each case plays and asks. README.md has the same as a table."""
import dataclasses

NETWORK = "198.19.2."
FIRST_HOST = 10

# Twenty ports of a host: where such servers are usually, and where they are not.
MIXED = {21: "ftp", 22: "ssh", 25: "smtp", 80: "web", 110: "pop3", 143: "imap", 443: "tls_web",
         2121: "ftp", 2200: "ssh", 2525: "smtp", 3306: "mysql", 4444: "silent", 5901: "vnc",
         6379: "redis", 7070: "web", 7777: "wrapped", 8008: "web", 8080: "web", 8443: "tls_web",
         9876: "unknown"}

# What three connections wait for is a third of what nmap's one does; more is saved where there are
# many silent ports, of which nmap asks few at once.
FEW_SILENT = 0.4


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    hosts: int
    ports: dict[int, str]  # The kind of server at each.
    most_ratio: float  # Seconds of ours for one second of the peer's.

    @property
    def addresses(self) -> list[str]:
        return [f"{NETWORK}{FIRST_HOST + index}" for index in range(self.hosts)]

    @property
    def layout(self) -> list[dict]:
        return [{"address": address, "port": port, "kind": kind, "turn": turn}
                for turn, address in enumerate(self.addresses)
                for port, kind in self.ports.items()]

    @property
    def options(self) -> list[str]:
        ports = ",".join(str(port) for port in self.ports)
        return ["-sS", "-sV", "-n", "-Pn", "-T4", "-p", ports, *self.addresses]


def mixed(small: bool) -> Case:
    return Case("mixed", 2 if small else 50, MIXED, FEW_SILENT if small else 1 / 8)


def silent(small: bool) -> Case:
    return Case("silent", 1, {port: "silent" for port in range(4501, 4505 if small else 4565)},
                FEW_SILENT if small else 1 / 5)


def web(small: bool) -> Case:
    return Case("web", 1, {80: "web"}, 1.0)


CASES = {"mixed": mixed, "silent": silent, "web": web}
