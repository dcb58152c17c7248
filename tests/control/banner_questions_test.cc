#include "control/banners/banner_questions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control/banners/client_hello.h"
#include "service/probes/probe_source.h"

namespace trawl::control {
namespace {

using dataplane::ConversationPlan;

std::string name_of(const BannerQuestions& questions, std::uint8_t payload) {
  return questions.payloads[payload].name;
}

std::string text_of(const BannerQuestions& questions, std::uint8_t payload) {
  const auto& bytes = questions.plan->payloads[payload];
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Choice {
  std::string first, second;
  friend bool operator==(const Choice&, const Choice&) = default;
};

class OwnQuestions : public ::testing::Test {
 protected:
  [[nodiscard]] Choice at(std::uint16_t port) const {
    return {name_of(questions_, questions_.plan->first[port]),
            name_of(questions_, questions_.plan->second[port])};
  }
  service::ProbeFile file_ =
      service::parse_probe_file(service::own_probe_text(), std::string{service::kOwnProbePath});
  BannerQuestions questions_ = make_questions(file_, ByteCount{512}, 40);
};

TEST_F(OwnQuestions, ServersThatSpeakFirstAreLeftToSpeak) {
  for (const std::uint16_t port :
       std::vector<std::uint16_t>{21, 22, 25, 110, 143, 587, 3306, 5900}) {
    EXPECT_EQ(questions_.plan->first[port], 0) << port;
    EXPECT_NE(questions_.plan->second[port], 0) << port;
  }
  EXPECT_EQ(at(22), (Choice{"", "GetRequest"}));
}

TEST_F(OwnQuestions, PortsOfTlsGetAClientHello) {
  for (const std::uint16_t port : std::vector<std::uint16_t>{443, 465, 636, 993, 995, 8443}) {
    EXPECT_EQ(at(port), (Choice{"TLSSessionReq", "GetRequest"})) << port;
  }
  EXPECT_TRUE(is_client_hello(text_of(questions_, questions_.plan->first[443])));
}

TEST_F(OwnQuestions, PortsThatAProbeListsGetThatOne) {
  EXPECT_EQ(at(80), (Choice{"GetRequest", "TLSSessionReq"}));
  EXPECT_EQ(at(6379), (Choice{"RedisInfo", "GetRequest"}));
  EXPECT_EQ(at(11211), (Choice{"MemcachedVersion", "GetRequest"}));
  EXPECT_EQ(at(5432), (Choice{"PostgresVersion", "GetRequest"}));
  EXPECT_EQ(at(3389), (Choice{"RDPConnect", "GetRequest"}));
  EXPECT_EQ(text_of(questions_, questions_.plan->first[80]), "GET / HTTP/1.0\r\n\r\n");
}

TEST_F(OwnQuestions, WhatTheUserHasComesFirst) {
  const std::vector<OwnQuestion> own{
      {.ports = {22, 6379, 9100}, .name = "a.bin", .bytes = std::string{"\0\1", 2}},
      {.ports = {80}, .name = "b", .bytes = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"},
      {.ports = {443}, .name = "c", .bytes = text_of(questions_, questions_.plan->first[443])}};
  questions_ = make_questions(file_, ByteCount{512}, 40, own);
  EXPECT_EQ(at(22), (Choice{"a.bin", "GetRequest"}));
  EXPECT_EQ(at(6379), (Choice{"a.bin", "RedisInfo"}));
  EXPECT_EQ(at(9100), (Choice{"a.bin", "a.bin"})) << "and nothing else";
  EXPECT_EQ(at(80), (Choice{"b", "GetRequest"}));
  EXPECT_EQ(at(443), (Choice{"c", "TLSSessionReq"}));
  EXPECT_EQ(at(8080), (Choice{"GetRequest", "TLSSessionReq"}));
  EXPECT_EQ(text_of(questions_, questions_.plan->first[22]), own[0].bytes);
  const auto lines = [this](std::uint16_t port) {
    return file_.probes[questions_.payloads[questions_.plan->first[port]].probe].name;
  };
  EXPECT_EQ(lines(22), "NULL");
  EXPECT_EQ(lines(80), "GetRequest");
  EXPECT_EQ(lines(443), "TLSSessionReq");
}

TEST_F(OwnQuestions, AnyOtherPortGetsHttpThenTls) {
  EXPECT_EQ(at(12345), (Choice{"GetRequest", "TLSSessionReq"}));
}

TEST_F(OwnQuestions, PrintersAreToldNothing) {
  EXPECT_EQ(questions_.plan->first[9100], 0);
  EXPECT_EQ(questions_.plan->second[9100], 0);
}

TEST_F(OwnQuestions, AnswersAreLookedForAmongTheLinesOfWhatWasSent) {
  EXPECT_EQ(questions_.payloads[0].probe, *file_.null_probe);
  for (std::size_t i = 1; i < questions_.payloads.size(); ++i) {
    EXPECT_EQ(file_.probes[questions_.payloads[i].probe].name, questions_.payloads[i].name);
    EXPECT_LE(questions_.plan->payloads[i].size(), ConversationPlan::kMostPayload);
    EXPECT_GT(questions_.plan->payloads[i].size(), 0U);
  }
  EXPECT_EQ(questions_.payloads.size(), questions_.plan->payloads.size());
  EXPECT_EQ(questions_.plan->most_bytes, ByteCount{512});
  EXPECT_EQ(questions_.plan->ttl, 40);
}

TEST(BannerQuestions, AFileOfLittleLeavesHttpAndTls) {
  const auto file = service::parse_probe_file("Probe TCP NULL q||\nmatch x m|^x|\n", "small");
  const BannerQuestions questions = make_questions(file, ByteCount{1024});
  ASSERT_EQ(questions.payloads.size(), 3U);
  EXPECT_EQ(name_of(questions, questions.plan->first[80]), "GetRequest");
  EXPECT_EQ(name_of(questions, questions.plan->second[80]), "ClientHello");
  EXPECT_EQ(questions.payloads[1].probe, 0U);
}

TEST(BannerQuestions, AFileOfTooMuchIsCutToWhatThePlanHolds) {
  std::string text = "Probe TCP NULL q||\nProbe TCP GetRequest q|GET|\n";
  for (int i = 0; i < 400; ++i) {
    text += "Probe TCP P" + std::to_string(i) + " q|" + std::to_string(i) + "|\nports " +
            std::to_string(30000 + i) + "\n";
  }
  text += "Probe TCP Long q|" + std::string(1025, 'x') + "|\nports 7777\n";
  const auto file = service::parse_probe_file(text, "large");
  const BannerQuestions questions = make_questions(file, ByteCount{1024});
  EXPECT_LE(questions.payloads.size(), 256U);
  EXPECT_EQ(name_of(questions, questions.plan->first[30000]), "P0");
  EXPECT_EQ(name_of(questions, questions.plan->first[30399]), "GetRequest");
  EXPECT_EQ(name_of(questions, questions.plan->first[7777]), "GetRequest");
}

}  // namespace
}  // namespace trawl::control
