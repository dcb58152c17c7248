#!/usr/bin/env python3
"""What trawl writes is what others read: each format through a reader that is not ours.

outputs_test.py SAMPLES SCHEMA: the program that writes every format, and docs/schema/trawl.v1.json.
JSONL against the schema, CSV through Python's reader, JSON and XML through its parsers, XML against
Nmap's DTD where that is installed, compressed files through zstd.
"""
import csv
import io
import ipaddress
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)

SAMPLES, SCHEMA = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
NMAP_DTD = pathlib.Path("/usr/share/nmap/nmap.dtd")
FORMATS = ("jsonl", "csv", "zmap", "masscan-json", "masscan-list", "nmap-xml")
REASONS, STATES = 14, 5
FINDINGS = 6 + REASONS + STATES
FACTS = 3
# Every byte, as the samples have it.
ALL_BYTES = bytes(range(256))
OF_FACTS = {"type", "class", "source", "service", "tls", "product", "version", "info", "hostname",
            "os", "device", "cpe", "probe", "line", "banner", "truncated", "fingerprint", "trouble",
            "evidence", "systems"}
OF_NETWORKS = {"network", "opens", "tests", "speaks"}
OF_HINTS = {"os_family", "os_version", "os_confidence", "hops", "machines", "certain",
            "ports_left_out"}


def is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


class Outputs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.directory.name)
        subprocess.run([SAMPLES, cls.root], check=True)
        cls.schema = json.loads(SCHEMA.read_text())
        checker = jsonschema.FormatChecker(formats=())
        checker.checks("ipv4")(lambda text: is_address(text, 4))
        checker.checks("ipv6")(lambda text: is_address(text, 6))
        cls.validator = jsonschema.Draft202012Validator(cls.schema, format_checker=checker)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def text(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def lines(self, name: str) -> list[dict]:
        return [json.loads(line) for line in self.text(name).splitlines()]

    def validator_of(self, name: str):
        schema = json.loads((SCHEMA.parent / name).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        return jsonschema.Draft202012Validator(schema), schema

    def test_status_and_its_last_record_hold_to_their_schema(self):
        validator, schema = self.validator_of("trawl.status.v1.json")
        running, last = self.lines("status")
        for record in (running, last):
            validator.validate(record)
            self.assertLessEqual(record.keys(), schema["properties"].keys())
        self.assertNotIn("rate_history", running)
        self.assertGreater(len(last["rate_history"]), 30)

    def test_metadata_holds_to_its_schema(self):
        validator, schema = self.validator_of("trawl.metadata.v1.json")
        record = json.loads(self.text("metadata"))
        validator.validate(record)
        self.assertEqual(record.keys(), schema["properties"].keys())
        status, _ = self.validator_of("trawl.status.v1.json")
        status.validate(record["counters"])
        history = record["rate_history"]
        self.assertEqual(500 * 900, sum(point["sent"] for point in history))
        self.assertIsNone(history[0]["asked_pps"])
        self.assertEqual({"started", "no-loss", "blind", "maximum", "loss"},
                         {point["reason"] for point in history if "reason" in point})

    def test_schema_is_one(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)

    def test_jsonl_lines_hold_to_the_schema(self):
        lines = self.lines("jsonl")
        self.assertEqual(len(lines), FINDINGS)
        for line in lines:
            self.validator.validate(line)
            self.assertLessEqual(line.keys(), self.schema["properties"].keys())
            self.assertGreaterEqual(line.keys(),
                                    self.schema["properties"].keys() - {"rtt_us", "from"} - OF_FACTS
                                    - OF_NETWORKS - OF_HINTS
                                    - ({"port"} if line["proto"] == "icmp" else set()))
            self.assertEqual("port" in line, line["proto"] != "icmp")
        self.assertEqual({key for line in lines for key in line},
                         set(self.schema["properties"]) - OF_FACTS - OF_NETWORKS - OF_HINTS)

    def test_facts_hold_to_the_schema(self):
        lines = self.lines("facts.jsonl")
        facts = [line for line in lines if line.get("type") == "service"]
        self.assertEqual((len(lines), len(facts)), (1 + FACTS + 1, FACTS))
        for line in lines:
            self.validator.validate(line)
        most = facts[0]
        self.assertLessEqual(OF_FACTS, most.keys())
        self.assertEqual(most["banner"].encode("latin-1"), ALL_BYTES * 2)
        self.assertEqual(most["product"], "a, \"b\" \x1b\x9b <&> \u00e9 \ufffd")
        self.assertEqual(most["cpe"], ["cpe:/a:x:y", "cpe:/o:z"])
        self.assertEqual(most["systems"], [{"name": "a <kernel>, \x1b", "accuracy": 98},
                                           {"name": "another", "accuracy": 97}])
        self.assertEqual(facts[1].keys(), {"schema", "type", "ts", "ip", "port", "proto", "class",
                                           "source"})
        self.assertEqual(len(facts[2]["banner"]), 60000)
        self.assertIs(facts[2]["truncated"], True)
        with self.assertRaises(jsonschema.ValidationError):
            self.validator.validate(most | {"state": "open"})
        with self.assertRaises(jsonschema.ValidationError):
            self.validator.validate(most | {"class": "good"})

    def test_a_network_that_answers_everything_is_a_line(self):
        networks = [line for line in self.lines("facts.jsonl") if line.get("type") == "network"]
        self.assertEqual([{
            "schema": "trawl.v1", "type": "network", "ts": networks[0]["ts"],
            "network": "198.18.7.0/24", "class": "middlebox",
            "evidence": "2 ports drawn at random open, and 9 ports of the survey", "opens": 9,
            "tests": [{"ip": "198.18.7.3", "port": 40001}, {"ip": "198.18.7.9", "port": 51234}],
            "speaks": True}], networks)
        with self.assertRaises(jsonschema.ValidationError):
            self.validator.validate(networks[0] | {"port": 80})

    def test_hints_are_fields_of_open_ports(self):
        lines = self.lines("hints.jsonl")
        for line in lines:
            self.validator.validate(line)
        hints = [{key: line[key] for key in line if key in OF_HINTS} for line in lines]
        self.assertEqual(hints[:4], [
            {"os_family": "Linux", "os_version": "4.20-6.x", "os_confidence": 95, "hops": 7},
            {"os_family": "Windows", "os_version": "10-11, Server 2016-2025",
             "os_confidence": 60},
            {"os_family": "lwIP", "os_confidence": 80, "hops": 3}, {}])
        rows = list(csv.reader(io.StringIO(self.text("hints.csv"))))
        self.assertEqual(rows[0][-4:], ["os_family", "os_version", "os_confidence", "hops"])
        self.assertEqual([row[-4:] for row in rows[1:]], [
            ["Linux", "4.20-6.x", "95", "7"], ["Windows", "10-11, Server 2016-2025", "60", ""],
            ["lwIP", "", "80", "3"], ["", "", "", ""]])
        self.assertEqual({len(row) for row in rows}, {len(rows[0])})

    def test_machines_behind_an_address_are_a_line(self):
        machines = self.lines("hints.jsonl")[-1]
        self.assertEqual({
            "schema": "trawl.v1", "type": "machines", "ts": machines["ts"], "ip": "198.18.7.3",
            "certain": True, "machines": [
                {"ports": [80, 443], "ttl": 118, "os_family": "Windows", "os_confidence": 60},
                {"ports": [22], "ttl": 54, "evidence": "TTL 54, not 118", "certain": True}],
            "ports_left_out": 0}, machines)
        with self.assertRaises(jsonschema.ValidationError):
            self.validator.validate(machines | {"port": 80})

    def test_facts_reach_a_terminal_without_control_characters(self):
        for name in ("facts.jsonl", "facts.csv", "facts.masscan-json", "facts.masscan-list",
                     "facts.nmap-xml"):
            text = self.text(name)
            self.assertFalse([c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)],
                             name)

    def test_csv_has_a_row_for_each_fact(self):
        csv.field_size_limit(1 << 20)  # Each byte of a banner may take four characters.
        with open(self.root / "facts.csv", newline="", encoding="utf-8") as file:
            verdict, *facts = csv.DictReader(file)
        self.assertEqual((verdict["type"], verdict["state"], verdict["service"]),
                         ("verdict", "open", ""))
        self.assertEqual([fact["type"] for fact in facts], ["service"] * FACTS)
        self.assertEqual(facts[0]["product"], 'a, "b" \\x1b\\xc2\\x9b <&> \\xc3\\xa9 \\xff')
        self.assertEqual(facts[0]["cpe"], "cpe:/a:x:y cpe:/o:z")
        back = facts[0]["banner"].encode().decode("unicode_escape").encode("latin-1")
        self.assertEqual(back, ALL_BYTES * 2)
        self.assertEqual((facts[0]["state"], facts[0]["tls"]), ("", "true"))

    def test_masscan_has_a_banner_for_each_fact_that_says_something(self):
        verdict, *banners = json.loads(self.text("facts.masscan-json"))
        self.assertEqual(verdict["ports"][0]["status"], "open")
        services = [banner["ports"][0]["service"] for banner in banners]
        self.assertEqual([service["name"] for service in services], ["http", "unknown"])
        self.assertEqual(services[0]["banner"].encode("latin-1"), ALL_BYTES * 2)
        lines = self.text("facts.masscan-list").splitlines()
        self.assertEqual([line.split()[0] for line in lines[1:-1]], ["open", "banner", "banner"])
        self.assertIn("banner tcp 443 198.18.0.5 ", lines[2])

    def test_xml_has_the_service_of_a_fact(self):
        root = xml.etree.ElementTree.fromstring(self.text("facts.nmap-xml"))
        services = [port.find("service") for port in root.iter("port")]
        self.assertEqual([service is None for service in services], [True, False])
        self.assertEqual({key: services[1].get(key) for key in
                          ("name", "version", "tunnel", "method", "conf")},
                         {"name": "http", "version": "1.2", "tunnel": "ssl", "method": "probed",
                          "conf": "10"})
        self.assertEqual([cpe.text for cpe in services[1].iter("cpe")], ["cpe:/a:x:y", "cpe:/o:z"])

    def test_outputs_that_chose_no_field_of_facts_get_none(self):
        self.assertEqual(self.lines("facts.chosen"), [{"ip": "198.18.0.5", "type": "verdict"}])
        self.assertEqual(self.lines("facts.filtered"), [{"ip": "198.18.0.5", "service": "http"}])

    def test_schema_has_every_word_and_no_other(self):
        properties = self.schema["properties"]
        for key in ("state", "reason", "proto"):
            seen = {line[key] for line in self.lines("jsonl")}
            self.assertEqual(seen, set(properties[key]["enum"]), key)

    def test_schema_refuses_what_is_wrong(self):
        good = self.lines("jsonl")[0]
        for key, value in {"schema": "trawl.v2", "ts": "2026-01-02 03:04:05", "ip": "198.18.0.256",
                           "port": 65536, "proto": "sctp", "state": "filtered", "reason": "rst",
                           "ttl": -1, "rtt_us": "5", "attempt": 0, "from": 1}.items():
            with self.assertRaises(jsonschema.ValidationError, msg=key):
                self.validator.validate(good | {key: value})

    def test_chosen_fields_hold_to_the_schema_too(self):
        for line in self.lines("chosen"):
            self.validator.validate(line)
            self.assertIn(list(line), (["rtt_us", "from", "ip"], ["from", "ip"]))

    def test_csv_says_the_same_as_jsonl(self):
        with open(self.root / "csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), FINDINGS)
        for row, line in zip(rows, self.lines("jsonl")):
            for key, value in row.items():
                expected = line.get(key, line["ip"] if key == "from" else "")
                self.assertEqual(value, str(expected))

    def test_zmap_columns(self):
        rows = list(csv.DictReader(self.text("zmap").splitlines()))
        self.assertEqual(len(rows), FINDINGS)
        self.assertEqual({row["classification"] for row in rows}, {"synack", "rst", "icmp", "udp",
                                                                 "echoreply", "timestampreply"})
        self.assertIsNone(rows[0].get(None))
        for row, line in zip(rows, self.lines("jsonl")):
            self.assertEqual(row["success"], str(int(line["state"] in ("open", "unfiltered", "up"))))
            self.assertEqual(row["sport"], str(line.get("port", "")))

    def test_masscan_json(self):
        records = json.loads(self.text("masscan-json"))
        self.assertEqual(len(records), FINDINGS)
        for record, line in zip(records, self.lines("jsonl")):
            self.assertEqual(record["ip"], line["ip"])
            self.assertEqual(record["ports"][0]["port"], line.get("port", 0))
            self.assertEqual(record["ports"][0]["proto"], line["proto"])

    def test_masscan_list(self):
        lines = self.text("masscan-list").splitlines()
        self.assertEqual((lines[0], lines[-1]), ("#masscan", "# end"))
        self.assertEqual({len(line.split()) for line in lines[1:-1]}, {5})

    def test_nmap_xml(self):
        root = xml.etree.ElementTree.fromstring(self.text("nmap-xml"))
        self.assertEqual(root.get("args"), "trawl survey '<&\"--\ufffd\ufffd>' ''")
        hosts = root.findall("host")
        self.assertEqual(len(hosts), FINDINGS)
        self.assertEqual(root.find("runstats/hosts").get("total"), str(FINDINGS))
        for host, line in zip(hosts, self.lines("jsonl")):
            self.assertEqual(host.find("address").get("addr"), line["ip"])
            port = host.find("ports/port")
            self.assertEqual(port is None, "port" not in line)
            if port is not None:
                self.assertEqual(port.get("portid"), str(line["port"]))
                self.assertEqual(port.get("protocol"), line["proto"])

    @unittest.skipUnless(NMAP_DTD.exists() and shutil.which("xmllint"), "no DTD or no xmllint")
    def test_nmap_xml_is_valid(self):
        for name in ("nmap-xml", "facts.nmap-xml"):
            subprocess.run(["xmllint", "--noout", "--nonet", "--dtdvalid", NMAP_DTD,
                            self.root / name], check=True)

    @unittest.skipUnless(shutil.which("zstd"), "no zstd")
    def test_compressed_files_decode(self):
        for name in FORMATS:
            path = self.root / f"{name}.zst"
            subprocess.run(["zstd", "-qt", path], check=True)
            text = subprocess.run(["zstd", "-qdc", path], check=True, capture_output=True).stdout
            # The XML document ends with the time it was closed at.
            plain = (self.root / name).read_bytes()
            self.assertEqual(text.split(b"<runstats>")[0], plain.split(b"<runstats>")[0], name)


unittest.main(argv=sys.argv[:1])
