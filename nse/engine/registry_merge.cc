#include "nse/engine/registry_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "nse/lua/lua_state.h"

namespace trawl::nse {
namespace {

using TablePointer = std::shared_ptr<const RegistryTable>;

// Leaves nmap.registry on the stack, or something else that is no table.
void push_registry(lua_State* lua) {
  luaL_getsubtable(lua, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  for (const char* name : {"nmap", "registry"}) {
    if (!lua_istable(lua, -1)) return;
    lua_pushstring(lua, name);
    lua_rawget(lua, -2);
  }
}

bool is_plain_table(lua_State* lua, int index) {
  if (!lua_istable(lua, index)) return false;
  if (lua_getmetatable(lua, index) == 0) return true;
  lua_pop(lua, 1);
  return false;
}

bool stays(lua_State* lua, int index) {
  switch (lua_type(lua, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TSTRING: return false;
    default: return !is_plain_table(lua, index);
  }
}

class Taker {
 public:
  Taker(lua_State* lua, const RegistryBounds& bounds) : lua_{lua}, bounds_{bounds} {}

  // The value at the top of the stack; monostate where it stays, or is too much.
  RegistryValue value() {
    switch (lua_type(lua_, -1)) {
      case LUA_TBOOLEAN: return lua_toboolean(lua_, -1) != 0;
      case LUA_TNUMBER:
        if (lua_isinteger(lua_, -1) == 0) return lua_tonumber(lua_, -1);
        return static_cast<std::int64_t>(lua_tointeger(lua_, -1));
      case LUA_TSTRING: {
        auto text = string(-1);
        if (!text) return {};
        return std::move(*text);
      }
      case LUA_TTABLE: return is_plain_table(lua_, -1) ? table() : RegistryValue{};
      default: return {};
    }
  }
  [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }

 private:
  std::optional<std::string> string(int index) {
    std::size_t size = 0;
    const char* const text = lua_tolstring(lua_, index, &size);
    if (size > bounds_.string_bytes - bytes_) {
      is_complete_ = false;
      return {};
    }
    bytes_ += size;
    return std::string{text, size};
  }

  std::optional<RegistryKey> key(int index) {
    switch (lua_type(lua_, index)) {
      case LUA_TBOOLEAN: return lua_toboolean(lua_, index) != 0;
      case LUA_TNUMBER:
        if (lua_isinteger(lua_, index) == 0) return lua_tonumber(lua_, index);
        return static_cast<std::int64_t>(lua_tointeger(lua_, index));
      case LUA_TSTRING: {
        auto text = string(index);
        if (!text) return {};
        return std::move(*text);
      }
      default: return {};
    }
  }

  RegistryValue table() {
    const void* const self = lua_topointer(lua_, -1);
    if (std::find(path_.begin(), path_.end(), self) != path_.end()) return {};
    if (path_.size() == bounds_.levels) {
      is_complete_ = false;
      return {};
    }
    luaL_checkstack(lua_, 6, "registry too deep");
    path_.push_back(self);
    auto taken = std::make_shared<RegistryTable>();
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; lua_pop(lua_, 1)) {
      if (values_ == bounds_.values) {
        is_complete_ = false;
        lua_pop(lua_, 2);
        break;
      }
      ++values_;
      if (auto name = key(-2)) taken->fields.insert_or_assign(std::move(*name), value());
    }
    path_.pop_back();
    return TablePointer{std::move(taken)};
  }

  lua_State* lua_;
  const RegistryBounds& bounds_;
  std::vector<const void*> path_{};  // Of tables, the outermost first.
  std::size_t values_ = 0, bytes_ = 0;
  bool is_complete_ = true;
};

bool same(const RegistryValue& a, const RegistryValue& b);

bool same_tables(const RegistryTable& a, const RegistryTable& b) {
  return std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(),
                    [](const auto& left, const auto& right) {
                      return left.first == right.first && same(left.second, right.second);
                    });
}

bool same(const RegistryValue& a, const RegistryValue& b) {
  const auto* const left = std::get_if<TablePointer>(&a);
  const auto* const right = std::get_if<TablePointer>(&b);
  if (left != nullptr && right != nullptr) return same_tables(**left, **right);
  const auto* const x = std::get_if<double>(&a);
  const auto* const y = std::get_if<double>(&b);
  if (x != nullptr && y != nullptr && std::isnan(*x) && std::isnan(*y)) return true;
  return a == b;
}

bool same_lists(const std::vector<RegistryValue>& a, const std::vector<RegistryValue>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

bool is_all_plain(const RegistryValue& value) {
  const auto* const table = std::get_if<TablePointer>(&value);
  if (table == nullptr) return !std::holds_alternative<std::monostate>(value);
  return std::all_of((*table)->fields.begin(), (*table)->fields.end(),
                     [](const auto& field) { return is_all_plain(field.second); });
}

std::int64_t list_length(const RegistryTable& table) {
  std::int64_t length = 0;
  while (table.fields.contains(RegistryKey{length + 1})) ++length;
  return length;
}

// What stands behind the first `length` items, if all of it can be moved.
std::vector<RegistryValue> items_behind(const RegistryTable& table, std::int64_t length) {
  std::vector<RegistryValue> items;
  for (auto i = length + 1;; ++i) {
    const auto found = table.fields.find(RegistryKey{i});
    if (found == table.fields.end()) return items;
    if (!is_all_plain(found->second)) return {};
    items.push_back(found->second);
  }
}

RegistryChanges difference(const RegistryTable& before, const RegistryTable& now, bool tells_gone) {
  RegistryChanges changes{.length = list_length(before)};
  auto items = items_behind(now, changes.length);
  const auto end_of_items = changes.length + static_cast<std::int64_t>(items.size());
  if (!items.empty()) changes.appended.push_back(std::move(items));
  for (const auto& [key, value] : now.fields) {
    const auto* const index = std::get_if<std::int64_t>(&key);
    if (index != nullptr && *index > changes.length && *index <= end_of_items) continue;
    if (std::holds_alternative<std::monostate>(value)) continue;
    const auto old = before.fields.find(key);
    if (old != before.fields.end() && same(old->second, value)) continue;
    const auto* const table = std::get_if<TablePointer>(&value);
    if (table == nullptr) {
      changes.fields[key] = {.value = value};
      continue;
    }
    const auto* const was =
        old == before.fields.end() ? nullptr : std::get_if<TablePointer>(&old->second);
    auto inside = difference(was == nullptr ? RegistryTable{} : **was, **table, tells_gone);
    if (was != nullptr && inside.empty()) continue;
    changes.fields[key] = {.kind = RegistryChange::Kind::Inside,
                           .inside = std::make_shared<RegistryChanges>(std::move(inside))};
  }
  if (!tells_gone) return changes;
  for (const auto& [key, value] : before.fields) {
    if (now.fields.contains(key) || std::holds_alternative<std::monostate>(value)) continue;
    changes.fields[key] = {.kind = RegistryChange::Kind::Remove};
  }
  return changes;
}

void push_key(lua_State* lua, const RegistryKey& key) {
  if (const auto* flag = std::get_if<bool>(&key)) return lua_pushboolean(lua, *flag ? 1 : 0);
  if (const auto* number = std::get_if<std::int64_t>(&key)) return lua_pushinteger(lua, *number);
  if (const auto* number = std::get_if<double>(&key)) return lua_pushnumber(lua, *number);
  const auto& text = std::get<std::string>(key);
  lua_pushlstring(lua, text.data(), text.size());
}

void push_value(lua_State* lua, const RegistryValue& value) {
  luaL_checkstack(lua, 6, "registry too deep");
  if (const auto* flag = std::get_if<bool>(&value)) return lua_pushboolean(lua, *flag ? 1 : 0);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return lua_pushinteger(lua, *number);
  if (const auto* number = std::get_if<double>(&value)) return lua_pushnumber(lua, *number);
  if (const auto* text = std::get_if<std::string>(&value)) {
    lua_pushlstring(lua, text->data(), text->size());
    return;
  }
  const auto* const table = std::get_if<TablePointer>(&value);
  if (table == nullptr) return lua_pushnil(lua);
  lua_newtable(lua);
  for (const auto& [key, field] : (*table)->fields) {
    push_key(lua, key);
    push_value(lua, field);
    lua_rawset(lua, -3);
  }
}

// Of the table on top of the stack; what stays in it stays. True where nothing is left.
bool remove_plain(lua_State* lua, int level) {
  luaL_checkstack(lua, 6, "registry too deep");
  for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) {
    const bool too_deep = level == 0 && lua_istable(lua, -1);
    if (stays(lua, -1) || too_deep) continue;
    if (lua_istable(lua, -1) && !remove_plain(lua, level - 1)) continue;
    lua_pushvalue(lua, -2);
    lua_pushnil(lua);
    lua_rawset(lua, -5);  // To clear a field while going through them is allowed.
  }
  lua_pushnil(lua);
  if (lua_next(lua, -2) == 0) return true;
  lua_pop(lua, 2);
  return false;
}

void apply_to_table(lua_State* lua, const RegistryChanges& changes);

// To the table on top of the stack.
void apply_one(lua_State* lua, const RegistryKey& key, const RegistryChange& change) {
  constexpr int kMostLevels = 64;
  push_key(lua, key);
  lua_rawget(lua, -2);
  const bool leaves = stays(lua, -1) || (change.kind == RegistryChange::Kind::Remove &&
                                         lua_istable(lua, -1) && !remove_plain(lua, kMostLevels));
  if (leaves) return lua_pop(lua, 1);
  if (change.kind == RegistryChange::Kind::Inside) {
    if (!lua_istable(lua, -1)) {
      lua_pop(lua, 1);
      lua_newtable(lua);
    }
    apply_to_table(lua, *change.inside);
  } else {
    lua_pop(lua, 1);
    push_value(lua, change.value);  // Nil for Remove.
  }
  push_key(lua, key);
  lua_insert(lua, -2);
  lua_rawset(lua, -3);
}

// An item that is the same already is left, for others may refer to it.
bool is_there(lua_State* lua, const RegistryValue& item) {
  static constexpr RegistryBounds kBounds{};
  return lua_isnil(lua, -1) == 0 && same(Taker{lua, kBounds}.value(), item);
}

void apply_to_table(lua_State* lua, const RegistryChanges& changes) {
  luaL_checkstack(lua, 8, "registry too deep");
  for (const auto& [key, change] : changes.fields) apply_one(lua, key, change);
  lua_Integer at = changes.length;
  for (const auto& run : changes.appended) {
    for (const RegistryValue& item : run) {
      while (lua_rawgeti(lua, -1, ++at), stays(lua, -1)) lua_pop(lua, 1);
      const bool done = is_there(lua, item);
      lua_pop(lua, 1);
      if (done) continue;
      push_value(lua, item);
      lua_rawseti(lua, -2, at);
    }
  }
}

}  // namespace

Result<RegistrySnapshot> take_registry(lua_State* lua, const RegistryBounds& bounds) {
  RegistrySnapshot snapshot;
  const auto error = run_protected(lua, [&](lua_State* on) {
    push_registry(on);
    Taker taker{on, bounds};
    const RegistryValue value = taker.value();
    if (const auto* table = std::get_if<TablePointer>(&value)) snapshot.table = **table;
    snapshot.is_complete = taker.is_complete();
  });
  if (error) return fail(ExitCode::Runtime, fmt::format("nmap.registry: {}", *error));
  return snapshot;
}

RegistryChanges changes_between(const RegistrySnapshot& before, const RegistrySnapshot& now) {
  return difference(before.table, now.table, now.is_complete);
}

void add_changes(RegistryChanges& all, const RegistryChanges& next) {
  using Kind = RegistryChange::Kind;
  for (const auto& [key, change] : next.fields) {
    RegistryChange& into = all.fields[key];
    const bool unites = change.kind == Kind::Inside && into.kind == Kind::Inside;
    if (!unites) into = {.kind = change.kind, .value = change.value};
    if (change.kind != Kind::Inside) continue;
    if (into.inside == nullptr) into.inside = std::make_shared<RegistryChanges>();
    add_changes(*into.inside, *change.inside);
  }
  all.length = std::max(all.length, next.length);
  for (const auto& run : next.appended) {
    const bool known = std::any_of(all.appended.begin(), all.appended.end(),
                                   [&](const auto& other) { return same_lists(run, other); });
    if (!known) all.appended.push_back(run);
  }
}

Result<void> apply_changes(lua_State* lua, const RegistryChanges& changes) {
  const auto error = run_protected(lua, [&](lua_State* on) {
    push_registry(on);
    if (is_plain_table(on, -1)) apply_to_table(on, changes);
  });
  if (error) return fail(ExitCode::Runtime, fmt::format("nmap.registry: {}", *error));
  return {};
}

}  // namespace trawl::nse
