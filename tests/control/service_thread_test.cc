#include "control/pipeline/service_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace trawl::control {
namespace {

using testing::HasSubstr;

// Answers each port by a timer of the loop, but for those it is told to keep.
class FakeWorker final : public ServiceWorker {
 public:
  FakeWorker(service::Loop& loop, Hooks hooks, std::atomic<int>& dropped)
      : loop_{loop}, hooks_{std::move(hooks)}, dropped_{dropped} {}

  static constexpr std::uint16_t kSilent = 9;

  void add(service::ServicePort port) override {
    hooks_.trace("Service scan sending probe NULL");
    if (port.port == kSilent) return;
    (void)loop_.timer(service::Wait{1}, [this, port](const service::Event&) {
      service::ServiceFinding finding;
      finding.name = "service " + std::to_string(port.port);
      hooks_.done(port, std::move(finding));
    });
  }
  void drop(const IpAddress&) override { ++dropped_; }

 private:
  service::Loop& loop_;
  Hooks hooks_;
  std::atomic<int>& dropped_;
};

class ServiceThreadTest : public testing::Test {
 protected:
  std::unique_ptr<ServiceThread> open(bool traces = false) {
    ServiceThread::Settings settings;
    settings.traces = traces;
    settings.began = std::chrono::steady_clock::now();
    settings.make = [this](service::Loop& loop,
                           ServiceWorker::Hooks hooks) -> Result<std::unique_ptr<ServiceWorker>> {
      if (fails) return fail(ExitCode::Runtime, "no patterns");
      return std::make_unique<FakeWorker>(loop, std::move(hooks), dropped);
    };
    auto opened = ServiceThread::open(std::move(settings));
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  // Waits for news until there are as many answers; the test's own time limit ends it otherwise.
  ServiceAsker::News wait_for(ServiceThread& thread, std::size_t answers) {
    ServiceAsker::News all;
    while (all.answers.size() < answers) {
      pollfd ready{.fd = thread.fd(), .events = POLLIN, .revents = 0};
      EXPECT_EQ(::poll(&ready, 1, -1), 1);
      ServiceAsker::News news = thread.take();
      std::ranges::move(news.answers, std::back_inserter(all.answers));
      std::ranges::move(news.warnings, std::back_inserter(all.warnings));
      std::ranges::move(news.trace, std::back_inserter(all.trace));
    }
    return all;
  }
  static std::vector<service::ServicePort> ports(std::initializer_list<std::uint16_t> numbers) {
    std::vector<service::ServicePort> made;
    for (const std::uint16_t number : numbers) {
      service::ServicePort port;
      port.host = *IpAddress::parse("127.0.0.1");
      port.port = number;
      port.tag = number;
      made.push_back(port);
    }
    return made;
  }

  bool fails = false;
  std::atomic<int> dropped = 0;
};

TEST_F(ServiceThreadTest, AnswersComeBack) {
  const auto thread = open();
  thread->ask(ports({22, 80}));
  thread->ask(ports({443}));
  const auto news = wait_for(*thread, 3);
  EXPECT_EQ(news.answers.size(), 3U);
  for (const auto& answer : news.answers) {
    EXPECT_EQ(answer.finding.name, "service " + std::to_string(answer.port.port));
  }
  EXPECT_TRUE(news.trace.empty());
}

TEST_F(ServiceThreadTest, OrdersAreFollowedInTheirOrder) {
  const auto thread = open();
  thread->drop(*IpAddress::parse("127.0.0.1"));
  thread->ask(ports({22}));
  (void)wait_for(*thread, 1);
  EXPECT_EQ(dropped, 1);
}

TEST_F(ServiceThreadTest, TraceTellsTheLoopAndTheWorkerWhileItIsOn) {
  const auto thread = open(true);
  thread->ask(ports({22}));
  const auto news = wait_for(*thread, 1);
  EXPECT_THAT(news.trace, testing::Contains("Service scan sending probe NULL"));
  thread->trace(false);
  thread->ask(ports({80}));
  const auto later = wait_for(*thread, 1);
  EXPECT_THAT(later.trace, testing::Not(testing::Contains("Service scan sending probe NULL")));
}

TEST_F(ServiceThreadTest, WhereNothingCanBeAskedEveryPortFails) {
  fails = true;
  const auto thread = open();
  thread->ask(ports({22, 80}));
  const auto news = wait_for(*thread, 2);
  EXPECT_EQ(news.answers[1].finding.outcome, service::ServiceFinding::Outcome::Failed);
  EXPECT_EQ(news.answers[1].finding.trouble, "no patterns");
  EXPECT_THAT(news.warnings, testing::ElementsAre(HasSubstr("no patterns")));
}

TEST_F(ServiceThreadTest, ItsEndBreaksOffWhatIsAsked) {
  const auto thread = open();
  thread->ask(ports({FakeWorker::kSilent, FakeWorker::kSilent}));
  thread->ask(ports({22}));
  EXPECT_EQ(wait_for(*thread, 1).answers.size(), 1U);
}

}  // namespace
}  // namespace trawl::control
