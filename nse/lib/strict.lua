--- Makes an undeclared global variable an error.
--
-- <code>local _ENV = strict {}</code> gives a chunk an environment in which reading or writing a
-- global that nobody declared raises an error that names it. A global counts as declared when the
-- main chunk of a file, or a C function, assigns it.
-- @copyright trawl contributors, Apache-2.0

local debug = require "debug"
local error = error
local getmetatable = getmetatable
local rawset = rawset
local setmetatable = setmetatable
local type = type

-- What the function that touches the variable is: "main", "Lua" or "C".
local function toucher()
  local info = debug.getinfo(3, "S")
  return info and info.what or "C"
end

--- Returns <code>env</code>, whose globals have to be declared from now on.
-- What <code>env</code> lacks is looked up in what its metatable's <code>__index</code> had, else
-- in <code>_G</code>.
return function(env)
  local meta = getmetatable(env)
  if meta == nil then
    meta = {}
    setmetatable(env, meta)
  end
  local outer = meta.__index
  if outer == nil and env ~= _G then
    outer = _G
  end
  local declared = {}
  meta.__newindex = function(where, name, value)
    if not declared[name] then
      if toucher() == "Lua" then
        error("assign to undeclared variable '" .. tostring(name) .. "'", 2)
      end
      declared[name] = true
    end
    rawset(where, name, value)
  end
  meta.__index = function(where, name)
    local value
    if type(outer) == "function" then
      value = outer(where, name)
    elseif outer ~= nil then
      value = outer[name]
    end
    if value == nil and not declared[name] and toucher() ~= "C" then
      error("variable '" .. tostring(name) .. "' is not declared", 2)
    end
    return value
  end
  return env
end
