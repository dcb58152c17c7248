#!/usr/bin/env python3
"""Lines of --packet-trace beside nmap's: the same shapes for every kind of probe and answer."""
import re
import shlex
import subprocess
import unittest

import audit_pair
import labs

HOST, HOST6 = "198.18.1.5", audit_pair.HOST6
RECORD = r"'\x07\x27\x04\x00*37'"
CASES = [
    f"-sn -PE {HOST}",
    f"-sn -PP {HOST}",
    f"-sn -PM {HOST}",
    f"-sn -PS80 {HOST}",
    f"-sn -PS81 {HOST}",
    f"-sn -PA80 {HOST}",
    f"-sn -PU40125 {HOST}",
    f"-sn -PU40125 --data-length 20 {HOST}",
    f"-sn -PY80 {HOST}",
    f"-sn -PO47 {HOST}",
    f"-sn {audit_pair.HOST}",
    f"-Pn -sT -p80,81 {HOST}",
    f"-6 -Pn -sT -p80,81 {HOST6}",
    f"-Pn -sS -p80,81 {HOST}",
    f"-Pn -sS -p80 --data-length 10 {HOST}",
    f"-Pn -sS -p80 --badsum {HOST}",
    f"-Pn -sS -p80 --scanflags 255 {HOST}",
    f"-Pn -sA -p80 {HOST}",
    f"-Pn -sN -p80 {HOST}",
    f"-Pn -sX -p80 {HOST}",
    f"-Pn -sU -p7,53 --data-length 20 {HOST}",
    f"-Pn -sY -p80 {HOST}",
    f"-Pn -sZ -p80 {HOST}",
    f"-Pn -sO -p1,2,6,17,41,47,58,255 {HOST}",
    f"-Pn -sS -f -p80 {HOST}",
    f"-Pn -sS --mtu 16 -p80 {HOST}",
    f"-sn -PP -f {HOST}",
    f"-Pn -sS -p80 --ip-options {RECORD} {HOST}",
    f"-Pn -sS -p80 --ip-options T {HOST}",
    f"-Pn -sS -p80 --ip-options U {HOST}",
    f"-Pn -sS -p80 --ip-options '\\x01\\x01\\x01\\x00' {HOST}",
    f"-Pn -sU -p53 --data-length 20 --ip-options {RECORD} {HOST}",
    f"-sn -PE --ip-options {RECORD} {HOST}",
    f"-sn -PS80 -n 198.19.0.1",
    f"-6 -sn {HOST6}",
    f"-6 -Pn -sS -p80,81 {HOST6}",
    f"-6 -Pn -sU -p7,53 --data-length 20 {HOST6}",
    f"-6 -Pn -sY -p80 {HOST6}",
    f"-6 -Pn -sO -p6,17,41,59,255 {HOST6}",
    f"-6 -sn -PE --disable-arp-ping {HOST6}",
]
NUMBERS = re.compile(r"\b(ttl|id|iplen|seq|win|orig|recv|trans|hopl|payloadlen)=\d+\b")


def shape(line: str) -> str:
    """The line without what differs from run to run and from program to program."""
    line = re.sub(r"\([\d.]+s\)", "(time)", line)
    line = re.sub(r"\bflow=[\da-f]+", "flow=N", NUMBERS.sub(r"\1=N", line))
    # Ports of our own, and the port that SCTP probes of -sO go to.
    line = re.sub(r":\d{5}\b", ":PORT", line)
    return re.sub(r" \d{5,}(?=[ #])", " TIME", re.sub(r"@\d+", "@TIME", line))


class TraceLines(unittest.TestCase):
    def shapes(self, pair: audit_pair.Pair, program: str, words: str) -> set[str]:
        done = subprocess.run(
            [*pair.within(), "timeout", str(labs.PATIENCE), program, "-n", "--max-retries", "0",
             "--packet-trace", *shlex.split(words)], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = re.findall(r"^(?:SENT|RCVD|CONN) .*$", done.stdout, re.M)
        self.assertTrue(lines, done.stdout + done.stderr)
        return set(map(shape, lines))

    def test_lines_are_laid_out_as_nmaps(self) -> None:
        with audit_pair.Pair() as pair:
            for words in CASES:
                with self.subTest(words=words):
                    theirs = self.shapes(pair, "nmap", words)
                    ours = self.shapes(pair, labs.TRAWL, words)
                    self.assertEqual({each for each in ours if not self.asks_gateway(each, words)},
                                     {each for each in theirs
                                      if not self.asks_gateway(each, words)})

    @staticmethod
    def asks_gateway(line: str, words: str) -> bool:
        """A question for a neighbour in a case that is not about it, or the answer."""
        if words in (f"-sn {audit_pair.HOST}", f"-6 -sn {HOST6}"):
            return False
        return bool(re.search(r" ARP |type=13[56]/|neighbor advertisement", line))


if __name__ == "__main__":
    labs.main("nmap")
