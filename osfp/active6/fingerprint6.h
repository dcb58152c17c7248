#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "osfp/active6/response6.h"

namespace trawl::osfp {

// The answers of one host to a round, as other scanners print them (Nmap book, "Understanding an
// Nmap Fingerprint"): whole packets in hexadecimal digits, bytes repeated three times or more as
// "00{4}", addresses as "XX{32}", with the times of probe and answer in seconds.
struct Fingerprint6 {
  struct Line {
    std::vector<std::byte> packet;
    double sent = 0;
    double received = 0;
  };
  std::array<std::optional<Line>, kProbes6> lines;

  // Times count from the beginning of the round: its first probe.
  [[nodiscard]] static Fingerprint6 of(const Round6& round);
  // "S1(P=...%ST=0.04%RT=0.05)" for each answer, and "EXTRA(FL=12345)", a line each.
  [[nodiscard]] std::string print() const;
  // Reads what print() writes, SCAN lines and "OS:" line breaks too; addresses become zeros.
  // nullopt when a line cannot be read, is there twice, or has more than kMostPacket bytes.
  [[nodiscard]] static std::optional<Fingerprint6> parse(std::string_view text);
  static constexpr std::size_t kMostPacket = kMostAnswer6;
};

}  // namespace trawl::osfp
