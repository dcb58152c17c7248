#include <algorithm>
#include <cstring>

#include "nse/lua/lua_thread.h"
#include "nse/lua/pattern.h"

namespace trawl::nse {
namespace {

std::string_view check_text(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* const text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

// Where a search begins, from 0, of the argument at `index`: from 1, or from the end.
std::size_t check_start(lua_State* lua, int index, std::size_t size) {
  const lua_Integer at = luaL_optinteger(lua, index, 1);
  if (at > 0) return static_cast<std::size_t>(at) - 1;
  if (at == 0 || at < -static_cast<lua_Integer>(size)) return 0;
  return size - static_cast<std::size_t>(-at);
}

bool is_plain(std::string_view pattern) {
  return pattern.find_first_of("^$*+?.([%-") == std::string_view::npos;
}

int find_plain(lua_State* lua, std::string_view subject, std::string_view text, std::size_t start) {
  constexpr std::uint64_t kBytesPerInstruction = 16;
  charge(lua, (subject.size() - start) / kBytesPerInstruction);
  // Linear in the sum of both, which a plain comparison at each place is not.
  const void* const found =
      ::memmem(subject.data() + start, subject.size() - start, text.data(), text.size());
  if (found == nullptr) {
    luaL_pushfail(lua);
    return 1;
  }
  const auto at = static_cast<const char*>(found) - subject.data();
  lua_pushinteger(lua, at + 1);
  lua_pushinteger(lua, at + static_cast<lua_Integer>(text.size()));
  return 2;
}

int search(lua_State* lua, bool finds) {
  const std::string_view subject = check_text(lua, 1);
  std::string_view pattern = check_text(lua, 2);
  const std::size_t start = check_start(lua, 3, subject.size());
  if (start > subject.size()) {
    luaL_pushfail(lua);
    return 1;
  }
  if (finds && (lua_toboolean(lua, 4) != 0 || is_plain(pattern))) {
    return find_plain(lua, subject, pattern, start);
  }
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  PatternMatcher matcher{lua, subject, pattern};
  const char* const end = subject.data() + subject.size();
  for (const char* at = subject.data() + start; at <= end; ++at) {
    if (const char* const to = matcher.match_at(at)) {
      matcher.settle();
      if (!finds) return matcher.push_captures(at, to);
      lua_pushinteger(lua, at - subject.data() + 1);
      lua_pushinteger(lua, to - subject.data());
      return 2 + matcher.push_captures(nullptr, nullptr);
    }
    if (anchored) break;
  }
  matcher.settle();
  luaL_pushfail(lua);
  return 1;
}

int find(lua_State* lua) { return search(lua, true); }
int match(lua_State* lua) { return search(lua, false); }

// Upvalues: subject, pattern, where to go on, and where the match before ended (-1: none was).
int next_match(lua_State* lua) {
  constexpr int kNext = 3;
  constexpr int kLast = 4;
  const std::string_view subject = check_text(lua, lua_upvalueindex(1));
  const std::string_view pattern = check_text(lua, lua_upvalueindex(2));
  const lua_Integer last = lua_tointeger(lua, lua_upvalueindex(kLast));
  PatternMatcher matcher{lua, subject, pattern};
  for (lua_Integer at = lua_tointeger(lua, lua_upvalueindex(kNext));
       at <= static_cast<lua_Integer>(subject.size()); ++at) {
    const char* const from = subject.data() + at;
    const char* const to = matcher.match_at(from);
    if (to == nullptr || to - subject.data() == last) continue;
    matcher.settle();
    for (const int upvalue : {kNext, kLast}) {
      lua_pushinteger(lua, to - subject.data());
      lua_replace(lua, lua_upvalueindex(upvalue));
    }
    return matcher.push_captures(from, to);
  }
  matcher.settle();
  return 0;
}

int gmatch(lua_State* lua) {
  const std::string_view subject = check_text(lua, 1);
  (void)check_text(lua, 2);
  const std::size_t start = check_start(lua, 3, subject.size());
  lua_settop(lua, 2);
  lua_pushinteger(lua, static_cast<lua_Integer>(std::min(start, subject.size() + 1)));
  lua_pushinteger(lua, -1);
  lua_pushcclosure(lua, next_match, 4);
  return 1;
}

// Adds the replacement string, argument 3, with what it refers to.
void add_text(lua_State* lua, PatternMatcher& matcher, luaL_Buffer& into, const char* from,
              const char* to) {
  const std::string_view text = check_text(lua, 3);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      luaL_addchar(&into, text[i]);
      continue;
    }
    const char c = ++i < text.size() ? text[i] : '\0';
    if (c == '%') {
      luaL_addchar(&into, c);
    } else if (c == '0') {
      luaL_addlstring(&into, from, static_cast<std::size_t>(to - from));
    } else if (c >= '1' && c <= '9') {
      matcher.push_capture(c - '1', from, to);
      luaL_addvalue(&into);
    } else {
      luaL_error(lua, "invalid use of '%c' in replacement string", '%');
    }
  }
}

// What comes in place of a match. False where it stays as it is.
bool add_replacement(lua_State* lua, PatternMatcher& matcher, luaL_Buffer& into, const char* from,
                     const char* to) {
  switch (lua_type(lua, 3)) {
    case LUA_TFUNCTION:
      lua_pushvalue(lua, 3);
      lua_call(lua, matcher.push_captures(from, to), 1);
      break;
    case LUA_TTABLE:
      matcher.push_capture(0, from, to);
      lua_gettable(lua, 3);
      break;
    default: add_text(lua, matcher, into, from, to); return true;
  }
  if (lua_toboolean(lua, -1) == 0) {
    lua_pop(lua, 1);
    luaL_addlstring(&into, from, static_cast<std::size_t>(to - from));
    return false;
  }
  if (lua_isstring(lua, -1) == 0) {
    luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
  }
  luaL_addvalue(&into);
  return true;
}

int gsub(lua_State* lua) {
  const std::string_view subject = check_text(lua, 1);
  std::string_view pattern = check_text(lua, 2);
  const int type = lua_type(lua, 3);
  luaL_argexpected(
      lua,
      type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
      "string/function/table");
  const lua_Integer most = luaL_optinteger(lua, 4, static_cast<lua_Integer>(subject.size()) + 1);
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  PatternMatcher matcher{lua, subject, pattern};
  luaL_Buffer into;
  luaL_buffinit(lua, &into);
  const char* at = subject.data();
  const char* const end = at + subject.size();
  const char* last = nullptr;
  lua_Integer count = 0;
  bool changed = false;
  while (count < most) {
    const char* const to = matcher.match_at(at);
    if (to != nullptr && to != last) {
      ++count;
      changed = add_replacement(lua, matcher, into, at, to) || changed;
      at = last = to;
    } else if (at < end) {
      luaL_addchar(&into, *at++);
    } else {
      break;
    }
    if (anchored) break;
  }
  matcher.settle();
  if (changed) {
    luaL_addlstring(&into, at, static_cast<std::size_t>(end - at));
    luaL_pushresult(&into);
  } else {
    lua_pushvalue(lua, 1);
  }
  lua_pushinteger(lua, count);
  return 2;
}

}  // namespace

void replace_string_functions(lua_State* lua) {
  lua_getglobal(lua, LUA_STRLIBNAME);
  static constexpr luaL_Reg kFunctions[] = {
      {"find", find}, {"match", match}, {"gmatch", gmatch}, {"gsub", gsub}, {nullptr, nullptr}};
  luaL_setfuncs(lua, kFunctions, 0);
  lua_pop(lua, 1);
}

}  // namespace trawl::nse
