// Answers to OS detection: a packet of any bytes, and one made to match with any bytes in it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "dataplane/wire.h"
#include "osfp/active/analysis.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr ProbeSeries kSeries{.source = Ipv4Address{0xc6120001},
                              .destination = Ipv4Address{0xc6120002},
                              .open_port = 80,
                              .closed_port = 81,
                              .udp_port = 30173,
                              .source_port = 40000,
                              .udp_source_port = 50000,
                              .sequence = 1000,
                              .ack = 2000,
                              .echo_id = 7};

void require(bool holds) {
  if (!holds) std::abort();
}

// Every fingerprint can be read again as it was.
void check_round(const Round& round) {
  const Analysis analysis = analyse(round);
  const auto read = Fingerprint::parse(analysis.fingerprint.print());
  require(read && *read == analysis.fingerprint);
  require(analysis.samples.size() <= kSeqProbes);
  if (!analysis.samples.empty()) (void)uptime_of(analysis.samples, analysis.stamps);
}

void hear(std::span<const std::byte> packet, Round& round) {
  const auto match = match_response(kSeries, packet);
  if (!match) return;
  require(match->response.index() == (is_tcp(match->probe) ? 0U : is_echo(match->probe) ? 1U : 2U));
  Exchange& exchange = round.at(match->probe);
  exchange.was_sent = true;
  exchange.sent_ttl = 50;
  exchange.response = match->response;
}

// What makes the packet an answer to the probe `choice`.
void make_answer(std::uint8_t choice, std::span<std::byte> packet) {
  if (packet.size() < wire::kIpSize + wire::kTcpSize) return;
  const Probe probe = probe_at(choice % kProbes);
  std::byte* const at = packet.data();
  wire::write8(at, 0x45);
  wire::write16(at + wire::kIpLength, static_cast<std::uint16_t>(packet.size()));
  wire::write16(at + wire::kIpFragment, 0x4000);
  wire::write8(at + wire::kIpProtocol, is_tcp(probe) ? wire::kProtocolTcp : wire::kProtocolIcmp);
  wire::write32(at + wire::kIpSource, kSeries.destination.value());
  wire::write32(at + wire::kIpDestination, kSeries.source.value());
  std::byte* const body = at + wire::kIpSize;
  if (is_tcp(probe)) {
    wire::write16(body, destination_port_of(probe, kSeries));
    wire::write16(body + 2, source_port_of(probe, kSeries));
  } else if (is_echo(probe)) {
    const bool first = probe == Probe::Echo1;
    wire::write8(body, wire::kIcmpEchoReply);
    wire::write16(body + wire::kIcmpId, static_cast<std::uint16_t>(first ? 7 : 8));
    wire::write16(body + wire::kIcmpId + 2, first ? kEchoSequence : kEchoSequence + 1);
  } else {
    wire::write8(body, wire::kIcmpUnreachable);
    wire::write8(body + 1, 3);
    std::array<std::byte, kMostProbeSize> quoted{};
    write_probe(Probe::Udp, kSeries, {}, quoted);
    const std::size_t room = std::min(packet.size() - wire::kIpSize - wire::kIcmpSize,
                                      std::size_t{wire::kIpSize + wire::kUdpSize});
    std::copy_n(quoted.begin(), room, body + wire::kIcmpSize);
  }
}

}  // namespace
}  // namespace trawl::osfp

// A byte that chooses, two of length, and a packet of that length; again until the input ends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::osfp;
  std::span<const std::byte> rest{reinterpret_cast<const std::byte*>(data), size};
  Round round;
  round.series = kSeries;
  round.knows_closed_port = true;
  constexpr std::size_t kHeader = 3;
  for (int packets = 0; packets < 64 && rest.size() >= kHeader; ++packets) {
    const std::uint8_t choice = wire::read8(rest.data());
    const std::size_t length =
        std::min<std::size_t>(wire::read16(rest.data() + 1), rest.size() - kHeader);
    // On the heap, at its very size, so that a byte too far is seen.
    const auto copy = std::make_unique<std::byte[]>(length);
    std::copy_n(rest.begin() + kHeader, length, copy.get());
    const std::span<std::byte> packet{copy.get(), length};
    hear(packet, round);
    if ((choice & 0x80U) == 0) make_answer(choice, packet);
    hear(packet, round);
    if (!round.exchanges[0].response) round.exchanges[0].sent_at = Moment{packets};
    rest = rest.subspan(kHeader + length);
  }
  check_round(round);
  return 0;
}
