#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "base/ip.h"
#include "control/audit/engine/probe_set.h"
#include "dataplane/packet/dissect.h"
#include "dataplane/packet/packet_spec.h"
#include "dataplane/udp_payloads.h"

namespace trawl::control {

// How probes are made to look: Nmap's options for evasion and crafting.
struct ProbeStyle {
  std::optional<std::uint8_t> ttl;
  std::optional<std::uint16_t> source_port;
  std::vector<std::byte> data;        // --data, --data-string, --data-length.
  bool has_data = false;              // It replaces payloads of our own.
  std::vector<std::byte> ip_options;  // Padded to four bytes.
  bool bad_checksum = false;
  bool adler32 = false;
  std::optional<std::uint8_t> scan_flags;  // --scanflags
};

// Makes the packets of probes, and knows the replies to them: a keyed token in the sequence number,
// the identifier of an echo or the verification tag says that a reply answers a probe of ours and
// which attempt of it, without a note of each.
//
// Thread: one user.
class ProbeWriter {
 public:
  ProbeWriter(ProbeStyle style, const dataplane::UdpPayloads& payloads);

  // The packet of an attempt, without its source. Its spans last until the next call.
  [[nodiscard]] const dataplane::PacketSpec& write(const IpAddress& host, const ProbeSpec& spec,
                                                   unsigned attempt);

  // Which probe of `set` a packet answers.
  struct Match {
    std::uint32_t index = 0;
    int attempt = -1;  // Modulo 16; -1 where the reply does not tell.
  };
  [[nodiscard]] std::optional<Match> match(const IpAddress& host, const ProbeSet& set,
                                           const dataplane::Dissection& reply) const noexcept;

  [[nodiscard]] const ProbeStyle& style() const noexcept { return style_; }

 private:
  [[nodiscard]] std::uint32_t token(const IpAddress& host, const ProbeSpec& spec,
                                    unsigned attempt) const noexcept;
  [[nodiscard]] std::uint16_t source_port(const IpAddress& host, unsigned attempt) const noexcept;
  [[nodiscard]] std::uint16_t base_port(const IpAddress& host) const noexcept;
  [[nodiscard]] std::uint64_t host_hash(const IpAddress& host) const noexcept;
  [[nodiscard]] std::optional<int> attempt_of_port(const IpAddress& host,
                                                   std::uint16_t port) const noexcept;
  [[nodiscard]] std::optional<int> attempt_of_token(const IpAddress& host, const ProbeSpec& spec,
                                                    std::uint32_t seen) const noexcept;
  [[nodiscard]] std::uint16_t trace_port(const IpAddress& host,
                                         const ProbeSpec& spec) const noexcept;
  [[nodiscard]] std::optional<Match> match_trace(const IpAddress& host, const ProbeSet& set,
                                                 const dataplane::Dissection& reply) const noexcept;
  [[nodiscard]] std::optional<Match> match_direct(
      const IpAddress& host, const ProbeSet& set,
      const dataplane::PacketFacts& packet) const noexcept;
  [[nodiscard]] std::optional<Match> match_tcp(const IpAddress& host, const ProbeSet& set,
                                               const dataplane::PacketFacts& packet) const noexcept;
  [[nodiscard]] std::optional<Match> match_quoted(
      const IpAddress& host, const ProbeSet& set,
      const dataplane::PacketFacts& quoted) const noexcept;
  void write_protocol(const IpAddress& host, const ProbeSpec& spec, unsigned attempt);

  ProbeStyle style_;
  const dataplane::UdpPayloads& payloads_;
  std::mt19937_64 random_{std::random_device{}()};
  std::uint64_t key_;
  std::array<std::byte, 64> small_{};
  dataplane::PacketSpec packet_;
};

}  // namespace trawl::control
