--- Helpers for tables.
-- @copyright trawl contributors, Apache-2.0

local M = {}

--- A copy, also of the tables in it. What refers to itself does so in the copy.
function M.tcopy(value)
  local copies = {}
  local function copy(from)
    if type(from) ~= "table" then
      return from
    end
    if copies[from] then
      return copies[from]
    end
    local to = {}
    copies[from] = to
    for k, v in pairs(from) do
      to[copy(k)] = copy(v)
    end
    return setmetatable(to, getmetatable(from))
  end
  return copy(value)
end

--- A copy of the first level.
function M.shallow_tcopy(from)
  local to = {}
  for k, v in pairs(from) do
    to[k] = v
  end
  return to
end

--- The values as keys, and the keys as values.
function M.invert(from)
  local to = {}
  for k, v in pairs(from) do
    to[v] = k
  end
  return to
end

--- Whether a value is in a table.
-- @return true and its key, or false
function M.contains(where, item, array)
  local iterate = array and ipairs or pairs
  for k, v in iterate(where) do
    if v == item then
      return true, k
    end
  end
  return false, nil
end

--- The keys as a list.
function M.keys(from)
  local list = {}
  for k in pairs(from) do
    list[#list + 1] = k
  end
  return list
end

--- Whether all keys are 1 to the table's length.
function M.is_array(what)
  if type(what) ~= "table" then
    return false
  end
  local count = 0
  for k in pairs(what) do
    if math.type(k) ~= "integer" then
      return false
    end
    count = count + 1
  end
  return count == #what
end

--- Fills a list with what an iterator gives.
function M.new_with(list, iterate, state, first)
  for _, v in iterate, state, first do
    list[#list + 1] = v
  end
  return list
end

return M
