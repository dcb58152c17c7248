#!/usr/bin/env python3
"""Who may include whom: the table of folders and layers, and who alone uses which library."""
import pathlib
import re
import sys

import tree

# Folder: the folders it may include, besides itself.
MAY_INCLUDE = {
    "base": (),
    "dataplane": ("base",),
    "service": ("base",),
    "osfp": ("base", "dataplane"),
    "nse": ("base", "service"),
    "control": ("base", "dataplane", "service", "osfp", "nse"),
    "bench": tree.CODE_FOLDERS,
    "tests": tree.CODE_FOLDERS,
}
ANYTHING = ("bench", "tests")

# Library: the headers it is known by, and the only folders (besides bench and tests) to use it.
SOLE_USERS = {
    "DPDK": (r"rte_\w+\.h", ("dataplane",)),
    "libbpf": (r"(bpf|xdp)/.*|linux/(bpf|if_xdp)\.h", ("dataplane",)),
    "PCRE2": (r"pcre2\w*\.h", ("service", "nse")),
    "Vectorscan": (r"(hs/)?hs(_\w+)?\.h", ("service",)),
    "OpenSSL": (r"openssl/.*", ("service", "nse", "control")),
    "c-ares": (r"ares\w*\.h", ("service",)),
    "libpcap": (r"pcap\.h|pcap/.*", ("service",)),
    "Lua": (r"(lua[\d.]*/)?(lua|lauxlib|lualib|luaconf)\.h(pp)?", ("nse",)),
    "libssh2": (r"libssh2\w*\.h", ("nse",)),
    "zlib": (r"z(lib|conf)\.h", ("nse",)),
    "Boost": (r"boost/.*", ("control",)),
    "SQLite": (r"sqlite3\w*\.h", ("control",)),
    "DuckDB": (r"duckdb(\.h|\.hpp|/.*)", ("control",)),
    "NATS": (r"nats(\.h|/.*)", ("control",)),
    "zstd": (r"zstd\w*\.h", ("control",)),
    "CLI11": (r"CLI/.*", ("control",)),
    "TBB": (r"(oneapi/)?tbb/.*", ("service", "control")),
    "spdlog": (r"spdlog/.*", ("base",)),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def check_own(path: pathlib.Path, include: str) -> str | None:
    user, used = path.parts[0], include.split("/")[0]
    if used != user and used not in MAY_INCLUDE[user]:
        return f"{user} may not include {used}"
    if "internal" in include.split("/") and user not in ANYTHING:
        owner = include.split("/internal/")[0]
        if not path.is_relative_to(owner):
            return f"{owner}/internal is private to {owner}"
        if path.suffix == ".h" and "internal" not in path.parts:
            return "a public header may not show internal/ to those who include it"
    return None


def check_library(path: pathlib.Path, include: str) -> str | None:
    user = path.parts[0]
    if user in ANYTHING:
        return None
    for library, (pattern, users) in SOLE_USERS.items():
        if not re.fullmatch(pattern, include):
            continue
        if user not in users:
            return f"only {' and '.join(users)} may use {library}"
        if library == "DPDK" and path.suffix == ".h" and "internal" not in path.parts:
            return "DPDK headers belong in .cc files and dataplane/internal/"
    return None


def main() -> int:
    problems = []
    for path in tree.code(".h", ".cc"):
        for number, line in enumerate((tree.ROOT / path).read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            include = match.group(1)
            own = include.split("/")[0] in tree.CODE_FOLDERS and (tree.ROOT / include).exists()
            problem = check_own(path, include) if own else check_library(path, include)
            if not own and line.split("#", 1)[1].find('"') >= 0:
                problem = "include own headers by their path from the root"
            if problem:
                problems.append(f"{path}:{number}: {include}: {problem}")
    return tree.report(problems, "The table of layers is in docs/development.md.")


sys.exit(main())
