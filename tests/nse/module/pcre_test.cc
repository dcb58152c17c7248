#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/nse/module/module_state.h"

namespace trawl::nse {
namespace {

struct Case {
  const char* expression;
  const char* text;
};

// Before each: what the expressions call.
constexpr const char* kHelpers = R"(
  mail = pcre.new("(\\w+)@(?<dom>\\w+)(x)?", 0, "C")
  function all(regex, text, ...)
    local found = {}
    local count = regex:gmatch(text, function(m) found[#found + 1] = "[" .. m .. "]" end, ...)
    return count, table.concat(found)
  end
  function new(...) return pcre.new(...) end
)";

// The answers are those of Nmap 7.93; where the texts of errors are PCRE's own, PCRE2's.
constexpr Case kCases[] = {
    {"mail:match('foo bar@baz qux')", "5 | 11 | {1=bar,2=baz,3=false,dom=baz}"},
    {"mail:exec('foo bar@baz qux')", "5 | 11 | {1=5,2=7,3=9,4=11,5=false,6=false}"},
    {"mail:match('foo bar@baz qux', 8)", "nil"},
    {"mail:match('foo bar@baz qux', 0)", "5 | 11 | {1=bar,2=baz,3=false,dom=baz}"},
    {"mail:match('foo bar@baz qux', 6)", "6 | 11 | {1=ar,2=baz,3=false,dom=baz}"},
    {"mail:match('foo bar@baz qux', -5)", "nil"},
    {"mail:match('foo bar@baz qux', 99)", "nil"},
    {"mail:match('foo bar@baz qux', math.mininteger)", "5 | 11 | {1=bar,2=baz,3=false,dom=baz}"},
    {"mail:match('foo bar@baz qux', 0, pcre.flags().ANCHORED)", "nil"},
    {"mail:match('zzz')", "nil"},
    {"mail:match(5)", "nil"},
    {"mail:match()", "error: bad argument #1 to 'match' (string expected, got no value)"},
    {"mail.match(5, 'x')",
     "error: bad argument #1 to 'match' (pcre_regex_handle expected, got number)"},
    {"all(mail, 'a@b c@d e@fx')", "3 | [a@b][c@d][e@fx]"},
    {"all(mail, 'a@b c@d e@fx', 2)", "2 | [a@b][c@d]"},
    {"all(mail, 'a@b c@d e@fx', -1)", "3 | [a@b][c@d][e@fx]"},
    {"mail:gmatch('a@b c@d', function() return true end)", "1"},
    {"mail:gmatch('a@b')", "error: bad argument #2 to 'gmatch' (function expected, got no value)"},
    {"mail:gmatch('a@b', function() error('x', 0) end)", "error: x"},
    {"new('(', 0, 'C')", "error: missing closing parenthesis (pattern offset: 2)"},
    {"new()", "error: bad argument #1 to 'new' (string expected, got no value)"},
    {"new('a', 0, 'xx_YY')", "error: cannot set locale"},
    {"new('a', 'x', 'C')", "error: bad argument #2 to 'new' (number expected, got string)"},
    {"new('a', 2^30, 'C')", "error: unknown option bit(s) set (pattern offset: 1)"},
    {"new('a', -1, 'C')", "error: unknown option bit(s) set (pattern offset: 1)"},
    {"new('ABC', 1, 'C'):match('xabcx')", "2 | 4 | {}"},
    {"new('^b', 2):match('a\\nb')", "3 | 3 | {}"},
    {"new('a.b', 4):match('a\\nb')", "1 | 3 | {}"},
    {"new('a\\0b', 0, 'C'):match('xa\\0by')", "2 | 4 | {}"},
    {"new('b', 0, 'C'):match('a\\0b')", "3 | 3 | {}"},
    {"new('(?J)(?<a>x)|(?<a>y)', 0, 'C'):match('y')", "1 | 1 | {1=false,2=y,a=y}"},
    {"new('(?J)(?<a>x)|(?<a>y)', 0, 'C'):match('x')", "1 | 1 | {1=x,2=false,a=x}"},
    {"new('(a+)+$', 0, 'C'):match(('a'):rep(40) .. 'b')", "nil"},
    {"new('', 0, 'C'):match('')", "1 | 0 | {}"},
    {"new('', 0, 'C'):exec('abc', 2)", "2 | 1 | {}"},
    {"new('(a)|(b)', 0, 'C'):match('a')", "1 | 1 | {1=a,2=false}"},
    {"new('(a)|(b)', 0, 'C'):match('b')", "1 | 1 | {1=false,2=b}"},
    {"new('(a)|(b)', 0, 'C'):exec('a')", "1 | 1 | {1=1,2=1,3=false,4=false}"},
    {"new('abc', 0, 'C'):match('ab', 0, pcre.flags().PARTIAL)", "nil"},
    {"pcre.flags().NEWLINE_ANYCRLF", "5242880"},
};

TEST(Pcre, AnswersAsNmaps) {
  ModuleState lua;
  for (const Case& one : kCases) {
    EXPECT_EQ(lua.run(std::string{kHelpers} + "return " + one.expression), one.text)
        << one.expression;
  }
  EXPECT_THAT(lua.text("tostring(pcre.new(''))"), testing::StartsWith("pcre_regex_handle: 0x"));
  EXPECT_EQ(lua.text("select('#', pcre.version()), (pcre.version():gsub('%d+', '0'))"),
            "1 | 0.0 0-0-0");
}

// Where Nmap's goes on for ever.
TEST(Pcre, GoesOnBehindEmptyMatches) {
  ModuleState lua;
  const auto all = [&](const std::string& arguments) {
    return lua.run(std::string{kHelpers} + "return all(" + arguments + ")");
  };
  EXPECT_EQ(all("new('x*'), 'axb'"), "4 | [][x][][]");
  EXPECT_EQ(all("new('x*', pcre.flags().UTF8), '\\u{e9}x'"), "3 | [][x][]");
  EXPECT_EQ(all("new('(?=b)'), 'abb'"), "2 | [][]");
  // Else a match could begin behind its end.
  EXPECT_THAT(lua.text("pcre.new('(?=ab\\\\K)')"), testing::HasSubstr("is not allowed"));
}

TEST(Pcre, RefusesWhatIsHostile) {
  ModuleState lua;
  EXPECT_EQ(lua.text("pcre.new(('('):rep(5000))"),
            "error: parentheses are too deeply nested (pattern offset: 252)");
  EXPECT_THAT(lua.text("pcre.new(('a'):rep(20000000))"), testing::HasSubstr("error: pattern"));
  EXPECT_EQ(lua.text("pcre.new('.', pcre.flags().UTF8):match('\\xff')"), "nil");
  EXPECT_THAT(lua.text("pcre.new('\\xff', pcre.flags().UTF8)"), testing::HasSubstr("UTF-8"));
  EXPECT_EQ(lua.text("getmetatable(pcre.new('a'))"), "{}");
}

}  // namespace
}  // namespace trawl::nse
