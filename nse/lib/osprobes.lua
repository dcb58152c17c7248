--- The tests of Nmap's second generation of OS detection that need one open TCP port (Nmap book,
-- "TCP/IP Fingerprinting Methods Supported by Nmap"): SEQ, OPS, WIN, ECN and T1 to T4.
-- @copyright trawl contributors, Apache-2.0

local math = require "math"
local nmap = require "nmap"
local rawpacket = require "rawpacket"
local string = require "string"
local table = require "table"

local M = {}

M.LINES = { "SEQ", "OPS", "WIN", "ECN", "T1", "T2", "T3", "T4" }
local SPACING = 100  -- Milliseconds between the six SYNs.
local PATIENCE = 400
local TRIES = 2

local TS = "\x08\x0a\xff\xff\xff\xff\0\0\0\0"
local SYNS = {
  { window = 1, options = "\3\3\10\1\2\4\5\xb4" .. TS .. "\4\2" },
  { window = 63, options = "\2\4\5\x78\3\3\0\4\2" .. TS .. "\0" },
  { window = 4, options = TS .. "\1\1\3\3\5\1\2\4\2\x80" },
  { window = 4, options = "\4\2" .. TS .. "\3\3\10\0" },
  { window = 16, options = "\2\4\2\x18\4\2" .. TS .. "\3\3\10\0" },
  { window = 512, options = "\2\4\1\9\4\2" .. TS },
}
local LATE = "\3\3\10\1\2\4\1\9" .. TS .. "\4\2"
local OTHERS = {
  ECN = { flags = 0xc2, window = 3, urgent = 0xf7f5, reserved = 8,
    options = "\3\3\10\1\2\4\5\xb4\4\2\1\1" },
  T2 = { flags = 0, window = 128, df = true, options = LATE },
  T3 = { flags = 0x2b, window = 256, options = LATE },
  T4 = { flags = 0x10, window = 1024, df = true, options = LATE },
}

-- "M5B4ST11NW7": the options of an answer.
local function options_text(segment)
  local parts = {}
  for _, option in ipairs(segment.options) do
    local data = option.data
    if option.name == "eol" then
      parts[#parts + 1] = "L"
    elseif option.name == "nop" then
      parts[#parts + 1] = "N"
    elseif option.name == "mss" and #data == 2 then
      parts[#parts + 1] = string.format("M%X", string.unpack(">I2", data))
    elseif option.name == "ws" and #data == 1 then
      parts[#parts + 1] = string.format("W%X", string.byte(data))
    elseif option.name == "ts" and #data == 8 then
      local value, echo = string.unpack(">I4I4", data)
      parts[#parts + 1] = string.format("T%d%d", value ~= 0 and 1 or 0, echo ~= 0 and 1 or 0)
    elseif option.name == "sok" then
      parts[#parts + 1] = "S"
    end
  end
  return table.concat(parts)
end

local function flags_text(flags)
  local text = ""
  for _, each in ipairs { { 64, "E" }, { 32, "U" }, { 16, "A" }, { 8, "P" }, { 4, "R" }, { 2, "S" },
      { 1, "F" } } do
    if flags & each[1] ~= 0 then
      text = text .. each[2]
    end
  end
  return text
end

local function guess_ttl(ttl)
  return ttl <= 32 and 32 or ttl <= 64 and 64 or ttl <= 128 and 128 or 255
end

local function gcd(a, b)
  while b ~= 0 do
    a, b = b, a % b
  end
  return a
end

-- Sends a probe and keeps the first answer to it in `answers`.
local function send(host, port, link, state, name, fields)
  local sport = state.base + state.count
  state.count = state.count + 1
  state.names[sport] = name
  local seq, ack = math.random(1, 0x7fffffff), math.random(1, 0x7fffffff)
  state.sent[name] = { seq = seq, ack = ack, at = nmap.clock() }
  local options = fields.options .. string.rep("\0", -#fields.options % 4)
  local segment = rawpacket.tcp { source = host.bin_ip_src, destination = host.bin_ip,
    sport = sport, dport = port.number, seq = seq,
    ack = fields.flags == rawpacket.SYN and 0 or ack, flags = fields.flags, window = fields.window,
    urgent = fields.urgent, reserved = fields.reserved, options = options }
  link:ip_send(rawpacket.ipv4({ source = host.bin_ip_src, destination = host.bin_ip, protocol = 6,
    ttl = 60, id = math.random(1, 65535), df = fields.df }, segment), host)
end

-- Reads answers for so long.
local function listen(capture, state, milliseconds)
  return rawpacket.collect(capture, milliseconds, function(packet)
    local segment = packet.protocol == 6 and rawpacket.parse_tcp(packet.payload)
    local name = segment and state.names[segment.dport]
    if name and not state.answers[name] then
      state.answers[name] = { packet = packet, segment = segment }
    end
    return false
  end)
end

--- Sends the probes to one port.
-- @return the answers by test, and what was sent
function M.ask(host, port, link, capture)
  local state = { base = math.random(33000, 60000), count = 0, names = {}, sent = {}, answers = {} }
  for i, syn in ipairs(SYNS) do
    local started = nmap.clock_ms()
    send(host, port, link, state, i, { flags = rawpacket.SYN, window = syn.window,
      options = syn.options })
    listen(capture, state, started + SPACING - nmap.clock_ms())
  end
  -- What is not answered may have been lost.
  for _ = 1, TRIES do
    for _, name in ipairs { "ECN", "T2", "T3", "T4" } do
      if not state.answers[name] then
        send(host, port, link, state, name, OTHERS[name])
        listen(capture, state, 30)
      end
    end
    listen(capture, state, PATIENCE)
  end
  return state.answers, state.sent
end

-- How identifications of successive answers grow (test TI).
local function id_class(ids)
  local all_zero, largest, by_256, small = true, 0, true, true
  for i, id in ipairs(ids) do
    all_zero = all_zero and id == 0
    if i > 1 then
      local step = (id - ids[i - 1]) & 0xffff
      largest = math.max(largest, step)
      by_256 = by_256 and step % 256 == 0 and step <= 5120
      small = small and step < 10
    end
  end
  if #ids < 3 then
    return nil
  elseif all_zero then
    return "Z"
  elseif largest >= 20000 then
    return "RD"
  elseif largest == 0 then
    return string.format("%X", ids[1])
  end
  return by_256 and "BI" or small and "I" or largest > 1000 and "RI" or nil
end

-- How fast the clock of the timestamps runs (test TS).
local function clock_class(stamps)
  if #stamps == 0 then
    return "U"
  end
  local rates = {}
  for i, stamp in ipairs(stamps) do
    if stamp.value == 0 then
      return "0"
    elseif i > 1 and stamp.at > stamps[i - 1].at then
      rates[#rates + 1] = ((stamp.value - stamps[i - 1].value) & 0xffffffff) /
        (stamp.at - stamps[i - 1].at)
    end
  end
  if #rates == 0 then
    return nil
  end
  local sum = 0
  for _, rate in ipairs(rates) do
    sum = sum + rate
  end
  local mean = sum / #rates
  if mean <= 5.66 then
    return "1"
  elseif mean > 70 and mean <= 150 then
    return "7"
  elseif mean > 150 and mean <= 350 then
    return "8"
  end
  return string.format("%X", math.floor(0.5 + math.log(mean, 2)))
end

-- The tests on initial sequence numbers: greatest common divisor, rate, and how well the next can
-- be told.
local function sequence_tests(values)
  local divisor, rates = 0, {}
  for i = 2, #values do
    local step = (values[i].value - values[i - 1].value) & 0xffffffff
    if step > 0x7fffffff then
      step = 0x100000000 - step
    end
    divisor = gcd(step, divisor)
    rates[#rates + 1] = step / math.max(values[i].at - values[i - 1].at, 0.001)
  end
  local mean, squares = 0, 0
  for _, rate in ipairs(rates) do
    mean = mean + rate / #rates
  end
  local isr = mean < 1 and 0 or math.floor(0.5 + 8 * math.log(mean, 2))
  for _, rate in ipairs(rates) do
    local each = divisor > 9 and (rate - mean) / divisor or rate - mean
    squares = squares + each * each
  end
  local deviation = math.sqrt(squares / math.max(#rates - 1, 1))
  local sp = deviation <= 1 and 0 or math.floor(0.5 + 8 * math.log(deviation, 2))
  return divisor, isr, sp
end

local function sequence_line(answers, sent)
  local ids, stamps, numbers = {}, {}, {}
  for i = 1, #SYNS do
    local answer = answers[i]
    if answer and answer.segment.flags & rawpacket.SYN ~= 0 then
      ids[#ids + 1] = answer.packet.id
      numbers[#numbers + 1] = { value = answer.segment.seq, at = sent[i].at }
      if answer.segment.ts_value then
        stamps[#stamps + 1] = { value = answer.segment.ts_value, at = sent[i].at }
      end
    end
  end
  local line = { TI = id_class(ids), TS = clock_class(stamps) }
  if #numbers >= 4 then
    local divisor, isr, sp = sequence_tests(numbers)
    line.GCD, line.ISR = string.format("%X", divisor), string.format("%X", isr)
    line.SP = string.format("%X", sp)
  end
  return line
end

-- The tests on one answer; S and A compare with what the probe had.
local function answer_line(answer, sent, has_window)
  if not answer then
    return { R = "N" }
  end
  local packet, segment = answer.packet, answer.segment
  local line = { R = "Y", DF = packet.df and "Y" or "N",
    TG = string.format("%X", guess_ttl(packet.ttl)),
    T = string.format("%X", guess_ttl(packet.ttl)),
    Q = (segment.reserved ~= 0 and "R" or "") ..
      (segment.urgent ~= 0 and segment.flags & rawpacket.URG == 0 and "U" or "") }
  if has_window then
    line.W = string.format("%X", segment.window)
    line.O = options_text(segment)
  end
  line.S = segment.seq == 0 and "Z" or segment.seq == sent.ack and "A" or
    segment.seq == (sent.ack + 1 & 0xffffffff) and "A+" or "O"
  line.A = segment.ack == 0 and "Z" or segment.ack == sent.seq and "S" or
    segment.ack == (sent.seq + 1 & 0xffffffff) and "S+" or "O"
  line.F = flags_text(segment.flags)
  line.RD = "0"
  return line
end

local function ecn_line(answer, sent)
  local line = answer_line(answer, sent, true)
  line.S, line.A, line.F, line.RD = nil, nil, nil, nil
  if answer then
    local flags = answer.segment.flags
    local has_ece, has_cwr = flags & rawpacket.ECE ~= 0, flags & rawpacket.CWR ~= 0
    line.CC = has_ece and (has_cwr and "S" or "Y") or has_cwr and "O" or "N"
  end
  return line
end

--- The results as lines of tests: {SEQ = {SP = "FB", …}, …}.
function M.fingerprint(answers, sent)
  local lines = { SEQ = sequence_line(answers, sent), OPS = {}, WIN = {} }
  for i = 1, #SYNS do
    if answers[i] then
      lines.OPS["O" .. i] = options_text(answers[i].segment)
      lines.WIN["W" .. i] = string.format("%X", answers[i].segment.window)
    end
  end
  lines.ECN = ecn_line(answers.ECN, sent.ECN)
  lines.T1 = answer_line(answers[1], sent[1], false)
  for _, name in ipairs { "T2", "T3", "T4" } do
    lines[name] = answer_line(answers[name], sent[name], true)
  end
  return lines
end

--- A line as it stands in a fingerprint: "WIN(W1=FE88%W2=FE88)".
function M.line_text(name, tests)
  local keys, parts = {}, {}
  for key in pairs(tests) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    parts[i] = key .. "=" .. tests[key]
  end
  return name .. "(" .. table.concat(parts, "%") .. ")"
end

--- What a stack has of its own: everything but what changes from one run to the next, and the
-- windows, which services set.
function M.stack_key(lines)
  -- A system may begin the clock of each connection anew, and then the rate says nothing.
  local stamps = lines.SEQ.TS
  local parts = { tostring(lines.SEQ.TI), (stamps == "U" or stamps == "0") and stamps or "T",
    M.line_text("OPS", lines.OPS) }
  for _, name in ipairs { "ECN", "T1", "T2", "T3", "T4" } do
    local kept = {}
    for key, value in pairs(lines[name]) do
      kept[key] = key ~= "W" and value or nil
    end
    parts[#parts + 1] = M.line_text(name, kept)
  end
  return table.concat(parts, " ")
end

return M
