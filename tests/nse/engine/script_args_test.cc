#include "nse/engine/script_args.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::nse {
namespace {

std::string shown(const ArgumentTable& table);

std::string shown(const ArgumentValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return '<' + *text + '>';
  return shown(std::get<std::vector<ArgumentTable>>(value).front());
}

std::string shown(const ArgumentTable& table) {
  std::string text = "{";
  for (const auto& value : table.listed) text += shown(value);
  for (const auto& [name, value] : table.named) text += name + '=' + shown(value);
  return text + '}';
}

std::string parsed(std::string_view text) {
  const auto table = parse_script_args(text);
  return table ? shown(*table) : table.error().message;
}

// Each line is what Nmap 7.93 makes of it.
TEST(ScriptArgs, AreReadAsNmapReadsThem) {
  EXPECT_EQ(parsed("a=b"), "{a=<b>}");
  EXPECT_EQ(parsed("a,b=c,d"), "{<a><d>b=<c>}");
  EXPECT_EQ(parsed("a={b,c=d,{e}}"), "{a={<b>{<e>}c=<d>}}");
  EXPECT_EQ(parsed(R"(a="x y",b='q\'z')"), "{a=<x y>b=<q'z>}");
  EXPECT_EQ(parsed(" a = b c , d"), "{<d>a=<b c>}");
  EXPECT_EQ(parsed(R"(a="x\"y\\z\n")"), R"({a=<x"y\z\n>})");
  EXPECT_EQ(parsed("a="), "{a=<>}");
  EXPECT_EQ(parsed("=b"), "{=<b>}");
  EXPECT_EQ(parsed("a,,b"), "{<a><><b>}");
  EXPECT_EQ(parsed("a={}"), "{a={<>}}");
  EXPECT_EQ(parsed("\"k y\"=v"), "{k y=<v>}");
  EXPECT_EQ(parsed("a=\"open"), "{a=<\"open>}");
  EXPECT_EQ(parsed("{x=1},y"), "{{x=<1>}<y>}");
  EXPECT_EQ(parsed("a=x\"y\"z"), "{a=<x\"y\"z>}");
  EXPECT_EQ(parsed(""), "{}");
  EXPECT_EQ(
      parsed(
          R"(user=foo,pass=",{}=bar",whois={whodb=nofollow+ripe},xmpp-info.server_name=localhost)"),
      "{user=<foo>pass=<,{}=bar>whois={whodb=<nofollow+ripe>}"
      "xmpp-info.server_name=<localhost>}");
}

TEST(ScriptArgs, ErrorsTellTheColumn) {
  EXPECT_EQ(parsed("a={b"), "script arguments: a '}' is missing at column 5");
  EXPECT_EQ(parsed("a={b=c}d"), "script arguments: unexpected 'd' at column 8");
  EXPECT_EQ(parsed("a=\"x\"y"), "script arguments: unexpected 'y' at column 6");
  EXPECT_EQ(parsed("a=1=2"), "script arguments: unexpected '=' at column 4");
  EXPECT_EQ(parsed("a}b"), "script arguments: unexpected '}' at column 2");
  EXPECT_EQ(parsed("{a}=b"), "script arguments: a name is a string, no table at column 4");
  EXPECT_EQ(parsed(std::string(100'000, '{')),
            "script arguments: tables are too deep at column 65");
}

TEST(ScriptArgs, AFileHasLinesOrCommas) {
  const auto table = parse_script_args_file("a=b\nc=d,\n\n e={f,\n  g\n}\r\nh\n");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(shown(*table), "{<h>a=<b>c=<d>e={<f><g>}}");
}

TEST(ScriptArgs, LaterOnesWinInLua) {
  auto table = parse_script_args_file("a=file\nb=file\nx");
  const auto later = parse_script_args("b=line,y,t={z}");
  ASSERT_TRUE(table && later);
  add_arguments(*table, *later);
  lua_State* lua = luaL_newstate();
  luaL_openlibs(lua);
  push_arguments(lua, *table);
  lua_setglobal(lua, "args");
  ASSERT_EQ(luaL_dostring(lua, "return args[1]..args[2]..args.a..args.b..args.t[1]..#args"), 0);
  EXPECT_STREQ(lua_tostring(lua, -1), "xyfilelinez2");
  lua_close(lua);
}

}  // namespace
}  // namespace trawl::nse
