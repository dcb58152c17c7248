#include "control/survey/port_spec.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace trawl::control {
namespace {

using Ports = std::vector<std::uint16_t>;

Ports ports(std::string_view text) {
  const auto got = parse_ports(text, "--ports");
  if (!got) ADD_FAILURE() << text << ": " << got.error().message;
  return got ? *got : Ports{};
}

Ports range(unsigned first, unsigned last) {
  Ports all(last - first + 1);
  std::iota(all.begin(), all.end(), static_cast<std::uint16_t>(first));
  return all;
}

TEST(PortSpec, SortsAndMergesAList) {
  EXPECT_EQ(ports("80"), Ports({80}));
  EXPECT_EQ(ports("443,80"), Ports({80, 443}));
  EXPECT_EQ(ports("80,80,79-81,81"), Ports({79, 80, 81}));
  EXPECT_EQ(ports("65535"), Ports({65535}));
  EXPECT_EQ(ports("5-5"), Ports({5}));
  EXPECT_EQ(ports("0080"), Ports({80}));
}

TEST(PortSpec, OpenRangesEndAtOneAnd65535) {
  EXPECT_EQ(ports("-"), range(1, 65535));
  EXPECT_EQ(ports("-100"), range(1, 100));
  EXPECT_EQ(ports("60000-"), range(60000, 65535));
  EXPECT_EQ(ports("1-65535"), range(1, 65535));
}

TEST(PortSpec, PortZeroIsInOnlyWhereWritten) {
  EXPECT_EQ(ports("0"), Ports({0}));
  EXPECT_EQ(ports("0-2"), Ports({0, 1, 2}));
  EXPECT_EQ(ports("0-").size(), 65536U);
  EXPECT_EQ(ports("-").front(), 1);
  EXPECT_EQ(ports("0,-").size(), 65536U);
}

TEST(PortSpec, RefusesEachMistakeWithItsReason) {
  const std::pair<const char*, const char*> cases[] = {{"", "names no port"},
                                                       {",", "empty entry"},
                                                       {"80,", "empty entry"},
                                                       {"80,,443", "empty entry"},
                                                       {"65536", "above port 65535"},
                                                       {"1-70000", "above port 65535"},
                                                       {"99999999999999999999", "above port 65535"},
                                                       {"1024-1", "reversed"},
                                                       {"-0", "reversed"},
                                                       {"http", "is a name"},
                                                       {"T:80", "TCP only"},
                                                       {"80, 443", "space"},
                                                       {"80-90-100", "is not a port"},
                                                       {"--5", "is not a port"},
                                                       {"+80", "is not a port"},
                                                       {"8.0", "is not a port"},
                                                       {"0x50", "is a name"},
                                                       {"80;443", "is not a port"}};
  for (const auto& [text, why] : cases) {
    const auto got = parse_ports(text, "--ports");
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, ExitCode::Usage);
    EXPECT_TRUE(got.error().message.starts_with("--ports: \"")) << got.error().message;
    EXPECT_NE(got.error().message.find(why), std::string::npos) << got.error().message;
    EXPECT_NE(got.error().message.find("expected ports such as"), std::string::npos);
  }
}

TEST(PortSpec, NamesTheItemAtFaultAndNotTheWholeList) {
  const auto got = parse_ports("22,80,443x,8080", "-p");
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("\"443x\""), std::string::npos) << got.error().message;
}

TEST(FormatPorts, PrintsTheShortestListThatParsesBack) {
  for (const char* text : {"80", "22,80,443", "1-65535", "0-65535", "1-2,4,6-9", "65534-65535"}) {
    EXPECT_EQ(format_ports(ports(text)), text);
  }
  EXPECT_EQ(format_ports({}), "");
}

TEST(SourcePorts, AreOnePortOrOneClosedRangeAboveZero) {
  EXPECT_EQ(parse_port_range("61000-64999", "--source-port"), (PortRange{61000, 64999}));
  EXPECT_EQ(parse_port_range("5", "--source-port"), (PortRange{5, 5}));
  for (const char* text : {"", "0", "0-5", "-", "-5", "5-", "9-5", "1,2", "70000", "a"}) {
    const auto got = parse_port_range(text, "--source-port");
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, ExitCode::Usage);
    EXPECT_NE(got.error().message.find("such as 61000-64999"), std::string::npos);
  }
}

}  // namespace
}  // namespace trawl::control
