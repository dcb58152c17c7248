#pragma once

#include <lua.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace trawl::nse {

struct ArgumentTable;

// A string, or a table: a vector of one, for a type cannot hold itself.
using ArgumentValue = std::variant<std::string, std::vector<ArgumentTable>>;

// What --script-args gives: values with a name, and values without, which are numbered from 1.
struct ArgumentTable {
  std::vector<ArgumentValue> listed{};
  std::vector<std::pair<std::string, ArgumentValue>> named{};  // A later one of a name counts.
};

// Parses "user=foo,pass=\",{}=bar\",whois={whodb=nofollow+ripe},flag". Strings without quotes end
// at one of {}=, and lose blanks around them; in quoted ones a backslash protects a quote or a
// backslash. Fails with the column of what is wrong.
[[nodiscard]] Result<ArgumentTable> parse_script_args(std::string_view text);
// The same for a file, where the end of a line is a comma and empty lines do not count.
[[nodiscard]] Result<ArgumentTable> parse_script_args_file(std::string_view text);
// Adds `later`, which wins where both have a name.
void add_arguments(ArgumentTable& to, const ArgumentTable& later);
// Pushes it as a Lua table: nmap.registry.args.
void push_arguments(lua_State* lua, const ArgumentTable& arguments);

}  // namespace trawl::nse
