#include "bench/simnet/udp_service.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

using namespace std::string_literals;

std::string ask(std::uint16_t port, const std::string& request) {
  std::array<std::byte, kMostAnswer> answer{};
  const std::size_t size =
      answer_udp(port, std::as_bytes(std::span{request.data(), request.size()}), answer);
  return {reinterpret_cast<const char*>(answer.data()), size};
}

TEST(UdpService, DnsRefusesTheQuestionWithItsId) {
  const std::string question = "\7version\4bind\0\0\x10\0\3"s;
  // One additional record (EDNS), which the refusal leaves out.
  const std::string query =
      "\x12\x34\1\0\0\1\0\0\0\0\0\1"s + question + "\0\0\x29\2\0\0\0\0\0\0\0"s;
  EXPECT_EQ(ask(53, query), "\x12\x34\x81\5\0\1\0\0\0\0\0\0"s + question);
}

TEST(UdpService, NtpReturnsTheTransmitTimeAsOriginate) {
  const std::string request = "\x23"s + std::string(39, '\0') + "ABCDEFGH";
  const std::string answer = ask(123, request);
  ASSERT_EQ(answer.size(), 48U);
  EXPECT_EQ(answer[0], '\x24');  // Version 4, server.
  EXPECT_EQ(answer[1], '\2');
  EXPECT_EQ(answer.substr(24, 8), "ABCDEFGH");
}

TEST(UdpService, SnmpAnswersWithTheRequestId) {
  const std::string request =
      "\x30\x26\2\1\1\4\6public\xa0\x19\2\4\x11\x22\x33\x44\2\1\0\2\1\0\x30\x0b\x30\x09\6\5+\6\1\2\1\5\0"s;
  std::string expected = request;
  expected[13] = '\xa2';
  expected[23] = '\2';  // noSuchName
  EXPECT_EQ(ask(161, request), expected);
}

TEST(UdpService, SnmpEngineTellsItsIdentityWithTheMessageId) {
  const std::string request =
      "\x30\x3a\2\1\3\x30\x0f\2\4\x11\x22\x33\x44\2\3\0\xff\xe3\4\1\4\2\1\3"
      "\4\x10\x30\x0e\4\0\2\1\0\2\1\0\4\0\4\0\4\0"
      "\x30\x12\4\0\4\0\xa0\x0c\2\2\1\2\2\1\0\2\1\0\x30\0"s;
  const std::string answer = ask(161, request);
  ASSERT_GT(answer.size(), 60U);
  // Every length adds up: the whole, the header, the security parameters and the report.
  EXPECT_EQ(static_cast<unsigned char>(answer[1]), answer.size() - 2);
  EXPECT_EQ(answer.substr(5, 2), "\x30\x11"s);
  EXPECT_EQ(answer.substr(7, 6), "\2\4\x11\x22\x33\x44"s);
  const std::size_t security = 7 + 0x11;
  ASSERT_EQ(answer[security], '\4');
  EXPECT_EQ(answer[security + 2], '\x30');
  EXPECT_EQ(answer[security + 1], answer[security + 3] + 2);
  const std::size_t scoped = security + 2 + static_cast<unsigned char>(answer[security + 1]);
  ASSERT_EQ(answer[scoped], '\x30');
  EXPECT_EQ(scoped + 2 + static_cast<unsigned char>(answer[scoped + 1]), answer.size());
  EXPECT_EQ(answer[scoped + 2 + 11 + 2], '\xa8');
}

TEST(UdpService, OthersReturnWhatTellsRequestsApart) {
  EXPECT_EQ(ask(3478,
                "\0\1\0\0\x21\x12\xa4\x42"
                "ABCDEFGHIJKL"s)
                .substr(0, 20),
            "\1\1\0\x0c\x21\x12\xa4\x42"
            "ABCDEFGHIJKL"s);
  EXPECT_EQ(ask(5683, "\x42\1\xab\xcdTK\xbb.well-known"s).substr(0, 6), "\x62\x45\xab\xcdTK"s);
  EXPECT_EQ(ask(11211, "\xab\xcd\0\0\0\1\0\0version\r\n"s),
            "\xab\xcd\0\0\0\1\0\0VERSION 1.6.18\r\n"s);
  EXPECT_EQ(ask(69, "\0\1x\0octet\0"s).substr(0, 4), "\0\5\0\1"s);
  EXPECT_EQ(ask(623, "\6\0\xff\6\0\0\x11\xbe\x80\x42\0\0"s).substr(8, 2), "\x40\x42"s);
  const std::string radius = "\1\x42\0\x14"s;
  for (const int port : {1645, 1812}) {
    EXPECT_EQ(ask(static_cast<std::uint16_t>(port), radius + std::string(16, '\x0f')),
              "\3\x42\0\x14"s + std::string(16, '\xf0'));
  }
  const std::string quic = "\xc0\x1a\x2a\x3a\x4a\4DDDD\3SSS"s + std::string(1100, '\0');
  EXPECT_EQ(ask(443, quic).substr(0, 14), "\x80\0\0\0\0\3SSS\4DDDD"s);
  const std::string ike =
      "SPISPISP"s + std::string(8, '\0') + "\x21\x20\x22\x08\0\0\0\0\0\0\0\x1c"s;
  EXPECT_EQ(ask(500, ike).size(), 36U);
  EXPECT_EQ(ask(500, ike).substr(0, 8), "SPISPISP");
}

TEST(UdpService, SipCopiesTheFieldsOfTheDialog) {
  const std::string answer =
      ask(5060,
          "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9\r\nMax-Forwards: 7\r\n"
          "Call-ID: 77\r\nCSeq: 1 OPTIONS\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9\r\n"));
  EXPECT_NE(answer.find("Call-ID: 77\r\n"), std::string::npos);
  EXPECT_EQ(answer.find("Max-Forwards"), std::string::npos);
}

TEST(UdpService, WhatIsNotOfTheProtocolComesBackAsItWas) {
  for (const int port :
       {53, 69, 123, 137, 161, 443, 500, 623, 1645, 1812, 1900, 3478, 5060, 5683, 7, 40000}) {
    EXPECT_EQ(ask(static_cast<std::uint16_t>(port), "?"), "?") << port;
    EXPECT_EQ(ask(static_cast<std::uint16_t>(port), ""), "") << port;
  }
}

TEST(UdpService, NoRequestLeadsOutsideTheAnswer) {
  for (const int port :
       {53, 69, 123, 137, 161, 443, 500, 623, 1645, 1812, 1900, 3478, 5060, 5683, 11211}) {
    for (std::uint64_t i = 0; i < 2000; ++i) {
      std::string request(mix64(i) % 700, '\0');
      for (std::size_t at = 0; at < request.size(); ++at) {
        request[at] = static_cast<char>(mix64(i * 1000 + at) % (i % 5 == 0 ? 256 : 60));
      }
      EXPECT_LE(ask(static_cast<std::uint16_t>(port), request).size(), kMostAnswer);
    }
  }
}

}  // namespace
}  // namespace trawl::simnet
