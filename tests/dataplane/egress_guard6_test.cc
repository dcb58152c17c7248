#include "dataplane/egress_guard6.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace trawl::dataplane {
namespace {

Ipv6Address address(const char* text) { return *Ipv6Address::parse(text); }

Ipv6Set set_of(std::initializer_list<const char*> prefixes) {
  Ipv6Set set;
  for (const char* prefix : prefixes) set.add(*Ipv6Prefix::parse(prefix));
  return set;
}

TEST(EgressGuard6, StopsTheEndsOfEveryPrefixAndNotTheirNeighbours) {
  const Ipv6Set blocked = set_of({"2001:db8::/32", "2a00::1", "fe80::/10", "::/127", "ff00::/8"});
  const EgressGuard6 guard{blocked};
  for (const auto& [first, last] : blocked.intervals()) {
    EXPECT_FALSE(guard.allows(first)) << first.to_string();
    EXPECT_FALSE(guard.allows(last)) << last.to_string();
    const Ipv6Address before{first.value() - 1};
    const Ipv6Address behind{last.value() + 1};
    EXPECT_EQ(guard.allows(before), !blocked.contains(before)) << before.to_string();
    EXPECT_EQ(guard.allows(behind), !blocked.contains(behind)) << behind.to_string();
  }
  EXPECT_TRUE(guard.allows(address("2a00::2")));
}

TEST(EgressGuard6, NothingBlockedIsNothingStopped) {
  const EgressGuard6 guard{Ipv6Set{}};
  EXPECT_TRUE(guard.allows(address("::")));
  EXPECT_TRUE(guard.allows(address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
}

TEST(EgressGuard6, EverythingBlockedIsEverythingStopped) {
  const EgressGuard6 guard{set_of({"::/0"})};
  for (const char* text :
       {"::", "2001:db8::1", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    EXPECT_FALSE(guard.allows(address(text))) << text;
  }
}

TEST(EgressGuard6, AddressThatStandsForIpv4IsNeverAllowed) {
  const EgressGuard6 guard{Ipv6Set{}};
  EXPECT_FALSE(guard.allows(IpAddress{*Ipv4Address::parse("8.8.8.8")}.v6()));
  EXPECT_TRUE(guard.allows(address("::1:0:0")));
  EXPECT_FALSE(guard.allows(address("64:ff9b::")));
  EXPECT_FALSE(guard.allows(address("64:ff9b::8.8.8.8")));
  EXPECT_FALSE(guard.allows(address("64:ff9b::ffff:ffff")));
  EXPECT_TRUE(guard.allows(address("64:ff9b::1:0:0")));
  EXPECT_TRUE(guard.allows(address("64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff")));
}

// Many intervals under the same first 16 bits, and some that reach over them.
TEST(EgressGuard6, AgreesWithTheSetItIsMadeFrom) {
  std::mt19937_64 random{5};
  const auto any = [&] { return Uint128{random()} << 64U | random(); };
  Ipv6Set blocked;
  std::vector<Ipv6Address> ends;
  for (int i = 0; i < 3000; ++i) {
    const Uint128 top = Uint128{0x2a00U + random() % 3} << 112U;
    const unsigned length = 12 + static_cast<unsigned>(random() % 117);
    const Ipv6Prefix prefix{Ipv6Address{i % 3 == 0 ? any() : (any() >> 16U) | top}, length};
    if (length < 20 && i % 50 != 0) continue;
    blocked.add(prefix);
    ends.push_back(prefix.first());
    ends.push_back(prefix.last());
  }
  const EgressGuard6 guard{blocked};
  std::vector<Target6> batch;
  for (const Ipv6Address end : ends) {
    for (const int step : {-1, 0, 1}) {
      batch.push_back({Ipv6Address{end.value() + static_cast<Uint128>(step)}, 80});
    }
  }
  for (int i = 0; i < 10000; ++i) batch.push_back({Ipv6Address{any()}, 80});
  for (std::size_t at = 0; at + 64 <= batch.size(); at += 64) {
    const std::uint64_t answer = guard.blocked({batch.data() + at, 64});
    for (std::size_t i = 0; i < 64; ++i) {
      ASSERT_EQ((answer >> i & 1U) != 0, blocked.contains(batch[at + i].ip))
          << batch[at + i].ip.to_string();
    }
  }
}

}  // namespace
}  // namespace trawl::dataplane
