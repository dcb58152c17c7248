local bytereader = require "bytereader"
local oncrpc = require "oncrpc"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the folders that an NFS server exports and to whom, as "showmount -e" does (RFC 1813, appendix
I).
]]

---
-- @usage
-- -p 111,20048 --script nfs-exports
-- @output
-- 111/tcp open  rpcbind
-- | nfs-exports:
-- |_  /files 192.0.2.0/24

author = "trawl contributors"
license = "Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 111, 20048 }, { "rpcbind", "mountd" }, { "tcp", "udp" })

local MOST_FOLDERS, MOST_GROUPS = 200, 100

-- Where the mount daemon listens, by the port mapper; itself when the port is no port mapper.
local function mount_port(host, port)
  if port.number ~= 111 and port.service ~= "rpcbind" then
    return port
  end
  local best
  for _, entry in ipairs(oncrpc.dump(host, port) or {}) do
    if entry.program == oncrpc.MOUNT and entry.port > 0 and entry.protocol == port.protocol and
        entry.version <= 3 then
      best = { number = entry.port, protocol = entry.protocol, state = "open" }
    end
  end
  return best
end

local function read_exports(r)
  local list = {}
  while r:u32() == 1 and #list < MOST_FOLDERS do
    local entry = { folder = oncrpc.read_string(r, 1024), groups = {} }
    while r:u32() == 1 do
      local group = oncrpc.read_string(r, 255)
      if #entry.groups < MOST_GROUPS then
        table.insert(entry.groups, group)
      end
    end
    list[#list + 1] = entry
  end
  return list
end

local function exports(host, port)
  for _, version in ipairs { 3, 1 } do
    local data, why = oncrpc.call(host, port, { program = oncrpc.MOUNT, version = version,
      procedure = 5 })
    if data then
      local ok, list = bytereader.parse(data, read_exports)
      return ok and list or nil, list
    end
    stdnse.debug1("mount version %d: %s", version, why)
  end
  return nil, "no answer"
end

action = function(host, port)
  local mount = mount_port(host, port)
  local list = mount and exports(host, mount)
  if not list or #list == 0 then
    return nil
  end
  local output, lines = {}, {}
  for i, each in ipairs(list) do
    local entry = stdnse.output_table()
    entry.folder = each.folder
    entry.clients = #each.groups > 0 and each.groups or { "*" }
    output[i] = entry
    lines[i] = "  " .. each.folder .. " " .. table.concat(entry.clients, " ")
  end
  return output, "\n" .. table.concat(lines, "\n")
end
