#!/usr/bin/env python3
"""`trawl survey --banners` of peers that break every rule of TCP, frame by frame on a wire: what is
said is heard as it was said, nothing else is, and nobody gets more packets than it sends."""
import concurrent.futures
import json
import pathlib
import struct
import tempfile
import unittest

import audit_pair
import hostile_peer
import labs
from audit_pair import ACK, RST, SYN
from hostile_peer import FIN, ISN, PUSH, TEXT, URGENT, Connection, spoken

TARGET = "198.18.1.1"
PROBES = labs.ROOT / "data/service-probes"
MOST = 1024
MEGABYTE = bytes(n % 251 for n in range(1 << 20))
SEGMENT = 1400
CRUMBS, CRUMB_SECONDS = 40, 0.3
# Of the same length as the text, and to be taken for none of it.
LIE = b"?" * len(TEXT)


def backwards(talk: Connection) -> list[bytes]:
    cuts = [*range(0, len(TEXT), 30), len(TEXT)]
    parts = [(begin, TEXT[begin:end]) for begin, end in zip(cuts, cuts[1:])]
    return [talk.says(*part) for part in reversed(parts[:5])] + [talk.says(*part)
                                                                 for part in parts[5:]]


def overlapping(talk: Connection) -> list[bytes]:
    """Of bytes that are there, nothing changes: those that are in order, and those behind a gap."""
    return [talk.says(0, TEXT[:20]), talk.says(10, LIE[10:20] + TEXT[20:40]),
            talk.says(60, TEXT[60:80]), talk.says(50, TEXT[50:60] + LIE[60:70]),
            talk.says(0, LIE[:40] + TEXT[40:50] + LIE[50:80] + TEXT[80:])]


def beyond(talk: Connection) -> list[bytes]:
    far = (60_000, 70_000, 1 << 31, (1 << 24) - 5, -len(LIE), -70_000)
    return [talk.says(0, TEXT[:20]), *(talk.says(at, LIE) for at in far),
            talk.says(-5, LIE[:25] + TEXT[20:])]


def says_nothing(talk: Connection) -> list[bytes]:
    """Segments without a byte, some with flags of those that have some; and a FIN."""
    return [talk.says(0, b"", flags) for flags in (PUSH | ACK, URGENT | PUSH | ACK, ACK)
            for _ in range(20)] + [talk.says(0, b"", FIN | ACK)]


def crumbs(talk: Connection) -> list[bytes]:
    for at in range(1, CRUMBS):
        talk.peer.later(at * CRUMB_SECONDS, talk.port,
                        lambda at=at: [talk.says(at, b"x")])
    return [talk.says(0, b"x")]


def megabyte(talk: Connection) -> list[bytes]:
    return [talk.says(at, MEGABYTE[at:at + SEGMENT]) for at in range(0, len(MEGABYTE), SEGMENT)]


def endless(talk: Connection) -> list[bytes]:
    """Whatever is answered, a segment every 20 ms for as long as the survey may listen."""
    for turn in range(1, 300):
        talk.peer.later(turn * 0.02, talk.port, lambda at=turn * SEGMENT: [
            talk.says(at, MEGABYTE[at:at + SEGMENT])])
    return [talk.says(0, MEGABYTE[:SEGMENT])]


def two_numbers(talk: Connection) -> list[bytes]:
    """Two SYN-ACKs that disagree; the second is of who speaks."""
    if talk.is_syn:
        return [talk.syn_ack(isn=0x1234), talk.syn_ack()]
    # The segment that acknowledges the other one is of a connection that is none.
    is_ours = struct.unpack_from("!I", talk.probe.payload, 8)[0] == (ISN + 1) & 0xffffffff
    return [talk.says(0, TEXT)] if talk.question and is_ours else []


def many_numbers(talk: Connection) -> list[bytes]:
    return [talk.syn_ack(isn=n * 7919) for n in range(500)] if talk.is_syn else []


def forged_icmp(talk: Connection) -> list[bytes]:
    """That packets are too big, of each packet: no size may be made of it, and no packet more."""
    if talk.flags & RST:
        return []
    told = [talk.needs_fragments(mtu) for mtu in (0, 1, 68, 576, 65535)] * 20
    other = bytearray(talk.probe.packet)
    other[24:28] = b"\1\2\3\4"  # A sequence number that was never sent.
    told += [talk.needs_fragments(68, bytes(other))] * 20
    if talk.is_syn:
        return [*told, talk.syn_ack()]
    return [*told, talk.says(0, TEXT)] if talk.question else told


def forged_resets(talk: Connection) -> list[bytes]:
    """RFC 5961: a reset counts with the next number alone."""
    resets = [talk.segment(RST, at) for at in (-1, 1, 39, 41, 1000, 1 << 31)]
    return [talk.says(0, TEXT[:40]), *resets, talk.says(40, TEXT[40:])]


def broken_headers(talk: Connection) -> list[bytes]:
    broken = [b"\x08\0" + b"\1" * 10, b"\xfe\xff" + b"\1" * 10, b"\x08\x0a\0\0", b"\2\1\2\1",
              b"\3\3\xff\0" * 5]
    if talk.is_syn:
        return [talk.syn_ack(options=options) for options in broken[:1]] + [talk.syn_ack()]
    if not talk.question or talk.flags & RST:
        return []
    wrong = [talk.says(0, LIE, words=words) for words in (0, 4, 15)]
    whole = talk.says(0, TEXT)
    lying = [audit_pair.ipv4(whole[12:16], whole[16:20], audit_pair.TCP, whole[20:], length)
             for length in (0, 19, 20, 30, 65535)]
    return [each for each in wrong[:2] + lying] + [whole]


def early_words(talk: Connection) -> list[bytes]:
    """A SYN-ACK with data, which nobody asked for (RFC 7413), and then the right words."""
    if talk.is_syn:
        return [talk.segment(SYN | ACK, 0, LIE)]
    return [talk.says(0, TEXT)] if talk.question and not talk.flags & RST else []


def words_behind_the_end(talk: Connection) -> list[bytes]:
    return [talk.says(len(TEXT), b"", FIN | ACK), talk.says(len(TEXT), LIE),
            talk.says(len(TEXT) + 1, LIE), talk.says(0, TEXT)]


def no_handshake(talk: Connection) -> list[bytes]:
    """Everything but a SYN-ACK, of wrong numbers and to wrong ports."""
    made = []
    for ack in (0, 1, 0x80000000, None):
        number = {} if ack is None else {"ack": ack}
        for flags in (ACK, PUSH | ACK, FIN | ACK, FIN | PUSH | URGENT, 0, SYN):
            if ack is None and flags & ACK:
                continue  # Whoever sees our SYN may answer it in whatever order.
            made.append(talk.segment(flags, 0, TEXT, **number))
    return made


def no_answer(talk: Connection) -> list[bytes]:
    """Words at once, as if there had been a handshake: whoever says them has seen our SYN."""
    return [talk.segment(PUSH | ACK, 0, TEXT)] if talk.is_syn else []


PARTS = {"backwards": spoken(backwards), "overlapping": spoken(overlapping),
         "beyond": spoken(beyond), "says nothing": spoken(says_nothing),
         "crumbs": spoken(crumbs), "megabyte": spoken(megabyte), "endless": spoken(endless),
         "two numbers": two_numbers, "many numbers": many_numbers, "forged ICMP": forged_icmp,
         "forged resets": spoken(forged_resets), "broken headers": broken_headers,
         "early words": early_words, "behind the end": spoken(words_behind_the_end),
         "no handshake": no_handshake, "no answer": no_answer}
PORTS = {name: 40001 + n for n, name in enumerate(PARTS)}  # The probe file lists none of them.
SAY_TEXT = ("backwards", "overlapping", "beyond", "two numbers", "forged ICMP", "forged resets",
            "broken headers", "early words", "behind the end")


class Meeting:
    """A survey of the peer over one kind of link, and what came of it. Most of it is waiting."""

    def __init__(self, link: str) -> None:
        self.peer = hostile_peer.Peer({port: PARTS[name] for name, port in PORTS.items()})
        with tempfile.TemporaryDirectory() as name, audit_pair.Pair(self.peer.answer) as pair:
            self.peer.liar = pair.liar
            try:
                self._survey(pair, link, pathlib.Path(name))
            finally:
                self.peer.stop()
        self.verdicts = {line["port"]: line["state"] for line in self.lines if "type" not in line}
        self.facts = {line["port"]: line for line in self.lines if line.get("type") == "service"}

    def _survey(self, pair: audit_pair.Pair, link: str, folder: pathlib.Path) -> None:
        found, metadata = folder / "found.jsonl", folder / "metadata"
        done = labs.run([*pair.within(), labs.TRAWL, "survey", "--link", link, "--allow-special",
                         labs.NETWORK, "--rate", "100", "--retries", "none", "--cooldown", "1s",
                         "--banners", "--versiondb", str(PROBES), "-p",
                         ",".join(map(str, PORTS.values())), "-o", str(found), "--metadata",
                         str(metadata), TARGET])
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        self.counters = json.loads(metadata.read_text())["counters"]
        self.lines = [json.loads(line) for line in found.read_text("utf-8").splitlines()]


LINKS = ["scan0"] * labs.has_af_xdp() + [labs.AF_PACKET_LINK]


def setUpModule() -> None:
    with concurrent.futures.ThreadPoolExecutor() as at_once:
        MEETINGS.update(zip(LINKS, at_once.map(Meeting, LINKS)))


MEETINGS: dict[str, Meeting] = {}


class OnTheWire:
    link: str

    def setUp(self) -> None:
        meeting = MEETINGS[self.link]
        self.peer, self.counters, self.lines = meeting.peer, meeting.counters, meeting.lines
        self.verdicts, self.facts = meeting.verdicts, meeting.facts

    def fact(self, name: str) -> dict:
        return self.facts[PORTS[name]]

    def banner(self, name: str) -> bytes:
        return self.fact(name)["banner"].encode("latin-1")

    def test_nothing_is_told_twice(self) -> None:
        """Nor of who goes on speaking after the end."""
        self.assertEqual(len(self.lines), len(self.verdicts) + len(self.facts))

    def test_what_was_said_is_heard(self) -> None:
        for name in SAY_TEXT:
            with self.subTest(name):
                self.assertEqual("service", self.fact(name)["class"])
                self.assertEqual(TEXT, self.banner(name))
                self.assertEqual("http", self.fact(name)["service"])

    def test_more_than_is_wanted_is_cut(self) -> None:
        for name in ("megabyte", "endless"):
            with self.subTest(name):
                self.assertEqual(MEGABYTE[:MOST], self.banner(name))
                self.assertTrue(self.fact(name)["truncated"])

    def test_who_says_nothing_has_a_class(self) -> None:
        classes = {"says nothing": "resets", "crumbs": "tarpit", "many numbers": "middlebox"}
        self.assertEqual(classes, {name: self.fact(name)["class"] for name in classes})

    def test_without_a_handshake_nothing_is_open(self) -> None:
        port = PORTS["no handshake"]
        self.assertNotEqual("open", self.verdicts.get(port))
        self.assertNotIn(port, self.facts)
        self.assertEqual([SYN], self.peer.flags[port])
        self.assertNotEqual("open", self.verdicts.get(PORTS["no answer"]))
        self.assertEqual(set(PORTS.values()) - {port, PORTS["no answer"]},
                         set(self.facts) - {PORTS["no answer"]})

    def test_nobody_gets_more_than_it_sends(self) -> None:
        for name, port in PORTS.items():
            with self.subTest(name):
                # The SYN, and a question on each of two connections.
                self.assertLessEqual(self.peer.heard[port], self.peer.said[port] + 3)
        self.assertLessEqual(self.peer.heard[PORTS["many numbers"]], 4)
        self.assertLessEqual(self.peer.heard[PORTS["forged ICMP"]], 4)
        self.assertEqual(0, self.peer.strangers)
        self.assertGreater(self.counters["ignored"]["rx_forged"], 0)


@unittest.skipUnless(labs.has_af_xdp(), "this kernel has no AF_XDP")
class AfXdp(OnTheWire, unittest.TestCase):
    link = "scan0"


class AfPacket(OnTheWire, unittest.TestCase):
    link = labs.AF_PACKET_LINK


if __name__ == "__main__":
    labs.main("nft")
