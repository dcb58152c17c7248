#!/usr/bin/env python3
"""Scripts that speak SSH, against OpenSSH's server in namespaces of their own.

The answers are Nmap's where it has any: it crashes on a public key that the server accepts."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import xml.etree.ElementTree as tree

import labs

PORT, CLOSING, WEB = 2222, 2223, 2224
INSIDE = "TRAWL_SSH_LAB"  # Set in the process that runs in the namespaces; its folder.
USER, PASSWORD, PHRASE = "tess", "secret", "a phrase"

SETTINGS = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PubkeyAcceptedAlgorithms +ssh-rsa
PermitRootLogin yes
MaxStartups 100
StrictModes no
"""

# What each expression gives, in the table below.
DRIVER = r"""
description = "t"
categories = {{"safe"}}
portrule = function(host, port) return port.number == {port} end
local function text(value)
  if type(value) == "table" then return "{{" .. table.concat(value, ",") .. "}}" end
  return (tostring(value):gsub("[^ -~]", function(c) return ("<%02x>"):format(c:byte()) end))
end
action = function(host, port)
  local ssh, folder = libssh2, "{folder}/"
  local function open() return (ssh.session_open(host, port.number)) end
  local function opened()
    local session = open()
    assert(ssh.userauth_password(session, "{user}", "{password}"))
    return session
  end
  local function channel(session) local c = ssh.open_channel(session) return c end
  local function key(name) return (ssh.read_publickey(folder .. name)) end
  local all = {{}}
  for number, expression in ipairs {{ {expressions} }} do
    local code = assert(load("return function(ssh, host, port, folder, open, opened, channel, key) "
      .. expression .. " end"))()
    local results = table.pack(pcall(code, ssh, host, port, folder, open, opened, channel, key))
    for i = 1, results.n do results[i] = text(results[i]) end
    all[number] = table.concat(results, " | "):gsub('%[string .-%]:%d+: ', "")
  end
  return all
end
"""

FUNCTIONS = {
    "return #ssh.hostkey_hash(open()), #ssh.hostkey_hash(open(), 'md5')": "true | 59 | 47",
    "return ssh.hostkey_hash(open(), 'sha256')":
        "false | bad argument #2 to 'hostkey_hash' (invalid option 'sha256')",
    "return ssh.userauth_list(open(), 'tess')": "true | {publickey,password}",
    # OpenSSH ends a connection that changes its mind on the user.
    "local s = open() ssh.userauth_list(s, 'tess') return ssh.userauth_list(s, 'other')":
        "true | false | userauth_list: Failed getting response",
    "return ssh.userauth_password(open(), 'tess', 'bad')": "true | false",
    "local s = open() for i = 1, 8 do ssh.userauth_password(s, 'tess', 'bad') end "
    "return ssh.userauth_password(s, 'tess', 'secret')": "true | false",
    "return ssh.userauth_password(open(), 'tess')":
        "false | bad argument #3 to 'userauth_password' (string expected, got no value)",
    # OpenSSH has no answer for who has not logged in.
    "local s = open() ssh.set_timeout(s, 50) return ssh.open_channel(s)": "false | TIMEOUT",
    "local s = opened() local c = channel(s) ssh.channel_exec(s, c, 'echo out; echo err >&2') "
    "ssh.channel_send_eof(s, c) local all = '' "
    "while not ssh.channel_eof(c) do all = all .. (ssh.channel_read(s, c) or '') end "
    "return all, ssh.channel_read(s, c), ssh.channel_read_stderr(s, c)":
        "true | out<0d><0a>err<0d><0a> | nil | nil",
    "local s = opened() local c = channel(s) ssh.channel_exec(s, c, 'cat >/dev/null') "
    "local n = ssh.channel_write(s, c, 'hello\\n') return n, ssh.channel_read(s, c), "
    "ssh.channel_write(s, c, 5), ssh.channel_write(s, c, ''), ssh.channel_eof(c)":
        "true | 6 | hello<0d><0a> | 1 | 0 | false",
    "local s = opened() local c = channel(s) ssh.channel_exec(s, c, 'cat') "
    "return ssh.channel_write(s, c, ('x'):rep(100000))": "true | 32700",
    "local s = opened() return ssh.channel_write(s, channel(s), {})": "false | Invalid buffer",
    # A read that ends early leaves the session usable...
    "local s = opened() local c = channel(s) "
    "ssh.channel_exec(s, c, 'cat >/dev/null') ssh.set_timeout(s, 50) "
    "local _, e = pcall(ssh.channel_read, s, c) ssh.set_timeout(s, 9000) "
    "ssh.channel_write(s, c, 'x\\n') return e, ssh.channel_read(s, c)":
        "true | TIMEOUT | x<0d><0a>",
    # ...and another call that does, ends it: OpenSSH leaves who has logged in without an answer.
    "local s = opened() ssh.set_timeout(s, 50) "
    "local _, e = pcall(ssh.userauth_password, s, 'tess', 'secret') return e, "
    "select(2, pcall(ssh.open_channel, s))": "true | TIMEOUT | TIMEOUT",
    "local s = opened() local c = channel(s) ssh.channel_close(s, c) ssh.channel_close(s, c) "
    "return ssh.channel_exec(s, c, 'id')": "false | Error executing command",
    "local s = opened() local c = channel(s) ssh.session_close(s) ssh.session_close(s) "
    "return pcall(ssh.channel_eof, c)":
        "true | false | bad argument #1 to 'libssh2.channel_eof' (the channel is closed)",
    "local s = open() ssh.session_close(s) return ssh.userauth_list(s, 'tess')":
        "false | bad argument #1 to 'userauth_list' (the session is closed)",
    "local s = opened() return ssh.channel_read(open(), channel(s))":
        "false | bad argument #2 to 'channel_read' (the channel is of another session)",
    "return #key('user.pub') > 200, key('user.pub'):sub(5, 11)": "true | true | ssh-rsa",
    "return ssh.read_publickey('/etc/hostname')": "true | ",
    "return ssh.read_publickey('/nonexistent')": "false | Error reading file",
    "return ssh.read_publickey(folder .. 'user')":
        "false | invalid encoding: the key is not Base64",
    "return ssh.publickey_canauth(open(), 'tess', key('user.pub'))": "true | true",
    "return ssh.publickey_canauth(open(), 'root', key('user.pub'))": "true | false",
    "return ssh.publickey_canauth(open(), 'tess', key('host.pub'))": "true | false",
    "return ssh.publickey_canauth(open(), 'tess', 'junk'), "
    "ssh.publickey_canauth(open(), 'tess', '\\255\\255\\255\\255ssh')": "true | false | false",
    "return ssh.userauth_publickey(open(), 'tess', folder .. 'user', '')": "true | true",
    "return ssh.userauth_publickey(open(), 'tess', folder .. 'locked', 'wrong')": "true | false",
    "return ssh.userauth_publickey(open(), 'tess', folder .. 'locked', 'a phrase')": "true | true",
    "return ssh.userauth_publickey(open(), 'root', folder .. 'user')": "true | false",
    "return ssh.userauth_publickey(open(), 'tess', '/dev/zero', '')": "true | false",
    "return ssh.session_open('127.0.0.1', 9)": "false | ERROR",
    "return ssh.session_open('127.0.0.1', 99999)": "false | ERROR",
    "return ssh.session_open('127.0.0.1', {})":
        "false | bad argument #2 to 'session_open' (number expected, got table)",
    "return ssh.session_open(host, %d)" % CLOSING: "false | ERROR",
    "return ssh.session_open(host, %d)" % WEB: "false | Unable to complete libssh2 handshake.",
    # Two threads, one session: the second call is refused, and closing it ends the first.
    "local stdnse = require 'stdnse' local s = opened() local c = channel(s) "
    "ssh.channel_exec(s, c, 'read line; echo got $line') local got "
    "local cv = nmap.condvar(s) "
    "stdnse.new_thread(function() got = select(2, pcall(ssh.channel_read, s, c)) cv 'signal' end) "
    "stdnse.sleep(0.05) local _, e = pcall(ssh.channel_write, s, c, 'x\\n') "
    "ssh.session_close(s) cv 'wait' return e, got":
        "true | another call waits for this session | the session is closed",
}


def make_users(folder: pathlib.Path) -> None:
    """Who may log in, in this mount namespace alone; keys."""
    home = folder / "home/.ssh"
    home.mkdir(parents=True)
    for name, kind, phrase in (("host", "ed25519", ""), ("user", "rsa", ""),
                               ("locked", "rsa", PHRASE), ("curve", "ed25519", "")):
        labs.must("ssh-keygen", "-q", "-t", kind, "-m", "PEM", "-N", phrase, "-f",
                  str(folder / name))
    keys = [(folder / f"{name}.pub").read_text() for name in ("user", "locked", "curve")]
    (home / "authorized_keys").write_text("".join(keys))
    secret = labs.must("openssl", "passwd", "-6", "-salt", "lab", PASSWORD).strip()
    for name, line in (("passwd", f"{USER}:x:0:0::{folder}/home:/bin/sh"),
                       ("shadow", f"{USER}:{secret}:19000:0:99999:7:::")):
        own = folder / name
        own.write_text(pathlib.Path("/etc", name).read_text() + line + "\n")
        labs.must("mount", "--bind", str(own), f"/etc/{name}")


def answer(port: int, words: bytes) -> None:
    """Greets whoever comes, and closes."""
    listener = socket.create_server(("127.0.0.1", port))

    def serve() -> None:
        while True:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                client.recv(64)
                client.sendall(words)
    threading.Thread(target=serve, daemon=True).start()


class ScriptsSsh(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = pathlib.Path(os.environ[INSIDE])
        labs.must("ip", "link", "set", "lo", "up")
        make_users(cls.folder)
        (cls.folder / "settings").write_text(SETTINGS.format(port=PORT, folder=cls.folder))
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        cls.log = (cls.folder / "log").open("w", encoding="utf-8")
        cls.server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f",
                                       str(cls.folder / "settings")],
                                      stdin=subprocess.DEVNULL, stdout=cls.log, stderr=cls.log)
        answer(CLOSING, b"")
        answer(WEB, b"HTTP/1.0 200 OK\r\n\r\nhello\n")

        def is_up() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT)):
                return True
            return False
        labs.wait_until(is_up, "sshd")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.send_signal(signal.SIGTERM)
        cls.server.wait(labs.PATIENCE)
        cls.log.close()

    def scripts(self, program: list[str], *options: str) -> dict[str, tree.Element]:
        out = self.folder / "out.xml"
        done = labs.run([*program, "-n", "-Pn", "-p", str(PORT), *options, "-oX", str(out),
                         "127.0.0.1"])
        self.assertEqual(done.returncode, 0, done.stderr)
        found = {one.get("id"): one for one in tree.parse(out).iter("script")}
        self.assertTrue(found, done.stdout)
        return found

    def assert_same(self, *options: str) -> dict[str, tree.Element]:
        ours = self.scripts([labs.TRAWL, "scan"], *options)
        theirs = self.scripts(["nmap"], *options)

        def plain(all_of: dict[str, tree.Element]) -> dict[str, list[str]]:
            # How many guesses brute.lua made until its threads stopped, and how quickly.
            # Lua tells the fields of a table in any order.
            speed = r"Performed \d+ guesses in \d+ seconds, average tps: [\d.]+"
            return {name: sorted(re.sub(speed, "", tree.tostring(one, "unicode")).split("\n"))
                    for name, one in all_of.items()}
        self.assertEqual(plain(ours), plain(theirs))
        return ours

    def test_scripts_find_what_nmaps_find(self) -> None:
        found = self.assert_same("--script", "ssh-auth-methods,ssh-run", "--script-args",
                                 f"ssh-run.username={USER},ssh-run.password={PASSWORD},"
                                 "ssh-run.cmd='echo here; id -un >&2'")
        self.assertIn("here", found["ssh-run"].get("output"))
        self.assertIn("password", found["ssh-auth-methods"].get("output"))
        found = self.assert_same("--script", "ssh-run", "--script-args",
                                 f"ssh-run.username={USER},ssh-run.password=bad,ssh-run.cmd=id")
        self.assertEqual(found["ssh-run"].get("output"), "Authentication Failed")
        found = self.assert_same("--script", "ssh-run", "--script-args",
                                 f"ssh-run.username={USER},ssh-run.privatekey={self.folder}/curve,"
                                 "ssh-run.cmd='echo by key'")
        self.assertIn("by key", found["ssh-run"].get("output"))

    def test_a_password_is_guessed(self) -> None:
        (self.folder / "users").write_text(f"root\n{USER}\n")
        (self.folder / "passwords").write_text(f"one\n{PASSWORD}\ntwo\n")
        found = self.assert_same("--script", "ssh-brute", "--script-args",
                                 f"userdb={self.folder}/users,passdb={self.folder}/passwords")
        self.assertIn(f"{USER}:{PASSWORD} - Valid credentials", found["ssh-brute"].get("output"))

    def test_accepted_keys_are_named(self) -> None:
        private = f"ssh.privatekeys={{{self.folder}/user,{self.folder}/host}}"
        found = self.assert_same("--script", "ssh-publickey-acceptance", "--script-args",
                                 f"ssh.usernames={{{USER}}},{private},ssh.passphrases={{a,b}}")
        self.assertIn(f"Key {self.folder}/user accepted for user {USER}",
                      found["ssh-publickey-acceptance"].get("output"))
        found = self.scripts([labs.TRAWL, "scan"], "--script", "ssh-publickey-acceptance",
                             "--script-args", f"ssh.usernames={{{USER},root}},"
                             f"ssh.publickeys={{{self.folder}/user.pub,{self.folder}/host.pub}}")
        output = found["ssh-publickey-acceptance"].get("output")
        self.assertIn(f"Key {self.folder}/user.pub accepted for user {USER}", output)
        self.assertEqual(output.count("accepted"), 1, output)

    def test_functions_answer_as_nmaps(self) -> None:
        script = self.folder / "driver.nse"
        script.write_text(DRIVER.format(
            port=PORT, folder=self.folder, user=USER, password=PASSWORD,
            expressions=",\n".join(f"[==[{one}]==]" for one in FUNCTIONS)))
        found = self.scripts([labs.TRAWL, "scan"], "--script", str(script))
        answers = [one.text or "" for one in found["driver"].iter("elem")]
        self.assertEqual(dict(zip(FUNCTIONS, answers)), FUNCTIONS)


def run_inside() -> None:
    """This test again, in namespaces that end with it."""
    if os.geteuid() != 0:
        labs.skip_all("needs root for namespaces")
    for tool in ("unshare", "nmap", "ssh-keygen", "openssl", "/usr/sbin/sshd"):
        if shutil.which(tool) is None:
            labs.skip_all(f"needs {tool}")
    with tempfile.TemporaryDirectory(prefix="trawl-lab-test-") as folder:
        done = subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, __file__], env={**os.environ, INSIDE: folder}, check=False,
            stdin=subprocess.DEVNULL)
    sys.exit(done.returncode)


if __name__ == "__main__":
    if INSIDE in os.environ:
        labs.main("nmap")
    else:
        run_inside()
