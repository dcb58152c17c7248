#include "nse/host/engine_pool.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/nse/engine/engine_fixture.h"

namespace trawl::nse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class EnginePoolTest : public EngineTest {
 protected:
  EnginePoolTest() {
    for (int i = 1; i <= 7; ++i) hosts_.emplace_back("198.18.0." + std::to_string(i), ports_);
  }
  void open(std::size_t cores) {
    auto pool = EnginePool::open({.cores = cores,
                                  .engine = settings_,
                                  .modules = modules_,
                                  .loop = [](std::size_t) { return service::Loop::open({}); },
                                  .dealt =
                                      [this](std::size_t core, std::span<ScriptHost* const> hosts) {
                                        const std::lock_guard lock{mutex_};
                                        if (!hosts.empty()) dealt_[core] = hosts.size();
                                        threads_.insert(std::this_thread::get_id());
                                      }});
    ASSERT_TRUE(pool) << pool.error().message;
    pool_ = std::move(*pool);
    const auto loaded = pool_->load(chosen_);
    ASSERT_TRUE(loaded) << loaded.error().message;
  }
  void run_pool(std::size_t cores) {
    open(cores);
    if (pool_ == nullptr) return;
    pool_->run_before_hosts();
    run_group();
    pool_->run_after_hosts();
  }
  void run_group() {
    std::vector<ScriptHost*> group;
    for (auto& host : hosts_) group.push_back(&host);
    pool_->run_hosts(group);
  }

  std::vector<std::uint16_t> ports_{80};
  std::mutex mutex_;
  std::map<std::size_t, std::size_t> dealt_;
  std::set<std::thread::id> threads_;
  std::unique_ptr<EnginePool> pool_;
};

constexpr const char* kCounting =
    "prerule = function() nmap.registry.seen = {} nmap.registry.pre = 'told' return false end\n"
    "portrule = function() return true end\n"
    "postrule = function() return true end\n"
    "action = function(host)\n"
    "  if not host then local n = 0 for _ in pairs(nmap.registry.seen) do n = n + 1 end return n "
    "end\n"
    "  stdnse.silent_require 'stdnse' nmap.socket.sleep(0.01)\n"
    "  nmap.registry.seen[host.ip] = true return nmap.registry.pre end";

TEST_F(EnginePoolTest, DealsHostsToThreadsAndUnitesTheirRegistries) {
  script("count", kCounting);
  run_pool(3);
  EXPECT_THAT(dealt_, ElementsAre(std::pair{0U, 3U}, std::pair{1U, 2U}, std::pair{2U, 2U}));
  EXPECT_THAT(threads_, SizeIs(3));
  EXPECT_FALSE(threads_.contains(std::this_thread::get_id()));
  ASSERT_THAT(results_, SizeIs(8));
  EXPECT_EQ(results_.back(), "count 7");
  for (std::size_t i = 0; i < 7; ++i) EXPECT_THAT(results_[i], HasSubstr("told"));
  EXPECT_EQ(pool_->statistics().finished, 8U);
  EXPECT_EQ(pool_->scripts().size(), 1U);
  EXPECT_TRUE(failed_.empty());
}

TEST_F(EnginePoolTest, OneCoreIsAnEngineOnTheCallersThread) {
  script("count", kCounting);
  run_pool(1);
  EXPECT_THAT(threads_, ElementsAre(std::this_thread::get_id()));
  ASSERT_THAT(results_, SizeIs(8));
  EXPECT_EQ(results_.back(), "count 7");
}

TEST_F(EnginePoolTest, GivesEachGroupWhatTheGroupBeforeLearned) {
  script(
      "sum",
      "hostrule = function() return true end action = function(host)\n"
      "  local r = nmap.registry r.n = r.n or {} local n = 0 for _ in pairs(r.n) do n = n + 1 end\n"
      "  r.n[host.ip .. '/' .. n] = true return n end");
  open(7);
  run_group();
  EXPECT_THAT(results_, testing::Each(testing::EndsWith(" 0")));
  results_.clear();
  run_group();
  EXPECT_THAT(results_, testing::Each(testing::EndsWith(" 7")));
}

TEST_F(EnginePoolTest, StopsAllCores) {
  script("wait",
         "hostrule = function() return true end\n"
         "action = function() nmap.socket.sleep(3600) end");
  std::atomic<int> turns = 0;
  settings_.turned = [&] {
    const auto progress = pool_->progress(4);
    if (++turns > 1 && progress.slowest.size() == 4) pool_->stop();
  };
  open(4);
  run_group();
  EXPECT_GT(turns, 1);
  EXPECT_EQ(pool_->statistics().started, 7U);
  run_group();  // Nothing begins any more.
  EXPECT_EQ(pool_->statistics().started, 7U);
}

TEST_F(EnginePoolTest, TellsErrorsOnceAndLeavesOtherCoresRunning) {
  library("absent_user", "error 'no'");
  script("skipped", "stdnse.silent_require 'nowhere' portrule = print action = print");
  script("faulty",
         "portrule = function() return true end action = function(host)\n"
         "  if host.ip:match '2$' then error 'broken' end return 'fine' end");
  run_pool(3);
  EXPECT_THAT(skipped_, SizeIs(1));
  ASSERT_THAT(failed_, SizeIs(1));
  EXPECT_THAT(failed_[0], HasSubstr("faulty.nse:4: broken"));
  EXPECT_EQ(std::count_if(results_.begin(), results_.end(),
                          [](const auto& line) { return line.ends_with("fine"); }),
            6);
}

TEST_F(EnginePoolTest, FailsWithTheErrorOfALoopOrAScript) {
  file("bad", "this is no Lua");
  auto broken = EnginePool::open(
      {.cores = 2, .loop = [](std::size_t core) -> Result<std::unique_ptr<service::Loop>> {
         if (core == 1) return fail(ExitCode::Runtime, "no descriptor");
         return service::Loop::open({});
       }});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message, "no descriptor");
  auto pool = EnginePool::open({.cores = 2, .engine = settings_, .loop = [](std::size_t) {
                                  return service::Loop::open({});
                                }});
  const auto loaded = (*pool)->load(chosen_);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("bad.nse:1:"));
}

}  // namespace
}  // namespace trawl::nse
