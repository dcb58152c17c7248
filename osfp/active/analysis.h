#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "osfp/active/probe.h"
#include "osfp/active/response.h"
#include "osfp/active/sequence.h"
#include "osfp/fingerprint.h"

namespace trawl::osfp {

// What became of one probe.
struct Exchange {
  bool was_sent = false;
  unsigned tries = 0;
  // Of the last try: the one that was answered, when one was.
  Moment sent_at{};
  std::uint8_t sent_ttl = 0;
  std::optional<Response> response;  // The first that came. Needs the kind that the probe asks for.
};

// One round of probes to one host.
struct Round {
  ProbeSeries series;
  bool knows_closed_port = false;  // Whether closed_port is known to be closed.
  // Routers on the way, from elsewhere (such as a traceroute); counts where the UDP probe's answer
  // does not tell.
  std::optional<unsigned> hops;
  std::array<Exchange, kProbes> exchanges;

  [[nodiscard]] const Exchange& at(Probe probe) const noexcept {
    return exchanges[index_of(probe)];
  }
  [[nodiscard]] Exchange& at(Probe probe) noexcept { return exchanges[index_of(probe)]; }
};

// What a round says of its host.
struct Analysis {
  Fingerprint fingerprint;
  std::optional<unsigned> hops;  // Routers on the way.
  std::vector<SequenceSample> samples;
  std::optional<IsnStatistics> isns;
  std::optional<IpIdClass> ip_ids;  // Of SYN-ACKs.
  StampStatistics stamps;
};

// All tests of the Nmap book's "Response Tests". A test is absent when what it needs is: probes to
// an open port that is not known, answers that did not come. SEQ probes that were sent again are
// left out of sequences, as other probes went before them. R is N for a probe that was sent and not
// answered, but of T5 to T7 only when the closed port is known to be closed, as silence of a
// filtered one says nothing.
[[nodiscard]] Analysis analyse(const Round& round);

}  // namespace trawl::osfp
