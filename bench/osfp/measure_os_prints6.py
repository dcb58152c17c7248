#!/usr/bin/env python3
"""Measures stacks over IPv6 for data/os-prints6: Print lines on standard output.

Each stack answers `nmap -6 -O -d` in a network namespace of its own, with no route out; what nmap
prints of the answers is what counts. With an argument, that program is measured instead of Linux:
it gets an address and a port, and PRECONFIGURED_TAPIF. For lwIP (Debian's liblwip-dev):

    cc -o lwip_host bench/osfp/lwip_host.c $(pkg-config --cflags --libs lwip) -lpthread
"""
import concurrent.futures
import os
import re
import subprocess
import sys

LISTENER = """
import socket
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('::', 22))
s.listen(50)
while True:
    try:
        s.accept()[0].close()
    except OSError:
        pass
"""
NMAP = "timeout 60 nmap -6 -O -d -vv -n -Pn -p 22,23 2001:db8::2"
LINUX = """
ip link set lo up
unshare -n sleep 90 & host=$!
sleep 0.5
ip link add v0 type veth peer name v1
ip link set v1 netns $host
{shell} nsenter -t $host -n sh -c '{settings}'
nsenter -t $host -n sh -c 'ip link set lo up; ip link set v1 mtu {mtu}; \\
  ip addr add 2001:db8::2/64 dev v1 nodad; ip link set v1 up'
ip link set v0 mtu {mtu}; ip addr add 2001:db8::1/64 dev v0 nodad; ip link set v0 up
nsenter -t $host -n python3 -c "$LISTENER" & listener=$!
sleep 1.5
{nmap}
kill $listener $host
"""
OTHER = """
ip link set lo up
ip tuntap add tap0 mode tap; ip link set tap0 up; ip addr add 2001:db8::1/64 dev tap0 nodad
PRECONFIGURED_TAPIF=tap0 {program} 2001:db8::2 22 & host=$!
sleep 2
{nmap}
kill $host
"""
# As Linux machines are set: what they are called, and the link's MTU.
SETTINGS = [
    ([], 1500), ([], 1500), ([], 1500), ([], 1492), ([], 1280), ([], 9000), ([], 1400),
    (["net.ipv4.tcp_timestamps=0"], 1500),
    (["net.ipv4.tcp_sack=0"], 1500),
    (["net.ipv4.tcp_sack=0", "net.ipv4.tcp_timestamps=0"], 1500),
    (["net.ipv4.tcp_window_scaling=0"], 1500),
    (["net.ipv4.tcp_ecn=0"], 1500), (["net.ipv4.tcp_ecn=1"], 1500),
    (["net.ipv6.conf.all.hop_limit=128", "net.ipv6.conf.default.hop_limit=128"], 1500),
    (["net.ipv6.conf.all.hop_limit=255", "net.ipv6.conf.default.hop_limit=255"], 1500),
    (["net.ipv6.auto_flowlabels=0"], 1500),
    (["net.ipv4.tcp_rmem=4096 87380 6291456"], 1500),
    (["net.ipv4.tcp_rmem=4096 16384 65536"], 1500),
    (["net.ipv4.tcp_rmem=4096 131072 6291456"], 1500),
    (["net.ipv4.tcp_rmem=4096 131072 6291456"], 1492),
    (["net.ipv4.tcp_rmem=8192 262144 16777216"], 1500),
    (["net.ipv4.tcp_rmem=8192 262144 16777216"], 9000),
]


def fingerprint(script: str) -> str:
    done = subprocess.run(["unshare", "-n", "bash", "-c", script], capture_output=True, text=True,
                          timeout=120, check=False, env={**os.environ, "LISTENER": LISTENER})
    raw = re.search(r"TCP/IP fingerprint:\n(.*?)\n\n", done.stdout, re.S)
    if not raw:
        return ""
    text = "".join(line.removeprefix("OS:") for line in raw[1].splitlines())
    return "".join(re.findall(r"(?:S[1-6]|IE[12]|N[IS]|U1|TECN|T[2-7])\([^)]*\)", text))


def main() -> int:
    if len(sys.argv) > 1:
        scripts = [OTHER.format(program=sys.argv[1], nmap=NMAP)] * 3
    else:
        scripts = [LINUX.format(mtu=mtu, nmap=NMAP, shell="",
                                settings="; ".join(f'sysctl -qw "{one}"' for one in settings) or ":")
                   for settings, mtu in SETTINGS]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        prints = list(pool.map(fingerprint, scripts))
    for one in prints:
        if one:
            print("Print", one)
    missed = prints.count("")
    if missed:
        print(f"{missed} of {len(prints)} gave no fingerprint", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
