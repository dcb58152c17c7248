#include "dataplane/internal/receive_rest.h"

#include <gtest/gtest.h>

namespace trawl::dataplane::internal {
namespace {

unsigned bursts_until_over(ReceiveRest& rest) {
  unsigned bursts = 1;
  while (!rest.is_over()) ++bursts;
  return bursts;
}

TEST(ReceiveRest, GrowsWhileFewFramesComeAndEndsAtFour) {
  ReceiveRest rest;
  EXPECT_EQ(bursts_until_over(rest), 1U);
  for (const unsigned expected : {2U, 3U, 4U, 4U, 4U}) {
    rest.received(ReceiveRest::kMany - 1);
    EXPECT_EQ(bursts_until_over(rest), expected);
  }
}

TEST(ReceiveRest, IsShortAtOnceWhenManyCome) {
  ReceiveRest rest;
  for (int i = 0; i < 10; ++i) rest.received(0);
  rest.received(ReceiveRest::kMany);
  EXPECT_EQ(bursts_until_over(rest), 1U);
}

}  // namespace
}  // namespace trawl::dataplane::internal
