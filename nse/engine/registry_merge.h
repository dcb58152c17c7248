#pragma once

#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace trawl::nse {

// What the table nmap.registry of one Lua state has in plain data, and how what several states
// added or changed becomes the same in all of them.
//
// Plain are booleans, numbers, strings and tables without metatable of such. All else stays where
// it is: functions, userdata, threads, tables with a metatable, a table within itself, and what is
// beyond the bounds. Metamethods are never called.

using RegistryKey = std::variant<bool, std::int64_t, double, std::string>;

struct RegistryTable;
// std::monostate: something is there, and it stays.
using RegistryValue = std::variant<std::monostate, bool, std::int64_t, double, std::string,
                                   std::shared_ptr<const RegistryTable>>;
struct RegistryTable {
  std::map<RegistryKey, RegistryValue> fields{};
};

struct RegistryBounds {
  std::size_t levels = 64;
  std::size_t values = 1'000'000;
  std::size_t string_bytes = std::size_t{64} << 20U;
};

struct RegistrySnapshot {
  RegistryTable table{};
  bool is_complete = true;  // False: there is more, beyond the bounds.
};

struct RegistryChanges;
struct RegistryChange {
  enum class Kind : std::uint8_t { Put, Remove, Inside };
  Kind kind = Kind::Put;
  RegistryValue value{};                         // Of Put; no table.
  std::shared_ptr<RegistryChanges> inside = {};  // Of Inside: of the table, made where none is.
};
struct RegistryChanges {
  std::map<RegistryKey, RegistryChange> fields{};
  std::int64_t length = 0;  // Of the list before...
  // ...and what was put behind it, by one state after the other.
  std::vector<std::vector<RegistryValue>> appended{};

  [[nodiscard]] bool empty() const noexcept { return fields.empty() && appended.empty(); }
};

// Fails where there is no memory in the state.
[[nodiscard]] Result<RegistrySnapshot> take_registry(lua_State* lua,
                                                     const RegistryBounds& bounds = {});
// What became of `before`. From what is not complete nothing is told to be gone.
[[nodiscard]] RegistryChanges changes_between(const RegistrySnapshot& before,
                                              const RegistrySnapshot& now);
// Adds what the next state changed. Of two that changed one field the later counts. Tables are
// united field by field, and lists that both made longer are put one behind the other; when both
// put the same behind, it is there once.
void add_changes(RegistryChanges& all, const RegistryChanges& next);
// Changes the tables there are, in place; but puts nothing where something is that stays.
[[nodiscard]] Result<void> apply_changes(lua_State* lua, const RegistryChanges& changes);

}  // namespace trawl::nse
