#include "control/audit/through/ftp_dialogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace trawl::control {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// The three digits at the beginning; 0 when there are none.
unsigned code_of(std::string_view line) noexcept {
  if (line.size() < 3 || !std::ranges::all_of(line.substr(0, 3), is_digit)) return 0;
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return 0;
  return static_cast<unsigned>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
}

// "425 Cannot build data connection: Connection timed out."
bool tells_of_silence(std::string_view text) noexcept {
  constexpr std::string_view kSigns[] = {"timed out", "timeout", "no route", "unreachable"};
  const auto is_same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
  return std::ranges::any_of(kSigns, [&](std::string_view sign) {
    return std::search(text.begin(), text.end(), sign.begin(), sign.end(), is_same) != text.end();
  });
}

}  // namespace

std::string FtpDialogue::take_output() { return std::exchange(out_, {}); }

std::optional<FtpDialogue::Answer> FtpDialogue::take_answer() noexcept {
  return std::exchange(answer_, std::nullopt);
}

void FtpDialogue::ask(Ipv4Address host, std::uint16_t port) {
  const std::uint32_t ip = host.value();
  out_ += fmt::format("PORT {},{},{},{},{},{}\r\n", ip >> 24U, ip >> 16U & 255U, ip >> 8U & 255U,
                      ip & 255U, port >> 8U, port & 255U);
  state_ = State::Port;
  transfers_ = false;
  answer_.reset();
}

void FtpDialogue::take_input(std::string_view bytes) {
  for (const char c : bytes) {
    if (state_ == State::Gone || state_ == State::Refused || state_ == State::Stranger) return;
    if (c != '\n') {
      if (line_.size() == kLongestLine) {
        take_end();
        return;
      }
      line_ += c;
      continue;
    }
    if (line_.ends_with('\r')) line_.pop_back();
    take_line(line_);
    line_.clear();
  }
}

// Replies of many lines begin with "226-" and end with "226 " (RFC 959 section 4.2).
void FtpDialogue::take_line(std::string_view line) {
  const unsigned code = code_of(line);
  const bool goes_on = line.size() > 3 && line[3] == '-';
  if (many_lines_ != 0) {
    if (++lines_ > kMostLines) take_end();
    if (code != many_lines_ || goes_on) return;
    many_lines_ = 0;
  } else if (code < 100) {
    take_end();
    return;
  } else if (goes_on) {
    many_lines_ = code;
    lines_ = 0;
    return;
  }
  take_reply(code, line.substr(3));
}

void FtpDialogue::take_reply(unsigned code, std::string_view text) {
  const unsigned kind = code / 100;
  // Preliminary: another reply follows (section 4.2.1).
  if (kind == 1 && state_ != State::List) return;
  if (code == 421) {
    take_end();
    return;
  }
  switch (state_) {
    case State::Greeting:
      if (kind != 2) return take_end();
      out_ += fmt::format("USER {}\r\n", user_);
      state_ = State::User;
      return;
    case State::User:
      if (kind == 2) {
        state_ = State::Idle;
      } else if (code == 331) {
        out_ += fmt::format("PASS {}\r\n", password_);
        state_ = State::Password;
      } else {
        state_ = State::Stranger;
      }
      return;
    case State::Password: state_ = kind == 2 ? State::Idle : State::Refused; return;
    case State::Port:
      if (kind != 2) return answer(kind == 5 ? Answer::NoPort : Answer::Unclear);
      out_ += "LIST\r\n";
      state_ = State::List;
      return;
    case State::List: take_list_reply(code, text); return;
    // Nobody asked: what comes next would be taken for another answer.
    default: take_end(); return;
  }
}

void FtpDialogue::take_list_reply(unsigned code, std::string_view text) {
  switch (code / 100) {
    case 1: transfers_ = transfers_ || code == 125; return;
    // RFC 959, section 5.4. Any other is the late answer to something else.
    case 2: return answer(code == 226 || code == 250 ? Answer::Open : Answer::Unclear);
    case 4:
      if (transfers_) return answer(Answer::Open);
      return answer(tells_of_silence(text) ? Answer::NoTimeLeft : Answer::Closed);
    default: return answer(Answer::Unclear);
  }
}

}  // namespace trawl::control
