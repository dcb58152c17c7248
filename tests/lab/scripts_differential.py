#!/usr/bin/env python3
"""The scripts of nmap-common against real servers, run by nmap and by trawl: what is equal, and what differs.

usage: scripts_differential.py [--servers NAME,...] [--scripts CHOICE] [--together N] [--table FILE] [--keep FOLDER]

Results that change from one run to the next are compared without what changes (PASSING says which and why). Exits 0
when at least 97 % of all results are equal. --table writes docs/nse-scripts.md: a line for each script. Nmap takes
minutes for ten servers; --keep has its answers kept in a folder, and taken from there the next time.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import labs

CHOICE = ("(default or (safe and not broadcast and not external) or version or auth or vuln) and not "
          "http-slowloris-check")  # That one waits for busybox's server for ever, in both.
ENOUGH = 0.97
PATIENCE = 3600
INSTALLED = pathlib.Path("/usr/share/nmap/scripts")
NUMBERS = re.compile(r"\d+(\.\d+)?")
DATES = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?|"
                   r"-?\d+s from (local time|scanner time)\.?")
# Script: what of its output passes, and why.
PASSING = {
    "banner": (re.compile(r"(?s)(?<=SSH-2.0-dropbear_).*|(?<=tinyssh_20230101-1 ).*"), "a cookie of the server"),
    "fingerprint-strings": (re.compile(r"(?<=tinyssh_20230101-1 )\S*"), "a cookie of the server"),
    "qscan": (NUMBERS, "times"),
    "redis-info": (NUMBERS, "times, processes and memory"),
    "memcached-info": (NUMBERS, "times and counts"),
    "clock-skew": (NUMBERS, "times"),
    "ntp-info": (NUMBERS, "times"),
    "snmp-sysdescr": (NUMBERS, "times"),
    "snmp-processes": (NUMBERS, "processes"),
    "snmp-netstat": (NUMBERS, "connections"),
    "mysql-info": (re.compile(r"(?s)(Salt|Thread ID): .*?(?=\n|$)"), "a salt and a number of each connection"),
}


def tree(element: ElementTree.Element) -> tuple:
    """Its content; tables whose items all have keys have no order of their own."""
    children = [tree(child) for child in element]
    if all(child.get("key") for child in element):
        children.sort()
    return element.tag, element.get("key"), (element.text or "").strip(), tuple(children)


def comparable(script: ElementTree.Element) -> str:
    text = repr((script.get("output"), tree(script)[2:]))
    text = DATES.sub("*", text)
    if script.get("id") in PASSING:
        text = PASSING[script.get("id")][0].sub("*", text)
    return text


def results(report: pathlib.Path) -> dict[tuple[str, str, str], ElementTree.Element]:
    """By script, address, and port or "host"."""
    found = {}
    for host in ElementTree.parse(report).getroot().findall("host"):
        address = host.find("address").get("addr")
        for script in host.findall("hostscript/script"):
            found[script.get("id"), address, "host"] = script
        for port in host.findall("ports/port"):
            for script in port.findall("script"):
                found[script.get("id"), address, f"{port.get('portid')}/{port.get('protocol')}"] = script
    return found


def scan(lab: labs.Lab, program: list[str], recipes: list[dict], choice: str, report: pathlib.Path) -> None:
    ports = sorted({port["port"] for recipe in recipes for port in recipe["listens"] if port["transport"] == "tcp"})
    words = [*lab.within(), *program, "-n", "-Pn", "-sV", "-p", ",".join(map(str, ports)), "--script", choice,
             "--script-timeout", "120s", "-oX", str(report), *[recipe["address"] for recipe in recipes]]
    subprocess.run(words, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def compare(ours: dict, theirs: dict) -> tuple[set, dict]:
    """The results that are equal, and of the others why they are not."""
    equal, different = set(), {}
    for key in sorted(ours.keys() | theirs.keys()):
        if key not in ours:
            different[key] = "nmap alone has it"
        elif key not in theirs:
            different[key] = "trawl alone has it"
        elif comparable(ours[key]) == comparable(theirs[key]):
            equal.add(key)
        else:
            different[key] = "other output"
    return equal, different


def table(equal: set, different: dict) -> str:
    lines = ["# Scripts of nmap-common 7.93", "",
             "Made by `tests/lab/scripts_differential.py --table`: each script that the choice has, run by nmap and by "
             "trawl", "against the real servers of the lab. All of them load and their rules are asked "
             "(`tests/nse/nse_load_scripts`).", "", "| script | |", "|---|---|"]
    for path in sorted(INSTALLED.glob("*.nse")):
        same = sum(key[0] == path.stem for key in equal)
        other = [why for key, why in different.items() if key[0] == path.stem]
        if other:
            text = f"{same} results equal, {len(other)} not: {', '.join(sorted(set(other)))}"
        elif same:
            note = f" but for {PASSING[path.stem][1]}" if path.stem in PASSING else ""
            text = f"{same} result{'' if same == 1 else 's'} equal{note}"
        else:
            text = "no result from either: not chosen, or the lab lacks what it asks for"
        lines.append(f"| {path.stem} | {text} |")
    return "\n".join(lines) + "\n"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/lab/scripts_differential.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", metavar="NAMES", help="those of the lab with commas between (default all)")
    parser.add_argument("--scripts", metavar="CHOICE", default=CHOICE, help="what --script says")
    parser.add_argument("--together", type=int, default=10, metavar="N", help="servers in one scan (default 10)")
    parser.add_argument("--table", type=pathlib.Path, metavar="FILE", help="write a line for each script there")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="keep and use nmap's reports there")
    return parser.parse_args()


def main() -> int:
    options = parse()
    listed = map(json.loads, labs.must(labs.TRAWL, "lab", "servers", "--json").splitlines())
    wanted = options.servers.split(",") if options.servers else None
    recipes = [each for each in listed if each["missing"] is None and (wanted is None or each["name"] in wanted)]
    equal, different = set(), {}
    with labs.Lab("--rtt", "0", "--driver", "af_packet", "--servers", ",".join(each["name"] for each in recipes),
                  patience=PATIENCE) as lab:
        kept = options.keep or lab.folder
        kept.mkdir(parents=True, exist_ok=True)
        for first in range(0, len(recipes), options.together):
            group = recipes[first:first + options.together]
            peer = kept / f"nmap-{'-'.join(each['name'] for each in group)[:200]}.xml"
            if not peer.exists():
                scan(lab, ["nmap"], group, options.scripts, peer)
            mine = lab.folder / "trawl.xml"
            scan(lab, [labs.TRAWL, "scan", "--strict-nmap"], group, options.scripts, mine)
            names = {each["address"]: each["name"] for each in group}
            some, others = compare(results(mine), results(peer))
            equal |= some
            different |= others
            for (script, address, where), why in others.items():
                print(f"{script} {names.get(address, address)} {where}: {why}", flush=True)
            print(f"{', '.join(names.values())}: {len(some)} of {len(some) + len(others)} equal", flush=True)
    if options.table:
        options.table.write_text(table(equal, different), encoding="utf-8")
    share = len(equal) / max(1, len(equal) + len(different))
    print(f"{len(equal)} of {len(equal) + len(different)} results equal: {100 * share:.1f} %")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
