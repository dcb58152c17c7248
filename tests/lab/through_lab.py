"""Real proxies and FTP servers of Debian's between a scanner and a target.

    scan 198.18.0.1 ── 198.18.0.11-13 between 198.18.2.1 ── 198.18.2.10 target

`between` forwards nothing and counts what `scan` sends to the target, or past the first proxy.
"""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable

import guardian
import labs

TARGET = "198.18.2.10"
FIRST, SECOND, THIRD = "198.18.0.11", "198.18.0.12", "198.18.0.13"
OPEN, CLOSED, UNREACHABLE, SILENT = 80, 81, 98, 99
PORTS = f"{OPEN},{CLOSED},{UNREACHABLE},{SILENT}"
TOOLS = ("nft", "nmap", "squid", "tinyproxy", "microsocks", "danted", "vsftpd")

SQUID, TINY, SOCKS, LOGIN, DANTE, FTP = 3128, 8888, 1080, 1081, 1085, 21
FILES = {
    "squid.conf": f"""http_port {FIRST}:{SQUID}
http_port {SECOND}:{SQUID}
acl closed_to_us port 83
http_access deny closed_to_us
http_access allow all
cache deny all
pid_filename none
access_log none
cache_log /dev/null
cache_store_log none
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname lab
""",
    "tiny.conf": f"Port {TINY}\nListen {FIRST}\nTimeout 60\nMaxClients 100\nLogLevel Critical\n",
    "danted.conf": f"""internal: {THIRD} port = {DANTE}
external: between1
external: between0
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
""",
    "ftp.conf": f"""listen=YES
listen_address={FIRST}
background=NO
anonymous_enable=YES
port_promiscuous=YES
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
anon_root=FOLDER/ftp
secure_chroot_dir=FOLDER/empty
""",
    "narrow.conf": f"""listen=YES
listen_address={SECOND}
background=NO
anonymous_enable=YES
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
anon_root=FOLDER/ftp
secure_chroot_dir=FOLDER/empty
""",
}
DAEMONS = [
    ["squid", "-N", "-f", "FOLDER/squid.conf"],
    ["tinyproxy", "-d", "-c", "FOLDER/tiny.conf"],
    ["microsocks", "-i", FIRST, "-p", str(SOCKS)],
    ["microsocks", "-i", SECOND, "-p", str(LOGIN), "-u", "user", "-P", "pass:word"],
    ["danted", "-f", "FOLDER/danted.conf", "-p", "FOLDER/danted.pid"],
    ["vsftpd", "FOLDER/ftp.conf"],
    ["vsftpd", "FOLDER/narrow.conf"],
]
LISTENING = [(FIRST, SQUID), (FIRST, TINY), (FIRST, SOCKS), (SECOND, LOGIN), (THIRD, DANTE),
             (FIRST, FTP), (SECOND, FTP)]


class Lab:
    """Three namespaces, and what serves in them. Use in a with statement."""

    def __init__(self) -> None:
        self.names = {name: f"t{os.getpid()}h-{name}" for name in ("scan", "between", "target")}
        spaces = " ".join(self.names.values())
        self._guardian = guardian.Guardian(
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || "
             "ip netns pids $n | xargs -r kill -KILL; done; true"],
            ["sh", "-c", f"for n in {spaces}; do [ ! -e /run/netns/$n ] || ip netns del $n; done"])
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Lab":
        self._stack.enter_context(self._guardian)
        try:
            self._make()
            self._serve()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def within(self, name: str) -> list[str]:
        return ["ip", "netns", "exec", self.names[name]]

    def ip(self, name: str, line: str) -> None:
        labs.must("ip", "-n", self.names[name], *line.split())

    def nft(self, name: str, text: str) -> str:
        done = subprocess.run([*self.within(name), "nft", "-f", "-"], input=text, text=True,
                              capture_output=True, check=False, timeout=labs.PATIENCE)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout

    def direct(self) -> int:
        """Packets of the scanner's that were not for the first proxy."""
        listed = labs.must(*self.within("between"), "nft", "list", "table", "ip", "lab")
        return sum(map(int, re.findall(r"counter packets (\d+)", listed)))

    def _make(self) -> None:
        for name in self.names.values():
            labs.must("ip", "netns", "add", name)
        for name in self.names:
            self.ip(name, "link set lo up")
        between = self.names["between"]
        self.ip("scan", f"link add scan0 type veth peer name between0 netns {between}")
        self.ip("target", f"link add target0 type veth peer name between1 netns {between}")
        for name, device, *addresses in (
                ("scan", "scan0", "198.18.0.1"), ("between", "between0", FIRST, SECOND, THIRD),
                ("between", "between1", "198.18.2.1"), ("target", "target0", TARGET)):
            for address in addresses:
                self.ip(name, f"addr add {address}/24 dev {device}")
            self.ip(name, f"link set {device} up")
        # A packet for the target would be seen here.
        self.ip("scan", f"route add 198.18.2.0/24 via {FIRST}")
        # Who is connected to by an FTP server sees its address of the other link.
        self.ip("target", "route add 198.18.0.0/24 via 198.18.2.1")
        self.nft("between", "table ip lab {\n chain in {\n type filter hook prerouting priority 0;\n"
                 f" iif between0 ip daddr != {FIRST} counter\n }}\n}}\n")
        self.nft("target", "table ip lab {\n chain in {\n type filter hook input priority 0;\n"
                 f" tcp dport {{ {SILENT}, 2099 }} drop\n"
                 f" tcp dport {UNREACHABLE} reject with icmp type host-unreachable\n }}\n}}\n")
        self.listen("target", TARGET, OPEN, lambda client: client.close())
        self.listen("target", TARGET, 2000, lambda client: client.close())

    def _serve(self) -> None:
        folder = pathlib.Path(self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="trawl-lab-test-")))
        folder.chmod(0o755)
        for name in ("ftp", "empty"):
            (folder / name).mkdir()
        for name, text in FILES.items():
            (folder / name).write_text(text.replace("FOLDER", str(folder)))
            os.chown(folder / name, 0, 0)
        for words in DAEMONS:
            process = subprocess.Popen(
                [*self.within("between"), *(word.replace("FOLDER", str(folder)) for word in words)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                cwd=folder)
            self._stack.callback(process.wait)
            self._stack.callback(process.terminate)
        for address, port in LISTENING:
            labs.wait_until(lambda a=address, p=port: self.answers(a, p), f"{address}:{port}")

    def answers(self, address: str, port: int) -> bool:
        def connect() -> bool:
            with contextlib.suppress(OSError), \
                    socket.create_connection((address, port), timeout=1):
                return True
            return False
        return labs.in_namespace(self.names["between"], connect)

    def listen(self, name: str, address: str, port: int, serve: Callable[[socket.socket], None]
               ) -> socket.socket:
        """A server whose clients have a thread each, until the lab ends."""
        def make() -> socket.socket:
            made = socket.create_server((address, port), backlog=128)
            return made
        listening = labs.in_namespace(self.names[name], make)

        def accept() -> None:
            while True:
                try:
                    client = listening.accept()[0]
                except OSError:
                    return

                def talk(client=client) -> None:
                    with contextlib.suppress(OSError), client:
                        client.settimeout(labs.PATIENCE)
                        serve(client)
                threading.Thread(target=talk, daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()

        def close() -> None:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        self._stack.callback(close)
        return listening


def main() -> None:
    """Of a test that uses the lab."""
    if shutil.which("danted") and "proxy" not in {each.pw_name for each in pwd.getpwall()}:
        labs.skip_all("needs the users of Debian's packages")
    labs.main(*TOOLS)
