"""Runs scripts for the tests beside it, with the program that TRAWL_NSE_PROGRAM names.

That is the built trawl unless told otherwise, which gets a data folder of its own: the files of the installed
nmap-common, with our scripts in the place of its scripts and, by TRAWL_NSE_LIBRARIES, our libraries
over its libraries ("own", the default) or only beside them ("nmap").
"""
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts"
LIBRARIES = ROOT / "nse/lib"
INSTALLED = pathlib.Path("/usr/share/nmap")
BUILD = pathlib.Path(os.environ.get("TRAWL_BUILD", ROOT / "build"))
PROGRAM = os.environ.get("TRAWL_NSE_PROGRAM", str(BUILD / "trawl"))
KIND = os.environ.get("TRAWL_NSE_LIBRARIES", "own")
PATIENCE = 240  # Seconds for a command that should end by itself.

Where = tuple[str, str]  # Address, and "22/tcp" or "host" or "pre".


def database(folder: pathlib.Path) -> str:
    """The text of script.db for the scripts of a folder."""
    lines = []
    for path in sorted(folder.glob("*.nse")):
        found = re.search(r"^categories\s*=\s*\{([^}]*)\}", path.read_text(), re.MULTILINE)
        categories = sorted(re.findall(r'"([^"]+)"', found[1]))
        lines.append('Entry { filename = "%s", categories = { %s, } }\n' % (
            path.name, ", ".join(f'"{each}"' for each in categories)))
    return "".join(lines)


def make_folder(folder: pathlib.Path, kind: str = KIND, more: pathlib.Path | None = None) -> None:
    """Fills a data folder; `more` is a script that is no part of ours."""
    for path in INSTALLED.iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path)
    for name in ("nselib", "scripts"):
        (folder / name).mkdir()
    for path in (INSTALLED / "nselib").iterdir():
        (folder / "nselib" / path.name).symlink_to(path)
    for path in LIBRARIES.glob("*.lua"):
        target = folder / "nselib" / path.name
        if target.exists() and kind == "own":
            target.unlink()
        if not target.exists():
            target.symlink_to(path)
    for path in [*SCRIPTS.glob("*.nse"), *([more] if more else [])]:
        (folder / "scripts" / path.name).symlink_to(path)
    (folder / "scripts/script.db").write_text(database(folder / "scripts"))
    (folder / "os-signatures").symlink_to(ROOT / "data/os-signatures")


def command(folder: pathlib.Path, *options: str) -> list[str]:
    return [PROGRAM, *([] if pathlib.Path(PROGRAM).name == "nmap" else ["scan"]), "-n",
            "--datadir", str(folder), "-oX", "-", *options]


class Script:
    """What one script said of a port or host."""

    def __init__(self, element: xml.etree.ElementTree.Element) -> None:
        self.text: str = element.get("output", "")
        self.element = element

    def value(self, *path: str) -> str | None:
        """The text of an element, by the keys on the way to it."""
        at = self.element
        for key in path:
            at = next((each for each in at if each.get("key") == key), None)
            if at is None:
                return None
        return at.text or ""

    def values(self, *path: str) -> list[str]:
        """The texts of a list."""
        at = self.element
        for key in path:
            at = next((each for each in at if each.get("key") == key), None)
            if at is None:
                return []
        return [each.text or "" for each in at]


def read(report: str) -> dict[Where, dict[str, Script]]:
    found: dict[Where, dict[str, Script]] = {}
    root = xml.etree.ElementTree.fromstring(report)
    for element in root.iter("prescript"):
        found[("", "pre")] = {each.get("id"): Script(each) for each in element.iter("script")}
    for host in root.iter("host"):
        address = host.find("address").get("addr")
        for port in host.iter("port"):
            where = (address, f"{port.get('portid')}/{port.get('protocol')}")
            found[where] = {each.get("id"): Script(each) for each in port.iter("script")}
        for element in host.iter("hostscript"):
            found[(address, "host")] = {each.get("id"): Script(each)
                                        for each in element.iter("script")}
    return found


def run(words: list[str]) -> dict[Where, dict[str, Script]]:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=PATIENCE, check=False)
    if done.returncode != 0 or "<?xml" not in done.stdout:
        raise AssertionError(f"{' '.join(words)}: {done.stdout[-1500:]} {done.stderr[-1500:]}")
    return read(done.stdout[done.stdout.index("<?xml"):])
