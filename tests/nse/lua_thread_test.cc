#include "nse/lua/lua_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "nse/lua/coroutines.h"
#include "nse/lua/suspension.h"

namespace trawl::nse {
namespace {

using State = LuaThread::State;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Suspension> waiting;

int wait_for_event(lua_State* lua) {
  return suspend(lua, [](Suspension it) { waiting.push_back(std::move(it)); });
}

int doubled(lua_State* lua, int /*status*/, lua_KContext context) {
  lua_pushinteger(lua, 2 * lua_tointeger(lua, -1) + context);
  return 1;
}

int wait_and_double(lua_State* lua) {
  return suspend(
      lua, [](Suspension it) { waiting.push_back(std::move(it)); }, doubled, 100);
}

int count_down(lua_State* lua, int /*status*/, lua_KContext left) {
  if (left == 0) return doubled(lua, LUA_YIELD, 0);
  return suspend(
      lua, [](Suspension it) { waiting.push_back(std::move(it)); }, count_down, left - 1);
}

int wait_twice(lua_State* lua) { return count_down(lua, LUA_OK, 2); }

int wait_not(lua_State* lua) {
  return suspend(lua, [](const Suspension& it) {
    it.resume([](lua_State* on) { return lua_pushstring(on, "at once"), 1; });
  });
}

class LuaThreads : public testing::Test {
 protected:
  LuaThreads() {
    set_context(lua_, &context_);
    luaL_openlibs(lua_);
    replace_coroutine_functions(lua_);
    lua_register(lua_, "wait", wait_for_event);
    lua_register(lua_, "wait_and_double", wait_and_double);
    lua_register(lua_, "wait_twice", wait_twice);
    lua_register(lua_, "wait_not", wait_not);
    waiting.clear();
  }
  ~LuaThreads() override { lua_close(lua_); }

  std::shared_ptr<LuaThread> thread(const char* code) {
    EXPECT_EQ(luaL_loadstring(lua_, code), LUA_OK) << lua_tostring(lua_, -1);
    return LuaThread::make(lua_, 0);
  }
  // The next event comes, with that number.
  static void happen(lua_Integer value) {
    ASSERT_FALSE(waiting.empty());
    const Suspension it = waiting.front();
    waiting.erase(waiting.begin());
    it.resume([value](lua_State* on) { return lua_pushinteger(on, value), 1; });
  }
  static std::string result(const LuaThread& thread) {
    const char* text = luaL_tolstring(thread.lua(), -1, nullptr);
    std::string copy = text;
    lua_pop(thread.lua(), 1);
    return copy;
  }
  // Gives it the numbers one by one, and then looks at what it returned.
  static std::string result_of(LuaThread& thread, const std::vector<lua_Integer>& events) {
    thread.run();
    for (const lua_Integer event : events) {
      EXPECT_EQ(thread.state(), State::Suspended);
      if (thread.state() != State::Suspended) break;
      EXPECT_FALSE(thread.ready());
      happen(event);
      if (!thread.ready()) return "not ready";
      thread.run();
    }
    EXPECT_TRUE(thread.over());
    return thread.over() ? result(thread) : "not over";
  }
  std::string result_of(const char* code, const std::vector<lua_Integer>& events = {}) {
    const std::shared_ptr<LuaThread> made = thread(code);
    return result_of(*made, events);
  }

  LuaContext context_;
  lua_State* lua_ = luaL_newstate();
};

TEST_F(LuaThreads, AFunctionThatIsNotSuspendedReturnsItsValue) {
  EXPECT_EQ(result_of("return 6 * 7"), "42");
}

TEST_F(LuaThreads, ASuspendedFunctionReturnsWhatThePushPushed) {
  EXPECT_EQ(result_of("local a = wait() return a + wait()", {40, 2}), "42");
}

TEST_F(LuaThreads, AContinuationSeesTheValuesAndMaySuspendAgain) {
  EXPECT_EQ(result_of("return wait_and_double()", {3}), "106");
  EXPECT_EQ(result_of("return wait_twice()", {1, 4}), "8");
}

TEST_F(LuaThreads, AnEventThatComesAtOnceIsNotLost) {
  const auto made = thread("return wait_not()");
  EXPECT_EQ(made->run(), State::Suspended);
  EXPECT_TRUE(made->ready());
  EXPECT_EQ(context_.ready.size(), 1U);
  EXPECT_EQ(made->run(), State::Finished);
  EXPECT_EQ(result(*made), "at once");
}

TEST_F(LuaThreads, ASuspensionPassesThroughThreeLevelsOfCoroutines) {
  EXPECT_EQ(result_of(R"(
    local seen = {}
    local inner = function(x)
      local got = wait()
      local back = coroutine.yield("inner", got + x)
      return got + back + wait()
    end
    local middle = function()
      local co = coroutine.create(inner)
      local ok, name, value = coroutine.resume(co, 1000)
      assert(ok and name == "inner" and value == 1001, tostring(name))
      assert(coroutine.status(co) == "suspended")
      coroutine.yield(value)
      local ok2, last = coroutine.resume(co, 50)
      assert(ok2, last)
      assert(coroutine.status(co) == "dead")
      return last
    end
    local outer = coroutine.wrap(function()
      local next = coroutine.wrap(middle)
      local first = next()
      local got = wait()
      coroutine.yield(first + got)
      return next()
    end)
    local a = outer()
    local b = outer()
    return a .. "," .. b)",
                      {1, 2, 700}),
            "1003,751");
}

TEST_F(LuaThreads, CoroutinesWithoutSuspensionAreThoseOfLua) {
  EXPECT_EQ(result_of(R"(
    local co = coroutine.wrap(function(...) for i = 1, 3 do coroutine.yield(i, ...) end end)
    local out = {}
    for i = 1, 3 do out[#out + 1] = table.concat({co("x", "y")}, ":") end
    local main, is_main = coroutine.running()
    out[#out + 1] = tostring(is_main)
    out[#out + 1] = tostring(coroutine.isyieldable())
    out[#out + 1] = tostring(select(2, coroutine.resume(coroutine.create(error), "text")))
    local dead = coroutine.create(function() end)
    coroutine.resume(dead)
    out[#out + 1] = tostring(select(2, coroutine.resume(dead)))
    local closed = false
    local held = coroutine.create(function()
      local guard <close> = setmetatable({}, {__close = function() closed = true end})
      coroutine.yield()
    end)
    coroutine.resume(held)
    out[#out + 1] = tostring(coroutine.close(held)) .. tostring(closed)
    return table.concat(out, " "))"),
            "1:x:y 2:x:y 3:x:y false true text cannot resume dead coroutine truetrue");
}

TEST_F(LuaThreads, AnErrorAfterASuspensionGoesThroughResumeWrapAndPcall) {
  EXPECT_EQ(result_of(R"(
    local co = coroutine.create(function() wait() error({code = 7}) end)
    local ok, why = coroutine.resume(co)
    local ok2, why2 = pcall(coroutine.wrap(function() wait() error("no", 0) end))
    local ok3, why3 = pcall(function() wait() error("plain", 0) end)
    return tostring(ok) .. why.code .. tostring(ok2) .. why2 .. tostring(ok3) .. why3)",
                      {1, 2, 3}),
            "false7falsenofalseplain");
}

TEST_F(LuaThreads, AnUncaughtErrorTellsFileLineAndTraceback) {
  const std::string code = "\nlocal function f() error('broken') end\nwait() f()";
  ASSERT_EQ(luaL_loadbuffer(lua_, code.data(), code.size(), "@a.nse"), LUA_OK);
  const auto made = LuaThread::make(lua_, 0);
  made->run();
  happen(0);
  EXPECT_EQ(made->run(), State::Failed);
  EXPECT_EQ(result(*made), "a.nse:2: broken");
  EXPECT_THAT(made->traceback(), HasSubstr("a.nse:3: in"));
}

TEST_F(LuaThreads, AWaitWithinACallbackOfCRaisesAnError) {
  const std::string text = result_of(R"(
    local _, plain = pcall(string.gsub, "x", "x", function() wait() end)
    local _, deep = pcall(string.gsub, "x", "x", function()
      coroutine.wrap(function() wait() end)()
    end)
    return plain .. "|" .. deep .. "|" .. wait())",
                                     {5});
  EXPECT_THAT(text, HasSubstr("attempt to wait across a C-call boundary|"));
  EXPECT_THAT(text, testing::ContainsRegex("boundary.*boundary\\|5"));
}

TEST_F(LuaThreads, AWaitOutsideOfAThreadRaisesAnError) {
  luaL_loadstring(lua_, "wait()");
  EXPECT_NE(lua_pcall(lua_, 0, 0, 0), LUA_OK);
  EXPECT_THAT(lua_tostring(lua_, -1), HasSubstr("only a running script can wait"));
}

TEST_F(LuaThreads, AYieldOutsideOfCoroutinesIsAnError) {
  EXPECT_EQ(result_of("coroutine.yield(1)"), "the script yielded outside of its coroutines");
}

TEST_F(LuaThreads, AResumeComesOnceAndNotAfterDeath) {
  const auto made = thread("return wait()");
  made->run();
  const Suspension it = waiting.front();
  happen(1);
  EXPECT_FALSE(it.alive());
  it.resume([](lua_State* on) { return lua_pushinteger(on, 2), 1; });
  EXPECT_EQ(context_.ready.size(), 1U);
  made->run();
  EXPECT_EQ(result(*made), "1");

  auto killed = thread(
      "local guard <close> = setmetatable({}, {__close = function() closed = 1 end})"
      " return wait()");
  killed->run();
  const Suspension later = waiting.back();
  killed->kill();
  EXPECT_FALSE(later.alive());
  EXPECT_EQ(killed->state(), State::Failed);
  EXPECT_EQ(lua_getglobal(lua_, "closed"), LUA_TNUMBER);
  killed.reset();
  later.resume([](lua_State*) { return 0; });
  EXPECT_EQ(context_.ready.size(), 1U);
}

TEST_F(LuaThreads, AWaitingCoroutineThatAnotherThreadResumesFailsThere) {
  const auto first = thread(
      "shared = coroutine.create(function() return wait() end)"
      " return select(2, coroutine.resume(shared))");
  first->run();
  EXPECT_THAT(result_of("return select(2, coroutine.resume(shared))"), HasSubstr("another script"));
  happen(1);
  first->run();
  EXPECT_EQ(result(*first), "cannot resume dead coroutine");
}

TEST_F(LuaThreads, AThousandThreadsWaitAtOnce) {
  std::vector<std::shared_ptr<LuaThread>> threads;
  for (int i = 0; i < 1000; ++i) {
    threads.push_back(thread("return coroutine.wrap(function() return wait() end)()"));
    threads.back()->run();
  }
  for (int i = 0; i < 1000; ++i) happen(i);
  for (std::size_t i = 0; i < 1000; ++i) {
    threads[i]->run();
    EXPECT_EQ(result(*threads[i]), std::to_string(i));
  }
}

}  // namespace
}  // namespace trawl::nse
