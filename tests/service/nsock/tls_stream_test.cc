#include "service/nsock/tls_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/service/nsock/tls_server.h"

namespace trawl::service {
namespace {

using test::TlsServer;
using testing::HasSubstr;
using testing::StartsWith;
using State = TlsStream::State;

std::unique_ptr<TlsStream> client(const TlsSettings& settings = {}) {
  auto made = TlsStream::make(settings);
  EXPECT_TRUE(made);
  return std::move(made).value();
}

// `step` bytes at a time.
void give(TlsStream& stream, std::string_view wire, std::size_t step = 1U << 20U) {
  while (!wire.empty()) {
    const std::size_t taken = stream.feed(wire.substr(0, step));
    ASSERT_GT(taken, 0U);
    wire.remove_prefix(taken);
  }
}

// Lets both talk until neither has anything to say.
void talk(TlsStream& stream, TlsServer& server, std::size_t step = 1U << 20U) {
  for (;;) {
    const std::string said = stream.take_output();
    server.feed(said);
    (void)server.shake_hands();
    const std::string answer = server.take_output();
    if (said.empty() && answer.empty()) return;
    give(stream, answer, step);
  }
}

// What the server says, as the client reads it; and the other way round.
void expect_talk(TlsStream& stream, TlsServer& server) {
  server.write("220 ready\r\n");
  give(stream, server.take_output());
  EXPECT_EQ(stream.take_plaintext(), "220 ready\r\n");
  EXPECT_EQ(stream.take_plaintext(), "");
  EXPECT_TRUE(stream.write("HELP\r\n"));
  server.feed(stream.take_output());
  EXPECT_EQ(server.read(), "HELP\r\n");
}

TEST(TlsStream, TalksEveryVersion) {
  struct Case {
    int version;
    const char* name;
  };
  for (const Case& each : {Case{TLS1_VERSION, "TLSv1"}, Case{TLS1_1_VERSION, "TLSv1.1"},
                           Case{TLS1_2_VERSION, "TLSv1.2"}, Case{TLS1_3_VERSION, "TLSv1.3"}}) {
    SCOPED_TRACE(each.name);
    TlsServer server{{.lowest = each.version, .highest = each.version}};
    const auto stream = client();
    EXPECT_EQ(stream->state(), State::Handshake);
    EXPECT_EQ(stream->details().version, "");
    talk(*stream, server);
    ASSERT_EQ(stream->state(), State::Open) << stream->trouble();
    EXPECT_EQ(stream->details().version, each.name);
    EXPECT_THAT(stream->details().cipher, StartsWith("TLS_"));
    EXPECT_EQ(stream->details().certificate, server.certificate());
    expect_talk(*stream, server);
    server.close();
    give(*stream, server.take_output());
    EXPECT_EQ(stream->take_plaintext(), "");
    EXPECT_EQ(stream->state(), State::Ended);
    EXPECT_EQ(stream->trouble(), "");
    stream->close();
    server.feed(stream->take_output());
    (void)server.read();
    EXPECT_NE(SSL_get_shutdown(server.connection()) & SSL_RECEIVED_SHUTDOWN, 0);
  }
}

TEST(TlsStream, TakesOneByteAtATime) {
  for (const int version : {TLS1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsServer server{{.lowest = version, .highest = version}};
    const auto stream = client();
    talk(*stream, server, 1);
    ASSERT_EQ(stream->state(), State::Open) << stream->trouble();
    expect_talk(*stream, server);
  }
}

TEST(TlsStream, NamesServerAndProtocols) {
  TlsServer server{{.protocol = "h2"}};
  const auto stream = client({.server_name = "mail.example.", .protocols = {"http/1.1", "h2"}});
  talk(*stream, server);
  EXPECT_EQ(server.server_name(), "mail.example");
  EXPECT_EQ(stream->details().protocol, "h2");
  for (const char* const address : {"198.18.0.1", "2001:db8::1", ""}) {
    TlsServer other{{}};
    const auto nameless = client({.server_name = address, .protocols = {}});
    talk(*nameless, other);
    EXPECT_EQ(nameless->state(), State::Open);
    EXPECT_EQ(other.server_name(), "");
    EXPECT_EQ(nameless->details().protocol, "");
  }
}

TEST(TlsStream, RefusesWhatCannotBeOffered) {
  EXPECT_FALSE(TlsStream::make({.server_name = {}, .protocols = {""}}));
  EXPECT_FALSE(TlsStream::make({.server_name = {}, .protocols = {std::string(256, 'a')}}));
  EXPECT_FALSE(TlsStream::make(
      {.server_name = {}, .protocols = std::vector<std::string>(300, std::string(255, 'a'))}));
  EXPECT_FALSE(TlsStream::make({.server_name = std::string(256, 'a'), .protocols = {}}));
  EXPECT_FALSE(TlsStream::make({.server_name = std::string("a\0b", 3), .protocols = {}}));
  EXPECT_TRUE(TlsStream::make(
      {.server_name = std::string(255, 'a'), .protocols = {std::string(255, 'a')}}));
}

TEST(TlsStream, AcceptsAnyCertificate) {
  constexpr long kYear = 366L * 24 * 3600;
  const TlsServer::Options absurd[] = {
      {.valid_from = -20 * kYear, .valid_to = -10 * kYear},
      {.valid_from = 10 * kYear, .valid_to = -10 * kYear},
      {.valid_to = 5000 * kYear},
      {.subject = std::string("\0\x1b[31m<script>\xff\xfe", 15), .serial = -1},
      {.subject = std::string(30'000, 'x'), .serial = 0},
      {.ciphers = "aNULL:@SECLEVEL=0"},
      {.highest = TLS1_2_VERSION, .ciphers = "eNULL:@SECLEVEL=0"},
      {.highest = TLS1_2_VERSION, .ciphers = "ADH:@SECLEVEL=0"},
      {.highest = TLS1_2_VERSION, .ciphers = "AES128-SHA:@SECLEVEL=0"}};
  for (const auto& options : absurd) {
    SCOPED_TRACE(&options - absurd);
    TlsServer server{options};
    const auto stream = client();
    talk(*stream, server);
    ASSERT_EQ(stream->state(), State::Open) << stream->trouble();
    const bool is_anonymous = options.ciphers.starts_with("ADH");
    EXPECT_EQ(stream->details().certificate, is_anonymous ? "" : server.certificate());
    expect_talk(*stream, server);
  }
}

TEST(TlsStream, HasNoCertificateToShow) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsServer server{{.lowest = version, .highest = version, .asks_for_certificate = true}};
    const auto stream = client();
    talk(*stream, server);
    ASSERT_EQ(stream->state(), State::Open) << stream->trouble();
    expect_talk(*stream, server);
  }
  // One that insists says so, in TLS 1.3 only after the client thinks that the handshake is over.
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsServer server{{.lowest = version,
                      .highest = version,
                      .asks_for_certificate = true,
                      .insists_on_certificate = true}};
    const auto stream = client();
    talk(*stream, server);
    ASSERT_EQ(stream->state(), State::Failed);
    EXPECT_THAT(stream->trouble(),
                HasSubstr(version == TLS1_2_VERSION ? "The TLS handshake failed: "
                                                    : "certificate required"));
    EXPECT_FALSE(stream->write("x"));
  }
}

TEST(TlsStream, KnowsWhatIsNoTls) {
  for (const std::string_view answer :
       {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
        "\x01\x02\x03\x04\x05\x06\x07\x08", "220 mail.example ESMTP\r\n"}) {
    const auto stream = client();
    (void)stream->feed(answer);
    EXPECT_EQ(stream->state(), State::Failed);
    EXPECT_EQ(stream->trouble(), "The TLS handshake failed: the server answers what is no TLS.");
    EXPECT_EQ(stream->feed("more"), 4U);
    EXPECT_EQ(stream->take_plaintext(), "");
    EXPECT_EQ(stream->details().version, "");
  }
  // An answer too short to be sure of is no answer when it ends there.
  const auto stream = client();
  (void)stream->feed("-");
  EXPECT_EQ(stream->state(), State::Handshake);
  stream->feed_end();
  EXPECT_EQ(stream->trouble(), "The TLS handshake failed: the server answers what is no TLS.");
}

TEST(TlsStream, TellsOfAlerts) {
  const auto stream = client();
  (void)stream->feed(std::string_view{"\x15\x03\x01\x00\x02\x02\x46", 7});
  EXPECT_EQ(stream->state(), State::Failed);
  EXPECT_THAT(stream->trouble(), HasSubstr("alert protocol version"));
  const auto garbled = client();
  (void)garbled->feed(std::string_view{"\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9});
  EXPECT_EQ(garbled->state(), State::Failed);
  EXPECT_THAT(garbled->trouble(), StartsWith("The TLS handshake failed: "));
}

TEST(TlsStream, TellsOfAConnectionThatEndsEarly) {
  const auto silent = client();
  EXPECT_TRUE(silent->has_output());
  silent->feed_end();
  EXPECT_EQ(silent->state(), State::Failed);
  EXPECT_EQ(silent->trouble(), "The TLS handshake failed: the server closed the connection.");

  // In the middle of its hello...
  TlsServer server{{}};
  const auto torn = client();
  server.feed(torn->take_output());
  (void)server.shake_hands();
  (void)torn->feed(std::string_view{server.take_output()}.substr(0, 40));
  torn->feed_end();
  EXPECT_EQ(torn->state(), State::Failed);
  EXPECT_EQ(torn->trouble(), "The TLS handshake failed: the server closed the connection.");
}

TEST(TlsStream, AnEndInTheMiddleOfARecordIsAnEnd) {
  TlsServer server{{}};
  const auto stream = client();
  talk(*stream, server);
  server.write("whole");
  std::string wire = server.take_output();
  server.write("torn");
  wire += server.take_output();
  give(*stream, std::string_view{wire}.substr(0, wire.size() - 1));
  EXPECT_EQ(stream->state(), State::Open);
  stream->feed_end();
  EXPECT_EQ(stream->state(), State::Ended) << stream->trouble();
  EXPECT_EQ(stream->take_plaintext(), "whole");
  EXPECT_EQ(stream->take_plaintext(), "");
}

TEST(TlsStream, AForgedRecordFailsAndWhatCameBeforeIsKept) {
  TlsServer server{{}};
  const auto stream = client();
  talk(*stream, server);
  server.write("good");
  std::string wire = server.take_output();
  server.write("forged");
  std::string forged = server.take_output();
  forged.back() = static_cast<char>(forged.back() ^ 1);
  give(*stream, wire + forged);
  EXPECT_EQ(stream->state(), State::Failed);
  EXPECT_THAT(stream->trouble(), StartsWith("The TLS connection failed: "));
  EXPECT_EQ(stream->take_plaintext(), "good");
}

TEST(TlsStream, GoesThroughAnotherHandshake) {
  for (const int version : {TLS1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    SCOPED_TRACE(version);
    TlsServer server{{.lowest = version, .highest = version}};
    const auto stream = client();
    talk(*stream, server);
    (void)stream->take_plaintext();
    server.renegotiate();
    EXPECT_TRUE(stream->write("in the middle of it"));
    // What was written before the server's wish is known comes first.
    for (int i = 0; i < 8; ++i) {
      give(*stream, server.take_output());
      (void)stream->take_plaintext();
      server.feed(stream->take_output());
      if (const std::string said = server.read(); !said.empty()) {
        EXPECT_EQ(said, "in the middle of it");
      }
    }
    EXPECT_EQ(stream->state(), State::Open) << stream->trouble();
    EXPECT_TRUE(stream->has_written());
    EXPECT_FALSE(server.renegotiates());
    expect_talk(*stream, server);
  }
}

TEST(TlsStream, GivesUpAServerThatOnlyEverRenegotiates) {
  TlsServer server{{.highest = TLS1_2_VERSION}};
  const auto stream = client();
  talk(*stream, server);
  int handshakes = 0;
  while (handshakes < 100 && stream->state() == State::Open) {
    ++handshakes;
    server.renegotiate();
    for (int i = 0; i < 4; ++i) {
      give(*stream, server.take_output());
      server.feed(stream->take_output());
      (void)server.read();
    }
  }
  EXPECT_EQ(stream->state(), State::Failed);
  EXPECT_EQ(stream->trouble(), "The server wants one TLS handshake after the other.");
  EXPECT_LE(handshakes, TlsStream::kMostRenegotiations + 1);
}

TEST(TlsStream, HundredMegabytesPassInBoundedMemory) {
  constexpr std::size_t kChunk = 1'000'000;
  TlsServer server{{}};
  const auto stream = client();
  talk(*stream, server);
  std::string chunk(kChunk, '\0');
  for (std::size_t i = 0; i < kChunk; ++i) chunk[i] = static_cast<char>(i * 7 >> 3U);
  std::size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    server.write(chunk);
    const std::string wire = server.take_output();
    std::string_view left = wire;
    std::size_t at = 0;
    while (!left.empty()) {
      // As greedy as can be: everything is offered before anything is taken.
      std::size_t held = 0;
      for (std::size_t taken = 1; taken > 0 && !left.empty();) {
        taken = stream->feed(left);
        left.remove_prefix(taken);
        held += taken;
      }
      // Records have a few bytes more than what is in them.
      EXPECT_LE(held, TlsStream::kMostInput + TlsStream::kMostPlaintext + 2 * 17'000);
      EXPECT_LT(stream->room(), TlsStream::kMostInput);
      for (std::string plain = stream->take_plaintext(); !plain.empty();
           plain = stream->take_plaintext()) {
        most = std::max(most, plain.size());
        ASSERT_EQ(std::string_view{chunk}.substr(at, plain.size()), plain);
        at += plain.size();
      }
    }
    ASSERT_EQ(at, kChunk);
  }
  EXPECT_LE(most, TlsStream::kMostPlaintext + 16'384);
  EXPECT_EQ(stream->state(), State::Open);
}

TEST(TlsStream, LongWritesComeOutBitByBit) {
  TlsServer server{{}};
  const auto stream = client();
  talk(*stream, server);
  const std::string text(3'000'000, 'w');
  EXPECT_TRUE(stream->write(text));
  EXPECT_FALSE(stream->has_written());
  std::string arrived;
  while (stream->has_output()) {
    const std::string out = stream->take_output();
    EXPECT_LE(out.size(), TlsStream::kMostOutput + 17'000);
    server.feed(out);
    arrived += server.read();
  }
  EXPECT_TRUE(stream->has_written());
  EXPECT_EQ(arrived, text);
}

TEST(TlsStream, WhatIsWrittenEarlyWaitsForTheHandshake) {
  TlsServer server{{}};
  const auto stream = client();
  EXPECT_TRUE(stream->write("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_FALSE(stream->has_written());
  for (int i = 0; i < 4; ++i) {
    server.feed(stream->take_output());
    if (server.shake_hands()) break;
    give(*stream, server.take_output());
  }
  server.feed(stream->take_output());
  EXPECT_EQ(server.read(), "GET / HTTP/1.0\r\n\r\n");
}

}  // namespace
}  // namespace trawl::service
