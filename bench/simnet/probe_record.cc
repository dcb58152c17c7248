#include "bench/simnet/probe_record.h"

#include <fmt/format.h>

#include <utility>

#include "bench/simnet/frame.h"

namespace trawl::simnet {
namespace {

constexpr std::uint64_t kWordBits = 64;

}  // namespace

Result<ProbeRecord> ProbeRecord::make(const RankedSet<Ipv4Address>& addresses,
                                      std::span<const std::uint16_t> ports) {
  const std::uint64_t bits = std::uint64_t{addresses.size()} * ports.size();
  ZeroPages<std::uint64_t> words{static_cast<std::size_t>(bits / kWordBits + 1)};
  if (words.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("--seen: no memory for {} bits; give fewer ports", bits));
  }
  words.prefer_large_pages();
  return ProbeRecord{addresses, ports, std::move(words)};
}

ProbeRecord::ProbeRecord(const RankedSet<Ipv4Address>& addresses,
                         std::span<const std::uint16_t> ports, ZeroPages<std::uint64_t> words)
    : addresses_{&addresses},
      port_ranks_(std::size_t{1} << 16U, kNoPort),
      ports_{ports.size()},
      words_{std::move(words)} {
  for (std::size_t i = 0; i < ports.size() && i < kNoPort; ++i) {
    port_ranks_[ports[i]] = static_cast<std::uint16_t>(i);
  }
}

std::uint64_t ProbeRecord::find(std::span<const std::byte> frame) const noexcept {
  constexpr std::size_t kIp = wire::kEthernetSize;
  if (frame.size() < kIp + wire::kIpSize + wire::kTcpSize ||
      wire::read16(frame.data() + wire::kEthernetType) != wire::kTypeIpv4 ||
      wire::read8(frame.data() + kIp + wire::kIpProtocol) != wire::kProtocolTcp) {
    return kOther;
  }
  // A scanner, or the kernel under it, resets what was accepted; that is no probe.
  constexpr std::size_t kFlags = kIp + wire::kIpSize + wire::kTcpFlags;
  if ((wire::read8(frame.data() + kFlags) & wire::kRst) != 0) return kOther;
  // Probes have no IP options; where others have some, what is read is no listed port, most likely.
  constexpr std::size_t kPort = kIp + wire::kIpSize + wire::kTcpDestinationPort;
  const std::uint16_t port = port_ranks_[wire::read16(frame.data() + kPort)];
  if (port == kNoPort) return kUnlisted;
  const auto rank =
      addresses_->rank(Ipv4Address{wire::read32(frame.data() + kIp + wire::kIpDestination)});
  return rank ? *rank * ports_ + port : kUnlisted;
}

void ProbeRecord::note(std::span<const std::span<const std::byte>> frames,
                       Counters& counters) noexcept {
  std::array<std::uint64_t, kMostBurst> positions;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    positions[i] = find(frames[i]);
    if (positions[i] < kUnlisted) __builtin_prefetch(&words_[positions[i] / kWordBits], 1);
  }
  std::uint64_t first = 0;
  std::uint64_t repeated = 0;
  std::uint64_t unlisted = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (positions[i] >= kUnlisted) {
      unlisted += positions[i] == kUnlisted ? 1 : 0;
      continue;
    }
    std::uint64_t& word = words_[positions[i] / kWordBits];
    const std::uint64_t bit = std::uint64_t{1} << (positions[i] % kWordBits);
    repeated += (word & bit) != 0 ? 1 : 0;
    first += (word & bit) == 0 ? 1 : 0;
    word |= bit;
  }
  counters.add(Counter::ProbesFirst, first);
  counters.add(Counter::ProbesRepeated, repeated);
  counters.add(Counter::ProbesUnlisted, unlisted);
}

}  // namespace trawl::simnet
