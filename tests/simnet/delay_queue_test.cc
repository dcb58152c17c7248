#include "bench/simnet/delay_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::vector<std::byte> frame_of(std::uint64_t tag, std::size_t size = 60) {
  std::vector<std::byte> frame(size);
  for (std::size_t i = 0; i < size; ++i) frame[i] = static_cast<std::byte>(mix64(tag + i));
  std::memcpy(frame.data(), &tag, sizeof tag);
  return frame;
}

std::uint64_t tag_of(std::span<const std::byte> frame) {
  std::uint64_t tag = 0;
  std::memcpy(&tag, frame.data(), sizeof tag);
  return tag;
}

TEST(DelayQueue, FramesLeaveInOrderNeverEarlyAndAtMostOneGrainLate) {
  DelayQueue queue{100ms, 4096};
  std::vector<nanoseconds> due;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    due.emplace_back(static_cast<std::int64_t>(mix64(i) % 100'000'000));
    ASSERT_TRUE(queue.push(frame_of(i), due.back()));
  }
  std::vector<std::byte> out(2048);
  nanoseconds latest{0};
  std::size_t popped = 0;
  for (nanoseconds now{0}; now < 101ms; now += 5us) {
    while (const std::size_t size = queue.pop(out, now)) {
      const nanoseconds was_due = due[tag_of(out)];
      ASSERT_EQ(size, 60U);
      ASSERT_GE(now, was_due);
      ASSERT_LE(now - was_due, queue.granularity() + 5us);
      ASSERT_GE(was_due + queue.granularity(), latest);
      latest = std::max(latest, was_due);
      ++popped;
    }
  }
  EXPECT_EQ(popped, 4000U);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(DelayQueue, AFrameIsDelayedAlsoAfterALongPause) {
  DelayQueue queue{10ms, 16};
  std::vector<std::byte> out(2048);
  for (const nanoseconds now : {nanoseconds{100s}, nanoseconds{200s}}) {
    ASSERT_TRUE(queue.push(frame_of(1), now + 10ms));
    EXPECT_EQ(queue.pop(out, now + 9ms), 0U);
    EXPECT_NE(queue.pop(out, now + 11ms), 0U);
  }
}

TEST(DelayQueue, FramesOfOneGrainKeepTheirOrder) {
  DelayQueue queue{1s, 64};
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(queue.push(frame_of(i), 5ms));
  std::vector<std::byte> out(2048);
  for (std::uint64_t i = 0; i < 10; ++i) {
    ASSERT_NE(queue.pop(out, 10ms), 0U);
    EXPECT_EQ(tag_of(out), i);
  }
}

TEST(DelayQueue, LargeFramesSpanSlotsAndComeBackWhole) {
  DelayQueue queue{10ms, 32};
  const auto large = frame_of(7, 1514);
  const auto small = frame_of(8, 54);
  ASSERT_TRUE(queue.push(large, 1ms));
  ASSERT_TRUE(queue.push(small, 1ms));
  std::vector<std::byte> out(2048);
  ASSERT_EQ(queue.pop(out, 2ms), 1514U);
  EXPECT_TRUE(std::equal(large.begin(), large.end(), out.begin()));
  ASSERT_EQ(queue.pop(out, 2ms), 54U);
  EXPECT_TRUE(std::equal(small.begin(), small.end(), out.begin()));
}

TEST(DelayQueue, AFullQueueRefusesAndRecovers) {
  DelayQueue queue{10ms, 20};
  ASSERT_TRUE(queue.push(frame_of(1, 1514), 1ms));  // 14 slots.
  EXPECT_FALSE(queue.push(frame_of(2, 1514), 1ms));
  for (std::uint64_t i = 0; i < 6; ++i) ASSERT_TRUE(queue.push(frame_of(i), 1ms));
  EXPECT_FALSE(queue.push(frame_of(9), 1ms));
  std::vector<std::byte> out(2048);
  std::size_t popped = 0;
  while (queue.pop(out, 5ms) != 0) ++popped;
  EXPECT_EQ(popped, 7U);
  EXPECT_TRUE(queue.push(frame_of(3, 1514), 6ms));
}

TEST(DelayQueue, ALongPauseNeitherLosesNorReordersFrames) {
  DelayQueue queue{10ms, 64};
  std::vector<std::byte> out(2048);
  EXPECT_EQ(queue.pop(out, 1h), 0U);
  ASSERT_TRUE(queue.push(frame_of(1), 1h + 10ms));
  ASSERT_TRUE(queue.push(frame_of(2), 1h + 1ms));
  EXPECT_EQ(queue.pop(out, 1h + 500us), 0U);
  ASSERT_NE(queue.pop(out, 2h), 0U);
  EXPECT_EQ(tag_of(out), 2U);
  ASSERT_TRUE(queue.push(frame_of(3), 2h + 10ms));
  ASSERT_NE(queue.pop(out, 3h), 0U);
  EXPECT_EQ(tag_of(out), 1U);
  ASSERT_NE(queue.pop(out, 3h), 0U);
  EXPECT_EQ(tag_of(out), 3U);
}

}  // namespace
}  // namespace trawl::simnet
