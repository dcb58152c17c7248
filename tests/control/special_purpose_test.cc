#include "control/survey/special_purpose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "control/survey/special_purpose_text.h"

namespace trawl::control {
namespace {

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

// Checks that every row is "prefix | RFC n | year-month | name", without host bits in the prefix.
template <typename Address>
int check_rows(std::string_view table) {
  std::istringstream lines{std::string{table}};
  int rows = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    ++rows;
    std::istringstream columns{line};
    std::string prefix, rfc, allocated, name;
    std::getline(columns, prefix, '|');
    std::getline(columns, rfc, '|');
    std::getline(columns, allocated, '|');
    std::getline(columns, name);
    const auto parsed = Prefix<Address>::parse(trimmed(prefix));
    const auto written = Address::parse(trimmed(prefix.substr(0, prefix.find('/'))));
    EXPECT_TRUE(parsed && written && parsed->first() == *written) << line;
    EXPECT_TRUE(trimmed(rfc).starts_with("RFC ")) << line;
    EXPECT_THAT(trimmed(allocated), testing::MatchesRegex("(19|20)[0-9][0-9]-[01][0-9]")) << line;
    EXPECT_FALSE(trimmed(name).empty()) << line;
  }
  return rows;
}

TEST(SpecialPurpose, EveryRowOfBothTablesIsWellFormed) {
  EXPECT_EQ(check_rows<Ipv4Address>(kSpecialPurposeIpv4Text),
            static_cast<int>(special_purpose_blocks().size()));
  EXPECT_EQ(check_rows<Ipv6Address>(kSpecialPurposeIpv6Text),
            static_cast<int>(special_purpose_ipv6_blocks().size()));
  EXPECT_EQ(special_purpose_blocks().size(), 27U);
  EXPECT_EQ(special_purpose_ipv6_blocks().size(), 26U);
}

TEST(SpecialPurpose, HoldsWhatNobodyShouldScanByAccident) {
  const Ipv4Set special = special_purpose_addresses();
  for (const char* text :
       {"0.0.0.0",         "0.255.255.255",  "10.0.0.0",       "10.255.255.255", "100.64.0.0",
        "100.127.255.255", "127.0.0.1",      "169.254.0.1",    "172.16.0.0",     "172.31.255.255",
        "192.0.0.1",       "192.0.2.1",      "192.88.99.1",    "192.168.0.0",    "192.168.255.255",
        "198.18.0.0",      "198.19.255.255", "198.51.100.1",   "203.0.113.1",    "224.0.0.1",
        "239.255.255.255", "240.0.0.0",      "255.255.255.255"}) {
    EXPECT_TRUE(special.contains(*Ipv4Address::parse(text))) << text;
  }
}

TEST(SpecialPurpose, LeavesTheNeighboursOfEachBlockAlone) {
  const Ipv4Set special = special_purpose_addresses();
  for (const char* text :
       {"1.0.0.0",         "9.255.255.255", "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
        "126.255.255.255", "128.0.0.0",     "169.253.255.255", "169.255.0.0",     "172.15.255.255",
        "172.32.0.0",      "192.0.1.0",     "192.0.3.0",       "192.88.98.255",   "192.88.100.0",
        "192.167.255.255", "192.169.0.0",   "198.17.255.255",  "198.20.0.0",      "198.51.99.255",
        "198.51.101.0",    "203.0.112.255", "203.0.114.0",     "223.255.255.255", "8.8.8.8"}) {
    EXPECT_FALSE(special.contains(*Ipv4Address::parse(text))) << text;
  }
}

TEST(SpecialPurpose, NamesTheSmallestBlockOfAnAddress) {
  const auto name_of = [](const char* text) -> std::string {
    const auto* block = special_purpose_block_of(*Ipv4Address::parse(text));
    return block == nullptr ? "" : std::string{block->name} + ", " + std::string{block->rfc};
  };
  EXPECT_EQ(name_of("198.18.0.1"), "Benchmarking, RFC 2544");
  EXPECT_EQ(name_of("255.255.255.255"), "Limited broadcast, RFC 919");
  EXPECT_EQ(name_of("255.255.255.254"), "Reserved, RFC 1112");
  EXPECT_EQ(name_of("8.8.8.8"), "");
}

TEST(SpecialPurpose, HoldsTheIpv6BlocksAndLeavesTheirNeighboursAlone) {
  const Ipv6Set special = special_purpose_ipv6_addresses();
  for (const char* text : {"::",
                           "::1",
                           "::ffff:8.8.8.8",
                           "64:ff9b::808:808",
                           "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
                           "100::",
                           "100::ffff:ffff:ffff:ffff",
                           "100:0:0:1::",
                           "2001::",
                           "2001:1ff:ffff::",
                           "2001:db8::1",
                           "2001:db8:ffff:ffff::",
                           "2002::",
                           "2002:ffff::",
                           "2620:4f:8000::",
                           "3fff::",
                           "3fff:fff:ffff::",
                           "5f00::",
                           "fc00::",
                           "fdff:ffff::",
                           "fe80::",
                           "febf::",
                           "ff00::",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    EXPECT_TRUE(special.contains(*Ipv6Address::parse(text))) << text;
  }
  for (const char* text : {"::2",          "::fffe:ffff:ffff", "::1:0:0:0",      "64:ff9b::1:0:0",
                           "64:ff9b:2::",  "100:0:0:2::",      "2001:200::",     "2001:db7:ffff::",
                           "2001:db9::",   "2003::",           "2620:4f:7fff::", "2620:4f:8001::",
                           "2a00:1450::1", "3ffe::",           "3fff:1000::",    "5eff::",
                           "5f01::",       "fbff::",           "fe00::",         "fec0::",
                           "feff::"}) {
    EXPECT_FALSE(special.contains(*Ipv6Address::parse(text))) << text;
  }
}

TEST(SpecialPurpose, GivesTheProvenanceOfTheSmallestBlock) {
  const auto* part = special_purpose_block_of(*Ipv6Address::parse("2001:1::3"));
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->to_string(), "2001:1::3/128, DNS-SD service registration anycast, RFC 9665");
  EXPECT_EQ(part->allocated, "2024-04");
  const auto* whole = special_purpose_block_of(*Ipv6Address::parse("2001:1::4"));
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->to_string(), "2001::/23, IETF protocol assignments, RFC 2928");
  EXPECT_EQ(special_purpose_block_of(*Ipv6Address::parse("2a00:1450::1")), nullptr);
  EXPECT_EQ(special_purpose_block_of(*Ipv4Address::parse("198.18.0.1"))->allocated, "1999-03");
}

}  // namespace
}  // namespace trawl::control
