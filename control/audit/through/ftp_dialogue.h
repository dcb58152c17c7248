#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "control/audit/engine/connection_pool.h"

namespace trawl::control {

// What a client says to an FTP server whom it wants to connect to others (RFC 959; Nmap book, "TCP
// FTP Bounce Scan"): USER and PASS, then PORT and LIST for each of them. Bytes in, bytes out.
class FtpDialogue {
 public:
  static constexpr std::size_t kLongestLine = 4096;
  static constexpr std::size_t kMostLines = 1000;  // Of one reply.

  FtpDialogue(std::string_view user, std::string_view password)
      : user_{user}, password_{password} {}

  enum class State : std::uint8_t {
    Greeting,
    User,
    Password,
    Idle,      // It may be asked.
    Port,      // PORT is on its way.
    List,      // LIST is.
    Stranger,  // It does not want this user...
    Refused,   // ...or this password.
    Gone       // It closed the connection, or says that it will, or talks nonsense.
  };
  enum class Answer : std::uint8_t {
    Open,
    Closed,
    Unclear,     // It lists nothing, for reasons of its own.
    NoTimeLeft,  // It says itself that nobody answered.
    NoPort       // It does not take this address and port.
  };

  [[nodiscard]] State state() const noexcept { return state_; }
  // Asks for a connection. Needs Idle.
  void ask(Ipv4Address host, std::uint16_t port);
  // What is to be sent now; it is not told of again.
  [[nodiscard]] std::string take_output();
  void take_input(std::string_view bytes);
  void take_end() noexcept { state_ = State::Gone; }
  // To what was asked; it is not told of again.
  [[nodiscard]] std::optional<Answer> take_answer() noexcept;
  // The server said that it is connected, and nothing else so far.
  [[nodiscard]] bool is_connected() const noexcept { return state_ == State::List && transfers_; }

 private:
  void take_line(std::string_view line);
  void take_reply(unsigned code, std::string_view text);
  void take_list_reply(unsigned code, std::string_view text);
  void answer(Answer answer) noexcept {
    answer_ = answer;
    state_ = State::Idle;
  }

  std::string user_;
  std::string password_;
  State state_ = State::Greeting;
  bool transfers_ = false;   // A data connection is there already (code 125).
  unsigned many_lines_ = 0;  // The code whose last line is awaited, 0 for none.
  std::size_t lines_ = 0;
  std::string line_;
  std::string out_;
  std::optional<Answer> answer_;
};

}  // namespace trawl::control
