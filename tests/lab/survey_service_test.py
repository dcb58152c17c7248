#!/usr/bin/env python3
"""`trawl survey --service`: open ports are asked what they are while the survey goes on."""
import json
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import labs
import wire

SERVERS, NAME_SERVER = "basic", "dnsmasq"
SIMULATED = "198.18.200.0/22"
SIMULATED_PORT = 80
# Takes connections and says nothing, which takes version detection longer than the runs below last.
SILENT_PORT = 9001
SILENT_SERVER = f"""
import socket
listener = socket.create_server(("", {SILENT_PORT}), backlog=1024)
kept = []
print("ready", flush=True)
while True:
    kept.append(listener.accept()[0])
"""

Where = tuple[str, int]


def lines_of(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def where(line: dict) -> Where:
    return line["ip"], line["port"]


class SurveyService(unittest.TestCase):
    lab: labs.Lab
    intensity = ("--version-light",)  # Silent ports take the time of all probes.
    names: dict[Where, str]  # What the real servers on TCP are called.
    products: dict[Where, str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(labs.Lab("--rtt", "1", "--driver", "af_packet",
                                                 "--servers", f"{SERVERS},{NAME_SERVER}"))
        listed = labs.must(labs.TRAWL, "lab", "servers", "--json").splitlines()
        recipes = [recipe for recipe in map(json.loads, listed)
                   if recipe["set"] == SERVERS and recipe["missing"] is None]
        listens = [((recipe["address"], listen["port"]), listen) for recipe in recipes
                   for listen in recipe["listens"] if listen["transport"] == "tcp"]
        cls.names = {at: listen["service"].removeprefix("ssl/") for at, listen in listens}
        cls.products = {at: listen["product"] for at, listen in listens}
        cls.ports = ",".join(map(str, sorted({port for _, port in cls.names} | {SIMULATED_PORT})))
        cls.server, cls.address = next((recipe["namespace"], recipe["address"])
                                       for recipe in recipes if recipe["name"] == "sshd")
        cls.name_server = next(recipe["address"] for recipe in map(json.loads, listed)
                               if recipe["name"] == NAME_SERVER)
        cls.targets = [*sorted({ip for ip, _ in cls.names}), SIMULATED]

    def setUp(self) -> None:
        self.folder = self.lab.folder / self.id().rsplit(".", 1)[1]
        self.folder.mkdir()
        self.found = self.folder / "found.jsonl"
        self.checkpoint = self.folder / "checkpoint"

    def listen_in_silence(self) -> None:
        process = subprocess.Popen([*self.lab.within(self.server), sys.executable, "-c",
                                    SILENT_SERVER], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual("ready\n", process.stdout.readline())
        self.ports = f"{self.ports},{SILENT_PORT}"

    def command(self, *arguments: str) -> list[str]:
        return [*self.lab.within(), labs.TRAWL, "survey", "--link", labs.AF_PACKET_LINK,
                "--allow-special", labs.NETWORK, "--rate", "5000", "--cooldown", "1s", "--retries",
                "none", "--service", *self.intensity, "-p", self.ports, "-o", str(self.found),
                *arguments]

    def survey(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess:
        done = labs.run([*self.command(*arguments), *self.targets], labs.PATIENCE * 3)
        self.assertEqual(code, done.returncode, done.stderr)
        return done

    def expect_each_once(self) -> tuple[dict[Where, dict], dict[Where, dict]]:
        """The verdicts and the facts, of which there is one for each port."""
        lines = lines_of(self.found)
        facts = [line for line in lines if line.get("type") == "service"]
        verdicts = [line for line in lines if "type" not in line]
        for what in (facts, verdicts):
            self.assertEqual(len(what), len(set(map(where, what))))
        self.assertEqual(set(map(where, verdicts)), set(map(where, facts)))
        self.assertGreater(len(verdicts), len(self.names))
        return {where(line): line for line in verdicts}, {where(line): line for line in facts}

    def test_every_real_server_is_identified_while_the_survey_goes_on(self) -> None:
        xml = self.folder / "found.xml"
        table = self.folder / "found.csv"
        metadata = self.folder / "metadata.json"
        done = self.survey("-o", str(xml), "-o", str(table), "-o", f"masscan-json:{xml}.json",
                           "--metadata", str(metadata))
        verdicts, facts = self.expect_each_once()
        for at, name in self.names.items():
            self.assertEqual("open", verdicts[at]["state"])
            self.assertEqual(name, facts[at].get("service"), at)
            self.assertEqual(self.products[at], facts[at].get("product"), at)
            self.assertEqual("service", facts[at]["class"])
        services = json.loads(metadata.read_text())["counters"]["services"]
        self.assertEqual((len(facts), len(facts), 0),
                         (services["found"], services["answered"], services["waiting"]))
        self.assertIn("identified", done.stderr)
        self.assertEqual(2 * len(facts) + 1, len(table.read_text().splitlines()))

    def test_a_survey_that_is_interrupted_says_what_is_left_and_resume_asks_it(self) -> None:
        self.listen_in_silence()
        process = subprocess.Popen([*self.command("--checkpoint", str(self.checkpoint)),
                                    *self.targets],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            labs.wait_until(lambda: self.found.exists()
                            and '"type":"service"' in self.found.read_text(), "a fact")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=labs.PATIENCE)
        finally:
            process.kill()
        self.assertEqual(130, process.returncode, said)
        self.assertIn("not asked", said)
        self.assertIn("trawl resume", said)
        self.resume()
        self.expect_each_once()

    def test_kill_loses_no_port_and_doubles_no_fact(self) -> None:
        self.listen_in_silence()
        process = subprocess.Popen([*self.command("--checkpoint", str(self.checkpoint)),
                                    *self.targets],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            labs.wait_until(lambda: self.found.exists()
                            and '"type":"service"' in self.found.read_text(), "a fact")
        finally:
            process.kill()
            process.wait(timeout=labs.PATIENCE)
        self.resume()
        _, facts = self.expect_each_once()
        for at, name in self.names.items():
            self.assertEqual(name, facts[at].get("service"), at)

    def resume(self) -> None:
        done = labs.run([*self.lab.within(), labs.TRAWL, "resume", str(self.checkpoint)],
                        labs.PATIENCE * 3)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_who_is_blocked_by_a_sighup_is_left_alone_at_once(self) -> None:
        """By probes, which go on to others, by connections and by conversations under way."""
        self.listen_in_silence()
        others = next(ip for ip, _ in self.names if ip != self.address)
        for tier, told in (("--service", ("unknown", "blocked while it was asked")),
                           ("--banners", ("accepts", None))):
            with self.subTest(tier):
                blocked = self.folder / f"blocked{tier}"
                blocked.write_text("# nobody yet\n")
                self.found = self.folder / f"found{tier}"
                command = [word for word in self.command("--blocklist-file", str(blocked), "-q")
                           if word not in ("--service", *self.intensity)]
                command[command.index("5000")] = "1000"
                command[command.index("-p") + 1] = f"{SILENT_PORT},20000-20400"
                self.block_during([*command, tier, self.address, others], blocked)
                fact, = (line for line in lines_of(self.found) if line.get("type") == "service")
                self.assertEqual((self.address, SILENT_PORT), where(fact))
                self.assertEqual(told, (fact["class"], fact.get("trouble")))

    def block_during(self, command: list[str], blocked: pathlib.Path) -> None:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True)
        try:
            labs.wait_until(lambda: self.found.exists() and str(SILENT_PORT)
                            in self.found.read_text(), "an open port")
            blocked.write_text(f"{self.address}\n")
            with self.lab.capture(f"dst host {self.address}") as path:
                process.send_signal(signal.SIGHUP)
                for line in process.stderr:
                    if "are blocked now" in line:
                        break
                told = time.time()
                process.communicate(timeout=labs.PATIENCE)
        finally:
            process.kill()
            process.communicate()
        self.assertEqual(0, process.returncode)
        self.assertEqual([], [frame.hex() for at, frame in wire.frames(path) if at > told])

    def test_a_server_of_udp_is_identified(self) -> None:
        command = self.command()
        at = command.index("-p")
        done = labs.run([*command[:at], "--probe", "udp", "-p", "53", *command[at + 2:],
                         *sorted({ip for ip, _ in self.names} | {self.name_server})])
        self.assertEqual(0, done.returncode, done.stderr)
        verdicts, facts = (
            {where(line): line for line in lines_of(self.found) if ("type" in line) == is_fact}
            for is_fact in (False, True))
        self.assertEqual([(self.name_server, 53)], list(verdicts))
        fact = facts[self.name_server, 53]
        self.assertEqual(("udp", "service", "domain", "dnsmasq"),
                         tuple(fact.get(name) for name in ("proto", "class", "service", "product")))
        self.assertEqual(1, len(facts))

    def test_max_runtime_bounds_the_asking_too(self) -> None:
        self.listen_in_silence()
        done = self.survey("--max-runtime", "4s")
        self.assertRegex(done.stderr, r"not asked +[1-9]")
        lines = lines_of(self.found)
        silent = (self.address, SILENT_PORT)
        self.assertIn(silent, [where(line) for line in lines if "type" not in line])
        self.assertNotIn(silent, [where(line) for line in lines if "type" in line])

    def test_what_cannot_be_is_refused_in_a_sentence(self) -> None:
        for arguments, word in ((("--script", "default"), "--script"),
                                (("--probe", "icmp-echo"), "--probe icmp-echo"),
                                (("--link", "net_null0"), "net_null0"),
                                (("--version-parallelism", "0"), "1 to 64")):
            command = self.command(*arguments)
            for option in ("--link", "-p"):
                if option in arguments or (option == "-p" and "icmp-echo" in arguments):
                    at = command.index(option)
                    del command[at:at + 2]
            done = labs.run([*command, *self.targets])
            self.assertEqual(2, done.returncode, done.stderr)
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    labs.main("tcpdump")
