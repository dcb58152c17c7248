#include "nse/lua/pattern.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>

#include "nse/lua/lua_state.h"

namespace trawl::nse {
namespace {

// Lua's own functions beside ours: `theirs` and `string`.
class PatternTest : public testing::Test {
 protected:
  PatternTest() {
    lua_State* const lua = state_.get();
    luaL_requiref(lua, "theirs", luaopen_string, 1);
    lua_settop(lua, 0);
    run(R"(
      local function pack_of(f, ...) return table.pack(pcall(f, ...)) end
      local function text(t)
        for i = 1, t.n do t[i] = math.type(t[i]) == 'integer' and '#' .. t[i] or tostring(t[i]) end
        return table.concat(t, '|')
      end
      local function all(s, p, init, lib)
        local out = {}
        for a, b, c in lib.gmatch(s, p, init) do
          out[#out + 1] = tostring(a) .. ',' .. tostring(b) .. ',' .. tostring(c)
        end
        return table.concat(out, ';')
      end
      function compare(s, p, r, init)
        local calls = {
          {'find', s, p, init}, {'match', s, p, init}, {'find', s, p, init, true},
          {'gsub', s, p, r}, {'gsub', s, p, r, 2}, {'gsub', s, p, {a = 1, b = false, ab = 'x'}},
          {'gsub', s, p, function(a, b) return b or a end},
        }
        for _, c in ipairs(calls) do
          local ours = text(pack_of(string[c[1]], table.unpack(c, 2, 5)))
          local own = text(pack_of(theirs[c[1]], table.unpack(c, 2, 5)))
          if ours ~= own then return c[1] .. ': ' .. ours .. ' is not ' .. own end
        end
        local ours, own = text(pack_of(all, s, p, init, string)), text(pack_of(all, s, p, init, theirs))
        return ours ~= own and 'gmatch: ' .. ours .. ' is not ' .. own or ''
      end)");
  }
  void run(const char* code) {
    lua_State* const lua = state_.get();
    ASSERT_EQ(luaL_dostring(lua, code), LUA_OK) << lua_tostring(lua, -1);
  }
  // "" where both do the same.
  std::string compare(const std::string& subject, const std::string& pattern,
                      const std::string& replacement, int init) {
    lua_State* const lua = state_.get();
    lua_settop(lua, 0);
    lua_getglobal(lua, "compare");
    lua_pushlstring(lua, subject.data(), subject.size());
    lua_pushlstring(lua, pattern.data(), pattern.size());
    lua_pushlstring(lua, replacement.data(), replacement.size());
    lua_pushinteger(lua, init);
    if (lua_pcall(lua, 4, 1, 0) != LUA_OK) return lua_tostring(lua, -1);
    return lua_tostring(lua, -1);
  }

  LuaState state_{std::size_t{256} << 20U};
};

TEST_F(PatternTest, DoesWhatLuasOwnFunctionsDo) {
  const char* const patterns[] = {"",       "a",        "^a",          "a$",
                                  "^$",     "$",        "^",           ".",
                                  ".*",     ".-",       ".-b",         "a-b",
                                  "a+",     "a?b",      "(a)(b)?",     "()a()",
                                  "(a(b))", "(a*)%1",   "%b()",        "%b",
                                  "%bx",    "%f[%w]a",  "%f[%w]%w+",   "%f",
                                  "[ab]+",  "[^ab]+",   "[]a]",        "[^]a]",
                                  "[a-c]",  "[a-]",     "[-a]",        "[%a-]",
                                  "[%",     "[a",       "[",           "%",
                                  "%1",     "(",        ")",           "(()",
                                  "(a",     "a)",       "%a%d",        "%A",
                                  "%z",     "%z+",      "[%z]",        "%s+",
                                  "%p",     "%g%u%l%x", "(%w+)=(%w+)", "^(%s*)(.-)(%s*)$",
                                  "a**",    "a+-",      "%%",          "%.",
                                  "()()()", "(.)%1",    "(a)%2",       "()%1",
                                  "a\\0b",  "%c",       "[\\0-\\9]"};
  const char* const subjects[] = {"",
                                  "a",
                                  "ab",
                                  "aab",
                                  "abab",
                                  "b a",
                                  "(a(b)c)",
                                  "THE (quick) fox",
                                  "key=value x=1",
                                  "  trim  ",
                                  "a.b%c",
                                  "]^-a",
                                  "aaaa1B_"};
  const char* const replacements[] = {"", "x", "%0", "%1", "<%1%2>", "%%", "%", "%x", "%9"};
  for (const char* pattern : patterns) {
    for (const char* subject : subjects) {
      for (const char* replacement : replacements) {
        ASSERT_EQ(compare(subject, pattern, replacement, 1), "")
            << '"' << subject << "\" \"" << pattern << "\" \"" << replacement << '"';
      }
    }
  }
}

TEST_F(PatternTest, DoesWhatLuasOwnFunctionsDoWithWhateverComes) {
  std::mt19937 random{7};
  const auto text_of = [&](std::string_view letters, std::size_t most) {
    std::string text;
    for (std::size_t left = random() % (most + 1); left > 0; --left) {
      text += letters[random() % letters.size()];
    }
    return text;
  };
  using namespace std::string_view_literals;
  for (int i = 0; i < 30'000; ++i) {
    const std::string subject = text_of("aabbc1 .()[]%\0\xff"sv, 12);
    const std::string pattern = text_of("aab1.*+-?()[]^$%%%bfwdsAz%\0\xff"sv, 9);
    const std::string replacement = text_of("ab%%%0012"sv, 4);
    const int init = static_cast<int>(random() % 31) - 15;
    ASSERT_EQ(compare(subject, pattern, replacement, init), "")
        << testing::PrintToString(subject) << ' ' << testing::PrintToString(pattern) << ' '
        << testing::PrintToString(replacement) << ' ' << init;
  }
}

TEST_F(PatternTest, CountsItsSteps) {
  std::uint64_t counted = 0;
  state_.context().on_hook = [&](lua_State* lua, std::uint64_t count) {
    counted += count;
    if (counted > 50'000'000) luaL_error(lua, "enough");
  };
  state_.set_hook_interval(100'000);
  // Some 10^15 steps.
  run("ok, why = pcall(string.find, ('a'):rep(5000), '.-.-.-.-b')");
  lua_getglobal(state_.get(), "why");
  EXPECT_STREQ(lua_tostring(state_.get(), -1), "enough");
  counted = 0;
  run("for i = 1, 20 do string.match(('a'):rep(100), '.-.-b') end");
  EXPECT_GT(counted, 1'000'000U);
}

}  // namespace
}  // namespace trawl::nse
