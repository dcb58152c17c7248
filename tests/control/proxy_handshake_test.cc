#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "control/audit/through/proxy_hop.h"
#include "service/proxy/hop_handshake.h"
#include "service/proxy/proxy_chain.h"

namespace trawl::control {
namespace {

using namespace std::string_literals;
using service::HopAnswer;
using service::HopHandshake;
using service::HopVerdict;
using service::ProxyChain;
using service::ProxyGoal;

const IpAddress kTarget = Ipv4Address{0xc6120164};  // 198.18.1.100
const IpAddress kTarget6 = *IpAddress::parse("2001:db8::64");

ProxyHop hop(std::string_view url) {
  auto hops = parse_proxies(url);
  EXPECT_TRUE(hops) << url;
  return hops->at(0);
}

// What a hop is told, and what it says in one go and byte by byte: the same.
struct Talk {
  std::string said;
  std::optional<HopAnswer> answer;
  std::string left;
};

Talk talk(const ProxyHop& proxy, const std::vector<std::string>& replies, std::size_t step,
          std::optional<ProxyGoal> goal) {
  Talk talk;
  HopHandshake handshake{proxy, goal};
  handshake.begin(talk.said);
  for (const std::string& reply : replies) {
    for (std::size_t at = 0; at < reply.size(); at += step) {
      std::string_view bytes = std::string_view{reply}.substr(at, step);
      while (!bytes.empty() && !talk.answer) talk.answer = handshake.take(bytes, talk.said);
      talk.left += bytes;
    }
  }
  if (!talk.answer) talk.left = "?";
  return talk;
}

Talk talk(const std::string& url, const std::vector<std::string>& replies,
          std::optional<ProxyGoal> goal = ProxyGoal{kTarget, 443}) {
  const ProxyHop proxy = hop(url);
  const Talk whole = talk(proxy, replies, 1U << 20U, goal);
  const Talk torn = talk(proxy, replies, 1, goal);
  EXPECT_EQ(whole.said, torn.said);
  EXPECT_EQ(whole.left, torn.left);
  EXPECT_EQ(whole.answer.has_value(), torn.answer.has_value());
  if (whole.answer && torn.answer) {
    EXPECT_EQ(whole.answer->verdict, torn.answer->verdict);
    EXPECT_EQ(whole.answer->trouble, torn.answer->trouble);
    EXPECT_NE(whole.answer->verdict.has_value(), !whole.answer->trouble.empty());
  }
  return whole;
}

std::string outcome(const Talk& talk) {
  if (!talk.answer) return "waits";
  if (!talk.answer->verdict) return talk.answer->trouble;
  constexpr std::array<std::string_view, 3> kStates{"open", "closed", "filtered"};
  return fmt::format("{} {}", kStates[static_cast<std::size_t>(talk.answer->verdict->state)],
                     talk.answer->verdict->word);
}

TEST(HopHandshake, AsksHttpForAConnectionAndItsCredentials) {
  EXPECT_EQ(talk("http://p:1", {}).said,
            "CONNECT 198.18.1.100:443 HTTP/1.1\r\nHost: 198.18.1.100:443\r\n\r\n");
  EXPECT_EQ(talk("http://p:1", {}, ProxyGoal{kTarget6, 80}).said,
            "CONNECT [2001:db8::64]:80 HTTP/1.1\r\nHost: [2001:db8::64]:80\r\n\r\n");
  // The example of RFC 7617 section 2, and its neighbours without padding.
  EXPECT_NE(talk("http://Aladdin:open%20sesame@p:1", {})
                .said.find("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
            std::string::npos);
  EXPECT_NE(talk("http://ab:cde@p:1", {}).said.find("Basic YWI6Y2Rl\r\n"), std::string::npos);
  EXPECT_NE(talk("http://ab:cd@p:1", {}).said.find("Basic YWI6Y2Q=\r\n"), std::string::npos);
}

TEST(HopHandshake, ReadsEveryAnswerOfHttp) {
  const auto after = [](const std::string& reply) { return outcome(talk("http://p:1", {reply})); };
  EXPECT_EQ(after("HTTP/1.1 200 OK\r\n\r\n"), "open syn-ack");
  EXPECT_EQ(after("HTTP/1.0 204\n\n"), "open syn-ack");
  EXPECT_EQ(after("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n"),
            "open syn-ack");
  for (const char* const status : {"400", "403", "404", "500", "502", "503", "302"}) {
    EXPECT_EQ(after("HTTP/1.1 "s + status + " No\r\nServer: x\r\n\r\nbody"),
              "filtered proxy-refused");
  }
  EXPECT_EQ(after("HTTP/1.1 504 No\r\n\r\n"), "filtered no-response");
  EXPECT_EQ(after("HTTP/1.1 407 No\r\n\r\n"), "wants another login (HTTP 407)");
  EXPECT_EQ(after("HTTP/1.1 401 No\r\n\r\n"), "wants another login (HTTP 401)");
  EXPECT_EQ(after("HTTP/1.1 405 No\r\n\r\n"), "does not connect to anybody (HTTP 405)");
  EXPECT_EQ(after("HTTP/1.1 501 No\r\n\r\n"), "does not connect to anybody (HTTP 501)");
  for (const std::string& reply : {"SSH-2.0-x\r\n"s, "HTTP/2 200\r\n\r\n"s, "\n\n"s, "\x05"s,
                                   "HTTP/1.1 abc\r\n\r\n"s, "HTTP/1.1  20\r\n\r\n"s, "\0"s}) {
    EXPECT_EQ(after(reply), "answers what is no HTTP") << reply;
  }
  EXPECT_EQ(after("HTTP/1.1 200 OK\r\nA: b\r\n"), "waits");
  EXPECT_EQ(after("HTTP/1.1 200 OK\r\n" + std::string(20'000, 'a')), "answers without an end");
  std::string endless;
  for (int i = 0; i < 2000; ++i) endless += "HTTP/1.1 100 x\r\n\r\n";
  EXPECT_EQ(after(endless), "answers without an end");
}

TEST(HopHandshake, BelievesSquidAboutItsConnection) {
  const auto after = [](const std::string& error) {
    return outcome(talk("http://p:1", {"HTTP/1.1 503 Service Unavailable\r\nServer: squid/5.7\r\n"
                                       "x-Squid-ERROR:  " +
                                       error + "\r\nVary: a\r\n\r\n"}));
  };
  EXPECT_EQ(after("ERR_CONNECT_FAIL 111"), "closed conn-refused");
  EXPECT_EQ(after("ERR_CONNECT_FAIL 61"), "closed conn-refused");
  EXPECT_EQ(after("ERR_CONNECT_FAIL 110"), "filtered no-response");
  EXPECT_EQ(after("ERR_CONNECT_FAIL 113"), "filtered host-unreach");
  EXPECT_EQ(after("ERR_CONNECT_FAIL 101"), "filtered net-unreach");
  for (const char* const other : {"ERR_CONNECT_FAIL 1111", "ERR_CONNECT_FAIL x", "ERR_CONNECT_FAIL",
                                  "ERR_DNS_FAIL 111", "ERR_ACCESS_DENIED 0", ""}) {
    EXPECT_EQ(after(other), "filtered proxy-refused") << other;
  }
  // A word of the body is no header.
  EXPECT_EQ(outcome(talk("http://p:1",
                         {"HTTP/1.1 503 No\r\n\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n"})),
            "filtered proxy-refused");
}

TEST(HopHandshake, ReadsEveryAnswerOfSocks4) {
  EXPECT_EQ(talk("socks4://p:1", {}).said, "\x04\x01\x01\xbb\xc6\x12\x01\x64\x00"s);
  const auto after = [](int code, std::size_t size) {
    std::string reply(size, '\0');
    if (size > 1) reply[1] = static_cast<char>(code);
    return outcome(talk("socks4://p:1", {reply}));
  };
  EXPECT_EQ(after(90, 8), "open syn-ack");
  EXPECT_EQ(after(90, 7), "waits");
  EXPECT_EQ(after(90, 1), "waits");
  EXPECT_EQ(after(91, 8), "filtered proxy-refused");
  EXPECT_EQ(after(92, 8), "wants to know who we are (SOCKS 4 code 92)");
  EXPECT_EQ(after(93, 2), "wants to know who we are (SOCKS 4 code 93)");
  for (int code = 0; code < 256; ++code) {
    if (code >= 90 && code <= 93) continue;
    EXPECT_EQ(after(code, 8), "answers what is no SOCKS 4") << code;
  }
  EXPECT_EQ(outcome(talk("socks4://p:1", {"HTTP/1.1 400\r\n\r\n"})), "answers what is no SOCKS 4");
  // Behind the eight octets begins what the next hop says.
  EXPECT_EQ(talk("socks4://p:1", {"\0\x5a______more"s}).left, "more");
}

TEST(HopHandshake, ReadsEveryAnswerOfSocks5) {
  const auto after = [](const std::string& reply) {
    return outcome(talk("socks5://p:1", {"\x05\x00"s, reply}));
  };
  EXPECT_EQ(talk("socks5://p:1", {"\x05\x00"s}).said,
            "\x05\x01\x00\x05\x01\x00\x01\xc6\x12\x01\x64\x01\xbb"s);
  EXPECT_EQ(talk("socks5://p:1", {"\x05\x00"s}, ProxyGoal{kTarget6, 80}).said,
            "\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x64\0\x50"s);
  EXPECT_EQ(after("\x05\0\0\x01____pp"s), "open syn-ack");
  EXPECT_EQ(after("\x05\0\0\x01____p"s), "waits");
  EXPECT_EQ(after("\x05\0\0\x04________________pp"s), "open syn-ack");
  EXPECT_EQ(after("\x05\0\0\x03\x03nampp"s), "open syn-ack");
  EXPECT_EQ(after("\x05\0\0\x03\xff"s + std::string(256, 'n')), "waits");
  EXPECT_EQ(after("\x05\0\0\x03\xff"s + std::string(257, 'n')), "open syn-ack");
  EXPECT_EQ(after("\x05\0\0\x02____pp"s), "answers what is no SOCKS 5");
  constexpr const char* kOutcomes[] = {"filtered proxy-refused",
                                       "filtered proxy-refused",
                                       "filtered net-unreach",
                                       "filtered host-unreach",
                                       "closed conn-refused",
                                       "filtered time-exceeded",
                                       "does not connect to anybody (SOCKS 5 code 7)",
                                       "filtered proxy-refused"};
  for (int code = 1; code < 256; ++code) {
    const std::string reply{'\x05', static_cast<char>(code)};
    EXPECT_EQ(after(reply), code <= 8 ? kOutcomes[code - 1] : "answers what is no SOCKS 5") << code;
  }
  EXPECT_EQ(after("\x04\0\0\x01____pp"s), "answers what is no SOCKS 5");
  EXPECT_EQ(talk("socks5://p:1", {"\x05\0"s, "\x05\0\0\x01____ppmore"s}).left, "more");
}

TEST(HopHandshake, LogsInToSocks5) {
  const std::string url = "socks5://us%40er:p%3aw@p:1";
  EXPECT_EQ(talk(url, {}).said, "\x05\x02\x00\x02"s);
  EXPECT_EQ(talk(url, {"\x05\x02"s}).said, "\x05\x02\x00\x02\x01\x05us@er\x03p:w"s);
  EXPECT_EQ(outcome(talk(url, {"\x05\x02"s, "\x01\x00"s, "\x05\x05"s})), "closed conn-refused");
  EXPECT_EQ(outcome(talk(url, {"\x05\x02"s, "\x01\x01"s})), "refuses user and password");
  EXPECT_EQ(outcome(talk(url, {"\x05\xff"s})), "wants another login");
  EXPECT_EQ(outcome(talk("socks5://p:1", {"\x05\x02"s})), "wants another login");
  EXPECT_EQ(outcome(talk("socks5://p:1", {"\x05\x01"s})), "wants a login that nobody asked for");
  EXPECT_EQ(outcome(talk("socks5://p:1", {"HTTP/1.0 400\r\n"})), "answers what is no SOCKS 5");
}

TEST(HopHandshake, ASignOfLifeNeedsNoConnection) {
  EXPECT_TRUE(talk("http://p:1", {}, std::nullopt).said.starts_with("OPTIONS * HTTP/1.1\r\n"));
  for (const char* const status : {"200", "400", "405", "501", "503"}) {
    EXPECT_EQ(outcome(talk("http://p:1", {"HTTP/1.1 "s + status + " x\r\n\r\n"}, std::nullopt)),
              "open syn-ack");
  }
  EXPECT_EQ(outcome(talk("http://p:1", {"HTTP/1.1 407 x\r\n\r\n"}, std::nullopt)),
            "wants another login (HTTP 407)");
  EXPECT_EQ(outcome(talk("socks5://p:1", {"\x05\x00"s}, std::nullopt)), "open syn-ack");
  EXPECT_EQ(outcome(talk("socks4://p:1", {"\0\x5b______"s}, std::nullopt)),
            "filtered proxy-refused");
}

TEST(HopHandshake, TheEndOfAConnectionIsNoAnswer) {
  const ProxyHop proxy = hop("http://p:1");
  const auto end = [&](std::string_view before) {
    HopHandshake handshake{proxy, ProxyGoal{kTarget, 80}};
    std::string out;
    handshake.begin(out);
    (void)handshake.take(before, out);
    return handshake.take_end();
  };
  EXPECT_EQ(end("").trouble, "closed the connection without an answer");
  EXPECT_FALSE(end("").is_final);
  EXPECT_EQ(end("HTTP/1.1 50").trouble, "closed the connection in the middle of an answer");
  EXPECT_EQ(end("HTTP/1.1 200 OK\r\n").trouble, "closed the connection in the middle of an answer");
  EXPECT_EQ(end("HTTP/1.1 503 No\r\n").verdict,
            (HopVerdict{HopVerdict::State::Filtered, "proxy-refused"}));
}

std::vector<ProxyHop> three_hops() {
  auto hops = parse_proxies("http://a:1,socks4://b:2,socks5://c:3").value();
  for (std::uint32_t i = 0; i < 3; ++i) hops[i].ip = Ipv4Address{0xc6120001 + i};
  return hops;
}

TEST(ProxyChain, AsksEachHopForTheNext) {
  const auto hops = three_hops();
  ProxyChain chain{hops, ProxyGoal{kTarget, 22}};
  EXPECT_TRUE(chain.take_output().starts_with("CONNECT 198.18.0.2:2 "));
  EXPECT_FALSE(chain.waits_for_goal());
  EXPECT_EQ(
      chain.silence(),
      "proxy 2 (socks4://b:2) does not answer, or cannot be reached from proxy 1 (http://a:1)");
  chain.take_input("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(chain.take_output(), "\x04\x01\x00\x03\xc6\x12\x00\x03\x00"s);
  chain.take_input("\0\x5a______"s);
  EXPECT_EQ(chain.take_output(), "\x05\x01\x00"s);
  EXPECT_FALSE(chain.waits_for_goal());
  EXPECT_EQ(chain.silence(), "proxy 3 (socks5://c:3) does not answer");
  chain.take_input("\x05\x00"s);
  EXPECT_EQ(chain.take_output(), "\x05\x01\x00\x01\xc6\x12\x01\x64\x00\x16"s);
  EXPECT_TRUE(chain.waits_for_goal());
  EXPECT_FALSE(chain.answer());
  chain.take_input("\x05\x05"s);
  ASSERT_TRUE(chain.answer());
  EXPECT_EQ(chain.answer()->verdict, (HopVerdict{HopVerdict::State::Closed, "conn-refused"}));
  EXPECT_FALSE(chain.waits_for_goal());
}

TEST(ProxyChain, TakesSeveralAnswersAtOnce) {
  const auto hops = three_hops();
  ProxyChain chain{hops, ProxyGoal{kTarget, 22}};
  chain.take_input("HTTP/1.1 200 OK\r\n\r\n\0\x5a______\x05\x00\x05\0\0\x01____pp and more"s);
  ASSERT_TRUE(chain.answer());
  EXPECT_EQ(chain.answer()->verdict, (HopVerdict{HopVerdict::State::Open, "syn-ack"}));
}

TEST(ProxyChain, SaysWhichHopIsToBlame) {
  const auto hops = three_hops();
  const auto blamed = [&](const std::string& input) {
    ProxyChain chain{hops, ProxyGoal{kTarget, 22}};
    chain.take_input(input);
    chain.take_end();
    return chain.answer()->trouble;
  };
  const std::string http = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(blamed(""), "proxy 1 (http://a:1) closed the connection without an answer");
  EXPECT_EQ(blamed("HTTP/1.1 503 No\r\n\r\n"),
            "proxy 2 (socks4://b:2) cannot be reached from proxy 1 (http://a:1) (HTTP 503)");
  EXPECT_EQ(blamed(http + "garbage"), "proxy 2 (socks4://b:2) answers what is no SOCKS 4");
  EXPECT_EQ(
      blamed(http + "\0\x5b______"s),
      "proxy 3 (socks5://c:3) cannot be reached from proxy 2 (socks4://b:2) (SOCKS 4 code 91)");
  EXPECT_EQ(blamed(http + "\0\x5a______\x05\xff"s), "proxy 3 (socks5://c:3) wants another login");
  ProxyChain chain{hops, ProxyGoal{kTarget, 22}};
  chain.fail("Connection refused");
  EXPECT_EQ(chain.answer()->trouble,
            "proxy 1 (http://a:1) cannot be connected to: Connection refused");
}

TEST(Proxies, AreReadAsNmapReadsThem) {
  const auto hops =
      parse_proxies("HTTP://a,,socks4://b:,socks5://u:p@[2001:db8::1]:99,http://u%3Aq:@c:80/path");
  // A colon cannot be part of a user of HTTP's.
  EXPECT_FALSE(hops);
  const auto good =
      parse_proxies("HTTP://a,,socks4://b:,socks5://u:p:q@[2001:db8::1]:99,http://u@c:80/path,")
          .value();
  ASSERT_EQ(good.size(), 4U);
  EXPECT_EQ(good[0].text(), "http://a:8080");
  EXPECT_EQ(good[1].text(), "socks4://b:1080");
  EXPECT_EQ(good[2].text(), "socks5://[2001:db8::1]:99");
  EXPECT_EQ(good[2].user, "u");
  EXPECT_EQ(good[2].password, "p:q");
  EXPECT_EQ(good[3].text(), "http://c:80");
  EXPECT_TRUE(good[3].has_login);
  EXPECT_FALSE(good[0].has_login);
}

TEST(Proxies, AreRefusedInNmapsWords) {
  for (const std::string& bad :
       {"foo"s, "ftp://a:80"s, "socks4://a:99999"s, "http://a:0"s, "http://127.0.0.1:8a"s,
        "socks4a://127.0.0.1:80"s, "socks4://user@a:1"s, "http://[2001:db8::1:80"s,
        "http://u%0ax:p@a:1"s, "http://u%zz@a:1"s, "http://u%4@a:1"s, "http://@a:1"s,
        "http://a:80x"s, "http://[::1]x:80"s, "http://"s + std::string(300, 'a'),
        "socks5://"s + std::string(256, 'u') + "@a:1"}) {
    const auto parsed = parse_proxies(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().message, "Invalid protocol in proxy specification string: " + bad);
  }
  EXPECT_EQ(parse_proxies("http://a:1,foo").error().message,
            "Invalid protocol in proxy specification string: foo");
  EXPECT_EQ(parse_proxies("http://").error().message, "Cannot initialize proxy node http://");
  EXPECT_FALSE(parse_proxies(""));
  EXPECT_FALSE(parse_proxies(",,"));
  std::string many;
  for (int i = 0; i < 65; ++i) many += "http://a,";
  EXPECT_FALSE(parse_proxies(many));
}

}  // namespace
}  // namespace trawl::control
