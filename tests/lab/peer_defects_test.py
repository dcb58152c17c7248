#!/usr/bin/env python3
"""What other scanners got wrong on the wire, held against trawl; docs/peer-defects.md has the list."""
import collections
import signal
import time
import unittest

import labs
import wire

NETWORK = "198.18.128.0/22"
PORTS = "80,443"


class PeerDefects(unittest.TestCase):
    def lab(self, *options: str) -> labs.Lab:
        return self.enterContext(labs.Lab("--no-servers", "--driver", "af_packet", *options))

    def truth(self, lab: labs.Lab) -> set[tuple[str, int]]:
        return {(ip, port) for ip, port, _ in lab.truth(PORTS)
                if ip.startswith("198.18.") and 128 <= int(ip.split(".")[2]) < 132}

    def check(self, lab: labs.Lab, *options: str) -> labs.Survey:
        """Everything open is found, and listed once."""
        survey = lab.survey("-p", PORTS, NETWORK, "--rate", "20k", *options)
        self.assertEqual(0, survey.code, survey.stderr)
        listed = [(ip, port) for ip, port, _ in survey.found()]
        self.assertEqual(len(set(listed)), len(listed))
        self.assertEqual(self.truth(lab), set(listed))
        return survey

    def test_accepted_after_a_reset_is_open(self) -> None:
        survey = self.check(self.lab("--rtt", "1", "--reset-first", "1,5-50"))
        self.assertGreater(survey.counters["open"], 50)

    def test_one_line_for_a_host_that_answers_a_thousand_times(self) -> None:
        survey = self.check(self.lab("--rtt", "1", "--storm", "0.2,1000,1ms"))
        self.assertGreater(survey.counters["duplicates"], 1000)

    def test_losses_of_the_kernel_are_counted(self) -> None:
        """Answers that arrive while nobody takes them overflow the kernel's ring."""
        lab = self.lab("--rtt", "300-400", "--live", "1", "--drop", "0")
        survey = lab.start("-p", "1-1000", NETWORK, "--rate", "50k", "--max-runtime", "4s",
                           "--states", "all")
        survey.wait_for_lines(1000)
        survey.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        survey.process.send_signal(signal.SIGCONT)
        survey.wait()
        counters = survey.counters
        self.assertEqual(5, survey.code, survey.stderr)
        self.assertGreater(counters["drops"]["link_rx_missed"], 1000, counters)
        answered = sum(counters[state] for state in ("open", "closed", "unreachable"))
        # Also what this kernel sends by itself passes the ring, and is missed with the rest.
        self.assertLessEqual(counters["sent"], answered + counters["drops"]["link_rx_missed"])

    def test_probes_are_what_was_asked_for_and_spaced(self) -> None:
        """Two probes a target and a repeat are three, the repeat as much later as asked."""
        lab = self.lab("--rtt", "1", "--live", "0", "--unreachable", "0")
        delay = 2.0
        with lab.capture("tcp and src host 198.18.0.1") as path:
            survey = lab.survey("-p", PORTS, "198.18.128.0/28", "--rate", "1k", "--probes", "2",
                                "--retries", "all", "--retry-delay", f"{delay:g}s")
        times = collections.defaultdict(list)
        for moment, frame in wire.frames(path):
            segment = wire.Segment.parse(frame)
            times[segment.target, segment.target_port].append(moment)
        self.assertEqual(32, len(times), survey.stderr)
        for target, moments in times.items():
            self.assertEqual(3, len(moments), target)
            self.assertGreaterEqual(moments[1] - moments[0], delay * 0.99, target)
            self.assertGreaterEqual(moments[2] - moments[1], delay * 0.99, target)


if __name__ == "__main__":
    labs.main("tcpdump")
