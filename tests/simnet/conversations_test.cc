#include "bench/simnet/conversations.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/simnet/tcp_client.h"

namespace trawl::simnet {
namespace {

constexpr std::string_view kGet = "GET / HTTP/1.0\r\nHost: x\r\n\r\n";
// As much of a ClientHello as tells what it is.
constexpr std::string_view kHello{"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10};

TEST(Conversations, ServerFirstBannerComesWithTheHandshakeAndIsThatOfTheTruth) {
  TalkNetwork net{talk_options("ssh=1")};
  TcpClient client{net};
  const auto got = client.connect();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_TRUE(got[0].is_sound);
  EXPECT_EQ(got[0].data, net.truth());
  EXPECT_EQ(got[0].data.substr(0, 8), "SSH-2.0-");
  EXPECT_EQ(got[0].segment.seq, client.ack);
  EXPECT_EQ(got[0].segment.ack, client.seq);
  EXPECT_EQ(net.count(Counter::ConversationsOpened), 1U);
  EXPECT_EQ(net.count(Counter::ConversationsCompleted), 0U);
  client.ack += static_cast<std::uint32_t>(got[0].data.size());
  EXPECT_TRUE(client.send(wire::kAck).empty());
  EXPECT_EQ(net.count(Counter::ConversationsCompleted), 1U);
  EXPECT_EQ(net.count(Counter::ConversationBytesSent), net.truth().size());
  EXPECT_TRUE(client.send(wire::kRst).empty());
  EXPECT_EQ(net.count(Counter::ConversationReset), 1U);
  // It is gone now.
  const auto after = client.send(wire::kAck);
  ASSERT_EQ(after.size(), 1U);
  EXPECT_TRUE(after[0].has(wire::kRst));
}

TEST(Conversations, EachServiceSaysTheTruthOverALossyPath) {
  struct Case {
    const char* talk;
    std::string_view request;
    bool closes;
  };
  const Case cases[] = {{"ssh=1", "SSH-2.0-test\r\n", false},
                        {"http=1", kGet, true},
                        {"tls=1", kHello, false},
                        {"smtp=1", "", false},
                        {"slow=1", "", false},
                        {"big=1", "?", true}};
  for (const Case& c : cases) {
    for (const double loss : {0.0, 0.2}) {
      if (loss > 0 && c.talk == std::string{"big=1"}) continue;
      PopulationOptions options = talk_options(c.talk);
      options.way_in.loss = loss;
      options.way_out.loss = loss;
      TalkNetwork net{options};
      TcpClient client{net, 80, loss > 0};
      client.mss = 600;
      EXPECT_EQ(client.converse(c.request), net.truth()) << c.talk << " " << loss;
      EXPECT_TRUE(client.is_sound);
      EXPECT_EQ(client.fin_came, c.closes) << c.talk;
      EXPECT_LE(client.largest, loss > 0 ? 588U : 600U);
      EXPECT_EQ(net.count(Counter::ConversationsCompleted), 1U) << c.talk;
      if (loss == 0) {
        EXPECT_EQ(net.count(Counter::ConversationRetransmissions), 0U) << c.talk;
      }
    }
  }
}

PopulationOptions with_ipv6(PopulationOptions options) {
  options.prefix6 = *Ipv6Prefix::parse("2001:db8::/64");
  options.live6 = 20;
  return options;
}

TEST(Conversations, Ipv6HostsSayTheTruthOfTheirPorts) {
  constexpr std::uint32_t kNumber = 7;
  for (const auto& [talk, request] :
       {std::pair{"ssh=1", std::string_view{"SSH-2.0-test\r\n"}}, std::pair{"http=1", kGet},
        std::pair{"slow=1", std::string_view{}}, std::pair{"big=1", std::string_view{"?"}}}) {
    for (const double loss : {0.0, 0.2}) {
      if (loss > 0 && talk == std::string{"big=1"}) continue;
      PopulationOptions options = with_ipv6(talk_options(talk));
      options.way_in.loss = options.way_out.loss = loss;
      TalkNetwork net{options};
      TcpClient client{net, 80, true};
      client.server6 = net.population.ipv6_hosts().addresses()[kNumber];
      EXPECT_EQ(client.converse(request), net.truth6(kNumber)) << talk << " " << loss;
      EXPECT_TRUE(client.is_sound);
      EXPECT_EQ(net.count(Counter::ConversationsCompleted), 1U) << talk;
    }
  }
}

TEST(Conversations, Ipv6SegmentsFitTheirFramesAndComeFromWhoWasAsked) {
  TalkNetwork net{with_ipv6(talk_options("big=1"))};
  const Ipv6Address host = net.population.ipv6_hosts().addresses()[3];
  for (const std::uint64_t mac : {host_mac6(host), kRouterMac}) {
    TcpClient client{net};
    client.from_port = mac == kRouterMac ? 40000 : 40001;
    client.server6 = host;
    client.eth_to = mac;
    auto got = client.connect("?");
    const auto more = client.wait(5ms);
    got.insert(got.end(), more.begin(), more.end());
    ASSERT_EQ(got.size(), 10U);
    for (const Received& segment : got) {
      EXPECT_TRUE(segment.is_sound);
      EXPECT_EQ(segment.from_mac, mac);
      EXPECT_EQ(segment.frame_size, 1514U);
    }
  }
}

TEST(Conversations, Ipv6AndIpv4PeersOfOneTupleAreTwo) {
  TalkNetwork net{with_ipv6(talk_options("ssh=1"))};
  TcpClient one{net};
  TcpClient two{net};
  TcpClient other{net};
  two.server6 = net.population.ipv6_hosts().addresses()[0];
  other.server6 = net.population.ipv6_hosts().addresses()[1];
  EXPECT_EQ(one.connect().at(0).data, net.truth());
  EXPECT_EQ(two.connect().at(0).data, net.truth6(0));
  EXPECT_EQ(other.connect().at(0).data, net.truth6(1));
  EXPECT_NE(net.truth6(0), net.truth6(1));
  EXPECT_TRUE(two.send(wire::kRst).empty());
  EXPECT_EQ(net.count(Counter::ConversationReset), 1U);
  ASSERT_EQ(one.send(wire::kAck, "?").size(), 1U);
}

TEST(Conversations, WindowOfThePeerIsHonouredAndProbedWhenItIsClosed) {
  TalkNetwork net{talk_options("http=1")};
  TcpClient client{net};
  client.window = 100;
  const auto got = client.connect(kGet);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].data, net.truth().substr(0, 100));
  client.window = 0;
  client.ack += 100;
  EXPECT_TRUE(client.send(wire::kAck).empty());
  const auto probes = client.wait(700ms);
  ASSERT_EQ(probes.size(), 2U);  // After 200 and 600 ms.
  EXPECT_EQ(probes[0].data, net.truth().substr(100, 1));
  EXPECT_EQ(probes[1].data, probes[0].data);
  client.window = 50;
  const auto more = client.send(wire::kAck);
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].segment.seq, client.ack);
}

TEST(Conversations, HttpWaitsForTheWholeRequestAndRefusesWhatIsNone) {
  TalkNetwork net{talk_options("http=1")};
  TcpClient parts{net};
  const auto first = parts.connect("GET / HTTP/1.1\r\nA: b\r");
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(first[0].data.empty());
  EXPECT_EQ(first[0].segment.ack, parts.seq);
  ASSERT_TRUE(parts.send(wire::kAck, "\n")[0].data.empty());
  parts.seq += 1;
  EXPECT_EQ(parts.send(wire::kAck, "\r\n")[0].data, net.truth().substr(0, 1460));
  for (const std::string_view other : {std::string_view{"HELP\r\n"}, kHello}) {
    TcpClient client{net};
    client.from_port = static_cast<std::uint16_t>(41000 + other.size());
    const auto got = client.connect(other);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].data.substr(0, 12), "HTTP/1.1 400");
    EXPECT_TRUE(got[0].has(wire::kFin));
  }
}

TEST(Conversations, TlsAnswersAHelloAndAlertsOnAnythingElse) {
  TalkNetwork net{talk_options("tls=1")};
  TcpClient client{net};
  EXPECT_EQ(client.connect(kHello)[0].data, net.truth().substr(0, 1460));
  // Each record says how long it is.
  const std::string flight = net.truth();
  std::size_t at = 0;
  while (at + 5 <= flight.size()) {
    EXPECT_EQ(flight.substr(at, 3), "\x16\x03\x03");
    at += 5 + wire::read16(reinterpret_cast<const std::byte*>(flight.data()) + at + 3);
  }
  EXPECT_EQ(at, flight.size());
  TcpClient other{net};
  other.from_port = 41000;
  const auto got = other.connect(kGet);
  EXPECT_EQ(got[0].data, std::string("\x15\x03\x03\x00\x02\x02\x0a", 7));
  EXPECT_TRUE(got[0].has(wire::kFin));
}

TEST(Conversations, SmtpAnswersEachCommand) {
  TalkNetwork net{talk_options("smtp=1")};
  TcpClient client{net};
  const auto hello = client.connect();
  ASSERT_EQ(hello.size(), 1U);
  EXPECT_EQ(hello[0].data.substr(0, 4), "220 ");
  const auto ask = [&](std::string_view command, std::size_t taken) {
    client.ack += static_cast<std::uint32_t>(taken);
    const std::string said = client.send(wire::kAck, command).at(0).data;
    client.seq += static_cast<std::uint32_t>(command.size());
    return said;
  };
  const std::string ok = ask("ehlo x\r\n", hello[0].data.size());
  EXPECT_EQ(ok, "250 OK\r\n");
  const std::string unknown = ask("FROB\r\n", ok.size());
  EXPECT_EQ(unknown.substr(0, 4), "502 ");
  EXPECT_EQ(ask("QUIT\r\n", unknown.size()).substr(0, 4), "221 ");
}

TEST(Conversations, FakesBehaveAsTheyAreCalledAndTheirPacketsAreCounted) {
  {
    TalkNetwork net{talk_options("reset=1")};
    TcpClient client{net};
    const auto got = client.connect();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_TRUE(got[0].has(wire::kRst));
    EXPECT_EQ(got[0].segment.seq, client.ack);
    EXPECT_EQ(net.count(Counter::FakeExtra), 1U);
  }
  {
    TalkNetwork net{talk_options("syn-proxy=1")};
    TcpClient client{net};
    EXPECT_TRUE(client.connect(kGet).empty());
    EXPECT_TRUE(client.send(wire::kAck, kGet).empty());
    EXPECT_TRUE(client.wait(20s).empty());
    EXPECT_TRUE(client.send(wire::kRst).empty());
    EXPECT_EQ(net.count(Counter::FakeExtra), 3U);
    EXPECT_EQ(net.count(Counter::FakeExtraResets), 1U);
    EXPECT_EQ(net.count(Counter::FakeExtraMost), 3U);
  }
  {
    TalkNetwork net{talk_options("zero-window=1")};
    TcpClient client{net};
    ASSERT_EQ(client.send(wire::kSyn)[0].window, 0);
    const auto got = client.connect("x");
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].window, 0);
    EXPECT_EQ(got[0].segment.ack, client.seq - 1);
  }
  {
    TalkNetwork net{talk_options("mute-close=1")};
    TcpClient client{net};
    const auto got = client.connect();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_TRUE(got[0].has(wire::kFin));
    EXPECT_EQ(got[0].data, "");
    EXPECT_EQ(net.count(Counter::FakeExtra), 0U);
  }
  {
    TalkNetwork net{talk_options("silent=1")};
    TcpClient client{net};
    const auto got = client.connect(kGet);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].segment.ack, client.seq);
    EXPECT_GT(got[0].window, 1000);
    EXPECT_TRUE(client.wait(10s).empty());
  }
}

TEST(Conversations, TarpitTakesAFewBytesAndTricklesForEver) {
  TalkNetwork net{talk_options("tarpit=1")};
  TcpClient client{net};
  const auto got = client.connect(kGet);
  ASSERT_EQ(got.size(), 1U);
  const unsigned window = got[0].window;
  EXPECT_TRUE(window >= 1 && window <= 10) << window;
  EXPECT_EQ(got[0].segment.ack, client.seq - kGet.size() + window);
  client.seq = got[0].segment.ack;
  for (int second = 0; second < 100; ++second) {
    const auto trickle = client.wait(1010ms);
    ASSERT_EQ(trickle.size(), 1U) << second;
    ASSERT_EQ(trickle[0].data.size(), 1U);
    ASSERT_EQ(trickle[0].segment.seq, client.ack);
    ++client.ack;
    client.send(wire::kAck);
  }
}

TEST(Conversations, MiddleboxAnswersForEveryPortOfANetworkAndThenNeverAgain) {
  PopulationOptions options = talk_options("ssh=1");
  options.live = 0;
  options.open = {{1, 65535, 0}};
  options.talk.middlebox = 1;
  TalkNetwork net{options};
  for (const std::uint16_t port : std::vector<std::uint16_t>{1, 80, 47813}) {
    TcpClient client{net, port};
    EXPECT_TRUE(client.connect(kGet).empty());
    EXPECT_EQ(net.population.talk(net.population.host(kServer), port), Talk::Middlebox);
  }
  EXPECT_EQ(net.count(Counter::SynToOpen), 3U);
  EXPECT_EQ(net.count(Counter::FakeExtra), 3U);
}

TEST(Conversations, SynAckIsRepeatedUntilItIsAcknowledgedOrGivenUp) {
  TalkNetwork net{talk_options("http=1")};
  TcpClient client{net};
  const auto first = client.send(wire::kSyn);
  ASSERT_EQ(first.size(), 1U);
  for (const auto wait : {1s, 2s, 4s, 8s, 16s}) {
    EXPECT_TRUE(client.wait(wait - 3ms).empty());
    const auto again = client.wait(5ms);
    ASSERT_EQ(again.size(), 1U) << wait.count();
    EXPECT_TRUE(again[0].has(wire::kSyn | wire::kAck));
    EXPECT_EQ(again[0].segment.seq, first[0].segment.seq);
    client.now -= 2ms;
  }
  EXPECT_TRUE(client.wait(40s).empty());
  EXPECT_EQ(net.count(Counter::ConversationsAbandoned), 1U);
}

TEST(Conversations, SameSynGetsTheSameAnswerAndAnotherStartsAnew) {
  TalkNetwork net{talk_options("ssh=1")};
  TcpClient client{net};
  const auto first = client.send(wire::kSyn);
  EXPECT_EQ(client.send(wire::kSyn)[0].segment.seq, first[0].segment.seq);
  client.seq += 1000;
  const auto other = client.send(wire::kSyn);
  EXPECT_EQ(other[0].segment.ack, client.seq + 1);
  EXPECT_EQ(net.count(Counter::ConversationsReopened), 1U);
  // Once it is open, a SYN is only acknowledged (RFC 5961).
  const auto got = client.connect();
  client.seq += 5000;
  const auto challenge = client.send(wire::kSyn);
  ASSERT_EQ(challenge.size(), 1U);
  EXPECT_FALSE(challenge[0].has(wire::kSyn));
  EXPECT_EQ(challenge[0].segment.ack, client.seq - 5000);
}

TEST(Conversations, SegmentsOutOfPlaceAreAcknowledgedAndChangeNothing) {
  TalkNetwork net{talk_options("http=1")};
  TcpClient client{net};
  client.connect();
  const std::uint32_t at = client.seq;
  const auto expect_ack = [&](std::uint32_t seq, std::string_view data, std::uint32_t ack) {
    const auto got = client.send_at(seq, wire::kAck, data);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].segment.ack, ack);
    EXPECT_EQ(got[0].segment.length, 0U);
  };
  expect_ack(at + 4, "early", at);
  expect_ack(at + 1'000'000, "beyond", at);
  expect_ack(at, "GET / HT", at + 8);
  expect_ack(at, "GET / HT", at + 8);           // Again.
  expect_ack(at + 4, "/ HTTP/1.0\r", at + 15);  // Overlapping.
  client.seq = at + 15;
  EXPECT_TRUE(client.send_at(at + 1'000'000, wire::kRst).empty());
  EXPECT_EQ(client.send(wire::kAck, "\n\r\n")[0].data, net.truth().substr(0, 1460));
}

TEST(Conversations, LostDataIsSentAgainAfterDoublingPausesAndThenWithEachAcknowledgement) {
  TalkNetwork net{talk_options("http=1")};
  TcpClient client{net};
  client.mss = 100;
  const std::string page = net.truth();
  ASSERT_GT(page.size(), 400U);
  ASSERT_EQ(client.connect(kGet).at(0).data, page.substr(0, 100));
  ASSERT_GE(client.wait(1ms).size(), 3U);  // The rest of the first flight.
  for (const auto pause : {200ms, 400ms, 800ms}) {
    EXPECT_TRUE(client.wait(pause - 5ms).empty());
    const auto again = client.wait(5ms);
    ASSERT_EQ(again.size(), 1U) << pause.count();
    EXPECT_EQ(again[0].data, page.substr(0, 100));
  }
  client.ack += 100;
  auto next = client.send(wire::kAck);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].data, page.substr(100, 100));
  // An acknowledgement ends the doubling.
  const auto again = client.wait(205ms);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].segment.seq, client.ack);
  // One that says nothing new is no reason to send.
  EXPECT_TRUE(client.send(wire::kAck).empty());
}

TEST(Conversations, TimestampsAreEchoedAndOldOnesRefused) {
  TalkNetwork net{talk_options("http=1")};
  TcpClient client{net, 80, true};
  client.connect();
  client.timestamp = 2000;
  auto got = client.send(wire::kAck, "GET");
  EXPECT_EQ(got[0].echo, 2000U);
  client.seq += 3;
  client.timestamp = 1500;
  got = client.send(wire::kAck, " / HTTP");
  EXPECT_EQ(got[0].echo, 2000U);
  EXPECT_EQ(got[0].segment.ack, client.seq);
  EXPECT_EQ(net.count(Counter::ConversationSegmentsDropped), 1U);
}

TEST(Conversations, OldestMakesRoomAndIsCounted) {
  PopulationOptions options = talk_options("ssh=1");
  options.talk.limit = 2;
  TalkNetwork net{options};
  for (std::uint16_t i = 0; i < 3; ++i) {
    TcpClient client{net};
    client.from_port = static_cast<std::uint16_t>(40000 + i);
    EXPECT_EQ(client.connect().at(0).data, net.truth());
  }
  EXPECT_EQ(net.count(Counter::ConversationsEvicted), 1U);
  EXPECT_EQ(net.count(Counter::ConversationsOpened), 3U);
}

TEST(Conversations, EachFrameReceivedHasOneOutcome) {
  PopulationOptions options = talk_options("ssh=0.3,http=0.3,reset=0.2,syn-proxy=0.1");
  options.way_in.loss = 0.1;
  TalkNetwork net{options};
  for (std::uint16_t port = 1; port < 200; ++port) {
    TcpClient client{net, port};
    client.connect(kGet);
    client.wait(3ms);
    client.send(port % 2 == 0 ? wire::kRst : wire::kAck);
  }
  std::uint64_t outcomes = 0;
  for (auto i = static_cast<std::size_t>(Counter::FramesReceived) + 1;
       i < static_cast<std::size_t>(Counter::RepliesMade); ++i) {
    outcomes += net.count(static_cast<Counter>(i));
  }
  EXPECT_EQ(outcomes, net.count(Counter::FramesReceived));
  EXPECT_GT(net.count(Counter::ConversationSegment), 100U);
}

}  // namespace
}  // namespace trawl::simnet
