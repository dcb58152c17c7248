#include "dataplane/lane_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/permutation.h"

namespace trawl::dataplane {
namespace {

// Every position that `senders` lanes hold of [first, last).
std::vector<std::uint64_t> positions_taken(std::uint64_t first, std::uint64_t last,
                                           unsigned senders, std::uint64_t burst) {
  std::vector<std::uint64_t> positions;
  for (unsigned sender = 0; sender < senders; ++sender) {
    const LaneShare share{first, last, sender, senders};
    std::uint64_t cursor = 0;
    while (cursor < share.own_total()) {
      const std::uint64_t run = share.run(cursor, burst);
      if (run == 0) return {};
      const std::uint64_t position = share.position(cursor);
      for (std::uint64_t i = 0; i < run; ++i) positions.push_back(position + i);
      cursor += run;
    }
  }
  return positions;
}

TEST(LaneShare, SendersTogetherTakeEachPositionOnce) {
  for (unsigned senders = 1; senders <= 5; ++senders) {
    for (const std::uint64_t first : {0ULL, 1ULL, 64ULL, 1ULL << 47U}) {
      for (std::uint64_t total = 0; total < 700; ++total) {
        auto positions = positions_taken(first, first + total, senders, total % 63 + 1);
        std::sort(positions.begin(), positions.end());
        ASSERT_EQ(positions.size(), total) << senders << " senders";
        for (std::uint64_t i = 0; i < total; ++i) ASSERT_EQ(positions[i], first + i);
      }
    }
  }
}

TEST(LaneShare, ShardsAndSendersTogetherProbeEachTargetOnce) {
  constexpr std::uint64_t kSize = 393'216 + 17;
  const Permutation order{kSize, 42, 43};
  for (const std::uint64_t shards : {1U, 2U, 3U, 7U}) {
    for (unsigned senders = 1; senders <= 4; ++senders) {
      std::vector<std::uint8_t> visits(kSize);
      for (std::uint64_t shard = 0; shard < shards; ++shard) {
        const std::uint64_t first = kSize * shard / shards;
        const std::uint64_t last = kSize * (shard + 1) / shards;
        for (const std::uint64_t position : positions_taken(first, last, senders, 64)) {
          ++visits[order.forward(position)];
        }
      }
      EXPECT_EQ(std::count(visits.begin(), visits.end(), 1), static_cast<long>(kSize))
          << shards << " shards, " << senders << " senders";
    }
  }
}

TEST(LaneShare, RunsAreConsecutivePositions) {
  const LaneShare share{10, 10'000, 1, 3};
  for (std::uint64_t cursor = 0; cursor < share.own_total(); ++cursor) {
    const std::uint64_t run = share.run(cursor, 64);
    ASSERT_GT(run, 0U);
    for (std::uint64_t i = 0; i < run; ++i) {
      ASSERT_EQ(share.position(cursor + i), share.position(cursor) + i);
    }
  }
}

// A reply is counted only when its probe may have left.
TEST(LaneShare, HasSentExactlyWhatComesBeforeTheCursor) {
  constexpr std::uint64_t kFirst = 5;
  constexpr std::uint64_t kLast = 1000;
  for (unsigned senders = 1; senders <= 4; ++senders) {
    for (unsigned sender = 0; sender < senders; ++sender) {
      const LaneShare share{kFirst, kLast, sender, senders};
      for (const std::uint64_t cursor :
           {std::uint64_t{0}, std::uint64_t{1}, share.own_total() / 2, share.own_total()}) {
        std::vector<bool> expected(kLast);
        for (std::uint64_t i = 0; i < cursor; ++i) expected[share.position(i)] = true;
        for (std::uint64_t position = kFirst; position < kLast; ++position) {
          ASSERT_EQ(share.has_sent(position, cursor), expected[position])
              << position << " of sender " << sender << "/" << senders << " at " << cursor;
        }
      }
    }
  }
}

TEST(LaneShare, SharesDifferByOneBlockAtMost) {
  for (std::uint64_t total = 0; total < 2000; total += 7) {
    std::array<std::uint64_t, 3> shares;
    for (unsigned i = 0; i < 3; ++i) shares[i] = LaneShare(0, total, i, 3).own_total();
    const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
    EXPECT_LE(*most - *least, LaneShare::kBlock);
  }
}

}  // namespace
}  // namespace trawl::dataplane
