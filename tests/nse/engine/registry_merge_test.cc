#include "nse/engine/registry_merge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nse/lua/lua_state.h"

namespace trawl::nse {
namespace {

// States side by side, merged as an EnginePool does it.
class RegistryMergeTest : public testing::Test {
 protected:
  explicit RegistryMergeTest(std::size_t count = 3) {
    for (std::size_t i = 0; i < count; ++i) {
      states_.push_back(std::make_unique<LuaState>(std::size_t{64} << 20U));
      run(i, "nmap = {registry = {}} package.loaded.nmap = nmap r = nmap.registry");
    }
    before_.resize(count);
  }
  void run(std::size_t state, const std::string& code) {
    lua_State* const lua = states_[state]->get();
    ASSERT_EQ(luaL_dostring(lua, code.c_str()), LUA_OK) << lua_tostring(lua, -1);
    lua_settop(lua, 0);
  }
  void merge() {
    RegistryChanges all;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const auto now = take_registry(states_[i]->get(), bounds_);
      ASSERT_TRUE(now);
      add_changes(all, changes_between(before_[i], *now));
    }
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const auto applied = apply_changes(states_[i]->get(), all);
      ASSERT_TRUE(applied) << applied.error().message;
      before_[i] = *take_registry(states_[i]->get(), bounds_);
    }
  }
  std::string ask(std::size_t state, const std::string& expression) {
    lua_State* const lua = states_[state]->get();
    const std::string code = "return tostring(" + expression + ")";
    if (luaL_dostring(lua, code.c_str()) != LUA_OK) return lua_tostring(lua, -1);
    std::string text = lua_tostring(lua, -1);
    lua_settop(lua, 0);
    return text;
  }
  // What each of the states says.
  std::vector<std::string> ask_all(const std::string& expression) {
    std::vector<std::string> answers;
    for (std::size_t i = 0; i < states_.size(); ++i) answers.push_back(ask(i, expression));
    return answers;
  }
  static std::vector<std::string> all(const std::string& text) { return {text, text, text}; }

  RegistryBounds bounds_;
  std::vector<std::unique_ptr<LuaState>> states_;
  std::vector<RegistrySnapshot> before_;
};

TEST_F(RegistryMergeTest, GivesWhatOneHasToAll) {
  run(1, "r.text = 'a\\0b' r.flag = false r.count = 7 r.half = 0.5 r.deep = {[true] = {x = 1}}");
  merge();
  EXPECT_EQ(ask_all("#r.text"), all("3"));
  EXPECT_EQ(ask_all("r.flag"), all("false"));
  EXPECT_EQ(ask_all("math.type(r.count) .. r.half"), all("integer0.5"));
  EXPECT_EQ(ask_all("r.deep[true].x"), all("1"));
}

TEST_F(RegistryMergeTest, UnitesTablesFieldByField) {
  run(0, "r.hosts = {a = {x = 1}}");
  run(1, "r.hosts = {b = 2}");
  run(2, "r.hosts = {a = {y = 3}}");
  merge();
  EXPECT_EQ(ask_all("r.hosts.a.x .. r.hosts.b .. r.hosts.a.y"), all("123"));
}

TEST_F(RegistryMergeTest, OfTwoChangesTheLaterCoreCounts) {
  run(0, "r.who = 'first' r.kind = {}");
  run(2, "r.who = 'last' r.kind = 'text'");
  merge();
  EXPECT_EQ(ask_all("r.who .. type(r.kind)"), all("laststring"));
  run(0, "r.who = 'changed alone'");
  merge();
  EXPECT_EQ(ask_all("r.who"), all("changed alone"));
}

TEST_F(RegistryMergeTest, PutsListsThatWereMadeLongerOneBehindTheOther) {
  run(0, "r.list = {'base'}");
  merge();
  run(0, "table.insert(r.list, {n = 'a'})");
  run(1, "table.insert(r.list, {n = 'b', of = 1}) kept = r.list");
  run(2, "table.insert(r.list, {n = 'a'})");  // The same as the first.
  merge();
  EXPECT_EQ(ask_all("#r.list .. r.list[1] .. r.list[2].n .. r.list[3].n"), all("3baseab"));
  EXPECT_EQ(ask_all("r.list[2].of"), all("nil"));
  EXPECT_EQ(ask(1, "kept == r.list"), "true");
  merge();
  EXPECT_EQ(ask_all("#r.list"), all("3"));
}

TEST_F(RegistryMergeTest, TellsWhatIsGone) {
  run(0, "r.a = {b = 1, c = 2} r.d = 3");
  merge();
  run(1, "r.a.b = nil r.d = nil");
  merge();
  EXPECT_EQ(ask_all("r.a.b"), all("nil"));
  EXPECT_EQ(ask_all("r.a.c"), all("2"));
  EXPECT_EQ(ask_all("r.d"), all("nil"));
}

TEST_F(RegistryMergeTest, LeavesFunctionsAndObjectsWhereTheyAre) {
  run(0, "r.f = function() return 'own' end r.o = setmetatable({}, {__index = error}) r.t = {1}");
  run(1, "r.f = 'text' r.g = coroutine.create(print) r.io = io.stdout");
  merge();
  EXPECT_EQ(ask(0, "r.f()"), "own");
  EXPECT_EQ(ask(1, "r.f"), "text");
  EXPECT_EQ(ask(2, "r.f"), "text");
  EXPECT_EQ(ask(2, "r.o == nil and r.g == nil and r.io == nil"), "true");
  EXPECT_EQ(ask(1, "type(r.g)"), "thread");
  run(1, "r.t = nil r.f = nil");
  run(0, "r.t.own = print");
  merge();
  EXPECT_EQ(ask(0, "r.t[1] == nil and r.t.own == print and r.f()"), "own");
  EXPECT_EQ(ask(2, "r.t"), "nil");
}

TEST_F(RegistryMergeTest, BoundsCyclesDepthAndSize) {
  run(0, "r.self = r r.a = {} r.a.b = {up = r.a, n = 1}");
  run(1, "local t = r for i = 1, 10000 do t.t = {i = i} t = t.t end");
  run(2, "r.big = {} for i = 1, 100 do r.big[i] = {} r.big[i].big = r.big[i - 1] end");
  merge();
  EXPECT_EQ(ask(1, "r.self"), "nil");
  EXPECT_EQ(ask(1, "r.a.b.n"), "1");
  EXPECT_EQ(ask(1, "r.a.b.up"), "nil");
  EXPECT_EQ(ask(2, "r.t.t.t.t.i"), "4");
  run(1, "depth = 0 local t = r while t.t do depth = depth + 1 t = t.t end");
  EXPECT_EQ(ask(1, "depth"), "10000");  // Not cut off where it came from.
}

TEST_F(RegistryMergeTest, TakesNoMoreThanItsBoundsAndThenTellsNothingToBeGone) {
  run(0, "r.kept = 1");
  merge();
  bounds_ = {.values = 50, .string_bytes = 1000};
  run(0, "for i = 1, 1000 do r['x' .. i] = i end");
  run(1, "r.text = ('x'):rep(2000)");
  merge();
  EXPECT_EQ(ask_all("r.kept"), all("1"));
  EXPECT_EQ(ask(2, "r.text"), "nil");
  EXPECT_FALSE(take_registry(states_[0]->get(), bounds_)->is_complete);
}

TEST_F(RegistryMergeTest, NeverCallsMetamethods) {
  run(0,
      "setmetatable(r, {__index = error, __newindex = error, __pairs = error}) rawset(r, 'x', 1)");
  run(1, "r.y = 1");
  merge();
  EXPECT_EQ(ask(0, "rawget(r, 'y')"), "nil");  // With a metatable it is an object.
  run(0, "nmap.registry = 5");
  run(1, "nmap.registry = nil");
  merge();
  EXPECT_EQ(ask(0, "nmap.registry"), "5");
  run(0, "package.loaded.nmap = 5");
  merge();
}

}  // namespace
}  // namespace trawl::nse
