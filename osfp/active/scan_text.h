#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "osfp/fingerprint.h"

namespace trawl::osfp {

// How the distance to a host was found: the letters of DC in a SCAN line.
enum class DistanceSource : char { Localhost = 'L', Direct = 'D', Icmp = 'I', Traceroute = 'T' };

// The conditions that fingerprints were taken under: the SCAN line of the Nmap book's
// "Understanding an Nmap Fingerprint".
struct ScanConditions {
  std::string version;
  unsigned ip_version = 4;
  unsigned month = 1;
  unsigned day = 1;
  std::optional<std::uint16_t> open_port;
  std::optional<std::uint16_t> closed_port;
  std::optional<std::uint16_t> udp_port;  // One that answered as closed.
  bool is_private = false;                // RFC 1918's addresses.
  struct Distance {
    unsigned hops = 0;  // 0 of this machine, 1 of one on the same link.
    DistanceSource source = DistanceSource::Direct;
  };
  std::optional<Distance> distance;
  bool is_good = false;                     // Good enough to learn from.
  std::optional<std::uint32_t> mac_vendor;  // The first three bytes of the hardware address.
  std::int64_t time = 0;                    // Seconds since 1970.
  std::string platform;                     // "x86_64-pc-linux-gnu"
};
[[nodiscard]] std::string print_scan_line(const ScanConditions& conditions);

// One or more rounds as one text, a line each. As nmap 7.93 prints them: of lines with the same
// tests the first round's is there, whatever their values are in others; one with other tests, as
// where a probe was answered in some rounds only, is there as well, in the order it was seen.
[[nodiscard]] std::string print_rounds(const ScanConditions& conditions,
                                       std::span<const Fingerprint> rounds);
// The same as people send it in: without line breaks but those that cut it into pieces of 72
// characters, each behind "OS:".
[[nodiscard]] std::string wrap_for_submission(std::string_view text);

}  // namespace trawl::osfp
