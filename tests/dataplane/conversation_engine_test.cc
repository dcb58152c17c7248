// What the conversation engine says to peers of every kind, and what it makes of them.
#include "dataplane/conversation/conversation_engine.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/dataplane/conversation_stage.h"

namespace trawl::dataplane {
namespace {

using namespace std::chrono_literals;
using Outgoing = BasicOutgoing<Ipv4Address>;

constexpr Ipv4Address kOurs{0xc6120001};
constexpr Ipv4Address kHost{0xc6130307};
constexpr Target kWeb{kHost, 80};    // HTTP first, then TLS.
constexpr Target kShell{kHost, 22};  // Nothing first, then HTTP.
constexpr Target kTls{kHost, 443};   // TLS, and nothing else.
constexpr unsigned kHttp = 1;
constexpr unsigned kHello = 2;
constexpr std::uint32_t kHttpSize = 18;

ConversationPlan plan() {
  ConversationPlan plan;
  plan.payloads.push_back(bytes_of("GET / HTTP/1.0\r\n\r\n"));
  plan.payloads.push_back(std::vector<std::byte>(517, std::byte{22}));
  plan.first.fill(kHttp);
  plan.second.fill(kHello);
  plan.first[22] = 0;
  plan.second[22] = kHttp;
  plan.first[443] = plan.second[443] = kHello;
  plan.most_open = 64;
  plan.most_memory = ByteCount{1U << 20U};
  return plan;
}

bool is_reset(const Outgoing& frame) { return (frame.flags & wire::kRst) != 0; }

class ConversationEngineTest : public testing::Test {
 protected:
  // The handshake, up to our first segment; the peer has that.
  Outgoing greet(Peer& peer) {
    const auto frames = stage.receive(peer.syn_ack());
    EXPECT_EQ(frames.size(), 1U);
    if (frames.empty()) return {};
    peer.hear(frames[0]);
    return frames[0];
  }
  Told only_banner() {
    auto all = stage.banners();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Told{} : all[0];
  }

  Stage stage{plan(), kOurs};
};

TEST_F(ConversationEngineTest, ASynAckIsAnsweredByThePayloadAndForgotten) {
  Peer peer{stage, kWeb};
  const Outgoing answer = greet(peer);
  EXPECT_EQ(answer.target, kWeb);
  EXPECT_EQ(answer.source, kOurs);
  EXPECT_EQ(answer.source_port, peer.port());
  EXPECT_EQ(answer.sequence, peer.own());
  EXPECT_EQ(answer.ack, peer.first);
  EXPECT_EQ(answer.flags, wire::kAck | wire::kPsh);
  EXPECT_EQ(answer.payload, kHttp);
  EXPECT_EQ(answer.offset, 0U);
  EXPECT_EQ(answer.length, kHttpSize);
  EXPECT_EQ(answer.echo, 0x5000U);
  EXPECT_EQ(answer.window, (2920 + 127) / 128);
  EXPECT_EQ(stage.engine().open(), 0U);
  EXPECT_EQ(stage.count(Counter::TalkHandshakes), 1U);
}

TEST_F(ConversationEngineTest, OurTimestampIsLaterThanTheProbesAndTellsWhereItsBytesBegin) {
  for (const std::uint32_t first : {0U, 1U, 0xffffffU, 0x1000000U, 0xffffffffU, 0x70000001U}) {
    for (unsigned attempt = 1; attempt < 7; ++attempt) {
      for (const bool scales : {false, true}) {
        const std::uint32_t probe = ProbeStamp::encode(0xffffffffU / 8 - attempt, attempt);
        const std::uint32_t stamp = ConversationStamp::encode(probe, first, attempt, scales);
        EXPECT_GT(static_cast<std::int32_t>(stamp - probe), 0);
        EXPECT_EQ(ConversationStamp::offset(stamp, first + 777), 777U);
        EXPECT_EQ(ConversationStamp::attempt(stamp), attempt);
        EXPECT_EQ(ConversationStamp::scales(stamp), scales);
      }
    }
  }
}

TEST_F(ConversationEngineTest, ARepeatedSynAckIsAnsweredTwiceAndNoMore) {
  Peer peer{stage, kWeb};
  greet(peer);
  stage.pass(1000ms);
  EXPECT_EQ(stage.receive(peer.syn_ack()).size(), 1U);
  for (int i = 0; i < 5; ++i) {
    stage.pass(1000ms);
    EXPECT_TRUE(stage.receive(peer.syn_ack()).empty());
  }
  EXPECT_EQ(stage.count(Counter::TalkRepeats), 5U);
  EXPECT_TRUE(stage.banners().empty());
}

TEST_F(ConversationEngineTest, ProbesOfKnownHostsBeginNoConversation) {
  Peer peer{stage, kWeb};
  peer.set_stamp(ProbeStamp::encode(stage.now - 20'000, ProbeStamp::kSentinelAttempt));
  EXPECT_TRUE(stage.receive(peer.syn_ack()).empty());
}

TEST_F(ConversationEngineTest, WordsAreAcknowledgedAndSilenceEndsThem) {
  Peer peer{stage, kWeb};
  peer.attempt = 3;
  peer.set_stamp(ProbeStamp::encode(stage.now - 20'000, 3));
  greet(peer);
  EXPECT_TRUE(stage.receive(peer.ack(kHttpSize)).empty());
  auto frames = stage.receive(peer.say(0, "HTTP/1.0 ", kHttpSize));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].flags, wire::kAck);
  EXPECT_EQ(frames[0].ack, peer.first + 9);
  EXPECT_EQ(frames[0].sequence, peer.own() + kHttpSize);
  EXPECT_TRUE(stage.pass(499ms).empty());
  frames = stage.receive(peer.say(9, "200 OK", kHttpSize));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].ack, peer.first + 15);
  EXPECT_TRUE(stage.pass(499ms).empty());
  EXPECT_EQ(stage.engine().open(), 1U);
  frames = stage.pass(2ms);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(frames[0].sequence, peer.own() + kHttpSize) << "the very number it waits for";
  const Told told = only_banner();
  EXPECT_EQ(told.ip, IpAddress{kHost});
  EXPECT_EQ(told.port, 80);
  EXPECT_EQ(told.port_class, PortClass::Service);
  EXPECT_EQ(told.end, BannerEnd::Idle);
  EXPECT_EQ(told.payload, kHttp);
  EXPECT_EQ(told.question, 1U);
  EXPECT_EQ(told.attempt, 3U);
  EXPECT_EQ(told.text, "HTTP/1.0 200 OK");
  EXPECT_EQ(stage.engine().open(), 0U);
}

TEST_F(ConversationEngineTest, AFinEndsThem) {
  Peer peer{stage, kWeb};
  greet(peer);
  const auto frames = stage.receive(peer.say(0, "bye", kHttpSize, wire::kFin));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(frames[0].ack, peer.first + 4);
  const Told told = only_banner();
  EXPECT_EQ(told.end, BannerEnd::Closed);
  EXPECT_EQ(told.text, "bye");
}

TEST_F(ConversationEngineTest, AResetEndsThemWithoutAnAnswer) {
  Peer peer{stage, kWeb};
  greet(peer);
  stage.receive(peer.say(0, "bye", kHttpSize));
  EXPECT_TRUE(stage.receive(peer.reset(17, 0, false)).empty());
  EXPECT_TRUE(stage.banners().empty()) << "of another number than the next it is forged";
  EXPECT_TRUE(stage.receive(peer.reset(3, 0, false)).empty());
  const Told told = only_banner();
  EXPECT_EQ(told.end, BannerEnd::Reset);
  EXPECT_EQ(told.text, "bye");
}

TEST_F(ConversationEngineTest, MegabytesEndAtWhatIsWanted) {
  Peer peer{stage, kWeb};
  greet(peer);
  const std::string much(1460, 'm');
  std::size_t frames = 0;
  for (std::uint32_t i = 0; i < 700; ++i) {
    frames += stage.receive(peer.say(i * 1460, much, kHttpSize)).size();
  }
  EXPECT_EQ(frames, 1U) << "one reset; what is in flight behind it is not answered";
  const Told told = only_banner();
  EXPECT_EQ(told.end, BannerEnd::Full);
  EXPECT_EQ(told.text, std::string(1024, 'm'));
}

TEST_F(ConversationEngineTest, StragglersAreResetAndMakeNoSecondBanner) {
  Peer peer{stage, kWeb};
  greet(peer);
  stage.receive(peer.say(0, "bye", kHttpSize, wire::kFin));
  EXPECT_EQ(stage.banners().size(), 1U);
  stage.pass(300ms);
  const auto frames = stage.receive(peer.say(0, "bye", kHttpSize, wire::kFin));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(frames[0].sequence, peer.own() + kHttpSize);
  EXPECT_EQ(frames[0].ack, peer.first + 4);
  stage.pass(1000ms);
  EXPECT_EQ(stage.receive(peer.syn_ack()).size(), 1U);
  EXPECT_TRUE(stage.banners().empty());
  EXPECT_EQ(stage.count(Counter::TalkStragglers), 2U);
}

TEST_F(ConversationEngineTest, WhoNeverEndsIsHeardOnce) {
  Peer peer{stage, kWeb};
  greet(peer);
  stage.receive(peer.say(0, "bye", kHttpSize, wire::kFin));
  EXPECT_EQ(stage.banners().size(), 1U);
  for (std::uint32_t i = 1; i < 20; ++i) {
    stage.pass(1000ms);
    EXPECT_LE(stage.receive(peer.say(1000 * i, "more", kHttpSize)).size(), 1U);
  }
  EXPECT_TRUE(stage.banners().empty());
  EXPECT_EQ(stage.engine().open(), 0U);
}

// The segment that arrives first is the second one sent: the echo tells.
TEST_F(ConversationEngineTest, WordsOutOfOrderArePutInOrder) {
  Peer peer{stage, kWeb};
  greet(peer);
  auto frames = stage.receive(peer.say(4, "efgh", kHttpSize));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].ack, peer.first) << "asks for what is missing";
  frames = stage.receive(peer.say(12, "mnop", kHttpSize, wire::kFin));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].ack, peer.first);
  frames = stage.receive(peer.say(0, "abcd", kHttpSize));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].ack, peer.first + 8);
  stage.pass(600ms);
  EXPECT_TRUE(stage.banners().empty()) << "a gap is waited for longer than silence";
  stage.receive(peer.say(8, "ijkl", kHttpSize));
  EXPECT_EQ(only_banner().text, "abcdefghijklmnop");
}

TEST_F(ConversationEngineTest, OverlappingWordsAreThoseThatCameFirst) {
  Peer peer{stage, kWeb};
  greet(peer);
  stage.receive(peer.say(2, "CDE", kHttpSize));
  stage.receive(peer.say(0, "abcdefg", kHttpSize));
  stage.receive(peer.say(3, "XXXXX", kHttpSize));
  stage.receive(peer.say(0, "YYYYYYYYY", kHttpSize, wire::kFin));
  EXPECT_EQ(only_banner().text, "abCDEfgXY");
}

TEST_F(ConversationEngineTest, SegmentsThatSayNothingChangeNothing) {
  Peer peer{stage, kWeb};
  greet(peer);
  for (int i = 0; i < 20; ++i) stage.receive(peer.say(0, "", kHttpSize));
  stage.receive(peer.say(0, "word", kHttpSize));
  for (int i = 0; i < 20; ++i) {
    stage.pass(20ms);
    EXPECT_TRUE(stage.receive(peer.say(4, "", kHttpSize)).empty());
  }
  const auto frames = stage.receive(peer.say(3, "", kHttpSize));
  ASSERT_EQ(frames.size(), 1U) << "it asks whether we are there";
  EXPECT_EQ(frames[0].ack, peer.first + 4);
  stage.pass(110ms);
  EXPECT_EQ(only_banner().text, "word");
}

TEST_F(ConversationEngineTest, WithoutTimestampsARepetitionTellsWhereItsBytesBegin) {
  Peer peer{stage, kWeb};
  peer.has_stamps = false;
  greet(peer);
  EXPECT_TRUE(stage.receive(peer.say(4, "efgh", kHttpSize)).empty());
  EXPECT_TRUE(stage.receive(peer.say(8, "ijkl", kHttpSize, wire::kFin)).empty());
  stage.pass(700ms);
  EXPECT_TRUE(stage.banners().empty());
  EXPECT_TRUE(stage.receive(peer.say(0, "abcd", kHttpSize)).empty());
  const auto frames = stage.receive(peer.say(0, "abcd", kHttpSize));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(only_banner().text, "abcdefghijkl");
}

TEST_F(ConversationEngineTest, AnAcknowledgementOfAnotherNumberIsForged) {
  Peer peer{stage, kWeb};
  greet(peer);
  for (const std::uint32_t off : {kHttpSize + 1, 0xffffffffU, 5000U}) {
    EXPECT_TRUE(stage.receive(peer.say(0, "lies", off)).empty());
  }
  auto other_port = peer.say(0, "lies", kHttpSize);
  ++other_port.source_port;
  stage.receive(other_port);
  auto no_ack = peer.say(0, "lies", kHttpSize);
  no_ack.flags = 0;
  stage.receive(no_ack);
  auto syn_ack = peer.syn_ack();
  ++syn_ack.ack;
  EXPECT_TRUE(stage.receive(syn_ack).empty());
  EXPECT_EQ(stage.count(Counter::RxForged), 6U);
  EXPECT_EQ(stage.engine().open(), 0U);
}

// Of two boxes that answer one SYN, the one counts that has something to say.
TEST_F(ConversationEngineTest, OfTwoSynAcksTheOneThatSpeaksCounts) {
  Peer silent{stage, kShell};
  Peer speaker{stage, kShell};
  speaker.first = 0x12345678;
  greet(silent);
  const Outgoing answer = greet(speaker);
  EXPECT_EQ(answer.ack, speaker.first);
  stage.receive(speaker.say(4, "2.0", 0));
  stage.receive(speaker.say(0, "SSH-", 0, wire::kFin));
  EXPECT_EQ(stage.count(Counter::TalkBeyond), 0U);
  stage.receive(speaker.say(7, "", 0, wire::kFin));
  EXPECT_EQ(only_banner().text.substr(0, 4), "SSH-");
}

TEST_F(ConversationEngineTest, APortThatMaySpeakFirstIsListenedTo) {
  Peer peer{stage, kShell};
  const Outgoing answer = greet(peer);
  EXPECT_EQ(answer.flags, wire::kAck);
  EXPECT_EQ(answer.length, 0U);
  EXPECT_EQ(stage.engine().open(), 1U) << "silence can not be noticed without";
  stage.pass(100ms);
  stage.receive(peer.say(0, "SSH-2.0-x\r\n"));
  stage.pass(510ms);
  const Told told = only_banner();
  EXPECT_EQ(told.text, "SSH-2.0-x\r\n");
  EXPECT_EQ(told.payload, 0U);
  EXPECT_EQ(told.question, 1U);
}

TEST_F(ConversationEngineTest, APortThatDoesNotSpeakFirstIsAskedOnTheSameConnection) {
  Peer peer{stage, kShell};
  greet(peer);
  const auto frames = stage.pass(3010ms);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].sequence, peer.own());
  EXPECT_EQ(frames[0].ack, peer.first);
  EXPECT_EQ(frames[0].payload, kHttp);
  EXPECT_EQ(frames[0].length, kHttpSize);
  stage.receive(peer.ack(kHttpSize));
  stage.receive(peer.say(0, "HTTP/1.1 400", kHttpSize, wire::kFin));
  const Told told = only_banner();
  EXPECT_EQ(told.text, "HTTP/1.1 400");
  EXPECT_EQ(told.question, 2U);
  EXPECT_EQ(told.payload, kHttp);
}

// Two packets, and not a word of it: whoever wanted to know concludes from the silence.
TEST_F(ConversationEngineTest, WhoTakesNothingGetsTwoPackets) {
  Peer peer{stage, kShell};
  greet(peer);
  EXPECT_EQ(stage.pass(20'000ms).size(), 1U);
  Peer web{stage, kWeb};
  greet(web);
  EXPECT_TRUE(stage.pass(20'000ms).empty());
  EXPECT_TRUE(stage.banners().empty());
  EXPECT_EQ(stage.engine().open(), 0U);
  // One that repeats itself gets no third.
  Peer again{stage, Target{kOurs, 22}};
  greet(again);
  stage.pass(1000ms);
  EXPECT_EQ(stage.receive(again.syn_ack()).size(), 1U);
  EXPECT_TRUE(stage.pass(20'000ms).empty());
}

TEST_F(ConversationEngineTest, AZeroWindowIsToldFromTheSynAck) {
  Peer peer{stage, kWeb};
  peer.window = 0;
  const auto frames = stage.receive(peer.syn_ack());
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(frames[0].sequence, peer.own());
  EXPECT_EQ(only_banner().port_class, PortClass::ZeroWindow);
  EXPECT_TRUE(stage.receive(peer.syn_ack()).empty());
  EXPECT_TRUE(stage.pass(10'000ms).empty());
  EXPECT_TRUE(stage.banners().empty());
}

TEST_F(ConversationEngineTest, AWindowThatStaysZeroIsTold) {
  Peer peer{stage, kWeb};
  greet(peer);
  peer.window = 0;
  EXPECT_TRUE(stage.receive(peer.ack(0)).empty());
  const auto frames = stage.pass(3010ms);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(only_banner().port_class, PortClass::ZeroWindow);
}

TEST_F(ConversationEngineTest, AWindowThatOpensIsUsed) {
  Peer peer{stage, kWeb};
  greet(peer);
  peer.window = 0;
  EXPECT_TRUE(stage.receive(peer.ack(0)).empty());
  peer.window = 4096;
  const auto frames = stage.receive(peer.ack(0));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].length, kHttpSize);
  stage.receive(peer.say(0, "at last", kHttpSize, wire::kFin));
  EXPECT_EQ(only_banner().text, "at last");
}

TEST_F(ConversationEngineTest, ASmallWindowGetsThePayloadInPieces) {
  Peer peer{stage, kTls};
  peer.window = 200;
  EXPECT_EQ(greet(peer).length, 200U);
  auto frames = stage.receive(peer.ack(200));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].sequence, peer.own() + 200);
  EXPECT_EQ(frames[0].offset, 200U);
  EXPECT_EQ(frames[0].length, 200U);
  frames = stage.receive(peer.ack(400));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].offset, 400U);
  EXPECT_EQ(frames[0].length, 117U);
  EXPECT_TRUE(stage.receive(peer.ack(517)).empty());
  stage.receive(peer.say(0, "hello", 517, wire::kFin));
  EXPECT_EQ(only_banner().text, "hello");
}

TEST_F(ConversationEngineTest, ATinyWindowIsATarpit) {
  Peer tiny{stage, kShell};
  tiny.window = 5;
  EXPECT_TRUE(is_reset(stage.receive(tiny.syn_ack()).at(0)));
  EXPECT_EQ(only_banner().port_class, PortClass::Tarpit);
  Peer drip{stage, kTls};
  drip.window = 100;
  greet(drip);
  stage.receive(drip.ack(100));
  stage.receive(drip.say(0, "x", 100));
  stage.pass(510ms);
  EXPECT_EQ(only_banner().port_class, PortClass::Tarpit);
}

TEST_F(ConversationEngineTest, AWindowThatGetsNoWiderIsATarpit) {
  Peer peer{stage, kTls};
  peer.window = 100;
  EXPECT_EQ(greet(peer).length, 100U);
  EXPECT_TRUE(stage.receive(peer.ack(100)).empty());
  const auto frames = stage.pass(3010ms);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(only_banner().port_class, PortClass::Tarpit);
}

TEST_F(ConversationEngineTest, WhoTricklesWithoutEndIsATarpit) {
  Peer peer{stage, kWeb};
  greet(peer);
  std::uint32_t offset = 0;
  while (stage.engine().open() > 0 || offset == 0) {
    stage.receive(peer.say(offset++, "x", kHttpSize));
    stage.pass(200ms);
    ASSERT_LT(offset, 100U);
  }
  const Told told = only_banner();
  EXPECT_EQ(told.port_class, PortClass::Tarpit);
  EXPECT_EQ(told.text, "");
}

TEST_F(ConversationEngineTest, WhoAcknowledgesAndIsSilentAccepts) {
  Peer peer{stage, kTls};
  greet(peer);
  stage.receive(peer.ack(517));
  stage.pass(2900ms);
  EXPECT_TRUE(stage.banners().empty());
  const auto frames = stage.pass(200ms);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(only_banner().port_class, PortClass::Accepts);
}

TEST_F(ConversationEngineTest, SilenceLeadsToAnotherQuestionOnASecondConnection) {
  Peer peer{stage, kWeb};
  greet(peer);
  stage.receive(peer.ack(kHttpSize));
  auto frames = stage.pass(3010ms);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(frames[1].kind, Outgoing::Kind::Probe);
  Peer second{stage, kWeb, kSecondKind};
  second.first = 0x0badcafe;
  EXPECT_EQ(frames[1].cookie.sequence + 1, second.own());
  EXPECT_EQ(frames[1].cookie.source_port, second.port());
  EXPECT_TRUE(stage.banners().empty());
  // The SYN is lost and sent again.
  frames = stage.pass(1010ms);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].kind, Outgoing::Kind::Probe);
  second.set_stamp(frames[0].stamp);
  const Outgoing answer = greet(second);
  EXPECT_EQ(answer.payload, kHello);
  EXPECT_EQ(answer.length, 517U);
  EXPECT_EQ(answer.sequence, second.own());
  // A word on the first connection is out of place now.
  EXPECT_TRUE(is_reset(stage.receive(peer.say(0, "late", kHttpSize)).at(0)));
  stage.receive(second.say(0, "alert", 517, wire::kFin));
  const Told told = only_banner();
  EXPECT_EQ(told.port_class, PortClass::Service);
  EXPECT_EQ(told.text, "alert");
  EXPECT_EQ(told.question, 2U);
  EXPECT_EQ(told.payload, kHello);
}

// It has the connection of a process that is gone, and says so to our SYN: RFC 5961 section 4.2.
TEST_F(ConversationEngineTest, AnAcknowledgementOfASynIsReset) {
  Peer peer{stage, kWeb};
  greet(peer);
  stage.receive(peer.ack(kHttpSize));
  stage.pass(3010ms);
  Peer second{stage, kWeb, kSecondKind};
  second.first = 0x0badcafe;
  auto frames = stage.receive(second.ack(517));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(is_reset(frames[0]));
  EXPECT_EQ(frames[0].sequence, second.own() + 517);
  frames = stage.pass(1010ms);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].kind, Outgoing::Kind::Probe);
  second.set_stamp(frames[0].stamp);
  EXPECT_EQ(greet(second).payload, kHello);
}

TEST(ConversationEngine, OfAnotherProcessOnlyWhatCanBeGoneOnWithIsTaken) {
  for (const bool is_resumed : {false, true}) {
    ConversationPlan after = plan();
    after.is_resumed = is_resumed;
    Stage before{plan(), kOurs};
    Stage stage{after, kOurs};
    stage.now = before.now + 2'000'000;
    const auto left_behind = [&](Target target) {
      Peer peer{before, target};
      peer.hear(before.receive(peer.syn_ack()).at(0));
      return peer;
    };
    const Peer greeter = left_behind(kShell);
    const Peer web = left_behind(kWeb);
    const Peer slow = left_behind({kHost, 8080});
    auto said = greeter.ack(0);
    said.sequence += 12;
    EXPECT_EQ(stage.receive(said).size(), is_resumed ? 1U : 0U) << "its greeting is lost";
    said = web.ack(kHttpSize);
    said.sequence += 500;
    const auto frames = stage.receive(said);
    ASSERT_EQ(frames.size(), is_resumed ? 1U : 0U) << "its answer is lost";
    if (is_resumed) {
      EXPECT_TRUE(is_reset(frames[0]));
      EXPECT_EQ(frames[0].sequence, web.own() + kHttpSize);
    }
    EXPECT_TRUE(stage.receive(slow.ack(kHttpSize)).empty()) << "it has our question";
    stage.receive(slow.say(0, "words", kHttpSize, wire::kFin));
    const auto told = stage.banners();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].text, "words");
    EXPECT_EQ(stage.engine().open(), is_resumed ? 0U : 2U);
  }
}

TEST_F(ConversationEngineTest, WhatTheFirstConnectionShowedStandsWithoutTheSecond) {
  for (const int way : {0, 1, 2}) {
    const Target target{Ipv4Address{kHost.value() + static_cast<unsigned>(way)}, 80};
    Peer peer{stage, target};
    greet(peer);
    stage.receive(peer.ack(kHttpSize));
    stage.pass(3010ms);
    Peer second{stage, target, kSecondKind};
    if (way == 0) {
      auto refusal = second.reset(0, 0, true);  // As by a closed port.
      refusal.sequence = 0;
      EXPECT_TRUE(stage.engine().expects_reset(stage.now, refusal));
      EXPECT_TRUE(stage.receive(refusal).empty());
    } else if (way == 1) {
      greet(second);
      stage.receive(second.ack(517));
      EXPECT_EQ(stage.pass(3010ms).size(), 1U);
    } else {
      EXPECT_EQ(stage.pass(10'000ms).size(), 2U) << "three SYNs in all";
    }
    const Told told = only_banner();
    EXPECT_EQ(told.port_class, PortClass::Accepts) << way;
    EXPECT_EQ(told.text, "");
  }
}

TEST_F(ConversationEngineTest, AResetWithoutAWordIsTold) {
  Peer early{stage, kWeb};
  greet(early);
  EXPECT_TRUE(stage.engine().expects_reset(stage.now, early.reset(0, 0, true)));
  EXPECT_TRUE(stage.receive(early.reset(0, 0, true)).empty());
  EXPECT_EQ(only_banner().port_class, PortClass::Resets);
  // One that closes, in order.
  Peer closer{stage, kTls};
  greet(closer);
  EXPECT_EQ(stage.receive(closer.say(0, "", 517, wire::kFin)).size(), 1U);
  EXPECT_EQ(only_banner().port_class, PortClass::Resets);
}

TEST_F(ConversationEngineTest, WhoTookTheQuestionAndResetIsAskedAnother) {
  Peer peer{stage, kWeb};
  greet(peer);
  const auto frames = stage.receive(peer.reset(0, kHttpSize, true));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].kind, Outgoing::Kind::Probe);
  Peer second{stage, kWeb, kSecondKind};
  second.set_stamp(frames[0].stamp);
  greet(second);
  stage.receive(second.reset(0, 517, true));
  EXPECT_EQ(only_banner().port_class, PortClass::Resets);
}

TEST_F(ConversationEngineTest, AResetThatProvesNothingDoesNotSilenceAService) {
  Peer peer{stage, kWeb};
  EXPECT_FALSE(stage.engine().expects_reset(stage.now, peer.reset(0, 0, true)));
  stage.receive(peer.reset(0, 0, false));
  EXPECT_EQ(stage.count(Counter::RxForged), 1U) << "before any handshake";
  greet(peer);
  stage.receive(peer.reset(0, 0, false));
  EXPECT_TRUE(stage.banners().empty());
  stage.receive(peer.say(0, "still here", kHttpSize, wire::kFin));
  EXPECT_EQ(only_banner().text, "still here");
  Peer gone{stage, kTls};
  greet(gone);
  stage.receive(gone.reset(0, 0, false));
  EXPECT_TRUE(stage.pass(510ms).empty());
  EXPECT_EQ(only_banner().port_class, PortClass::Resets);
}

TEST_F(ConversationEngineTest, AFullTableIsCountedAndForgetsThoseThatAreDoneFirst) {
  std::vector<Peer> peers;
  for (std::uint32_t i = 0; i < 65; ++i) {
    peers.emplace_back(stage, Target{Ipv4Address{kHost.value() + i}, 80});
    greet(peers.back());
    stage.receive(peers.back().say(0, "some", kHttpSize));
  }
  EXPECT_EQ(stage.count(Counter::TalkTableFull), 1U);
  EXPECT_EQ(stage.engine().open(), 64U);
  stage.receive(peers[5].say(4, "", kHttpSize, wire::kFin));
  EXPECT_EQ(only_banner().end, BannerEnd::Closed);
  stage.receive(peers[64].say(0, "some", kHttpSize));
  EXPECT_EQ(stage.count(Counter::TalkTableFull), 1U);
  stage.pass(510ms);
  EXPECT_EQ(stage.banners().size(), 64U);
}

TEST(ConversationEngine, WithoutSlabsWordsWaitToBeRepeated) {
  ConversationPlan two = plan();
  two.most_memory = ByteCount{2 * 1100};
  Stage stage{two, kOurs};
  stage.gives_back = false;
  ASSERT_EQ(stage.engine().slabs().count(), 2U);
  std::vector<Peer> peers;
  for (std::uint32_t i = 0; i < 3; ++i) {
    peers.emplace_back(stage, Target{Ipv4Address{kHost.value() + i}, 80});
    peers[i].hear(stage.receive(peers[i].syn_ack()).at(0));
    stage.receive(peers[i].say(0, "some", kHttpSize, wire::kFin));
  }
  EXPECT_EQ(stage.count(Counter::TalkNoSlab), 1U);
  Banner* banners[3] = {};
  EXPECT_EQ(stage.engine().slabs().take(banners), 2U);
  stage.pass(1000ms);
  EXPECT_TRUE(stage.receive(peers[2].say(0, "some", kHttpSize, wire::kFin)).empty());
  stage.engine().slabs().give_back({banners, 2});
  stage.pass(3000ms);
  stage.receive(peers[2].say(0, "some", kHttpSize, wire::kFin));
  EXPECT_EQ(stage.banners().size(), 1U);
}

TEST(ConversationEngine, PlansThatBreakTheirRulesAreRefused) {
  const auto is_refused = [](auto change) {
    ConversationPlan bad = plan();
    change(bad);
    CoreCounters counters;
    return !ConversationEngine::make(std::make_shared<const ConversationPlan>(bad),
                                     {kStageKey, SourceAddresses{kOurs}, kStagePorts},
                                     TscClock::with_rate(1e6), counters);
  };
  EXPECT_TRUE(is_refused([](ConversationPlan& p) { p.payloads.clear(); }));
  EXPECT_TRUE(is_refused([](ConversationPlan& p) { p.payloads[0].resize(1); }));
  EXPECT_TRUE(is_refused([](ConversationPlan& p) { p.payloads[1].clear(); }));
  EXPECT_TRUE(is_refused([](ConversationPlan& p) { p.payloads[1].resize(1025); }));
  EXPECT_TRUE(is_refused([](ConversationPlan& p) { p.second[7] = 3; }));
  EXPECT_TRUE(is_refused([](ConversationPlan& p) { p.most_bytes = ByteCount{0}; }));
  EXPECT_TRUE(is_refused([](ConversationPlan& p) { p.most_bytes = ByteCount{60'001}; }));
  EXPECT_TRUE(is_refused([](ConversationPlan& p) { p.most_open = 0; }));
  EXPECT_FALSE(is_refused([](ConversationPlan&) {}));
}

TEST(ConversationEngine, Ipv6AndSeveralSourcesAreTheSame) {
  const Ipv6Address ours = *Ipv6Address::parse("2001:db8::1");
  const Ipv6Address other = *Ipv6Address::parse("2001:db8::2");
  const Target6 target{*Ipv6Address::parse("2001:db8:7::9"), 80};
  for (const auto& sources :
       {SourceAddresses6{ours}, SourceAddresses6{std::vector<Ipv6Address>{ours, other}}}) {
    BasicStage<Ipv6Address> stage{plan(), sources};
    Cookie cookie{};
    Ipv6Address source;
    stage.cookies(ProbeKind::TcpSyn).make_all({&target, 1}, {&cookie, 1}, {&source, 1});
    BasicPeer<Ipv6Address> peer{stage, target};
    auto syn_ack = peer.syn_ack();
    syn_ack.source = source == ours ? other : ours;
    EXPECT_TRUE(stage.receive(syn_ack).empty()) << "to another address than the probe's";
    syn_ack.source = source;
    const auto frames = stage.receive(syn_ack);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].source, source);
    peer.hear(frames[0]);
    auto words = peer.say(0, "six", kHttpSize, wire::kFin);
    words.source = source;
    stage.receive(words);
    const auto told = stage.banners();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].text, "six");
    EXPECT_EQ(told[0].ip, IpAddress{target.ip});
  }
}

}  // namespace
}  // namespace trawl::dataplane
