#include "control/survey/output/output_filter.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

#include "tests/control/verdicts.h"

namespace trawl::control {
namespace {

bool accepts(std::string_view text, const Verdict& verdict) {
  const auto filter = OutputFilter::parse(text, "--output-filter");
  if (!filter) {
    ADD_FAILURE() << filter.error().message;
    return false;
  }
  return filter->accepts(verdict);
}

std::string refused(std::string_view text) {
  const auto filter = OutputFilter::parse(text, "--output-filter");
  if (filter) return "accepted";
  EXPECT_EQ(filter.error().code, ExitCode::Usage);
  return filter.error().message;
}

TEST(OutputFilter, AcceptsEverythingUnlessSaidOtherwise) {
  EXPECT_TRUE(OutputFilter{}.accepts(open_verdict()));
  EXPECT_TRUE(OutputFilter{}.accepts(unreachable_verdict()));
}

TEST(OutputFilter, TellsTheKindsOfProbesApart) {
  EXPECT_TRUE(accepts("proto = udp && classification = udp && success = 1", udp_verdict()));
  EXPECT_TRUE(accepts("proto = icmp && state = up && reason = echo-reply", up_verdict()));
  EXPECT_TRUE(accepts("classification = echoreply && success = 1", up_verdict()));
  EXPECT_TRUE(accepts("state = unfiltered && classification = rst", unfiltered_verdict()));
  EXPECT_FALSE(accepts("proto = tcp", udp_verdict()));
  EXPECT_FALSE(accepts("proto != icmp || success = 0", up_verdict()));
}

TEST(OutputFilter, ComparesEveryField) {
  for (const char* text : {"ip = 198.18.0.5",
                           "saddr == 198.18.0.5",
                           "ip in 198.18.0.0/15",
                           "ip in 198.18.0.5",
                           "ip != 198.18.0.6",
                           "from = 198.18.0.5",
                           "port = 443",
                           "sport=443",
                           "port<444",
                           "port<=443",
                           "port>442",
                           "port>=443",
                           "port != 80",
                           "ttl > 50",
                           "rtt_us < 10000",
                           "attempt = 1",
                           "state = open",
                           "state != closed",
                           "reason = syn-ack",
                           "proto = tcp",
                           "success = 1",
                           "repeat = 0",
                           "cooldown = 0",
                           "classification = synack",
                           " ( port = 443 )\t"}) {
    EXPECT_TRUE(accepts(text, open_verdict())) << text;
    EXPECT_FALSE(accepts("!(" + std::string{text} + ")", open_verdict())) << text;
  }
  EXPECT_TRUE(accepts("state = unreachable && classification = icmp && from in 198.18.0.254/31",
                      unreachable_verdict()));
  EXPECT_TRUE(accepts("success = 0 && reason = reset", closed_verdict()));
}

TEST(OutputFilter, EdgesOfRangesHoldNothingMore) {
  Verdict verdict = open_verdict();
  for (const std::uint32_t rtt : {0U, 1U, std::numeric_limits<std::uint32_t>::max()}) {
    verdict.rtt_us = rtt;
    EXPECT_FALSE(accepts("rtt_us < 0", verdict));
    EXPECT_FALSE(accepts("rtt_us > 4294967295", verdict));
    EXPECT_TRUE(accepts("rtt_us >= 0", verdict));
    EXPECT_TRUE(accepts("rtt_us <= 4294967295", verdict));
    EXPECT_EQ(accepts("rtt_us < 1", verdict), rtt == 0);
    EXPECT_EQ(accepts("rtt_us > 4294967294", verdict), rtt > 1);
    EXPECT_TRUE(accepts("ip in 0.0.0.0/0", verdict));
  }
}

TEST(OutputFilter, AnUnknownRoundTripTimeIsInNoRange) {
  const Verdict verdict = unreachable_verdict();
  EXPECT_FALSE(accepts("rtt_us >= 0", verdict));
  EXPECT_FALSE(accepts("rtt_us = 0", verdict));
  EXPECT_TRUE(accepts("rtt_us != 0", verdict));
  EXPECT_TRUE(accepts("!(rtt_us >= 0)", verdict));
}

// Every expression of three comparisons against what C++ makes of it.
TEST(OutputFilter, AndBindsBeforeOrAndNotBeforeBoth) {
  for (unsigned bits = 0; bits < 8; ++bits) {
    const bool a = (bits & 1U) != 0;
    const bool b = (bits & 2U) != 0;
    const bool c = (bits & 4U) != 0;
    Verdict verdict = open_verdict();
    verdict.port = a ? 1 : 0;
    verdict.ttl = b ? 1 : 0;
    verdict.attempt = c ? 1 : 0;
    const std::string x = "port = 1";
    const std::string y = "ttl = 1";
    const std::string z = "attempt = 1";
    const auto check = [&](const std::string& text, bool expected) {
      EXPECT_EQ(accepts(text, verdict), expected) << text << " with " << bits;
    };
    check(x + "||" + y + "&&" + z, a || (b && c));
    check(x + "&&" + y + "||" + z, (a && b) || c);
    check("(" + x + "||" + y + ")&&" + z, (a || b) && c);
    check("!" + x + "&&" + y + "||!" + z, (!a && b) || !c);
    check("!(" + x + "||!(" + y + "&&" + z + "))", !(a || !(b && c)));
    check("!!" + x + "||" + y + "||" + z, a || b || c);
    check(x + "&&" + y + "&&" + z, a && b && c);
  }
}

TEST(OutputFilter, ErrorsNameTheCharacterAndTheNearest) {
  const std::pair<const char*, const char*> cases[] = {
      {"prt = 80",
       "at character 1: \"prt\" is not a field (did you mean port?); expected ip, port, proto, "
       "state, reason, ttl, rtt_us, attempt, from, success, repeat, cooldown, classification, "
       "type, "
       "saddr, sport"},
      {"port = 80 && state = opne",
       "at character 22: \"opne\" is not a state (did you mean open?); expected open, closed, "
       "unreachable"},
      {"reason = synack",
       "at character 10: \"synack\" is not a reason (did you mean syn-ack?); expected syn-ack, "},
      {"port = 65536",
       "at character 8: \"65536\" is not a value of port; expected a number from 0 to 65535"},
      {"ttl = 0x10", "at character 7: \"0x10\" is not a value of ttl"},
      {"success = 2", "expected a number from 0 to 1"},
      {"ip = 198.18.0.0/15", "at character 6: \"198.18.0.0/15\" is not an IP address"},
      {"ip in 198.18.0.0/33", "at character 7: \"198.18.0.0/33\" is not an IP prefix"},
      {"ip > 1.1.1.1", "at character 4: ip is compared with =, != or in"},
      {"state < open", "at character 7: state is compared with = or !="},
      {"port in 1.1.1.1", "at character 6: port is compared with =, !=, <, <=, > or >="},
      {"port", "at character 5: port is compared with"},
      {"port =", "at character 7: a value of port is missing"},
      {"", "at character 1: the expression ends where a comparison belongs"},
      {"port = 80 &&", "at character 13: the expression ends where a comparison belongs"},
      {"(port = 80", "at character 1: this parenthesis is never closed"},
      {"(port = 80 ttl = 5)", "at character 12: \"t\" stands where &&, || or ) belongs"},
      {"port = 80)", "at character 10: \")\" stands where && or || belongs"},
      {"port = 80 & ttl = 5", "at character 11: \"&\" stands where && or || belongs"},
      {"&& port = 80", "at character 1: \"&\" stands where a comparison belongs"}};
  for (const auto& [text, why] : cases) {
    const std::string message = refused(text);
    EXPECT_TRUE(message.starts_with("--output-filter: at character ")) << message;
    EXPECT_NE(message.find(why), std::string::npos) << message << "\n" << why;
  }
}

TEST(OutputFilter, SizeAndDepthAreBounded) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "port = 1" + std::string(depth, ')');
  };
  EXPECT_FALSE(accepts(nested(OutputFilter::kDeepest), open_verdict()));
  EXPECT_NE(refused(nested(OutputFilter::kDeepest + 1)).find("nested deeper"), std::string::npos);
  EXPECT_NE(refused(std::string(100, '!') + "port=1").find("nested deeper"), std::string::npos);
  std::string chain = "port=0";
  for (std::size_t i = 1; i < OutputFilter::kMostComparisons; ++i) chain += "||port=1";
  EXPECT_FALSE(accepts(chain, open_verdict()));
  EXPECT_NE(refused(chain + "||port=1").find("more than 256 comparisons"), std::string::npos);
  EXPECT_NE(refused(std::string(5000, ' ')).find("5000 characters are too many"),
            std::string::npos);
}

TEST(OutputFilter, ComparesIpv6Addresses) {
  Verdict verdict = open_verdict();
  verdict.ip = verdict.from = *Ipv6Address::parse("2001:db8::5");
  EXPECT_TRUE(accepts("ip = 2001:db8::5 && ip in 2001:db8::/32 && ip in ::/0", verdict));
  EXPECT_TRUE(accepts("ip != 2001:db8::6 && from != 198.18.0.5", verdict));
  EXPECT_FALSE(accepts("ip in 2001:db8:1::/48", verdict));
  EXPECT_FALSE(accepts("ip in 0.0.0.0/0", verdict));
  EXPECT_FALSE(accepts("ip in 2001:db8::/32", open_verdict()));
  EXPECT_NE(refused("ip = 2001:db8::/32").find("is not an IP address"), std::string::npos);
}

TEST(OutputFilter, FactsAreOfATypeOfTheirOwnAndHaveNothingOfAReply) {
  ServiceFact fact;
  fact.ip = *IpAddress::parse("198.18.0.5");
  fact.port = 443;
  const auto takes = [&](std::string_view text) {
    return OutputFilter::parse(text, "--output-filter")->accepts(fact);
  };
  EXPECT_TRUE(OutputFilter{}.accepts(fact));
  EXPECT_TRUE(takes("type = service && port = 443 && ip in 198.18.0.0/24 && proto = tcp"));
  EXPECT_TRUE(takes("state = open && success = 1"));
  EXPECT_FALSE(takes("type = verdict"));
  EXPECT_FALSE(takes("port = 80"));
  EXPECT_FALSE(takes("ttl > 0 || rtt_us >= 0 || attempt >= 0 || reason = syn-ack"));
  EXPECT_TRUE(OutputFilter::parse("type = verdict", "--output-filter")->accepts(Verdict{}));
  EXPECT_FALSE(OutputFilter::parse("type = service", "--output-filter")->accepts(Verdict{}));
}

TEST(OutputFilter, NetworksAreKnownByTheirTypeAndFirstAddress) {
  NetworkFact network;
  network.first = *IpAddress::parse("198.18.7.0");
  const auto takes = [&](std::string_view text) {
    return OutputFilter::parse(text, "--output-filter")->accepts(network);
  };
  EXPECT_TRUE(OutputFilter{}.accepts(network));
  EXPECT_TRUE(takes("type = network && ip in 198.18.0.0/16"));
  EXPECT_FALSE(takes("ip = 198.18.7.1"));
  EXPECT_FALSE(takes("type = service || type = verdict || state = open || port >= 0"));
}

}  // namespace
}  // namespace trawl::control
