#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/port_class.h"
#include "base/result.h"

namespace trawl::simnet {

// What stands behind an open TCP port and how it holds a conversation.
enum class Talk : std::uint8_t {
  Ssh,         // Speaks first, with the text of its version.
  Http,        // Answers a request and closes.
  Tls,         // Answers a ClientHello with a flight of records, anything else with an alert.
  Smtp,        // Speaks first and answers each command.
  Slow,        // Speaks first, one to three seconds late.
  Big,         // Answers whatever it is sent with a megabyte, and closes.
  Silent,      // Accepts data, says nothing.
  MuteClose,   // Closes right after the handshake.
  ZeroWindow,  // Its window is zero and stays so.
  Reset,       // Resets right after the handshake.
  Tarpit,      // A window of 1 to 10 bytes, and a byte a second for ever.
  SynProxy,    // Sends SYN-ACKs, then nothing ever.
  Middlebox    // The same for every port of every address of a /24.
};
inline constexpr std::size_t kTalks = 13;
inline constexpr std::array<std::string_view, kTalks> kTalkNames{
    "ssh",        "http",        "tls",   "smtp",   "slow",      "big",      "silent",
    "mute-close", "zero-window", "reset", "tarpit", "syn-proxy", "middlebox"};

[[nodiscard]] constexpr std::string_view to_string(Talk talk) noexcept {
  return kTalkNames[static_cast<std::size_t>(talk)];
}
// A service that says something of its own.
[[nodiscard]] constexpr bool is_service(Talk talk) noexcept { return talk <= Talk::Big; }
// Nothing that is worth more than the packets that tell so.
[[nodiscard]] constexpr bool is_fake(Talk talk) noexcept { return talk >= Talk::ZeroWindow; }
// What a perfect scanner calls it.
[[nodiscard]] PortClass class_of(Talk talk) noexcept;

// On the ports `first` to `last`, this share of the services is `talk`.
struct TalkPorts {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  Talk talk = Talk::Http;
  double share = 1;
};

// How the open ports hold conversations. Without any of it they answer SYNs only.
struct TalkOptions {
  std::array<double, kTalks> shares{};  // Of the open ports; the rest is silent. None of Middlebox.
  bool is_given = false;
  std::vector<TalkPorts> ports = {};          // Later entries win.
  double middlebox = 0;                       // Share of the /24s.
  std::size_t limit = std::size_t{1} << 20U;  // Conversations at once, 64 bytes each.
  [[nodiscard]] bool is_on() const noexcept { return is_given || middlebox > 0; }
};

// "ssh=0.2,http=0.3,...": shares that add up to 1 at most.
[[nodiscard]] Result<void> set_talk(TalkOptions& options, std::string_view text);
// "80=http:0.95,8000-8100=http,...".
[[nodiscard]] Result<void> add_talk_ports(TalkOptions& options, std::string_view text);
// A number of conversations, 1 to 2^26.
[[nodiscard]] Result<void> set_talk_limit(TalkOptions& options, std::string_view text);

}  // namespace trawl::simnet
