#include "control/audit/through/ftp_dialogue.h"

#include <gtest/gtest.h>

#include <string>

#include "control/audit/through/bounce_server.h"

namespace trawl::control {
namespace {

using State = FtpDialogue::State;
using Answer = FtpDialogue::Answer;

constexpr Ipv4Address kTarget{0xc61201ff};  // 198.18.1.255

// One that may be asked.
FtpDialogue idle() {
  FtpDialogue dialogue{"me", "secret"};
  dialogue.take_input("220 hello\r\n331 password?\r\n230 fine\r\n");
  EXPECT_EQ(dialogue.state(), State::Idle);
  (void)dialogue.take_output();
  return dialogue;
}

// What the server's answer to LIST says, in one go and byte by byte.
std::optional<Answer> after_list(const std::string& reply) {
  FtpDialogue whole = idle();
  whole.ask(kTarget, 80);
  whole.take_input("200 ok\r\n" + reply);
  FtpDialogue torn = idle();
  torn.ask(kTarget, 80);
  for (const char c : "200 ok\r\n" + reply) torn.take_input({&c, 1});
  EXPECT_EQ(whole.state(), torn.state());
  const auto answer = whole.take_answer();
  EXPECT_EQ(answer, torn.take_answer());
  EXPECT_FALSE(whole.take_answer());
  return answer;
}

TEST(FtpDialogue, LogsInAndAsks) {
  FtpDialogue dialogue{"me", "secret"};
  EXPECT_EQ(dialogue.take_output(), "");
  dialogue.take_input("120 wait\r\n220-Welcome\r\n to\r\n220-us\r\n220 now\r\n");
  EXPECT_EQ(dialogue.take_output(), "USER me\r\n");
  dialogue.take_input("331 and?\r\n");
  EXPECT_EQ(dialogue.take_output(), "PASS secret\r\n");
  dialogue.take_input("230 in\n");
  EXPECT_EQ(dialogue.state(), State::Idle);
  dialogue.ask(kTarget, 8080);
  EXPECT_EQ(dialogue.take_output(), "PORT 198,18,1,255,31,144\r\n");
  dialogue.take_input("200 ok\r\n");
  EXPECT_EQ(dialogue.take_output(), "LIST\r\n");
  EXPECT_EQ(dialogue.state(), State::List);
  dialogue.take_input("150 here\r\n");
  EXPECT_FALSE(dialogue.take_answer());
  EXPECT_FALSE(dialogue.is_connected());
  dialogue.take_input("226 done\r\n");
  EXPECT_EQ(dialogue.take_answer(), Answer::Open);
  EXPECT_EQ(dialogue.state(), State::Idle);
}

TEST(FtpDialogue, ReadsEveryAnswerToList) {
  EXPECT_EQ(after_list("226 x\r\n"), Answer::Open);
  EXPECT_EQ(after_list("250 x\r\n"), Answer::Open);
  EXPECT_EQ(after_list("150 x\r\n226 x\r\n"), Answer::Open);
  EXPECT_EQ(after_list("150-x\r\n150 y\r\n226-\r\n226 x\r\n"), Answer::Open);
  EXPECT_EQ(after_list("425 x\r\n"), Answer::Closed);
  EXPECT_EQ(after_list("426 x\r\n"), Answer::Closed);
  EXPECT_EQ(after_list("450 x\r\n"), Answer::Closed);
  EXPECT_EQ(after_list("150 x\r\n425 Connection refused\r\n"), Answer::Closed);
  EXPECT_EQ(after_list("150 x\r\n426 x\r\n"), Answer::Closed);
  EXPECT_EQ(after_list("125 x\r\n426 x\r\n"), Answer::Open);
  EXPECT_EQ(after_list("425 Can't build data connection: Connection TIMED out\r\n"),
            Answer::NoTimeLeft);
  EXPECT_EQ(after_list("425 No route to host.\r\n"), Answer::NoTimeLeft);
  EXPECT_EQ(after_list("500 x\r\n"), Answer::Unclear);
  EXPECT_EQ(after_list("550 x\r\n"), Answer::Unclear);
  EXPECT_EQ(after_list("331 x\r\n"), Answer::Unclear);
  EXPECT_EQ(after_list("150 x\r\n"), std::nullopt);
  EXPECT_EQ(after_list("226"), std::nullopt);
}

TEST(FtpDialogue, AConnectionThatIsThereAlreadyIsKnown) {
  FtpDialogue dialogue = idle();
  dialogue.ask(kTarget, 80);
  dialogue.take_input("200 ok\r\n125 transfer starts\r\n");
  EXPECT_TRUE(dialogue.is_connected());
}

TEST(FtpDialogue, APortThatIsRefusedIsNotListed) {
  for (const std::string code : {"500", "501", "504", "530"}) {
    FtpDialogue dialogue = idle();
    dialogue.ask(kTarget, 80);
    (void)dialogue.take_output();
    dialogue.take_input(code + " Illegal PORT command.\r\n");
    EXPECT_EQ(dialogue.take_answer(), Answer::NoPort) << code;
    EXPECT_EQ(dialogue.take_output(), "");
  }
  FtpDialogue dialogue = idle();
  dialogue.ask(kTarget, 80);
  dialogue.take_input("450 later\r\n");
  EXPECT_EQ(dialogue.take_answer(), Answer::Unclear);
}

TEST(FtpDialogue, KnowsWhoDoesNotWantIt) {
  const auto after = [](std::string_view input) {
    FtpDialogue dialogue{"me", "secret"};
    dialogue.take_input(input);
    return dialogue.state();
  };
  EXPECT_EQ(after("220 x\r\n230 x\r\n"), State::Idle);  // Without a password.
  EXPECT_EQ(after("220 x\r\n331 x\r\n202 x\r\n"), State::Idle);
  EXPECT_EQ(after("220 x\r\n530 x\r\n"), State::Stranger);
  EXPECT_EQ(after("220 x\r\n332 x\r\n"), State::Stranger);
  EXPECT_EQ(after("220 x\r\n331 x\r\n530 x\r\n"), State::Refused);
  EXPECT_EQ(after("220 x\r\n331 x\r\n332 x\r\n"), State::Refused);
  EXPECT_EQ(after("421 x\r\n"), State::Gone);
  EXPECT_EQ(after("500 x\r\n"), State::Gone);
  EXPECT_EQ(after("220 x\r\n331 x\r\n421 x\r\n"), State::Gone);
  EXPECT_EQ(after("SSH-2.0-x\r\n"), State::Gone);
  EXPECT_EQ(after("\r\n"), State::Gone);
  EXPECT_EQ(after("099 x\r\n"), State::Gone);
  EXPECT_EQ(after("2200 x\r\n"), State::Gone);
}

TEST(FtpDialogue, WhatNobodyAskedForEndsIt) {
  FtpDialogue dialogue = idle();
  dialogue.ask(kTarget, 80);
  dialogue.take_input("200 ok\r\n500 OOPS: Illegal port request\r\n500 OOPS: priv_sock\r\n");
  EXPECT_EQ(dialogue.take_answer(), Answer::Unclear);
  EXPECT_EQ(dialogue.state(), State::Gone);
}

TEST(FtpDialogue, IsBounded) {
  FtpDialogue line{"me", "secret"};
  line.take_input("220 " + std::string(FtpDialogue::kLongestLine, 'a'));
  EXPECT_EQ(line.state(), State::Gone);
  FtpDialogue lines{"me", "secret"};
  lines.take_input("220-x\r\n");
  for (std::size_t i = 0; i <= FtpDialogue::kMostLines; ++i) lines.take_input("x\r\n");
  EXPECT_EQ(lines.state(), State::Gone);
  // Whatever comes then, nothing is said.
  lines.take_input("220 x\r\n331 x\r\n230 x\r\n");
  EXPECT_EQ(lines.take_output(), "");
}

TEST(BounceServer, IsReadAsNmapReadsIt) {
  const auto plain = parse_bounce_server("ftp.example").value();
  EXPECT_EQ(plain.host, "ftp.example");
  EXPECT_EQ(plain.port, 21);
  EXPECT_EQ(plain.user, "anonymous");
  EXPECT_EQ(plain.password, "-wwwuser@");
  EXPECT_FALSE(plain.assumes_password);
  const auto full = parse_bounce_server("u@x:p:q@ftp.example:2121").value();
  EXPECT_EQ(full.user, "u@x");
  EXPECT_EQ(full.password, "p:q");
  EXPECT_EQ(full.port, 2121);
  EXPECT_TRUE(parse_bounce_server("u@ftp.example").value().assumes_password);
  EXPECT_EQ(parse_bounce_server("ftp.example:").value().port, 21);
  for (const std::string bad : {"", "::1", "a:0", "a:65536", "a:x", "a:1:2", "a\r\nDELE x@b"}) {
    EXPECT_FALSE(parse_bounce_server(bad)) << bad;
  }
  EXPECT_EQ(parse_bounce_server("").error().message,
            "Failed to resolve FTP bounce proxy hostname/IP: ");
}

}  // namespace
}  // namespace trawl::control
