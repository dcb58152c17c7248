#include "nse/module/native_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "tests/nse/module/module_state.h"

namespace trawl::nse {
namespace {

struct Case {
  const char* expression;
  const char* text;
};

// The answers are those of Nmap 7.93.
constexpr Case kBit32[] = {
    {"bit32.band()", "4294967295"},
    {"bit32.band(-1,0xff00)", "65280"},
    {"bit32.bor(1,2,2^31)", "2147483651"},
    {"bit32.bxor(5,1,1)", "5"},
    {"bit32.bnot(0)", "4294967295"},
    {"bit32.btest(1,2)", "false"},
    {"bit32.btest(3,2)", "true"},
    {"bit32.lshift(1,31)", "2147483648"},
    {"bit32.lshift(1,32)", "0"},
    {"bit32.lshift(4,-2)", "1"},
    {"bit32.rshift(-1,28)", "15"},
    {"bit32.rshift(1,math.mininteger)", "0"},
    {"bit32.arshift(0x80000000,4)", "4160749568"},
    {"bit32.arshift(0x80000000,40)", "4294967295"},
    {"bit32.arshift(0x40000000,4)", "67108864"},
    {"bit32.arshift(0x80000001,-1)", "2"},
    {"bit32.lrotate(0x80000001,1)", "3"},
    {"bit32.rrotate(1,1)", "2147483648"},
    {"bit32.rrotate(0x12345678,-8)", "878082066"},
    {"bit32.extract(0xabcd,4,8)", "188"},
    {"bit32.extract(0xabcd,0)", "1"},
    {"bit32.extract(1,-1)", "error: bad argument #2 to 'extract' (field cannot be negative)"},
    {"bit32.extract(1,0,0)", "error: bad argument #3 to 'extract' (width must be positive)"},
    {"bit32.extract(1,30,3)", "error: trying to access non-existent bits"},
    {"bit32.replace(0,0xff,28,4)", "4026531840"},
    {"bit32.replace(0xffffffff,0,0,32)", "0"},
    {"bit32.band(1.5)", "error: bad argument #1 to 'band' (number has no integer representation)"},
    {"bit32.band('7',6)", "6"},
    {"bit32.bnot({})", "error: bad argument #1 to 'bnot' (number expected, got table)"},
};

TEST(NativeModules, Bit32IsThatOfLua52) {
  ModuleState lua;
  for (const Case& one : kBit32) EXPECT_EQ(lua.text(one.expression), one.text) << one.expression;
}

// By its documentation, and by the answers of Nmap 7.93's, which is of the same version but for the
// last digit.
constexpr Case kLpeg[] = {
    {"lpeg.match(lpeg.C(lpeg.R'az'^1) * lpeg.Cp(), 'abc1')", "abc | 4"},
    {"lpeg.P{'a' * lpeg.V(1) * 'b' + ''}:match('aabbb')", "5"},
    {"lpeg.Ct((lpeg.C((1 - lpeg.P',')^1) * lpeg.P','^-1)^3):match('a,b,c')", "{1=a,2=b,3=c}"},
    {"lpeg.Cs((lpeg.P'a' / 'b' + 1)^0):match('banana')", "bbnbnb"},
    {"lpeg.Cf(lpeg.Cc(0) * (lpeg.R'09' / tonumber)^1, math.max):match('183')", "8"},
    {"lpeg.P'x':match('y')", "nil"},
    {"(lpeg.P(1) / function() error('from within') end):match('y')", "error: from within"},
    {"pcall(lpeg.match, lpeg.P(1) / function() coroutine.yield() end, 'y')",
     "false | attempt to yield from outside a coroutine"},
    {"lpeg.P{lpeg.V(1)}", "error: rule '1' may be left recursive"},
    {"lpeg.P(('a'):rep(3)):match({})",
     "error: bad argument #1 to 'match' (string expected, got table)"},
};

TEST(NativeModules, LpegRunsInLuaCompiledAsCxx) {
  ModuleState lua;
  for (const Case& one : kLpeg) EXPECT_EQ(lua.text(one.expression), one.text) << one.expression;
}

TEST(NativeModules, AreThoseOfNmap) {
  std::set<std::string> names;
  for (const NativeModule& module : native_modules()) names.insert(module.name);
  EXPECT_THAT(names, testing::IsSupersetOf({"bit32", "lfs", "lpeg"}));
}

class Lfs : public testing::Test {
 protected:
  Lfs() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::ofstream{folder_ / "file"} << "text";
  }
  ~Lfs() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return "'" + (folder_ / name).string() + "'"; }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("trawl_lfs_" + std::to_string(getpid()));
  ModuleState lua_;
};

TEST_F(Lfs, MakesAndRemovesFolders) {
  EXPECT_EQ(lua_.text("lfs.mkdir(" + path("one") + ")"), "true");
  EXPECT_EQ(lua_.text("lfs.mkdir(" + path("one") + ")"), "nil | File exists");
  EXPECT_EQ(lua_.text("lfs.mkdir(" + path("none/two") + ")"), "nil | No such file or directory");
  EXPECT_EQ(lua_.text("lfs.link(" + path("file") + "," + path("one/link") + ", true)"), "true");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "one" / "link"));
  EXPECT_EQ(lua_.text("lfs.link(" + path("file") + "," + path("one/link") + ")"),
            "nil | File exists | 17");
  EXPECT_EQ(lua_.text("lfs.rmdir(" + path("one") + ")"), "nil | Directory not empty");
  std::filesystem::remove(folder_ / "one" / "link");
  EXPECT_EQ(lua_.text("lfs.rmdir(" + path("one") + ")"), "true");
  EXPECT_EQ(lua_.text("lfs.rmdir(" + path("one") + ")"), "nil | No such file or directory");
  EXPECT_EQ(lua_.text("lfs.get_path_separator()"), "/");
  EXPECT_EQ(lua_.text("lfs.mkdir({})"),
            "error: bad argument #1 to 'mkdir' (string expected, got table)");
  EXPECT_EQ(lua_.text("lfs.mkdir('/tmp/a\\0b')"),
            "error: bad argument #1 to 'mkdir' (path has a zero byte)");
}

TEST_F(Lfs, ListsAFolder) {
  EXPECT_EQ(lua_.run("local all = {} for name in lfs.dir(" + path("") +
                     ") do "
                     "all[#all + 1] = name end table.sort(all) return table.concat(all, ' ')"),
            ". .. file");
  EXPECT_EQ(lua_.text("lfs.dir('/none/at all')"),
            "error: cannot open /none/at all: No such file or directory");
  EXPECT_EQ(lua_.run("local nexts, folder = lfs.dir(" + path("") +
                     ") while nexts(folder) do end "
                     "folder:close() return pcall(nexts, folder)"),
            "false | bad argument #1 to '?' (closed directory)");
  EXPECT_EQ(lua_.run("local nexts = lfs.dir('/') return pcall(nexts)"),
            "false | bad argument #1 to '?' (directory metatable expected, got no value)");
  // Unclosed ones are closed when they are collected: no descriptor is left.
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {});
  };
  lua_.run("collectgarbage() return 1");
  const auto before = descriptors();
  lua_.run("for i = 1, 50 do lfs.dir('/') end collectgarbage() return 1");
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace trawl::nse
