#include "nse/lua/lua53.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/nse/module/module_state.h"

namespace trawl::nse {
namespace {

struct Case {
  const char* expression;
  const char* text;
};

// The answers are those of Lua 5.3 in Nmap 7.93.
constexpr Case kCases[] = {
    {"'10' + 1", "11.0"},
    {"'10' * '2'", "20.0"},
    {"-'2'", "-2.0"},
    {"'7' // 2", "3.0"},
    {"'7' % 4", "3.0"},
    {"'2' ^ 2", "4.0"},
    {"'5' / 2", "2.5"},
    {"5 - '2'", "3.0"},
    {"'0x10' + 0", "16.0"},
    {"' 5 ' + 1", "6.0"},
    {"#'abc' + '1'", "4.0"},
    {"10 + 1", "11"},
    {"'10' .. 1", "101"},
    {"'10' | 1", "11"},
    {"6 & '3'", "2"},
    {"'5' ~ 1", "4"},
    {"~'0'", "-1"},
    {"'1' << 4", "16"},
    {"256 >> '4'", "16"},
    {"'1.5' | 1", "error: number has no integer representation"},
    {"'a' + 1", "error: attempt to perform arithmetic on a string value"},
    {"{} + '1'", "error: attempt to perform arithmetic on a table value"},
    {"'10' - 'x'", "error: attempt to perform arithmetic on a string value"},
    {"'1' + nil", "error: attempt to perform arithmetic on a nil value"},
    {"'x' | 1", "error: attempt to perform bitwise operation on a string value"},
    {"'1' + setmetatable({}, {__add = function(a, b) return a .. type(b) end})", "1table"},
    {"setmetatable({}, {__sub = function(a, b) return type(a) .. b end}) - '1'", "table1"},
    {"string.format('%02s|%05s|%-5s|%+s', 'a', 'b', 'c', 'd')", " a|    b|c    |d"},
    {"string.format('%03c|%5c', 65, 66)", "  A|    B"},
    {"string.format('%+d % d %05d %#x %.3d %5.1f %.3s %%', 1, 2, 3, 4, 5, 6, 'abcdef')",
     "+1  2 00003 0x4 005   6.0 abc %"},
    {"('%s and %s'):format(1, 'b')", "1 and b"},
    {"string.format('%d', 3.5)",
     "error: bad argument #2 to 'format' (number has no integer representation)"},
    {"string.format('%s')", "error: bad argument #2 to 'format' (no value)"},
    {"string.format('%02', 1)", "error: invalid conversion '%02' to 'format'"},
    {"string.format('%', 1)", "error: invalid conversion '%' to 'format'"},
    {"string.format('%y', 1)", "error: invalid conversion '%y' to 'format'"},
    {"string.format({})", "error: bad argument #1 to 'format' (string expected, got table)"},
    {"string.unpack('z', 'abc')", "abc | 5"},
    {"string.unpack('z', '')", " | 2"},
    {"string.unpack('Bz', '\\1abc')", "1 | abc | 6"},
    {"string.unpack('z', 'abc', 4)", " | 5"},
    {"string.unpack('zz', 'a\\0b')", "a | b | 5"},
    {"string.unpack('zB', 'ab\\0\\7')", "ab | 7 | 5"},
    {"string.unpack('zB', 'abc')", "error: bad argument #2 to 'unpack' (data string too short)"},
    {"string.unpack('z', 'abc', 9)",
     "error: bad argument #3 to 'unpack' (initial position out of string)"},
    {"string.unpack('<I2', 'ab')", "25185 | 3"},
    {"string.unpack('<I4', 'ab')", "error: bad argument #2 to 'unpack' (data string too short)"},
    {"select('#', math.randomseed(1.5), math.randomseed(1/0), math.randomseed(-3))", "2"},
    {"math.randomseed('x')",
     "error: bad argument #1 to 'randomseed' (number expected, got string)"},
};

TEST(Lua53, IsWhatScriptsSee) {
  ModuleState lua;
  for (const Case& one : kCases) EXPECT_EQ(lua.text(one.expression), one.text) << one.expression;
}

}  // namespace
}  // namespace trawl::nse
