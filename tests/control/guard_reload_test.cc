#include "control/steward/guard_reload.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>

#include "dataplane/swappable_guard.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using dataplane::EgressGuard;
using dataplane::SwappableGuard;

// What a scanner does with a new list.
auto into(SwappableGuard& guard) {
  return [&guard](const AddressList& blocked) { guard.publish(EgressGuard{blocked.v4}); };
}

Ipv4Address address(const char* text) { return *Ipv4Address::parse(text); }

TEST(GuardReload, PutsWhatTheFilesSayInForce) {
  const TempFile file{"8.8.8.8\n", ".list"};
  auto live = LiveBlocklist::open({}, {}, std::array{file.path()});
  ASSERT_TRUE(live);
  SwappableGuard guard{EgressGuard{live->blocked().v4}};
  EXPECT_FALSE(reload_guard(*live, into(guard)));
  EXPECT_EQ(guard.generations(), 1U);
  std::ofstream{file.path()} << "9.9.9.9\n";
  EXPECT_TRUE(reload_guard(*live, into(guard)));
  EXPECT_EQ(guard.generations(), 2U);
  EXPECT_FALSE(guard.allows(address("9.9.9.9")));
  EXPECT_FALSE(guard.allows(address("8.8.8.8")));
  EXPECT_TRUE(guard.allows(address("7.7.7.7")));
}

TEST(GuardReload, KeepsTheGuardWhenNothingCanBeRead) {
  const TempFile file{"8.8.8.8\n", ".list"};
  auto live = LiveBlocklist::open({}, std::array{file.path()}, {});
  ASSERT_TRUE(live);
  SwappableGuard guard{EgressGuard{live->blocked().v4}};
  std::ofstream{file.path()} << "oops\n";
  EXPECT_FALSE(reload_guard(*live, into(guard)));
  EXPECT_FALSE(guard.allows(address("8.8.8.8")));
  LiveBlocklist none;
  EXPECT_FALSE(reload_guard(none, into(guard)));
  EXPECT_EQ(guard.generations(), 1U);
}

}  // namespace
}  // namespace trawl::control
