#include <gmock/gmock.h>

#include "tests/nse/engine/engine_fixture.h"

namespace trawl::nse {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const std::string kAlways =
    "prerule = function() return true end hostrule = prerule portrule = prerule "
    "postrule = prerule ";
const std::string kPre = "prerule = function() return true end action = function() ";
const std::string kPort = "portrule = function() return true end action = function(host, port) ";

TEST_F(EngineTest, EachPhaseHasItsRuleAndTables) {
  hosts_ = {{"a", {1, 2}}, {"b", {}}};
  script("all", kAlways +
                    "action = function(host, port) return SCRIPT_TYPE .. type(host) .. type(port) "
                    "end");
  run();
  EXPECT_THAT(results_, ElementsAre("all prerulenilnil", "all@a hostruletablenil",
                                    "all@a:1 portruletabletable", "all@a:2 portruletabletable",
                                    "all@b hostruletablenil", "all postrulenilnil"));
  EXPECT_EQ(started_.at(2), "all against a:1");
}

TEST_F(EngineTest, ARuleThatSaysNoKeepsTheActionFromRunningUnlessForced) {
  hosts_ = {{"a", {1, 2}}};
  const std::string code =
      "portrule = function(host, port) return port.number == 2 end action = function() return 'x' "
      "end";
  script("asked", code);
  script("forced", code, true);
  run();
  EXPECT_THAT(results_, ElementsAre("asked@a:2 x", "forced@a:1 x", "forced@a:2 x"));
}

TEST_F(EngineTest, ARunLevelEndsBeforeTheNextBegins) {
  hosts_ = {{"a", {1}}};
  script("late", "dependencies = {'early', 'absent'} " + kPort + "return nmap.registry.said end");
  script("early", kPort + "nmap.socket.sleep(0.02) nmap.registry.said = 'done' end");
  EXPECT_EQ(only_result(), "late@a:1 done");
}

TEST_F(EngineTest, TheRegistryOutlivesGroupsAndTablesAreCopies) {
  hosts_ = {{"a", {1}}};
  const std::string code = kPort +
                           "nmap.registry.n = (nmap.registry.n or 0) + 1 "
                           "host.mine = (host.mine or 0) + 1 "
                           "port.version.mine = (port.version.mine or 0) + 1 "
                           "host.registry.n = (host.registry.n or 0) + 1 "
                           "return nmap.registry.n .. host.mine .. port.version.mine .. "
                           "host.registry.n end";
  script("one", code);
  script("two", code);
  run();
  engine_->run_hosts(std::vector<ScriptHost*>{hosts_.data()});
  EXPECT_THAT(results_,
              ElementsAre("one@a:1 1111", "two@a:1 2112", "one@a:1 3111", "two@a:1 4112"));
}

TEST_F(EngineTest, RulesMayWaitAndWaitingScriptsRunTogether) {
  hosts_ = {{"a", {1, 2, 3}}};
  script("sleeps",
         "portrule = function(host, port) nmap.socket.sleep(0.001) return true end "
         "action = function(host, port) "
         "nmap.registry.running = (nmap.registry.running or 0) + 1 "
         "while nmap.registry.running < 3 do nmap.socket.sleep(0.001) end return 'met' end");
  run();
  EXPECT_THAT(results_, UnorderedElementsAre("sleeps@a:1 met", "sleeps@a:2 met", "sleeps@a:3 met"));
}

TEST_F(EngineTest, AThousandInstancesWaitAtOnceAndNoMore) {
  std::vector<std::uint16_t> ports(1500);
  for (std::size_t i = 0; i < ports.size(); ++i) ports[i] = static_cast<std::uint16_t>(i + 1);
  hosts_ = {{"a", ports}};
  // The first thousand wait for each other; one more at once would be seen.
  script("many", kPort +
                     "local r = nmap.registry r.n = (r.n or 0) + 1 r.now = (r.now or 0) + 1 "
                     "r.most = math.max(r.most or 0, r.now) local cv = nmap.condvar('all') "
                     "if r.n == 1000 then cv 'broadcast' end "
                     "while r.n < 1000 do cv 'wait' end r.now = r.now - 1 end");
  script("tells",
         "postrule = function() return true end action = function() "
         "return nmap.registry.n .. ' ' .. nmap.registry.most end");
  EXPECT_EQ(only_result(), "tells 1500 1000");
  EXPECT_EQ(engine_->statistics().most_at_once, 1000U);
}

TEST_F(EngineTest, AnErrorInOneLeavesOthersRunning) {
  hosts_ = {{"a", {1}}};
  script("bad", kPort + "nmap.socket.sleep(0.001)\nerror('boom') end");
  script("rule", "portrule = function() error('in rule') end action = function() return 'x' end");
  script("object",
         kPort + "error(setmetatable({}, {__tostring = function() error('worse') end})) end");
  script("good", kPort + "nmap.socket.sleep(0.005) return 'fine' end");
  run();
  EXPECT_THAT(results_,
              UnorderedElementsAre("bad@a:1 ERROR: Script execution failed (use -d to debug)",
                                   "object@a:1 ERROR: Script execution failed (use -d to debug)",
                                   "good@a:1 fine"));
  EXPECT_THAT(failed_,
              UnorderedElementsAre(
                  testing::ContainsRegex("bad against a:1 .*bad.nse:4: boom\nstack traceback"),
                  HasSubstr("rule.nse:3: in rule"), HasSubstr("cannot be told")));
}

TEST_F(EngineTest, AStrayYieldAndBadOutputAreTold) {
  script("yields", kPre + "coroutine.yield(1) return 'after' end");
  script("recurses", kPre + "local t = {} t.t = t return t end");
  script("deep", kPre + "local function f() return 1 + f() end return f() end");
  run();
  EXPECT_THAT(failed_, UnorderedElementsAre(HasSubstr("yielded outside"), HasSubstr("too deep"),
                                            HasSubstr("stack overflow")));
  EXPECT_THAT(results_, UnorderedElementsAre(
                            "recurses ", "deep ERROR: Script execution failed (use -d to debug)"));
}

TEST_F(EngineTest, EndlessLoopsAreEndedEvenInProtectedCalls) {
  settings_.limits.instructions = 1'000'000;
  script("loops", kPre + "while true do end end");
  script("catches", kPre + "while true do pcall(function() while true do end end) end end");
  script("wraps",
         kPre + "while true do pcall(coroutine.wrap(function() while true do end end)) end end");
  script("waits", kPre +
                      "for i = 1, 20 do for j = 1, 100000 do end nmap.socket.sleep(0) end "
                      "return 'done' end");
  run();
  EXPECT_THAT(failed_, SizeIs(3));
  EXPECT_THAT(failed_, testing::Each(HasSubstr("1000000 instructions without waiting once")));
  EXPECT_THAT(results_, Contains("waits done"));
}

TEST_F(EngineTest, MemoryIsLimited) {
  settings_.limits.memory_bytes = 8 << 20;
  script("grows", kPre + "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end end");
  script("giant", kPre + "return #('x'):rep(1 << 30) end");
  script("after", "postrule = function() return true end action = function() return 'fine' end");
  run();
  EXPECT_THAT(failed_,
              UnorderedElementsAre(HasSubstr("not enough memory"), HasSubstr("not enough memory")));
  EXPECT_THAT(results_, Contains("after fine"));
}

TEST_F(EngineTest, AScriptThatTakesTooLongHasNoOutput) {
  settings_.limits.script_timeout = std::chrono::milliseconds{30};
  settings_.limits.instructions = 0;
  script("sleeps", kPre + "nmap.socket.sleep(1000) return 'x' end");
  script("loops", kPre + "while true do end end");
  script("quick", kPre + "return 'done' end");
  run();
  EXPECT_THAT(late_, UnorderedElementsAre("sleeps", "loops"));
  EXPECT_THAT(results_, ElementsAre("quick done"));
}

TEST_F(EngineTest, MutexesAreHeldByOneThreadAndPassedOn) {
  script("contract", kPre + R"(
    local m = nmap.mutex('k')
    local out = {tostring(m 'trylock'), tostring(m 'trylock'), type(m 'running')}
    out[#out + 1] = select('#', m 'done')
    out[#out + 1] = tostring(m 'running')
    out[#out + 1] = select(2, pcall(m, 'done'))
    out[#out + 1] = select(2, pcall(m, 'foo'))
    out[#out + 1] = select(2, pcall(nmap.mutex, 1))
    out[#out + 1] = tostring(m == nmap.mutex('k'))
    return table.concat(out, ';') end)");
  EXPECT_EQ(only_result(),
            "contract true;false;thread;0;nil;do not have a lock on this mutex;"
            "bad argument #1 to '?' (invalid option 'foo');"
            "bad argument #1 to 'nmap.mutex' (object expected);true");
}

TEST_F(EngineTest, AMutexGoesToThoseThatWaitInTheirOrder) {
  hosts_ = {{"a", {1, 2, 3}}};
  script("locks", kPort +
                      "local m = nmap.mutex(nmap.registry) m 'lock' local r = nmap.registry "
                      "assert(not r.inside) r.inside = true nmap.socket.sleep(0.002) "
                      "r.inside = false r.order = (r.order or '') .. port.number "
                      "if port.number == 2 then error('dies with it') end m 'done' end");
  script("tells",
         "postrule = function() return true end "
         "action = function() return nmap.registry.order end");
  run();
  EXPECT_THAT(results_, Contains("tells 123"));
}

TEST_F(EngineTest, ADeadThreadWakesThoseThatWaitForItsCondition) {
  script("waits", kPre + R"(
    local cv = nmap.condvar(nmap.registry)
    local co = stdnse.new_thread(function()
      nmap.condvar(nmap.registry) nmap.socket.sleep(0.002) error('dead') end)
    cv 'wait'
    return coroutine.status(co) end)");
  EXPECT_EQ(only_result(), "waits dead");
}

TEST_F(EngineTest, SignalWakesOneAndBroadcastAll) {
  script("wakes", kPre + R"(
    local o, woken = {}, 0
    local function wait() nmap.condvar(o) 'wait' woken = woken + 1 nmap.socket.sleep(0.5) end
    for i = 1, 3 do stdnse.new_thread(wait) end
    nmap.socket.sleep(0.001)
    nmap.condvar(o) 'signal' nmap.socket.sleep(0.005)
    local first = woken
    nmap.condvar(o) 'broadcast' nmap.socket.sleep(0.005)
    return first .. woken end)");
  EXPECT_EQ(only_result(), "wakes 13");
  EXPECT_EQ(engine_->statistics().orphans, 3U);
}

TEST_F(EngineTest, WorkersTellTheirStateAndError) {
  script("makes", kPre + R"(
    local base, out = stdnse.base(), {}
    local function work(a, b)
      out[1] = a .. b .. tostring(stdnse.isworker()) .. tostring(stdnse.base() ~= base)
      nmap.socket.sleep(0.002) error('oops', 0) end
    local co, info = stdnse.new_thread(work, 'x', 'y')
    local before = {info()}
    while coroutine.status(co) ~= 'dead' do nmap.socket.sleep(0.001) end
    local after = {info()}
    return table.concat({out[1], before[1], tostring(before[2]), after[1], after[2],
      tostring(stdnse.isworker()), tostring(base == coroutine.running()),
      type(stdnse.gettid())}, ' ') end)");
  EXPECT_EQ(only_result(), "makes xytruetrue suspended nil dead oops false true string");
  EXPECT_THAT(failed_, ElementsAre(HasSubstr("makes oops")));
}

TEST_F(EngineTest, AFinishedWorkerIsDeadAndItsValuesAreLost) {
  script("makes", kPre + R"(
    local co, info = stdnse.new_thread(function() return 1, 2 end)
    nmap.socket.sleep(0.002)
    local status, why = info()
    return status .. tostring(why) .. coroutine.status(co) end)");
  EXPECT_EQ(only_result(), "makes deadnildead");
}

TEST_F(EngineTest, AWaitInACoroutineOfTheScriptSuspendsTheScript) {
  script("nests", kPre + R"(
    local order = {}
    local co = coroutine.wrap(function()
      for i = 1, 2 do nmap.socket.sleep(0.001) coroutine.yield(i) end end)
    return co() .. co() end)");
  EXPECT_EQ(only_result(), "nests 12");
}

TEST_F(EngineTest, ThreadsThatWaitForEachOtherAreEnded) {
  script("stuck", kPre + "nmap.condvar({}) 'wait' return 'x' end");
  script("own", kPre + "local m = nmap.mutex('m') m 'lock' m 'lock' end");
  run();
  EXPECT_THAT(failed_, UnorderedElementsAre(HasSubstr("stuck waits for what nobody does"),
                                            HasSubstr("this thread has the lock")));
}

TEST_F(EngineTest, ARuleIsAskedWithoutItsAction) {
  hosts_ = {{"a", {1, 2}}};
  script("asked",
         "portrule = function(host, port) return port.number == 2 and host.ip == 'a' end "
         "hostrule = function() error('no') end prerule = function() nmap.socket.sleep(1) end "
         "action = function() end");
  ASSERT_EQ(load(), "");
  const Script& script = *engine_->scripts().front();
  EXPECT_EQ(engine_->ask_rule(script, Rule::Port, hosts_.data(), ScriptPort{1, "tcp"}), false);
  EXPECT_EQ(engine_->ask_rule(script, Rule::Port, hosts_.data(), ScriptPort{2, "tcp"}), true);
  EXPECT_FALSE(
      engine_->ask_rule(script, Rule::Port, hosts_.data(), ScriptPort{3, "tcp"}).has_value());
  EXPECT_THAT(engine_->ask_rule(script, Rule::Host, hosts_.data(), {}).error().message,
              HasSubstr("no"));
  EXPECT_EQ(engine_->ask_rule(script, Rule::Pre, nullptr, {}).error().message,
            "asked: the rule waits");
}

TEST_F(EngineTest, ProgressNamesTheSlowestAndAStopEndsAll) {
  hosts_ = {{"a", {1, 2}}};
  script("slow", kPort + "nmap.socket.sleep(1000) return 'x' end");
  script("quick", kPort + "nmap.socket.sleep(0.001) return 'y' end");
  script("never", "portrule = function() return false end action = function() end");
  script("later", "dependencies = {'slow'} " + kPort + "return 'z' end");
  Engine::Progress seen;
  settings_.turned = [&] {
    if (results_.size() < 2) return;
    seen = engine_->progress(1);
    engine_->stop();
  };
  run();
  EXPECT_EQ(seen.rules, 8U);
  EXPECT_EQ(seen.over, 4U);
  ASSERT_THAT(seen.slowest, SizeIs(1));
  EXPECT_EQ(seen.slowest.front().first, "slow against a:1");
  EXPECT_THAT(results_, UnorderedElementsAre("quick@a:1 y", "quick@a:2 y"));
}

TEST_F(EngineTest, AnEngineMayBeThrownAwayWhileScriptsWait) {
  script("waits",
         kPre +
             "stdnse.new_thread(function() nmap.mutex('m') 'lock' nmap.socket.sleep(9) end) "
             "nmap.socket.sleep(0.001) return 'x' end");
  EXPECT_EQ(only_result(), "waits x");
  engine_.reset();
  loop_->turn(service::Wait{0});
}

}  // namespace
}  // namespace trawl::nse
