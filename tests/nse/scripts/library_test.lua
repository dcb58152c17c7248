-- What our libraries do with good and with hostile input, without a network: run by library_test.py
-- with Lua 5.4 itself and, as the body of a script, by what runs scripts.
local now = 0

-- A peer that sends what `chunks` gives, call by call, and takes a second for each.
local function peer(chunks)
  return {
    set_timeout = function() end,
    receive = function()
      now = now + 1000
      local chunk = chunks()
      if chunk then
        return true, chunk
      end
      return nil, "EOF"
    end,
  }
end

local function sending(...)
  local list, at = { ... }, 0
  return peer(function()
    at = at + 1
    return list[at]
  end)
end

local function endless(chunk)
  return peer(function() return chunk end)
end

local tests = {}

function tests.reader_ends_by_bytes(library)
  local bounded = library.bounded
  local reader = bounded.reader(endless("x"), { limit = 10, seconds = 1000 })
  local line, why = reader:line()
  assert(line == nil and why == "too much data", why)
  reader = bounded.reader(endless(string.rep("x", 1000)), { limit = 1 << 20, seconds = 1000 })
  line, why = reader:line(5000)
  assert(line == nil and why == "too much data", why)
  assert(#reader.buffer < 8000)
end

function tests.reader_ends_by_time(library)
  local reader = library.bounded.reader(endless("x"), { limit = 1 << 20, seconds = 5 })
  local line, why = reader:line()
  assert(line == nil and why == "TIMEOUT", why)
  assert(#reader.buffer <= 6)
end

function tests.reader_splits(library)
  local reader = library.bounded.reader(sending("ab\r", "\ncd\nef"), {})
  assert(reader:line() == "ab" and reader:line() == "cd" and reader:bytes(2) == "ef")
  assert(not reader:bytes(1))
  reader = library.bounded.reader(sending("250-one\r\n250-two\r\n250 three\r\n"), {})
  local code, lines = reader:numbered_reply()
  assert(code == 250 and #lines == 3 and lines[3] == "three")
  reader = library.bounded.reader(endless("250-again\r\n"), { seconds = 1000 })
  code, lines = reader:numbered_reply()
  assert(code == nil and lines == "too many lines", lines)
end

local function response(library, text, method)
  local reader = library.bounded.reader(sending(text), { limit = 1 << 22 })
  return library.httpmessage.read_response(reader, method or "GET", 1000)
end

function tests.http_bodies(library)
  local got = response(library, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: a\r\nx: b\r\n\r\nabcdef")
  assert(got.status == 200 and got.body == "abc" and got.header.x == "a, b")
  got = response(library, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" ..
    "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
  assert(got.body == "abcde" and not got.truncated)
  got = response(library, "HTTP/1.0 200 OK\r\n\r\nto the end")
  assert(got.body == "to the end" and not got.truncated)
  got = response(library, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\nxyz")
  assert(got.status == 204 and got.body == "")
  got = response(library, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "HEAD")
  assert(got.body == "")
end

function tests.http_lies(library)
  local got = response(library, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" ..
    string.rep("x", 5000))
  assert(#got.body == 1000 and got.truncated)
  for _, size in ipairs { "ffffffffffffffffffff", "-1", "", "zz", "7fffffffffffffff" } do
    got = response(library, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. size ..
      "\r\nabc")
    assert(got.body == "" and got.truncated, size)
  end
  got = response(library, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" ..
    string.rep("1\r\nx\r\n", 5000))
  assert(#got.body == 1000 and got.truncated == "too much data")
  local none, why = response(library, "HTTP/1.1 200 OK\r\n" .. string.rep("a: b\r\n", 5000))
  assert(none == nil and why == "too many header fields")
  none, why = response(library, string.rep("HTTP/1.1 100 x\r\n\r\n", 50))
  assert(none == nil and why == "too many interim responses")
  none = response(library, "SSH-2.0-x\r\n")
  assert(none == nil)
end

function tests.json(library)
  local json = library.json
  local ok, value = json.parse(' {"a": [1, -2.5e1, "\\u00e9\\ud83d\\ude00", null, true], "b": {}} ')
  assert(ok and value.a[2] == -25 and value.a[3] == "é😀" and value.a[4] == json.NULL)
  assert(json.generate(value) == '{"a": [1, -25.0, "é😀", null, true], "b": {}}')
  for _, bad in ipairs { "", "[", "[1,]", '{"a"}', '{"a":}', '"\1"', "01", "1.", "nul", "[1] x",
      '"\\x"', '"abc' } do
    local good = json.parse(bad)
    assert(not good, bad)
  end
  local deep, why = json.parse(string.rep("[", 1000000))
  assert(not deep and string.find(why, "deep"))
  local round = {}
  round.self = round
  assert(not pcall(json.generate, round))
end

function tests.base64(library)
  local base64 = library.base64
  for text, coded in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foobar = "Zm9vYmFy" } do
    assert(base64.enc(text) == coded and base64.dec(coded) == text)
  end
  assert(base64.dec("Zm9v\r\nYmFy") == "foobar")
end

function tests.names_of_dns_do_not_loop(library)
  local dns = library.wiredns
  local query = dns.build_query("www.lab.test", { dtype = "TXT", id = 7 })
  local packet = dns.decode(query)
  assert(packet.id == 7 and packet.questions[1].dname == "www.lab.test")
  local head = string.pack(">I2I2I2I2I2I2", 1, 0x8180, 0, 1, 0, 0)
  local rest = string.pack(">I2I2I4I2", 1, 1, 0, 4) .. "\1\2\3\4"
  for _, name in ipairs { "\xc0\x0c", "\xc0\x0e\xc0\x0c", "\1a\xc0\x0c", "\xff\xff", "\x40", "\63x",
      "\xc0" } do
    local loop, why = dns.decode(head .. name .. rest)
    assert(loop == nil and type(why) == "string", name)
  end
  -- A chain of pointers, each to the one before.
  local chain = "\0"
  for at = 0, 200 do
    chain = chain .. string.pack(">I2", 0xc000 | (at == 0 and 12 or 12 + 1 + 2 * (at - 1)))
  end
  assert(dns.decode(head .. chain) == nil)
  assert(dns.decode(string.pack(">I2I2I2I2I2I2", 1, 0x8180, 65535, 65535, 65535, 65535)) == nil)
  assert(dns.encode_name(string.rep("a", 64)) == nil)
end

function tests.ber(library)
  local ber = library.ber
  local data = ber.encode(0x30, ber.integer(-129), ber.integer(65536), ber.oid("1.3.6.1.4.1.8072"),
    ber.encode(0x04, string.rep("x", 300)))
  local element, size = ber.decode(data)
  assert(size == #data and element.children[1].value == -129 and element.children[2].value == 65536)
  assert(element.children[3].value == "1.3.6.1.4.1.8072" and #element.children[4].value == 300)
  assert(ber.decode(string.sub(data, 1, -2)) == nil)
  for _, bad in ipairs { "", "\x30", "\x30\x84\xff\xff\xff\xff", "\x30\x80\0\0",
      string.rep("\x30\x7f", 50), "\x30\x85\1\1\1\1\1" } do
    assert(ber.decode(bad) == nil)
  end
  local nested = ""
  for _ = 1, 60 do
    nested = ber.encode(0x30, nested)
  end
  local none, why = ber.decode(nested)
  assert(none == nil and string.find(why, "deep"))
end

function tests.bytereader_reports_mistakes_of_its_caller(library)
  local ok, why = pcall(library.bytereader.parse, "ab", function() error("a mistake") end)
  assert(not ok and string.find(why, "a mistake"))
  assert(library.bytereader.parse("\0\5ab", function(r) return r:counted(2) end) == false)
  assert(library.bytereader.parse("ab", function(r) r:skip(-1) end) == false)
  assert(select(2, library.bytereader.parse("\0\2ab", function(r) return r:counted(2) end)) == "ab")
end

function tests.packets(library)
  local raw = library.rawpacket
  local a, b = raw.ip_bytes("192.0.2.1"), raw.ip_bytes("192.0.2.2")
  local segment = raw.tcp { source = a, destination = b, sport = 1, dport = 2, seq = 3, ack = 4,
    flags = raw.SYN, options = "\2\4\5\xb4\1\3\3\7" }
  assert(raw.checksum(a .. b .. "\0\6" .. string.pack(">I2", #segment) .. segment) == 0)
  local packet = raw.ipv4({ source = a, destination = b, protocol = 6, ttl = 9, df = true,
    options = "\1\1\1\0" }, segment)
  assert(raw.checksum(string.sub(packet, 1, 24)) == 0)
  local read = raw.parse_ipv4(packet .. "padding")
  assert(read.ttl == 9 and read.df and read.payload == segment)
  local tcp = raw.parse_tcp(read.payload)
  assert(tcp.mss == 1460 and tcp.scale == 7 and tcp.sport == 1 and tcp.ack == 4)
  for length = 0, #packet - 1 do
    local short = raw.parse_ipv4(string.sub(packet, 1, length))
    assert(short == nil or raw.parse_tcp(short.payload) == nil or length >= 44)
  end
  -- Options whose lengths lead nowhere.
  for _, options in ipairs { "\2\0\0\0", "\2\255\0\0", "\3\1\0\0", "\8\10\1\1" } do
    local bad = raw.tcp { source = a, destination = b, sport = 1, dport = 2, seq = 3, flags = 2,
      options = options }
    assert(raw.parse_tcp(bad).mss == nil)
  end
  local quoted = raw.parse_icmp("\11\0\0\0\0\0\0\0" .. string.sub(packet, 1, 32))
  assert(quoted.quoted.payload == string.sub(segment, 1, 8))
end

function tests.output_table_keeps_order(library)
  local output = library.stdnse.output_table()
  output.z, output.a = 1, nil
  output.b = 2
  output.z = 3
  output.c = 4
  output.b = nil
  local text = ""
  for k, v in pairs(output) do
    text = text .. k .. v
  end
  assert(text == "z3c4", text)
end

function tests.helpers(library)
  local std = library.stdnse
  assert(std.tohex("\1\xab") == "01ab" and std.tohex("abcde", { separator = ":" }) == "61:62:63:64:65")
  assert(std.fromhex("61 62") == "ab" and std.fromhex("6") == nil)
  assert(std.parse_timespec("500ms") == 0.5 and std.parse_timespec("2h") == 7200)
  assert(std.parse_timespec("5 parsecs") == nil)
  assert(std.format_output(true, { "a", { name = "b", "c" } }) == "\n  a\n  b\n    c")
  local url = library.url
  assert(url.absolute("http://h:8/a/b?c", "../d") == "http://h:8/d")
  assert(url.parse("https://u:p@[::1]:8443/x?y#z").host == "::1")
  assert(url.absolute("/a/b/c", "d/./e") == "/a/b/d/e")
  local challenges = library.http.parse_www_authenticate('Digest realm="a, b", nonce=x, Basic realm="c"')
  assert(#challenges == 2 and challenges[1].params.realm == "a, b")
  assert(challenges[2].scheme == "basic" and challenges[2].params.realm == "c")
  library.http.parse_www_authenticate(string.rep("a=", 100000))
  assert(library.stringaux.strsplit(",%s*", "a, b,,c")[3] == "")
  local when = library.datetime.date_to_timestamp({ year = 2000, month = 2, day = 29 }, 0)
  assert(when == 951782400 and library.datetime.format_timestamp(when) == "2000-02-29T00:00:00")
end

function tests.undeclared_globals_are_named(library)
  local env = library.strict {}
  local ok, why = pcall(function() return env.missing end)
  assert(not ok and string.find(why, "missing"))
  ok, why = pcall(function() env.other = 1 end)
  assert(not ok and string.find(why, "other"))
end

-- Runs them with a clock that moves only when a peer sends.
return function(nmap)
  local clock_ms = nmap.clock_ms
  nmap.clock_ms = function() return now end
  local library = setmetatable({}, { __index = function(_, name) return require(name) end })
  local failed, count = {}, 0
  for name, test in pairs(tests) do
    local ok, why = pcall(test, library)
    count = count + 1
    if not ok then
      failed[#failed + 1] = name .. ": " .. tostring(why)
    end
  end
  nmap.clock_ms = clock_ms
  table.sort(failed)
  return #failed == 0 and "all " .. count .. " passed" or table.concat(failed, "; ")
end
