#include "service/match/match_workers.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace trawl::service {
namespace {

std::shared_ptr<const MatchEngine> engine() {
  auto file =
      std::make_shared<const ProbeFile>(parse_probe_file("Probe TCP NULL q||\n"
                                                         "match ssh m|^SSH-(\\d+)| v/$1/\n"
                                                         "match ftp m|^220 ftp|\n"
                                                         "match boom m|^(a+)+$|\n",
                                                         "test"));
  auto made = MatchEngine::open(file, {.cache_folder = "", .deadline = {}, .uses_prefilter = true});
  EXPECT_TRUE(made);
  return std::move(*made);
}

// Waits for calls, as an event loop does.
class Bell {
 public:
  void ring() {
    const std::scoped_lock lock{mutex_};
    ++rung_;
    changed_.notify_all();
  }
  // For one more than last time.
  void wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return rung_ > heard_; });
    heard_ = rung_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t rung_ = 0, heard_ = 0;
};

TEST(MatchWorkers, HandsEveryAnswerBackOnce) {
  Bell bell;
  MatchWorkers workers{engine(), [&bell] { bell.ring(); }, 4};
  std::map<std::uint64_t, std::string> asked;
  constexpr std::size_t kAll = 500;
  for (std::size_t i = 0; i < kAll; ++i) {
    std::string number = std::to_string(i);
    const auto id = workers.submit({.probe = 0, .response = "SSH-" + number + "\r\n"});
    EXPECT_TRUE(asked.emplace(id, number).second);
  }
  std::size_t got = 0;
  while (got < kAll) {
    bell.wait();
    for (const auto& done : workers.take()) {
      ++got;
      ASSERT_TRUE(done.match);
      EXPECT_EQ(done.match->service, "ssh");
      EXPECT_EQ(done.match->fields[1], asked.at(done.id));
      EXPECT_EQ(done.work.response, "SSH-" + asked.at(done.id) + "\r\n");
      asked.erase(done.id);
    }
  }
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(workers.pending(), 0U);
  EXPECT_TRUE(workers.take().empty());
}

TEST(MatchWorkers, ObeysWhatIsAsked) {
  Bell bell;
  MatchWorkers workers{engine(), [&bell] { bell.ring(); }, 1};
  const auto ask = [&](MatchWorkers::Work work) {
    workers.submit(std::move(work));
    EXPECT_EQ(workers.pending(), 1U);
    bell.wait();
    auto done = workers.take();
    EXPECT_EQ(done.size(), 1U);
    return done.at(0).match;
  };
  EXPECT_TRUE(ask({.probe = 0, .response = "220 ftp"}));
  EXPECT_FALSE(ask({.probe = 0, .response = "else"}));
  EXPECT_FALSE(ask({.probe = 9, .response = "220 ftp"}));
}

TEST(MatchWorkers, NeverMatchesOnTheCallersThread) {
  Bell bell;
  std::thread::id where;
  MatchWorkers workers{engine(),
                       [&] {
                         where = std::this_thread::get_id();
                         bell.ring();
                       },
                       1};
  workers.submit({.probe = 0, .response = "220 ftp"});
  bell.wait();
  EXPECT_NE(where, std::this_thread::get_id());
}

TEST(MatchWorkers, MayBeDestroyedWithWorkLeft) {
  for (int round = 0; round < 20; ++round) {
    MatchWorkers workers{engine(), {}, 2};
    for (int i = 0; i < 10; ++i) {
      workers.submit({.probe = 0, .response = std::string(40, 'a') + "!"});
    }
  }
}

}  // namespace
}  // namespace trawl::service
