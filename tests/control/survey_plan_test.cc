#include "control/survey/survey_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bitset>
#include <random>
#include <string>

#include "control/survey/special_purpose.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

SurveyOptions with_targets(std::vector<std::string> targets) {
  SurveyOptions options;
  options.targets = std::move(targets);
  options.ports = {80, 443};
  return options;
}

TEST(SurveyPlan, CountsAddressesTimesPorts) {
  const auto plan = make_survey_plan(with_targets({"8.8.8.0/24", "9.9.9.9", "8.8.8.7"}));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->addresses.size(), 257U);
  EXPECT_EQ(plan->size(), 514U);
  EXPECT_EQ(plan->addresses_named, 257U);
  EXPECT_EQ(plan->addresses_excluded, 0U);
}

TEST(SurveyPlan, HoldsTheWholeInternetOnEveryPort) {
  SurveyOptions options = with_targets({"0.0.0.0/0"});
  options.ports.resize(65535);
  const auto plan = make_survey_plan(options);
  ASSERT_TRUE(plan);
  const std::uint64_t special = special_purpose_addresses().size();
  EXPECT_EQ(plan->addresses.size(), (std::uint64_t{1} << 32U) - special);
  EXPECT_EQ(plan->addresses_excluded, special);
  EXPECT_EQ(plan->size(), plan->addresses.size() * 65535);
}

TEST(SurveyPlan, TakesTargetsAndExcludesFromFilesToo) {
  const TempFile targets{"8.8.8.0/30\n8.8.9.0/30\n", ".targets"};
  const TempFile excludes{"# never\n8.8.8.1\n8.8.9.0/31\n", ".excludes"};
  SurveyOptions options = with_targets({"8.8.10.1"});
  options.target_files = {targets.path()};
  options.exclude_files = {excludes.path()};
  options.excludes = {"8.8.8.2,8.8.8.3"};
  const auto plan = make_survey_plan(options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->addresses_named, 9U);
  EXPECT_EQ(plan->addresses_excluded, 5U);
  EXPECT_EQ(plan->addresses.size(), 4U);
  EXPECT_EQ(plan->addresses.select(0).to_string(), "8.8.8.0");
  EXPECT_EQ(plan->addresses.select(3).to_string(), "8.8.10.1");
}

TEST(SurveyPlan, BlocksWhatBlocklistAndOptOutFilesName) {
  const TempFile block{"8.8.8.0/31\n2a00::/16\n", ".block"};
  const TempFile out{"8.8.8.3\n", ".out"};
  SurveyOptions options = with_targets({"8.8.8.0/29", "198.18.0.0/31"});
  options.allow_special = {"198.18.0.0/15"};
  options.blocklist_files = {block.path()};
  options.opt_out_files = {out.path()};
  const auto plan = make_survey_plan(options);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->addresses.size(), 7U);
  EXPECT_EQ(plan->public_addresses, 5U);
  EXPECT_TRUE(plan->blocked.contains(*Ipv4Address::parse("8.8.8.3")));
  EXPECT_EQ(plan->blocklist.files().size(), 2U);
  EXPECT_EQ(plan->blocklist.blocked().v4.size(), plan->blocked.v4.size());
  EXPECT_TRUE(plan->blocklist.blocked().contains(*Ipv6Address::parse("2a00::1")));
  EXPECT_TRUE(plan->blocklist.blocked().contains(*Ipv6Address::parse("fe80::1")));
  options.targets = {"8.8.8.3"};
  EXPECT_EQ(make_survey_plan(options).error().message,
            "the one address named is excluded by --exclude, --exclude-file or a blocklist file; "
            "name others or exclude less");
}

TEST(SurveyPlan, BlocksSpecialPurposeSpaceUnlessNamed) {
  SurveyOptions options = with_targets({"198.18.0.0/15", "10.0.0.0/8"});
  options.allow_special = {"198.18.4.0/24"};
  const auto plan = make_survey_plan(options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->addresses.size(), 256U);
  EXPECT_FALSE(plan->blocked.contains(*Ipv4Address::parse("198.18.4.255")));
  EXPECT_TRUE(plan->blocked.contains(*Ipv4Address::parse("198.18.5.0")));
  EXPECT_TRUE(plan->blocked.contains(*Ipv4Address::parse("10.0.0.1")));
}

TEST(SurveyPlan, AnExcludeWinsOverAllowSpecial) {
  SurveyOptions options = with_targets({"198.18.0.0/30"});
  options.allow_special = {"198.18.0.0/15"};
  options.excludes = {"198.18.0.2"};
  const auto plan = make_survey_plan(options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->addresses.size(), 3U);
  EXPECT_TRUE(plan->blocked.contains(*Ipv4Address::parse("198.18.0.2")));
}

TEST(SurveyPlan, BlocklistDoesNotDependOnTheTargets) {
  SurveyOptions options = with_targets({"8.8.8.8"});
  options.excludes = {"9.9.9.0/24"};
  const auto one = make_survey_plan(options);
  options.targets = {"1.0.0.0/8"};
  const auto other = make_survey_plan(options);
  ASSERT_TRUE(one && other);
  EXPECT_TRUE(one->blocked.contains(*Ipv4Address::parse("9.9.9.9")));
  EXPECT_EQ(one->blocked.v4.size(), special_purpose_addresses().size() + 256);
  EXPECT_EQ(one->exclude_digest, other->exclude_digest);
  options.excludes = {"9.9.9.0/25"};
  EXPECT_NE(make_survey_plan(options)->exclude_digest, one->exclude_digest);
}

TEST(SurveyPlan, AllowSpecialMustLieInSpecialPurposeSpace) {
  for (const char* inside :
       {"10.0.0.0/8", "10.1.2.3", "224.0.0.0/3", "198.18.0.0-198.19.255.255"}) {
    SurveyOptions options = with_targets({"8.8.8.8"});
    options.allow_special = {inside};
    EXPECT_TRUE(make_survey_plan(options)) << inside;
  }
  for (const char* outside : {"8.8.8.8", "0.0.0.0/0", "10.0.0.0/7", "x", ""}) {
    SurveyOptions options = with_targets({"8.8.8.8"});
    options.allow_special = {outside};
    const auto plan = make_survey_plan(options);
    ASSERT_FALSE(plan) << outside;
    EXPECT_EQ(plan.error().code, ExitCode::BadInput);
    EXPECT_TRUE(plan.error().message.starts_with("--allow-special: ")) << plan.error().message;
  }
  SurveyOptions options = with_targets({"8.8.8.8"});
  options.allow_special = {"10.0.0.0/7"};
  EXPECT_NE(make_survey_plan(options).error().message.find("(it holds 11.0.0.0)"),
            std::string::npos);
}

TEST(SurveyPlan, NothingLeftSaysWhatTookHowMany) {
  const auto reason = [](SurveyOptions options) {
    const auto plan = make_survey_plan(options);
    if (plan) return std::string{"no error"};
    EXPECT_EQ(plan.error().code, ExitCode::BadInput);
    return plan.error().message;
  };
  EXPECT_EQ(reason(with_targets({"198.18.0.0/24"})),
            "all 256 addresses named are excluded: 256 by the built-in special-purpose list "
            "(198.18.0.0/15, Benchmarking, RFC 2544); to probe a network of your own there, add "
            "--allow-special 198.18.0.0/15");
  SurveyOptions both = with_targets({"198.18.0.0/24", "8.8.8.0/23"});
  both.excludes = {"8.8.0.0/16"};
  EXPECT_TRUE(reason(both).starts_with(
      "all 768 addresses named are excluded: 256 by the built-in special-purpose list "
      "(198.18.0.0/15, Benchmarking, RFC 2544), 512 by --exclude or --exclude-file; "));
  SurveyOptions own = with_targets({"8.8.8.8"});
  own.excludes = {"8.0.0.0/8"};
  EXPECT_EQ(reason(own),
            "the one address named is excluded by --exclude or --exclude-file; name others or "
            "exclude less");
  const TempFile empty{"# nothing\n", ".targets"};
  SurveyOptions from_file = with_targets({});
  from_file.target_files = {empty.path()};
  EXPECT_TRUE(reason(from_file).starts_with(empty.path() + ": no target is named"));
}

TEST(SurveyPlan, MistakesNameTheOptionOrFile) {
  SurveyOptions options = with_targets({"8.8.8.999"});
  EXPECT_TRUE(make_survey_plan(options).error().message.starts_with("target: \"8.8.8.999\""));
  options.targets = {"8.8.8.8"};
  options.excludes = {"oops"};
  EXPECT_TRUE(make_survey_plan(options).error().message.starts_with("--exclude: \"oops\""));
  const TempFile bad{"1.1.1.1\n9.9.9.9/40\n", ".excludes"};
  options.excludes.clear();
  options.exclude_files = {bad.path()};
  EXPECT_TRUE(make_survey_plan(options).error().message.starts_with(bad.path() + ":2: "));
}

unsigned below(std::mt19937& random, unsigned limit) {
  return static_cast<unsigned>(random() % limit);
}

// A /20 of ordinary addresses and one of special-purpose ones, as bits.
class Model {
 public:
  static constexpr std::uint32_t kSize = 4096;
  static constexpr std::uint32_t kOrdinary = 0x08080000U;  // 8.8.0.0
  static constexpr std::uint32_t kSpecial = 0xc6120000U;   // 198.18.0.0

  // Sets the bits of a random range and returns it as text, in a random form.
  template <std::size_t N>
  static std::string add_random(std::mt19937& random, std::uint32_t base, std::bitset<N>& bits) {
    std::uint32_t first = below(random, kSize);
    std::uint32_t last = std::min(kSize - 1, first + below(random, 1U << below(random, 13)));
    std::string text;
    if (random() % 2 == 0) {
      const unsigned host_bits = below(random, 13);
      text = Ipv4Address{base + first}.to_string() + "/" + std::to_string(32 - host_bits);
      first &= ~((1U << host_bits) - 1);
      last = first | ((1U << host_bits) - 1);
    } else {
      text = Ipv4Address{base + first}.to_string() + "-" + Ipv4Address{base + last}.to_string();
    }
    for (std::uint32_t i = first; i <= last; ++i) bits.set(i);
    return text;
  }
};

TEST(SurveyPlan, AgreesWithBitmapsHoweverTargetsAndExcludesOverlap) {
  std::mt19937 random{7};
  for (int round = 0; round < 300; ++round) {
    std::bitset<Model::kSize> named[2], excluded[2], allowed;
    SurveyOptions options = with_targets({});
    const std::uint32_t bases[2] = {Model::kOrdinary, Model::kSpecial};
    for (unsigned i = below(random, 6) + 1; i > 0; --i) {
      const unsigned side = below(random, 2);
      options.targets.push_back(Model::add_random(random, bases[side], named[side]));
    }
    for (unsigned i = below(random, 6); i > 0; --i) {
      const unsigned side = below(random, 2);
      options.excludes.push_back(Model::add_random(random, bases[side], excluded[side]));
    }
    for (unsigned i = below(random, 3); i > 0; --i) {
      options.allow_special.push_back(Model::add_random(random, Model::kSpecial, allowed));
    }
    const std::bitset<Model::kSize> blocked[2] = {excluded[0], excluded[1] | ~allowed};
    const std::size_t left = (named[0] & ~blocked[0]).count() + (named[1] & ~blocked[1]).count();
    const auto plan = make_survey_plan(options);
    ASSERT_EQ(plan.has_value(), left > 0) << "round " << round;
    const auto list = make_blocklist(options);
    ASSERT_TRUE(list);
    for (std::uint32_t i = 0; i < Model::kSize; ++i) {
      for (const unsigned side : {0U, 1U}) {
        const Ipv4Address address{bases[side] + i};
        ASSERT_EQ(list->blocked().v4.contains(address), blocked[side][i]) << address.to_string();
        if (!plan) continue;
        ASSERT_EQ(plan->addresses.v4()->rank(address).has_value(),
                  named[side][i] && !blocked[side][i])
            << "round " << round << ", " << address.to_string();
      }
    }
    if (!plan) continue;
    EXPECT_EQ(plan->addresses.size(), left);
    EXPECT_EQ(plan->addresses_named, named[0].count() + named[1].count());
    EXPECT_EQ(plan->addresses_named - plan->addresses_excluded, left);
  }
}

TEST(SurveyPlan, HoldsIpv6TargetsLessWhatIsBlocked) {
  SurveyOptions options = with_targets({"2001:db8::/112", "2a00::1"});
  options.allow_special = {"2001:db8::/32"};
  options.excludes = {"2001:db8::80/121"};
  const auto plan = make_survey_plan(options);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_FALSE(plan->addresses.is_v4());
  EXPECT_EQ(plan->addresses.size(), 65536U - 128 + 1);
  EXPECT_EQ(plan->size(), plan->addresses.size() * 2);
  EXPECT_EQ(plan->addresses_excluded, 128U);
  EXPECT_EQ(plan->public_addresses, 1U);
  EXPECT_EQ(plan->addresses.select(128).to_string(), "2001:db8::100");
  EXPECT_TRUE(plan->blocked.contains(*Ipv6Address::parse("2001:db8::ff")));
  EXPECT_FALSE(plan->blocked.contains(*Ipv6Address::parse("2001:db8::100")));
  EXPECT_TRUE(plan->blocked.contains(*Ipv6Address::parse("fe80::1")));
}

TEST(SurveyPlan, RefusesIpv6PlansItCannotCarryOut) {
  const auto refusal = [](SurveyOptions options) {
    const auto plan = make_survey_plan(options);
    return plan ? std::string{} : plan.error().message;
  };
  EXPECT_EQ(refusal(with_targets({"8.8.8.8", "2a00::1"})),
            "the targets are of both families (8.8.8.8 and 2a00::1 among them); a survey probes "
            "one, so run two");
  EXPECT_NE(refusal(with_targets({"2a00::/64"})).find("more than 2^48 targets"), std::string::npos);
  SurveyOptions one_port = with_targets({"2a00::/80"});
  one_port.ports = {443};
  EXPECT_EQ(refusal(one_port), "");
  EXPECT_EQ(refusal(with_targets({"2001:db8::1"})),
            "the one address named is excluded: 1 by the built-in special-purpose list "
            "(2001:db8::/32, Documentation, RFC 3849); to probe a network of your own there, add "
            "--allow-special 2001:db8::/32");
  SurveyOptions mapped = with_targets({"::ffff:8.8.8.8"});
  mapped.allow_special = {"::ffff:0:0/96"};
  EXPECT_NE(refusal(mapped).find("IPv4-mapped"), std::string::npos);
  SurveyOptions translated = with_targets({"64:ff9b::8.8.8.8"});
  EXPECT_EQ(refusal(translated),
            "the one address named is excluded: 1 by the built-in special-purpose list "
            "(64:ff9b::/96, IPv4-IPv6 translation, RFC 6052); name the IPv4 addresses instead");
  for (const char* allowed : {"64:ff9b::/96", "64:ff9b::808:808", "64:ff9b::c000:0/112"}) {
    translated.allow_special = {allowed};
    EXPECT_EQ(refusal(translated),
              fmt::format("--allow-special: \"{}\" holds addresses of 64:ff9b::/96, behind which a "
                          "NAT64 has IPv4 hosts; name the IPv4 addresses instead",
                          allowed));
  }
  SurveyOptions timestamp = with_targets({"2a00::1"});
  timestamp.probe = dataplane::ProbeKind::IcmpTimestamp;
  EXPECT_EQ(refusal(timestamp),
            "--probe icmp-timestamp is of IPv4 alone; probe IPv6 with icmp-echo");
  SurveyOptions source = with_targets({"2a00::1"});
  source.source_ips = {*Ipv4Address::parse("192.0.2.1")};
  EXPECT_NE(
      refusal(source).find("--source-ip 192.0.2.1 cannot send to the targets, which are IPv6"),
      std::string::npos);
  SurveyOptions gateway = with_targets({"8.8.8.8"});
  gateway.gateway = *Ipv6Address::parse("fe80::1");
  EXPECT_NE(refusal(gateway).find("--gateway fe80::1 is no way to the targets, which are IPv4"),
            std::string::npos);
}

}  // namespace
}  // namespace trawl::control
