--- What nearly every script needs: messages, arguments, output and small conversions.
--
-- The script engine adds <code>new_thread</code>, <code>base</code>, <code>gettid</code>,
-- <code>isworker</code> and <code>silent_require</code>.
-- @copyright trawl contributors, Apache-2.0

local math = require "math"
local nmap = require "nmap"
local string = require "string"
local stringaux = require "stringaux"
local table = require "table"
local tableaux = require "tableaux"

local M = {}

--- Suspends the script.
-- @param seconds may be a fraction
M.sleep = nmap.socket.sleep

local function log(enabled, wanted, format, ...)
  if enabled < wanted then
    return
  end
  local text = select("#", ...) > 0 and string.format(format, ...) or tostring(format)
  nmap.log_write("stdout", text)
end

--- Prints a message when the debugging level is at least <code>level</code>.
-- <code>debug1</code> to <code>debug5</code> have the level in their name.
function M.debug(level, format, ...)
  log(nmap.debugging(), level, format, ...)
end

--- Prints a message when the verbosity is at least <code>level</code>.
function M.verbose(level, format, ...)
  log(nmap.verbosity(), level, format, ...)
end

for level = 1, 5 do
  M["debug" .. level] = function(format, ...)
    log(nmap.debugging(), level, format, ...)
  end
  M["verbose" .. level] = function(format, ...)
    log(nmap.verbosity(), level, format, ...)
  end
end

-- The older forms, in which the level may be left out.
local function with_optional_level(print)
  return function(level, format, ...)
    if type(level) == "number" then
      return print(level, format, ...)
    end
    return print(1, level, format, ...)
  end
end
M.print_debug = with_optional_level(M.debug)
M.print_verbose = with_optional_level(M.verbose)

--- A function that returns one part of what a socket receives at each call, without the
-- separator that ends it; nil and the error at the end.
function M.make_buffer(socket, separator)
  local buffer, failed = "", nil
  return function()
    while true do
      local first, last = string.find(buffer, separator)
      if first then
        local part = string.sub(buffer, 1, first - 1)
        buffer = string.sub(buffer, last + 1)
        return part
      end
      if failed then
        if buffer ~= "" then
          local part = buffer
          buffer = ""
          return part
        end
        return nil, failed
      end
      local status, data = socket:receive()
      if status then
        buffer = buffer .. data
      else
        failed = data
      end
    end
  end
end

local function with_separator(digits, options)
  local separator = options and options.separator
  if not separator then
    return digits
  end
  local group = options.group or 2
  local parts, first = {}, #digits % group
  if first > 0 then
    parts[1] = string.sub(digits, 1, first)
  end
  for at = first + 1, #digits, group do
    parts[#parts + 1] = string.sub(digits, at, at + group - 1)
  end
  return table.concat(parts, separator)
end

--- Hexadecimal digits of a string's bytes or of a number.
-- @param options <code>separator</code> between groups of <code>group</code> digits (2)
function M.tohex(value, options)
  if type(value) == "number" then
    return with_separator(string.format("%x", value), options)
  elseif type(value) ~= "string" then
    error("tohex wants a string or a number, not a " .. type(value), 2)
  end
  return with_separator((string.gsub(value, ".", function(c)
    return string.format("%02x", string.byte(c))
  end)), options)
end

--- The bytes that hexadecimal digits stand for, or nil and why there are none.
function M.fromhex(digits)
  digits = string.gsub(digits, "%s+", "")
  if #digits % 2 ~= 0 then
    return nil, "odd number of hexadecimal digits"
  elseif string.find(digits, "%X") then
    return nil, "not hexadecimal digits"
  end
  return (string.gsub(digits, "..", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

--- What a host is called: its target name, else its name, else its address.
function M.get_hostname(host)
  if type(host) ~= "table" then
    return host
  end
  for _, name in ipairs { host.targetname or "", host.name or "" } do
    if name ~= "" then
      return name
    end
  end
  return host.ip
end

--- Seconds of "500ms", "10s", "5m", "2h" or a plain number; nil and why for anything else.
function M.parse_timespec(spec)
  if spec == nil then
    return nil, "no time given"
  end
  local number, unit = string.match(spec, "^([%d.]+)(%a*)$")
  number = tonumber(number)
  local seconds = { [""] = 1, ms = 0.001, s = 1, m = 60, h = 3600 }
  if not number or not seconds[unit] then
    return nil, string.format("'%s' is not a time", tostring(spec))
  end
  return number * seconds[unit]
end

--- The time in milliseconds.
M.clock_ms = nmap.clock_ms

--- The time in microseconds.
function M.clock_us()
  return math.floor(nmap.clock() * 1e6)
end

--- "00:11:22:33:44:55" of six bytes.
function M.format_mac(mac)
  return M.tohex(mac, { separator = ":" })
end

--- The text, or what stands for none.
function M.string_or_blank(text, blank)
  if text == nil or text == "" then
    return blank or ""
  end
  return text
end

--- A table whose keys come in the order in which they were first given a value.
function M.output_table()
  local keys, values = {}, {}
  local function successor(_, key)
    local at = 1
    if key ~= nil then
      for i = 1, #keys do
        if keys[i] == key then
          at = i + 1
          break
        end
      end
    end
    if keys[at] ~= nil then
      return keys[at], values[keys[at]]
    end
    return nil
  end
  return setmetatable({}, {
    __index = values,
    __len = function() return #values end,
    __newindex = function(_, key, value)
      if values[key] == nil and value ~= nil then
        keys[#keys + 1] = key
      elseif value == nil then
        for i = #keys, 1, -1 do
          if keys[i] == key then
            table.remove(keys, i)
          end
        end
      end
      values[key] = value
    end,
    __pairs = function(self) return successor, self, nil end,
    __call = function(self) return successor, self, nil end,
  })
end

-- Appends the lines of a list to `lines`.
local function format_list(data, indent, lines, depth)
  if depth > 20 then
    lines[#lines + 1] = indent .. "..."
    return
  end
  for _, entry in ipairs(data) do
    if type(entry) == "table" then
      local inner = indent
      if entry.name then
        lines[#lines + 1] = indent .. tostring(entry.name)
        inner = indent .. "  "
      end
      if entry.warning and nmap.debugging() > 0 then
        lines[#lines + 1] = inner .. "WARNING: " .. tostring(entry.warning)
      end
      format_list(entry, inner, lines, depth + 1)
    else
      for line in string.gmatch(tostring(entry) .. "\n", "([^\n]*)\n") do
        lines[#lines + 1] = indent .. line
      end
    end
  end
end

--- The text of a list, of lists in it with a <code>name</code>, and so on: the older way to
-- write output.
-- @param status false when <code>data</code> is an error; then only told with debugging
function M.format_output(status, data)
  if not status then
    if nmap.debugging() < 1 then
      return nil
    end
    local text = type(data) == "table" and table.concat(data, "\n  ") or tostring(data or "")
    return "ERROR: " .. text
  end
  if type(data) ~= "table" then
    return tostring(data)
  end
  local lines = {}
  if data.name then
    lines[1] = tostring(data.name)
  end
  format_list(data, "  ", lines, 0)
  if #lines == 0 then
    return nil
  end
  return "\n" .. table.concat(lines, "\n")
end

local function argument(name)
  local args = nmap.registry.args
  if type(args) ~= "table" then
    return nil
  end
  if args[name] ~= nil then
    return args[name]
  end
  -- script.arg may be given as {script = {arg = ...}}, and as arg alone.
  local script, short = string.match(name, "^(.-)%.(.+)$")
  if script then
    if type(args[script]) == "table" and args[script][short] ~= nil then
      return args[script][short]
    end
    return args[short]
  end
  return nil
end

--- The values of script arguments, in the order of their names; nil for those not given.
-- A name may be a list of alternatives.
function M.get_script_args(...)
  local names, values = { ... }, {}
  for i, name in ipairs(names) do
    for _, each in ipairs(type(name) == "table" and name or { name }) do
      local value = argument(each)
      if value ~= nil then
        values[i] = value == "" and true or value
        break
      end
    end
  end
  return table.unpack(values, 1, #names)
end

--- The interfaces that the script may use: of -e, else those that are up and no loopback.
function M.get_script_interfaces(filter)
  local found, chosen = {}, nmap.get_interface()
  if chosen then
    local info = nmap.get_interface_info(chosen)
    found = info and { info } or {}
  else
    for _, interface in ipairs(nmap.list_interfaces()) do
      if interface.up == "up" and interface.link ~= "loopback" then
        found[#found + 1] = interface
      end
    end
  end
  if not filter then
    return found
  end
  local kept = {}
  for _, interface in ipairs(found) do
    local value = filter(interface)
    if value then
      kept[#kept + 1] = value == true and interface or value
    end
  end
  return kept
end

--- Milliseconds to wait for a host's answer, from its measured times.
function M.get_timeout(host, longest, shortest)
  longest, shortest = longest or 8000, shortest or 1000
  local told = type(host) == "table" and host.times and host.times.timeout
  if not told then
    return longest
  end
  return math.max(math.min(math.floor(told * 1000) * 3, longest), shortest)
end

--- Has <code>pairs()</code> and <code>tostring</code> of values for people, for messages.
function M.pretty_printer(value, write)
  write = write or function(text) nmap.log_write("stdout", text) end
  local seen = {}
  local function text(each, indent)
    if type(each) == "string" then
      return string.format("%q", each)
    elseif type(each) ~= "table" or seen[each] then
      return tostring(each)
    end
    seen[each] = true
    local lines = {}
    for k, v in pairs(each) do
      lines[#lines + 1] = indent .. "  " .. tostring(k) .. " = " .. text(v, indent .. "  ")
    end
    return "{\n" .. table.concat(lines, ",\n") .. "\n" .. indent .. "}"
  end
  write(text(value, ""))
end

--- Lets a module see all globals; an option of <code>module</code>.
function M.seeall(env)
  local meta = getmetatable(env) or {}
  meta.__index = _G
  return setmetatable(env, meta)
end

--- Makes a module: <code>_ENV = stdnse.module("name", stdnse.seeall)</code>, and at the end
-- <code>return _ENV</code>.
function M.module(name, ...)
  local env = { _NAME = name }
  env._M = env
  for _, option in ipairs { ... } do
    option(env)
  end
  return require "strict"(env)
end

-- Names that scripts written for older editions still use.
M.strjoin = stringaux.strjoin
M.strsplit = stringaux.strsplit
M.keys = tableaux.keys
M.contains = tableaux.contains

return M
