#!/usr/bin/env python3
"""Scripts of an audit beside nmap's: what they return at each place, and default scripts against a web server."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import labs

PATIENCE = 120
HEAD = """
local coroutine = require "coroutine"
local nmap = require "nmap"
local stdnse = require "stdnse"
local table = require "table"
description = "d"
author = "trawl contributors"
license = "Apache-2.0"
categories = {"safe"}
"""
EVERYWHERE = """
prerule = function() return true end
hostrule = function() return true end
portrule = function() return true end
postrule = function() return true end
"""
SCRIPTS = {
    "places": EVERYWHERE + """
action = function(host, port)
  nmap.registry.seen = (nmap.registry.seen or 0) + 1
  return ("%s %s %s %d"):format(SCRIPT_TYPE, host and host.ip, port and port.number, nmap.registry.seen > 0 and 1 or 0)
end""",
    "shapes": """
portrule = function(host, port) return port.number == 80 end
action = function(host, port)
  local all = stdnse.output_table()
  all.text = "one\\ntwo <&>"
  all.list = {"a", "b"}
  local inner = stdnse.output_table()
  inner.x = 1
  inner.y = true
  all.inner = inner
  all.tables = {inner, inner}
  return all
end""",
    "bytes": """
portrule = function(host, port) return port.number == 80 end
action = function() return "a\\0\\1\\255b\\tc" end""",
    "both": """
portrule = function(host, port) return port.number == 80 end
action = function() return stdnse.output_table(), "told" end""",
    "broken": """
portrule = function(host, port) return port.number == 80 end
action = function() return nil .. "x" end""",
    "port": """
portrule = function() return true end
action = function(host, port)
  local known = nmap.get_port_state(host, port)
  return table.concat({known.state, known.reason, known.protocol, known.service, known.version.service_dtype,
                       known.version.service_tunnel, host.name, tostring(host.targetname), #host.bin_ip}, " ")
end""",
    "changes": """
dependencies = {"port"}
portrule = function(host, port) return port.number == 80 end
action = function(host, port)
  port.version.name = "acme"
  port.version.product = "Acme httpd"
  port.version.version = "1.2"
  nmap.set_port_version(host, port)
end""",
    "nested": """
portrule = function(host, port) return port.number == 80 end
action = function(host, port)
  local answer
  local inner = coroutine.wrap(function()
    local s = nmap.new_socket()
    s:set_timeout(5000)
    s:connect(host, port)
    s:send("GET /robots.txt HTTP/1.0\\r\\n\\r\\n")
    local ok, line = s:receive_buf("\\r\\n", false)
    s:close()
    coroutine.yield(line)
  end)
  local done = nmap.condvar(host)
  stdnse.new_thread(function() answer = inner() done "signal" end)
  while not answer do done "wait" end
  return answer
end""",
}
WEB = """
import http.server, socketserver
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 8
    server_version, sys_version = "nginx/1.22.1", ""
    def version_string(self): return "nginx/1.22.1"
    def date_time_string(self, timestamp=None): return "Mon, 23 Nov 2026 00:00:00 GMT"
    def log_message(self, *_): pass
    def do_OPTIONS(self):
        self.send_response(200); self.send_header("Allow", "GET, HEAD, OPTIONS, DELETE")
        self.send_header("Content-Length", "0"); self.end_headers()
    def do_GET(self, body=True):
        pages = {"/": b"<html><head><title>Lab &amp; more</title><meta name='generator' content='Acme 3'></head></html>",
                 "/robots.txt": b"User-agent: *\\nDisallow: /private/\\nDisallow: /cgi/\\n",
                 "/favicon.ico": b"icon" * 50}
        page = pages.get(self.path)
        self.send_response(200 if page else 404)
        page = page or b"nothing here"
        self.send_header("Content-Type", "text/html"); self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if body: self.wfile.write(page)
    def do_HEAD(self): self.do_GET(False)
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True
server = Server(("0.0.0.0", 80), Handler)
print("ready", flush=True)
server.serve_forever()
"""


def web_server(folder: str) -> str:
    """The lines of a shell script that start it and wait for it."""
    path = pathlib.Path(folder, "web.py")
    path.write_text(WEB, encoding="utf-8")
    return (f"{sys.executable} {path} > {folder}/ready &\nserver=$!\n"
            f"for i in $(seq 200); do grep -q ready {folder}/ready && break; sleep 0.05; done")


def run_both(options: list[str], hosts: list[str]) -> dict[str, tuple[str, ElementTree.Element]]:
    """What each program prints, and its XML, in one network of its own with a web server in it."""
    with tempfile.TemporaryDirectory() as folder:
        lines = ["ip link set lo up", web_server(folder)]
        for name, program in (("nmap", ["nmap"]), ("trawl", [str(labs.TRAWL), "scan"])):
            words = [*program, "-n", "-Pn", "-p80,81", "--max-retries", "1", *options, "-oX", f"{folder}/{name}.xml",
                     *hosts]
            lines.append(" ".join(f"'{word}'" for word in words) + f" > {folder}/{name}.txt 2>&1")
        lines.append("kill $server")
        subprocess.run(["unshare", "-n", "bash", "-c", "\n".join(lines)], timeout=PATIENCE, check=True,
                       stdin=subprocess.DEVNULL)
        return {name: (pathlib.Path(folder, f"{name}.txt").read_text(encoding="utf-8"),
                       ElementTree.parse(pathlib.Path(folder, f"{name}.xml")).getroot())
                for name in ("nmap", "trawl")}


def script_lines(text: str) -> list[str]:
    """The lines of scripts and the headings above them, in an order that does not depend on time."""
    blocks: list[str] = []
    for line in text.splitlines():
        if re.match(r"\|?_?\S* ?[Ss]cript results:|\d+/tcp ", line) or line.endswith("script results:"):
            blocks.append(line)
        elif line.startswith("| ") and not line.startswith("|  ") and re.match(r"\| [\w.-]+: ", line):
            blocks.append(line[2:])
        elif line.startswith("|_") and re.match(r"\|_[\w.-]+: ", line):
            blocks.append(line[2:])
        elif line.startswith("|") and blocks:
            blocks[-1] += "\n" + line[2:]
    return sorted(blocks)


def elements(root: ElementTree.Element) -> dict[tuple[str, str], str]:
    found = {}
    for place in ("prescript", "postscript"):
        for script in root.findall(f"{place}/script"):
            found[place, script.get("id")] = ElementTree.tostring(script).decode().strip()
    for host in root.findall("host"):
        address = host.find("address").get("addr")
        for script in host.findall("hostscript/script"):
            found[address, script.get("id")] = ElementTree.tostring(script).decode().strip()
        for port in host.findall("ports/port"):
            where = f"{address}:{port.get('portid')}"
            for script in port.findall("script"):
                found[where, script.get("id")] = ElementTree.tostring(script).decode().strip()
            service = port.find("service")
            found[where, "service"] = "" if service is None else ElementTree.tostring(service).decode().strip()
    return found


class ScriptsOfAnAudit(unittest.TestCase):
    maxDiff = None

    def check(self, options: list[str], hosts: list[str]) -> dict[tuple[str, str], str]:
        both = run_both(options, hosts)
        told = elements(both["trawl"][1])
        self.assertEqual(told, elements(both["nmap"][1]), both["trawl"][0])
        self.assertEqual(script_lines(both["trawl"][0]), script_lines(both["nmap"][0]))
        return told

    def test_results_are_those_of_nmap_at_each_place(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in SCRIPTS.items():
                pathlib.Path(folder, f"{name}.nse").write_text(HEAD + text + "\n", encoding="utf-8")
            told = self.check(["--script", ",".join(f"{folder}/{name}.nse" for name in SCRIPTS)],
                              ["127.0.0.1", "127.0.0.7"])
        self.assertIn(("prescript", "places"), told)
        self.assertIn(("127.0.0.7", "places"), told)
        self.assertIn('product="Acme httpd"', told["127.0.0.1:80", "service"])
        self.assertIn("HTTP/1.", told["127.0.0.1:80", "nested"])
        self.assertIn("ERROR", told["127.0.0.1:80", "broken"])

    def test_default_scripts_say_the_same_of_a_web_server(self):
        told = self.check(["-sV", "-sC"], ["127.0.0.1"])
        self.assertIn("Lab &amp;amp; more", told["127.0.0.1:80", "http-title"])
        self.assertIn("/private/", told["127.0.0.1:80", "http-robots.txt"])

    def test_excluded_addresses_get_nothing_from_scripts(self):
        script = HEAD + """
hostrule = function() return true end
action = function(host)
  local s = nmap.new_socket()
  local ok, why = s:connect("127.0.0.9", 80)
  return tostring(ok) .. " " .. tostring(why)
end
"""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "reach.nse")
            path.write_text(script, encoding="utf-8")
            pathlib.Path(folder, "reach.sh").write_text(f"""
ip link set lo up
{web_server(folder)}
for scope in 127.0.0.0/8 127.0.0.1/32; do
  {labs.TRAWL} scan -n -Pn -p80 --scope $scope --script {path} 127.0.0.1
done
kill $server
""", encoding="utf-8")
            out = subprocess.run(["unshare", "-n", "bash", f"{folder}/reach.sh"], timeout=PATIENCE, check=True,
                                 capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
        lines = [line for line in out.splitlines() if "reach:" in line]
        self.assertEqual(len(lines), 2, out)
        self.assertIn("true", lines[0])
        self.assertNotIn("true", lines[1])


if __name__ == "__main__":
    labs.main("nmap", "unshare")
