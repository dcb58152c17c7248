local nmap = require "nmap"
local oncrpc = require "oncrpc"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Lists the programs that a host's port mapper knows (RFC 1833): number, name, versions, ports.
]]

---
-- @usage
-- -p 111 --script rpc-list
-- @output
-- 111/tcp open  rpcbind
-- | rpc-list:
-- |   program version    port/proto  service
-- |   100000  2,3,4        111/tcp   rpcbind
-- |_  100003  3,4         2049/tcp   nfs

author = "trawl contributors"
license = "Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(111, "rpcbind", { "tcp", "udp" })

local MOST_LINES = 4000  -- Of the file of names.
local USUAL = { [100000] = "rpcbind", [100003] = "nfs", [100005] = "mountd", [100021] = "nlockmgr",
  [100024] = "status", [100227] = "nfs_acl" }

-- Names of programs by number, of the data file nmap-rpc.
local function names()
  local known = {}
  local path = nmap.fetchfile("nmap-rpc")
  local file = path and io.open(path, "r")
  if file then
    local count = 0
    for line in file:lines() do
      count = count + 1
      if count > MOST_LINES then
        break
      end
      local name, number = string.match(line, "^([^#%s]+)%s+(%d+)")
      if name then
        known[tonumber(number)] = known[tonumber(number)] or name
      end
    end
    file:close()
  end
  return setmetatable(known, { __index = USUAL })
end

-- Programs on the same port and transport, with all their versions.
local function merge(list)
  local rows, by_key = {}, {}
  for _, entry in ipairs(list) do
    local key = string.format("%d %s %d", entry.program, entry.protocol, entry.port)
    local row = by_key[key]
    if not row then
      row = { program = entry.program, protocol = entry.protocol, port = entry.port, versions = {} }
      by_key[key] = row
      rows[#rows + 1] = row
    end
    row.versions[#row.versions + 1] = entry.version
  end
  table.sort(rows, function(a, b)
    if a.program ~= b.program then
      return a.program < b.program
    elseif a.protocol ~= b.protocol then
      return a.protocol < b.protocol
    end
    return a.port < b.port
  end)
  return rows
end

action = function(host, port)
  local list, why = oncrpc.dump(host, port)
  if not list then
    stdnse.debug1("%s", why)
    return nil
  elseif #list == 0 then
    return nil
  end
  local known = names()
  local lines, output = { "program version    port/proto  service" }, {}
  for _, row in ipairs(merge(list)) do
    table.sort(row.versions)
    local versions = table.concat(row.versions, ",")
    local entry = stdnse.output_table()
    entry.program = row.program
    entry.versions = versions
    entry.port = row.port
    entry.protocol = row.protocol
    entry.service = known[row.program]
    output[#output + 1] = entry
    lines[#lines + 1] = string.format("%-7d %-8s %6d/%-5s %s", row.program, versions, row.port,
      row.protocol, known[row.program] or "")
  end
  for i, line in ipairs(lines) do
    lines[i] = "  " .. string.gsub(line, "%s+$", "")
  end
  return output, "\n" .. table.concat(lines, "\n")
end
