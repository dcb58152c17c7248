#include "bench/simnet/probe_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "bench/simnet/frame.h"

namespace trawl::simnet {
namespace {

constexpr std::uint64_t kWordBits = 64;

}  // namespace

Result<ProbeRecord> ProbeRecord::make(const RankedSet<Ipv4Address>& addresses,
                                      std::span<const std::uint16_t> ports) {
  const std::uint64_t bits = std::uint64_t{addresses.size()} * ports.size();
  if (bits > kMostBits) {
    return fail(ExitCode::Usage,
                fmt::format("--seen: {} bits are too many; give fewer ports", bits));
  }
  ZeroPages<std::uint64_t> words{static_cast<std::size_t>(bits / kWordBits + 1)};
  if (words.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("--seen: no memory for {} bits; give fewer ports", bits));
  }
  words.expect_use_all_over();
  ZeroPages<std::uint32_t> entries{kParts * kPartEntries};
  if (entries.empty()) return fail(ExitCode::Usage, "--seen: no memory");
  entries.expect_use_all_over();
  return ProbeRecord{addresses, ports, std::move(words), std::move(entries)};
}

ProbeRecord::ProbeRecord(const RankedSet<Ipv4Address>& addresses,
                         std::span<const std::uint16_t> ports, ZeroPages<std::uint64_t> words,
                         ZeroPages<std::uint32_t> entries)
    : addresses_{&addresses},
      port_ranks_(std::size_t{1} << 16U, kNoPort),
      ports_{ports.size()},
      words_{std::move(words)},
      entries_{std::move(entries)} {
  const std::uint64_t bits = std::uint64_t{addresses.size()} * ports.size();
  // Whole words at least; no more than an entry's 32 bits tell apart.
  part_bits_ = std::max(6U, static_cast<unsigned>(std::bit_width((bits - 1) / kParts)));
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

// Entries go to memory a line at a time: one address translation and one miss for 16 of them.
void ProbeRecord::note(std::span<const std::byte> frame, Counters& counters) noexcept {
  const std::uint64_t position = find(frame);
  if (position >= kUnlisted) {
    if (position == kUnlisted) counters.add(Counter::ProbesUnlisted);
    return;
  }
  const auto part = static_cast<std::size_t>(position >> part_bits_);
  const std::size_t at = waiting_[part]++;
  last_[part][at % kLineEntries] =
      static_cast<std::uint32_t>(position & ((std::uint64_t{1} << part_bits_) - 1));
  if ((at + 1) % kLineEntries != 0) return;
  std::ranges::copy(last_[part], &entries_[part * kPartEntries + at + 1 - kLineEntries]);
  if (at + 1 == kPartEntries) settle_part(part, counters);
}

void ProbeRecord::settle_some(Counters& counters) noexcept {
  settle_part(next_part_, counters);
  next_part_ = (next_part_ + 1) % kParts;
}

void ProbeRecord::settle(Counters& counters) noexcept {
  for (std::size_t part = 0; part < kParts; ++part) settle_part(part, counters);
}

void ProbeRecord::settle_part(std::size_t part, Counters& counters) noexcept {
  constexpr std::size_t kAhead = 32;
  const std::size_t count = std::exchange(waiting_[part], 0);
  if (count == 0) return;
  std::uint32_t* const bits = &entries_[part * kPartEntries];
  std::copy_n(last_[part].begin(), count % kLineEntries,
              bits + count / kLineEntries * kLineEntries);
  std::uint64_t* const words = &words_[(part << part_bits_) / kWordBits];
  std::uint64_t repeated = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) __builtin_prefetch(&words[bits[i + kAhead] / kWordBits], 1);
    std::uint64_t& word = words[bits[i] / kWordBits];
    const unsigned shift = bits[i] % kWordBits;
    repeated += word >> shift & 1U;
    word |= std::uint64_t{1} << shift;
  }
  counters.add(Counter::ProbesFirst, count - repeated);
  counters.add(Counter::ProbesRepeated, repeated);
}

}  // namespace trawl::simnet
