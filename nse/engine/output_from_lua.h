#pragma once

#include <lua.hpp>
#include <optional>

#include "nse/engine/output_value.h"

namespace trawl::nse {

// What the values an action returned, from index `first` up, are as output: nothing for nil; the
// text of the second, if there is one, else that of the first; the structure of the first unless it
// is the text itself. Values are made text as tostring does, and pairs() gives the order of keys.
// Keys that are no strings, and values behind a gap in an array, are not told.
//
// Calls metamethods of the script: to be called within a protected call. Raises an error for tables
// that hold themselves or have too many values.
[[nodiscard]] std::optional<ScriptOutput> output_from_lua(lua_State* lua, int first);

}  // namespace trawl::nse
