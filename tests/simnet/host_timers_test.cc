#include "bench/simnet/host_timers.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::array<std::byte, 60> frame(int mark) {
  std::array<std::byte, 60> bytes{};
  bytes.fill(std::byte{static_cast<std::uint8_t>(mark)});
  return bytes;
}

// The marks of all frames due at `now`.
std::vector<int> take_all(HostTimers& timers, nanoseconds now) {
  std::vector<int> marks;
  std::array<std::byte, HostTimers::kLargestFrame> out;
  while (const std::size_t size = timers.take(out, now)) {
    EXPECT_EQ(size, 60U);
    EXPECT_EQ(out[0], out[59]);
    marks.push_back(static_cast<int>(out[0]));
  }
  return marks;
}

TEST(HostTimers, AFrameComesOnceWhenDue) {
  HostTimers timers{50ms, 16};
  ASSERT_TRUE(timers.add(frame(7), {.due = 3s + 20ms, .left = 1}));
  EXPECT_TRUE(take_all(timers, 3s + 19ms).empty());
  EXPECT_EQ(take_all(timers, 3s + 21ms), std::vector<int>{7});
  EXPECT_TRUE(take_all(timers, 4s).empty());
  EXPECT_TRUE(timers.empty());
}

TEST(HostTimers, RepeatsKeepTheirSpacingHoweverLateTheyAreTaken) {
  HostTimers timers{1ms, 4};
  ASSERT_TRUE(timers.add(frame(1), {.due = 1ms, .spacing = 1ms, .left = 1000}));
  EXPECT_EQ(take_all(timers, 10ms + 100us).size(), 10U);
  EXPECT_EQ(take_all(timers, 500ms + 100us).size(), 490U);
  EXPECT_EQ(take_all(timers, 10s).size(), 500U);
  EXPECT_TRUE(timers.empty());
}

TEST(HostTimers, AStormTakesNoMoreRoomThanOneFrame) {
  HostTimers timers{1ms, 2};
  EXPECT_TRUE(timers.add(frame(1), {.due = 1ms, .spacing = 1us, .left = 100'000}));
  EXPECT_TRUE(timers.add(frame(2), {.due = 1ms, .spacing = 1us, .left = 1}));
  EXPECT_FALSE(timers.add(frame(3), {.due = 1ms, .spacing = 1us, .left = 1}));
  EXPECT_EQ(take_all(timers, 10s).size(), 100'001U);
  EXPECT_TRUE(timers.add(frame(3), {.due = 10s + 1ms, .left = 1}));
}

}  // namespace
}  // namespace trawl::simnet
