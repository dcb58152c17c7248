#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "control/audit/audit_options.h"
#include "service/dns/name_settings.h"

namespace trawl::control {
namespace {

std::string servers(std::string_view list) {
  std::string text;
  for (const service::NameServer& server : service::usable_servers(list)) {
    text += fmt::format("{}#{} ", server.ip.to_string(), server.port);
  }
  return text;
}

AuditOptions parsed(std::vector<const char*> words) {
  auto parsed = parse_audit_options(words, "nmap");
  return std::get<AuditOptions>(std::move(*parsed));
}

TEST(NameServers, AreAddressesWithAndWithoutPorts) {
  EXPECT_EQ(servers("198.18.0.1"), "198.18.0.1#53 ");
  EXPECT_EQ(servers("198.18.0.1:5353,2001:db8::1,[2001:db8::1]:99,[::1]"),
            "198.18.0.1#5353 2001:db8::1#53 2001:db8::1#99 ::1#53 ");
  EXPECT_EQ(servers("198.18.0.1,198.18.0.1:53"), "198.18.0.1#53 ");
}

TEST(NameServers, LeaveOutWhatIsNone) {
  for (const char* const list :
       {"", ",", "x", "256.1.1.1", "198.18.0.1:", "198.18.0.1:0", "198.18.0.1:65536", "[::1",
        "[::1]x", "[::1]:", "[198.18.0.1]", "198.18.0.1 ", "fe80::1%lo", "[]:53"}) {
    EXPECT_EQ(servers(list), "") << list;
  }
  EXPECT_EQ(servers("x,,198.18.0.1,y:1"), "198.18.0.1#53 ");
}

TEST(NameServers, AreAtMost64) {
  std::string list;
  for (int i = 0; i < 200; ++i) list += fmt::format("198.18.0.{},", i);
  EXPECT_EQ(service::usable_servers(list).size(), 64U);
}

TEST(NameServers, AreChosenByOptions) {
  EXPECT_FALSE(parsed({"h"}).names.servers);
  EXPECT_FALSE(parsed({"h"}).names.asks_system);
  const auto names = parsed({"--dns-servers", "198.18.0.1,x", "--system-dns", "h"}).names;
  ASSERT_TRUE(names.servers);
  EXPECT_EQ(names.servers->size(), 1U);
  EXPECT_TRUE(names.asks_system);
  // Nothing usable is not the same as nothing said.
  ASSERT_TRUE(parsed({"--dns-servers=x", "h"}).names.servers);
  EXPECT_TRUE(parsed({"--dns-servers=x", "h"}).names.servers->empty());
}

TEST(NameServers, OtherOptionsOfTheSameSort) {
  EXPECT_TRUE(parsed({"--iflist"}).lists_interfaces);
  EXPECT_EQ(parsed({"--log-errors", "--release-memory", "h"}).targets.size(), 1U);
}

}  // namespace
}  // namespace trawl::control
