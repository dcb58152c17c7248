#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/service/version/inquiry_play.h"

namespace trawl::service {
namespace {

using Outcome = ServiceFinding::Outcome;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

// Patterns are beginnings here: see match_beginning().
constexpr std::string_view kProbes = R"(
Exclude T:7999
Probe TCP NULL q||
totalwaitms 6000
tcpwrappedms 3000
match alpha m|ALPHA| p/Alpha/ v/1/
softmatch beta m|BETA|
match late m|NULLFB| p/NullFb/
match ssl m|SSLHERE|
match ssl/direct m|DIRECT| p/Direct/
softmatch info m|SOFT| p/SoftProduct/

Probe TCP One q|ONE|
rarity 1
ports 7001,7010
match beta m|ONEBETA| p/Beta/ v/4/
match beta m|BETA\nHELLO| p/BetaAfterBanner/
match gamma m|GAMMA| p/Gamma/
softmatch delta m|DELTA|
match http m|HTTP| p/Web/

Probe TCP TlsHello q|TLSQ|
rarity 1
ports 7021
match ssl m|IAMSSL|

Probe TCP Two q|TWO|
rarity 2
ports 7002
sslports 7021
match gamma m|TWOGAMMA| p/Gamma2/
match http m|HTTP| p/Web2/
match beta m|TWOBETA| p/Beta2/

Probe TCP Three q|THREE|
rarity 9
fallback One
match beta m|THREEBETA| p/Beta3/

Probe TCP Four q|FOUR|
rarity 3
fallback One
match omega m|FOUROMEGA| p/Omega/

Probe TCP Five q|FIVE|
rarity 8
match delta m|FIVEDELTA| p/FiveDelta/

Probe UDP Uone q|UONE|
rarity 3
ports 7001
match ualpha m|UALPHA| p/UAlpha/
softmatch usoft m|USOFT|

Probe UDP Utwo q|UTWO|
rarity 7
match ubeta m|UBETA| p/UBeta/

Probe UDP Uthree q|UTHREE|
rarity 8
match usoft m|U3| p/U3/
)";

const ProbeFile& probes() {
  static const ProbeFile file = parse_probe_file(kProbes, "probes");
  return file;
}

const InquiryRules kStrict{.is_strict = true};

PlayServer::Reply reply(std::string bytes, bool closes = false) {
  return {.bytes = std::move(bytes), .delay = milliseconds{5}, .closes = closes};
}

TEST(PortInquiry, TakesABannerAtOnceAndOpensNoSecondConnection) {
  const PlayServer server{.greeting = {reply("ALPHA")}};
  const PlayResult result = play(probes(), server);
  ASSERT_TRUE(result.ended);
  EXPECT_EQ(result.finding.outcome, Outcome::Matched);
  EXPECT_EQ(result.finding.name, "alpha");
  EXPECT_EQ(result.finding.product, "Alpha");
  EXPECT_EQ(result.finding.version, "1");
  EXPECT_EQ(result.finding.evidence.probe, "NULL");
  EXPECT_EQ(result.finding.evidence.line_probe, "NULL");
  EXPECT_EQ(result.finding.evidence.line, 6U);
  EXPECT_EQ(result.finding.evidence.response, "ALPHA");
  EXPECT_TRUE(result.finding.answered);
  EXPECT_EQ(result.opened, 1U);
  EXPECT_LT(result.took, milliseconds{10});
  EXPECT_THAT(result.told, ElementsAre("NULL/NULL is alpha"));
}

TEST(PortInquiry, LeavesExcludedPortsAloneUnlessToldOtherwise) {
  const PlayServer server{.greeting = {reply("ALPHA")}};
  const PlayResult left = play(probes(), server, {}, 7999);
  EXPECT_EQ(left.finding.outcome, Outcome::Excluded);
  EXPECT_EQ(left.opened, 0U);
  EXPECT_EQ(play(probes(), server, {.all_ports = true}, 7999).finding.name, "alpha");
}

TEST(PortInquiry, StrictlyAsksTheFirstProbeOnTheConnectionOfNull) {
  const PlayResult result = play(probes(), {}, kStrict);
  ASSERT_TRUE(result.ended);
  EXPECT_THAT(result.sent, ElementsAre("1:NULL", "1:One", "2:TlsHello", "3:Two", "4:Four"));
  EXPECT_EQ(result.took, milliseconds{6000 + 4 * 5000});
  EXPECT_EQ(result.finding.outcome, Outcome::Silent);
  EXPECT_EQ(result.most_open, 1U);
}

TEST(PortInquiry, ListedProbesComeFirstAndRareOnesNotAtAll) {
  EXPECT_THAT(play(probes(), {}, kStrict, 7002).sent,
              ElementsAre("1:NULL", "1:Two", "2:One", "3:TlsHello", "4:Four"));
  InquiryRules rules = kStrict;
  rules.intensity = 0;
  EXPECT_THAT(play(probes(), {}, rules, 7002).sent, ElementsAre("1:NULL", "1:Two"));
  rules.intensity = 9;
  EXPECT_EQ(play(probes(), {}, rules, 7002).sent.size(), 7U);
}

TEST(PortInquiry, WaitsOverlapOnAtMostThreeConnections) {
  const PlayResult result = play(probes(), {});
  ASSERT_TRUE(result.ended);
  EXPECT_EQ(result.most_open, 3U);
  EXPECT_LT(result.took, milliseconds{21'000});
  EXPECT_EQ(result.finding.outcome, Outcome::Silent);
  const PlayResult two = play(probes(), {}, {.parallelism = 2});
  EXPECT_EQ(two.most_open, 2U);
}

TEST(PortInquiry, NoConnectionIsIdleWhileTheFirstProbeFollowsNull) {
  const PlayResult result = play(probes(), {}, {.intensity = 2});
  ASSERT_TRUE(result.ended);
  ASSERT_THAT(result.sent, ElementsAre("1:NULL", "2:One", "3:TlsHello", "1:One", "4:Two"));
  EXPECT_EQ(result.sent_at.at(3), milliseconds{6000});
  EXPECT_LT(result.sent_at.at(4), milliseconds{6500});
  // One ends then. TlsHello, which many answer, has its whole wait after it; Two has a turn.
  EXPECT_EQ(result.took, milliseconds{11'000 + 5000 + 1000});
}

TEST(PortInquiry, AnAnswerToAProbeWaitsForTheSilenceOfNull) {
  const PlayServer server{.replies = {{"ONE", reply("GAMMA")}}};
  for (const std::uint16_t port : std::array<std::uint16_t, 2>{7001, 7500}) {
    const PlayResult result = play(probes(), server, {}, port);
    ASSERT_TRUE(result.ended);
    EXPECT_EQ(result.finding.name, "gamma");
    EXPECT_EQ(result.took, milliseconds{6000});
  }
  EXPECT_EQ(play(probes(), server, kStrict).took, milliseconds{6006});
}

// A server of HTTP sends nothing unasked, so half a second of NULL's silence will do.
TEST(PortInquiry, AnAnswerThatIsOnlyGivenWhenAskedForNeedsAShortSilence) {
  const PlayServer web{.replies = {{"ONE", reply("HTTP")}}};
  const PlayResult fast = play(probes(), web);
  EXPECT_EQ(fast.finding.product, "Web");
  EXPECT_EQ(fast.took, milliseconds{500});
  EXPECT_EQ(play(probes(), web, kStrict).took, milliseconds{6006});
  // The probe is not meant for this port.
  EXPECT_EQ(play(probes(), web, {}, 7500).took, milliseconds{6000});
  // A probe before it may be answered yet: One's wait began at 0.2 s.
  const PlayServer second{.replies = {{"TWO", reply("HTTP")}, {"ONE", reply("xyz")}}};
  EXPECT_EQ(play(probes(), second, {}, 7002).took, milliseconds{500});
  EXPECT_GE(play(probes(), {.replies = second.replies}, {}, 7001).took, milliseconds{5000});
  // From afar an answer takes longer, and so does a banner.
  const PlayServer far{.round_trip = milliseconds{400}, .replies = web.replies};
  EXPECT_GE(play(probes(), far).took, milliseconds{1600});
  // Who speaks or hangs up in that time is believed.
  const PlayServer greets{.greeting = {{.bytes = "ALPHA", .delay = milliseconds{450}}},
                          .replies = web.replies};
  EXPECT_EQ(play(probes(), greets).finding.name, "alpha");
  const PlayServer wrapped{.replies = web.replies, .hangs_up = milliseconds{450}};
  EXPECT_EQ(play(probes(), wrapped).finding.name, "tcpwrapped");
}

TEST(PortInquiry, TlsIsGoneOnWithAfterAShortSilence) {
  const PlayServer server{.replies = {{"TLSQ", reply("IAMSSL")}},
                          .tls_replies = {{"ONE", reply("HTTP")}, {"TWO", reply("TWOGAMMA")}},
                          .has_tls = true};
  // Two is before One there, and gamma may be what greets late.
  const PlayResult slow = play(probes(), server, {}, 7021);
  EXPECT_EQ(slow.finding.name, "gamma");
  EXPECT_GE(slow.took, milliseconds{6500});
  EXPECT_LT(slow.took, milliseconds{6700});
  const PlayServer web{
      .replies = server.replies, .tls_replies = {{"TWO", reply("HTTP")}}, .has_tls = true};
  const PlayResult fast = play(probes(), web, {}, 7021);
  EXPECT_EQ(fast.finding.product, "Web2");
  EXPECT_TRUE(fast.finding.is_tls);
  EXPECT_LT(fast.took, milliseconds{1200});
}

TEST(PortInquiry, ALateBannerWinsOverALaterProbe) {
  const PlayServer server{.greeting = {{.bytes = "ALPHA", .delay = milliseconds{5500}}},
                          .replies = {{"ONE", reply("GAMMA")}}};
  for (const std::uint16_t port : std::array<std::uint16_t, 2>{7001, 7500}) {
    EXPECT_EQ(play(probes(), server, {}, port).finding.name, "alpha");
    EXPECT_EQ(play(probes(), server, kStrict, port).finding.name, "alpha");
  }
}

TEST(PortInquiry, AnEarlierProbeWinsThoughItAnswersLater) {
  const PlayServer server{.replies = {{"ONE", {.bytes = "GAMMA", .delay = milliseconds{3000}}},
                                      {"TWO", reply("TWOGAMMA")}}};
  EXPECT_EQ(play(probes(), server).finding.product, "Gamma");
}

TEST(PortInquiry, CloseOfASilentConnectionInTimeMeansWrapped) {
  for (const int after : {50, 2900}) {
    const PlayServer server{.hangs_up = milliseconds{after}};
    for (const InquiryRules& rules : {InquiryRules{}, kStrict}) {
      const PlayResult result = play(probes(), server, rules);
      ASSERT_TRUE(result.ended);
      EXPECT_EQ(result.finding.outcome, Outcome::Wrapped) << after;
      EXPECT_EQ(result.finding.name, "tcpwrapped");
    }
  }
  const PlayServer later{.hangs_up = milliseconds{3100}};
  EXPECT_EQ(play(probes(), later).finding.outcome, Outcome::Silent);
  EXPECT_EQ(play(probes(), later, kStrict).finding.outcome, Outcome::Silent);
  // Not so when it said anything.
  const PlayServer spoke{.greeting = {reply("WHAT", true)}};
  const PlayResult result = play(probes(), spoke);
  EXPECT_EQ(result.finding.outcome, Outcome::Unknown);
  EXPECT_THAT(result.responses,
              ElementsAre("NULL=WHAT", "One=WHAT", "TlsHello=WHAT", "Two=WHAT", "Four=WHAT"));
}

TEST(PortInquiry, CloseBesideOtherConnectionsDoesNotMeanWrapped) {
  // An X server is reset when its last client leaves, and cuts off who has not said a word.
  const PlayServer resets{.replies = {{"ONE", reply("GAMMA")}}, .leaves_together = true};
  const PlayResult result = play(probes(), resets);
  ASSERT_TRUE(result.ended);
  EXPECT_EQ(result.finding.name, "gamma");
  EXPECT_THAT(result.sent, ElementsAre("1:NULL", "2:One", "3:NULL", "3:One"));
  EXPECT_EQ(play(probes(), resets, kStrict).finding.name, "gamma");
  // One that closes silent connections closes them alone, too.
  const PlayServer wrapped{.replies = {{"ONE", reply("GAMMA")}}, .hangs_up = milliseconds{300}};
  const PlayResult closed = play(probes(), wrapped);
  ASSERT_TRUE(closed.ended);
  EXPECT_EQ(closed.finding.outcome, Outcome::Wrapped);
  EXPECT_THAT(closed.sent, ElementsAre("1:NULL", "2:One", "3:NULL"));
}

TEST(PortInquiry, ASoftMatchNarrowsWhatIsAskedWhateverItsRarity) {
  const PlayServer server{.greeting = {reply("BETA\n")}};
  const PlayResult result = play(probes(), server, kStrict);
  EXPECT_THAT(result.sent, ElementsAre("1:NULL", "1:One", "2:Two", "3:Three"));
  EXPECT_EQ(result.finding.outcome, Outcome::SoftMatched);
  EXPECT_EQ(result.finding.name, "beta");
  EXPECT_THAT(result.told, ElementsAre("NULL/NULL softly is beta"));
  InquiryRules all = kStrict;
  all.intensity = 9;
  EXPECT_EQ(play(probes(), server, all).sent.size(), 7U);
}

TEST(PortInquiry, AFirmMatchOfAnotherServiceCountsAfterASoftOne) {
  const PlayServer server{.replies = {{"ONE", reply("DELTA")}, {"FIVE", reply("ALPHA")}}};
  const PlayResult result = play(probes(), server);
  EXPECT_EQ(result.finding.outcome, Outcome::Matched);
  EXPECT_EQ(result.finding.name, "alpha");
  EXPECT_THAT(result.told, ElementsAre("One/One softly is delta", "Five/NULL is alpha"));
  EXPECT_THAT(result.responses, IsEmpty());
  const PlayServer firm{.replies = {{"ONE", reply("DELTA")}, {"FIVE", reply("FIVEDELTA")}}};
  const PlayResult found = play(probes(), firm);
  EXPECT_EQ(found.finding.outcome, Outcome::Matched);
  EXPECT_EQ(found.finding.product, "FiveDelta");
  EXPECT_THAT(found.told, ElementsAre("One/One softly is delta", "Five/Five is delta"));
}

TEST(PortInquiry, LeavesAServerOfOneConnectionTimeToNoticeACloseOfOurs) {
  PlayServer server{.replies = {{"FOUR", reply("FOUROMEGA")}}};
  server.most_at_once = 1;
  server.closes_more = true;
  server.release = milliseconds{50};
  for (const char* const why : {"", "busy"}) {
    server.says_why = why;
    const PlayResult result = play(probes(), server);
    EXPECT_EQ(result.finding.product, "Omega") << why;
    EXPECT_TRUE(result.ended) << why;
  }
}

TEST(PortInquiry, ASoftMatchThatComesLateUndoesWhatWasAskedMeanwhile) {
  const PlayServer server{.replies = {{"ONE", {.bytes = "DELTA", .delay = milliseconds{2000}}},
                                      {"TWO", reply("TWOGAMMA")},
                                      {"FIVE", reply("FIVEDELTA")}}};
  const PlayResult result = play(probes(), server);
  EXPECT_EQ(result.finding.product, "FiveDelta");
  EXPECT_EQ(play(probes(), server, kStrict).finding.product, "FiveDelta");
}

TEST(PortInquiry, TheFirstProbeFollowsABannerOnItsConnection) {
  const PlayServer server{.greeting = {reply("BETA\n")}, .replies = {{"ONE", reply("HELLO")}}};
  const PlayResult result = play(probes(), server);
  EXPECT_EQ(result.finding.product, "BetaAfterBanner");
  EXPECT_THAT(result.sent, Contains("1:One"));
  // A whole line, softly matched: not all of the six seconds.
  EXPECT_LT(result.took, milliseconds{2000});
  EXPECT_EQ(play(probes(), server, kStrict).finding.product, "BetaAfterBanner");
}

TEST(PortInquiry, SoftInformationIsKept) {
  const PlayServer server{.greeting = {reply("SOFT", true)}};
  const PlayResult result = play(probes(), server);
  EXPECT_EQ(result.finding.outcome, Outcome::SoftMatched);
  EXPECT_EQ(result.finding.product, "SoftProduct");
  EXPECT_THAT(result.responses, ElementsAre("NULL=SOFT"));
}

TEST(PortInquiry, LinesOfFallbacksAndOfNullCount) {
  const PlayServer server{.replies = {{"FOUR", reply("GAMMA")}}};
  const PlayResult result = play(probes(), server);
  EXPECT_EQ(result.finding.evidence.probe, "Four");
  EXPECT_EQ(result.finding.evidence.line_probe, "One");
  const PlayServer null{.replies = {{"TWO", reply("NULLFB")}}};
  EXPECT_EQ(play(probes(), null).finding.evidence.line_probe, "NULL");
}

TEST(PortInquiry, BytesThatDripAreLookedAtTogether) {
  PlayServer server;
  for (const char byte : std::string{"ALPHA"}) {
    server.greeting.push_back({.bytes = {byte}, .delay = milliseconds{1000}});
  }
  const PlayResult result = play(probes(), server);
  EXPECT_EQ(result.finding.name, "alpha");
  EXPECT_EQ(result.finding.evidence.response, "ALPHA");
  // Some arrive while the others are looked at.
  for (PlayServer::Reply& each : server.greeting) each.delay = milliseconds{3};
  EXPECT_EQ(play(probes(), server, {}, 7001, Transport::Tcp, milliseconds{7}).finding.name,
            "alpha");
}

TEST(PortInquiry, ALongResponseIsEnough) {
  const PlayServer server{.greeting = {reply(std::string(100'000, 'x'))}};
  const PlayResult result = play(probes(), server, kStrict);
  ASSERT_TRUE(result.ended);
  EXPECT_LT(result.took, milliseconds{1000});
  ASSERT_EQ(result.responses.size(), 5U);
  EXPECT_EQ(result.responses.at(0).size(), PortInquiry::kMostResponse + 5);
}

TEST(PortInquiry, GoesOnWithinTls) {
  const PlayServer server{.replies = {{"TLSQ", reply("IAMSSL")}},
                          .tls_replies = {{"FOUR", reply("FOUROMEGA")}},
                          .has_tls = true};
  const PlayResult result = play(probes(), server, kStrict, 7021);
  ASSERT_TRUE(result.ended);
  EXPECT_EQ(result.finding.name, "omega");
  EXPECT_TRUE(result.finding.is_tls);
  EXPECT_THAT(result.sent, ElementsAre("1:NULL", "1:TlsHello", "2:NULL", "2:Two", "3:One",
                                       "4:TlsHello", "5:Four"));
  EXPECT_THAT(result.told, ElementsAre("TlsHello/TlsHello is ssl", "Four/Four is omega"));
  const PlayResult fast = play(probes(), server, {}, 7021);
  EXPECT_EQ(fast.finding.name, "omega");
  EXPECT_TRUE(fast.finding.is_tls);
}

TEST(PortInquiry, TellsOfTlsThatNothingIsKnownOf) {
  const PlayServer silent{.replies = {{"TLSQ", reply("IAMSSL")}}, .has_tls = true};
  const PlayResult result = play(probes(), silent, {}, 7021);
  EXPECT_EQ(result.finding.outcome, Outcome::Silent);
  EXPECT_TRUE(result.finding.is_tls);
  EXPECT_EQ(result.finding.name, "");
  // Its handshake fails.
  const PlayServer none{.replies = {{"TLSQ", reply("IAMSSL")}}};
  const PlayResult failed = play(probes(), none, {}, 7021);
  ASSERT_TRUE(failed.ended);
  EXPECT_TRUE(failed.finding.is_tls);
  EXPECT_EQ(failed.finding.outcome, Outcome::Silent);
  EXPECT_EQ(failed.finding.trouble, "Connection refused");
  // Within TLS nobody is wrapped.
  const PlayServer short_lived{.greeting = {reply("SSLHERE")},
                               .hangs_up = milliseconds{50},
                               .has_tls = true,
                               .greets_tls = false};
  EXPECT_EQ(play(probes(), short_lived).finding.outcome, Outcome::Silent);
  EXPECT_TRUE(play(probes(), short_lived).finding.is_tls);
  const PlayServer direct{.greeting = {reply("DIRECT")}};
  EXPECT_TRUE(play(probes(), direct).finding.is_tls);
  EXPECT_EQ(play(probes(), direct).finding.name, "direct");
}

TEST(PortInquiry, StopsWhenNothingListensAnyMore) {
  const PlayResult none = play(probes(), {.most_ever = 0});
  ASSERT_TRUE(none.ended);
  EXPECT_EQ(none.finding.outcome, Outcome::Failed);
  EXPECT_FALSE(none.finding.answered);
  EXPECT_EQ(none.finding.trouble, "Connection refused");
  const PlayResult one = play(probes(), {.most_ever = 1}, kStrict);
  EXPECT_THAT(one.sent, ElementsAre("1:NULL", "1:One"));
  EXPECT_EQ(one.finding.outcome, Outcome::Silent);
  EXPECT_TRUE(one.finding.answered);
  ASSERT_TRUE(play(probes(), {.most_ever = 2}).ended);
}

TEST(PortInquiry, AsksDatagramPortsWithoutNull) {
  const PlayResult silent = play(probes(), {}, {}, 7001, Transport::Udp);
  EXPECT_THAT(silent.sent, ElementsAre("1:Uone", "2:Utwo"));
  EXPECT_EQ(silent.took, milliseconds{10000});
  EXPECT_FALSE(silent.finding.answered);
  EXPECT_EQ(silent.finding.outcome, Outcome::Silent);
  const PlayServer server{.replies = {{"UONE", reply("USOFT")}, {"UTHREE", reply("U3")}}};
  const PlayResult found = play(probes(), server, {}, 7001, Transport::Udp);
  EXPECT_EQ(found.finding.product, "U3");
  EXPECT_TRUE(found.finding.answered);
  EXPECT_THAT(play(probes(), server, kStrict, 7001, Transport::Udp).sent,
              ElementsAre("1:Uone", "1:Uthree"));
  // A file without a probe that is not too rare.
  EXPECT_THAT(play(probes(), server, {.intensity = 1}, 99, Transport::Udp).sent, IsEmpty());
}

TEST(PortInquiry, ForgetsResultsThatComeTooLate) {
  PortInquiry inquiry{probes(), ServicePort{.port = 7001}, {}};
  const SteadyTime now{std::chrono::hours{1}};
  inquiry.begin(now);
  inquiry.connected(now, 1);
  inquiry.data(now, 1, "DIRECT");
  inquiry.matched(now, 99, std::nullopt);
  inquiry.matched(now, 0, LineMatch{});
  EXPECT_FALSE(inquiry.is_done());
  LineMatch match;
  match.service = "x";
  inquiry.matched(now, 1, match);
  ASSERT_TRUE(inquiry.is_done());
  inquiry.matched(now, 1, match);
  inquiry.data(now, 1, "more");
  inquiry.ended(now, 1);
  inquiry.not_connected(now, 7, "what");
  inquiry.tick(now);
  EXPECT_EQ(inquiry.take_finding().name, "x");
}

}  // namespace
}  // namespace trawl::service
