#!/usr/bin/env python3
"""What is refused before anything is sent: one sentence that says what to do, and an exit code."""
import pathlib
import unittest

import guardian
import labs

USAGE, BAD_INPUT, DEVICE, OUTPUT = 2, 3, 4, 6
TARGET = ["198.18.1.0/28", "-p", "80"]
NO_RIGHTS = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--reuid", "65534",
             "--clear-groups")


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = labs.Lab("--no-servers", "--rtt", "0")
        cls.enterClassContext(cls.lab)

    def refused(self, code: int, words: str, *arguments: str, link: str = "scan0",
                before: tuple[str, ...] = ()) -> None:
        """The survey ends with this code and one sentence that has all of `words`."""
        survey = self.lab.survey(*arguments, link=link, before=before)
        self.assert_refused(survey.code, survey.stderr, code, words)

    def assert_refused(self, actual: int, stderr: str, code: int, words: str) -> None:
        self.assertEqual(code, actual, stderr)
        errors = [line for line in stderr.splitlines() if line]
        self.assertEqual(1, len(errors), stderr)
        self.assertTrue(errors[0].startswith("trawl: error: "), stderr)
        for word in words.split("|"):
            self.assertIn(word, errors[0])

    def test_unknown_interface(self) -> None:
        self.refused(DEVICE, "nosuch0|no such interface", *TARGET, link="nosuch0")

    def test_unknown_interface_of_a_vdev(self) -> None:
        self.refused(DEVICE, "nosuch0|no such interface", *TARGET,
                     link="net_af_packet0,iface=nosuch0")

    def test_loopback(self) -> None:
        self.refused(DEVICE, "loopback", *TARGET, link="lo")

    def test_interface_that_is_down(self) -> None:
        scan = self.lab.namespace("scan")
        labs.must("ip", "-n", scan, "link", "add", "down0", "type", "veth", "peer", "name", "down1")
        try:
            self.refused(DEVICE, "down0|is down|ip link set down0 up", *TARGET, link="down0")
        finally:
            labs.must("ip", "-n", scan, "link", "del", "down0")

    def test_no_link(self) -> None:
        done = labs.run([*self.lab.within(), labs.TRAWL, "survey", *TARGET, "--allow-special",
                         labs.NETWORK])
        self.assert_refused(done.returncode, done.stderr, USAGE, "--link")

    def test_no_permission_names_the_capabilities(self) -> None:
        self.lab.folder.chmod(0o777)  # Results and metadata could be written.
        self.refused(DEVICE, "permission|CAP_NET_RAW|CAP_NET_ADMIN", *TARGET, before=NO_RIGHTS)

    def test_each_missing_capability_is_named(self) -> None:
        for capability in ("net_raw", "net_admin"):
            with self.subTest(capability):
                self.refused(DEVICE, f"permission|CAP_{capability.upper()}", *TARGET,
                             before=("setpriv", "--bounding-set", f"-{capability}"))

    def test_rates_that_never_send(self) -> None:
        for rate in ("0", "-1", "-5k", "0Mbps", "fast", "", "1e400", "nan"):
            with self.subTest(rate):
                self.refused(USAGE, "--rate", *TARGET, f"--rate={rate}")

    def test_source_address_not_on_the_link(self) -> None:
        self.refused(USAGE, "--source-ip|192.0.2.9|scan0", *TARGET, "--source-ip", "192.0.2.9")

    def test_nothing_left_after_exclusions(self) -> None:
        self.refused(BAD_INPUT, "exclude", *TARGET, "--exclude", "198.18.0.0/16")

    def test_special_targets_are_never_probed_unasked(self) -> None:
        done = labs.run([*self.lab.within(), labs.TRAWL, "survey", "--link", "scan0", *TARGET])
        self.assert_refused(done.returncode, done.stderr, BAD_INPUT, "--allow-special")

    def test_malformed_targets(self) -> None:
        for target in ("198.18.1.300", "198.18.1.0/33", "198.18.1.9-198.18.1.3", "198.18.1",
                       "198.18.1.1/", "198.18.1.9-3", "example.com", "198.18.1.1:80"):
            with self.subTest(target):
                self.refused(BAD_INPUT, f'"{target}"', "-p", "80", target)

    def test_an_empty_target(self) -> None:
        self.refused(BAD_INPUT, "target: nothing is named", "-p", "80", "")

    def test_malformed_ports(self) -> None:
        for ports in ("90-80", "70000", "80,,443", "http", "", "80-90-100", "-1-5"):
            with self.subTest(ports):
                self.refused(USAGE, "--ports", "198.18.1.0/28", f"-p={ports}")

    def test_overlapping_targets_and_ports_count_once(self) -> None:
        lines = labs.must(labs.TRAWL, "survey", "--dry-run", "--allow-special", labs.NETWORK,
                          "198.18.1.0/28", "198.18.1.8-198.18.1.20", "198.18.1.3", "-p",
                          "80,80-82,81").splitlines()
        self.assertEqual(21 * 3, len(lines))
        self.assertEqual(21 * 3, len(set(lines)))

    def test_exclude_files(self) -> None:
        path = self.lab.folder / "never"
        cases = {b"198.18.1.0/30\n# fine\n198.18.1.\x00\n": ":3",
                 b"198.18.1.0/30\n\xff\xfe\n": ":2",
                 b"\x7fELF\x02\x01\x01\x00": ":1",
                 b"198.18.1.1\n\n\n198.18.1.9-198.18.1.3\n": ":4",
                 b"198.18.1.1\nhello\n": ":2"}
        for content, line in cases.items():
            with self.subTest(content):
                path.write_bytes(content)
                self.refused(BAD_INPUT, f"{path}{line}", *TARGET, "--exclude-file", str(path))

    def test_exclude_files_that_cannot_be_read(self) -> None:
        self.refused(BAD_INPUT, "/nonexistent/never", *TARGET, "--exclude-file",
                     "/nonexistent/never")
        self.refused(BAD_INPUT, str(self.lab.folder), *TARGET, "--exclude-file",
                     str(self.lab.folder))

    def test_output_that_cannot_be_created(self) -> None:
        survey = self.lab.survey(*TARGET, output=pathlib.Path("/nonexistent/found"))
        self.assert_refused(survey.code, survey.stderr, OUTPUT, "/nonexistent/found")


class Hugepages(unittest.TestCase):
    """The survey runs with and without; only pages nobody uses are taken away, and given back."""
    PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")

    def survey(self) -> None:
        with labs.Lab("--no-servers", "--rtt", "0") as lab:
            survey = lab.survey(*TARGET)
            self.assertEqual(0, survey.code, survey.stderr)
            self.assertEqual(16, survey.counters["sent"])

    def with_pages(self, count: int, check) -> None:
        with guardian.Guardian(guardian.restore(str(self.PAGES))):
            try:
                self.PAGES.write_text(str(count))
            except OSError as error:
                self.skipTest(f"cannot change nr_hugepages: {error}")
            check(int(self.PAGES.with_name("free_hugepages").read_text()))

    def test_without(self) -> None:
        def check(free: int) -> None:
            self.assertLess(free, 96)
            self.survey()
        self.with_pages(0, check)

    def test_with(self) -> None:
        def check(free: int) -> None:
            if free < 256:
                self.skipTest("the machine has no memory left for hugepages")
            self.survey()
        self.with_pages(max(512, int(self.PAGES.read_text())), check)


if __name__ == "__main__":
    labs.main("setpriv")
