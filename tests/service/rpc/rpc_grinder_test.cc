#include "service/rpc/rpc_grinder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace trawl::service {
namespace {

using namespace std::string_literals;
using Outcome = RpcGrinder::Outcome;

std::string words(std::initializer_list<std::uint32_t> list) {
  std::string text;
  for (const std::uint32_t word : list) {
    for (unsigned shift = 32; shift > 0; shift -= 8) text += static_cast<char>(word >> (shift - 8));
  }
  return text;
}

std::uint32_t word_at(std::string_view text, std::size_t index) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    word = word << 8U | static_cast<unsigned char>(text.at(index * 4 + i));
  }
  return word;
}

std::string no_program(std::uint32_t id) { return words({id, 1, 0, 0, 0, 1}); }
std::string other_version(std::uint32_t id, std::uint32_t low, std::uint32_t high) {
  return words({id, 1, 0, 0, 0, 2, low, high});
}

std::shared_ptr<const RpcTable> table_of(std::uint32_t count) {
  auto table = std::make_shared<RpcTable>();
  for (std::uint32_t i = 0; i < count; ++i) {
    table->programs.push_back({"program" + std::to_string(i), 100'000 + i});
  }
  return table;
}

// What a server answers to a call for a program; "" for nothing.
using Server = std::function<std::string(std::uint32_t id, std::uint32_t program)>;

struct Ground {
  Outcome outcome = Outcome::Silent;
  std::string name;
  std::optional<ServiceFinding::Rpc> rpc;
  std::vector<std::uint32_t> asked;
  std::size_t most = 0;  // Calls at once.
};

// Answers everything at once, in the order of the calls or the other way round.
Ground grind(RpcGrinder& grinder, Transport transport, const Server& server,
             bool is_backwards = false) {
  Ground ground;
  while (!grinder.is_done()) {
    std::vector<std::string> calls;
    for (const std::string& out : grinder.take_output()) {
      if (transport == Transport::Udp) {
        EXPECT_EQ(out.size(), 40U);
        calls.push_back(out);
        continue;
      }
      EXPECT_EQ(out.size() % 44, 0U);
      for (std::size_t i = 0; i < out.size(); i += 44) {
        EXPECT_EQ(word_at(std::string_view{out}.substr(i), 0), 0x8000'0028U);
        calls.push_back(out.substr(i + 4, 40));
      }
    }
    ground.most = std::max(ground.most, calls.size());
    if (is_backwards) std::reverse(calls.begin(), calls.end());
    std::string stream;
    bool any = false;
    for (const std::string& call : calls) {
      ground.asked.push_back(word_at(call, 3));
      const std::string reply = server(word_at(call, 0), word_at(call, 3));
      if (reply.empty()) continue;
      any = true;
      if (transport == Transport::Udp) {
        grinder.feed(reply);
      } else {
        stream += RpcRecords::mark(reply);
      }
    }
    for (const char& c : stream) grinder.feed({&c, 1});
    if (!any) grinder.time_out();
  }
  ground.outcome = grinder.outcome();
  ground.name = grinder.name();
  ground.rpc = grinder.rpc();
  return ground;
}

Ground grind(Transport transport, const Server& server, std::uint32_t programs = 200,
             bool is_backwards = false) {
  RpcGrinder grinder{table_of(programs), transport, 7};
  return grind(grinder, transport, server, is_backwards);
}

constexpr Transport kBoth[] = {Transport::Tcp, Transport::Udp};

TEST(RpcCall, IsTheOneOfRfc5531) {
  EXPECT_EQ(make_rpc_call(0x01020304, 100000, 0xfffffffe),
            "\x01\x02\x03\x04\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\xff\xff\xff\xfe\0\0\0\0"
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s);
  EXPECT_EQ(RpcRecords::mark("abc"), "\x80\0\0\x03"s + "abc");
}

TEST(RpcGrinder, FindsAProgramAndItsVersions) {
  for (const Transport transport : kBoth) {
    const Ground ground = grind(transport, [](std::uint32_t id, std::uint32_t program) {
      return program == 100'150 ? other_version(id, 2, 4) : no_program(id);
    });
    EXPECT_EQ(ground.outcome, Outcome::Found);
    EXPECT_EQ(ground.name, "program150");
    ASSERT_TRUE(ground.rpc);
    EXPECT_EQ(ground.rpc->number, 100'150U);
    EXPECT_EQ(ground.rpc->low, 2U);
    EXPECT_EQ(ground.rpc->high, 4U);
    EXPECT_EQ(ground.most,
              transport == Transport::Tcp ? RpcGrinder::kMostCallsTcp : RpcGrinder::kMostCallsUdp);
    // First one that nobody has, then each once, and little beyond the one that is there.
    EXPECT_GE(ground.asked.front(), 0x6000'0000U);
    EXPECT_LT(ground.asked.front(), 0x8000'0000U);
    EXPECT_EQ(std::set(ground.asked.begin(), ground.asked.end()).size(), ground.asked.size());
    EXPECT_LE(ground.asked.size(), 151 + 1 + ground.most);
  }
}

TEST(RpcGrinder, TheFirstOfTheTableCountsHoweverAnswersCome) {
  for (const Transport transport : kBoth) {
    for (const bool is_backwards : {false, true}) {
      const Ground ground = grind(
          transport,
          [](std::uint32_t id, std::uint32_t program) {
            return program == 100'003 || program == 100'005 ? other_version(id, 3, 3)
                                                            : no_program(id);
          },
          20, is_backwards);
      EXPECT_EQ(ground.name, "program3");
    }
  }
}

TEST(RpcGrinder, WaitsForThoseThatStandBefore) {
  RpcGrinder grinder{table_of(100), Transport::Udp, 7};
  (void)grinder.take_output();
  grinder.feed(no_program(7));
  EXPECT_EQ(grinder.take_output().size(), RpcGrinder::kMostCallsUdp);  // With the ids 8 to 23.
  grinder.feed(other_version(8 + 3, 3, 4));
  grinder.feed(other_version(8 + 5, 5, 6));
  for (std::uint32_t i = 6; i < 16; ++i) grinder.feed(no_program(8 + i));
  EXPECT_FALSE(grinder.is_done());
  EXPECT_TRUE(grinder.take_output().empty());
  for (std::uint32_t i = 0; i < 3; ++i) grinder.feed(no_program(8 + i));
  ASSERT_TRUE(grinder.is_done());
  EXPECT_EQ(grinder.name(), "program3");
  EXPECT_EQ(grinder.rpc()->high, 4U);
}

TEST(RpcGrinder, AProgramThatTellsNoVersionsIsFoundToo) {
  const std::pair<const char*, std::string> replies[] = {
      {"success", words({1, 0, 0, 0, 0})},
      {"procedure", words({1, 0, 0, 0, 3})},
      {"arguments", words({1, 0, 0, 0, 4})},
      {"system", words({1, 0, 0, 0, 5})},
      {"rights", words({1, 1, 1, 5})},
      {"senseless", words({1, 0, 0, 0, 2, 9, 2})},
      {"verifier", words({1, 0, 6, 5, 1, 2, 0, 77})}};
  for (const auto& [what, rest] : replies) {
    SCOPED_TRACE(what);
    const std::string& reply = rest;
    const Ground ground = grind(Transport::Udp, [&](std::uint32_t id, std::uint32_t program) {
      return program == 100'001 ? words({id}) + reply : no_program(id);
    });
    EXPECT_EQ(ground.outcome, Outcome::Found);
    EXPECT_EQ(ground.name, "program1");
    EXPECT_EQ(ground.rpc->low, 0U);
    EXPECT_EQ(ground.rpc->high, 0U);
  }
}

TEST(RpcGrinder, KnowsNoneOfThePrograms) {
  for (const Transport transport : kBoth) {
    const Ground ground =
        grind(transport, [](std::uint32_t id, std::uint32_t) { return no_program(id); });
    EXPECT_EQ(ground.outcome, Outcome::Unknown);
    EXPECT_EQ(ground.name, "");
    EXPECT_FALSE(ground.rpc);
    EXPECT_EQ(ground.asked.size(), 201U);
  }
}

TEST(RpcGrinder, TellsWhatIsKnownWhenTimeRunsOut) {
  for (const bool has_one : {false, true}) {
    RpcGrinder grinder{table_of(200), Transport::Udp, 1};
    EXPECT_EQ(grinder.take_output().size(), 1U);
    grinder.feed(no_program(1));
    EXPECT_EQ(grinder.answers(), 1U);
    (void)grinder.take_output();
    // The third of the table; the first two may have it, too.
    if (has_one) grinder.feed(other_version(4, 1, 2));
    EXPECT_FALSE(grinder.is_done());
    grinder.run_out();
    ASSERT_TRUE(grinder.is_done());
    EXPECT_EQ(grinder.outcome(), has_one ? Outcome::Found : Outcome::Unclear);
    EXPECT_EQ(grinder.name(), has_one ? "program2" : "");
    EXPECT_THAT(grinder.take_output(), testing::IsEmpty());
  }
}

TEST(RpcGrinder, AServerThatHasEverythingIsNotBelieved) {
  for (const Transport transport : kBoth) {
    for (const std::string& rest : {words({1, 0, 0, 0, 0}), words({1, 0, 0, 0, 2, 1, 2}),
                                    words({1, 1, 1, 5}), words({1, 1, 0, 3, 3})}) {
      const Ground ground =
          grind(transport, [&](std::uint32_t id, std::uint32_t) { return words({id}) + rest; });
      EXPECT_EQ(ground.outcome, Outcome::Unclear);
      EXPECT_EQ(ground.asked.size(), 1U);
    }
  }
}

TEST(RpcGrinder, LostDatagramsAreAskedForAgain) {
  std::map<std::uint32_t, int> calls;
  const Ground ground = grind(
      Transport::Udp,
      [&](std::uint32_t id, std::uint32_t program) -> std::string {
        // Every other first call is lost, and 100050's second one too.
        const int call = ++calls[program];
        if (call <= (program == 100'050 ? 2 : static_cast<int>(program % 2))) return "";
        return program == 100'050 ? other_version(id, 1, 1) : no_program(id);
      },
      60);
  EXPECT_EQ(ground.outcome, Outcome::Found);
  EXPECT_EQ(ground.name, "program50");
  EXPECT_EQ(calls[100'050], 3);
}

TEST(RpcGrinder, AnswersThatNeverComeEndIt) {
  // Not one of them.
  for (const Transport transport : kBoth) {
    const Ground ground = grind(transport, [](std::uint32_t, std::uint32_t) { return ""; });
    EXPECT_EQ(ground.outcome, Outcome::Silent);
    EXPECT_EQ(ground.asked.size(), transport == Transport::Udp ? RpcGrinder::kMostTries : 1U);
  }
  // It falls silent.
  for (const Transport transport : kBoth) {
    int left = 10;
    const Ground ground = grind(transport, [&](std::uint32_t id, std::uint32_t) {
      return left-- > 0 ? no_program(id) : "";
    });
    EXPECT_EQ(ground.outcome, Outcome::Unclear);
  }
  // One call that it does not like does not spoil the others.
  const Ground ground = grind(Transport::Udp, [](std::uint32_t id, std::uint32_t program) {
    if (program == 100'010) return ""s;
    return program == 100'090 ? other_version(id, 1, 2) : no_program(id);
  });
  EXPECT_EQ(ground.name, "program90");
  const Ground none = grind(Transport::Udp, [](std::uint32_t id, std::uint32_t program) {
    return program == 100'010 ? ""s : no_program(id);
  });
  EXPECT_EQ(none.outcome, Outcome::Unknown);
  EXPECT_EQ(none.asked.size(), 201U + RpcGrinder::kMostTries - 1);
}

TEST(RpcGrinder, KnowsWhatIsNoRpc) {
  for (const std::string& said :
       {"SSH-2.0-OpenSSH_9.2\r\n"s, "HTTP/1.1 400 Bad Request\r\n\r\n"s, "\x80\0\0\0"s,
        "\x80\0\0\x04"s + "abcd", RpcRecords::mark(words({7, 0, 0, 0, 0, 1}))}) {
    RpcGrinder grinder{table_of(3), Transport::Tcp, 7};
    (void)grinder.take_output();
    grinder.feed(said);
    ASSERT_TRUE(grinder.is_done());
    EXPECT_EQ(grinder.outcome(), Outcome::NoRpc);
    EXPECT_TRUE(grinder.take_output().empty());
  }
  // A datagram may be another's; when nothing else comes, it is not.
  RpcGrinder grinder{table_of(3), Transport::Udp, 7};
  (void)grinder.take_output();
  grinder.feed("what?");
  EXPECT_FALSE(grinder.is_done());
  for (unsigned i = 0; i < RpcGrinder::kMostTries; ++i) grinder.time_out();
  ASSERT_TRUE(grinder.is_done());
  EXPECT_EQ(grinder.outcome(), Outcome::NoRpc);
}

TEST(RpcGrinder, AnswersToNobodysCallsAreBounded) {
  RpcGrinder grinder{table_of(3), Transport::Tcp, 7};
  (void)grinder.take_output();
  const std::string stranger = RpcRecords::mark(no_program(99));
  std::size_t count = 0;
  while (!grinder.is_done() && ++count < 1000) grinder.feed(stranger);
  EXPECT_EQ(count, RpcGrinder::kMostStrangers + 1);
  EXPECT_EQ(grinder.outcome(), Outcome::NoRpc);
}

TEST(RpcGrinder, GoesOnOverAnotherConnection) {
  RpcGrinder grinder{table_of(3), Transport::Tcp, 7};
  EXPECT_EQ(grinder.take_output().size(), 1U);
  grinder.feed(RpcRecords::mark(no_program(7)));
  const std::string calls = grinder.take_output().at(0);
  EXPECT_EQ(calls.size(), 3U * 44U);
  // Half of an answer of this connection is none of the next one's.
  grinder.feed(RpcRecords::mark(no_program(8)) + "\x80\0"s);
  grinder.feed_end();
  ASSERT_TRUE(grinder.wants_connection());
  EXPECT_TRUE(grinder.take_output().empty());
  grinder.time_out();
  grinder.feed(RpcRecords::mark(no_program(9)));
  EXPECT_FALSE(grinder.is_done());
  grinder.feed_begin();
  EXPECT_FALSE(grinder.wants_connection());
  EXPECT_EQ(grinder.take_output().at(0), calls.substr(44));
  grinder.feed(RpcRecords::mark(no_program(10)) + RpcRecords::mark(other_version(9, 1, 3)));
  ASSERT_TRUE(grinder.is_done());
  EXPECT_EQ(grinder.name(), "program1");
}

TEST(RpcGrinder, HangingUpIsBounded) {
  RpcGrinder unanswered{table_of(3), Transport::Tcp, 7};
  (void)unanswered.take_output();
  unanswered.feed_end();
  ASSERT_TRUE(unanswered.is_done());
  EXPECT_EQ(unanswered.outcome(), Outcome::Silent);

  // One that was of use, and one that was not.
  RpcGrinder brief{table_of(3), Transport::Tcp, 7};
  (void)brief.take_output();
  brief.feed(RpcRecords::mark(no_program(7)));
  brief.feed_end();
  brief.feed_begin();
  (void)brief.take_output();
  brief.feed_end();
  ASSERT_TRUE(brief.is_done());
  EXPECT_EQ(brief.outcome(), Outcome::Unclear);

  // One answer for each connection.
  RpcGrinder grinder{table_of(100), Transport::Tcp, 7};
  unsigned connections = 1;
  for (std::uint32_t id = 7; connections < 100; ++id) {
    (void)grinder.take_output();
    grinder.feed(RpcRecords::mark(no_program(id)));
    grinder.feed_end();
    if (!grinder.wants_connection()) break;
    ++connections;
    grinder.feed_begin();
  }
  EXPECT_EQ(connections, RpcGrinder::kMostConnections);
  ASSERT_TRUE(grinder.is_done());
  EXPECT_EQ(grinder.outcome(), Outcome::Unclear);
}

TEST(RpcRecords, PutsFragmentsTogether) {
  RpcRecords records;
  const std::string stream = "\0\0\0\x02"s + "ab" + "\0\0\0\0"s + "\x80\0\0\x01"s + "c" +
                             "\x80\0\0\x01"s + "d" + "\x80\0\x10\x01"s + "long";
  std::string_view in = stream;
  EXPECT_EQ(records.take(in), "abc");
  EXPECT_FALSE(records.is_torn());
  EXPECT_EQ(records.take(in), "d");
  EXPECT_EQ(records.take(in), std::nullopt);
  EXPECT_TRUE(records.is_broken());
  EXPECT_TRUE(in.empty());

  // Many fragments are not longer than one.
  RpcRecords endless;
  for (int i = 0; i < 100 && !endless.is_broken(); ++i) {
    const std::string fragment = "\0\0\0\x64"s + std::string(100, 'x');
    std::string_view bytes = fragment;
    EXPECT_EQ(endless.take(bytes), std::nullopt);
  }
  EXPECT_TRUE(endless.is_broken());
}

TEST(RpcReply, IsReadStrictly) {
  EXPECT_TRUE(read_rpc_reply(no_program(1)));
  const std::string whole = other_version(1, 2, 3);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_rpc_reply(std::string_view{whole}.substr(0, size))) << size;
  }
  EXPECT_TRUE(read_rpc_reply(whole + "trailing"));
  EXPECT_FALSE(read_rpc_reply(words({1, 1, 0, 0, 0, 6})));           // No such state.
  EXPECT_FALSE(read_rpc_reply(words({1, 1, 2, 0, 0, 0})));           // Nor that.
  EXPECT_FALSE(read_rpc_reply(words({1, 1, 1, 2, 0, 0})));           // Nor that.
  EXPECT_FALSE(read_rpc_reply(words({1, 1, 0, 0, 0xffffffff, 1})));  // A verifier without an end.
  EXPECT_FALSE(read_rpc_reply(words({1, 1, 0, 0, 401}) + std::string(404, 'v') + words({1})));
  EXPECT_TRUE(read_rpc_reply(words({1, 1, 0, 0, 399}) + std::string(400, 'v') + words({1})));
}

TEST(RpcGrinder, ListensToNobodyWhoDripsForEver) {
  RpcGrinder grinder{builtin_rpc_table(), Transport::Tcp, 1};
  (void)grinder.take_output();
  // Fragments of nothing, one after the other.
  for (int i = 0; i < 2000 && !grinder.is_done(); ++i)
    grinder.feed(std::string_view{"\0\0\0\0", 4});
  EXPECT_TRUE(grinder.is_done());
}

}  // namespace
}  // namespace trawl::service
