#include "control/survey/special_purpose.h"

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

// Checks that every row is "prefix | RFC n | name", without host bits in the prefix.
template <typename Address>
int check_rows(std::string_view table) {
  std::istringstream lines{std::string{table}};
  int rows = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    ++rows;
    std::istringstream columns{line};
    std::string prefix, rfc, name;
    std::getline(columns, prefix, '|');
    std::getline(columns, rfc, '|');
    std::getline(columns, name);
    const auto parsed = Prefix<Address>::parse(trimmed(prefix));
    const auto written = Address::parse(trimmed(prefix.substr(0, prefix.find('/'))));
    EXPECT_TRUE(parsed && written && parsed->first() == *written) << line;
    EXPECT_TRUE(trimmed(rfc).starts_with("RFC ")) << line;
    EXPECT_FALSE(trimmed(name).empty()) << line;
  }
  return rows;
}

TEST(SpecialPurpose, EveryRowOfBothTablesIsWellFormed) {
  EXPECT_EQ(check_rows<Ipv4Address>(kSpecialPurposeIpv4Text),
            static_cast<int>(special_purpose_blocks().size()));
  EXPECT_GT(check_rows<Ipv6Address>(kSpecialPurposeIpv6Text), 20);
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

}  // namespace
}  // namespace trawl::control
