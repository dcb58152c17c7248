#!/usr/bin/env python3
"""--iflist beside nmap's, byte for byte below the first line, in namespaces of many kinds."""
import pathlib
import subprocess
import tempfile
import unittest

import labs

PATIENCE = 30
# Link-local addresses are there at once, and nobody asks for routers.
QUIET = """
for family in all default; do
  echo 0 > /proc/sys/net/ipv6/conf/$family/accept_dad
  echo 0 > /proc/sys/net/ipv6/conf/$family/router_solicitations
done
"""
PAIR = """
ip link set lo up
ip link add veth0 type veth peer name veth1
ip addr add 198.18.0.1/24 dev veth0
ip link set veth0 up
ip link set veth1 up
"""
SPACES = {
    "a loopback that is down": "true",
    "a loopback": "ip link set lo up",
    "a loopback without IPv6": "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
                               "ip link set lo up",
    "several addresses": PAIR + """
ip addr add 198.18.0.9/28 dev veth0
ip addr add 198.18.7.3/31 dev veth0
ip -6 addr add 2001:db8::1/64 dev veth0 nodad
ip -6 addr add 2001:db8:0:1:2:3:4:5/127 dev veth0 nodad
ip -6 addr add ::ffff:198.18.0.1/96 dev veth0 nodad
ip -6 addr add 2001:db8::4 peer 2001:db8::5 dev veth0 nodad
""",
    "labels": PAIR + """
ip addr add 198.18.1.1/20 dev veth0 label veth0:1
ip addr add 198.18.1.2/32 dev veth0 label veth0:1
ip addr add 198.18.2.1/25 dev veth0 label veth0:second
""",
    "interfaces that are down or bare": """
ip link add veth0 type veth peer name veth1
ip addr add 198.18.0.1/24 dev veth0
ip link set lo up
""",
    "long names": PAIR + """
ip link add abcdefghijklmno type bridge
ip addr add 198.18.5.1 peer 198.18.5.2 dev abcdefghijklmno
ip link set abcdefghijklmno up
""",
    "kinds": PAIR + """
ip link add br0 type bridge
ip addr add 198.18.3.1/16 dev br0
ip link set br0 up
ip tuntap add tun0 mode tun
ip addr add 198.18.4.1/32 dev tun0
ip link set tun0 up
ip tuntap add tun1 mode tun
ip addr add 198.18.77.1 peer 198.18.77.2 dev tun1
ip link set tun1 up
ip tuntap add tap0 mode tap
ip link set tap0 up
ip link set veth1 arp off
ip link set veth1 mtu 9000
""",
    "default routes with metrics": PAIR + """
ip addr add 198.18.1.1/24 dev veth1
ip route add default via 198.18.0.254 metric 100
ip route add default via 198.18.1.254 metric 50
ip route add 198.19.0.0/16 via 198.18.0.7 metric 5
ip route add 198.19.0.0/16 via 198.18.0.8 metric 4294967295
ip -6 addr add 2001:db8::1/64 dev veth0 nodad
ip -6 route add default via 2001:db8::fe metric 2000000000
ip -6 route add default via 2001:db8::fd metric 4000000000
ip -6 route add 2001:db8:5::/48 via 2001:db8::7 metric 5
ip -6 route add 2001:db8:4::/48 via 2001:db8::7 metric 9
ip -6 route add 2001:db8:7::/48 nexthop via 2001:db8::7 nexthop via 2001:db8::8
""",
    "routes to nowhere": PAIR + """
ip route add blackhole 198.19.0.0/24
ip route add unreachable 198.19.1.0/24
ip route add prohibit 198.19.2.0/24
ip route add throw 198.19.3.0/24
ip -6 route add blackhole 2001:db8:1::/64
ip -6 route add unreachable 2001:db8:9::/48
""",
    "routes to nowhere beside a default route": PAIR + """
ip addr add 198.18.1.1/24 dev veth1
ip route add default via 198.18.0.254 metric 100
ip route add default via 198.18.1.254 metric 50
ip route add blackhole 198.19.0.0/24
ip route add unreachable 198.19.1.0/24
""",
    "routes over an interface without an address": PAIR + """
ip route add 198.19.6.0/24 dev veth1
ip route add 198.19.7.0/24 via 198.18.0.9 dev veth1 onlink
ip route add 198.19.8.0/24 via 203.0.113.9 dev veth1 onlink
""",
    "the same beside a default route": """
ip link set lo up
ip link add veth0 type veth peer name veth1
ip link set veth1 addrgenmode none
ip addr add 198.18.0.1/24 dev veth0
ip link set veth0 up
ip link set veth1 up
ip route add default via 198.18.0.254
ip -6 addr add 2001:db8::1/64 dev veth0 nodad
ip -6 route add default via 2001:db8::fe
ip route add 198.19.6.0/24 dev veth1
ip route add 198.19.8.0/24 via 203.0.113.9 dev veth1 onlink
ip -6 route add 2001:db8:7::/48 dev veth1
""",
    "a router of two links with one network": PAIR + """
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip -6 addr add 2001:db8::1/64 dev veth0 nodad
ip addr add 198.18.0.2/16 dev veth1
ip route add 198.19.0.0/16 via 198.18.0.77 dev veth1
ip route add 203.0.113.0/24 nexthop via 198.18.0.7 dev veth0 nexthop via 198.18.0.8 dev veth1
""",
}


def within(setup: str, *scripts: str) -> list[str]:
    """What each script says in one namespace of its own, on both ways out."""
    mark = "=====next====="
    body = f"\necho {mark}\n".join(f"{{ {each}; }} 2>&1" for each in scripts)
    done = subprocess.run(
        ["unshare", "--net", "timeout", str(PATIENCE), "sh", "-ec", QUIET + setup + "\n" + body],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{setup}: {done.stderr}{done.stdout}")
    return done.stdout.split(f"{mark}\n")


class Interfaces(unittest.TestCase):
    def test_tables_are_nmaps(self) -> None:
        for name, setup in SPACES.items():
            with self.subTest(space=name):
                theirs, ours = within(setup, "nmap --iflist", f"{labs.TRAWL} --iflist")
                self.assertIn("INTERFACES", theirs)
                self.assertEqual(ours.split("\n", 1)[1], theirs.split("\n", 1)[1])

    def test_no_privilege_is_needed(self) -> None:
        nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs"
        whole, plain = within(PAIR, f"{labs.TRAWL} --iflist", f"{nobody} {labs.TRAWL} --iflist")
        self.assertIn("veth0", whole)
        self.assertEqual(plain.split("\n", 1)[1], whole.split("\n", 1)[1])

    def test_files_and_exit_codes_are_nmaps(self) -> None:
        # What comes before the list counts too, and targets are not scanned.
        lines = ("--iflist 198.18.0.1 -oN n -oX x -oG g", "--iflist -oN -", "--iflist -oX -",
                 "--iflist -oG -", "--iflist -sT -f -oN n 198.18.0.1", "--iflist -p99999",
                 "--iflist -e nosuch", "--iflist -6", "--iflist --dns-servers x",
                 "--iflist -sS -sX", "--iflist -sL 198.18.0.0/24")
        for line in lines:
            with self.subTest(line=line):
                theirs, ours = (self.left_by(program, line) for program in ("nmap", labs.TRAWL))
                self.assertEqual(ours, theirs)

    @staticmethod
    def left_by(program: str, line: str) -> tuple[str, dict[str, str]]:
        """What was said but for the first line with a version, the code, and the files."""
        with tempfile.TemporaryDirectory(prefix="trawl-lab-test-") as folder:
            said, = within(
                "ip link set lo up",
                f'cd {folder}; code=0; {program} {line} || code=$?; echo "code $code"')
            files = {path.name: path.read_text(encoding="utf-8")
                     for path in pathlib.Path(folder).iterdir()}
        lines = [each for each in said.splitlines() if not each.startswith("Starting Nmap")]
        return "\n".join(lines), files


if __name__ == "__main__":
    labs.main("nmap", "setpriv", "unshare")
