#include "nse/engine/output_value.h"

#include <gtest/gtest.h>

#include <string>

#include "nse/engine/output_from_lua.h"

namespace trawl::nse {
namespace {

struct Shown {
  std::string normal, xml;
  bool operator==(const Shown&) const = default;
};
void PrintTo(const Shown& shown, std::ostream* out) {
  *out << shown.normal << "--\n" << shown.xml << "\n";
}

// What is shown of the values that the code returns.
Shown shown(const std::string& code) {
  lua_State* lua = luaL_newstate();
  luaL_openlibs(lua);
  Shown result;
  const auto run = [](lua_State* on) {
    auto* into = static_cast<Shown*>(lua_touserdata(on, 1));
    lua_remove(on, 1);
    lua_call(on, 0, LUA_MULTRET);
    if (const auto output = output_from_lua(on, 1)) {
      *into = {script_lines("id", output->text), script_xml("id", *output)};
    }
    return 0;
  };
  lua_pushcfunction(lua, run);
  lua_pushlightuserdata(lua, &result);
  if (luaL_loadstring(lua, code.c_str()) != LUA_OK || lua_pcall(lua, 2, 0, 0) != LUA_OK) {
    result.normal = lua_tostring(lua, -1);
  }
  lua_close(lua);
  return result;
}

// The expectations are what Nmap 7.93 printed for the same values.
TEST(OutputValue, Texts) {
  EXPECT_EQ(shown("return nil"), Shown{});
  EXPECT_EQ(shown("return 'one line'"),
            (Shown{"|_id: one line\n", R"(<script id="id" output="one line"/>)"}));
  EXPECT_EQ(shown("return 'l1\\nl2'").normal, "| id: l1\n|_l2\n");
  EXPECT_EQ(shown("return '\\nx\\n  y'"),
            (Shown{"| id: \n| x\n|_  y\n", R"(<script id="id" output="&#xa;x&#xa;  y"/>)"}));
  EXPECT_EQ(shown("return 'a\\n\\nb\\n'"),
            (Shown{"| id: a\n| \n|_b\n", R"(<script id="id" output="a&#xa;&#xa;b&#xa;"/>)"}));
  EXPECT_EQ(shown("return ''"),
            (Shown{"Bug in id: no string output.\n", R"(<script id="id" output=""/>)"}));
  EXPECT_EQ(
      shown("return 'a\\0b\\200\\t\\r\\nc<\\27&\\127\"'"),
      (Shown{"| id: a\\x00b\\xC8\t\\x0D\n|_c<\\x1B&\\x7F\"\n",
             R"(<script id="id" output="a\x00b\xC8&#x9;&#xd;&#xa;c&lt;\x1B&amp;\x7F&quot;"/>)"}));
}

TEST(OutputValue, OtherValuesAreTextAndStructure) {
  EXPECT_EQ(shown("return true"),
            (Shown{"|_id: true\n", R"(<script id="id" output="true">true</script>)"}));
  EXPECT_EQ(shown("return false"),
            (Shown{"|_id: false\n", R"(<script id="id" output="false">false</script>)"}));
  EXPECT_EQ(shown("return 5.5").normal, "|_id: 5.5\n");
  EXPECT_EQ(shown("return 's1', 's2'"),
            (Shown{"|_id: s2\n", R"(<script id="id" output="s2">s1</script>)"}));
  EXPECT_EQ(shown("return nil, 'only'"),
            (Shown{"|_id: only\n", R"(<script id="id" output="only"/>)"}));
}

TEST(OutputValue, Tables) {
  EXPECT_EQ(shown("return {'a', 'b'}"), (Shown{"| id: \n|   a\n|_  b\n",
                                               "<script id=\"id\" output=\"&#xa;  a&#xa;  "
                                               "b\"><elem>a</elem>\n<elem>b</elem>\n</script>"}));
  EXPECT_EQ(shown("return {}"),
            (Shown{"Bug in id: no string output.\n", R"(<script id="id" output=""></script>)"}));
  EXPECT_EQ(shown("return {{x=1},{x=2}}"),
            (Shown{"| id: \n|   \n|     x: 1\n|   \n|_    x: 2\n",
                   "<script id=\"id\" output=\"&#xa;  &#xa;    x: 1&#xa;  &#xa;    x: 2\"><table>\n"
                   "<elem key=\"x\">1</elem>\n</table>\n<table>\n<elem key=\"x\">2</elem>\n"
                   "</table>\n</script>"}));
  EXPECT_EQ(shown("return {'top', a={b={'x','y\\nz'}}}").normal,
            "| id: \n|   top\n|   a: \n|     b: \n|       x\n|       y\n|_z\n");
  EXPECT_EQ(shown("return {'one', nil, 'three', [5]='five', [true]='t', [2.5]='h'}").normal,
            "| id: \n|_  one\n");
}

TEST(OutputValue, ATableWithTextOfItsOwn) {
  EXPECT_EQ(shown("return setmetatable({a=1}, {__tostring = function() return 'as text' end})"),
            (Shown{"|_id: as text\n",
                   "<script id=\"id\" output=\"as text\"><elem key=\"a\">1</elem>\n</script>"}));
  EXPECT_EQ(shown("return {k = setmetatable({q=1}, {__tostring = function() return 'TS' end})}"),
            (Shown{"| id: \n|_  k: TS\n",
                   "<script id=\"id\" output=\"&#xa;  k: TS\"><table key=\"k\">\n"
                   "<elem key=\"q\">1</elem>\n</table>\n</script>"}));
  EXPECT_EQ(shown("return {a=1}, 'given'"),
            (Shown{"|_id: given\n",
                   "<script id=\"id\" output=\"given\"><elem key=\"a\">1</elem>\n</script>"}));
}

TEST(OutputValue, PairsGivesTheOrder) {
  EXPECT_EQ(shown(R"(
    local keys, values = {'z', 'a', 'm'}, {z = 1, a = 2, m = {}}
    return setmetatable({}, {__pairs = function()
      local at = 0
      return function() at = at + 1; return keys[at], values[keys[at]] end, nil, nil
    end}))")
                .normal,
            "| id: \n|   z: 1\n|   a: 2\n|_  m: \n");
}

TEST(OutputValue, ATableThatHoldsItselfIsAnError) {
  EXPECT_EQ(shown("local t = {} t.t = t return t").normal, "output table too deep");
  EXPECT_EQ(shown("return setmetatable({}, {__pairs = function() error('x', 0) end})").normal, "x");
  EXPECT_EQ(shown("return setmetatable({}, {__index = function() return 1 end})").normal,
            "output table too large");
}

}  // namespace
}  // namespace trawl::nse
