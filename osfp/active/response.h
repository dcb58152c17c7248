#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "osfp/active/probe.h"
#include "osfp/active/tcp_options.h"

namespace trawl::osfp {

// A moment by any steady clock, the same one throughout a run.
using Moment = std::chrono::nanoseconds;

// What every response has of its IP header.
struct ResponseHeader {
  std::uint8_t ttl = 0;
  bool df = false;
  std::uint16_t id = 0;
};

struct TcpResponse {
  ResponseHeader ip;
  std::uint32_t sequence = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0;     // RFC 9293 section 3.1, with those of RFC 3168.
  std::uint8_t reserved = 0;  // The four bits before CWR.
  std::uint16_t window = 0;
  std::uint16_t urgent = 0;
  TcpOptions options;
  std::uint32_t data_crc = 0;  // CRC-32 (ISO/IEC 8802-3) of the data; 0 when there is none.

  [[nodiscard]] bool is_syn_ack() const noexcept;
};

struct EchoResponse {
  ResponseHeader ip;
  std::uint8_t code = 0;
};

// A port unreachable error that quotes the UDP probe.
struct UnreachableResponse {
  ResponseHeader ip;
  std::uint16_t length = 0;  // Of the whole packet, by its header.
  std::uint16_t unused = 0;  // The last two bytes of the ICMP header.
  // The quoted packet as it came back.
  std::uint8_t quoted_ttl = 0;
  std::uint16_t quoted_length = 0;
  std::uint16_t quoted_id = 0;
  enum class Checksum : std::uint8_t { Good, Zero, Invalid } quoted_checksum = Checksum::Good;
  std::uint16_t quoted_udp_checksum = 0;
  bool is_data_intact = true;  // As far as it is quoted.
};

using Response = std::variant<TcpResponse, EchoResponse, UnreachableResponse>;

struct MatchedResponse {
  Probe probe = Probe::Seq1;
  Response response;
};

// The probe of `series` that the IPv4 packet answers, and what it says. nullopt for packets that
// answer none, are cut off, or whose TCP options cannot be read. Wrong checksums are let pass, as
// they are a trait of the host, or of the offloading of this machine.
//
// A later answer to the same probe is no different from the first: callers keep the first.
[[nodiscard]] std::optional<MatchedResponse> match_response(const ProbeSeries& series,
                                                            std::span<const std::byte> packet);

}  // namespace trawl::osfp
