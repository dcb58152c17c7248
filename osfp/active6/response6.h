#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "osfp/active/response.h"
#include "osfp/active6/probe6.h"

namespace trawl::osfp {

// What a host sent back: over IPv6 fingerprints have whole packets.
struct Response6 {
  Moment at{};
  std::vector<std::byte> packet;  // From the IPv6 header on, as long as that says.
};

// What became of one probe; one round of probes to one host. As over IPv4.
struct Exchange6 {
  bool was_sent = false;
  unsigned tries = 0;
  Moment sent_at{};
  std::uint8_t sent_ttl = 0;
  std::optional<Response6> response;
};
struct Round6 {
  ProbeSeries6 series;
  bool knows_closed_port = false;
  std::array<Exchange6, kProbes6> exchanges;

  [[nodiscard]] const Exchange6& at(Probe6 probe) const noexcept {
    return exchanges[index_of(probe)];
  }
  [[nodiscard]] Exchange6& at(Probe6 probe) noexcept { return exchanges[index_of(probe)]; }
};

// The headers of an IPv6 packet that extension headers may come before.
struct UpperLayer {
  std::uint8_t protocol = 0;
  std::size_t offset = 0;  // Into the packet.
};
// Steps over extension headers (RFC 8200 section 4), at most eight. nullopt where the packet is cut
// off in them, or is a later fragment.
[[nodiscard]] std::optional<UpperLayer> upper_layer_of(std::span<const std::byte> packet) noexcept;

// An answer that is longer than what stacks send to these probes is none.
inline constexpr std::size_t kMostAnswer6 = 2048;

struct MatchedResponse6 {
  Probe6 probe = Probe6::Seq1;
  Response6 response;
};
// The probe of `series` that the IPv6 packet answers. nullopt for packets that answer none, or are
// cut off or over kMostAnswer6. Wrong checksums are let pass, as over IPv4.
[[nodiscard]] std::optional<MatchedResponse6> match_response(const ProbeSeries6& series,
                                                             std::span<const std::byte> packet,
                                                             Moment at);

// How many routers are on the way to the host: by how much the hop limit of the UDP probe shrank
// until the error that answers it quoted it. nullopt without such an answer.
[[nodiscard]] std::optional<unsigned> hops_of(const Round6& round) noexcept;

}  // namespace trawl::osfp
