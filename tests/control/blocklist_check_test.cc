#include "control/steward/blocklist_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control/survey/special_purpose.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

std::string checked(const std::vector<std::string>& addresses, const BlocklistSources& sources) {
  const auto checks = check_addresses(addresses, sources);
  if (!checks) return checks.error().message;
  std::string text;
  for (const AddressCheck& check : *checks) text += check.to_text();
  return text;
}

TEST(BlocklistCheck, NamesTheBlockAndItsProvenance) {
  EXPECT_EQ(checked({"198.18.0.1", "2001:db8::1", "8.8.8.8", "2a00:1450::1"}, {}),
            "198.18.0.1: blocked by the built-in list: 198.18.0.0/15, Benchmarking, RFC 2544, "
            "allocated 1999-03\n"
            "2001:db8::1: blocked by the built-in list: 2001:db8::/32, Documentation, RFC 3849, "
            "allocated 2004-07\n"
            "8.8.8.8: not blocked\n"
            "2a00:1450::1: not blocked\n");
}

TEST(BlocklistCheck, NamesEveryFileLineAndEntry) {
  const TempFile block{"# never\n8.8.0.0/16 9.9.9.9\n", ".block"};
  const TempFile out{"8.8.8.1-8.8.8.9\n2a00::/16\n", ".out"};
  const BlocklistSources sources{
      .blocklists = {block.path()}, .opt_outs = {out.path()}, .allow_special = {}};
  EXPECT_EQ(checked({"8.8.8.8", "2a00::1", "8.8.8.10", "1.1.1.1"}, sources),
            "8.8.8.8: blocked by the blocklist " + block.path() + ":2: 8.8.0.0/16\n" +
                "8.8.8.8: blocked by the opt-out list " + out.path() + ":1: 8.8.8.1-8.8.8.9\n" +
                "2a00::1: blocked by the opt-out list " + out.path() + ":2: 2a00::/16\n" +
                "8.8.8.10: blocked by the blocklist " + block.path() + ":2: 8.8.0.0/16\n" +
                "1.1.1.1: not blocked\n");
}

TEST(BlocklistCheck, AListWinsOverAnAllowedBlock) {
  const TempFile block{"198.18.0.1\n", ".block"};
  const BlocklistSources sources{
      .blocklists = {block.path()}, .opt_outs = {}, .allow_special = {"198.18.0.0/15"}};
  EXPECT_EQ(checked({"198.18.0.1", "198.18.0.2"}, sources),
            "198.18.0.1: blocked by the blocklist " + block.path() + ":1: 198.18.0.1\n" +
                "198.18.0.2: not blocked: 198.18.0.0/15, Benchmarking, RFC 2544, is allowed by "
                "trawl.conf\n");
}

TEST(BlocklistCheck, MistakesAreNamed) {
  const auto checks = check_addresses(std::vector<std::string>{"8.8.8.0/24"}, {});
  ASSERT_FALSE(checks);
  EXPECT_EQ(checks.error().code, ExitCode::BadInput);
  EXPECT_EQ(checks.error().message,
            "\"8.8.8.0/24\" is not an address; expected one such as 198.18.0.1 or 2001:db8::1");
  const TempFile bad{"1.1.1.1\nx\n", ".bad"};
  EXPECT_THAT(
      checked({"8.8.8.8"}, {.blocklists = {}, .opt_outs = {bad.path()}, .allow_special = {}}),
      testing::StartsWith(bad.path() + ":2: \"x\""));
}

// What `show` prints and what `check` says come by different ways.
TEST(BlocklistCheck, TheMergedListAgreesWithEveryCheck) {
  const TempFile block{"8.8.8.0/25 9.0.0.0/8 2a00::/17\n", ".block"};
  const BlocklistSources sources{
      .blocklists = {block.path()}, .opt_outs = {}, .allow_special = {"10.0.0.0/9"}};
  const auto list = merge_lists(sources);
  ASSERT_TRUE(list) << list.error().message;
  for (const char* text :
       {"8.8.8.127", "8.8.8.128", "9.255.255.255", "10.0.0.0", "10.127.255.255", "10.128.0.0",
        "2a00::", "2a00:7fff::", "2a00:8000::", "fe80::1", "2001:200::", "255.255.255.255"}) {
    const auto checks = check_addresses(std::vector<std::string>{text}, sources);
    ASSERT_TRUE(checks);
    EXPECT_EQ(!checks->front().blocked_by.empty(), list->contains(checks->front().address)) << text;
  }
  const auto built_in = merge_lists({});
  ASSERT_TRUE(built_in);
  EXPECT_EQ(built_in->v4.size(), special_purpose_addresses().size());
  EXPECT_EQ(built_in->v6.intervals().size(), special_purpose_ipv6_addresses().intervals().size());
}

}  // namespace
}  // namespace trawl::control
