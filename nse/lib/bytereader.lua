--- Reads fields of binary data without ever reading past its end.
--
-- <code>bytereader.parse(data, function(r) return r:u16(), r:rest() end)</code> returns true and
-- what the function returns, or false and why the data is too short. For data from the network, of
-- which any length is a lie until it is checked.
-- @copyright trawl contributors, Apache-2.0

local string = require "string"

local M = {}

local Reader = {}
Reader.__index = Reader

-- What take() raises, told apart from mistakes of the caller.
local SHORT = { "the data ends early" }

local function take(self, count)
  local from = self.at
  if count < 0 or count > #self.data - from + 1 then
    error(SHORT, 0)
  end
  self.at = from + count
  return from
end

local function fixed(format, size)
  return function(self)
    local from = take(self, size)
    return (string.unpack(format, self.data, from))
  end
end

Reader.u8 = fixed("B", 1)
Reader.u16 = fixed(">I2", 2)
Reader.u24 = fixed(">I3", 3)
Reader.u32 = fixed(">I4", 4)
Reader.u64 = fixed(">i8", 8)
Reader.u16le = fixed("<I2", 2)
Reader.u32le = fixed("<I4", 4)
Reader.u64le = fixed("<i8", 8)

--- The next <code>count</code> bytes.
function Reader:bytes(count)
  local from = take(self, count)
  return string.sub(self.data, from, from + count - 1)
end

--- Leaves out <code>count</code> bytes.
function Reader:skip(count)
  take(self, count)
end

--- Everything that is left.
function Reader:rest()
  return self:bytes(self:left())
end

--- How many bytes are left.
function Reader:left()
  return #self.data - self.at + 1
end

--- A string that a NUL ends; without the NUL.
function Reader:zstring()
  local stop = string.find(self.data, "\0", self.at, true)
  if not stop then
    error(SHORT, 0)
  end
  local text = string.sub(self.data, self.at, stop - 1)
  self.at = stop + 1
  return text
end

--- Bytes after their length as an unsigned number of 1, 2, 3 or 4 bytes, big endian.
function Reader:counted(size)
  local from = take(self, size)
  return self:bytes((string.unpack(">I" .. size, self.data, from)))
end

--- A reader for the bytes of a string, for <code>pcall</code>ed code; see <code>parse</code>.
function M.new(data, from)
  return setmetatable({ data = data, at = from or 1 }, Reader)
end

--- Ends the parse that runs: parse() returns false and the reason.
function M.fail(reason)
  error({ reason }, 0)
end

--- Calls <code>f</code> with a reader.
-- @return true and what f returns; false and why when the data is too short or f called fail()
function M.parse(data, f)
  local results = table.pack(pcall(f, M.new(data)))
  if not results[1] and type(results[2]) == "table" then
    return false, results[2][1]
  elseif not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 1, results.n)
end

return M
