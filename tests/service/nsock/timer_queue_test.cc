#include "service/nsock/timer_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace trawl::service {
namespace {

SteadyTime at(int microseconds) { return SteadyTime{Wait{microseconds}}; }

TEST(TimerQueue, TellsTheSoonestAndTheFirstOfEquals) {
  TimerQueue queue;
  TimerNode late;
  TimerNode soon;
  TimerNode second;
  queue.add(late, at(30));
  queue.add(soon, at(10));
  queue.add(second, at(10));
  EXPECT_EQ(queue.top(), &soon);
  queue.remove(soon);
  EXPECT_EQ(queue.top(), &second);
  queue.remove(second);
  EXPECT_EQ(queue.top(), &late);
  queue.remove(late);
  EXPECT_EQ(queue.top(), nullptr);
  EXPECT_FALSE(late.is_queued());
  queue.remove(late);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(TimerQueue, KeepsItsOrderWhateverIsRemoved) {
  std::mt19937 random{7};
  TimerQueue queue;
  std::vector<TimerNode> nodes(2000);
  for (TimerNode& node : nodes) queue.add(node, at(static_cast<int>(random() % 500)));
  // The top, the last and any, many times over.
  for (int round = 0; round < 20'000; ++round) {
    TimerNode& node = round % 5 == 0 ? *queue.top() : nodes[random() % nodes.size()];
    queue.remove(node);
    EXPECT_FALSE(node.is_queued());
    const auto soonest =
        std::min_element(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) {
          if (a.is_queued() != b.is_queued()) return a.is_queued();
          return a.due < b.due;
        });
    if (round % 97 == 0) {
      ASSERT_EQ(queue.top()->due, soonest->due);
    }
    queue.add(node, at(static_cast<int>(random() % 500)));
  }
  SteadyTime before{};
  while (TimerNode* const node = queue.top()) {
    EXPECT_LE(before, node->due);
    before = node->due;
    queue.remove(*node);
  }
}

}  // namespace
}  // namespace trawl::service
