#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/nse/engine/engine_fixture.h"

namespace trawl::nse {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

// Scripts that mean harm, or just are wrong, beside one that is neither.
class HostileScriptsTest : public EngineTest {
 protected:
  HostileScriptsTest() {
    settings_.limits.instructions = 5'000'000;
    settings_.limits.memory_bytes = std::size_t{64} << 20U;
    hosts_.emplace_back("198.18.0.1", std::vector<std::uint16_t>{80});
    script("good",
           "portrule = function() return true end\n"
           "action = function() nmap.socket.sleep(0.005) return ('x'):rep(3) end");
  }
  // Its action is on line 4. Returns what is told of its error.
  std::string fails(const std::string& body) {
    act(body);
    run();
    EXPECT_THAT(results_, Contains("good@198.18.0.1:80 xxx")) << body;
    EXPECT_THAT(failed_, SizeIs(1)) << body;
    return failed_.empty() ? "" : failed_.front();
  }
  std::string gives(const std::string& body) {
    act(body);
    run();
    EXPECT_THAT(results_, Contains("good@198.18.0.1:80 xxx")) << body;
    EXPECT_THAT(failed_, IsEmpty()) << body;
    for (const auto& line : results_) {
      if (line.starts_with("evil")) return line.substr(line.find(' ') + 1);
    }
    return "nothing";
  }
  void act(const std::string& body) {
    chosen_.resize(1);
    results_.clear();
    failed_.clear();
    script("evil", "portrule = function() return true end\naction = function() " + body + " end");
  }
};

constexpr const char* kEnded = "script ended: 5000000 instructions";

TEST_F(HostileScriptsTest, LoopsWithoutEndAreEndedWhereverTheyAre) {
  for (const char* body : {
           "while true do end",
           "local function f() return f() end f()",
           "while true do pcall(function() while true do end end) end",
           "coroutine.wrap(function() while true do end end)()",
           "while true do pcall(coroutine.wrap(function() while true do end end)) end",
           "while true do coroutine.wrap(function() coroutine.yield() end)() end",
           "('x'):gsub('x', function() while true do end end)",
           "table.sort({3, 2, 1}, function() while true do end end)",
           "setmetatable({}, {__index = function() while true do end end}).x()",
           "xpcall(function() while true do end end, function() while true do end end)",
           "local x <close> = setmetatable({}, {__close = function() while true do end end})",
           "coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() "
           "while true do end end}) while true do end end)()",
           "xpcall(error, function() while true do end end)",
       }) {
    EXPECT_THAT(fails(body), AllOf(StartsWith("evil against"), HasSubstr("evil.nse:4:"))) << body;
  }
}

TEST_F(HostileScriptsTest, FunctionsOfLuaThatTakeLongAreEnded) {
  for (const char* body : {
           "('a'):rep(5000):find('.-.-.-.-.-b')",
           "('a'):rep(5000):match('(.-)(.-)(.-)(.-)%1b')",
           "for x in ('a'):rep(5000):gmatch('.-.-.-.-b') do end",
           "('a'):rep(5000):gsub('.-.-.-.-b', '')",
           "while true do ('a'):rep(100000):find('b', 1, true) end",
           "table.move({}, 1, 1 << 60, 2)",
           "table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 'x')",
           "table.remove(setmetatable({}, {__len = function() return 1 << 60 end}), 1)",
           "table.sort(setmetatable({}, {__len = function() return 1 << 30 end}), rawequal)",
           "while true do collectgarbage() end",
           "while true do local x = ('x'):rep(10000000) end",
       }) {
    EXPECT_THAT(fails(body), AllOf(HasSubstr(kEnded), HasSubstr("evil.nse:4:"))) << body;
  }
}

TEST_F(HostileScriptsTest, LoopsInRulesFilesAndOutputAreEnded) {
  script("in_rule", "portrule = function() while true do end end action = print");
  script("in_tostring",
         "portrule = function() return true end action = function()\n"
         "  return setmetatable({}, {__tostring = function() while true do end end}) end");
  script("in_pairs",
         "portrule = function() return true end action = function()\n"
         "  return setmetatable({}, {__pairs = function() return function() return 'x', 1 end end})"
         "end");
  script("in_error",
         "portrule = function() return true end action = function()\n"
         "  error(setmetatable({}, {__tostring = function() while true do end end})) end");
  run();
  EXPECT_THAT(failed_, SizeIs(4));
  EXPECT_THAT(results_, Contains("good@198.18.0.1:80 xxx"));
  EXPECT_THAT(failed_, Contains(AllOf(StartsWith("in_rule"), HasSubstr("in_rule.nse:3:"))));
  EXPECT_THAT(failed_, Contains(AllOf(StartsWith("in_tostring"), HasSubstr("in_tostring.nse:4:"))));
  EXPECT_THAT(failed_, Contains(AllOf(StartsWith("in_pairs"), HasSubstr("too large"))));
  EXPECT_THAT(failed_, Contains(AllOf(StartsWith("in_error"), HasSubstr("in_error.nse:4:"))));
  chosen_.clear();
  script("in_file", "while true do end");
  EXPECT_THAT(load(), AllOf(HasSubstr("in_file.nse:3:"), HasSubstr(kEnded)));
}

TEST_F(HostileScriptsTest, SyntaxErrorsAndMissingFieldsAreNamed) {
  const auto first_error = [this](const std::string& code) {
    chosen_.clear();
    file("wrong", code);
    return load();
  };
  EXPECT_THAT(first_error("\nx = = 1"), HasSubstr("wrong.nse:2:"));
  EXPECT_THAT(first_error("\x1bLua compiled"), HasSubstr("wrong.nse"));
  EXPECT_THAT(first_error(std::string("action = '\0'", 12)), HasSubstr("wrong.nse"));
  EXPECT_THAT(first_error("end local x = 1 do"), HasSubstr("wrong.nse:1:"));
  EXPECT_THAT(first_error("x = " + std::string(100'000, '(')), HasSubstr("wrong.nse: C stack"));
  EXPECT_THAT(first_error("x = " + std::string(100'000, '{')), HasSubstr("wrong.nse: C stack"));
  EXPECT_THAT(first_error("error({})"), HasSubstr("wrong.nse"));
  EXPECT_THAT(first_error("action = print"), HasSubstr("wrong.nse: no rule"));
}

TEST_F(HostileScriptsTest, DeepRecursionAndGiantStringsAreErrors) {
  settings_.limits.memory_bytes = std::size_t{256} << 20U;
  EXPECT_THAT(fails("local function f() return 1 + f() end f()"),
              AllOf(HasSubstr("stack overflow"), HasSubstr("evil.nse:4:")));
  EXPECT_THAT(fails("local function f(s) return s:gsub('.', f) end f('x')"),
              AllOf(HasSubstr("C stack overflow"), HasSubstr("evil.nse:4:")));
  EXPECT_THAT(fails("local function f() return coroutine.wrap(f)() end f()"),
              HasSubstr("C stack overflow"));
  EXPECT_THAT(fails("local t = setmetatable({}, {}) getmetatable(t).__index = t t = t.x.y"),
              HasSubstr("evil.nse:4:"));
  settings_.limits.instructions = 1'000'000'000;
  EXPECT_THAT(fails("return string.rep('x', 1000000000)"), HasSubstr("not enough memory"));
  EXPECT_THAT(fails("local s = 'x' while true do s = s .. s end"), HasSubstr("not enough memory"));
  EXPECT_THAT(fails("local t = {} for i = 1, math.huge do t[i] = {} end"),
              HasSubstr("not enough memory"));
}

TEST_F(HostileScriptsTest, WhateverActionsReturnIsTextOrAnError) {
  EXPECT_EQ(gives("return nil, nil, nil"), "nothing");
  EXPECT_THAT(gives("return print"), HasSubstr("function"));
  EXPECT_EQ(gives("return {}, 5"), "5");
  EXPECT_EQ(gives("return table.unpack({}, 1, 200)"), "nothing");
  EXPECT_THAT(fails("local t = {} t[1] = t return t"), HasSubstr("output table too deep"));
  EXPECT_THAT(fails("local t = {} t.t = t return t"), HasSubstr("output table too deep"));
  EXPECT_THAT(fails("return setmetatable({}, {__index = function(_, i) return i end})"),
              HasSubstr("output table too large"));
  EXPECT_THAT(fails("local s = ('x'):rep(1 << 20) local t = {} for i = 1, 100 do t[i] = s end "
                    "return t"),
              HasSubstr("output too large"));
  EXPECT_THAT(fails("return setmetatable({}, {__tostring = function() return {} end})"),
              HasSubstr("__tostring"));
}

TEST_F(HostileScriptsTest, ErrorsOfAnyKindNameTheLine) {
  for (const char* body : {
           "error()",
           "error(nil)",
           "error({code = 5})",
           "error(print)",
           "error(('x'):rep(1000000))",
           "error(setmetatable({}, {__tostring = function() error 'again' end}))",
           "error(setmetatable({}, {__tostring = function() return 5 end}))",
           "error(setmetatable({}, {__tostring = coroutine.yield}))",
           "local x <close> = setmetatable({}, {__close = function() error 'at the end' end})",
           "coroutine.wrap(function() error {} end)()",
           "coroutine.yield()",
           "return nothing.at.all",
       }) {
    const std::string told = fails(body);
    EXPECT_LT(told.size(), 100'000U);
    EXPECT_THAT(told, StartsWith("evil against 198.18.0.1:80")) << body;
    const bool has_line = std::string_view{body} != "coroutine.yield()";
    EXPECT_THAT(told, HasSubstr(has_line ? "evil.nse:4:" : "outside of its coroutines")) << body;
  }
}

TEST_F(HostileScriptsTest, WaitingAcrossCallsOfCIsAnError) {
  for (const char* body : {
           "('x'):gsub('x', function() nmap.socket.sleep(0) end)",
           "table.sort({2, 1}, function() nmap.socket.sleep(0) end)",
           "load(function() nmap.socket.sleep(0) end)()",
           "return tostring(setmetatable({}, {__tostring = function() nmap.socket.sleep(0) end}))",
       }) {
    EXPECT_THAT(fails(body), HasSubstr("evil.nse:4:")) << body;
  }
}

TEST_F(HostileScriptsTest, TheEngineCannotBeTakenOver) {
  EXPECT_THAT(fails("os.exit(1)"), HasSubstr("may not call os.exit"));
  EXPECT_THAT(fails("debug.sethook()"), HasSubstr("evil.nse:4:"));
  EXPECT_THAT(fails("require('debug').getregistry()"), HasSubstr("evil.nse:4:"));
  EXPECT_EQ(gives("return getmetatable('')"), "false");
  EXPECT_THAT(fails("setmetatable('', {})"), HasSubstr("table expected"));
  EXPECT_THAT(gives("return select(2, load(string.dump(function() end)))"), HasSubstr("binary"));
  EXPECT_THAT(gives("return select(2, load(string.dump(function() end), 'x', 'b'))"),
              HasSubstr("compiled code"));
  EXPECT_EQ(gives("return load('return 7')()"), "7");
  EXPECT_EQ(gives("return load('return x', 'n', 't', {x = 3})()"), "3");
  EXPECT_THAT(gives("return select(2, load('return x', 'n', 't', nil))"), testing::_);
  EXPECT_EQ(gives("return io.read() or 'end of file'"), "end of file");
  EXPECT_EQ(gives("return collectgarbage('stop') + collectgarbage('generational')"), "0");
  EXPECT_THAT(fails("setmetatable(5, {})"),
              AllOf(HasSubstr("evil.nse:4:"), HasSubstr("'setmetatable'")));
}

TEST_F(HostileScriptsTest, ProtectedCallsDoWhatLuasDo) {
  EXPECT_EQ(gives("return table.concat({tostring(xpcall(function(a, b) nmap.socket.sleep(0) "
                  "return a .. b end, print, 'x', 'y'))})"),
            "true");
  EXPECT_EQ(
      gives("return select(2, xpcall(function(a) nmap.socket.sleep(0) return a end, print, 7))"),
      "7");
  EXPECT_EQ(
      gives("return select(2, xpcall(function() error({5}) end, function(e) return e[1] end))"),
      "5");
  EXPECT_EQ(gives("return select('#', xpcall(function() end, function() end))"), "1");
  EXPECT_EQ(gives("local c = coroutine.create(function() coroutine.yield() end) "
                  "coroutine.resume(c) return coroutine.close(c)"),
            "true");
}

TEST_F(HostileScriptsTest, FinalisersMayFailAndAreRefusedInTheSandbox) {
  EXPECT_EQ(gives("setmetatable({}, {__gc = function() error 'no' end}) collectgarbage() return 1"),
            "1");
  EXPECT_THAT(gives("return io.type(io.open '/dev/null')"), "file");
  settings_.sandboxes_others = true;
  const std::string pipe = (folder_ / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(gives("return (select(2, io.open '" + pipe + "'))"), HasSubstr("may not do this"));
  EXPECT_THAT(gives("return (select(2, io.input '" + pipe + "'))"), HasSubstr("may not do this"));
  EXPECT_THAT(gives("return (select(2, io.lines '" + pipe + "'))"), HasSubstr("may not do this"));
  EXPECT_THAT(gives("return io.lines(SCRIPT_PATH)()"), HasSubstr("description"));
  EXPECT_THAT(fails("setmetatable({}, {__gc = function() while true do end end})"),
              AllOf(HasSubstr("finalisers"), HasSubstr("evil.nse:4:")));
}

TEST_F(HostileScriptsTest, ThoseThatWaitForEachOtherForeverAreEnded) {
  EXPECT_THAT(fails("nmap.condvar('c')('wait')"), HasSubstr("nobody does any more"));
  EXPECT_THAT(fails("local c = coroutine.running() stdnse.new_thread(function() "
                    "coroutine.resume(c) end) nmap.condvar({})('wait')"),
              StartsWith("evil"));
}

}  // namespace
}  // namespace trawl::nse
