#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/nse/module/module_state.h"

namespace trawl::nse {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Case {
  const char* expression;
  const char* text;
};

// Before each: what the expressions call.
constexpr const char* kHelpers = R"(
  text = "line1\nline2\r\n\nlast"
  packed = (zlib.compress(text))
  gzipped = (zlib.compress(text, 9, 8, 31))
  raw = (zlib.compress(text, 9, 8, -15))
  function read(stream, ...) return stream:read(...) end
  function source_of(...)
    local all, i = {...}, 0
    return function() i = i + 1 return all[i] end
  end
  function deflated(steps, ...)
    local out = {}
    local stream = zlib.deflate(function(s) out[#out + 1] = s end, ...)
    steps(stream, out)
    return table.concat(out, "/")
  end
)";

std::string answer(ModuleState& lua, const char* expression) {
  return lua.run(std::string{kHelpers} + " return " + expression);
}

// The answers are those of Nmap 7.93.
constexpr Case kCases[] = {
    {"zlib.adler32()", "1.0"},
    {"zlib.adler32(1, 'hello')", "103547413.0"},
    {"zlib.adler32(1)", "error: bad argument #2 to 'adler32' (string expected, got no value)"},
    {"zlib.crc32()", "0.0"},
    {"zlib.crc32(0, 'hello')", "907060870.0"},
    {"zlib.crc32(-1, 'hello')", "265137764.0"},
    {"zlib.crc32(2^40, 'a')", "3904355907.0"},
    {"zlib.crc32(1.5, 'a')",
     "error: bad argument #1 to 'crc32' (number has no integer representation)"},
    {"zlib.crc32(0, nil)", "error: bad argument #2 to 'crc32' (string expected, got nil)"},
    {"zlib.compress('hello hello hello hello')",
     "x<9c><cb>H<cd><c9><c9>W<c8>@'<01>h<03><08><b1> | 1.0"},
    {"zlib.compress('hello hello hello hello', 9)",
     "x<da><cb>H<cd><c9><c9>W<c8>@'<01>h<03><08><b1> | 1.0"},
    {"zlib.compress('hello hello hello hello', 9, 8, -15)", "<cb>H<cd><c9><c9>W<c8>@'<01> | 1.0"},
    {"zlib.compress('hello', 99)", "nil | -2.0"},
    {"zlib.compress('hello', 9, 8, 99)", "nil | -2.0"},
    {"zlib.compress('hello', 9, 7)", "nil | -2.0"},
    {"zlib.compress(12)", "x<9c>34<02><00><00><96><00>d | 1.0"},
    {"zlib.compress('')", "x<9c><03><00><00><00><00><01> | 1.0"},
    {"zlib.compress({})", "error: bad argument #1 to 'compress' (string expected, got table)"},
    {"zlib.compress('a', 'x')",
     "error: bad argument #2 to 'compress' (number expected, got string)"},
    {"zlib.decompress(packed)", "line1<0a>line2<0d><0a><0a>last"},
    {"zlib.decompress(packed .. 'trailing')", "line1<0a>line2<0d><0a><0a>last"},
    {"zlib.decompress('garbage!!')", "error: failed to process zlib stream"},
    {"zlib.decompress(packed:sub(1, -2) .. '\\0')", "error: failed to process zlib stream"},
    {"zlib.decompress(gzipped, 31)", "line1<0a>line2<0d><0a><0a>last"},
    {"zlib.decompress(gzipped, 47)", "line1<0a>line2<0d><0a><0a>last"},
    {"zlib.decompress(raw, -15)", "line1<0a>line2<0d><0a><0a>last"},
    {"zlib.decompress(packed, 99)", "error: failed to initialize zstream structures"},
    {"read(zlib.inflate(packed))", "line1"},
    {"read(zlib.inflate(packed), '*a')", "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate(gzipped), '*a')", "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate(gzipped, 31), '*a')", "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate(raw, -15), '*a')", "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate(packed .. 'trailing'), '*a')", "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate(packed:sub(1, -4)), '*a')", "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate(''), '*a')", ""},
    {"read(zlib.inflate(packed), 3, '*l', 0, '*a', '*l', '*a')",
     "lin | e1 |  | line2<0d><0a><0a>last | nil"},
    {"read(zlib.inflate(packed), 200, '*l', 0, '*a')", "line1<0a>line2<0d><0a><0a>last | nil"},
    {"read(zlib.inflate(packed), 2^40)", "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate(packed), '*n')", "error: bad argument #1 to 'read' (invalid format)"},
    {"read(zlib.inflate(packed), 'a')", "error: bad argument #1 to 'read' (invalid option)"},
    {"read(zlib.inflate(packed), nil)", "error: bad argument #1 to 'read' (invalid option)"},
    {"read(zlib.inflate('garbage!'), '*a')", "error: failed to decompress [-3]"},
    {"read(zlib.inflate(raw), '*a')", "error: failed to decompress [-3]"},
    {"read(zlib.inflate(source_of(packed)), '*a')", "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate({read = function(self, n) self.i = (self.i or 0) + 1 "
     "return self.i == 1 and n == 8192 and packed or nil end}), '*a')",
     "line1<0a>line2<0d><0a><0a>last"},
    {"read(zlib.inflate(function() error('boo', 0) end), '*a')", "error: boo"},
    {"zlib.inflate(packed, 99)", "error: call to inflateInit2 failed"},
    {"zlib.inflate(true)",
     "error: bad argument #1 to 'inflate' (input parameter must be a string, function, table or "
     "userdata value)"},
    {"zlib.inflate({})",
     "error: bad argument #1 to 'inflate' (input parameter does not provide :read function)"},
    {"deflated(function(s) s:write('hello ', 'world') s:flush() s:write(12, 1.5) s:flush('sync') "
     "s:flush('full') s:flush('finish') end)",
     "x<9c>/<ca>H<cd><c9><c9>W(<cf>/<ca>I<01><00><00><00><ff><ff>/"
     "242<d4>3<05><00><00><00><ff><ff>/<00><00><00><ff><ff>/<03><00>2<bd><05>T"},
    {"deflated(function(s) s:write('hello') s:close() end, 9, 8, -15, 9, 0)",
     "<cb>H<cd><c9><c9><07><00>"},
    {"deflated(function(s) s:flush('bad') end)",
     "error: bad argument #1 to 'flush' (invalid option 'bad')"},
    {"deflated(function(s) s:flush('finish') s:write('x') end)",
     "error: calling 'write' on bad self (attempt to use invalid zlib stream)"},
    {"zlib.deflate('text')",
     "error: bad argument #1 to 'deflate' (output parameter must be a function, table or userdata "
     "value)"},
    {"zlib.deflate(print, 99)", "error: call to deflateInit2 failed"},
    {"zlib.BEST_COMPRESSION", "9"},
};

TEST(Zlib, AnswersAsNmaps) {
  ModuleState lua;
  for (const Case& one : kCases) {
    EXPECT_EQ(answer(lua, one.expression), one.text) << one.expression;
  }
  EXPECT_THAT(lua.text("tostring(zlib.inflate(''))"), StartsWith("zlib inflate stream ("));
}

TEST(Zlib, UsesADictionary) {
  ModuleState lua;
  const std::string code = std::string{kHelpers} + R"(
    local out = deflated(function(s) s:write("hello dictionary") s:close() end,
      9, 8, 15, 8, 0, "dictionary hello"):gsub("^x/", "x")
    out = out:gsub("/", "", 1)
    return read(zlib.inflate(out, 15, "dictionary hello"), "*a"),
      select(2, pcall(zlib.inflate(out).read, zlib.inflate(out), "*a")),
      select(2, pcall(zlib.inflate("").read, zlib.inflate(out, 15, "dictionary hullo"), "*a")))";
  EXPECT_EQ(lua.run(code),
            "hello dictionary | no inflate dictionary provided | call to inflateSetDictionnary "
            "failed");
}

TEST(Zlib, ReadsLines) {
  ModuleState lua;
  EXPECT_EQ(lua.run(std::string{kHelpers} +
                    "local all = {} for l in zlib.inflate(packed):lines() do all[#all + 1] = l end "
                    "return table.concat(all, '|')"),
            "line1|line2||last");
  // Of a source that gives a byte at a time.
  EXPECT_EQ(lua.run(std::string{kHelpers} + R"(
              local bytes, all = {}, {}
              for c in packed:gmatch(".") do bytes[#bytes + 1] = c end
              for line in zlib.inflate(source_of(table.unpack(bytes))):lines() do
                all[#all + 1] = line
              end
              return table.concat(all, "|"))"),
            "line1|line2||last");
  EXPECT_EQ(answer(lua,
                   "(function() local s = zlib.inflate(packed:sub(1, 8)) local n = 0 "
                   "for l in s:lines() do n = n + 1 end return n end)()"),
            "1");
}

TEST(Zlib, ClosesOnce) {
  ModuleState lua;
  EXPECT_EQ(answer(lua,
                   "(function() local s = zlib.inflate(packed) return s:close(), s:close(), "
                   "tostring(s), pcall(s.read, s) end)()"),
            "true | true | zlib stream (closed) | false | bad argument #1 to '?' (attempt to use "
            "invalid zlib stream)");
  EXPECT_EQ(answer(lua, "getmetatable(zlib.inflate(packed))"), "{}");
}

TEST(Zlib, IsNotReenteredBySourcesAndSinks) {
  ModuleState lua;
  EXPECT_EQ(answer(lua,
                   "(function() local s s = zlib.inflate(function() s:close() return packed "
                   "end) return s:read('*a') end)()"),
            "error: calling 'close' on bad self (attempt to use invalid zlib stream)");
  EXPECT_EQ(answer(lua,
                   "(function() local s s = zlib.deflate(function() s:write('x') end) "
                   "s:write('a') end)()"),
            "error: calling 'write' on bad self (attempt to use invalid zlib stream)");
}

// Where Nmap's never returns.
TEST(Zlib, EndsWhereDataIsCutOff) {
  ModuleState lua;
  EXPECT_EQ(answer(lua, "zlib.decompress(packed:sub(1, 6))"),
            "error: failed to process zlib stream");
  EXPECT_EQ(answer(lua, "zlib.decompress('')"), "error: failed to process zlib stream");
  EXPECT_EQ(answer(lua, "read(zlib.inflate(function() return '' end), '*l')"), "nil");
}

TEST(Zlib, RefusesBombs) {
  ModuleState lua{std::size_t{512} << 20U};
  lua.run("bomb = zlib.compress(('\\0'):rep(66 << 20), 1)");
  EXPECT_EQ(lua.text("#bomb < 400000, pcall(zlib.decompress, bomb)"),
            "true | false | decompressed data is too long");
  EXPECT_EQ(lua.text("#zlib.inflate(bomb):read(1000)"), "1000");
  EXPECT_EQ(lua.run("local s = zlib.inflate(bomb) return pcall(s.read, s, '*a')"),
            "false | decompressed data is too long");
  EXPECT_EQ(lua.run("local s = zlib.inflate(bomb) return pcall(s.read, s, '*l')"),
            "false | decompressed data is too long");
  EXPECT_EQ(lua.run("local s = zlib.inflate(bomb) local n = 0 repeat local p = s:read(1 << 20) "
                    "n = n + #(p or '') until not p return n >> 20"),
            "66");
}

TEST(Zlib, CountsItsMemoryAgainstTheLimit) {
  ModuleState lua{std::size_t{16} << 20U};
  EXPECT_THAT(lua.run("local all = {} for i = 1, 1000 do all[i] = zlib.deflate(print) end"),
              HasSubstr("call to deflateInit2 failed"));
  // Those that nothing refers to make room.
  EXPECT_EQ(lua.run("for i = 1, 1000 do zlib.deflate(print) end return 'done'"), "done");
}

}  // namespace
}  // namespace trawl::nse
