// Answers to OS detection over IPv6: a packet of any bytes, made to come from the host, and a
// fingerprint of any text.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/wire.h"
#include "osfp/active6/features6.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Fingerprint6& fingerprint) {
  for (const double feature : features_of(fingerprint)) require(std::isfinite(feature));
  require(Fingerprint6::parse(fingerprint.print()).has_value());
}

void check_packet(std::span<const std::byte> bytes) {
  const ProbeSeries6 series{.source = Ipv6Address{1},
                            .destination = Ipv6Address{2},
                            .is_neighbour = true,
                            .open_port = 80,
                            .closed_port = 81,
                            .udp_port = 30173,
                            .source_port = 40000,
                            .udp_source_port = 50000};
  std::vector<std::byte> packet(bytes.begin(), bytes.end());
  if (packet.size() >= wire::kIpv6Size) {
    wire::store(packet.data() + wire::kIpv6Source, wire::in_frame(series.destination));
    wire::store(packet.data() + wire::kIpv6Destination, wire::in_frame(series.source));
  }
  const auto match = match_response(series, packet, std::chrono::milliseconds{5});
  if (!match || match->response.packet.size() > Fingerprint6::kMostPacket) return;
  Round6 round;
  round.series = series;
  round.at(match->probe).was_sent = true;
  round.at(match->probe).sent_ttl = 64;
  round.at(match->probe).response = match->response;
  require(hops_of(round).value_or(0) <= 64);
  check(Fingerprint6::of(round));
}

}  // namespace
}  // namespace trawl::osfp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::osfp;
  check_packet(std::as_bytes(std::span{data, size}));
  const auto read = Fingerprint6::parse({reinterpret_cast<const char*>(data), size});
  if (read) check(*read);
  return 0;
}
