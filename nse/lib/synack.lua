--- Which system answers a SYN: the signature of its SYN-ACK in the form of p0f 3, and the names of
-- signatures in a file of that form.
-- @copyright trawl contributors, Apache-2.0

local nmap = require "nmap"
local rawpacket = require "rawpacket"
local string = require "string"
local table = require "table"

local M = {}

local MOST_LINES = 20000
local FARTHEST = 40  -- Routers on the way.

-- The time to live that the packet began with.
local function initial_ttl(ttl)
  for _, each in ipairs { 32, 64, 128, 255 } do
    if ttl <= each then
      return each
    end
  end
  return 255
end

local function quirks_of(packet, segment)
  local list = {}
  local function note(name, is_there)
    if is_there then
      list[#list + 1] = name
    end
  end
  note("df", packet.df)
  note("id+", packet.df and packet.id ~= 0)
  note("id-", not packet.df and packet.id == 0)
  note("ecn", packet.tos & 3 ~= 0 or segment.flags & (rawpacket.ECE | rawpacket.CWR) ~= 0)
  note("0+", packet.reserved or segment.reserved & 14 ~= 0)
  note("seq-", segment.seq == 0)
  note("ack-", segment.flags & rawpacket.ACK == 0)
  note("uptr+", segment.urgent ~= 0 and segment.flags & rawpacket.URG == 0)
  note("urgf+", segment.flags & rawpacket.URG ~= 0)
  note("pushf+", segment.flags & rawpacket.PSH ~= 0)
  note("ts1-", segment.ts_value == 0)
  note("opt+", segment.options.padding ~= nil and string.find(segment.options.padding, "%Z") ~= nil)
  note("exws", (segment.scale or 0) > 14)
  note("bad", segment.options.bad)
  return list
end

local function layout_of(segment)
  local names = {}
  for i, option in ipairs(segment.options) do
    names[i] = option.name
    if option.name == "eol" then
      names[i] = "eol+" .. #(segment.options.padding or "")
    end
  end
  return table.concat(names, ",")
end

--- The parts of a SYN-ACK's signature.
function M.describe(packet, segment)
  return {
    ttl = packet.ttl,
    initial = initial_ttl(packet.ttl),
    option_length = #packet.options,
    mss = segment.mss,
    window = segment.window,
    scale = segment.scale or 0,
    layout = layout_of(segment),
    quirks = table.concat(quirks_of(packet, segment), ","),
    payload = #segment.payload > 0 and "+" or "0",
    has_timestamps = segment.ts_value ~= nil,
  }
end

--- The signature in one line.
function M.text(parts)
  local window = tostring(parts.window)
  if parts.mss and parts.mss > 0 and parts.window > 0 and parts.window % parts.mss == 0 then
    window = "mss*" .. parts.window // parts.mss
  end
  return string.format("4:%d+%d:%d:%s:%s,%d:%s:%s:%s", parts.ttl, parts.initial - parts.ttl,
    parts.option_length, parts.mss or "*", window, parts.scale, parts.layout, parts.quirks,
    parts.payload)
end

--- What a stack has of its own, whatever its services set: two ports that differ here are answered
-- by two systems.
function M.stack_key(parts)
  return string.format("%d:%d:%s:%s:%s", parts.ttl, parts.option_length, parts.mss or "*",
    parts.layout, parts.quirks)
end

local function window_fits(wanted, parts)
  local kind, factor = string.match(wanted, "^(%a+)[*<](%d+)$")
  local mss = parts.mss or 0
  if wanted == "*" then
    return true
  elseif not kind then
    local modulus = string.match(wanted, "^%%(%d+)$")
    if modulus then
      return tonumber(modulus) > 0 and parts.window % tonumber(modulus) == 0
    end
    return tonumber(wanted) == parts.window
  end
  factor = tonumber(factor)
  local segment = mss - (parts.has_timestamps and 12 or 0)
  if kind == "mss" then
    return mss > 0 and parts.window == mss * factor
  elseif kind == "mtu" then
    return mss > 0 and parts.window == (mss + 40) * factor
  elseif kind == "seg" and segment > 0 then
    if string.find(wanted, "<", 1, true) then
      return parts.window == factor // segment * segment
    end
    return parts.window == segment * factor
  end
  return false
end

-- The quirks of a signature that an IPv4 packet can show.
local function quirks_fit(wanted, parts)
  local set, count = {}, 0
  for quirk in string.gmatch(wanted, "[^,]+") do
    if quirk ~= "flow" then
      set[quirk], count = true, count + 1
    end
  end
  for quirk in string.gmatch(parts.quirks, "[^,]+") do
    if not set[quirk] then
      return false
    end
    count = count - 1
  end
  return count == 0
end

local function fits(signature, parts)
  local initial = tonumber(string.match(signature.ttl, "^%d+"))
  return (signature.version == "*" or signature.version == "4") and
    initial and parts.ttl <= initial and initial - parts.ttl <= FARTHEST and
    (signature.option_length == "*" or tonumber(signature.option_length) == parts.option_length) and
    (signature.mss == "*" or tonumber(signature.mss) == parts.mss) and
    (signature.scale == "*" or tonumber(signature.scale) == parts.scale) and
    signature.layout == parts.layout and
    (signature.payload == "*" or signature.payload == parts.payload) and
    window_fits(signature.window, parts) and quirks_fit(signature.quirks, parts)
end

local function parse_signature(text)
  local version, ttl, option_length, mss, window, scale, layout, quirks, payload =
    string.match(text, "^([^:]*):([^:]*):([^:]*):([^:]*):([^,:]*),([^:]*):([^:]*):([^:]*):([^:]*)$")
  if not version then
    return nil
  end
  return { version = version, ttl = ttl, option_length = option_length, mss = mss, window = window,
    scale = scale, layout = layout, quirks = quirks, payload = payload }
end

--- The signatures of the data files os-signatures or p0f.fp: a list; empty when there is none.
function M.load()
  local list = {}
  local path = nmap.fetchfile("os-signatures") or nmap.fetchfile("p0f.fp")
  local file = path and io.open(path, "r")
  if not file then
    return list
  end
  local label, is_ours, count = nil, false, 0
  for line in file:lines() do
    count = count + 1
    if count > MOST_LINES then
      break
    end
    local section = string.match(line, "^%[(.-)%]")
    if section then
      is_ours = section == "tcp:response"
    elseif is_ours then
      label = string.match(line, "^label%s*=%s*(.-)%s*$") or label
      local text = string.match(line, "^sig%s*=%s*(.-)%s*$")
      local signature = text and label and parse_signature(text)
      if signature then
        signature.label = label
        list[#list + 1] = signature
      end
    end
  end
  file:close()
  return list
end

--- The name of the first signature that fits, such as "Linux 4.20-6.x"; specific ones first.
function M.match(list, parts)
  for _, kind in ipairs { "s", "g" } do
    for _, signature in ipairs(list) do
      if string.sub(signature.label, 1, 1) == kind and fits(signature, parts) then
        local family, version = string.match(signature.label, "^%a:[^:]*:([^:]*):(.*)$")
        if family then
          return version ~= "" and family .. " " .. version or family
        end
        return signature.label
      end
    end
  end
  return nil
end

return M
