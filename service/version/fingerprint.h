#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "service/probes/probe_file.h"

namespace trawl::service {

// What is said of the scan in front of the responses.
struct FingerprintHead {
  std::uint16_t port = 0;
  Transport transport = Transport::Tcp;
  bool is_tls = false;  // The responses came through a tunnel.
  unsigned intensity = 7;
  std::string version{};  // Of the program.
  std::chrono::system_clock::time_point when{};
};

// The responses of a service that no line knows, as people send them in (Nmap book, "Community
// Contributions"): "SF-Port80-TCP:V=7.93%I=7%D=11/21%Time=HEX%P=PLATFORM%r(Probe,HEXLEN,"...");".
//
// A response is cut behind kMostBytes, its length is told whole. As Nmap does, responses are taken
// in until the text, wrapped, is longer than kEnoughText: one more than that is not.
class Fingerprint {
 public:
  static constexpr std::size_t kMostBytes = 900;
  static constexpr std::size_t kEnoughText = 2200;

  explicit Fingerprint(const FingerprintHead& head);

  void add(std::string_view probe_name, std::string_view response);
  [[nodiscard]] bool empty() const noexcept { return is_empty_; }
  // In one line, with the ';' at its end; "" without any response.
  [[nodiscard]] std::string text() const;

 private:
  std::string text_;
  bool is_empty_ = true;
};

// The same in lines of at most 74 characters, all but the first of which begin with "SF:". No line
// break is behind the last one.
[[nodiscard]] std::string wrap_fingerprint(std::string_view text);

}  // namespace trawl::service
