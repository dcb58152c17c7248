#include "control/survey/checkpoint/service_backlog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace trawl::control {
namespace {

using testing::ElementsAre;

class ServiceBacklogTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/trawl-backlog-XXXXXX";
    folder_ = mkdtemp(name);
    CheckpointPlan plan;
    plan.command_line = {"x"};
    plan.ports = {22, 80};
    plan.addresses = {{kFirst, kLast}};
    auto made = Checkpoint::create(path(), plan);
    ASSERT_TRUE(made) << made.error().message;
    checkpoint = std::move(*made);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path() const { return (folder_ / "checkpoint").string(); }

  void find(std::uint64_t index, PortState state) {
    Verdict verdict;
    verdict.state = state;
    ASSERT_TRUE(checkpoint->record({.index = index, .state = state}, verdict));
  }
  void answer(std::uint64_t index) { ASSERT_TRUE(checkpoint->record_answer(index)); }
  void flush() { checkpoint->mark_outputs({}); }
  // As after a kill.
  ServiceBacklog reopen() {
    checkpoint.reset();
    auto opened = Checkpoint::open(path());
    EXPECT_TRUE(opened) << opened.error().message;
    checkpoint = std::move(*opened);
    auto read = ServiceBacklog::read(*checkpoint, space, Protocol::Tcp);
    EXPECT_TRUE(read);
    return std::move(*read);
  }
  static std::vector<std::uint64_t> all_of(ServiceBacklog& backlog) {
    std::vector<std::uint64_t> indexes;
    for (auto next = backlog.next(); next && *next; next = backlog.next()) {
      indexes.push_back((*next)->index);
    }
    return indexes;
  }

  static constexpr Ipv4Address kFirst{0xc6120000U};
  static constexpr Ipv4Address kLast{0xc61200ffU};
  dataplane::TargetSpace space{RankedSet<Ipv4Address>{[] {
                                 Ipv4Set set;
                                 set.add({kFirst, kLast});
                                 return set;
                               }()},
                               {22, 80}};
  std::filesystem::path folder_;
  std::unique_ptr<Checkpoint> checkpoint;
};

TEST_F(ServiceBacklogTest, OpenPortsWithoutAnAnswerInTheOutputsAreLeft) {
  find(1, PortState::Open);
  find(2, PortState::Closed);
  find(3, PortState::Open);
  find(4, PortState::Open);
  answer(3);
  flush();
  find(5, PortState::Open);
  answer(1);  // The outputs are cut back to the flush, and this is not in them.
  ServiceBacklog backlog = reopen();
  EXPECT_EQ(backlog.count(), 3U);
  EXPECT_EQ(backlog.answered(), 1U);
  EXPECT_THAT(all_of(backlog), ElementsAre(1, 4, 5));
}

TEST_F(ServiceBacklogTest, IsReadAsOftenAsItIsWanted) {
  for (const std::uint64_t index : {1U, 3U, 4U, 8U}) find(index, PortState::Open);
  answer(8);
  answer(3);
  flush();
  ServiceBacklog backlog = reopen();
  EXPECT_THAT(backlog.known(), ElementsAre(3, 8));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(all_of(backlog), ElementsAre(1, 4));
    backlog.rewind();
  }
}

TEST_F(ServiceBacklogTest, PortsAreThoseOfTheSpace) {
  find(5, PortState::Open);
  ServiceBacklog backlog = reopen();
  const auto next = backlog.next();
  ASSERT_TRUE(next && *next);
  const dataplane::AnyTarget target = space.any_at(5);
  EXPECT_EQ((*next)->ip, target.ip);
  EXPECT_EQ((*next)->port, target.port);
  EXPECT_EQ((*next)->protocol, Protocol::Tcp);
  const auto end = backlog.next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

TEST_F(ServiceBacklogTest, WhatIsRecordedMeanwhileIsNoPartOfIt) {
  find(1, PortState::Open);
  find(2, PortState::Open);
  flush();
  ServiceBacklog backlog = reopen();
  ASSERT_TRUE(backlog.next());
  find(7, PortState::Open);
  answer(1);
  EXPECT_THAT(all_of(backlog), ElementsAre(2));
}

TEST_F(ServiceBacklogTest, AnswersCountBeyondSeveralProcesses) {
  find(1, PortState::Open);
  find(2, PortState::Open);
  answer(1);
  flush();
  (void)reopen();
  answer(2);
  flush();
  ServiceBacklog backlog = reopen();
  EXPECT_EQ(backlog.count(), 0U);
  EXPECT_EQ(backlog.answered(), 2U);
  EXPECT_THAT(all_of(backlog), ElementsAre());
}

TEST_F(ServiceBacklogTest, AnIndexBeyondThePlanIsDamage) {
  find(1U << 20U, PortState::Open);
  ServiceBacklog backlog = reopen();
  const auto next = backlog.next();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ExitCode::BadInput);
}

}  // namespace
}  // namespace trawl::control
