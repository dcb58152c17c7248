#!/usr/bin/env python3
"""Audits at a terminal: keys while they run, what is told of their progress, the terminal after.

Each audit is a job of a shell that leads the session of a pseudoterminal, as at a person's desk.
"""
import contextlib
import fcntl
import os
import pathlib
import pty
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import termios
import threading
import time
import unittest
import xml.etree.ElementTree as tree

import audit_pair
import labs
from audit_pair import HOST

DTD = "/usr/share/nmap/nmap.dtd"
QUIET = "198.19.0.1"  # Nobody answers there.
# Far from done when something happens.
LONG = ("-Pn", "-sS", "-p1-1000", "--max-rate", "20")
SHORT = ("-Pn", "-sS", "-p1-20", "--max-rate", "20")
ATTEMPTS = 5  # At an answer in time, on a machine that others use too.
ANSWER = 0.5  # Seconds.
INTERRUPTED = 130
# The first job is the audit; then each word that is typed is done, as `fg`.
SHELL = ('set -m; "$@"; echo "<left $?>"; '
         'while read word; do $word; echo "<left $?>"; done')
BACKGROUND = 'set -m; "$@" & while read word; do $word; echo "<left $?>"; done'
Modes = list


class Terminal:
    """A pseudoterminal with a shell that runs one command. Use in a with statement."""

    def __init__(self, command: list[str], script: str = SHELL) -> None:
        self.master, self.slave = pty.openpty()
        self.before = self.modes()
        self.text = ""
        self._changed = threading.Condition()
        self._ends, self._end = os.pipe()
        slave = self.slave
        self.shell = subprocess.Popen(
            ["sh", "-c", script, "sh", *command], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        # All of its session, whatever groups they are in.
        for process in self.session():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.shell.wait()
        os.write(self._end, b".")
        self._reader.join()
        for descriptor in (self.master, self.slave, self._ends, self._end):
            os.close(descriptor)

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.master, selectors.EVENT_READ)
            selector.register(self._ends, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if self._ends in ready:
                    return
                try:
                    piece = os.read(self.master, 65536)
                except OSError:
                    return
                with self._changed:
                    self.text += piece.decode(errors="replace").replace("\r\n", "\n")
                    self._changed.notify_all()

    def modes(self) -> Modes:
        return termios.tcgetattr(self.master)

    def takes_keys(self) -> bool:
        return not self.modes()[3] & termios.ICANON

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def wait_for(self, pattern: str, start: int = 0, seconds: float = labs.PATIENCE) -> re.Match:
        """The first match of what came after `start`."""
        compiled = re.compile(pattern)
        with self._changed:
            self._changed.wait_for(lambda: compiled.search(self.text, start), seconds)
            found = compiled.search(self.text, start)
        if not found:
            raise AssertionError(f"no {pattern!r} in {self.text[start:]!r}")
        return found

    def answer(self, keys: str, pattern: str) -> float:
        """Seconds until the terminal shows it."""
        start = len(self.text)
        typed = time.monotonic()
        self.type(keys)
        self.wait_for(pattern, start)
        return time.monotonic() - typed

    def undergoes(self, kind: str) -> bool:
        start = len(self.text)
        self.type("x")
        return kind in self.wait_for("undergoing (.*)\n", start).group(1)

    def session(self) -> list[int]:
        listed = labs.run(["ps", "-o", "pid=", "-s", str(self.shell.pid)]).stdout
        return [int(each) for each in listed.split()]

    def audit(self) -> int:
        """The process that scans."""
        found: list[int] = []

        def is_there() -> bool:
            for process in self.session():
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{process}/exe") == str(
                            pathlib.Path(labs.TRAWL).resolve()):
                        found.append(process)
                        return True
            return False
        labs.wait_until(is_there, "audit")
        return found[-1]


def state(process: int) -> str:
    """"S", "T" for stopped, "" when it is no more."""
    try:
        line = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except OSError:
        return ""
    return line.rpartition(")")[2].split()[0]


class Case(unittest.TestCase):
    def setUp(self) -> None:
        # A shell starts what runs in the background with this one ignored.
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="trawl-lab-test-")))
        self.xml = self.folder / "audit.xml"
        self.pair = self.enterContext(audit_pair.Pair())

    def command(self, *words: str) -> list[str]:
        return [*self.pair.within(), labs.TRAWL, "-n", "-oX", str(self.xml), *words]

    def terminal(self, *words: str, script: str = SHELL, before: tuple[str, ...] = ()) -> Terminal:
        return self.enterContext(Terminal([*before, *self.command(*words)], script))

    def taken(self, *words: str, **options) -> Terminal:
        """One that hands keys to the audit."""
        terminal = self.terminal(*words, **options)
        labs.wait_until(terminal.takes_keys, "audit that takes keys")
        return terminal

    def tasks(self, name: str) -> list[tree.Element]:
        return tree.parse(self.xml).getroot().findall(name)

    def check_valid(self) -> None:
        done = labs.run(["xmllint", "--noout", "--dtdvalid", DTD, str(self.xml)])
        self.assertEqual(done.returncode, 0, done.stderr[:600])

    def check_restored(self, terminal: Terminal) -> None:
        self.assertEqual(terminal.modes(), terminal.before)


class Keys(Case):
    def test_each_key_is_answered_in_nmaps_words(self) -> None:
        terminal = self.taken(*LONG, QUIET)
        stats = (r"Stats: 0:00:\d\d elapsed; 0 hosts completed \(1 up\), 1 undergoing SYN Stealth "
                 r"Scan\nSYN Stealth Scan Timing: About \d+\.\d\d% done")
        for key, pattern in (
                ("v", r"Verbosity Increased to 1\.\n"), ("v", r"Verbosity Increased to 2\.\n"),
                ("V", r"Verbosity Decreased to 1\.\n"), ("V", r"Verbosity Decreased to 0\.\n"),
                ("V", r"Verbosity Decreased to 0\.\n"), ("d", r"Debugging Increased to 1\.\n"),
                ("D", r"Debugging Decreased to 0\.\n"), ("p", r"Packet Tracing enabled\.\n"),
                ("", r"SENT \(\d+\.\d+s\) TCP 198\.18\.0\.2:\d+ > 198\.19\.0\.1"),
                ("P", r"Packet Tracing disabled\.\n"),
                ("?", r"Interactive keyboard commands:\n(.*\n)*anything else   Print status\n"),
                ("x", stats), ("\n", stats), (" ", stats), ("\x1b[A", stats)):
            with self.subTest(key=key):
                terminal.answer(key, pattern)
        terminal.type("\x03")
        terminal.wait_for(f"<left {INTERRUPTED}>")
        self.check_valid()
        progress = self.tasks("taskprogress")
        # One for each key, an arrow's three bytes too.
        self.assertEqual(len(progress), 4)
        self.assertEqual({each.get("task") for each in progress}, {"SYN Stealth Scan"})

    def test_answers_come_at_once_while_nothing_is_sent(self) -> None:
        terminal = self.taken("-Pn", "-sS", "-p1-9", "--scan-delay", "30s", QUIET)
        terminal.wait_for("Starting")
        times = [terminal.answer("x", "Stats: ") for _ in range(ATTEMPTS)]
        self.assertLess(min(times), ANSWER, times)

    def test_answers_come_at_once_in_a_flood(self) -> None:
        terminal = self.taken("-Pn", "-sS", "-p-", "--min-rate", "20000", "198.19.0.0/24")
        # Keys are taken before the first host is.
        labs.wait_until(lambda: terminal.undergoes("SYN"), "flood")
        times = [terminal.answer("x", "Stats: .*undergoing SYN") for _ in range(ATTEMPTS)]
        self.assertLess(min(times), ANSWER, times)

    def test_verbosity_counts_for_what_is_told_from_then_on(self) -> None:
        terminal = self.taken("-Pn", "-sS", "-r", "-p1-100", "--max-rate", "20", HOST)
        terminal.wait_for("Starting")
        terminal.answer("v", "Verbosity Increased")
        terminal.wait_for("Discovered open port 80/tcp on 198.18.0.1\n")
        terminal.wait_for("Completed SYN Stealth Scan at .* elapsed \\(100 total ports\\)\n")
        terminal.wait_for("Raw packets sent: ")
        terminal.wait_for("<left 0>")
        self.check_valid()
        self.assertEqual(self.tasks("taskend")[-1].get("extrainfo"), "100 total ports")

    def test_a_report_on_the_screen_is_not_mixed_with_answers(self) -> None:
        terminal = self.enterContext(Terminal(
            [*self.pair.within(), labs.TRAWL, "-n", *SHORT, "--packet-trace", "--stats-every",
             "200ms", "-v", "-oX", "-", QUIET]))
        labs.wait_until(terminal.takes_keys, "audit that takes keys")
        terminal.type("xvp?")
        terminal.wait_for("<left 0>")
        self.xml.write_text(terminal.text.partition("<left")[0], encoding="utf-8")
        self.check_valid()
        self.assertGreater(len(self.tasks("taskprogress")), 1)

    def test_noninteractive_leaves_the_terminal_alone(self) -> None:
        terminal = self.terminal(*SHORT, "--noninteractive", QUIET)
        terminal.wait_for("Starting")
        terminal.type("xv?")
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            self.assertFalse(terminal.takes_keys())
        self.assertNotRegex(terminal.text, "Stats|Verbosity|Interactive")
        terminal.wait_for("<left 0>")


class TerminalAfter(Case):
    """The terminal is as it was, and reports are whole."""

    def end_with(self, number: int, code: int) -> None:
        terminal = self.taken(*LONG, QUIET)
        os.kill(terminal.audit(), number)
        terminal.wait_for(f"<left {code}>")
        self.check_restored(terminal)
        self.check_valid()

    def test_normal_end(self) -> None:
        terminal = self.taken(*SHORT, QUIET)
        terminal.wait_for("<left 0>")
        self.check_restored(terminal)
        self.check_valid()

    def test_control_c(self) -> None:
        terminal = self.taken(*LONG, QUIET)
        terminal.type("\x03")
        terminal.wait_for(f"<left {INTERRUPTED}>")
        self.check_restored(terminal)
        self.check_valid()

    def test_a_report_that_cannot_be_written(self) -> None:
        terminal = self.taken(*LONG, "--stats-every", "100ms", QUIET,
                              before=("sh", "-c", 'ulimit -f 4; exec "$@"', "sh"))
        terminal.wait_for("<left 1>")
        self.check_restored(terminal)

    def test_sigterm(self) -> None:
        self.end_with(signal.SIGTERM, INTERRUPTED)

    def test_sighup(self) -> None:
        self.end_with(signal.SIGHUP, 128 + signal.SIGHUP)

    def test_sigquit(self) -> None:
        self.end_with(signal.SIGQUIT, 128 + signal.SIGQUIT)

    def test_a_crash(self) -> None:
        self.end_with(signal.SIGSEGV, 128 + signal.SIGSEGV)

    def test_an_abort(self) -> None:
        self.end_with(signal.SIGABRT, 128 + signal.SIGABRT)

    def test_kill_leaves_whole_reports(self) -> None:
        terminal = self.taken(*LONG, "-v", "--stats-every", "100ms", QUIET)
        time.sleep(1)
        os.kill(terminal.audit(), signal.SIGKILL)
        terminal.wait_for("<left 137>")
        self.check_valid()
        self.assertGreater(len(self.tasks("taskprogress")), 1)
        self.assertEqual(len(self.tasks("taskbegin")), 1)

    def test_stopped_and_continued(self) -> None:
        terminal = self.taken(*LONG, QUIET)
        audit = terminal.audit()
        terminal.type("\x1a")
        terminal.wait_for(f"<left {128 + signal.SIGTSTP}>")
        self.check_restored(terminal)
        self.assertEqual(state(audit), "T")
        terminal.type("fg\n")
        labs.wait_until(terminal.takes_keys, "audit that takes keys again")
        terminal.answer("x", "Stats: ")
        terminal.type("\x1a")
        terminal.wait_for("<left 148>(.|\n)*<left 148>")
        # In the background it goes on, and leaves the terminal to the shell.
        terminal.type("bg\n")
        terminal.wait_for("<left 0>")
        time.sleep(0.5)
        self.assertNotEqual(state(audit), "T")
        self.check_restored(terminal)
        os.kill(audit, signal.SIGTERM)
        labs.wait_until(lambda: state(audit) in ("", "Z"), "end")
        self.check_restored(terminal)
        self.check_valid()

    def test_stopped_by_force(self) -> None:
        terminal = self.taken(*LONG, QUIET)
        os.kill(terminal.audit(), signal.SIGSTOP)
        terminal.wait_for(f"<left {128 + signal.SIGSTOP}>")
        termios.tcsetattr(terminal.master, termios.TCSANOW, terminal.before)  # As shells do.
        terminal.type("fg\n")
        labs.wait_until(terminal.takes_keys, "audit that takes keys again")
        terminal.answer("x", "Stats: ")
        terminal.type("\x03")
        terminal.wait_for(f"<left {INTERRUPTED}>")
        self.check_restored(terminal)

    def test_its_parent_is_killed(self) -> None:
        terminal = self.taken(*LONG, QUIET, before=("sh", "-c", '"$@"; true', "sh"))
        audit = terminal.audit()
        status = pathlib.Path(f"/proc/{audit}/status").read_text(encoding="ascii")
        os.kill(int(re.search(r"PPid:\s(\d+)", status)[1]), signal.SIGKILL)
        terminal.wait_for("<left 137>")
        # The shell has the terminal now.
        labs.wait_until(lambda: terminal.modes() == terminal.before, "terminal as it was")
        self.assertNotIn(state(audit), ("T", "", "Z"))
        os.kill(audit, signal.SIGTERM)
        labs.wait_until(lambda: state(audit) in ("", "Z"), "end")
        self.check_restored(terminal)
        self.check_valid()


class NoTerminal(Case):
    def test_other_standard_inputs(self) -> None:
        for redirection in ("</dev/null", "<&-", f"<{__file__}", "| cat"):
            with self.subTest(redirection=redirection):
                line = f'"$@" {redirection}' if "|" not in redirection else 'yes v | "$@"'
                done = labs.run(["sh", "-c", line, "sh", *self.command(*SHORT, HOST)])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("Nmap done: 1 IP address (1 host up)", done.stdout)
                self.assertNotRegex(done.stdout, "Verbosity|Stats")
                self.check_valid()

    def test_targets_from_the_terminal(self) -> None:
        terminal = self.terminal(*SHORT, "-iL", "-")
        terminal.type(f"{QUIET}\n\x04")
        terminal.wait_for("Nmap done: 1 IP address")
        terminal.wait_for("<left 0>")
        self.check_restored(terminal)

    def test_in_the_background_it_neither_reads_nor_stops(self) -> None:
        terminal = self.terminal(*LONG, QUIET, script=BACKGROUND)
        terminal.wait_for("Starting")
        audit = terminal.audit()
        terminal.type("true\n")  # For the shell.
        terminal.wait_for("<left 0>")
        until = time.monotonic() + 1
        while time.monotonic() < until:
            self.assertFalse(terminal.takes_keys())
            self.assertNotIn(state(audit), ("T", "", "Z"))
        self.assertNotIn("Stats", terminal.text)
        terminal.type("fg\n")
        labs.wait_until(terminal.takes_keys, "audit that takes keys")
        terminal.answer("x", "Stats: ")
        terminal.type("\x03")
        terminal.wait_for(f"<left {INTERRUPTED}>")
        self.check_restored(terminal)
        self.check_valid()


class Progress(Case):
    def error_of_estimates(self, *words: str) -> list[tuple[float, float]]:
        """(share done, by how much of the whole time its estimate was off), from the XML."""
        begun = time.monotonic()
        wall = time.time()
        done = labs.run([*self.command(*words, "--stats-every", "200ms")])
        took = time.monotonic() - begun
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(took, 5)
        lines = re.findall(r"Stats: .*\n(\S.*) Timing: About ([0-9.]+)% done; ETC", done.stdout)
        self.assertGreater(len(lines), 5)
        found = []
        for each in self.tasks("taskprogress"):
            if each.get("etc"):
                off = abs(int(each.get("etc")) + 0.5 - (wall + took))
                found.append((float(each.get("percent")) / 100, max(0.0, off - 1) / took))
        self.check_valid()
        return found

    def check_estimates(self, *words: str) -> None:
        found = self.error_of_estimates(*words)
        late = [off for share, off in found if share >= 0.25]
        self.assertGreater(len(late), 3, found)
        self.assertLess(max(late), 0.25, found)

    def test_estimates_of_a_host_that_answers(self) -> None:
        self.check_estimates("-Pn", "-sS", "-p1-400", "--max-rate", "40", HOST)

    def test_estimates_of_a_host_that_is_silent(self) -> None:
        self.check_estimates("-Pn", "-sS", "-p1-200", "--max-rate", "40", QUIET)

    def test_estimates_of_many_hosts(self) -> None:
        self.check_estimates("-Pn", "-sS", "-p1-50", "--max-rate", "100", "198.18.1.0/28",
                             "198.19.0.0/30")

    def test_estimates_of_host_discovery(self) -> None:
        self.check_estimates("-sn", "-PE", "--randomize-hosts", "--max-rate", "40",
                             "198.19.0.0/25", "198.18.1.0/25")

    def test_status_comes_in_time_while_nothing_is_sent(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(self.command("-Pn", "-sS", "-p1-9", "--scan-delay", "30s",
                                        "--stats-every", "300ms", QUIET), timeout=4, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.assertGreater(len(self.tasks("taskprogress")), 5)
        self.check_valid()

    def test_tasks_are_told_of_in_their_order(self) -> None:
        normal = self.folder / "audit.txt"
        done = self.pair.scan("-v", "-sS", "-sU", "-pT:22,U:9", "--traceroute", "-oX",
                              str(self.xml), "-oN", str(normal), HOST, "198.18.1.7")
        told = [line for line in done.stdout.splitlines()
                if re.match("Initiating|Completed|Discovered|Nmap scan", line)]
        told = [re.sub(r" at \d\d:\d\d|, \d+\.\d\ds elapsed", "", line) for line in told]
        for task, end in (("ARP Ping Scan", " (1 total hosts)"),
                          ("Ping Scan", " (1 total hosts)"),
                          ("SYN Stealth Scan", " (2 total ports)"),
                          ("UDP Scan", " (2 total ports)"), ("Traceroute", "")):
            with self.subTest(task=task):
                self.assertEqual(told.count(f"Initiating {task}"), 1, told)
                self.assertLess(told.index(f"Initiating {task}"),
                                told.index(f"Completed {task}{end}"), told)
        for host in (HOST, "198.18.1.7"):
            found = told.index(f"Discovered open port 22/tcp on {host}")
            self.assertLess(told.index("Initiating SYN Stealth Scan"), found)
            self.assertLess(found, told.index(f"Nmap scan report for {host}"))
        self.assertNotRegex(normal.read_text(encoding="utf-8"), "Initiating|Discovered")
        self.check_valid()
        self.assertEqual([each.get("task") for each in self.tasks("taskbegin")],
                         [line.removeprefix("Initiating ") for line in told
                          if line.startswith("Initiating ")])

    def test_without_v_none_is_told_of(self) -> None:
        done = self.pair.scan("-sS", "-p22", "-oX", str(self.xml), HOST)
        self.assertNotRegex(done.stdout, "Initiating|Discovered|Completed|Stats")
        self.assertEqual(self.tasks("taskbegin") + self.tasks("taskend"), [])
        self.check_valid()

    def hints(self) -> list[tuple]:
        return sorted((*(each.find("status").get(name) for name in ("state", "reason")),
                       *((address.get("addr"), address.get("vendor"))
                         for address in each.findall("address")),
                       each.find("hostnames") is not None) for each in self.tasks("hosthint"))

    def test_hints_of_hosts_are_nmaps(self) -> None:
        for words in (("-sS", "-p22", HOST, "198.18.0.9"), ("-6", "-sS", "-p22", "2001:db8::1"),
                      ("-sn", HOST), ("-Pn", "-sS", "-p22", HOST), ("-sS", "-p22", "127.0.0.1")):
            with self.subTest(words=words):
                done = self.pair.scan("-oX", str(self.xml), *words)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.check_valid()
                ours = self.hints()
                labs.must(*self.pair.within(), "nmap", "-n", "-oX", str(self.xml), *words)
                self.assertEqual(ours, self.hints())


if __name__ == "__main__":
    for tool in ("ps", "yes"):
        if shutil.which(tool) is None:
            labs.skip_all(f"needs {tool}")
    labs.main("nmap", "xmllint")
