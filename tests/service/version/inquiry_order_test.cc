#include <gtest/gtest.h>

#include <array>
#include <random>

#include "tests/service/version/inquiry_play.h"

// Overlapping waits must not change the answer: many made-up servers, each asked strictly one probe
// after the other, and beside.

namespace trawl::service {
namespace {

using Outcome = ServiceFinding::Outcome;

constexpr std::string_view kProbes = R"(
Probe TCP NULL q||
totalwaitms 6000
tcpwrappedms 3000
match a m|A| p/A0/
softmatch b m|B|
match ssl m|S|

Probe TCP P1 q|1|
rarity 1
ports 2
match a m|C| p/A1/
softmatch c m|D|
match b m|E| p/B1/
match http m|H| p/H1/

Probe TCP P2 q|2|
rarity 1
sslports 2
match a m|E| p/A2/
match c m|F| p/C2/
softmatch b m|G|
match http m|H| p/H2/

Probe TCP P3 q|3|
rarity 9
match b m|F| p/B3/
match c m|E| p/C3/

Probe TCP P4 q|4|
rarity 2
totalwaitms 7500
fallback P1
match b m|G| p/B4/
match ssl m|T|

Probe TCP P5 q|5|
rarity 3
match c m|G| p/C5/

Probe UDP U1 q|1|
rarity 1
ports 2
match a m|C| p/A1/
softmatch c m|D|

Probe UDP U2 q|2|
rarity 2
match a m|E| p/A2/
match c m|F| p/C2/

Probe UDP U3 q|3|
rarity 3
match c m|E| p/C3/
)";

const ProbeFile& probes() {
  static const ProbeFile file = parse_probe_file(kProbes, "probes");
  return file;
}

using Random = std::minstd_rand;

unsigned below(Random& random, unsigned end) { return static_cast<unsigned>(random() % end); }

PlayServer::Reply any_reply(Random& random) {
  static constexpr std::string_view kLetters = "ABCDEFGHSTxyz";
  PlayServer::Reply reply;
  reply.bytes = kLetters[below(random, kLetters.size())];
  if (below(random, 4) == 0) reply.bytes += "\n";
  reply.delay = milliseconds{1 + below(random, 150)};
  reply.closes = below(random, 3) == 0;
  return reply;
}

std::map<std::string, PlayServer::Reply> any_replies(Random& random) {
  std::map<std::string, PlayServer::Reply> replies;
  for (const char* const payload : {"1", "2", "3", "4", "5"}) {
    if (below(random, 3) == 0) {
      replies[payload] = any_reply(random);
    } else if (below(random, 4) == 0) {
      replies[payload] = {.bytes = "", .closes = true};
    }
  }
  return replies;
}

PlayServer any_server(Random& random) {
  PlayServer server;
  server.round_trip = milliseconds{below(random, 3) == 0 ? 80 : 0};
  if (below(random, 4) == 0) server.greeting.push_back(any_reply(random));
  server.replies = any_replies(random);
  server.tls_replies = any_replies(random);
  server.has_tls = below(random, 2) == 0;
  server.greets_tls = below(random, 2) == 0;
  // Not just after NULL's wait.
  if (below(random, 3) == 0) server.hangs_up = milliseconds{below(random, 5800)};
  // A line that matches softly is not waited on for so long: then the next probe is for the same
  // connection, for Nmap it is for another one.
  const bool is_line = !server.greeting.empty() && server.greeting[0].bytes.ends_with('\n');
  if (is_line && server.hangs_up > milliseconds{400}) server.hangs_up.reset();
  // Nor does one that answers as only those do that wait to be asked.
  for (const auto& [payload, reply] : server.replies) {
    const bool is_web = payload == "1" && reply.bytes.starts_with('H');
    const bool is_hello = payload == "4" && reply.bytes.starts_with('T');
    if (is_web || is_hello || reply.bytes.starts_with('S')) server.hangs_up.reset();
  }
  return server;
}

// Of one answer that counts, which comes within 0.9 s.
PlayServer any_slow_server(Random& random) {
  PlayServer server;
  const std::array<const char*, 5> payloads{"1", "2", "3", "4", "5"};
  PlayServer::Reply reply = any_reply(random);
  reply.delay = milliseconds{1 + below(random, 900)};
  // One that nothing matches may show that it serves two at once.
  server.replies[payloads.at(below(random, payloads.size()))] = {
      .bytes = "x", .delay = milliseconds{1 + below(random, 150)}};
  server.replies[payloads.at(below(random, payloads.size()))] = reply;
  return server;
}

// For whoever looks into a difference.
std::string told(const PlayServer& server, const PlayResult& strict, const PlayResult& fast) {
  std::string text = "\nrtt " + std::to_string(server.round_trip.count());
  const auto add = [&](const std::string& name, const PlayServer::Reply& reply) {
    text += " " + name + "->" + reply.bytes + (reply.closes ? "!" : "") + "@" +
            std::to_string(reply.delay.count());
  };
  for (const auto& reply : server.greeting) add("greeting", reply);
  for (const auto& [payload, reply] : server.replies) add(payload, reply);
  for (const auto& [payload, reply] : server.tls_replies) add("tls" + payload, reply);
  if (server.hangs_up) text += " hangs up@" + std::to_string(server.hangs_up->count());
  for (const PlayResult* result : {&strict, &fast}) {
    text += "\n" + std::to_string(result->took.count()) + " ms:";
    for (const std::string& sent : result->sent) text += " " + sent;
    for (const std::string& line : result->told) text += ", " + line;
  }
  return text;
}

void expect_same(const PlayServer& server, unsigned seed, Transport transport) {
  const PlayResult strict = play(probes(), server, {.is_strict = true}, 2, transport);
  const PlayResult fast = play(probes(), server, {}, 2, transport);
  SCOPED_TRACE(told(server, strict, fast));
  ASSERT_TRUE(strict.ended) << seed;
  ASSERT_TRUE(fast.ended) << seed;
  EXPECT_EQ(strict.finding.outcome, fast.finding.outcome) << seed;
  EXPECT_EQ(strict.finding.name, fast.finding.name) << seed;
  EXPECT_EQ(strict.finding.is_tls, fast.finding.is_tls) << seed;
  EXPECT_EQ(strict.finding.product, fast.finding.product) << seed;
  EXPECT_EQ(strict.finding.evidence.line, fast.finding.evidence.line) << seed;
  EXPECT_EQ(strict.finding.answered, fast.finding.answered) << seed;
  EXPECT_LE(fast.most_open, 3U) << seed;
  EXPECT_EQ(strict.most_open, 1U) << seed;
}

constexpr unsigned kServers = 20'000;

TEST(InquiryOrder, OverlappingWaitsGiveTheSameAnswers) {
  for (unsigned seed = 1; seed <= kServers && !testing::Test::HasFailure(); ++seed) {
    Random random{seed};
    expect_same(any_server(random), seed, Transport::Tcp);
  }
}

TEST(InquiryOrder, SoDoDatagrams) {
  for (unsigned seed = 1; seed <= kServers / 10 && !testing::Test::HasFailure(); ++seed) {
    Random random{seed};
    PlayServer server = any_server(random);
    server.greeting.clear();
    server.hangs_up.reset();
    for (auto& [payload, reply] : server.replies) reply.closes = false;
    expect_same(server, seed, Transport::Udp);
  }
}

// Of one answer only: whether one is waited for while later ones are there is another matter.
TEST(InquiryOrder, SoDoDatagramsThatComeLate) {
  for (unsigned seed = 1; seed <= kServers / 10 && !testing::Test::HasFailure(); ++seed) {
    Random random{seed};
    PlayServer server;
    PlayServer::Reply reply = any_reply(random);
    reply.closes = false;
    // The third is asked in time for neither.
    reply.delay = milliseconds{100 + below(random, 14'000)};
    const std::array<const char*, 2> payloads{"1", "2"};
    server.replies[payloads.at(below(random, 2))] = reply;
    if (reply.delay.count() % 5000 < 20) continue;
    expect_same(server, seed, Transport::Udp);
  }
}

TEST(InquiryOrder, ServersOfOneConnectionAreNoticed) {
  for (unsigned seed = 1; seed <= kServers && !testing::Test::HasFailure(); ++seed) {
    Random random{seed};
    PlayServer server = any_server(random);
    server.most_at_once = 1;
    const unsigned kind = below(random, 4);
    server.refuses_more = kind == 0;
    server.closes_more = kind == 1 || kind == 3;
    if (kind == 3) server.says_why = "busy";
    expect_same(server, seed, Transport::Tcp);
  }
}

TEST(InquiryOrder, SoAreThoseThatTakeTheirTime) {
  for (unsigned seed = 1; seed <= kServers && !testing::Test::HasFailure(); ++seed) {
    Random random{seed};
    PlayServer server = any_slow_server(random);
    server.most_at_once = 1 + below(random, 2);
    expect_same(server, seed, Transport::Tcp);
  }
}

}  // namespace
}  // namespace trawl::service
